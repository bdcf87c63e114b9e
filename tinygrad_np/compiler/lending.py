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
from typing import Any

import numpy as np

from tinygrad_np.compiler.plan import Plan

__all__ = ["Lent"]

Array = np.ndarray[Any, Any]


class Lent:
    """A plan whose state may be looked at, and kept.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self._move_to(plan)

    def _move_to(self, plan: Plan) -> None:
        self.plan, self.state = plan, plan.state
        self._lent = [*plan.state, *_owners(plan.state)]
        self._free = _counts(self._lent)  # when nobody else holds them
        n = len(plan.state)
        self._in_tensors = [n + 1 for n in self._free[:n]] + self._free[n:]  # the Tensor

    def __call__(
        self, inputs: list[Any], state: list[Array], replaced: Sequence[Any] = ()
    ) -> tuple[list[Array], list[Array]]:
        if state is self.state:
            expected = self._in_tensors
        else:  # some have been replaced; what is still ours is in this list, too
            own = [2 * (a is b) for a, b in zip(state, self.state, strict=True)]
            expected = [n + more for n, more in zip_longest(self._free, own, fillvalue=0)]
        if _counts(self._lent) != expected:
            self._move_to(self.plan.again())
            state = list(state)
        return self.plan(inputs, state, replaced)

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
