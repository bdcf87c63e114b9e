"""scikit-learn's MLPClassifier, batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.tasks import Training

__all__ = ["ScikitLearn"]

Array = Any


class ScikitLearn:
    """It trains classifiers, with its own Adam."""

    arrays_are_numpys = True

    def training(self, task: Training) -> Any:
        """Where it computes what the others do."""
        if task.optimizer != "adam" or task.binary:
            raise NotImplementedError("momentum is another formula there")
        return _Trainer(task)


class _Trainer:
    def __init__(self, task: Training) -> None:
        self.model = MLPClassifier(
            task.sizes[1:-1], activation=task.activation, alpha=0.0, batch_size=task.batch, shuffle=False,
            learning_rate_init=task.lr,
        )  # fmt: skip
        self.classes = np.arange(task.sizes[-1])
        x, y = task.data()[0]
        self.step(x, y)  # it makes its arrays in the first step, which is then undone: there is no other way in
        for array, value in zip(self.parameters(), task.parameters(), strict=True):
            array[...] = value
        adam = self.model._optimizer
        adam.t = 0
        for moment in (*adam.ms, *adam.vs):
            moment[...] = 0

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def step(self, x: Array, y: Array) -> float:
        self.model.partial_fit(x, y, classes=self.classes)
        return float(self.model.loss_)

    def parameters(self) -> list[Array]:
        return [p for pair in zip(self.model.coefs_, self.model.intercepts_, strict=True) for p in pair]
