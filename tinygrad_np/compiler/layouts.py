"""How the elements of a value lie in memory: every view is a base, an offset and strides, and costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_view
from tinygrad_np.compiler.memory import Memory
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import constant

__all__ = ["Layout", "Layouts", "coalesced", "over"]


@dataclass(slots=True, frozen=True)
class Layout:
    """Where the elements of an array are.

    Attributes
    ----------
    base : Value
        What has a place in memory, a constant, or an array that somebody gives, which comes row by row.
    offset : int
        Of the first element, in bytes from the first of the base.
    strides : tuple of int
        In elements.
    dtype : str
    number : object
        What each element of a constant is, if all are the same; else None.
    """

    base: Value
    offset: int
    strides: tuple[int, ...]
    dtype: str
    number: Any = None


class Layouts:
    """The layouts of the values of a program, found by making the views of arrays that nobody reads."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._known: dict[Value, Layout] = {}

    def __getitem__(self, value: Value) -> Layout:
        if value not in self._known:
            self._known[value] = self._find(value)
        return self._known[value]

    def _find(self, value: Value) -> Layout:
        views, base = [], value
        while base.array is None and base not in self._memory.place and is_view(base):
            views.append(base)
            base = base.args[0]
        if base.array is not None:
            return self._of_constant(value, views, base.array)
        first = seen = self._memory.probe(base)
        for view in reversed(views):
            assert view.function is not None
            new = view.function(seen, *view.args[1:])
            if not np.may_share_memory(new, seen) and new.size:  # it is computed, and given
                base, new = view, self._memory.probe(view)
                first = new
            seen = new
        strides = tuple(stride // value.dtype.itemsize for stride in seen.strides)
        return Layout(base, seen.ctypes.data - first.ctypes.data, strides, value.dtype.name)

    def _of_constant(self, value: Value, views: list[Value], array: Any) -> Layout:
        seen: Any = reduce(lambda a, view: view.function(a, *view.args[1:]), reversed(views), array)  # type: ignore[misc]
        array = np.array(seen, order="C")
        numbers = array.reshape(-1)
        alike = array.size > 0 and (numbers == numbers[0]).all() and len(set(np.signbit(numbers.real))) == 1
        strides = tuple(0 if alike else stride // array.itemsize for stride in array.strides)
        return Layout(constant(array), 0, strides, value.dtype.name, numbers[0] if alike else None)


def over(layout: Layout, shape: tuple[int, ...], space: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array of some shape as it is broadcast to another."""
    new = len(space) - len(shape)
    return (0,) * new + tuple(0 if n == 1 else s for n, s in zip(shape, layout.strides, strict=True))


def coalesced(space: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Put axes together that can be gone through as one; the first of the arrays says in which order the axes go."""
    order = sorted((d for d in range(len(space)) if space[d] != 1), key=lambda d: -abs(strides[0][d]))
    axes: list[tuple[int, list[int]]] = []
    for d in order:
        n, steps = space[d], [s[d] for s in strides]
        if axes and all(outer == n * inner for outer, inner in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = axes[-1][0] * n, steps
        else:
            axes.append((n, steps))
    return tuple(n for n, _ in axes), [tuple(s[i] for _, s in axes) for i in range(len(strides))]
