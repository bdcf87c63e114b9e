"""Elementwise operations: arithmetic, powers, exponentials, trigonometry, rounding, comparison.

Kinks and singular points (one documented choice each, see docs/derivatives.md): ``maximum`` and its kin share
equally among ties; ``absolute`` and ``hypot`` have the zero subgradient at 0. A cotangent that is exactly zero
stays zero through a pole (:func:`quotient`), so ``np.where(x > 0, np.sqrt(x), 0)`` is differentiable at 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, define, nondifferentiable, primitive


@primitive(
    x=lambda g, x, y: quotient(np.where((x == 0) & (y == 0), 0, g), y),
    y=lambda g, y, out: -quotient(g * out, y),
)
def quotient(x: Any, y: Any) -> Any:
    """``x / y``, and 0 wherever ``x`` is 0, even over ``y = 0``: a zero cotangent stays zero through a pole.

    At 0 / 0 the derivatives are 0, too: second derivatives of norms at their singular point are finite.
    """
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    return np.divide(x, y, out=np.zeros_like(x, np.result_type(x, y), shape=shape), where=x != 0)


# fmt: off
# --- arithmetic
define(np.add,          x=lambda g: g,
                        y=lambda g: g)
define(np.subtract,     x=lambda g: g,
                        y=lambda g: -g)
define(np.multiply,     x=lambda g, y: g * y,
                        y=lambda g, x: g * x)
define(np.divide,       x=lambda g, y: quotient(g, y),
                        y=lambda g, x, y: -quotient(quotient(g, y) * x, y))
define(np.positive,     x=lambda g: g)
define(np.negative,     x=lambda g: -g)
define(np.reciprocal,   x=lambda g, x: -quotient(g, x * x))
define(np.absolute,     x=lambda g, x: g * slope_of_size(x),
                        kink=lambda x: np.abs(x))
define(np.conjugate,    x=lambda g: np.conj(g))
define(np.fabs,         x=lambda g, x: g * np.sign(x))
define(np.remainder,    x=lambda g: g,
                        y=lambda g, x, y: -g * np.floor_divide(x, y))
define(np.fmod,         x=lambda g: g,
                        y=lambda g, x, y: -g * np.trunc(x / y))
define(np.copysign,     x=lambda g, x, out: g * np.sign(x) * np.sign(out),
                        y=None)
define(np.nextafter,    x=lambda g: g,
                        y=None)
define(np.ldexp,        x=lambda g, i: np.ldexp(g, i),
                        i=None)
define(np.hypot,        x=lambda g, x, out: quotient(g * x, out),
                        y=lambda g, y, out: quotient(g * y, out))

# --- powers and roots
define(np.power,        x=lambda g, x, y: g * _slope_of_power(g, x, y),
                        y=lambda g, x, out: g * out * np.log(np.where(x == 0, np.ones_like(out), x)))
define(np.float_power,  x=lambda g, x, y: g * _slope_of_power(g, x, y),
                        y=lambda g, x, out: g * out * np.log(np.where(x == 0, np.ones_like(out), x)))
define(np.square,       x=lambda g, x: g * 2 * x)
define(np.sqrt,         x=lambda g, out: quotient(g, 2 * out))
define(np.cbrt,         x=lambda g, out: quotient(g, 3 * out * out))

# --- exponentials and logarithms
define(np.exp,          x=lambda g, out: g * out)
define(np.exp2,         x=lambda g, out: g * out * float(np.log(2)))
define(np.expm1,        x=lambda g, out: g * (out + 1))
define(np.log,          x=lambda g, x: quotient(g, x))
define(np.log2,         x=lambda g, x: quotient(g, x * float(np.log(2))))
define(np.log10,        x=lambda g, x: quotient(g, x * float(np.log(10))))
define(np.log1p,        x=lambda g, x: quotient(g, 1 + x))
define(np.logaddexp,    x=lambda g, x, out: g * np.exp(x - finite(out)),
                        y=lambda g, y, out: g * np.exp(y - finite(out)))
define(np.logaddexp2,   x=lambda g, x, out: g * np.exp2(x - finite(out)),
                        y=lambda g, y, out: g * np.exp2(y - finite(out)))

# --- trigonometry
define(np.sin,          x=lambda g, x: g * np.cos(x))
define(np.cos,          x=lambda g, x: -g * np.sin(x))
define(np.tan,          x=lambda g, out: g * (1 + out * out))
define(np.arcsin,       x=lambda g, x: quotient(g, np.sqrt((1 - x) * (1 + x))))
define(np.arccos,       x=lambda g, x: -quotient(g, np.sqrt((1 - x) * (1 + x))))
define(np.arctan,       x=lambda g, x: g / (1 + x * x))
define(np.arctan2,      x=lambda g, x, y: quotient(g * y, x * x + y * y),
                        y=lambda g, x, y: -quotient(g * x, x * x + y * y))
define(np.sinh,         x=lambda g, x: g * np.cosh(x))
define(np.cosh,         x=lambda g, x: g * np.sinh(x))
define(np.tanh,         x=lambda g, out: g * (1 - out * out))
define(np.arcsinh,      x=lambda g, x: g / np.sqrt(1 + x * x))
define(np.arccosh,      x=lambda g, x: quotient(g, np.sqrt((x - 1) * (x + 1))))
define(np.arctanh,      x=lambda g, x: quotient(g, (1 - x) * (1 + x)))
define(np.degrees,      x=lambda g: g * (180 / np.pi))
define(np.rad2deg,      x=lambda g: g * (180 / np.pi))
define(np.radians,      x=lambda g: g * (np.pi / 180))
define(np.deg2rad,      x=lambda g: g * (np.pi / 180))

# --- choice: ties share equally; what fmax and fmin ignore (NaN) gets nothing
define(np.maximum,      x=lambda g, x, y: g * (x > y) + g / 2 * (x == y),
                        y=lambda g, x, y: g * (y > x) + g / 2 * (x == y))
define(np.minimum,      x=lambda g, x, y: g * (x < y) + g / 2 * (x == y),
                        y=lambda g, x, y: g * (y < x) + g / 2 * (x == y))
define(np.fmax,         x=lambda g, x, y: g * ((x > y) | np.isnan(y)) + g / 2 * (x == y),
                        y=lambda g, x, y: g * ((y > x) | np.isnan(x)) + g / 2 * (x == y))
define(np.fmin,         x=lambda g, x, y: g * ((x < y) | np.isnan(y)) + g / 2 * (x == y),
                        y=lambda g, x, y: g * ((y < x) | np.isnan(x)) + g / 2 * (x == y))
define(np.heaviside,    x=None,
                        y=lambda g, x: g * (x == 0))
where = define(np.where, condition=None,
                        x=lambda g, condition: np.where(condition, g, 0),
                        y=lambda g, condition: np.where(condition, 0, g))
# fmt: on


@composite(np.where)
def _where(condition: Any, *x_and_y: Any) -> Any:
    return where(condition, *x_and_y) if x_and_y else np.nonzero(condition)


def slope_of_size(x: Any) -> Any:
    """The derivative of ``|x|``: the sign, or the conjugate of the phase, which varies; at 0 both are 0."""
    if x.dtype.kind != "c":
        return np.sign(x)
    zero = x == 0
    return np.where(zero, 0, np.conj(x)) / np.where(zero, 1, np.absolute(x))


def _slope_of_power(g: Any, x: Any, y: Any) -> Any:
    """``y * x ** (y - 1)``: 0 where y is 0, and a zero cotangent never meets the pole of a power below 1."""
    pole = (x == 0) & ((y == 0) | ((y < 1) & (g == 0)))
    return y * np.where(pole, 1, x) ** (y - 1)


def finite(a: Any) -> Any:
    """``a``, but no less than the least finite number: -inf - -inf would be NaN."""
    return np.maximum(a, float(np.finfo(a.dtype).min))


@composite(np.divmod)
def divmod(x1: Any, x2: Any, /) -> Any:
    """Quotient and remainder of a division towards minus infinity."""
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@composite(np.modf)
def modf(x: Any, /) -> Any:
    """Fractional and integral part, both with the sign of ``x``."""
    return np.fmod(np.where(np.isinf(x), 0, x), 1.0), np.trunc(x)


@primitive(x=None)
def exponent(x: Any) -> Any:
    """The ``e`` of ``x = m * 2**e`` with ``1/2 <= abs(m) < 1``."""
    return np.frexp(x)[1]


@composite(np.frexp)
def frexp(x: Any, /) -> Any:
    """Mantissa and exponent: between powers of two the exponent is constant."""
    e = exponent(x)
    return np.ldexp(x, -e), e


@primitive(
    np.clip,
    a=lambda g, a, a_min, a_max: g * ((a >= a_min) & (a <= a_max) & (a_min < a_max)),
    a_min=lambda g, a, a_min, a_max: g * ((a < a_min) & (a_min < a_max)),
    a_max=lambda g, a, a_min, a_max: g * ((a > a_max) | (a_min >= a_max)),
)
def clip(a: Any, a_min: Any, a_max: Any) -> Any:
    """Limit the values. At a limit itself the gradient passes, as in PyTorch."""
    return np.clip(a, a_min, a_max)


@composite(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    dtype = np.result_type(*(operand for operand in (a, low, high) if operand is not None))
    return clip(a, _least(dtype) if low is None else low, _most(dtype) if high is None else high)


def _least(dtype: np.dtype[Any]) -> float:
    return -np.inf if dtype.kind == "f" else dtype.kind != "b" and int(np.iinfo(dtype).min)


def _most(dtype: np.dtype[Any]) -> float:
    return np.inf if dtype.kind == "f" else dtype.kind == "b" or int(np.iinfo(dtype).max)


_ufunc: np.ufunc
# Piecewise constant: there is nothing to differentiate, so the result does not require a gradient.
for _ufunc in (
    np.floor, np.ceil, np.trunc, np.rint, np.sign, np.signbit, np.spacing, np.isnan, np.isinf, np.isfinite,
    np.logical_not, np.invert, np.bitwise_count,
):  # fmt: skip
    define(_ufunc, x=None)
for _ufunc in (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.floor_divide,
    np.logical_and, np.logical_or, np.logical_xor, np.bitwise_and, np.bitwise_or, np.bitwise_xor,
    np.left_shift, np.right_shift, np.gcd, np.lcm,
):  # fmt: skip
    define(_ufunc, x=None, y=None)
nondifferentiable(np.round, np.around, np.fix)
