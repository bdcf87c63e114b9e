"""Reading and writing parts of an array.

An index is split in two: index arrays are data (positional), what remains is metadata: ``a[rows, 1:3]`` is
``getitem(a, rows, index=(ARRAY, slice(1, 3)))``.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.kinks import neighbours


class _Placeholder(Enum):
    ARRAY = "array"

    def __repr__(self) -> str:
        return self.value


ARRAY = _Placeholder.ARRAY


def split_index(index: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Return the static part of an index, with :data:`ARRAY` in the place of each array, and the arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    static: list[Any] = []
    arrays = []
    for part in parts:
        if part is None or part is Ellipsis or (isinstance(part, int | slice) and not isinstance(part, bool)):
            static.append(part)
        else:
            static.append(ARRAY)
            arrays.append(np.asarray(part, dtype=np.intp) if isinstance(part, list) and not part else part)
    return tuple(static), arrays


def join_index(index: tuple[Any, ...], arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Put the arrays back into their places: the reverse of :func:`split_index`."""
    rest = iter(arrays)
    return tuple(next(rest) if part is ARRAY else part for part in index)


def _can_repeat(indices: tuple[Any, ...]) -> bool:
    """Whether an index may name one element twice: slices and masks never do."""
    return any(np.result_type(i).kind in "iu" and np.size(i) > 1 for i in indices)


@primitive(
    a=lambda g, indices, a_shape, index: scatter_add(g, *indices, index=index, shape=a_shape),
    indices=None,
)
def getitem(a: Any, *indices: Any, index: tuple[Any, ...]) -> Any:
    """Read ``a[index]``."""
    return a[join_index(index, indices)]


@primitive(
    a=lambda g, indices, index: getitem(g, *indices, index=index),
    indices=None,
)
def scatter_add(a: Any, *indices: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Add ``a`` into zeros of ``shape`` at ``index``; an element that is named twice gets both."""
    out = np.zeros_like(a, order="C", shape=shape)
    places = join_index(index, indices)
    if not _can_repeat(indices):
        out[places] = a
    elif a.size > 2000 and len(shape) > 1 and _is_plain(a, index, indices):
        flat = _flat_places(shape, indices)
        np.add.at(out.reshape(-1), flat.reshape(-1), np.broadcast_to(a, flat.shape).reshape(-1))
    else:
        np.add.at(out, places, a)
    return out


def _is_plain(a: Any, index: tuple[Any, ...], indices: tuple[Any, ...]) -> bool:
    """Whether an index is made of integer arrays only, and all is there in memory."""
    integers = all(isinstance(i, np.ndarray) and i.dtype.kind in "iu" for i in indices)
    return integers and isinstance(a, np.ndarray) and len(index) == len(indices)


def _flat_places(shape: tuple[int, ...], indices: tuple[Any, ...]) -> Any:
    """Where ``a[indices]`` is in the flattened array: adding there is several times as fast as at rows or pairs."""
    n, rest = len(indices), shape[len(indices) :]
    first = np.ravel_multi_index(np.broadcast_arrays(*indices), shape[:n], mode="wrap")
    size = math.prod(rest)
    return first.reshape((*first.shape, *(1,) * len(rest))) * size + np.arange(size).reshape(rest)


@primitive(
    a=lambda g, indices, index: setitem(g, 0, *indices, index=index),
    v=lambda g, indices, index: getitem(g, *indices, index=index) * _survives(g.shape, indices, index),
    indices=None,
)
def setitem(a: Any, v: Any, *indices: Any, index: tuple[Any, ...]) -> Any:
    """Return a copy of ``a`` with ``v`` written at ``index``."""
    out = a.copy() if a.shape else np.copy(a)  # without axes, a cotangent may be a NumPy scalar
    out[join_index(index, indices)] = v
    return out


def _survives(shape: tuple[int, ...], indices: tuple[Any, ...], index: tuple[Any, ...]) -> Any:
    """Whether each written value is still there afterwards: of several written to one element, the last is."""
    if not _can_repeat(indices):
        return True
    where = join_index(index, indices)
    last = np.zeros_like(indices[0], np.intp, shape=shape)
    writes = np.arange(last[where].size).reshape(last[where].shape)
    last[where] = writes
    return last[where] == writes


@composite(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, order: str = "K", *, shape: Any = None) -> Any:
    """Repeat a value in the shape and dtype of an array."""
    return setitem(np.zeros_like(a, dtype, order, shape=shape), fill_value, index=(...,))


@composite(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number from 0 on occurs, or the sum of the weights of its occurrences."""
    n = max(minlength, int(np.max(x)) + 1 if np.size(x) else 0)
    counted = np.ones_like(x, np.intp) if weights is None else weights * np.float64(1)  # as NumPy sums them
    return scatter_add(counted, x, index=(ARRAY,), shape=(n,))


@primitive(ar=None, kink=lambda ar, axis: neighbours(_leading(ar, axis), 0))
def _unique(ar: Any, *, part: int, axis: int | None, equal_nan: bool) -> Any:
    return np.unique(ar, True, True, True, axis, equal_nan=equal_nan)[part]


def _leading(ar: Any, axis: int | None) -> Any:
    """What the order of slices depends on first: the first element of each."""
    return np.ravel(ar) if axis is None or not ar.size else np.moveaxis(ar, axis, 0).reshape((ar.shape[axis], -1))[:, 0]


@composite(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: int | None = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """Distinct elements, sorted: read at the first place where each occurs."""
    index, *others = (
        _unique(ar, part=part, axis=axis, equal_nan=equal_nan)
        for part, wanted in enumerate((True, return_inverse, return_counts), 1)
        if wanted
    )
    values = np.take(ar, index, axis)
    found = (values, *[index] * return_index, *others)
    return found if len(found) > 1 else values


@composite(np.take)
def take(a: Any, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Any:
    """Read elements along an axis."""
    if axis is None:
        a, axis = np.ravel(a), 0
    n = a.shape[axis]
    if mode != "raise":
        indices = np.mod(indices, n) if mode == "wrap" else np.clip(indices, 0, n - 1)
    index, arrays = split_index((*(slice(None),) * (axis % a.ndim), indices))
    return getitem(a, *arrays, index=index)
