"""Activation functions, and the softmax family."""

from __future__ import annotations

import numpy as np

from tinygrad_np.functional._operands import T
from tinygrad_np.primitives import table
from tinygrad_np.rules import neural
from tinygrad_np.rules.reductions import Axis

__all__ = [
    "gelu", "leaky_relu", "log_softmax", "logsumexp", "relu", "sigmoid", "silu", "softmax", "softplus", "tanh",
]  # fmt: skip


def relu(x: T) -> T:
    """Rectified linear unit, ``max(x, 0)``; its derivative at 0 is 0.

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return neural.relu(x)  # type: ignore[no-any-return]


def leaky_relu(x: T, negative_slope: float = 0.01) -> T:
    """``x`` where it is positive, else ``negative_slope * x``; its derivative at 0 is ``negative_slope``."""
    return neural.leaky_relu(x, negative_slope=float(negative_slope))  # type: ignore[no-any-return]


def sigmoid(x: T) -> T:
    """Logistic function, ``1 / (1 + exp(-x))``, without overflow.

    Examples
    --------
    >>> sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    return neural.sigmoid(x)  # type: ignore[no-any-return]


def tanh(x: T) -> T:
    """Hyperbolic tangent; the same as ``np.tanh``."""
    return table[np.tanh](x)  # type: ignore[no-any-return]


def gelu(x: T) -> T:
    """Gaussian error linear unit, in its tanh form.

    ``0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`` (Hendrycks and Gimpel, 2016), which is within 5e-4 of
    ``x Phi(x)``: PyTorch's ``gelu(x, approximate="tanh")``.
    """
    return neural.gelu(x)  # type: ignore[no-any-return]


def silu(x: T) -> T:
    """Sigmoid linear unit or swish, ``x * sigmoid(x)``."""
    return neural.silu(x)  # type: ignore[no-any-return]


def softplus(x: T) -> T:
    """``log(1 + exp(x))``, without overflow: a smooth relu, whose derivative is the sigmoid."""
    return neural.softplus(x)  # type: ignore[no-any-return]


def softmax(x: T, axis: int = -1) -> T:
    """``exp(x) / sum(exp(x))`` along ``axis``: numbers become probabilities.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0], [1e4, -1e4]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return neural.softmax(x, axis=axis)  # type: ignore[no-any-return]


def log_softmax(x: T, axis: int = -1) -> T:
    """Logarithm of :func:`softmax`, exact where the softmax itself would underflow to zero."""
    return neural.log_softmax(x, axis=axis)  # type: ignore[no-any-return]


def logsumexp(x: T, axis: Axis = None, keepdims: bool = False) -> T:
    """``log(sum(exp(x)))`` over ``axis``, without overflow."""
    return neural.logsumexp(x, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
