"""Which steps run together: elementwise steps on large arrays, block by block, so that nothing leaves the cache."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import (
    SLOW_WITH_A_NUMBER,
    is_elementwise,
    is_pure,
    is_view,
    reduced_axes,
    reducing_ufunc,
)  # fmt: skip
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.roll import kept

__all__ = ["LARGE", "Item", "scheduled", "split"]

LARGE = 1 << 16  # elements: smaller arrays stay in cache as they are, and a call costs more than it saves

_SPLITTABLE = (np.add, np.multiply, np.maximum, np.minimum)


@dataclass(slots=True, eq=False)
class Item:
    """One call, or a loop: over blocks, or over turns.

    Attributes
    ----------
    steps : list of Value
        In order; of a loop over turns, first what is kept of it, then the loop itself.
    space : tuple of int, or None
        The shape of the arrays that are cut into blocks; None for a call and for turns.
    region : int or None
        Which of the functions it is a part of that numba compiles whole; None for what Python calls.
    """

    steps: list[Value]
    space: tuple[int, ...] | None = None
    region: int | None = None


def scheduled(program: Program, large: int = LARGE) -> list[Item]:
    """Order the steps, and group those that can go through the same loop.

    A loop begins when nothing else can run, and takes up all that is ready then, or becomes ready by it. What is not
    part of a loop keeps its order; so does what is not pure.
    """
    steps, large = program.steps, max(large, 2)
    position = {step: i for i, step in enumerate(steps)}
    readers: dict[Value, list[Value]] = defaultdict(list)
    missing: Counter[Value] = Counter()
    last: Value | None = None
    for step in steps:
        needed = {arg for arg in operands(step) if arg in position}
        if not is_pure(step.function):
            needed |= {last} if last else set()
            last = step
        for arg in needed:
            readers[arg].append(step)
        missing[step] = len(needed)

    items: list[Item] = []
    calls: list[int] = []
    loops: dict[tuple[int, ...], list[int]] = defaultdict(list)

    def ready(step: Value) -> None:
        if step.function is kept:
            items[-1].steps.insert(0, step)
            finish(step)
            return
        space = _space(step, large)
        heapq.heappush(calls if space is None else loops[space], position[step])

    def finish(step: Value) -> None:
        for reader in readers[step]:
            missing[reader] -= 1
            if not missing[reader]:
                ready(reader)

    for step in steps:
        if not missing[step]:
            ready(step)
    while calls or any(loops.values()):
        if calls:
            step = steps[heapq.heappop(calls)]
            items.append(Item([step]))
            finish(step)
            continue
        space = min((heap[0], space) for space, heap in loops.items() if heap)[1]
        item, sums = Item([], space), []
        while loops[space]:
            step = steps[heapq.heappop(loops[space])]
            item.steps.append(step)
            if reducing_ufunc(step):
                sums.append(step)  # it is known after the last block only
            else:
                finish(step)
        for step in sums:
            finish(step)
        items.append(item)
    _postpone(items, program)
    return [kept for item in items for kept in _without_loops_of_one(item)]


def _postpone(items: list[Item], program: Program) -> None:
    """Compute late what is cheap, and used late, from what is there anyway: a mask of the forward pass, say.

    A step moves to the loop that all its readers are in, if that takes less memory for less time: what it computes is
    not kept until then, but its operands may have to be.
    """
    at = {step: i for i, item in enumerate(items) for step in item.steps}
    reads: dict[Value, list[int]] = defaultdict(list)
    for step, i in at.items():
        for arg in operands(step):
            reads[arg].append(i)
    for value in [*program.results, *program.updates.values()]:
        reads[value].append(len(items))
    for step in reversed(list(at)):
        if is_view(step):
            reads[step.args[0]] += reads[step]
    for step in reversed(list(at)):
        i, found = at[step], set(reads[step])
        j = found.pop() if len(found) == 1 else i
        if items[i].space is None or j <= i or j == len(items) or items[j].space != items[i].space:
            continue
        arrays = {arg for arg in operands(step) if arg in at and size(arg) == size(step)}
        longer = sum(max(0, j - max(reads[arg])) * arg.dtype.itemsize for arg in arrays)
        if is_elementwise(step) and longer < (j - i) * step.dtype.itemsize:
            items[i].steps.remove(step)
            items[j].steps.insert(0, step)
            at[step] = j
            for arg in operands(step):
                reads[arg].remove(i)
                reads[arg].append(j)


def _without_loops_of_one(item: Item) -> list[Item]:
    """A loop with one step saves nothing, and becomes a call; but not where a block of zeros helps."""
    if len(item.steps) > 1 or any(step.function in SLOW_WITH_A_NUMBER for step in item.steps):
        return [item]
    return [Item([step]) for step in item.steps]


def split(item: Item, kind: Callable[[Value], Any]) -> list[Item]:
    """Split a loop into loops of steps of one kind each."""
    parts, left = [], item.steps
    while left:
        taken: list[Value] = []
        waiting: set[Value] = set()
        for step in left:
            if kind(step) == kind(left[0]) and waiting.isdisjoint(operands(step)):
                taken.append(step)
            else:
                waiting.add(step)
        parts.append(Item(taken, item.space))
        left = [step for step in left if step in waiting]
    return [kept for part in parts for kept in _without_loops_of_one(part)]


def _space(step: Value, large: int) -> tuple[int, ...] | None:
    """The shape over which a step can run in blocks."""
    if is_elementwise(step) and size(step) >= large:
        return step.shape if all(_can_be_cut(arg, step.shape) for arg in operands(step)) else None
    if (ufunc := reducing_ufunc(step)) in _SPLITTABLE and ufunc is not None:
        x = step.args[0]
        whole = len(reduced_axes(step)) == len(x.shape) and step.shape == () and step.dtype == x.dtype
        return x.shape if whole and size(x) >= large and _can_be_cut(x, x.shape) else None
    return None


def _can_be_cut(arg: Value, space: tuple[int, ...]) -> bool:
    """Whether blocks of an operand go with blocks of the result, both flat: nothing is broadcast, no axes move."""
    if size(arg) == 1:
        return len(arg.shape) <= 1  # more axes would make the blocks have more axes
    while is_view(arg) and arg.function in (np.reshape, np.ndarray.view):
        arg = arg.args[0]
    return (arg.shape == space or size(arg) == size_of(space)) and not is_view(arg)


def size_of(shape: tuple[int, ...]) -> int:
    """Number of elements."""
    return int(np.prod(shape))
