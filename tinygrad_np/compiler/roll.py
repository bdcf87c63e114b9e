"""``Roll``: a stretch of a program that repeats itself, as one step: a loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import substitute

__all__ = ["Delayed", "Roll", "kept"]


@dataclass(eq=False, slots=True)
class Delayed:
    """What a turn reads of the ones before.

    Attributes
    ----------
    value : Value
        What stands for it in the body.
    source : Value
        The step of the body that computes it, ``lag`` turns ago.
    lag : int
        The first ``lag`` turns read what is given.
    """

    value: Value
    source: Value
    lag: int = 1


@dataclass(eq=False, slots=True)
class Roll:
    """The function of a step that is a loop: ``roll(fixed, rows, first)`` returns ``[*stacks, *last]``.

    Attributes
    ----------
    turns : int
    steps : list of Value
        The body: one turn.
    fixed : list of Value
        What stands in the body for operands that are the same in each turn.
    rows : list of Value
        What stands for operands of which each turn has its own: an array with one row per turn, or a tuple of arrays.
    delayed : list of Delayed
        What stands for results of earlier turns; for each, ``first`` holds a tuple of what there is before the first.
    stacked : list of Value
        Steps whose results are kept from every turn, as rows of one array.
    final : list of Value
        Steps whose last results are kept.
    """

    turns: int
    steps: list[Value]
    fixed: list[Value] = field(default_factory=list)
    rows: list[Value] = field(default_factory=list)
    delayed: list[Delayed] = field(default_factory=list)
    stacked: list[Value] = field(default_factory=list)
    final: list[Value] = field(default_factory=list)
    __name__: str = field(init=False)

    def __post_init__(self) -> None:
        self.__name__ = f"{self.turns} turns"

    def __call__(self, fixed: Any, rows: Any, first: Any) -> list[Any]:
        """Run it, turn by turn."""
        known: dict[Value, Any] = dict(zip(self.fixed, fixed, strict=True))
        past = [list(given) for given in first]
        stacks: list[list[Any]] = [[] for _ in self.stacked]
        for turn in range(self.turns):
            known |= {value: row[turn] for value, row in zip(self.rows, rows, strict=True)}
            known |= {late.value: done[0] for late, done in zip(self.delayed, past, strict=True)}
            for step in self.steps:
                assert step.function is not None
                args, kwargs = _arrays(substitute(step.args, known)), _arrays(substitute(step.kwargs, known))
                known[step] = np.asarray(step.function(*args, **kwargs))
            past = [[*done, known[late.source]][-late.lag :] for done, late in zip(past, self.delayed, strict=True)]
            for stack, step in zip(stacks, self.stacked, strict=True):
                stack.append(known[step])
        return [*map(np.stack, stacks), *(known[step] for step in self.final)]


def _arrays(arg: Any) -> Any:
    """Constants as arrays."""
    if isinstance(arg, Value):
        return arg.array
    if isinstance(arg, tuple | list) and not hasattr(arg, "_fields"):
        return type(arg)(map(_arrays, arg))
    return {key: _arrays(item) for key, item in arg.items()} if isinstance(arg, dict) else arg


def kept(results: Any, k: int) -> Any:
    """One of the results of a loop."""
    return results[k]
