"""Where a training run is: what has happened so far, and what the epoch has come to."""

from __future__ import annotations

from dataclasses import dataclass, field
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

    @property
    def epoch(self) -> int:
        """The number of this epoch, from 1."""
        return len(self.history) + 1

    def add(self, cost: float, marks: float, n: int, seconds: float) -> None:
        """A step has been taken: the mean cost and the sum of the marks of ``n`` examples."""
        self.steps += 1
        self.position += 1
        self.seen += n
        self.cost += cost * n
        self.marks += marks
        self.seconds += seconds
        self.epoch_seconds += seconds

    def close(self, validation: Score | None, learning_rate: float, seconds: float) -> Epoch:
        """The epoch is over: put it into the history, and begin with the next.

        ``seconds`` is what has passed since the last step.
        """
        per_second = self.seen / self.epoch_seconds if self.epoch_seconds else None
        self.seconds += seconds
        epoch = Epoch(
            self.epoch, self.cost / self.seen, self.marks / self.seen,
            None if validation is None else validation.cost, None if validation is None else validation.accuracy,
            learning_rate, self.epoch_seconds + seconds, per_second,
        )  # fmt: skip
        self.history.append(epoch)
        self.order, self.position, self.seen = None, 0, 0
        self.cost = self.marks = self.epoch_seconds = 0.0
        return epoch
