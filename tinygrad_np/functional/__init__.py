"""Activations, layers and losses: pure functions of Tensors.

They take Tensors and ndarrays alike; of ndarrays alone the result is an ndarray, as with NumPy's functions. Their
derivatives are entries of the table, in :mod:`tinygrad_np.rules.neural`.
"""

from tinygrad_np.functional.activations import (
    gelu,
    leaky_relu,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)  # fmt: skip
from tinygrad_np.functional.layers import dropout, linear
from tinygrad_np.functional.losses import l2_penalty, mse, one_hot, sigmoid_cross_entropy, softmax_cross_entropy

__all__ = [
    "dropout", "gelu", "l2_penalty", "leaky_relu", "linear", "log_softmax", "logsumexp", "mse", "one_hot", "relu",
    "sigmoid", "sigmoid_cross_entropy", "silu", "softmax", "softmax_cross_entropy", "softplus", "tanh",
]  # fmt: skip
