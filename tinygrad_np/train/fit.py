"""The training loop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np

from tinygrad_np.data import Dataset
from tinygrad_np.data.batches import in_order
from tinygrad_np.nn import Module
from tinygrad_np.optim import Optimizer, Plateau, Schedule
from tinygrad_np.train.checkpoint import Checkpoint, fingerprint
from tinygrad_np.train.course import Course
from tinygrad_np.train.early_stopping import EarlyStopping, Watch
from tinygrad_np.train.evaluate import evaluate, task_for
from tinygrad_np.train.history import Epoch, History
from tinygrad_np.train.state import State
from tinygrad_np.train.step import Loss, Step
from tinygrad_np.train.tasks import Task

__all__ = ["DivergedError", "StopTraining", "fit"]

#: Passes over the data, where nothing else is said.
EPOCHS = 30


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
    epochs = EPOCHS if epochs is None and iterations is None and time_limit is None else epochs
    limits = {"epochs": epochs, "iterations": iterations, "time limit": time_limit}
    rng = np.random.default_rng(rng)
    task = task_for(model, training, task)
    spread = task.spread(training)
    weights = _mean_one(training, optimizer)
    arrays, size = (training.x, training.y, weights), batch_size or training.size
    schedule = Schedule(optimizer, schedule) if callable(schedule) else schedule
    watch = None if early_stopping is None else Watch(early_stopping)
    course, callbacks = Course(), list(callbacks)
    history = course.history
    optimizer.set_up()
    step = Step(
        model, optimizer,
        loss or (lambda logits, y: task.losses(logits, y, label_smoothing)),
        lambda logits, y: task.marks(logits, y, spread),
        l2=l2, m=training.total_weight, clip=clip, clip_value=clip_value,
        backend="numpy" if compile is True else compile or None,
    )  # fmt: skip
    model.train()
    state = State(model, optimizer, rng)
    keeper = None
    if checkpoint is not None:
        identity = {
            "task": task.name, "batch_size": batch_size, "drop_last": drop_last, "l2": l2, "clip": clip,
            "clip_value": clip_value, "label_smoothing": label_smoothing, "optimizer": type(optimizer).__name__,
            "early stopping": repr(early_stopping), "schedule": type(schedule).__name__,
            "training data": fingerprint(training), "validation data": fingerprint(validation),
        }  # fmt: skip
        keeper = Checkpoint(checkpoint, checkpoint_seconds, identity, state, course, schedule, watch)
        if resume:
            keeper.read()
    step.prepare(state, *_kinds_of_batches(arrays, size, drop_last))
    good = fresh = model.state_dict()  # weights that gave a finite cost; weights after the last epoch

    def diverged(what: str) -> DivergedError:
        model.load_state_dict(watch.weights if watch is not None and watch.weights else good)
        return DivergedError(what, course.epoch, history, model)

    while not (ended_by := _ending(course, limits, watch)):
        rate, clock = float(optimizer.param_groups[0]["lr"]), perf_counter()
        if course.order is None and size < training.size:
            course.order = rng.permutation(training.size)
        for x, y, w in in_order(arrays, course.order, size, course.position, drop_last=drop_last):
            cost, marks = step(x, y, w)
            if not math.isfinite(cost):
                raise diverged(f"cost became {cost}")
            good = fresh
            course.add(cost, marks, len(x), -clock + (clock := perf_counter()))
            if keeper is not None:
                keeper.after_step()
            if _ending(course, limits):
                break
        fresh = model.state_dict()
        if not all(np.isfinite(array).all() for array in fresh.values()):
            raise diverged("weights became infinite")
        score = None if validation is None else evaluate(model, validation, task, loss)
        if score is not None:
            if not math.isfinite(score.cost):
                raise diverged(f"cost of the validation data became {score.cost}")
            good = fresh
        epoch = course.close(score, rate, perf_counter() - clock)
        if watch is not None:
            watch.see(epoch, fresh)
        if isinstance(schedule, Plateau):
            schedule.step(_figure(epoch, "accuracy" if schedule.mode == "max" else "cost"))
        elif schedule is not None:
            schedule.step()
        try:
            for callback in callbacks:
                callback(epoch)
        except StopTraining:
            ended_by = "callback"
            break
        if keeper is not None:
            keeper.after_epoch()
    if keeper is not None:
        keeper.write()
    history.ended_by = ended_by
    if watch is not None and watch.weights:
        model.load_state_dict(watch.weights)
        history.best_epoch = watch.epoch
    return history


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


def _ending(course: Course, limits: dict[str, Any], watch: Watch | None = None) -> str:
    """Why to stop, or the empty string."""
    if watch is not None and watch.stops:
        return "early stopping"
    reached = {"epochs": len(course.history), "iterations": course.steps, "time limit": course.seconds}
    return next((name for name, limit in limits.items() if limit is not None and reached[name] >= limit), "")


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


def _figure(epoch: Epoch, name: str) -> float:
    figure = getattr(epoch, f"validation_{name}")
    return float(getattr(epoch, name) if figure is None else figure)
