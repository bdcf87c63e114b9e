"""The methods of ufuncs: ``reduce``, ``accumulate``, ``reduceat``, ``outer``, ``at``, for all that the table knows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_np.primitives import primitive, table
from tinygrad_np.rules import cumulative, reductions
from tinygrad_np.rules.indexing import ARRAY, scatter_add, split_index
from tinygrad_np.rules.kinks import from_zero
from tinygrad_np.rules.tools import as_array, cut, gather_axes

__all__ = ["METHODS"]

#: What ``ufunc.reduce`` is called when it is a function.
_REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip


@primitive(a=None, kink=lambda a, ufunc: 0.0 if ufunc is np.floor_divide else from_zero(a))
def constant_method(a: Any, *, ufunc: np.ufunc, method: str, options: dict[str, Any]) -> Any:
    """A method of a ufunc that has no derivative."""
    return getattr(ufunc, method)(a, **options)


def reduce(
    ufunc: np.ufunc, a: Any, axis: Any = 0, dtype: Any = None, out: None = None, keepdims: bool = False,
    initial: Any = np._NoValue, where: Any = True,
) -> Any:  # fmt: skip
    """Combine all elements along an axis, from left to right."""
    unset = {"dtype": None, "initial": np._NoValue, "where": True}
    given = {"dtype": dtype, "initial": initial, "where": where}
    given = {key: value for key, value in given.items() if value is not unset[key]}
    if ufunc in _REDUCTIONS:
        return _REDUCTIONS[ufunc](a, axis=axis, keepdims=keepdims, **given)
    if ufunc is np.logaddexp and not given:
        return reductions.logsumexp(a, axis=axis, keepdims=keepdims)
    if not table[ufunc].differentiable or a.dtype.kind not in "fc":
        return constant_method(a, ufunc=ufunc, method="reduce", options={"axis": axis, "keepdims": keepdims} | given)
    ufunc.reduce(np.ones((1,) * a.ndim), axis=axis)  # NumPy itself complains of axes that it does not reduce
    a = a if dtype is None else a.astype(dtype)
    a = a if where is True else np.where(where, a, _neutral(ufunc))
    a, shape, kept_dims = gather_axes(a, axis)
    if initial is np._NoValue and (ufunc.identity is not None or a.shape[-1] == 0):
        initial = _neutral(ufunc)
    if initial is not np._NoValue:
        a = np.concatenate([np.full_like(a, initial, shape=(*shape, 1)), a], -1)
    return np.reshape(cumulative.accumulate(a, ufunc=ufunc, axis=-1)[..., -1], kept_dims if keepdims else shape)


def _neutral(ufunc: np.ufunc) -> Any:
    """What changes nothing."""
    neutral = np.nan if ufunc in (np.fmax, np.fmin) else ufunc.identity
    if neutral is None:
        raise ValueError(f"np.{ufunc.__name__} has no identity: its reduce cannot leave out elements, nor have none")
    return neutral


def accumulate(ufunc: np.ufunc, a: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
    """Combine, and keep all that comes up on the way."""
    a = a if dtype is None else a.astype(dtype)
    if ufunc is np.add and a.ndim:
        return np.cumsum(a, axis)
    if not table[ufunc].differentiable or a.dtype.kind not in "fc":
        return constant_method(a, ufunc=ufunc, method="accumulate", options={"axis": axis})
    return cumulative.accumulate(a, ufunc=ufunc, axis=axis)


@primitive(a=lambda g, indices, a_shape, axis: _spread_out(g, indices, a_shape, axis), indices=None)
def add_reduceat(a: Any, indices: Any, *, axis: int = 0) -> Any:
    """Sums of ``a[indices[k]:indices[k+1]]``; where that is empty, ``a[indices[k]]``."""
    return np.add.reduceat(a, indices, axis)


def _spread_out(g: Any, indices: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Give each element the cotangents of the sums that it is in."""
    axis, n = axis % len(shape), shape[axis]
    lengths = np.maximum(np.append(indices[1:], n) - indices, 1)
    g = np.repeat(g, lengths, axis)
    if lengths.sum() == n - indices[0]:  # one sum after the other, without overlap
        return np.pad(g, [(indices[0] if i == axis else 0, 0) for i in range(g.ndim)])
    places = np.arange(lengths.sum()) + np.repeat(indices + lengths - np.cumsum(lengths), lengths)
    return scatter_add(g, places, index=(*(slice(None),) * axis, ARRAY), shape=shape)


def reduceat(ufunc: np.ufunc, a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: None = None) -> Any:
    """Reduce parts of an array: sums in one go, others one by one."""
    a = a if dtype is None else a.astype(dtype)
    if ufunc is np.add:
        return add_reduceat(a, indices, axis=axis)
    if not table[ufunc].differentiable or a.dtype.kind not in "fc":
        return constant_method(a, ufunc=ufunc, method="reduceat", options={"indices": indices, "axis": axis})
    starts = [int(i) for i in indices]
    if any(i not in range(a.shape[axis]) for i in starts):
        raise IndexError(f"np.{ufunc.__name__}.reduceat: {starts} are not all positions along axis {axis} of {a.shape}")
    parts = [cut(a, i, max(j, i + 1), axis) for i, j in pairwise([*starts, a.shape[axis]])]
    runs = [cumulative.accumulate(part, ufunc=ufunc, axis=axis) for part in parts]
    return np.concatenate([cut(run, run.shape[axis] - 1, None, axis) for run in runs], axis)


def outer(ufunc: np.ufunc, A: Any, B: Any, /, **options: Any) -> Any:
    """Combine all pairs."""
    return ufunc(np.reshape(A, np.shape(A) + (1,) * np.ndim(B)), B, **options)


def at(ufunc: np.ufunc, a: Any, indices: Any, *b: Any) -> None:
    """Combine at some places. Tensors have value semantics: ``a`` becomes a new value."""
    kind = np.result_type(a, *(x if isinstance(x, int | float | complex) else as_array(x) for x in b))
    if not np.can_cast(kind, a.dtype, "same_kind"):
        raise TypeError(f"np.{ufunc.__name__}.at: the result would be {kind}, which does not go into {a.dtype}")
    index, arrays = split_index(indices)
    arrays, shape = list(map(as_array, arrays)), a[indices].shape
    if ufunc in (np.add, np.subtract):  # the sum of two Tensors, however often a place is named
        parts = np.broadcast_to(*b, shape).astype(kind)
        a[...] = ufunc(a, scatter_add(parts, *arrays, index=index, shape=a.shape))
    elif np.any(scatter_add(np.ones(shape, np.intp), *arrays, index=index, shape=a.shape) > 1):
        raise NotImplementedError(
            f"np.{ufunc.__name__}.at names a place twice, and so would change a Tensor step by step; Tensors do not "
            f"change in place. Where each place is named once, it works, and np.add.at and np.subtract.at always do"
        )
    else:
        a[indices] = ufunc(a[indices], *b)


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": reduce, "accumulate": accumulate, "reduceat": reduceat, "outer": outer, "at": at,
}  # fmt: skip
