"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import functional as F
from tinygrad_np.data import Dataset, batches
from tinygrad_np.grad_mode import no_grad
from tinygrad_np.nn import Module
from tinygrad_np.optim import Optimizer
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.train.history import Epoch, History
from tinygrad_np.train.metrics import accuracy

__all__ = ["DivergedError", "Score", "evaluate", "fit", "objective", "predict_logits"]

Loss = Callable[[Tensor, NDArray[Any]], Tensor]


class DivergedError(ArithmeticError):
    """The cost became infinite or NaN: training cannot go on."""


@dataclass(frozen=True)
class Score:
    """How a model does on some data: the mean loss per example, and the fraction that it gets right."""

    cost: float
    accuracy: float


def fit(
    model: Module,
    training: Dataset,
    validation: Dataset | None = None,
    *,
    optimizer: Optimizer,
    loss: Loss = F.softmax_cross_entropy,
    epochs: int = 30,
    batch_size: int = 64,
    l2: float = 0.0,
    rng: np.random.Generator | int | None = None,
    callbacks: Iterable[Callable[[Epoch], None]] = (),
) -> History:
    """Train a classifier on mini-batches.

    Parameters
    ----------
    model : Module
        Maps examples to logits of shape (batch, classes). Is left in training mode.
    training : Dataset
        What to learn from; every epoch meets it in a new random order.
    validation : Dataset, optional
        What to measure after every epoch.
    optimizer : Optimizer
        Holds the parameters of ``model``.
    loss : callable
        ``loss(logits, labels)``, the mean over a batch.
    epochs, batch_size : int
        Passes over the data; examples per step, 0 for all of them in one.
    l2 : float
        The λ of the penalty λ/(2m) ΣW² of all weight matrices, for m training examples.
    rng : Generator or int, optional
        The source of the order of the examples.
    callbacks : iterable of callables
        Each is called with the :class:`Epoch` when an epoch is over.

    Returns
    -------
    History

    Raises
    ------
    DivergedError
        If the cost of a batch, or of the validation data, is not finite.

    Examples
    --------
    >>> from tinygrad_np import nn, optim
    >>> data = Dataset(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1]))
    >>> model = nn.MLP([2, 8, 2], dtype=np.float64, rng=0)
    >>> history = fit(model, data, optimizer=optim.Adam(model.parameters(), 0.1), epochs=20, rng=0)
    >>> history[-1].accuracy
    1.0
    """
    rng = np.random.default_rng(rng)
    history = History()
    for number in range(1, epochs + 1):
        learnt = _train_epoch(model, training, optimizer, loss, batch_size, l2, rng)
        measured = None if validation is None else evaluate(model, validation, loss)
        for score in filter(None, (learnt, measured)):
            if not math.isfinite(score.cost):
                raise DivergedError(f"the cost became {score.cost} in epoch {number}: try a smaller learning rate")
        epoch = Epoch(number, learnt.cost, learnt.accuracy, *(astuple(measured) if measured else ()))
        history.append(epoch)
        for callback in callbacks:
            callback(epoch)
    return history


# An overflow shows in the cost; a warning would only say it worse.
@np.errstate(over="ignore", invalid="ignore")
def _train_epoch(
    model: Module,
    data: Dataset,
    optimizer: Optimizer,
    loss: Loss,
    batch_size: int,
    l2: float,
    rng: np.random.Generator,
) -> Score:
    total, right = 0.0, 0
    model.train()
    for x, y in batches(data.x, data.y, batch_size, rng=rng):
        logits = model(wrap(x))  # the batch is ours alone: no need to copy it
        cost = loss(logits, y)
        if not math.isfinite(cost.item()):
            return Score(cost.item(), 0.0)  # before a step that would spoil the parameters
        optimizer.zero_grad()
        objective(cost, model, l2, data.size).backward()
        optimizer.step()
        total += cost.item() * len(y)
        right += int(np.count_nonzero(logits.detach().numpy().argmax(axis=1) == y))
    return Score(total / data.size, right / data.size)


def objective(cost: Tensor, model: Module, l2: float, m: int) -> Tensor:
    """What is differentiated: the cost, plus λ/(2m) ΣW² over the weight matrices for m training examples."""
    if not l2:
        return cost
    return cost + F.l2_penalty([p for p in model.parameters() if p.ndim > 1], l2, m)


@np.errstate(over="ignore", invalid="ignore")
def evaluate(model: Module, data: Dataset, loss: Loss = F.softmax_cross_entropy) -> Score:
    """The cost and accuracy of ``model`` on ``data``, without dropout and without recording a graph."""
    logits = predict_logits(model, data.x)
    return Score(loss(wrap(logits), data.y).item(), accuracy(data.y, logits.argmax(axis=1)))


def predict_logits(model: Module, x: NDArray[Any], batch_size: int = 4096) -> NDArray[Any]:
    """The logits of ``model`` for the examples ``x``, as an array: in evaluation mode, a batch at a time.

    The model comes back in the mode that it was in.
    """
    was_training = model.training
    model.eval()
    try:
        with no_grad():
            return np.concatenate([model(wrap(x[i : i + batch_size])).numpy() for i in range(0, len(x), batch_size)])
    finally:
        model.train(was_training)
