"""SciPy's special functions, on Tensors.

Most of them are ufuncs, which dispatch by themselves: ``scipy.special.gamma(t)`` is a Tensor with a gradient, and
``tinygrad_np.special.gamma`` is the same function. Those that SciPy has written in Python turn their arguments into
plain arrays; they are given here again, with SciPy's signatures.

It needs SciPy: ``pip install 'tinygrad_np[scipy]'``.

Examples
--------
>>> import scipy.special
>>> from tinygrad_np import Tensor, grad, special
>>> grad(scipy.special.gammaln)(2.0)  # psi(2) = 1 - 0.5772...
Tensor(0.42278434, dtype=float64)
>>> special.gammaln is scipy.special.gammaln
True
>>> special.logsumexp(Tensor([0.0, 0.0], requires_grad=True))
Tensor(0.69314718, dtype=float64, made by logsumexp)
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_np._extras import require
from tinygrad_np.rules import neural, reductions
from tinygrad_np.tensor import Tensor

__all__ = ["factorial", "log_softmax", "logsumexp", "multigammaln", "polygamma", "sinc", "softmax"]

Axis = int | tuple[int, ...] | None

sinc = np.sinc


def polygamma(n: int, x: Any) -> Any:
    """Return the ``n``-th derivative of psi, which is the derivative of the logarithm of gamma.

    Parameters
    ----------
    n : int
        Not negative.
    x : array_like

    Examples
    --------
    >>> polygamma(1, np.array([1.0]))  # pi^2 / 6
    array([1.64493407])
    """
    if not isinstance(n, int | np.integer) or n < 0:
        raise ValueError(f"polygamma takes an order n of 0, 1, 2 ..., not {n!r}")
    return _rules().polygamma(_array(x), n=int(n))


def multigammaln(a: Any, d: int) -> Any:
    """Return the logarithm of the multivariate gamma function of dimension ``d``.

    ``d (d - 1) / 4 log(pi) + sum(gammaln(a + (1 - j) / 2) for j in 1 ... d)``, for ``a > (d - 1) / 2`` (Muirhead, 1982,
    *Aspects of Multivariate Statistical Theory*, theorem 2.1.12).

    Examples
    --------
    >>> multigammaln(np.array([3.0]), 2)  # log(sqrt(pi) gamma(3) gamma(5/2))
    array([1.55019499])
    """
    a = _array(a)
    if d < 1 or np.any(a <= 0.5 * (d - 1)):
        raise ValueError(f"multigammaln of dimension d={d} is defined for a > {0.5 * (d - 1)}")
    gammaln = _ufuncs().gammaln
    return sum(gammaln(a - 0.5 * j) for j in range(d)) + d * (d - 1) / 4 * math.log(math.pi)


def factorial(n: Any) -> Any:
    """Return ``gamma(n + 1)``, and 0 for negative ``n``: the factorial of numbers of any kind."""
    n = _array(n)
    negative = n < 0
    return np.where(negative, 0, _ufuncs().gamma(np.where(negative, 0, n) + 1))


def logsumexp(a: Any, axis: Axis = None, b: Any = None, keepdims: bool = False) -> Any:
    """Return ``log(sum(b * exp(a)))`` without overflow.

    Parameters
    ----------
    a, b : array_like
        ``b`` broadcasts against ``a``; the sum must be positive.

    Examples
    --------
    >>> logsumexp(np.array([1000.0, 1000.0]), b=np.array([1.0, 3.0]))
    array(1001.38629436)
    """
    a = _array(a)
    if b is None:
        return reductions.logsumexp(a, axis=axis, keepdims=keepdims)
    weights = _array(b)
    a, weights = np.broadcast_arrays(a, weights)
    unused = weights == 0
    shift = np.max(np.where(unused, -np.inf, a), axis=axis, keepdims=True)
    shift = shift.detach() if isinstance(shift, Tensor) else shift  # taken out and put back: it has no influence
    shift = np.where(np.isfinite(shift), shift, 0)
    total = np.sum(weights * np.exp(np.where(unused, shift, a) - shift), axis=axis, keepdims=True)
    result = np.log(total) + shift
    return result if keepdims else np.squeeze(result, axis)


def softmax(x: Any, axis: Axis = None) -> Any:
    """Return ``exp(x) / sum(exp(x))``; as in SciPy, over all axes unless one is given."""
    x = _array(x)
    return neural.softmax(x, axis=_every(x, axis))


def log_softmax(x: Any, axis: Axis = None) -> Any:
    """Return the logarithm of :func:`softmax`."""
    x = _array(x)
    return neural.log_softmax(x, axis=_every(x, axis))


def _rules() -> Any:
    require("scipy.special", "scipy")
    return import_module("tinygrad_np.rules.special")


def _ufuncs() -> Any:
    return _rules().sc


def _array(x: Any) -> Any:
    return x if hasattr(x, "dtype") else np.asarray(x)


def _every(x: Any, axis: Axis) -> Any:
    return tuple(range(x.ndim)) if axis is None else axis


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(_ufuncs(), name)
    except ImportError as error:
        raise AttributeError(f"{__name__}.{name}: {error}") from None
