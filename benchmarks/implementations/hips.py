"""HIPS autograd for the gradients; it has no optimizers of the usual kind, so :mod:`.optimizers` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as np

from benchmarks.implementations import Step
from benchmarks.implementations.optimizers import optimizer
from benchmarks.tasks import Chain, Elementwise, HessianVector, Training

__all__ = ["HIPS"]

Array = Any


def _network(p: Any, x: Array, activation: Callable[[Any], Any]) -> Any:
    for w, b in zip(p[:-2:2], p[1:-2:2], strict=True):
        x = activation(np.dot(x, w) + b)
    return np.dot(x, p[-2]) + p[-1]


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _softmax_cross_entropy(z: Any, y: Array) -> Any:
    z = z - np.max(z, axis=1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(y)), y])


def _sigmoid_cross_entropy(z: Any, y: Array) -> Any:
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


class HIPS:
    """NumPy's functions by its wrappers."""

    def training(self, task: Training) -> Any:
        return _Trainer(task)

    def chain(self, task: Chain) -> Step:
        def end(arrays: Any) -> Any:
            x, b = arrays
            y = x
            for _ in range(task.operations // 2):
                y = y * x + b
            return np.sum(y)

        return self._gradient(end, task.arrays())

    def elementwise(self, task: Elementwise) -> Step:
        def mean(arrays: Any) -> Any:
            x, w, b = arrays
            return np.mean(np.tanh(x * w + b) ** 2 / (1 + np.exp(-x)))

        return self._gradient(mean, task.arrays())

    def _gradient(self, function: Callable[..., Any], arrays: list[Array]) -> Step:
        gradient = autograd.value_and_grad(function)

        def step() -> list[Any]:
            value, gradients = gradient(arrays)
            return [value, *gradients]

        return step

    def hessian_vector(self, task: HessianVector) -> Step:
        x, labels = task.network.data()[0]
        gradient = autograd.grad(lambda p: _softmax_cross_entropy(_network(p, x, _relu), labels))
        v = task.vector()
        product = autograd.grad(lambda p: sum(np.sum(g * w) for g, w in zip(gradient(p), v, strict=True)))
        p = task.network.parameters()
        return lambda: product(p)  # type: ignore[no-any-return]


class _Trainer:
    def __init__(self, task: Training) -> None:
        self.leaves = task.parameters()
        self.update = optimizer(task.optimizer, self.leaves, task.lr)
        loss_of = _sigmoid_cross_entropy if task.binary else _softmax_cross_entropy
        activation = _relu if task.activation == "relu" else np.tanh
        self.gradient = autograd.value_and_grad(lambda p, x, y: loss_of(_network(p, x, activation), y))

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def step(self, x: Array, y: Array) -> float:
        loss, gradients = self.gradient(self.leaves, x, y)
        self.update([g.astype(p.dtype, copy=False) for p, g in zip(self.leaves, gradients, strict=True)])
        return float(loss)

    def parameters(self) -> list[Array]:
        return self.leaves
