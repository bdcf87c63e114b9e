"""Running sums, running products, and ``ufunc.accumulate`` in general: linear time, forwards and backwards.

Behind all of them stands one recurrence. Where ``out[i] = f(out[i-1], a[i])``, what ``out[i]`` is worth is its own
cotangent and what the next one is worth through it, ``s[i] = g[i] + f_x(out[i], a[i+1]) * s[i+1]``; then ``a[i]`` is
worth ``f_y(out[i-1], a[i]) * s[i]``. The partial derivatives ``f_x`` and ``f_y`` stand in the table already.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive, table
from tinygrad_np.rules.tools import as_array, cut

_EXTREMA = (np.maximum, np.minimum, np.fmax, np.fmin)


def _backwards(a: Any, g: Any, axis: int) -> Any:
    """Solve ``s[i] = g[i] + a[i] * s[i+1]``."""
    return np.flip(recurrence(np.flip(a, axis), np.flip(g, axis), axis=axis), axis)


@primitive(
    a=lambda g, a, out, axis: cut(_backwards(a, g, axis), 1, None, axis) * cut(out, None, -1, axis),
    b=lambda g, a, axis: _backwards(a, g, axis),
)
def recurrence(a: Any, b: Any, *, axis: int = -1) -> Any:
    """Solve ``x[0] = b[0]``, ``x[i] = b[i] + a[i-1] * x[i-1]`` along an axis.

    Of many lines together, one step after the other; of few, by cyclic reduction. Nothing divides, so zeros among the
    coefficients do no harm.
    """
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    many = isinstance(b, np.ndarray) and b.size >= 64 * len(b)  # then a step of Python is little beside its work
    return np.moveaxis((_step_by_step if many else _by_cyclic_reduction)(a, b), 0, axis)


def _step_by_step(a: Any, b: Any) -> Any:
    x = np.empty(b.shape, np.result_type(a, b))
    x[:1] = b[:1]
    for i in range(1, len(b)):
        np.multiply(a[i - 1], x[i - 1], out=x[i])
        x[i] += b[i]
    return x


def _by_cyclic_reduction(a: Any, x: Any) -> Any:
    """Hockney (1965): eliminating every other unknown leaves a recurrence of half the length.

    In all that is linear time in logarithmically many steps.
    """
    levels = []
    while (odd := len(x) // 2) > 0:
        levels.append((a, x))
        x = x[1::2] + a[0::2] * x[0::2][:odd]
        a = a[1::2][: odd - 1] * a[2::2]
    for a, b in reversed(levels):
        odd = len(x)
        even = np.concatenate([b[:1], b[2::2] + a[1::2] * x[: len(b) - 1 - odd]])
        pairs = np.stack([even[:odd], x], 1).reshape((2 * odd, *x.shape[1:]))
        x = np.concatenate([pairs, even[odd:]]) if len(b) % 2 else pairs
    return x


def _slopes(ufunc: np.ufunc, a: Any, out: Any, axis: int) -> list[Any]:
    """The partial derivatives of each step of ``ufunc.accumulate``, by what is there already and by what comes."""
    x, y, result = cut(out, None, -1, axis), cut(a, 1, None, axis), cut(out, 1, None, axis)
    if ufunc in _EXTREMA:  # equal shares to all elements so far that attain it, where step by step halves would do
        attains = ((a == out) | ((a != a) & (out != out))).astype(out.dtype)
        stays = (x == result) | ((x != x) & (result != result))
        share = cut(attains / recurrence(stays, attains, axis=axis), 1, None, axis)
        return [1 - share, share]
    arrays, one = (x, y, result), np.ones_like(result)
    return [
        np.zeros_like(result) if vjp is None else vjp.rule(one, *(arrays[i] for i in vjp.needs))
        for vjp in table[ufunc].vjps
    ]


def _least_margin(a: Any, out: Any, ufunc: np.ufunc, axis: int) -> Any:
    """That of all steps: of what is there already, and of what comes."""
    x, y, result = cut(out, None, -1, axis), cut(a, 1, None, axis), cut(out, 1, None, axis)
    margins = np.broadcast_to(table[ufunc].margin((x, y), result, {}), y.shape)
    return np.min(margins, axis, keepdims=True, initial=np.inf)


def _accumulate_vjp(g: Any, a: Any, out: Any, ufunc: np.ufunc, axis: int) -> Any:
    if a.shape[axis] < 2:
        return g
    by_x, by_y = _slopes(ufunc, a, out, axis)
    worth = _backwards(by_x, g, axis)
    return np.concatenate([cut(worth, None, 1, axis), cut(worth, 1, None, axis) * by_y], axis)


@primitive(a=_accumulate_vjp, kink=lambda a, out, ufunc, axis: _least_margin(a, out, ufunc, axis))
def accumulate(a: Any, *, ufunc: np.ufunc, axis: int = 0) -> Any:
    """``ufunc.accumulate`` of any binary function in the table."""
    return ufunc.accumulate(a, axis)


@primitive(a=lambda g, axis: np.flip(np.cumsum(np.flip(g, axis), axis), axis))
def cumsum(a: Any, *, axis: int) -> Any:
    """Running sum."""
    return np.cumsum(a, axis)


def _lined_up(a: Any, axis: int | None, dtype: Any) -> tuple[Any, int]:
    a = as_array(a) if dtype is None else as_array(a).astype(dtype)
    return (np.ravel(a), 0) if axis is None or a.ndim == 0 else (a, axis)


@composite(np.cumsum)
def _cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    a, axis = _lined_up(a, axis, dtype)
    return cumsum(a, axis=axis)


@composite(np.cumprod)
def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running product."""
    a, axis = _lined_up(a, axis, dtype)
    return accumulate(a, ufunc=np.multiply, axis=axis)


@composite(np.nancumsum)
def nancumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sum, NaN counting as 0."""
    return _cumsum(np.where(np.isnan(a), 0, a), axis, dtype)


@composite(np.nancumprod)
def nancumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running product, NaN counting as 1."""
    return cumprod(np.where(np.isnan(a), 1, a), axis, dtype)


@composite(np.cumulative_sum)
def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running sum, with a 0 in front on demand."""
    return _cumulative(_cumsum, x, axis, dtype, include_initial, 0)


@composite(np.cumulative_prod)
def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running product, with a 1 in front on demand."""
    return _cumulative(cumprod, x, axis, dtype, include_initial, 1)


def _cumulative(function: Any, x: Any, axis: int | None, dtype: Any, include_initial: bool, initial: int) -> Any:
    x = np.atleast_1d(x)
    if axis is None and x.ndim > 1:
        raise ValueError(f"an array of shape {x.shape} has several axes: pass axis=")
    axis = 0 if axis is None else axis
    found = function(x, axis, dtype)
    if include_initial:
        shape = tuple(1 if i == axis % x.ndim else n for i, n in enumerate(found.shape))
        found = np.concatenate([np.full_like(found, initial, shape=shape), found], axis)
    return found
