"""The training loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_np.data import Dataset
from tinygrad_np.data.batches import in_order
from tinygrad_np.nn import Module
from tinygrad_np.optim import Optimizer, Plateau, Schedule
from tinygrad_np.train.checkpoint import Checkpoint, fingerprint
from tinygrad_np.train.course import Course
from tinygrad_np.train.divergence import Guard
from tinygrad_np.train.early_stopping import EarlyStopping, Watch
from tinygrad_np.train.evaluate import evaluate, in_precision_of, task_for
from tinygrad_np.train.history import Epoch, History
from tinygrad_np.train.state import State
from tinygrad_np.train.step import Loss, Step
from tinygrad_np.train.tasks import Task

__all__ = ["StopTraining", "fit"]

#: Passes over the data, where nothing else is said.
EPOCHS = 30


class StopTraining(Exception):
    """What a callback raises to end training after this epoch."""


def fit(
    model: Module,
    training: Dataset,
    validation: Dataset | None = None,
    *,
    optimizer: Optimizer,
    task: Task | str | None = None,
    loss: Loss | None = None,
    epochs: int | None = None,
    iterations: int | None = None,
    time_limit: float | None = None,
    batch_size: int = 64,
    drop_last: bool = False,
    l2: float = 0.0,
    label_smoothing: float = 0.0,
    schedule: Schedule | Plateau | Callable[[int], float] | None = None,
    clip: float | None = None,
    clip_value: float | None = None,
    early_stopping: EarlyStopping | None = None,
    compile: bool | str = True,  # noqa: A002 - the name of the function that it stands for
    rng: np.random.Generator | int | None = None,
    callbacks: Iterable[Callable[[Epoch], None]] = (),
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    resume: bool = False,
) -> History:
    """Train a network on mini-batches.

    Parameters
    ----------
    model : Module
        Maps examples to logits of shape (batch, outputs). Is left in training mode.
    training : Dataset
        What to learn from; every epoch meets it in a new random order. Its weights say how much each example counts.
        Examples of another precision than the model's are converted, once.
    validation : Dataset, optional
        What to measure after every epoch.
    optimizer : Optimizer
        Holds the parameters of ``model``.
    task : Task or str, optional
        "binary", "multiclass", "multilabel" or "regression"; by default as the data and the model have it.
    loss : callable, optional
        ``loss(logits, y)``, another loss than the task's: one number for each example, or their mean.
    epochs, iterations : int, optional
        Passes over the data, and steps: training ends with what comes first; by default after 30 epochs. An epoch
        that ends early tells of what it has seen.
    time_limit : float, optional
        In seconds: the step that passes it is the last.
    batch_size : int
        Examples per step, 0 for all of them in one.
    drop_last : bool
        Leave out the last batch of an epoch if it is smaller than the others.
    l2 : float
        The λ of the penalty λ/(2m) ΣW² of all weight matrices, for m training examples.
    label_smoothing : float
        What of the truth is spread over all classes, in training.
    schedule : callable, Schedule or Plateau, optional
        How the learning rate changes from epoch to epoch: one of :mod:`tinygrad_np.optim.schedules`. A plateau is one
        of the validation cost or, with ``mode="max"``, the validation accuracy; without validation data, of training.
    clip, clip_value : float, optional
        Limits of the norm of all gradients together, and of each element of a gradient.
    early_stopping : EarlyStopping, optional
        When to stop. The model gets the weights of the best epoch.
    compile : bool or str
        Run steps through :func:`tinygrad_np.compile`, with this backend if one is named. A model that cannot be
        captured is trained as it is, with a warning.
    rng : Generator or int, optional
        The source of the order of the examples.
    callbacks : iterable of callables
        Each is called with the :class:`Epoch` when an epoch is over, and may raise :class:`StopTraining`.
    checkpoint : path_like, optional
        A file to keep the run in, at the ends of epochs and every ``checkpoint_seconds``; see :class:`Checkpoint`.
    resume : bool
        Go on from that file, if it is there: with the very same results as if the run had never been interrupted.

    Returns
    -------
    History

    Raises
    ------
    DivergedError
        If the cost of a batch, or of the validation data, is not finite. The model has the weights of the last epoch
        whose cost was or, with early stopping, the best.
    ValueError
        If an option is out of its limits, or does not fit the data; if a checkpoint is damaged, or of another run.
    OSError
        If a checkpoint cannot be written or read. What was there before is still there.

    Examples
    --------
    >>> from tinygrad_np import nn, optim
    >>> data = Dataset(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1]))
    >>> model = nn.MLP([2, 8, 2], dtype=np.float64, rng=0)
    >>> history = fit(model, data, optimizer=optim.Adam(model.parameters(), 0.1), epochs=20, rng=0)
    >>> history[-1].accuracy
    1.0
    """
    _check(training, validation, batch_size, drop_last, loss, label_smoothing, early_stopping)
    task = task_for(model, training, task)
    rng = np.random.default_rng(rng)
    arrays = in_precision_of(model, training.x), training.y, _mean_one(training, optimizer)
    size = batch_size or training.size
    step = _step(model, optimizer, task, loss, training, l2, label_smoothing, clip, clip_value, compile)
    rates = _Rates(optimizer, schedule)
    limits = {"epochs": epochs, "iterations": iterations, "time limit": time_limit}
    if all(limit is None for limit in limits.values()):
        limits["epochs"] = EPOCHS
    course, watch, state = Course(), Watch(early_stopping), State(model, optimizer, rng)
    course.history.score_name = task.score_name
    kept = {} if checkpoint is None else {"training data": training, "validation data": validation}
    identity = {
        "task": task.name, "threshold": task.threshold, "batch_size": batch_size, "drop_last": drop_last, "l2": l2,
        "clip": clip, "clip_value": clip_value, "label_smoothing": label_smoothing,
        "optimizer": type(optimizer).__name__, "early_stopping": repr(early_stopping),
        "schedule": type(rates.schedule).__name__,
        **{name: fingerprint(data) for name, data in kept.items()},
    }  # fmt: skip
    keeper = Checkpoint(checkpoint, checkpoint_seconds, identity, state, course, rates.schedule, watch)
    optimizer.set_up()
    if resume:
        keeper.read()
    model.train()
    step.prepare(state, *_kinds_of_batches(arrays, size, drop_last))
    guard, ended_by, callbacks = Guard(model, course, watch), "", list(callbacks)

    while course.position or not (ended_by := ended_by or watch.verdict or course.reached(limits)):
        course.begin_epoch(training.size if size < training.size else 0, rng)
        for batch in in_order(arrays, course.order, size, course.position, drop_last=drop_last):
            if course.reached(limits):
                break
            cost, marks = step(*batch)
            guard.after_step(cost)
            course.add(cost, marks, len(batch[0]))
            keeper.after_step()
        score = None if validation is None else evaluate(model, validation, task, loss)
        weights = guard.after_epoch(score)
        epoch = course.end_epoch(score, rates.now)
        watch.see(epoch, weights)
        rates.after_epoch(epoch)
        try:
            for callback in callbacks:
                callback(epoch)
        except StopTraining:
            ended_by = "callback"
        keeper.after_epoch()

    keeper.write()
    course.history.ended_by = ended_by
    if watch.weights:
        model.load_state_dict(watch.weights)
        course.history.best_epoch = watch.epoch
    return course.history


class _Rates:
    """The learning rate, which a schedule may change when an epoch is over."""

    def __init__(self, optimizer: Optimizer, schedule: Schedule | Plateau | Callable[[int], float] | None) -> None:
        self.optimizer = optimizer
        self.schedule = Schedule(optimizer, schedule) if callable(schedule) else schedule

    @property
    def now(self) -> float:
        """That of the first group of parameters."""
        return float(self.optimizer.param_groups[0]["lr"])

    def after_epoch(self, epoch: Epoch) -> None:
        """Let the schedule know."""
        if isinstance(self.schedule, Plateau):
            name = "accuracy" if self.schedule.mode == "max" else "cost"
            validated = getattr(epoch, f"validation_{name}")
            self.schedule.step(getattr(epoch, name) if validated is None else validated)
        elif self.schedule is not None:
            self.schedule.step()


def _step(
    model: Module,
    optimizer: Optimizer,
    task: Task,
    loss: Loss | None,
    data: Dataset,
    l2: float,
    smoothing: float,
    clip: float | None,
    clip_value: float | None,
    compiled: bool | str,
) -> Step:
    spread = task.spread(data)
    return Step(
        model,
        optimizer,
        loss or (lambda logits, y: task.losses(logits, y, smoothing)),
        lambda logits, y: task.marks(logits, y, spread),
        l2=l2,
        m=data.total_weight,
        clip=clip,
        clip_value=clip_value,
        backend="numpy" if compiled is True else compiled or None,
    )


def _check(
    training: Dataset,
    validation: Dataset | None,
    batch_size: int,
    drop_last: bool,
    loss: Loss | None,
    label_smoothing: float,
    early_stopping: EarlyStopping | None,
) -> None:
    """Raise ValueError if options cannot be, or not together."""
    if batch_size < 0:
        raise ValueError(f"fit: batch_size={batch_size} is negative; 0 is for all examples in one batch")
    if drop_last and batch_size > training.size:
        raise ValueError(f"fit: drop_last leaves nothing of {training.size} examples with batch_size={batch_size}")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"fit: label_smoothing must be at least 0 and below 1, not {label_smoothing}")
    if label_smoothing and loss is not None:
        raise ValueError("fit: label_smoothing belongs to the losses of tasks; smooth the labels in your own loss")
    if early_stopping is not None and early_stopping.monitor.startswith("validation") and validation is None:
        raise ValueError(
            f"fit: early stopping watches {early_stopping.monitor}, but there is no validation data; give some, or "
            f"watch {early_stopping.monitor.removeprefix('validation_')!r}"
        )


def _mean_one(data: Dataset, optimizer: Optimizer) -> Any:
    """The weights of the examples, scaled so that their mean is 1, in the precision of the parameters."""
    if data.weights is None:
        return None
    dtype = optimizer.param_groups[0]["params"][0].dtype
    return (data.weights * (data.size / data.total_weight)).astype(dtype)


def _kinds_of_batches(arrays: tuple[Any, ...], size: int, drop_last: bool) -> list[tuple[Any, ...]]:
    """A batch of each length that there will be."""
    m = len(arrays[0])
    lengths = [n for n in (min(size, m), 0 if drop_last else m % size) if n]
    return [next(in_order(arrays, np.arange(n) if size < m else None, n)) for n in dict.fromkeys(lengths)]
