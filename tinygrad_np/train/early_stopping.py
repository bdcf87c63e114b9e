"""Early stopping: training ends when it no longer helps, and the best weights come back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_np.train.history import Epoch

__all__ = ["EarlyStopping", "Watch"]

#: Figures of an epoch that may be watched -> whether more is better.
MONITORS = {"validation_accuracy": True, "validation_cost": False, "accuracy": True, "cost": False}


@dataclass(frozen=True)
class EarlyStopping:
    """When to stop, and that the model gets the weights of the best epoch.

    Parameters
    ----------
    monitor : {"validation_accuracy", "validation_cost", "accuracy", "cost"}
        The figure of an :class:`Epoch` that is to become better.
    patience : int
        How many epochs without a better figure are waited for: training stops with the next.
    min_delta : float
        By how much a figure has to be better to count as such.

    References
    ----------
    Prechelt, 1998, "Early stopping - but when?"

    Examples
    --------
    >>> EarlyStopping("validation_cost", patience=5)
    EarlyStopping(monitor='validation_cost', patience=5, min_delta=0.0)
    """

    monitor: str = "validation_accuracy"
    patience: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        if self.monitor not in MONITORS:
            raise ValueError(f"EarlyStopping: monitor is one of {', '.join(MONITORS)}, not {self.monitor!r}")
        if self.patience < 0 or not 0 <= self.min_delta < math.inf:
            raise ValueError(f"EarlyStopping: patience={self.patience} and min_delta={self.min_delta} start from 0")


class Watch:
    """What early stopping remembers in the course of a run.

    Attributes
    ----------
    best : float or None
        The best figure so far.
    epoch : int
        The epoch that had it.
    weights : dict of str to array
        Of the model at its end.
    waited : int
        Epochs since.
    """

    def __init__(self, options: EarlyStopping | None) -> None:
        self.options = options  # without them, it sees nothing
        self.best: float | None = None
        self.epoch, self.waited = 0, 0
        self.weights: Mapping[str, Any] = {}

    def see(self, epoch: Epoch, weights: Mapping[str, Any]) -> None:
        """An epoch is over, and the model has these weights (which are kept, not copied)."""
        if self.options is None:
            return
        figure = getattr(epoch, self.options.monitor)
        gain = 0.0 if self.best is None else figure - self.best
        if not MONITORS[self.options.monitor]:
            gain = -gain
        if self.best is None or gain > self.options.min_delta:
            self.best, self.epoch, self.weights, self.waited = figure, epoch.epoch, weights, 0
        else:
            self.waited += 1

    @property
    def verdict(self) -> str:
        """Why to stop, or the empty string."""
        return "early stopping" if self.options is not None and self.waited > self.options.patience else ""

    def state_dict(self) -> dict[str, Any]:
        """Numbers, and the best weights under ``weights.``, as a flat dict."""
        numbers = {"best": self.best, "epoch": self.epoch, "waited": self.waited}
        return {**numbers, **{f"weights.{name}": array for name, array in self.weights.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another one was."""
        self.best, self.epoch, self.waited = state["best"], int(state["epoch"]), int(state["waited"])
        self.weights = {n.removeprefix("weights."): a for n, a in state.items() if n.startswith("weights.")}
