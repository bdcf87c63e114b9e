"""Activations and losses as operations of their own, each with the rule that textbooks derive by hand.

The rules are those of Goodfellow, Bengio and Courville, *Deep Learning* (2016), chapter 6, and Bishop,
*Pattern Recognition and Machine Learning* (2006), sections 4.3 and 5.3. They use operations of the table only, so
they can be differentiated again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.primitives import primitive
from tinygrad_np.rules.kinks import to_zero
from tinygrad_np.rules.linalg import as_rows
from tinygrad_np.rules.reductions import logsumexp


def _linear_vjp_weight(g: Any, x: Any) -> Any:
    """``dW = x^T dZ``, one large product for all leading axes."""
    return x.mT @ g if x.ndim == 2 else as_rows(x).mT @ as_rows(g)


@primitive(
    x=lambda g, weight: g @ weight.mT,
    weight=lambda g, x: _linear_vjp_weight(g, x),
    bias=lambda g: g,
)
def linear(x: Any, weight: Any, bias: Any) -> Any:
    """``x @ weight + bias``."""
    out = x @ weight
    return np.add(out, bias, out=out if out.dtype == bias.dtype else None)


# --- activations
@primitive(x=lambda g, out: g * (out > 0), kink=to_zero)
def relu(x: Any) -> Any:
    """``max(x, 0)``; derivative 0 at 0."""
    return np.maximum(x, 0)


def _leaky_slope(x: Any, negative_slope: float) -> Any:
    """Exactly 1 where positive, else ``negative_slope``; np.where, which branches, is ten times slower."""
    positive = (x > 0).astype(x.dtype)
    return positive + negative_slope * (1 - positive)


@primitive(x=lambda g, x, negative_slope: g * _leaky_slope(x, negative_slope), kink=to_zero)
def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """``x`` where positive, else ``negative_slope * x``; derivative ``negative_slope`` at 0."""
    return x * _leaky_slope(x, negative_slope)


@primitive(x=lambda g, out: g * out * (1 - out))
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``. Where exp overflows to infinity, the quotient is 0, as it should be."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


@primitive(x=lambda g, x: g * sigmoid(x))
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))


def _silu_slope(x: Any) -> Any:
    s = sigmoid(x)
    return s * (1 + x * (1 - s))


@primitive(x=lambda g, x: g * _silu_slope(x))
def silu(x: Any) -> Any:
    """``x * sigmoid(x)``."""
    return x * sigmoid(x)


_SCALE, _CUBIC = math.sqrt(2 / math.pi), 0.044715


def _gelu_gate(x: Any) -> Any:
    return np.tanh(_SCALE * (x + _CUBIC * x * x * x))  # x**3 would be a hundred times slower


def _gelu_slope(x: Any) -> Any:
    t = _gelu_gate(x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * _SCALE * (1 + 3 * _CUBIC * x * x)


@primitive(x=lambda g, x: g * _gelu_slope(x))
def gelu(x: Any) -> Any:
    """Gaussian error linear unit in its tanh form."""
    return 0.5 * x * (1 + _gelu_gate(x))


@primitive(x=lambda g, out, axis: out * (g - np.add.reduce(g * out, axis=axis, keepdims=True)))
def softmax(x: Any, *, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))``."""
    e = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    return e / np.add.reduce(e, axis=axis, keepdims=True)


@primitive(x=lambda g, out, axis: g - np.exp(out) * np.add.reduce(g, axis=axis, keepdims=True))
def log_softmax(x: Any, *, axis: int = -1) -> Any:
    """Logarithm of softmax."""
    shifted = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


# --- losses, one per example: the reduction is an operation of its own, and its rule puts the 1/m into g
def one_hot(labels: Any, n_classes: int, dtype: Any) -> Any:
    """Class numbers as rows of zeros with a single one."""
    return (labels[..., None] == np.arange(n_classes)).astype(dtype)


def _softmax_cross_entropy_vjp_logits(g: Any, logits: Any, targets: Any) -> Any:
    """``dz = softmax(z) - y``, where the y of an example add up to 1."""
    if targets.dtype.kind in "iu":
        return g[..., None] * (softmax(logits) - one_hot(targets, logits.shape[-1], logits.dtype))
    return g[..., None] * (softmax(logits) * np.add.reduce(targets, axis=-1, keepdims=True) - targets)


@primitive(
    logits=_softmax_cross_entropy_vjp_logits,
    targets=lambda g, logits: -g[..., None] * log_softmax(logits),
)
def softmax_cross_entropy(logits: Any, targets: Any) -> Any:
    """``-sum(y * log(softmax(z)))`` over the last axis; the targets y are class numbers, or rows like z."""
    log_p = log_softmax(logits)
    if targets.dtype.kind not in "iu":
        return -np.add.reduce(targets * log_p, axis=-1)
    rows = log_p.reshape((targets.size, log_p.shape[-1]))
    return -rows[np.arange(targets.size), targets.reshape(-1)].reshape(targets.shape)


@primitive(
    logits=lambda g, logits, targets: g * (sigmoid(logits) - targets),
    targets=lambda g, logits: -g * logits,
)
def sigmoid_cross_entropy(logits: Any, targets: Any) -> Any:
    """``-y log(s(z)) - (1 - y) log(1 - s(z))`` elementwise; ``dz = s(z) - y``."""
    return np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.absolute(logits)))


@primitive(
    x=lambda g, x, y: 2 * g * (x - y),
    y=lambda g, x, y: 2 * g * (y - x),
)
def squared_error(x: Any, y: Any) -> Any:
    """``(x - y) ** 2``."""
    difference = x - y
    return difference * difference


__all__ = [
    "gelu", "leaky_relu", "linear", "log_softmax", "logsumexp", "one_hot", "relu", "sigmoid",
    "sigmoid_cross_entropy", "silu", "softmax", "softmax_cross_entropy", "softplus", "squared_error",
]  # fmt: skip
