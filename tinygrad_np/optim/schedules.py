"""Learning-rate schedules: how the learning rate changes from epoch to epoch.

A schedule is a plain function of the number of the epoch, from 0, that returns what to multiply the learning rate by.
:class:`Schedule` applies it to an optimizer; :class:`Plateau` waits for the score instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tinygrad_np.optim.optimizer import Optimizer

__all__ = ["Plateau", "Schedule", "cosine", "exponential", "inverse_time", "warm_up"]

Factor = Callable[[int], float]


def inverse_time(decay: float, every: int = 1) -> Factor:
    """Return the schedule ``1 / (1 + decay * t)``, or of ``t // every``: the textbook's decay, continuous or discrete.

    Examples
    --------
    >>> [inverse_time(0.5)(t) for t in range(3)], [inverse_time(0.5, every=2)(t) for t in range(3)]
    ([1.0, 0.6666666666666666, 0.5], [1.0, 1.0, 0.6666666666666666])
    """
    _check("inverse_time", decay=decay, every=every)
    return partial(_inverse_time, decay, every)


def exponential(gamma: float, every: int = 1) -> Factor:
    """Return the schedule ``gamma ** (t // every)``: exponential decay or, with ``every``, one in steps.

    Examples
    --------
    >>> [exponential(0.5, every=2)(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _check("exponential", gamma=gamma, every=every)
    return partial(_exponential, gamma, every)


def cosine(period: int, lowest: float = 0.0) -> Factor:
    """Return the schedule that falls from 1 to ``lowest`` along half a wave, in ``period`` epochs, and stays there.

    References
    ----------
    Loshchilov and Hutter, 2017, "SGDR: Stochastic gradient descent with warm restarts", equation 5, without restarts.

    Examples
    --------
    >>> [round(cosine(4, lowest=0.2)(t), 3) for t in (0, 2, 4, 9)]
    [1.0, 0.6, 0.2, 0.2]
    """
    _check("cosine", every=period, lowest=lowest)
    return partial(_cosine, period, lowest)


def warm_up(epochs: int, then: Factor | None = None) -> Factor:
    """Return the schedule that grows from ``1/(epochs + 1)`` to 1 in so many epochs, and goes on with ``then`` from 0.

    Without ``then``, it stays at 1.

    Examples
    --------
    >>> [warm_up(3, then=exponential(0.5))(t) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 0.5, 0.25]
    """
    _check("warm_up", every=epochs)
    return partial(_warm_up, epochs, then)


# What the functions above return are partial applications of these, and no lambdas: so they can be pickled.
def _inverse_time(decay: float, every: int, t: int) -> float:
    return 1 / (1 + decay * (t // every))


def _exponential(gamma: float, every: int, t: int) -> float:
    return float(gamma ** (t // every))


def _cosine(period: int, lowest: float, t: int) -> float:
    return lowest + (1 - lowest) * (1 + math.cos(math.pi * min(t, period) / period)) / 2


def _warm_up(epochs: int, then: Factor | None, t: int) -> float:
    if t < epochs:
        return (t + 1) / (epochs + 1)
    return 1.0 if then is None else then(t - epochs)


def _check(name: str, every: int = 1, **numbers: float) -> None:
    if every < 1:
        raise ValueError(f"{name}: a number of epochs must be at least 1, not {every}")
    for option, value in numbers.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: {option} must be a number from 0, not {value}")


class Schedule:
    """Set the learning rates of an optimizer by a function of the number of the epoch.

    Parameters
    ----------
    optimizer : Optimizer
        The learning rates that its groups have now are those that are multiplied.
    factor : callable
        ``factor(t)`` for t = 0, 1, 2 ...: :func:`inverse_time`, :func:`exponential`, :func:`cosine`, :func:`warm_up`,
        or a function of your own.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(np.zeros(2), requires_grad=True)], lr=0.1)
    >>> schedule = Schedule(optimizer, exponential(0.5))
    >>> for epoch in range(3):
    ...     print(optimizer.param_groups[0]["lr"])  # train for an epoch
    ...     schedule.step()
    0.1
    0.05
    0.025
    """

    def __init__(self, optimizer: Optimizer, factor: Factor) -> None:
        self.optimizer, self.factor, self.epoch = optimizer, factor, 0
        self._initial = [float(group["lr"]) for group in optimizer.param_groups]
        self._set()

    def step(self) -> None:
        """An epoch is over."""
        self.epoch += 1
        self._set()

    def _set(self) -> None:
        factor = self.factor(self.epoch)
        for group, initial in zip(self.optimizer.param_groups, self._initial, strict=True):
            group["lr"] = initial * factor

    def state_dict(self) -> dict[str, Any]:
        """Return what :meth:`load_state_dict` needs to go on from here."""
        return {"epoch": self.epoch, "initial": list(self._initial)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another schedule of the same kind was."""
        initial = [float(lr) for lr in state["initial"]]
        if len(initial) != len(self._initial):
            raise ValueError(f"Schedule: the state has {len(initial)} groups, the optimizer {len(self._initial)}")
        self.epoch, self._initial = int(state["epoch"]), initial
        self._set()


class Plateau:
    """Lower the learning rates when a score has not become better for a while.

    Parameters
    ----------
    optimizer : Optimizer
    factor : float
        What to multiply by, below 1.
    patience : int
        How many epochs without a better score are waited for.
    mode : {"min", "max"}
        Whether a lower or a higher score is better.
    least : float
        What the score has to change by to count as better.
    lowest : float
        No learning rate goes below this.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, optim
    >>> optimizer = optim.SGD([Tensor(np.zeros(2), requires_grad=True)], lr=0.1)
    >>> schedule = Plateau(optimizer, factor=0.5, patience=2)
    >>> for cost in (1.0, 0.5, 0.6, 0.5, 0.7, 0.4):
    ...     schedule.step(cost)
    ...     print(optimizer.param_groups[0]["lr"], end=" ")
    0.1 0.1 0.1 0.1 0.05 0.05
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 0.1,
        patience: int = 10,
        *,
        mode: str = "min",
        least: float = 0.0,
        lowest: float = 0.0,
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"Plateau: factor must be between 0 and 1, not {factor}")
        if patience < 0 or mode not in ("min", "max"):
            raise ValueError(f"Plateau: patience={patience!r} and mode={mode!r}; give a count, and 'min' or 'max'")
        self.optimizer, self.factor, self.patience = optimizer, factor, patience
        self.mode, self.least, self.lowest = mode, least, lowest
        self.best: float | None = None
        self.waited = 0

    def step(self, score: float) -> None:
        """An epoch is over, and this is its score."""
        better = self.best is None or (
            score < self.best - self.least if self.mode == "min" else score > self.best + self.least
        )
        if better:
            self.best, self.waited = float(score), 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.waited = 0
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"] * self.factor, min(self.lowest, group["lr"]))

    def state_dict(self) -> dict[str, Any]:
        """Return what :meth:`load_state_dict` needs to go on; the learning rates are in the optimizer's state."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where another one was."""
        best = state["best"]
        self.best, self.waited = None if best is None else float(best), int(state["waited"])
