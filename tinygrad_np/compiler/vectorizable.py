"""Functions for numba's loops that LLVM can turn into vector instructions: no calls, no branches, no tables.

``exp`` and its kin in the C library compute one number per call. Here they are polynomials: the argument is brought
into a short range (Cody and Waite, 1980, *Software Manual for the Elementary Functions*), there Taylor's series is as
good as any, and powers of two are put together from bits. Errors, against extended precision: ``exp``, ``log`` and
``log1p`` below 1.1 ulps, ``tanh`` below 2.6; ``over_root`` below 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_np._extras import require

__all__ = ["compiled", "exactly", "functions", "maximum", "minimum", "plus"]

numba: Any = require("numba", "numba")

# LLVM has to see that the arrays of a loop do not overlap; by default it gives up where there are more than a few.
import_module("llvmlite.binding").set_option("", "--runtime-memory-check-threshold=256")

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

#: A product may be added without rounding in between; nothing else is taken from IEEE's rules.
compiled: _Decorator = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})


#: Nothing is taken from IEEE's rules.
exactly: _Decorator = numba.njit(nogil=True, error_model="numpy")


@compiled
def maximum(a: Any, b: Any) -> Any:
    """The larger one; NaN, if one is."""
    return a if a >= b or a != a else b


@compiled
def minimum(a: Any, b: Any) -> Any:
    """The smaller one; NaN, if one is."""
    return a if a <= b or a != a else b


_by_estimate: _Decorator = numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "arcp", "ninf"})
_in_any_order: _Decorator = numba.njit(nogil=True, fastmath={"contract", "reassoc"})


@_in_any_order
def plus(a: Any, b: Any) -> Any:
    """A sum, of which the terms may be added in any order."""
    return a + b


@cache
def functions(name: str) -> dict[str, Any]:
    """Return ``exp``, ``tanh``, ``log``, ``log1p`` and ``over_root`` for numbers of a dtype."""
    single = name == "float32"
    kind, whole = (np.float32, np.int32) if single else (np.float64, np.int64)
    fraction, bias = (whole(23), whole(127)) if single else (whole(52), whole(1023))
    head = kind(0.693359375) if single else kind(6.93147180369123816490e-01)  # ln 2, in bits enough for k * head
    tail = kind(math.log(2) - 0.693359375) if single else kind(1.90821492927058770002e-10)
    top, bottom = (kind(88.72283), kind(-104)) if single else (kind(709.782712893384), kind(-746))
    one, two, half, infinity = kind(1), kind(2), kind(0.5), kind(np.inf)
    per_octave, root, least = kind(1 / math.log(2)), kind(math.sqrt(0.5)), kind(np.finfo(kind).tiny)
    saturated = kind(20 if single else 44)  # where tanh(x / 2) rounds to 1
    small = whole(1 << 25 if single else 1 << 54)

    tail_of_exp = compiled(_polynomial([1 / math.factorial(k) for k in range(2, 8 if single else 14)], kind))
    series_of_log = compiled(_polynomial([2 / (2 * k + 3) for k in range(5 if single else 12)], kind))

    @compiled
    def bits_of(x: Any) -> Any:
        found = kind(x)  # numba looks for the dtype right here
        return found.view(whole)

    @compiled
    def from_bits(bits: Any) -> Any:
        found = whole(bits)
        return found.view(kind)

    @compiled
    def power(k: Any) -> Any:
        """``2**k``."""
        return from_bits((whole(k) + bias) << fraction)

    @compiled
    def near_zero(x: Any) -> Any:
        """``k`` and ``exp(r) - 1`` with ``x = k ln 2 + r``."""
        k = np.rint(x * per_octave)
        r = (x - k * head) - k * tail
        return k, r + r * r * tail_of_exp(r)

    @compiled
    def exp(x: Any) -> Any:
        k, p = near_zero(min(max(x, bottom), top))
        first = np.floor(k * half)  # in two steps: 2**k alone may not be a normal number
        found = (one + p) * power(first) * power(k - first)
        found = found if x <= top else infinity
        return found if x == x else x

    @compiled
    def tanh(x: Any) -> Any:
        k, p = near_zero(min(abs(x) * two, saturated))
        scale = power(k)
        m = (scale - one) + scale * p  # exp(2 |x|) - 1
        found = np.copysign(m / (m + two), x)
        return found if x == x else x

    @compiled
    def parts_of(x: Any) -> Any:
        """``e`` and ``m`` between the roots of 1/2 and 2, with ``x = m 2**e``."""
        tiny = x < least
        y = x * kind(small) if tiny else x
        bits = bits_of(y)
        e = kind((bits >> fraction) - bias) - (kind(25 if single else 54) if tiny else kind(0))
        m = from_bits((bits & ((whole(1) << fraction) - whole(1))) | (bias << fraction))
        large = m > two * root
        return (e + one if large else e), (m * half if large else m)

    @compiled
    def log_of(x: Any, lost: Any) -> Any:
        """``log(x + lost)``, where ``lost`` is what rounding has taken from x."""
        e, m = parts_of(x)
        f = m - one
        s = f / (two + f)
        q = s * s
        rest = s * (f - q * series_of_log(q))  # log(1 + f) = f - s (f - ...)
        found = e * head + (f - (rest - (e * tail + lost / x)))
        found = found if x < infinity else x
        return found if x > kind(0) else (-infinity if x == kind(0) else kind(np.nan))

    @compiled
    def log(x: Any) -> Any:
        return log_of(x, kind(0))

    @compiled
    def log1p(x: Any) -> Any:
        u = one + x
        lost = x - (u - one)
        found = log_of(u, lost if u < infinity else kind(0))  # at once, not on one branch: all lanes take the same way
        return found if u != one else x

    @_by_estimate
    def reciprocal(x: Any) -> Any:
        """Processors have an estimate for numbers of 32 bits, and LLVM adds a step of Newton's."""
        return one / x

    @compiled
    def over_root(a: Any, root: Any, b: Any) -> Any:
        """``a / (root + b)``: a division and a root in one loop wait for the same part of the processor."""
        x = root + b
        if single and kind(2**-100) <= b <= kind(2**60):  # a root is at most 2**64, or infinite
            found = reciprocal(x)
            return a * (kind(0) if x == infinity else found)
        return a / x

    return {f"{function.__name__}_{name}": function for function in (exp, tanh, log, log1p, over_root)}


def _polynomial(coefficients: list[float], kind: Any) -> Any:
    """A function that evaluates ``c0 + c1 x + ...`` by Horner's rule, without a loop."""
    text = f"c{len(coefficients) - 1}"
    for k in reversed(range(len(coefficients) - 1)):
        text = f"(c{k} + x * {text})"
    scope: dict[str, Any] = {f"c{k}": kind(c) for k, c in enumerate(coefficients)}
    exec(f"def polynomial(x):\n    return {text}", scope)
    return scope["polynomial"]
