"""Differences, and what is made of them: derivatives and integrals of sampled functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.tools import as_array, cut


def _diff_vjp(g: Any, a_shape: tuple[int, ...], n: int, axis: int) -> Any:
    """Between zeros on both sides, differences are their own adjoint but for the sign."""
    axis %= len(a_shape)
    around = (n, a_shape[axis] - g.shape[axis])
    padded = np.pad(g, [around if i == axis else (0, 0) for i in range(g.ndim)])
    return diff(padded, n=n, axis=axis) * (-1) ** n


@primitive(a=lambda g, a_shape, n, axis: _diff_vjp(g, a_shape, n, axis))
def diff(a: Any, *, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours, ``n`` times."""
    return np.diff(a, n, axis)


@composite(np.diff)
def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    if n == 0:
        return a
    a = as_array(a)
    parts = [a]
    for more, place in ((prepend, 0), (append, 2)):
        if more is not np._NoValue:
            edge = tuple(1 if i == axis % a.ndim else m for i, m in enumerate(a.shape))
            parts.insert(place, more if np.ndim(more) else np.broadcast_to(more, edge))
    return diff(np.concatenate(parts, axis) if len(parts) > 1 else a, n=n, axis=axis)


@composite(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours in the flattened array, with something in front and behind."""
    found = diff(np.ravel(ary)) if np.size(ary) else np.ravel(ary)
    parts = [found]
    for more, place, name in ((to_begin, 0, "to_begin"), (to_end, 2, "to_end")):
        if more is not None:
            if not np.can_cast(np.result_type(more), found.dtype, "same_kind") and np.ndim(more):
                raise TypeError(f"ediff1d: {name} of dtype {np.result_type(more)} does not go into {found.dtype}")
            parts.insert(place, np.ravel(as_array(more).astype(found.dtype)))
    return np.concatenate(parts) if len(parts) > 1 else found


@composite(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Integral of the polygon through the points."""
    y = as_array(y)
    if x is not None:
        dx = np.diff(x) if np.ndim(x) == 1 else np.diff(x, axis=axis)
        if np.ndim(x) == 1:
            dx = np.reshape(dx, (-1, *(1,) * (y.ndim - axis % y.ndim - 1)))
    return np.sum(dx * (cut(y, 1, None, axis) + cut(y, None, -1, axis)) / 2.0, axis)


# --- derivatives of sampled functions
@composite(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Derivatives by second-order differences inside, of the first or second order at the edges."""
    f = as_array(f)
    f = f.astype(np.float64) if f.dtype.kind in "iu" else f
    axes = range(f.ndim) if axis is None else [int(i) % f.ndim for i in np.atleast_1d(axis)]
    if not varargs:
        varargs = (1.0,)
    if len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        varargs = varargs * len(axes)
    if len(varargs) != len(axes):
        raise TypeError(f"gradient along {len(axes)} axes takes one spacing, or one for each; {len(varargs)} are given")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order is 1 or 2, not {edge_order}")
    found = tuple(_slope(f, spacing, i, edge_order) for i, spacing in zip(axes, varargs, strict=True))
    return found if len(found) != 1 else found[0]


def _slope(f: Any, spacing: Any, axis: int, edge_order: int) -> Any:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"gradient of order {edge_order} at the edges takes more than {n} elements along axis {axis}")
    if np.ndim(spacing) > 1 or (np.ndim(spacing) == 1 and np.shape(spacing) != (n,)):
        raise ValueError(f"gradient takes one distance or {n} places along axis {axis}, not shape {np.shape(spacing)}")

    def at(first: int, last: int | None) -> Any:
        return cut(f, first, last, axis)

    if np.ndim(spacing) == 0:
        h = spacing if isinstance(spacing, int | float | complex) else spacing.astype(f.dtype)
        inside = (at(2, None) - at(0, -2)) / (2.0 * h)
        before = after = h, h
    else:
        h = np.diff(as_array(spacing)).astype(f.dtype)
        h = np.reshape(h, (n - 1, *(1,) * (f.ndim - axis - 1)))
        left, right = h[:-1], h[1:]
        a, b, c = -right / (left * (left + right)), (right - left) / (left * right), left / (right * (left + right))
        inside = a * at(0, -2) + b * at(1, -1) + c * at(2, None)
        before, after = (h[0], h[1 % len(h)]), (h[-1], h[-2 % len(h)])
    if edge_order == 1:
        ends = [(at(1, 2) - at(0, 1)) / before[0], (at(-1, None) - at(-2, -1)) / after[0]]
    else:
        ends = [_edge(at(0, 1), at(1, 2), at(2, 3), *before), -_edge(at(-1, None), at(-2, -1), at(-3, -2), *after)]
    return np.concatenate([ends[0], inside, ends[1]], axis).astype(f.dtype)


def _edge(f0: Any, f1: Any, f2: Any, h1: Any, h2: Any) -> Any:
    """Slope at the first of three places, ``h1`` and ``h2`` apart, of the parabola through them."""
    return -(2 * h1 + h2) / (h1 * (h1 + h2)) * f0 + (h1 + h2) / (h1 * h2) * f1 - h1 / (h2 * (h1 + h2)) * f2
