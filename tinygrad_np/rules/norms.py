"""Norms of vectors and matrices, condition numbers. At their singular points the subgradient is zero."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable, primitive
from tinygrad_np.rules.elementwise import slope_of_size
from tinygrad_np.rules.inverses import regular_ones
from tinygrad_np.rules.kinks import to_other_rank, to_zero
from tinygrad_np.rules.linalg import conj
from tinygrad_np.rules.reductions import Axis, unreduce


def _norm_vjp(g: Any, x: Any, out: Any, axis: Axis, keepdims: bool) -> Any:
    """``x / out``; where ``out`` is zero, all derivatives are zero."""
    zero = out == 0
    scale = np.where(zero, 0, g) / np.where(zero, 1, out)
    return unreduce(scale, x.shape, axis, keepdims) * conj(x)


@primitive(x=_norm_vjp, kink=lambda x, axis: np.max(np.abs(x), axis, keepdims=True, initial=0))
def norm(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Euclidean (of two axes: Frobenius) norm; of zeros, the zero subgradient."""
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


def _norm_of_order_vjp(g: Any, x: Any, out: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    """``sign(x) * (|x| / out)**(ord - 1)``; where ``x`` or ``out`` is zero, all derivatives are zero."""
    g, out = unreduce(g, x.shape, axis, keepdims), unreduce(out, x.shape, axis, keepdims)
    zero, out = (x == 0) | (out == 0), np.where(out == 0, 1, out)
    ratio = np.where(zero, 1, np.absolute(x)) / out
    return np.where(zero, 0, g * ratio ** (ord - 1)) * slope_of_size(x)


@primitive(x=_norm_of_order_vjp, kink=to_zero)
def norm_of_order(x: Any, *, ord: float, axis: Axis = None, keepdims: bool = False) -> Any:
    """``sum(|x|**ord) ** (1 / ord)``."""
    return np.linalg.norm(x, ord, axis, keepdims)


@composite(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    x = x if x.dtype.kind in "fc" else x.astype(float)
    over = x.ndim if axis is None else np.size(axis)
    if (ord is None and (over <= 2 or axis is None)) or (ord == 2 and over == 1) or (ord in ("f", "fro") and over == 2):
        return norm(x, axis=axis, keepdims=keepdims)
    if over == 1 and not isinstance(ord, str):
        if ord == 0:
            return np.sum((x != 0).astype(x.real.dtype), axis=axis, keepdims=keepdims)
        if ord in (1, np.inf, -np.inf):
            size, axis = np.absolute(x), 0 if axis is None else operator.index(np.ravel(axis)[0])
            return _folded(size, ord, axis, keepdims)
        return norm_of_order(x, ord=ord, axis=axis, keepdims=keepdims)
    if over != 2 or ord not in _MATRIX_NORMS:
        what = {1: "vectors", 2: "matrices"}.get(over, f"{over} axes")
        raise ValueError(f"norm: there is no norm of order {ord!r} for {what}; the shape is {x.shape}, axis={axis}")
    row, column = (i % x.ndim for i in ((0, 1) if axis is None else axis))
    if row == column:
        raise ValueError(f"norm: the axes of a matrix differ, but axis={axis}")
    if ord in (2, -2, "nuc"):
        s = np.linalg.svdvals(np.moveaxis(x, (row, column), (-2, -1)))
        found = np.sum(s, axis=-1) if ord == "nuc" else _folded(s, math.copysign(np.inf, ord), -1, False)
    else:
        inner, outer = (row, column) if ord in (1, -1) else (column, row)
        sums = np.sum(np.absolute(x), axis=inner)
        found = _folded(sums, math.copysign(np.inf, ord), outer - (outer > inner), False)
    return np.expand_dims(found, (row, column)) if keepdims else found


_MATRIX_NORMS = (1, -1, 2, -2, np.inf, -np.inf, "nuc")


def _folded(size: Any, ord: float, axis: int, keepdims: bool) -> Any:
    """Sum, maximum or minimum of what is not negative; the maximum of nothing is 0."""
    if ord == 1 or (ord == np.inf and not size.shape[axis]):
        return np.sum(size, axis=axis, keepdims=keepdims)
    return (np.max if ord > 0 else np.min)(size, axis=axis, keepdims=keepdims)


@composite(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of the matrices in the last two axes."""
    return _norm(x, ord, (-2, -1), keepdims)


@composite(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norm over any axes, as if these were one."""
    over = [i % x.ndim for i in (range(x.ndim) if axis is None else np.ravel(axis))]
    kept = [i for i in range(x.ndim) if i not in over]
    lengths = [x.shape[i] for i in kept]
    flat = np.reshape(np.transpose(x, (*over, *kept)), (math.prod(x.shape[i] for i in over), *lengths))
    found = _norm(flat, ord, 0)
    return np.expand_dims(found, tuple(over)) if keepdims else found


@composite(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """Condition number: the norm of a matrix times that of its inverse."""
    if not np.size(x):
        raise np.linalg.LinAlgError(f"cond of an empty array: its shape is {np.shape(x)}")
    with np.errstate(all="ignore"):
        if p is None or p in (2, -2):
            s = np.linalg.svdvals(x)
            found = s[..., 0] / s[..., -1] if p != -2 else s[..., -1] / s[..., 0]
        else:
            regular = np.linalg.slogdet(x)[0] != 0
            inverse = np.linalg.inv(regular_ones(x, regular))
            found = np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(inverse, p, (-2, -1))
            found = np.where(regular, found, np.inf)
    return np.where(np.isnan(found) & ~np.any(np.isnan(x), (-2, -1)), np.inf, found)


nondifferentiable(np.linalg.matrix_rank, kink=lambda A, tol, hermitian, rtol: _to_other_rank(A, tol, hermitian, rtol))


def _to_other_rank(a: Any, tol: Any, hermitian: bool, rtol: Any) -> Any:
    if np.ndim(a) < 2:
        return np.max(np.abs(a), initial=0)
    return to_other_rank(a, rtol if tol is None else 0.0, 0.0 if tol is None else tol, hermitian)
