"""What happened in training, epoch by epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Epoch", "History"]


@dataclass(frozen=True)
class Epoch:
    """One pass over the training data.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    cost, accuracy : float
        Means over the training examples, each as its mini-batch met the model during the epoch: with
        dropout, and before the step that learnt from it. So they cost nothing extra, and early in training
        they lag behind the validation figures. For regression, the accuracy is R².
    validation_cost, validation_accuracy : float or None
        Of the model at the end of the epoch, without dropout; ``None`` if there is no validation data.
    learning_rate : float or None
        Of the steps of this epoch.
    seconds, examples_per_second : float or None
        How long the epoch took, validation included, and how fast training was without it. These are the machine's,
        not the run's: epochs that differ in nothing else are equal.

    Notes
    -----
    A cost is the mean loss per example. An L2 penalty is not part of it, so that training and validation
    compare; label smoothing is part of the training cost only.
    """

    epoch: int
    cost: float
    accuracy: float
    validation_cost: float | None = None
    validation_accuracy: float | None = None
    learning_rate: float | None = None
    seconds: float | None = field(default=None, compare=False)
    examples_per_second: float | None = field(default=None, compare=False)


class History:
    """The epochs of a training run, in order.

    The same run leaves the same history: what it says of time is not compared, and not written to files.

    Attributes
    ----------
    ended_by : str
        Why training came to its end: "epochs", "iterations", "time limit", "early stopping" or "callback"; empty
        before.
    best_epoch : int or None
        The epoch whose weights the model has, where early stopping has put back the best.
    score_name : str
        What the accuracies are: "accuracy" or, for regression, "R²".

    Examples
    --------
    >>> history = History([Epoch(1, cost=2.3, accuracy=0.1), Epoch(2, cost=0.7, accuracy=0.8)])
    >>> history[-1].accuracy
    0.8
    >>> history.column("cost")
    [2.3, 0.7]
    """

    def __init__(self, epochs: Iterable[Epoch] = ()) -> None:
        self._epochs = list(epochs)
        self.ended_by = ""
        self.best_epoch: int | None = None
        self.score_name = "accuracy"

    def append(self, epoch: Epoch) -> None:
        """Add the next epoch."""
        self._epochs.append(epoch)

    def column(self, name: str) -> list[float | None]:
        """One field of all epochs: ``history.column("validation_cost")``."""
        return [getattr(epoch, name) for epoch in self._epochs]

    def to_dict(self) -> dict[str, list[Any]]:
        """All columns by their names, as ``pandas.DataFrame`` takes them.

        Examples
        --------
        >>> History([Epoch(1, cost=2.3, accuracy=0.1), Epoch(2, cost=0.7, accuracy=0.8)]).to_dict()["accuracy"]
        [0.1, 0.8]
        """
        return {column.name: self.column(column.name) for column in fields(Epoch)}

    def to_json_lines(self) -> str:
        """One JSON object per epoch and line, without times; floats keep every bit.

        Examples
        --------
        >>> print(History([Epoch(1, 2.3, 0.1, learning_rate=0.5)]).to_json_lines(), end="")
        {"epoch": 1, "cost": 2.3, "accuracy": 0.1, "validation_cost": null, "validation_accuracy": null,
         "learning_rate": 0.5}
        """
        compared = [column.name for column in fields(Epoch) if column.compare]
        rows = ({name: getattr(epoch, name) for name in compared} for epoch in self._epochs)
        return "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)

    @classmethod
    def from_json_lines(cls, text: str) -> History:
        """Read what :meth:`to_json_lines` wrote.

        Raises
        ------
        ValueError
            If a line is no epoch; the message names the line.
        """
        epochs = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                epochs.append(Epoch(**json.loads(line)))
            except (TypeError, ValueError) as error:
                raise ValueError(f"line {number} of the history is no epoch: {error}") from None
        return cls(epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self._epochs)

    def __len__(self) -> int:
        return len(self._epochs)

    def __getitem__(self, index: int) -> Epoch:
        return self._epochs[index]

    def __eq__(self, other: object) -> bool:
        return self._epochs == other._epochs if isinstance(other, History) else NotImplemented

    def __repr__(self) -> str:
        last = f", the last: {self._epochs[-1]}" if self._epochs else ""
        return f"<History of {len(self)} epochs{last}>"
