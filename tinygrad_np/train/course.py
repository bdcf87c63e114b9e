"""Where a training run is: what has happened so far, and what the epoch has come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.train.evaluate import Score
from tinygrad_np.train.history import Epoch, History

__all__ = ["Course"]


@dataclass
class Course:
    """The position of a run, and its running sums.

    Attributes
    ----------
    history : History
        The epochs that are over.
    steps : int
        Taken in all.
    seconds : float
        Taken in all.
    order : integer array of shape (m,), or None
        The examples in the order of this epoch; between epochs, and where all of them make one batch, there is none.
    position : int
        Batches of this epoch that are done.
    seen : int
        Examples in them.
    cost, marks : float
        Sums over these.
    epoch_seconds : float
        Taken for them.
    """

    history: History = field(default_factory=History)
    steps: int = 0
    seconds: float = 0.0
    order: NDArray[np.integer[Any]] | None = None
    position: int = 0
    seen: int = 0
    cost: float = 0.0
    marks: float = 0.0
    epoch_seconds: float = 0.0
    clock: float = field(default_factory=perf_counter, compare=False)  # when time was last taken

    @property
    def epoch(self) -> int:
        """The number of this epoch, from 1."""
        return len(self.history) + 1

    def reached(self, limits: Mapping[str, float | None]) -> str:
        """Which of the limits ("epochs", "iterations", "time limit") is reached, or the empty string."""
        here = {"epochs": len(self.history), "iterations": self.steps, "time limit": self.seconds}
        return next((name for name, limit in limits.items() if limit is not None and here[name] >= limit), "")

    def begin_epoch(self, m: int, rng: np.random.Generator) -> None:
        """Draw the order of ``m`` examples, unless this epoch has one, or is one batch and needs none (m = 0)."""
        self.clock = perf_counter()
        if self.order is None and m:
            self.order = rng.permutation(m)

    def _lap(self) -> float:
        """The seconds since time was last taken."""
        before, self.clock = self.clock, perf_counter()
        self.seconds += self.clock - before
        return self.clock - before

    def add(self, cost: float, marks: float, n: int) -> None:
        """A step has been taken: the mean cost and the sum of the marks of ``n`` examples."""
        self.steps += 1
        self.position += 1
        self.seen += n
        self.cost += cost * n
        self.marks += marks
        self.epoch_seconds += self._lap()

    def end_epoch(self, validation: Score | None, learning_rate: float) -> Epoch:
        """The epoch is over: put it into the history, and begin with the next."""
        per_second = self.seen / self.epoch_seconds if self.epoch_seconds else None
        seconds = self._lap()
        epoch = Epoch(
            self.epoch, self.cost / self.seen, self.marks / self.seen,
            None if validation is None else validation.cost, None if validation is None else validation.accuracy,
            learning_rate, self.epoch_seconds + seconds, per_second,
        )  # fmt: skip
        self.history.append(epoch)
        self.order, self.position, self.seen = None, 0, 0
        self.cost = self.marks = self.epoch_seconds = 0.0
        return epoch
