"""MyGrad for the gradients, without its guard against in-place changes, which costs time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import mygrad as mg
from mygrad.nnet.activations import relu
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks.implementations import Step
from benchmarks.implementations.formulas import network, sigmoid_cross_entropy, wave
from benchmarks.implementations.optimizers import Optimizer
from benchmarks.tasks import Chain, Elementwise, Training

__all__ = ["MyGrad"]

Array = Any


class MyGrad:
    """It has no second derivatives."""

    arrays_are_numpys = True

    def __init__(self) -> None:
        mg.turn_memory_guarding_off()

    def training(self, task: Training) -> Any:
        return _Trainer(task)

    def chain(self, task: Chain) -> Step:
        return self._gradient(lambda x, b: mg.sum(task.last(x, b)), task.arrays())

    def elementwise(self, task: Elementwise) -> Step:
        return self._gradient(partial(wave, mg), task.arrays())

    def _gradient(self, function: Callable[..., Any], arrays: list[Array]) -> Step:
        leaves = [mg.tensor(a) for a in arrays]

        def step() -> list[Any]:
            value = function(*leaves)
            value.backward()
            return [value.data, *(leaf.grad for leaf in leaves)]

        return step


class _Trainer:
    def __init__(self, task: Training) -> None:
        self.update = Optimizer(task.optimizer, task.parameters(), task.lr)
        self.leaves = [mg.tensor(p, copy=False) for p in self.update.parameters]
        self.activation = relu if task.activation == "relu" else mg.tanh
        self.loss_of = partial(sigmoid_cross_entropy, mg) if task.binary else softmax_crossentropy

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def step(self, x: Array, y: Array) -> float:
        loss = self.loss_of(network(self.leaves, x, self.activation), y)
        loss.backward()
        for ours, leaf in zip(self.update.gradients, self.leaves, strict=True):
            ours[...] = leaf.grad
        self.update()
        return float(loss)

    def parameters(self) -> list[Array]:
        return [p.data for p in self.leaves]
