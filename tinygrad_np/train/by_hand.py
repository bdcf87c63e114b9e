"""Backpropagation through an L-layer network, by hand.

The formulas are those of the textbook (Andrew Ng, *Neural Networks and Deep Learning*, weeks 2 to 4; *Improving
Deep Neural Networks*, week 1), in its notation: examples are the *columns* of a matrix, and layers count from 1.

    m               examples
    n[l]            units of layer l
    X = A[0]        (n[0], m)       input
    W[l], b[l]      (n[l], n[l-1]), (n[l], 1)
    Z[l], A[l]      (n[l], m)       before and after the activation g[l]
    D[l]            (n[l], m)       which units dropout keeps: 0 or 1
    Y               (n[L], m)       labels, one column per example
    dV                              dJ/dV, for any variable V

It is plain NumPy, shares no code with the rest of the package, and is written for clarity. What it computes is what the
engine has to find by itself: the tests compare them, and so does :func:`~tinygrad_np.train.check_gradients`, on a
user's own network.
"""

# ruff: noqa: E741 - l is the layer, as in the textbook
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Network", "backward", "cost", "forward", "g", "g_prime"]

Layers = dict[int, Any]  # an array for each layer

SLOPE = 0.01  # of leaky relu, for negative z


# --- activations: g(z), and its derivative g'(z) ---------------------------------------------------------------------
def relu(Z: Any) -> Any:
    return np.maximum(Z, 0)  # g(z) = max(0, z)


def relu_prime(Z: Any) -> Any:
    return 1.0 * (Z > 0)  # g'(z) = 1 if z > 0, else 0


def leaky_relu(Z: Any) -> Any:
    return np.maximum(SLOPE * Z, Z)  # g(z) = max(0.01 z, z)


def leaky_relu_prime(Z: Any) -> Any:
    return 1.0 * (Z > 0) + SLOPE * (Z <= 0)  # g'(z) = 1 if z > 0, else 0.01


def tanh(Z: Any) -> Any:
    return np.tanh(Z)  # g(z) = (e^z - e^-z) / (e^z + e^-z)


def tanh_prime(Z: Any) -> Any:
    return 1 - np.tanh(Z) * np.tanh(Z)  # g'(z) = 1 - g(z)^2


def sigmoid(Z: Any) -> Any:
    return np.exp(-np.logaddexp(0, -Z))  # g(z) = 1 / (1 + e^-z), by way of its logarithm: e^-z could overflow


def sigmoid_prime(Z: Any) -> Any:
    return sigmoid(Z) * (1 - sigmoid(Z))  # g'(z) = g(z) (1 - g(z))


def softmax(Z: Any) -> Any:
    return np.exp(Z - np.logaddexp.reduce(Z, axis=0, keepdims=True))  # a_i = e^z_i / sum_j e^z_j


def softplus(Z: Any) -> Any:
    return np.logaddexp(0, Z)  # g(z) = log(1 + e^z)


def silu(Z: Any) -> Any:
    return Z * sigmoid(Z)  # g(z) = z s(z)


def silu_prime(Z: Any) -> Any:
    return sigmoid(Z) + Z * sigmoid_prime(Z)  # g'(z) = s(z) + z s'(z)


def gelu(Z: Any) -> Any:
    return Z * (1 + np.tanh(_gelu_inner(Z))) / 2  # g(z) = z/2 (1 + tanh u), u = sqrt(2/pi) (z + 0.044715 z^3)


def gelu_prime(Z: Any) -> Any:
    t = np.tanh(_gelu_inner(Z))
    inner_prime = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * Z**2)
    return (1 + t) / 2 + Z * (1 - t * t) * inner_prime / 2  # g'(z) = 1/2 (1 + tanh u) + z/2 (1 - tanh^2 u) u'


def _gelu_inner(Z: Any) -> Any:
    return np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)


def identity(Z: Any) -> Any:
    return Z


