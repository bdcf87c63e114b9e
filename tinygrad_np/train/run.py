"""A training run from options to scores: split the data, build the model, fit it, measure it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np

from tinygrad_np import nn
from tinygrad_np._extras import require
from tinygrad_np.data import Dataset, Standardizer, class_weights, hold_out, split
from tinygrad_np.train.config import Config
from tinygrad_np.train.divergence import DivergedError
from tinygrad_np.train.evaluate import Score, evaluate
from tinygrad_np.train.fit import fit
from tinygrad_np.train.history import Epoch, History
from tinygrad_np.train.options import OptionError
from tinygrad_np.train.recipes import build_optimizer, build_schedule
from tinygrad_np.train.targets import normalize, predict_in_units, units_of
from tinygrad_np.train.tasks import TASKS, Task

__all__ = ["Run", "run"]

# The held-out examples are the same whatever the seed of the run, so that the scores of two runs compare.
SPLIT_SEED = 0

# Multiplications in a matrix product from which a second thread is worth its while.
WORTH_SHARING = 2**23


@dataclass(frozen=True)
class Run:
    """A trained model, and all that led to it.

    Attributes
    ----------
    config : Config
        Complete: with the task, and the sizes of all layers.
    data_name : str
    parts : tuple of Dataset
        Training data and, where there are any, validation and test data, named so, as the model met them.
    model : MLP
    history : History
    scores : dict of str to Score
        Of the trained model, by the name of the part. Costs of numbers, here and in the history, are relative to
        their variance in the training data: they are learnt with mean 0 and variance 1.
    standardizer : Standardizer or None
        What was done to the examples of all parts, as the training data has it.
    """

    config: Config
    data_name: str
    parts: tuple[Dataset, ...]
    model: nn.MLP
    history: History
    scores: dict[str, Score]
    standardizer: Standardizer | None = None

    @property
    def task(self) -> Task:
        """What kind of problem it is, with the threshold of the options."""
        return _task(self.config)


def run(
    config: Config,
    data: Dataset | tuple[Dataset, ...],
    callbacks: Iterable[Callable[[Epoch], None]] = (),
    *,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> Run:
    """Train a network as ``config`` says.

    Parameters
    ----------
    config : Config
    data : Dataset, or a tuple of them
        All examples, of which the fractions that ``config`` names are held out; training and test data, of which
        the first are held out for validation only; or training, validation and test data.
    callbacks : iterable of callables
        Each is called with the :class:`Epoch` when an epoch is over.
    folder : path_like, optional
        A folder that exists: the run is kept in its ``checkpoint.npz`` while it goes on.
    resume : bool
        Go on from there, if that file is there, with the very same results as if the run had not been interrupted.

    Raises
    ------
    OptionError
        If an option does not fit the data.
    DivergedError
        If the cost is no longer finite. Its ``run`` is what there was until then, if an epoch was finished.
    ValueError
        If the checkpoint is damaged, or of a run with other options or data.
    OSError
        If it cannot be read or written.
    """
    parts = _parts(config, data)
    data_name = data.name if isinstance(data, Dataset) else data[0].name
    config = config.fitted_to(replace(parts[0], name=data_name))
    parts = tuple(replace(part, x=part.x.astype(config.dtype, copy=False)) for part in parts)
    standardizer = None
    if config.standardize:
        standardizer = Standardizer.fit(parts[0].x)
        parts = tuple(replace(part, x=standardizer(part.x)) for part in parts)
    units = units_of(parts[0]) if config.task == "regression" else None
    learnt = parts if units is None else tuple(normalize(part, units) for part in parts)
    training = learnt[0]
    if config.class_weight is not None:
        if training.y.ndim != 1 or not training.class_names:
            raise OptionError("class_weight", f"is for classes, and the task is {config.task}")
        training = replace(training, weights=class_weights(training.y, config.class_weight))
    validation = next((part for part in learnt if part.name == "validation"), None)
    if validation is None and config.early_stopping is not None and config.monitor.startswith("validation"):
        raise OptionError("monitor", f"is {config.monitor}, but no examples are held out for validation")
    if config.drop_last and config.batch_size > training.size:
        raise OptionError("drop_last", f"leaves nothing of {training.size} examples in batches of {config.batch_size}")
    task = _task(config)
    model_rng, order_rng = np.random.default_rng(config.seed).spawn(2)
    model = config.build_model(model_rng)
    optimizer = build_optimizer(config, model.parameters())
    size = config.batch_size or training.size

    def until_now(history: History) -> Run:
        scores = {part.name: evaluate(model, part, task) for part in learnt}
        if units is not None:
            predict_in_units(model, units)
        return Run(config, data_name, parts, model, history, scores, standardizer)

    with _one_thread() if size * _largest_product(config) <= WORTH_SHARING else nullcontext():
        try:
            history = fit(
                model,
                training,
                validation,
                optimizer=optimizer,
                task=task,
                epochs=config.epochs,
                iterations=config.iterations,
                time_limit=config.time_limit,
                batch_size=config.batch_size,
                drop_last=config.drop_last,
                l2=config.l2,
                label_smoothing=config.label_smoothing,
                schedule=build_schedule(config, optimizer, -(-training.size // size)),
                clip=config.clip,
                clip_value=config.clip_value,
                early_stopping=config.early_stopping,
                compile=config.compile,
                rng=order_rng,
                callbacks=callbacks,
                checkpoint=None if folder is None else Path(folder, "checkpoint.npz"),
                resume=resume,
            )
        except DivergedError as error:
            error.run = until_now(error.history) if len(error.history) else None
            raise
        return until_now(history)


def _task(config: Config) -> Task:
    return TASKS[config.task or "multiclass"].at(config.threshold)


def _parts(config: Config, data: Dataset | tuple[Dataset, ...]) -> tuple[Dataset, ...]:
    """Training, validation and test data, as far as there are any, with these names."""
    given = (data,) if isinstance(data, Dataset) else data
    fractions = {"validation": config.validation if len(given) < 3 else 0, "test": config.test * (len(given) == 1)}
    try:
        if len(given) == 1 and all(fractions.values()):
            return split(given[0], config.validation, config.test, rng=SPLIT_SEED)
        training, *rest = given
        for name, fraction in fractions.items():
            if fraction:
                training, part = hold_out(training, fraction, name, rng=SPLIT_SEED)
                rest.insert(0, part)
    except ValueError as error:
        raise OptionError(
            "validation" if fractions["validation"] else "test", f"does not suit the data: {error}"
        ) from None
    names = ["training", "validation", "test"] if len(given) == 3 else ["training", *(part.name for part in rest)]
    if len(given) == 2:
        names[-1] = "test"
    return tuple(replace(part, name=name) for part, name in zip((training, *rest), names, strict=True))


def _largest_product(config: Config) -> int:
    return max(map(prod, pairwise(config.layers or ())))


def _one_thread() -> AbstractContextManager[object]:
    """Keep the matrix product to one thread, where threadpoolctl (which scikit-learn needs, too) can say so.

    On a busy machine, threads that wait for each other make small products ten times slower. And so the result
    of a small network does not depend on the number of cores.
    """
    try:
        limits: AbstractContextManager[object] = require("threadpoolctl", "train").threadpool_limits(1, "blas")
    except ImportError:
        return nullcontext()
    return limits
