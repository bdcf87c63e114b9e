"""How a model does on data that it does not learn from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.data import Dataset
from tinygrad_np.grad_mode import no_grad
from tinygrad_np.nn import Module
from tinygrad_np.record import wrap
from tinygrad_np.train.step import Loss
from tinygrad_np.train.tasks import TASKS, Task, task_of

__all__ = ["Score", "evaluate", "in_precision_of", "predict_logits", "task_for"]

#: How many numbers a batch has at most, where nothing is learnt.
_NUMBERS_AT_ONCE = 2**24


@dataclass(frozen=True)
class Score:
    """How a model does on some data: the mean loss per example, and the fraction that it gets right (or R²)."""

    cost: float
    accuracy: float


@np.errstate(over="ignore", invalid="ignore")
def evaluate(model: Module, data: Dataset, task: Task | str | None = None, loss: Loss | None = None) -> Score:
    """The cost and accuracy of ``model`` on ``data``, without dropout and without recording a graph.

    Parameters
    ----------
    model : Module
    data : Dataset
        Examples count as much as its weights say.
    task : Task or str, optional
        By default as the data and the model have it.
    loss : callable, optional
        Another loss than the task's, as :func:`fit` takes it.
    """
    logits = predict_logits(model, data.x)
    task = task_for(model, data, task, logits)
    losses = (loss or task.losses)(wrap(logits), data.y).detach().numpy()
    cost = np.average(losses, weights=None if losses.ndim == 0 else data.weights)
    return Score(float(cost), task.score(data.y, logits, data.weights))


def predict_logits(model: Module, x: NDArray[Any], batch_size: int | None = None) -> NDArray[Any]:
    """The logits of ``model`` for the examples ``x``, as an array: in evaluation mode, a batch at a time.

    They are computed in the precision of its parameters. A batch has 4096 examples, or fewer where these are large. The
    model comes back in the mode that it was in.
    """
    batch_size = batch_size or max(1, min(4096, _NUMBERS_AT_ONCE // max(1, math.prod(x.shape[1:]))))
    was_training = model.training
    model.eval()
    batches = (in_precision_of(model, x[i : i + batch_size]) for i in range(0, len(x), batch_size))
    try:
        with no_grad():
            return np.concatenate([model(wrap(batch)).numpy() for batch in batches])
    finally:
        model.train(was_training)


def in_precision_of(model: Module, x: NDArray[Any]) -> NDArray[Any]:
    """``x`` in the precision of the parameters, if both are floats: one float64 would make all that follows float64."""
    dtype = next((p.dtype for p in model.parameters() if p.dtype.kind == "f"), x.dtype)
    with np.errstate(over="ignore"):  # an infinity shows in the cost
        return x.astype(dtype) if x.dtype.kind == "f" and x.dtype != dtype else x


def task_for(model: Module, data: Dataset, task: Task | str | None = None, logits: NDArray[Any] | None = None) -> Task:
    """The task that is given, by its name or itself, or else that of the data and the number of outputs of the model.

    Raises
    ------
    ValueError
        If there is no such task.
    """
    if isinstance(task, Task):
        return task
    if task is not None:
        if task not in TASKS:
            raise ValueError(f"there is no task {task!r}; there are {', '.join(TASKS)}")
        return TASKS[task]
    if len(data.class_names) != 2 or data.y.ndim == 2:
        return task_of(data)  # whatever the outputs
    logits = predict_logits(model, data.x[:1]) if logits is None else logits
    return task_of(data, logits.shape[-1] if logits.ndim == 2 else 1)
