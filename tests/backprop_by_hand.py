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

It is plain NumPy, shares no code with the package, and is written for clarity. What it computes is what the
package's engine has to find by itself.
"""

# ruff: noqa: E741 - l is the layer, as in the textbook
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SLOPE = 0.01  # of leaky relu, for negative z


# --- activations: g(z), and its derivative g'(z) ---------------------------------------------------------------------
def relu(Z):
    return np.maximum(Z, 0)  # g(z) = max(0, z)


def relu_prime(Z):
    return 1.0 * (Z > 0)  # g'(z) = 1 if z > 0, else 0


def leaky_relu(Z):
    return np.maximum(SLOPE * Z, Z)  # g(z) = max(0.01 z, z)


def leaky_relu_prime(Z):
    return 1.0 * (Z > 0) + SLOPE * (Z <= 0)  # g'(z) = 1 if z > 0, else 0.01


def tanh(Z):
    return np.tanh(Z)  # g(z) = (e^z - e^-z) / (e^z + e^-z)


def tanh_prime(Z):
    return 1 - np.tanh(Z) * np.tanh(Z)  # g'(z) = 1 - g(z)^2


def sigmoid(Z):
    return np.exp(-np.logaddexp(0, -Z))  # g(z) = 1 / (1 + e^-z), by way of its logarithm: e^-z could overflow


def sigmoid_prime(Z):
    return sigmoid(Z) * (1 - sigmoid(Z))  # g'(z) = g(z) (1 - g(z))


def softmax(Z):
    return np.exp(Z - np.logaddexp.reduce(Z, axis=0, keepdims=True))  # a_i = e^z_i / sum_j e^z_j


g = {"relu": relu, "leaky_relu": leaky_relu, "tanh": tanh, "sigmoid": sigmoid, "softmax": softmax}
g_prime = {"relu": relu_prime, "leaky_relu": leaky_relu_prime, "tanh": tanh_prime, "sigmoid": sigmoid_prime}


# --- the network -----------------------------------------------------------------------------------------------------
@dataclass
class Network:
    """Parameters and settings. Dictionaries are numbered by layer: ``W[1]`` ... ``W[L]``.

    The last activation is ``"softmax"`` or ``"sigmoid"``, and tells the loss: cross-entropy, over classes or per label.
    """

    W: dict
    b: dict
    activation: dict
    lambd: float = 0.0  # strength of the L2 penalty
    D: dict = field(default_factory=dict)  # dropout masks, of the layers that have one
    keep_prob: float = 1.0

    @property
    def L(self):
        return len(self.W)


def forward(net, X):
    """Return Z and A of all layers."""
    Z, A = {}, {0: X}
    for l in range(1, net.L + 1):
        Z[l] = net.W[l] @ A[l - 1] + net.b[l]  # Z[l] = W[l] A[l-1] + b[l]
        A[l] = g[net.activation[l]](Z[l])  # A[l] = g[l](Z[l])
        if l in net.D:
            A[l] = A[l] * net.D[l] / net.keep_prob  # inverted dropout: what is kept stands in for what is not
    return Z, A


def cost(net, Z, Y):
    """Return J: the mean loss over the examples, and the L2 penalty."""
    m = Y.shape[1]
    ZL = Z[net.L]
    if net.activation[net.L] == "softmax":
        log_A = ZL - np.logaddexp.reduce(ZL, axis=0, keepdims=True)
        losses = -Y * log_A  # -sum_i y_i log a_i
    else:
        log_A, log_1_minus_A = -np.logaddexp(0, -ZL), -np.logaddexp(0, ZL)
        losses = -Y * log_A - (1 - Y) * log_1_minus_A  # -y log a - (1 - y) log(1 - a)
    J = np.sum(losses) / m  # J = 1/m sum of the losses
    for l in net.W:
        J = J + net.lambd / (2 * m) * np.sum(net.W[l] * net.W[l])  # + lambda/2m sum_l ||W[l]||^2
    return J


def backward(net, Z, A, Y):
    """Return dW and db of all layers, and dX."""
    m = Y.shape[1]
    dW, db = {}, {}
    dZ = A[net.L] - Y  # dZ[L] = A[L] - Y, for softmax and sigmoid alike
    for l in range(net.L, 0, -1):
        dW[l] = dZ @ A[l - 1].T / m + net.lambd / m * net.W[l]  # dW[l] = 1/m dZ[l] A[l-1]^T + lambda/m W[l]
        db[l] = np.sum(dZ, axis=1, keepdims=True) / m  # db[l] = 1/m sum of the columns of dZ[l]
        dA = net.W[l].T @ dZ  # dA[l-1] = W[l]^T dZ[l]
        if l - 1 in net.D:
            dA = dA * net.D[l - 1] / net.keep_prob  # the units that were dropped get nothing
        if l > 1:
            dZ = dA * g_prime[net.activation[l - 1]](Z[l - 1])  # dZ[l-1] = dA[l-1] * g'(Z[l-1])
    return dW, db, dA / m  # these dZ and dA are per example; J is their mean
