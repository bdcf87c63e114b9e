"""Rows: what networks are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.calls import along_axis, one_array, shape
from rows.case import row
from rows.domains import any_real, integers, nonzero, positive, reals
from tinygrad_np.rules import neural


@st.composite
def layer(draw: Any) -> Any:
    """Input, weight and bias of a linear layer."""
    n, m = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return ((*draw(shape(max_dims=2)), n), (n, m), (m,)), {}


@st.composite
def logits_and(draw: Any, targets: str) -> Any:
    """Logits of at least three classes, and labels (one per row) or a distribution (of the same shape)."""
    batch, classes = draw(shape(max_dims=2)), draw(st.integers(3, 4))
    if targets == "labels":
        return ((*batch, classes), batch), {}
    return ((*draw(st.sampled_from([batch, (1,) * len(batch)])), classes), (*batch, classes)), {}


def _one_hot(targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return np.eye(logits.shape[-1], dtype=logits.dtype)[targets] if targets.dtype.kind in "iu" else targets


def _softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


def _log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def _gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh(float(np.sqrt(2 / np.pi)) * (x + 0.044715 * x * x * x)))


# --- networks
row(neural.linear, any_real, calls=layer(), reference=lambda x, w, b: x @ w + b, exact=False)
row(neural.relu, nonzero, reference=lambda x: np.maximum(x, 0))
row(
    neural.leaky_relu, nonzero, calls=one_array(negative_slope=st.sampled_from([0.01, 0.2])), integers=False,
    reference=lambda x, negative_slope: np.maximum(x, 0) + negative_slope * np.minimum(x, 0),
)  # fmt: skip
row(neural.sigmoid, any_real, reference=lambda x: 1 / (1 + np.exp(-x)), exact=False, integers=False)
row(neural.softplus, any_real, reference=lambda x: np.log(1 + np.exp(x)), exact=False, integers=False)
row(neural.silu, any_real, reference=lambda x: x / (1 + np.exp(-x)), exact=False, integers=False)
row(neural.gelu, any_real, reference=_gelu, exact=False, integers=False)
row(neural.softmax, any_real, calls=along_axis(), reference=_softmax, exact=False, integers=False)
row(neural.log_softmax, any_real, calls=along_axis(), reference=_log_softmax, exact=False, integers=False)
row(
    neural.softmax_cross_entropy, any_real, integers(0, 2), calls=logits_and("labels"), exact=False, integers=False,
    reference=lambda z, y: -np.sum(_one_hot(y, z) * _log_softmax(z), -1), name="softmax_cross_entropy of labels",
)  # fmt: skip
row(
    neural.softmax_cross_entropy, any_real, positive, calls=logits_and("distribution"), exact=False, integers=False,
    reference=lambda z, y: -np.sum(y * _log_softmax(z), -1),
)  # fmt: skip
row(
    neural.sigmoid_cross_entropy, any_real, reals(0, 1), exact=False, integers=False,
    reference=lambda z, y: np.log(1 + np.exp(z)) - y * z,
)  # fmt: skip
row(neural.squared_error, any_real, any_real, reference=lambda x, y: (x - y) * (x - y), integers=False)
