"""Regions: the runs of steps that numba compiles as one function, so that Python calls few things.

What takes long anyway (large products, long loops) is called as by the NumPy backend, and so is what numba has no text
for. All that lies between such calls is a region.
"""

from __future__ import annotations

import heapq
import math
import operator
from collections import defaultdict
from typing import Any

import numpy as np

from tinygrad_np.compiler.elements import expression
from tinygrad_np.compiler.fused import fused_or_apart
from tinygrad_np.compiler.kinds import (
    is_array_of,
    is_contraction,
    is_elementwise,
    is_pure,
    is_view,
    reducing_ufunc,
)
from tinygrad_np.compiler.nests import REDUCING
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.schedule import Item

__all__ = ["arranged"]

_CALL = 1000  # nanoseconds
_LANES = 16  # numbers that are multiplied at once
_FUSED = 1 << 11  # elements: from here on, where there are no regions, a loop of numba's is worth a call
_LEAST = 2  # steps: one is no less than a call of NumPy
_MANY = 256  # steps: each takes numba tens of milliseconds

_STORED = ("float32", "float64", "int8", "int16", "int32", "int64", "bool")


def arranged(items: list[Item], large: int) -> list[Item]:
    """Return the items in an order with few and long regions, and mark these: each has a number.

    Loops over ``large`` arrays are no part of them. A program with more steps than numba should be given at once has
    no regions.
    """
    items = [part for item in items for part in _with_text_or_apart(item, large)]
    compiled = [_is_compiled(item, large) for item in items]
    if sum(len(item.steps) for item, ours in zip(items, compiled, strict=True) if ours) > _MANY:
        return [part for item in items for part in _large_or_apart(item, _FUSED)]
    items = _in_runs(items, compiled)
    for number, run in enumerate(_runs(items, large)):
        if sum(not is_view(step) for item in run for step in item.steps) >= _LEAST:
            for item in run:
                item.region = number
    return [part for item in items for part in ([item] if item.region is not None else _large_or_apart(item, large))]


def _runs(items: list[Item], large: int) -> list[list[Item]]:
    runs: list[list[Item]] = [[]]
    for item in items:
        if _is_free(item) or _is_compiled(item, large):
            runs[-1].append(item)
        else:
            runs.append([])
    return runs


def _with_text_or_apart(item: Item, large: int) -> list[Item]:
    """A small loop that numba has no text for as single steps."""
    if item.space is None or math.prod(item.space) >= large or all(_has_text(step, large) for step in item.steps):
        return [item]
    return [Item([step]) for step in item.steps]


def _large_or_apart(item: Item, large: int) -> list[Item]:
    """A small loop that no region has taken as single steps."""
    if item.space is None or math.prod(item.space) >= large:
        return fused_or_apart(item)
    return [Item([step]) for step in item.steps]


def _is_free(item: Item) -> bool:
    return all(map(is_view, item.steps))


def _in_runs(items: list[Item], compiled: list[bool]) -> list[Item]:
    """The order in which one kind goes on as long as it can, each behind its operands."""
    at = {step: i for i, item in enumerate(items) for step in item.steps}
    readers: dict[int, list[int]] = defaultdict(list)
    missing = [0] * len(items)
    last: int | None = None
    for i, item in enumerate(items):
        needed = {at[arg] for step in item.steps for arg in operands(step) if arg in at} - {i}
        if not all(is_pure(step.function) for step in item.steps):
            needed |= set() if last is None else {last}
            last = i
        for j in needed:
            readers[j].append(i)
        missing[i] = len(needed)
    ready: dict[bool, list[int]] = {True: [], False: []}
    for i, n in enumerate(missing):
        if not n:
            heapq.heappush(ready[compiled[i]], i)
    order: list[int] = []
    now = False
    while ready[True] or ready[False]:
        now = now if ready[now] else not now
        order.append(heapq.heappop(ready[now]))
        for reader in readers[order[-1]]:
            missing[reader] -= 1
            if not missing[reader]:
                free = _is_free(items[reader])
                heapq.heappush(ready[now if free else compiled[reader]], reader)
    return [items[i] for i in order]


def _is_compiled(item: Item, large: int) -> bool:
    return all(_has_text(step, large) for step in item.steps) and not (item.space and math.prod(item.space) >= large)


def _has_text(step: Value, large: int) -> bool:
    """Whether numba can be told how to compute a step, and it is small."""
    arrays = [value for value in (step, *operands(step)) if not value.weak]
    if step.weak or not all(_is_stored(value) and size(value) < large for value in arrays):
        return False
    if not step.shape and is_array_of(step):
        return step.dtype.kind == "f"
    if step.function in (np.reshape, join) and not is_view(step):
        return True
    if step.function in REDUCING and reducing_ufunc(step):
        return step.dtype.kind == "f" and step.dtype == step.args[0].dtype and size(step.args[0]) > 0
    if is_contraction(step):
        return _is_small_product(step)
    if step.function is operator.getitem and not is_view(step):
        return _is_gather(step)
    return (is_elementwise(step) or step.function is np.where) and expression(step) is not None


def _is_stored(value: Value) -> bool:
    return value.dtype.name in _STORED and value.dtype.isnative


def _is_small_product(step: Value) -> bool:
    """Whether loops of ours take less time than BLAS and its call, in nanoseconds as they were measured once."""
    a, b = step.args
    if not all(len(arg.shape) in (1, 2) and arg.dtype == step.dtype for arg in (a, b)) or step.dtype.kind != "f":
        return False
    m, k, n = a.shape[0] if len(a.shape) == 2 else 1, a.shape[-1], b.shape[1] if len(b.shape) == 2 else 1
    all_of, rest = m * k * n, n % _LANES  # the rest of a row one by one
    ours = m * k * ((n - rest) / 30 + rest / 6) if min(m, n) > 1 else all_of / 8
    return bool(all_of) and ours <= _CALL + all_of / 60


def _is_gather(step: Value) -> bool:
    """Whether it picks elements, or rows, by vectors of whole numbers that are given."""
    index = step.args[1]
    entries: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
    if not all(isinstance(entry, Value) and entry.dtype.kind == "i" and not entry.weak for entry in entries):
        return False
    return len({entry.shape for entry in entries}) == 1 and len(entries[0].shape) == 1 and all(map(_is_given, entries))


def _is_given(value: Value) -> bool:
    while is_view(value):
        value = value.args[0]
    return value.function is None
