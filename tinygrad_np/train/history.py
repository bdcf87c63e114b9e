"""What happened in training, epoch by epoch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

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
        they lag behind the validation figures.
    validation_cost, validation_accuracy : float or None
        Of the model at the end of the epoch, without dropout; ``None`` if there is no validation data.

    Notes
    -----
    A cost is the mean loss per example. An L2 penalty is not part of it, so that training and validation
    compare.
    """

    epoch: int
    cost: float
    accuracy: float
    validation_cost: float | None = None
    validation_accuracy: float | None = None


class History:
    """The epochs of a training run, in order.

    It holds nothing but what was computed (no times), so that the same run leaves the same history.

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

    def append(self, epoch: Epoch) -> None:
        """Add the next epoch."""
        self._epochs.append(epoch)

    def column(self, name: str) -> list[float | None]:
        """One field of all epochs: ``history.column("validation_cost")``."""
        return [getattr(epoch, name) for epoch in self._epochs]

    def to_json_lines(self) -> str:
        """One JSON object per epoch and line; floats keep every bit.

        Examples
        --------
        >>> print(History([Epoch(1, 2.3, 0.1)]).to_json_lines(), end="")
        {"epoch": 1, "cost": 2.3, "accuracy": 0.1, "validation_cost": null, "validation_accuracy": null}
        """
        return "".join(json.dumps(asdict(epoch), allow_nan=False) + "\n" for epoch in self._epochs)

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