g = {
    "relu": relu, "leaky_relu": leaky_relu, "tanh": tanh, "sigmoid": sigmoid, "softplus": softplus, "silu": silu,
    "gelu": gelu, "softmax": softmax, "identity": identity,
}  # fmt: skip
g_prime = {
    "relu": relu_prime, "leaky_relu": leaky_relu_prime, "tanh": tanh_prime, "sigmoid": sigmoid_prime,
    "softplus": sigmoid, "silu": silu_prime, "gelu": gelu_prime,
}  # fmt: skip


# --- the network -----------------------------------------------------------------------------------------------------
@dataclass
class Network:
    """Parameters and settings. Dictionaries are numbered by layer: ``W[1]`` ... ``W[L]``.

    The last activation tells the loss: ``"softmax"`` and ``"sigmoid"`` the cross-entropy, over classes or per label;
    ``"identity"`` the squared error.
    """

    W: Layers
    b: Layers
    activation: dict[int, str]
    lambd: float = 0.0  # strength of the L2 penalty
    D: Layers = field(default_factory=dict)  # dropout masks, of the layers that have one
    keep_prob: float = 1.0
    share: float = 1.0  # of each output in the loss of an example: 1, or 1/n[L] for their mean

    @property
    def L(self) -> int:
        return len(self.W)


def forward(net: Network, X: Any) -> tuple[Layers, Layers]:
    """Return Z and A of all layers."""
    Z: Layers = {}
    A: Layers = {0: X}
    for l in range(1, net.L + 1):
        Z[l] = net.W[l] @ A[l - 1] + net.b[l]  # Z[l] = W[l] A[l-1] + b[l]
        A[l] = g[net.activation[l]](Z[l])  # A[l] = g[l](Z[l])
        if l in net.D:
            A[l] = A[l] * net.D[l] / net.keep_prob  # inverted dropout: what is kept stands in for what is not
    return Z, A


def cost(net: Network, Z: Layers, Y: Any) -> Any:
    """Return J: the mean loss over the examples, and the L2 penalty."""
    m = Y.shape[1]
    ZL = Z[net.L]
    if net.activation[net.L] == "softmax":
        log_A = ZL - np.logaddexp.reduce(ZL, axis=0, keepdims=True)
        losses = -Y * log_A  # -sum_i y_i log a_i
    elif net.activation[net.L] == "identity":
        losses = (ZL - Y) ** 2  # (a - y)^2
    else:
        log_A, log_1_minus_A = -np.logaddexp(0, -ZL), -np.logaddexp(0, ZL)
        losses = -Y * log_A - (1 - Y) * log_1_minus_A  # -y log a - (1 - y) log(1 - a)
    if net.share != 1:
        losses = losses * net.share
    J = np.sum(losses) / m  # J = 1/m sum of the losses
    for l in net.W:
        J = J + net.lambd / (2 * m) * np.sum(net.W[l] * net.W[l])  # + lambda/2m sum_l ||W[l]||^2
    return J


def backward(net: Network, Z: Layers, A: Layers, Y: Any) -> tuple[Layers, Layers, Any]:
    """Return dW and db of all layers, and dX."""
    m = Y.shape[1]
    dW: Layers = {}
    db: Layers = {}
    dZ = A[net.L] - Y  # dZ[L] = A[L] - Y, for softmax and sigmoid alike
    if net.activation[net.L] == "identity":
        dZ = 2 * dZ  # d (a - y)^2 / da
    if net.share != 1:
        dZ = dZ * net.share
    for l in range(net.L, 0, -1):
        dW[l] = dZ @ A[l - 1].T / m + net.lambd / m * net.W[l]  # dW[l] = 1/m dZ[l] A[l-1]^T + lambda/m W[l]
        db[l] = np.sum(dZ, axis=1, keepdims=True) / m  # db[l] = 1/m sum of the columns of dZ[l]
        dA = net.W[l].T @ dZ  # dA[l-1] = W[l]^T dZ[l]
        if l - 1 in net.D:
            dA = dA * net.D[l - 1] / net.keep_prob  # the units that were dropped get nothing
        if l > 1:
            dZ = dA * g_prime[net.activation[l - 1]](Z[l - 1])  # dZ[l-1] = dA[l-1] * g'(Z[l-1])
    return dW, db, dA / m  # these dZ and dA are per example; J is their mean
