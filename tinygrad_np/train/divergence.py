"""What to do when training diverges: stop at once, and go back to the last weights that were good."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.nn import Module
from tinygrad_np.train.course import Course
from tinygrad_np.train.early_stopping import Watch
from tinygrad_np.train.evaluate import Score
from tinygrad_np.train.history import History

__all__ = ["DivergedError", "Guard"]


class DivergedError(ArithmeticError):
    """The cost became infinite or NaN: training cannot go on. The model has its last good weights.

    Attributes
    ----------
    epoch : int
        When it happened.
    history : History
        The epochs before.
    model : Module
        With its last good weights.
    run : Run or None
        All that there was until then, where :func:`~tinygrad_np.train.run` raised this after an epoch or more.
    """

    def __init__(self, what: str, epoch: int, history: History, model: Module) -> None:
        super().__init__(f"the {what} in epoch {epoch}: try a smaller learning rate")
        self.epoch, self.history, self.model = epoch, history, model
        self.run: Any = None


class Guard:
    """Sees that costs and weights are finite, and keeps the weights at the ends of epochs.

    Weights are good when a cost that they gave was finite: that of the validation data, or of the next batch.

    Parameters
    ----------
    model : Module
    course : Course
    watch : Watch
        Whose best weights are the ones to go back to, if there are any.
    """

    def __init__(self, model: Module, course: Course, watch: Watch) -> None:
        self.model, self.course, self.watch = model, course, watch
        self._good = self._latest = model.state_dict()

    def after_step(self, cost: float) -> None:
        """Look at the cost of a batch.

        Raises
        ------
        DivergedError
            If it is not finite.
        """
        if not math.isfinite(cost):
            raise self._diverged(f"cost became {cost}")
        self._good = self._latest

    def after_epoch(self, validation: Score | None) -> dict[str, NDArray[Any]]:
        """Look at the weights and the validation cost; return a copy of the weights.

        Raises
        ------
        DivergedError
            If one of them is not finite.
        """
        if validation is not None and not math.isfinite(validation.cost):
            raise self._diverged(f"cost of the validation data became {validation.cost}")
        weights = self.model.state_dict()
        if not all(np.isfinite(array).all() for array in weights.values()):
            raise self._diverged("weights became infinite")
        self._latest = weights
        if validation is not None:
            self._good = weights
        return weights

    def _diverged(self, what: str) -> DivergedError:
        self.model.load_state_dict(self.watch.weights or self._good)
        return DivergedError(what, self.course.epoch, self.course.history, self.model)
