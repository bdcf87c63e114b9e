"""Reductions: sums, products, extrema, moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.primitives import nondifferentiable, primitive
from tinygrad_np.rules.elementwise import finite, quotient
from tinygrad_np.rules.kinks import apart, from_zero, one_value, overtaken

Axis = Any  # int, tuple of int, or None for all axes


def unreduce(g: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Any:
    """Give the result of a reduction its axes back, with length one, so that it broadcasts against the operand."""
    if keepdims or axis is None:
        return g
    axes = {i % len(shape) for i in _axes(shape, axis)}
    return g.reshape(tuple(1 if i in axes else n for i, n in enumerate(shape)))


def _axes(shape: tuple[int, ...], axis: Axis) -> Any:
    if axis is None or not shape:  # ufuncs reduce a scalar along axis 0, which it does not have
        return range(len(shape))
    return (axis,) if isinstance(axis, int | np.integer) else axis


def _count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements a reduction over ``axis`` puts together."""
    return math.prod(shape if axis is None else (shape[i] for i in _axes(shape, axis)))


@primitive(np.sum, a=lambda g, a_shape, axis, keepdims: unreduce(g, a_shape, axis, keepdims))
def sum(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum. The engine broadcasts the cotangent back, as it does for every operation."""
    return np.add.reduce(a, axis=axis, keepdims=keepdims)


@primitive(np.mean, a=lambda g, a_shape, axis, keepdims: unreduce(g, a_shape, axis, keepdims) / _count(a_shape, axis))
def mean(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Arithmetic mean."""
    if a.dtype.char not in "fd" or a.size == 0:
        return np.mean(a, axis=axis, keepdims=keepdims)  # float16 is summed in float32, integers in float64
    return np.add.reduce(a, axis=axis, keepdims=keepdims) / _count(a.shape, axis)


def _share_among_ties(g: Any, a: Any, out: Any, axis: Axis, keepdims: bool) -> Any:
    """The extremum's cotangent, in equal shares to all elements that attain it (a NaN attains it)."""
    out = unreduce(out, a.shape, axis, keepdims)
    ties = ((a == out) | (a != a)).astype(g.dtype)
    count = np.add.reduce(ties, axis=axis, keepdims=True)
    return unreduce(g, a.shape, axis, keepdims) * (ties / count)


@primitive(
    np.max, np.amax,
    a=lambda g, a, out, axis, keepdims: _share_among_ties(g, a, out, axis, keepdims),
    kink=lambda a, axis: overtaken(a, axis),
)  # fmt: skip
def max(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Maximum."""
    return np.maximum.reduce(a, axis=axis, keepdims=keepdims)


@primitive(
    np.min, np.amin,
    a=lambda g, a, out, axis, keepdims: _share_among_ties(g, a, out, axis, keepdims),
    kink=lambda a, axis: overtaken(-a, axis),
)  # fmt: skip
def min(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Minimum."""
    return np.minimum.reduce(a, axis=axis, keepdims=keepdims)


def products_of_others(a: Any, axis: Axis) -> Any:
    """For each element the product of the others along ``axis``: exact where some are zero, for nothing divides.

    Up a binary tree of pairwise products, then down it: what multiplies a child is what multiplies its
    parent, times its sibling. Every step is an operation of the table, so it can be differentiated again.
    """
    last = tuple(range(-len(tuple(_axes(a.shape, axis))), 0))
    a = np.moveaxis(a, tuple(_axes(a.shape, axis)), last)
    shape = a.shape
    a = a.reshape((*shape[: len(shape) - len(last)], math.prod(shape[len(shape) - len(last) :])))
    levels = []
    while a.shape[-1] > 1:
        levels.append((a.shape[-1], a := np.concatenate([a, np.ones_like(a[..., :1])], -1) if a.shape[-1] % 2 else a))
        a = a[..., 0::2] * a[..., 1::2]
    others = np.ones_like(a)
    for n, level in reversed(levels):
        children = np.stack([others * level[..., 1::2], others * level[..., 0::2]], -1)
        others = children.reshape(level.shape)[..., :n]
    return np.moveaxis(others.reshape(shape), last, tuple(_axes(shape, axis)))


@primitive(
    np.prod,
    a=lambda g, a, axis, keepdims: unreduce(g, a.shape, axis, keepdims) * products_of_others(a, axis),
)
def prod(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product."""
    return np.multiply.reduce(a, axis=axis, keepdims=keepdims)


def _deviation(a: Any, axis: Axis) -> Any:
    return a - np.mean(a, axis=axis, keepdims=True)


@primitive(
    np.var,
    a=lambda g, a, axis, ddof, keepdims: (
        unreduce(2 * g / (_count(a.shape, axis) - ddof), a.shape, axis, keepdims) * np.conj(_deviation(a, axis))
    ),
)
def var(a: Any, *, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Variance."""
    return np.var(a, axis=axis, ddof=ddof, keepdims=keepdims)


@primitive(
    np.std,
    a=lambda g, a, out, axis, ddof, keepdims: quotient(
        unreduce(g, a.shape, axis, keepdims)
        * np.conj(_deviation(_deviation(a, axis), axis)),  # of a constant, 0 exactly
        unreduce(out, a.shape, axis, keepdims) * (_count(a.shape, axis) - ddof),
    ),
    kink=lambda a, axis: one_value(a, axis),
)
def std(a: Any, *, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation; of a constant, the zero subgradient."""
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims)


@primitive(a=lambda g, a, out, axis, keepdims: (
    unreduce(g, a.shape, axis, keepdims) * np.exp(a - finite(unreduce(out, a.shape, axis, keepdims)))
))  # fmt: skip
def logsumexp(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(a)))`` without overflow: the largest element is taken out first."""
    largest = np.maximum.reduce(a, axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, np.zeros_like(largest))
    with np.errstate(divide="ignore"):  # all of them -inf
        total = np.log(np.add.reduce(np.exp(a - largest), axis=axis, keepdims=True)) + largest
    return total if keepdims else np.squeeze(total, axis)


nondifferentiable(np.argmax, kink=lambda a, axis: overtaken(a, axis))
nondifferentiable(np.argmin, kink=lambda a, axis: overtaken(-a, axis))
nondifferentiable(np.all, np.count_nonzero, np.nonzero, np.flatnonzero, kink=lambda a: from_zero(a))
nondifferentiable(np.any, kink=lambda a, axis: np.max(from_zero(a), axis, keepdims=True, initial=0))
nondifferentiable(np.isclose, kink=lambda a, b, rtol, atol: np.abs(_excess(a, b, rtol, atol)) / (2 + rtol))
nondifferentiable(
    np.allclose, kink=lambda a, b, rtol, atol: np.abs(np.max(_excess(a, b, rtol, atol), initial=-np.inf)) / (2 + rtol)
)
nondifferentiable(np.array_equal, kink=lambda a1, a2: _to_equality(a1, a2) if np.shape(a1) == np.shape(a2) else np.inf)
nondifferentiable(np.array_equiv, kink=lambda a1, a2: _to_equality(a1, a2))


def _excess(a: Any, b: Any, rtol: float, atol: float) -> Any:
    """By how much the difference is larger than what counts as close."""
    return np.abs(np.subtract(a, b)) - (atol + rtol * np.abs(b))


def _to_equality(a1: Any, a2: Any) -> Any:
    """How far two arrays are from being equal: infinitely, if their shapes do not fit."""
    try:
        return np.max(apart(a1, a2), initial=0)
    except ValueError:
        return np.inf
