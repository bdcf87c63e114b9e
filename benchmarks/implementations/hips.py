"""HIPS autograd for the gradients; it has no optimizers of the usual kind, so :mod:`.optimizers` has them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import autograd
import autograd.numpy as np

from benchmarks.implementations import Step
from benchmarks.implementations.formulas import network, sigmoid_cross_entropy, wave
from benchmarks.implementations.optimizers import Optimizer
from benchmarks.tasks import Chain, Elementwise, HessianVector, Training

__all__ = ["HIPS"]

Array = Any


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _softmax_cross_entropy(z: Any, y: Array) -> Any:
    z = z - np.max(z, axis=1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(y)), y])


class HIPS:
    """NumPy's functions by its wrappers."""

    arrays_are_numpys = True

    def training(self, task: Training) -> Any:
        return _Trainer(task)

    def chain(self, task: Chain) -> Step:
        return self._gradient(lambda arrays: np.sum(task.last(*arrays)), task.arrays())

    def elementwise(self, task: Elementwise) -> Step:
        return self._gradient(lambda arrays: wave(np, *arrays), task.arrays())

    def _gradient(self, function: Callable[..., Any], arrays: list[Array]) -> Step:
        gradient = autograd.value_and_grad(function)

        def step() -> list[Any]:
            value, gradients = gradient(arrays)
            return [value, *gradients]

        return step

    def hessian_vector(self, task: HessianVector) -> Step:
        x, labels = task.network.data()[0]
        gradient = autograd.grad(lambda p: _softmax_cross_entropy(network(p, x, _relu), labels))
        v = task.vector()
        product = autograd.grad(lambda p: sum(np.sum(g * w) for g, w in zip(gradient(p), v, strict=True)))
        p = task.network.parameters()
        return lambda: product(p)  # type: ignore[no-any-return]


class _Trainer:
    def __init__(self, task: Training) -> None:
        self.update = Optimizer(task.optimizer, task.parameters(), task.lr)
        self.leaves = self.update.parameters
        loss_of = partial(sigmoid_cross_entropy, np) if task.binary else _softmax_cross_entropy
        activation = _relu if task.activation == "relu" else np.tanh
        self.gradient = autograd.value_and_grad(lambda p, x, y: loss_of(network(p, x, activation), y))

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def step(self, x: Array, y: Array) -> float:
        loss, gradients = self.gradient(self.leaves, x, y)
        for ours, theirs in zip(self.update.gradients, gradients, strict=True):
            ours[...] = theirs
        self.update()
        return float(loss)

    def parameters(self) -> list[Array]:
        return self.leaves
