"""Activations and losses as operations of their own, each with the rule that textbooks derive by hand.

The rules are those of Goodfellow, Bengio and Courville, *Deep Learning* (2016), chapter 6, and Bishop, *Pattern
Recognition and Machine Learning* (2006), sections 4.3 and 5.3. They use operations of the table only, so they can be
differentiated again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitive import primitive
from tinygrad_np.rules.reductions import logsumexp


def _linear_vjp_weight(g: Any, x: Any) -> Any:
    """``dW = x^T dZ``, one large product for all leading axes."""
    return x.reshape((-1, x.shape[-1])).mT @ g.reshape((-1, g.shape[-1]))


@primitive(
    x=lambda g, weight: g @ weight.mT,
    weight=lambda g, x: _linear_vjp_weight(g, x),
    bias=lambda g: g,
)
def linear(x: Any, weight: Any, bias: Any) -> Any:
    """``x @ weight + bias``."""
    out = x @ weight
    out += bias
    return out


# --- activations
@primitive(x=lambda g, out: g * (out > 0))
def relu(x: Any) -> Any:
    """``max(x, 0)``; derivative 0 at 0."""
    return np.maximum(x, 0)


@primitive(x=lambda g, x, negative_slope: np.where(x > 0, g, negative_slope * g))
def leaky_relu(x: Any, *, negative_slope: float = 0.01) -> Any:
    """``x`` where positive, else ``negative_slope * x``."""
    return np.where(x > 0, x, negative_slope * x)


@primitive(x=lambda g, out: g * out * (1 - out))
def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``, written so that exp never overflows and small values keep their precision."""
    e = np.exp(-np.absolute(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@primitive(x=lambda g, x: g * sigmoid(x))
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))``."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.absolute(x)))


@primitive(x=lambda g, x, out: g * (sigmoid(x) + out * (1 - sigmoid(x))))
def silu(x: Any) -> Any:
    """``x * sigmoid(x)``."""
    return x * sigmoid(x)


_SCALE, _CUBIC = float(np.sqrt(2 / np.pi)), 0.044715


def _gelu_slope(x: Any) -> Any:
    t = np.tanh(_SCALE * (x + _CUBIC * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * _SCALE * (1 + 3 * _CUBIC * x * x)


@primitive(x=lambda g, x: g * _gelu_slope(x))
def gelu(x: Any) -> Any:
    """Gaussian error linear unit in its tanh form."""
    return 0.5 * x * (1 + np.tanh(_SCALE * (x + _CUBIC * x**3)))


@primitive(x=lambda g, out, axis: out * (g - np.sum(g * out, axis=axis, keepdims=True)))
def softmax(x: Any, *, axis: int = -1) -> Any:
    """``exp(x) / sum(exp(x))``."""
    e = np.exp(x - np.maximum.reduce(x, axis=axis, keepdims=True))
    return e / np.add.reduce(e, axis=axis, keepdims=True)


@primitive(x=lambda g, out, axis: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True))
def log_softmax(x: Any, *, axis: int = -1) -> Any:
    """Logarithm of softmax."""
    shifted = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


# --- losses, one per example: the reduction is an operation of its own, and its rule puts the 1/m into g
def _distribution(targets: Any, logits: Any) -> Any:
    """Class numbers as rows of probabilities; soft labels as they are."""
    if targets.dtype.kind not in "iu":
        return targets
    one_hot = np.zeros(logits.shape, logits.dtype)
    np.put_along_axis(one_hot, targets[..., None], 1, -1)
    return one_hot


def _softmax_cross_entropy_vjp_logits(g: Any, logits: Any, targets: Any) -> Any:
    y = _distribution(targets, logits)
    return g[..., None] * (softmax(logits) * np.sum(y, axis=-1, keepdims=True) - y)


@primitive(
    logits=_softmax_cross_entropy_vjp_logits,
    targets=lambda g, logits: -g[..., None] * log_softmax(logits),
)
def softmax_cross_entropy(logits: Any, targets: Any) -> Any:
    """``-sum(y * log(softmax(z)))`` over the last axis; ``dz = softmax(z) - y``."""
    log_p = log_softmax(logits)
    if targets.dtype.kind in "iu":
        return -np.take_along_axis(log_p, targets[..., None], -1)[..., 0]
    return -np.add.reduce(targets * log_p, axis=-1)


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
    "gelu", "leaky_relu", "linear", "log_softmax", "logsumexp", "relu", "sigmoid", "sigmoid_cross_entropy", "silu",
    "softmax", "softmax_cross_entropy", "softplus", "squared_error",
]  # fmt: skip
