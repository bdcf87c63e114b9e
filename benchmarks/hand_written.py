"""A training step as a textbook would write it: NumPy, backpropagation derived by hand, nothing reused or clever.

It shares no code with the package, and is what the package is measured against.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Adam", "loss_and_gradients"]

Array = Any


def loss_and_gradients(parameters: list[Array], x: Array, labels: Array) -> tuple[Any, list[Array]]:
    """Return the mean softmax cross-entropy of a relu network, and its gradients.

    Parameters
    ----------
    parameters : list of arrays
        ``W1, b1, W2, b2, ...``, with ``W`` of shape (n_in, n_out).
    x : array, shape (m, n)
    labels : array of int, shape (m,)
    """
    weights, biases = parameters[::2], parameters[1::2]
    m = len(x)

    activations = [x]
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        activations.append(np.maximum(activations[-1] @ w + b, 0))
    z = activations[-1] @ weights[-1] + biases[-1]

    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(m), labels]).mean()

    y = np.zeros_like(p)
    y[np.arange(m), labels] = 1
    dz = (p - y) / m
    gradients: list[Array] = []
    for i in reversed(range(len(weights))):
        a = activations[i]
        gradients = [a.T @ dz, dz.sum(axis=0), *gradients]
        if i > 0:
            dz = (dz @ weights[i].T) * (a > 0)
    return loss, gradients


class Adam:
    """Adam as in the paper (Kingma and Ba, 2015, algorithm 1)."""

    def __init__(
        self, parameters: list[Array], lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
    ) -> None:
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.m = [np.zeros_like(p) for p in parameters]
        self.v = [np.zeros_like(p) for p in parameters]
        self.t = 0

    def step(self, parameters: list[Array], gradients: list[Array]) -> None:
        """Change the parameters in place."""
        self.t += 1
        for i, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
            m_hat = self.m[i] / (1 - self.beta1**self.t)
            v_hat = self.v[i] / (1 - self.beta2**self.t)
            p -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
