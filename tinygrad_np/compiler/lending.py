"""``Lent``: the arrays of a plan, lent to Tensors.

A plan updates parameters in place. Tensors have value semantics: what somebody has got from a Tensor (a detached copy,
an ndarray, a graph) never changes. Both hold as long as nobody has got anything, and Python knows: it counts the
references to each array. When there are more than there ought to be, the plan leaves these arrays to their holders and
goes on in other memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from sys import getrefcount
from threading import Lock
from typing import Any

import numpy as np

from tinygrad_np.compiler.plan import Plan

__all__ = ["Lent"]

Array = np.ndarray[Any, Any]

#: Is where no array is found.
_NOWHERE = object()


class Lent:
    """A plan whose state may be looked at, and kept.

    To call it is always right. Mostly, though, all is as the last call has left it: :attr:`kept` is in its places, and
    the references to :attr:`owned` are as many as :attr:`counts` says. Then, under the :attr:`lock`,
    ``run(step, *inputs)`` computes the results, and all that was kept is where it belongs, with new numbers in it.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    kept : tuple
        The arrays of the state, then those of the results that take the places of the last ones.
    owned : list of arrays
        What nobody else may hold, and the memory that they are views of.
    counts, counts_in_place : list of int
        References to each of ``owned`` when the state is in its places and the results are nowhere, or in theirs.
    """

    def __init__(self, plan: Plan) -> None:
        self.lock = Lock()
        self.kept: tuple[Any, ...] = ()
        self.owned: list[Any] = []
        self._ways: list[tuple[Any, ...]] = []  # where results may go, and what is to be known of that
        self._move_to(plan)

    def _move_to(self, plan: Plan) -> None:
        self.plan, self.state = plan, plan.state
        self._lent = [*plan.state, *_owners(plan.state)]
        self._free = _counts(self._lent)  # when nobody else holds them

    def __call__(
        self, inputs: list[Any], state: list[Array], replaced: Sequence[Any] = ()
    ) -> tuple[list[Array], list[Array]]:
        with self.lock:
            self.kept, self.owned, self._ways = (), [], []
            own = [2 * (a is b) for a, b in zip(state, self.state, strict=True)]  # in its place, and in this list
            if _counts(self._lent) != [n + more for n, more in zip_longest(self._free, own, fillvalue=0)]:
                self._move_to(self.plan.again())
            outcome = self.plan(inputs, state, replaced)
            self._look_around()
            return outcome

    def turn(self) -> bool:
        """Go on with other memory for results, if there is some that nobody holds; the :attr:`lock` is ours."""
        for way in self._ways:
            if _counts(way[2]) == way[3]:
                self.step, self.kept, self.owned, self.counts, self.counts_in_place = way
                return True
        return False

    def _look_around(self) -> None:
        """Know where all is, until the next call."""
        self.run, steps = self.plan.quiet.run, self.plan.steps
        state, nowhere = set(map(id, self.state)), [_NOWHERE] * len(self.plan.program.results)
        for step in steps:
            owned, replaced = [*self._lent, *step.owners], set(map(id, step.replaced))
            free = [n + len(steps) for n in self._free] + [n + 1 for n in step.free]  # with these lists
            free = [n + len(steps) * (id(a) in state) + (id(a) in replaced) for a, n in zip(owned, free, strict=True)]
            counts = [n + (id(a) in state) for a, n in zip(owned, free, strict=True)]
            in_place = [n + (id(a) in replaced) for a, n in zip(owned, counts, strict=True)]
            self._ways.append((step.run, (*self.state, *step.replaced, *nowhere), owned, counts, in_place))
        self.step, self.kept, self.owned, self.counts, self.counts_in_place = self._ways[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plan, name)


def _counts(arrays: list[Any]) -> list[int]:
    return [*map(getrefcount, arrays)]


def _owners(arrays: list[Any]) -> list[Any]:
    """The arrays whose memory others are views of."""
    owners: dict[int, Any] = {}
    for array in arrays:
        while isinstance(array.base, np.ndarray):
            array = array.base
            owners[id(array)] = array
    return list(owners.values())
