"""Picking elements: along an axis, by a condition, by a choice; leaving some out and putting some in.

Where an operation only moves elements, NumPy moves their positions first, and the array is then read there: so every
convention about axes, slices and negative positions is NumPy's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.tools import as_array


# --- along an axis
@primitive(
    arr=lambda g, indices, arr_shape, axis: add_along_axis(g, indices, axis=axis, shape=arr_shape),
    indices=None,
)
def take_along_axis(arr: Any, indices: Any, *, axis: int) -> Any:
    """Read elements along an axis, at positions of their own for every line."""
    return np.take_along_axis(arr, indices, axis)


@primitive(a=lambda g, indices, axis: take_along_axis(g, indices, axis=axis), indices=None)
def add_along_axis(a: Any, indices: Any, *, axis: int, shape: tuple[int, ...], distinct: bool = False) -> Any:
    """Add ``a`` into zeros of ``shape``, at positions along an axis: the adjoint of :func:`take_along_axis`."""
    axis %= len(shape)
    if distinct:
        out = np.zeros_like(a, shape=shape)
        np.put_along_axis(out, indices, a, axis)
        return out
    places = np.reshape(_flat_places(shape, indices, axis), -1)  # adding at one index is far faster than at several
    out = np.zeros_like(a, shape=(math.prod(shape),))
    np.add.at(out, places, np.reshape(a, -1))
    return np.reshape(out, shape)


def _flat_places(shape: tuple[int, ...], indices: Any, axis: int) -> Any:
    """Where ``indices`` along an axis point to in the flattened array."""
    places = indices % max(shape[axis], 1) * math.prod(shape[axis + 1 :])
    for i, n in enumerate(shape):
        if i != axis:
            steps = np.arange(n) * math.prod(shape[i + 1 :])
            places = places + np.reshape(steps, tuple(n if j == i else 1 for j in range(len(shape))))
    return places


@composite(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return take_along_axis(arr, indices, axis=axis)


@composite(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """Write elements along an axis. Tensors have value semantics: ``arr`` becomes a new value."""
    if axis is None:
        np.put(arr, indices, values)
        return
    axis %= arr.ndim
    grid = [np.reshape(np.arange(n), (n, *(1,) * (arr.ndim - i - 1))) for i, n in enumerate(arr.shape)]
    arr[tuple(indices if i == axis else places for i, places in enumerate(grid))] = values


# --- by a condition or a choice
@primitive(a=None, choices=lambda g, a, wrt: [np.where(a == i, g, 0) for i in wrt])
def choose(a: Any, *choices: Any) -> Any:
    """For each element of ``a``, the element of that one of the choices."""
    return np.choose(a, choices)


@composite(np.choose)
def _choose(a: Any, choices: Sequence[Any], out: None = None, mode: str = "raise") -> Any:
    choices = tuple(choices)
    if mode != "raise":
        a = np.mod(a, len(choices)) if mode == "wrap" else np.clip(a, 0, len(choices) - 1)
    return choose(a, *choices)


@composite(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """The first of the choices whose condition holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: {len(condlist)} conditions for {len(choicelist)} choices; each has its own")
    conditions = [as_array(c) for c in condlist]
    for i, condition in enumerate(conditions):
        if condition.dtype != np.bool_:
            raise TypeError(f"select: condition {i} has dtype {condition.dtype}, but a condition is a bool")
    pairs = zip(reversed(conditions), reversed(choicelist), strict=True)
    return reduce(lambda rest, pair: np.where(*pair, rest), pairs, default)


@composite(np.compress)
def compress(condition: Any, a: Any, axis: int | None = None, out: None = None) -> Any:
    """Read the parts along an axis for which a condition holds."""
    return np.take(a, np.flatnonzero(condition), axis)


@composite(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """Read the elements for which a condition holds."""
    return np.take(np.ravel(arr), np.flatnonzero(condition))


# --- leaving out, putting in
@primitive(obj=None)
def _kept(obj: Any, *, n: int) -> Any:
    """The positions out of ``n`` that ``np.delete`` keeps."""
    return np.delete(np.arange(n), obj)


@primitive(obj=None)
def _mixed(obj: Any, *, n: int, new: int) -> Any:
    """The order in which ``np.insert`` puts ``new`` elements between ``n``."""
    return np.insert(np.arange(n), obj, np.arange(n, n + new))


@composite(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Leave out parts along an axis."""
    arr, axis = (np.ravel(arr), 0) if axis is None else (as_array(arr), axis)
    return np.take(arr, _kept(obj, n=arr.shape[axis]), axis)


@composite(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Put parts in along an axis, before the positions ``obj``."""
    arr, axis = (np.ravel(arr), 0) if axis is None else (as_array(arr), axis % np.ndim(arr))
    n = arr.shape[axis]
    if isinstance(obj, slice):
        obj = np.arange(n)[obj]
    elif isinstance(obj, list | tuple):
        obj = np.asarray(obj, dtype=None if len(obj) else np.intp)
    if getattr(obj, "dtype", None) == np.bool_:
        obj = np.flatnonzero(obj)
    values = as_array(values)
    new = np.size(obj)
    if new == 1:  # a single place takes any number of parts
        values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
        values = np.moveaxis(values, 0, axis) if np.ndim(obj) == 0 else values
        new = values.shape[axis]
    values = np.broadcast_to(values.astype(arr.dtype), (*arr.shape[:axis], new, *arr.shape[axis + 1 :]))
    return np.take(np.concatenate([arr, values], axis), _mixed(obj, n=n, new=new), axis)


@composite(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Join at the end."""
    return np.concatenate([np.ravel(arr), np.ravel(values)] if axis is None else [arr, values], axis or 0)


@composite(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """Fill a shape with the elements, over and over."""
    shape = (new_shape,) if np.ndim(new_shape) == 0 else tuple(new_shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"resize: a shape has no negative lengths, unlike {shape}")
    if np.size(a) == 0:
        return np.zeros_like(a, shape=shape)
    return np.reshape(np.take(a, np.arange(math.prod(shape)) % np.size(a)), shape)


@composite(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """Cut off the zeros in front and behind."""
    if not set(trim.lower()) <= set("fb") or not trim:
        raise ValueError(f"trim_zeros: trim={trim!r} is not made of 'f' (front) and 'b' (back)")
    axes = range(filt.ndim) if axis is None else {i % filt.ndim for i in np.atleast_1d(axis)}
    places = np.nonzero(filt)
    index = [slice(None)] * filt.ndim
    for i in axes:
        first, last = (int(np.min(places[i])), int(np.max(places[i]))) if np.size(places[i]) else (0, -1)
        front, back = "f" in trim.lower() or last < 0, "b" in trim.lower() or last < 0
        index[i] = slice(first if front else None, last + 1 if back else None)
    return filt[tuple(index)]


@composite(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """Cut along an axis, which disappears."""
    if x.ndim == 0:
        raise ValueError("unstack: an array without axes cannot be cut")
    return tuple(np.moveaxis(x, axis, 0))
