"""Signals: interpolation, convolution, correlation, and the functions ``unwrap``, ``sinc`` and ``i0``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.kinks import between, nearest, to_multiple
from tinygrad_np.rules.selection import take_along_axis
from tinygrad_np.rules.tools import as_array, known


# --- interpolation
@primitive(x=None, xp=None, kink=lambda x, xp: between(x, xp[1:-1]))
def _segment(x: Any, xp: Any) -> Any:
    """The number of the segment of the polygon above each ``x``; a knot belongs to the segment on its right."""
    return np.clip(np.searchsorted(xp, x, "right") - 1, 0, max(len(xp) - 2, 0))


@composite(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Linear interpolation, with derivatives by the place, the knots and the values.

    At a knot, the derivative by ``x`` is the slope of the segment on the right; at the last one, of that on the left.
    """
    x, xp, fp = (_float(a) for a in (x, xp, fp))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ValueError(f"interp: knots and values are two vectors of one length, not {xp.shape} and {fp.shape}")
    if period is not None:
        if known(period == 0):
            raise ValueError("interp: the period must not be 0")
        period, left, right = np.absolute(period), None, None
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - period, xp, xp[:1] + period])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
    left, right = fp[0] if left is None else left, fp[-1] if right is None else right
    if xp.size == 1:
        inner = np.where(np.isnan(x), x, fp[0])
    else:
        i, run = _segment(x, xp), xp[1:] - xp[:-1]
        slopes = _at(i, quotient(np.where(run == 0, 0, fp[1:] - fp[:-1]), run))
        i = i + (x == xp[-1])  # from the end, the last knot is reached exactly
        inner = slopes * (x - _at(i, xp)) + _at(i, fp)
    return np.where(x < xp[0], left, np.where(x > xp[-1], right, inner))


def _at(places: Any, values: Any) -> Any:
    return np.reshape(take_along_axis(values, np.reshape(places, -1), axis=0), places.shape)


def _float(a: Any) -> Any:
    a = as_array(a)
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


# --- convolution
def _in_full(g: Any, a_shape: tuple[int, ...], v_shape: tuple[int, ...], mode: str) -> Any:
    """The cotangent of a part of the convolution, with zeros for the rest."""
    n, m = a_shape[0], v_shape[0]
    if mode == "full":
        return g
    before = (min(n, m) - 1) // (2 if mode == "same" else 1)
    return np.pad(g, (before, n + m - 1 - before - g.shape[0]))


@primitive(
    a=lambda g, v, a_shape, v_shape, mode: np.convolve(_in_full(g, a_shape, v_shape, mode), np.flip(v), "valid"),
    v=lambda g, a, a_shape, v_shape, mode: np.convolve(_in_full(g, a_shape, v_shape, mode), np.flip(a), "valid"),
)
def convolve(a: Any, v: Any, *, mode: str = "full") -> Any:
    """Convolution of two sequences."""
    return np.convolve(a, v, mode)


@composite(np.convolve)
def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    return convolve(np.atleast_1d(a), np.atleast_1d(v), mode=_mode(mode))


@composite(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Correlation of two sequences: convolution with the second one reversed and conjugated."""
    a, v, mode = np.atleast_1d(a), np.atleast_1d(v), _mode(mode)
    v = np.conj(v) if v.dtype.kind == "c" else v
    if a.shape[0] >= v.shape[0]:
        return convolve(a, np.flip(v), mode=mode)
    return np.flip(convolve(v, np.flip(a), mode=mode))  # as NumPy does: it matters for the middle in mode "same"


def _mode(mode: Any) -> str:
    for i, name in enumerate(("valid", "same", "full")):
        if mode == i or (isinstance(mode, str) and mode.lower() in (name, name[0])):
            return name
    raise ValueError(f"mode must be one of 'valid', 'same', 'full', not {mode!r}")


# --- functions
@primitive(np.unwrap, p=lambda g: g, kink=lambda p, discont, axis, period: _to_other_turn(p, discont, axis, period))
def unwrap(p: Any, *, discont: Any = None, axis: int = -1, period: float = 2 * np.pi) -> Any:
    """Add multiples of the period, which are locally constant, so that there are no jumps."""
    return np.unwrap(p, discont, axis, period=period)


def _to_other_turn(p: Any, discont: Any, axis: int, period: float) -> Any:
    step, least = np.abs(np.diff(p, axis=axis)), max(discont or 0, period / 2)
    ahead = np.where(step < least, least - step, nearest(step - least, to_multiple(step, period, period / 2)))
    return np.min(ahead, axis, keepdims=True, initial=np.inf) / 2


@primitive(x=lambda g, x, order: g * sinc(x, order=order + 1))
def sinc(x: Any, *, order: int = 0) -> Any:
    """``sin(pi x) / (pi x)``, or its derivative of any order.

    Of ``f(z) = sin(z) / z``, ``z f = sin z`` differentiated k times is ``z f^(k) + k f^(k-1) = sin^(k)(z)``; that gives
    one derivative after the other. Near zero, where it would lose digits, the power series does.
    """
    if order == 0:
        return np.sinc(x)
    z = x * float(np.pi)
    near = np.absolute(z) < max(2, order)
    far = np.where(near, 1, z)
    found = np.sin(far) / far
    for k in range(1, order + 1):
        found = (np.sin(far + float(k * np.pi / 2)) - k * found) / far
    z = np.where(near, z, 0)
    square, series = z * z, 0.0
    for n in range(order + 15, (order - 1) // 2, -1):  # terms (-1)^n z^(2n-k) / ((2n+1) (2n-k)!), the last one first
        ratio = 1.0 / ((2 * n + 2 - order) * (2 * n + 1 - order))
        series = (-1) ** n / (2 * n + 1) + series * square * ratio
    return np.where(near, series * z ** (order % 2), found) * float(np.pi) ** order


@composite(np.sinc)
def _sinc(x: Any) -> Any:
    return sinc(x, order=0)


@primitive(x=lambda g, x, order: g * i0(x, order=order + 1))
def i0(x: Any, *, order: int = 0) -> Any:
    """Modified Bessel function of order 0, or its derivative of any order.

    That is the integral of ``cos(t)^k cosh(x cos(t))`` (for odd k: ``sinh``) over a quarter turn, times ``2 / pi``. All
    that is integrated has one sign and is periodic, so the midpoint rule converges exponentially and loses no digits.
    """
    if order == 0:
        return np.i0(x)
    nodes = order + next((n for n in (32, 64) if known(np.all(np.absolute(x) <= (n / 4 - 4) ** 2))), 128)
    cosines = [float(c) for c in np.cos((np.arange(nodes) + 0.5) * (np.pi / 2 / nodes))]
    function = np.sinh if order % 2 else np.cosh
    return sum(c**order * function(x * c) for c in cosines) / nodes


@composite(np.i0)
def _i0(x: Any) -> Any:
    if x.dtype.kind == "c":
        raise TypeError("i0 takes real numbers only")
    return i0(x if x.dtype.kind == "f" else x.astype(np.float64), order=0)
