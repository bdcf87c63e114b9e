"""Sums as products with ones: BLAS adds up the rows of a batch faster than ``np.add.reduce``."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_np.compiler.kinds import is_contraction, is_elementwise, reduced_axes, reducing_ufunc, scalar_of
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, constant, rewrite, size

__all__ = ["with_sums_as_products"]

_LONGEST = 4096  # BLAS adds in a few running sums, NumPy in pairs: beyond this, its error would show


def with_sums_as_products(program: Program) -> Program:
    """Write a sum over the first axes as ``ones @ x``, over the last as ``x @ ones``, over all as their dot product.

    The terms are added in another order: the result differs by the rounding of a sum of that length.
    """
    ones: dict[tuple[int, str], Value] = {}

    def rule(value: Value, call: Call) -> Value | None:
        return _product(value, call, ones) or _scaled(value, call)

    return rewrite(program, rule)


def _scaled(value: Value, call: Call) -> Value | None:
    """``c (ones @ x) = (c ones) @ x``, where the product is one number."""
    if value.function not in (np.multiply, np.divide) or value.shape or not is_elementwise(value):
        return None
    for total, factor in (value.args, value.args[::-1]):
        c = scalar_of(factor)
        if c is None or not isinstance(total, Value) or not is_contraction(total) or total.dtype != value.dtype:
            continue
        ones, x = total.args
        if ones.array is None or len(ones.shape) != 1 or (ones.array != 1).any() or not np.isfinite(c):
            continue
        if value.function is np.multiply or (factor is value.args[1] and c != 0):
            weights = ones.array * c if value.function is np.multiply else ones.array / c
            return call(np.matmul, constant(weights.astype(value.dtype)), x, shape=(), dtype=value.dtype)
    return None


def _product(value: Value, call: Call, known: dict[tuple[int, str], Value]) -> Value | None:
    if reducing_ufunc(value) is not np.add or value.dtype.char not in "fd" or value.args[0].dtype != value.dtype:
        return None
    x, axes = value.args[0], reduced_axes(value)
    n, k, rank = math.prod(x.shape[i] for i in axes), len(axes), len(x.shape)
    if not 2 <= n <= _LONGEST or size(x) == 0:
        return None
    rest, kind = size(x) // n, (n, value.dtype.char)
    ones = known.setdefault(kind, known.get(kind) or constant(np.ones(n, value.dtype)))

    def reshaped(x: Value, *shape: int) -> Value:
        return x if x.shape == shape else call(np.reshape, x, shape, shape=shape, dtype=x.dtype)

    def product(a: Value, b: Value, *shape: int) -> Value:
        return call(np.matmul, a, b, shape=shape, dtype=value.dtype)

    if k == rank:
        total = product(ones, reshaped(x, n))
    elif axes == tuple(range(k)):
        total = product(ones, reshaped(x, n, rest), rest)
    elif axes == tuple(range(rank - k, rank)):
        total = product(reshaped(x, rest, n), ones, rest)
    else:
        return None
    return reshaped(total, *value.shape)
