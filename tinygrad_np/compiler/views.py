"""What a step of a program is to memory: a view of other arrays or an array of its own, and when it is read."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_array_of, is_contraction, is_elementwise, is_running, is_view, reducing_ufunc
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.roll import kept
from tinygrad_np.compiler.schedule import Item

__all__ = ["Views", "is_computed_into", "nbytes", "seen"]

_FEW = 16  # columns


def nbytes(value: Value) -> int:
    """Bytes of an array."""
    return size(value) * value.dtype.itemsize


def seen(value: Value) -> Value:
    """What a view of a view is a view of in the end."""
    while is_view(value) and isinstance(value.args[0], Value):
        value = value.args[0]
    return value


class Views:
    """Which values share memory, found out by making the views of arrays that nobody writes to.

    Attributes
    ----------
    at : dict of Value to (int, int)
        Where each step is: the item, and its place in there.
    columns : set of Value
        What lies in memory column by column.
    reads : dict of Value to list of (int, int)
        When the memory of a value is read, in order; after all items, if it is a result or a new state.
    """

    def __init__(self, program: Program, items: list[Item]) -> None:
        self.program, self.items = program, items
        self.at = {step: (i, j) for i, item in enumerate(items) for j, step in enumerate(item.steps)}
        self.reads: dict[Value, list[tuple[int, int]]] = defaultdict(list)
        self._probes: dict[Value, Any] = {}
        self._memory = np.empty(0, np.uint8)
        self._roots: dict[Value, frozenset[Value]] = {}
        self.columns = self._by_columns()
        self._find_views()
        self._find_reads()

    def _by_columns(self) -> set[Value]:
        """The results that lie in memory column by column: with few columns, a call then has long runs to go through.

        It is so for what is computed elementwise, or by a reduction, from what does not come row by row, and as long
        as nobody goes through it block by block.
        """
        found: set[Value] = set()
        looped = {arg for item in self.items if item.space for step in item.steps for arg in (step, *operands(step))}
        for step in self.at:
            rows, columns = step.shape if len(step.shape) == 2 else (0, 0)
            if step in looped or not 2 <= columns <= _FEW or rows < 4 * columns or not is_elementwise(step):
                continue
            alike = [arg for arg in operands(step) if arg.shape == step.shape]
            if all(arg in found or is_contraction(arg) for arg in alike):
                found.add(step)
        return found

    def _find_views(self) -> None:
        program = self.program
        for value in program.state:
            self._roots[value] = frozenset([value])
            self._probes[value] = self._probe(value)
        for item in self.items:
            for step in item.steps:
                self._roots[step] = self._root_of(step)

    def _root_of(self, step: Value) -> frozenset[Value]:
        x = step.args[0] if step.args else None
        if is_view(step) and isinstance(x, Value):
            probe = x.array if x.array is not None else self._probes.get(x)
            if probe is None:  # a view, or for reshape perhaps a copy: as the array comes that is not ours
                return self.roots(x) | ({step} if step.function is np.reshape else frozenset())
            seen = step.function(probe, *step.args[1:])  # type: ignore[misc]
            if np.may_share_memory(seen, probe) or not seen.size:
                self._probes[step] = seen
                return self.roots(x)
        if is_computed_into(step) or (self.items[self.at[step][0]].region is not None and not is_view(step)):
            self._probes[step] = self._probe(step)
            return frozenset([step])
        return frozenset([step]).union(*map(self.roots, operands(step)))  # it may return a view of an operand

    def _probe(self, value: Value) -> Any:
        """An array such as this one, in the memory that all probes share: what a view of it is can be tried out."""
        if nbytes(value) > self._memory.nbytes:
            self._memory = np.empty(nbytes(value), np.uint8)
        return np.ndarray(value.shape, value.dtype, self._memory, order="F" if value in self.columns else "C")

    def probe(self, value: Value) -> Any:
        """An array that lies in memory as a value does; row by row, where that is not ours to say."""
        return self._probes[value] if value in self._probes else self._probe(value)

    def roots(self, value: Value) -> frozenset[Value]:
        """The values whose memory a value may be seen through."""
        return self._roots.get(value, frozenset())

    def is_view(self, step: Value) -> bool:
        """Whether a step is nothing but another look at its operand."""
        return is_view(step) and step not in self._roots[step]

    def is_ours(self, value: Value) -> bool:
        """Whether it is the same array in each run."""
        return value in self._probes

    def contiguous(self, value: Value) -> bool:
        """Whether an array of ours lies in memory in its own order, without gaps."""
        return value in self._probes and bool(self._probes[value].flags.c_contiguous)

    def stands_upright(self, matrix: Value) -> bool:
        """Whether a matrix lies in memory column by column; arrays that are not ours are taken to lie row by row."""
        array = matrix.array if matrix.array is not None else self._probes.get(matrix)
        if array is not None:
            return bool(array.strides[0] < array.strides[1])
        return matrix.function is np.transpose and not self.stands_upright(matrix.args[0])

    def within(self, value: Value) -> tuple[Value, int] | None:
        """The one root of a contiguous view, and where in it the view begins."""
        if len(self.roots(value)) != 1 or not self.contiguous(value):
            return None
        (root,) = self.roots(value)
        if root not in self._probes:
            return None
        return root, self._probes[value].ctypes.data - self._probes[root].ctypes.data

    def _find_reads(self) -> None:
        for step, at in self.at.items():
            for arg in operands(step):
                for root in self.roots(arg):
                    self.reads[root].append(at)
        for value in [*self.program.results, *self.program.updates.values()]:
            for root in self.roots(value):
                self.reads[root].append((len(self.items), 0))
        for reads in self.reads.values():
            reads.sort()

    def until(self, value: Value) -> tuple[int, int]:
        """When a value is read for the last time, or made."""
        return max([*self.reads[value][-1:], self.at.get(value, (-1, 0))])


def is_computed_into(step: Value) -> bool:
    """Whether a call can be told where to put its result."""
    if step.dtype is None or step.dtype.hasobject:
        return False
    contraction = is_contraction(step) and math.prod(step.shape) > 0
    if is_elementwise(step) or contraction or reducing_ufunc(step) or is_running(step) or is_array_of(step):
        return True
    return step.function in (np.reshape, join, kept)
