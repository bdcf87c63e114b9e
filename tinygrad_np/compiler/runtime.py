"""What generated code calls besides NumPy; ``save_source`` puts its text into the file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

import numpy as np

__all__ = ["array", "blocks", "both", "by_two", "halves", "memory", "rows", "scratch", "total"]


def memory(nbytes: int) -> Any:
    """Bytes that begin at a cache line; many of them, at a page."""
    unit = 4096 if nbytes >= 1 << 18 else 64
    raw = np.empty(nbytes + unit, np.uint8)
    start = -raw.ctypes.data % unit
    return raw[start : start + nbytes]


def array(memory: Any, offset: int, shape: tuple[int, ...], dtype: str = "float32") -> Any:
    """An array that lies somewhere in there."""
    return np.ndarray(shape, dtype, memory, offset)


def blocks(a: Any, length: int) -> list[Any]:
    """An array as one row, cut into pieces."""
    a = a.reshape(-1)
    return [a[i : i + length] for i in range(0, len(a), length)]


def rows(a: Any) -> list[Any]:
    """The rows of an array, of which there may be many; also of one with a single axis."""
    return list(a) if a.ndim > 1 else [a[i, ...] for i in range(len(a))]


def scratch(a: Any, n: int, length: int) -> list[Any]:
    """The same piece of ``a`` for each block of ``n`` elements, or one for each of two threads, if ``a`` is long."""
    sizes = [min(length, n - i) for i in range(0, n, length)]
    middle = -(-len(sizes) // 2)
    starts = [length if len(a) > length and i >= middle else 0 for i in range(len(sizes))]
    return [a[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def both(loop: Callable[..., None], rows: list[Any], *arguments: Any) -> None:
    """Run a loop over rows of blocks, the second half of them in another thread."""
    middle = -(-len(rows) // 2)
    done = _other_thread(loop, rows[middle:], *arguments)
    try:
        loop(rows[:middle], *arguments)
    finally:
        error = done.get()
    if error is not None:
        raise error


def halves(loop: Callable[..., None], n: int, length: int, *arguments: Any) -> None:
    """Run a loop over ``n`` elements: the second half of its blocks in another thread."""
    middle = -(-n // (2 * length)) * length
    done = _other_thread(loop, middle, n, *arguments)
    try:
        loop(0, middle, *arguments)
    finally:
        error = done.get()
    if error is not None:
        raise error


def by_two(a: Any, b: Any, out: Any) -> None:
    """Multiply matrices, one pair after the other, the second half of them in another thread."""
    middle = -(-len(out) // 2)
    parts = [slice(middle), slice(middle, None)]
    both(_multiply, [(a[part], b[part] if b.ndim > 2 else b, out[part]) for part in parts])


def _multiply(rows: list[Any]) -> None:
    for a, b, out in rows:
        np.matmul(a, b, out)


def total(a: Any, b: Any, sums: Any, out: Any) -> None:
    """Add up the products of pairs of matrices: ``sums`` has, for each thread, room for their sum and for some more."""
    n = -(-len(a) // len(sums))
    rows = [(a[i * n : (i + 1) * n], b[i * n : (i + 1) * n], own) for i, own in enumerate(sums)]
    if len(rows) > 1:
        both(_add_up, rows)
    else:
        _add_up(rows)
    np.add.reduce(sums[:, 0], 0, None, out)


def _add_up(rows: list[Any]) -> None:
    for a, b, own in rows:
        own[0], n = 0, len(own) - 1
        for i in range(0, len(a), n):
            some = own[: len(a) - i + 1]
            np.matmul(a[i : i + n], b[i : i + n], some[1:])
            np.add.reduce(some, 0, None, own[0])


_workers: dict[int, SimpleQueue[Any]] = {}


def _other_thread(loop: Callable[..., None], *arguments: Any) -> SimpleQueue[Any]:
    """Hand work to the one other thread; what is returned gets its exception, or None."""
    tasks = _workers.get(os.getpid())  # a forked process has none of its parent's threads
    if tasks is None:
        tasks = _workers[os.getpid()] = SimpleQueue()
        threading.Thread(target=_work, args=(tasks,), daemon=True, name="tinygrad_np").start()
    done: SimpleQueue[Any] = SimpleQueue()
    tasks.put((copy_context(), loop, arguments, done))  # np.errstate holds there, too
    return done


def _work(tasks: SimpleQueue[Any]) -> None:
    while True:
        context, loop, arguments, done = tasks.get()
        failed: BaseException | None = None
        try:
            context.run(loop, *arguments)
        except BaseException as error:  # it belongs to the thread that asked
            failed = error
        del context, loop, arguments  # who asked counts on nobody else holding its arrays
        done.put(failed)
        del done, failed
