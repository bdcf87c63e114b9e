"""MyGrad for the gradients, without its guard against in-place changes, which costs time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mygrad as mg
from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.implementations import Step
from benchmarks.implementations.optimizers import optimizer
from benchmarks.tasks import Chain, Elementwise, Training

__all__ = ["MyGrad"]

Array = Any


def _sigmoid_cross_entropy(z: Any, y: Array) -> Any:
    return mg.mean(mg.maximum(z, 0) - z * y + mg.log1p(mg.exp(-mg.abs(z))))


class MyGrad:
    """It has no second derivatives."""

    def __init__(self) -> None:
        mg.turn_memory_guarding_off()

    def training(self, task: Training) -> Any:
        return _Trainer(task)

    def chain(self, task: Chain) -> Step:
        def end(x: Any, b: Any) -> Any:
            y = x
            for _ in range(task.operations // 2):
                y = y * x + b
            return mg.sum(y)

        return self._gradient(end, task.arrays())

    def elementwise(self, task: Elementwise) -> Step:
        return self._gradient(lambda x, w, b: mg.mean(mg.square(mg.tanh(x * w + b)) / (1 + mg.exp(-x))), task.arrays())

    def _gradient(self, function: Callable[..., Any], arrays: list[Array]) -> Step:
        leaves = [mg.tensor(a) for a in arrays]

        def step() -> list[Any]:
            value = function(*leaves)
            value.backward()
            return [value.data, *(leaf.grad for leaf in leaves)]

        return step


class _Trainer:
    def __init__(self, task: Training) -> None:
        self.leaves = [mg.tensor(p) for p in task.parameters()]
        self.update = optimizer(task.optimizer, [p.data for p in self.leaves], task.lr)
        self.activation = relu if task.activation == "relu" else mg.tanh
        self.loss_of = _sigmoid_cross_entropy if task.binary else softmax_crossentropy

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def step(self, x: Array, y: Array) -> float:
        for w, b in zip(self.leaves[:-2:2], self.leaves[1:-2:2], strict=True):
            x = self.activation(mg.matmul(x, w) + b)
        loss = self.loss_of(mg.matmul(x, self.leaves[-2]) + self.leaves[-1], y)
        loss.backward()
        self.update([p.grad for p in self.leaves])
        return float(loss)

    def parameters(self) -> list[Array]:
        return [p.data for p in self.leaves]
