"""A training run from options to scores: split the data, build the model, fit it, measure it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from tinygrad_np import nn
from tinygrad_np._extras import require
from tinygrad_np.data import Dataset, split
from tinygrad_np.train.config import Config
from tinygrad_np.train.evaluate import Score, evaluate
from tinygrad_np.train.fit import fit
from tinygrad_np.train.history import Epoch, History

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
    data_name : str
    parts : tuple of Dataset
        Training, validation and test data, named so.
    model : MLP
    history : History
    scores : dict of str to Score
        Of the trained model, by the name of the part.
    """

    config: Config
    data_name: str
    parts: tuple[Dataset, Dataset, Dataset]
    model: nn.MLP
    history: History
    scores: dict[str, Score]


def run(config: Config, data: Dataset, callbacks: Iterable[Callable[[Epoch], None]] = ()) -> Run:
    """Train a classifier of ``data`` as ``config`` says.

    70% of the examples are trained on, 15% measured after every epoch, and 15% measured once, at the end.

    Parameters
    ----------
    config : Config
    data : Dataset
    callbacks : iterable of callables
        Each is called with the :class:`Epoch` when an epoch is over.

    Raises
    ------
    OptionError
        If the layers do not fit the data.
    DivergedError
        If the cost is no longer finite.
    """
    config.check_against(data)
    model_rng, order_rng = np.random.default_rng(config.seed).spawn(2)
    parts = split(data, rng=SPLIT_SEED)
    training, validation, _ = parts
    model = config.build_model(model_rng)
    largest_product = (config.batch_size or training.size) * max(map(prod, pairwise(config.layers)))
    with _one_thread() if largest_product <= WORTH_SHARING else nullcontext():
        history = fit(
            model,
            training,
            validation,
            optimizer=config.build_optimizer(model.parameters()),
            epochs=config.epochs,
            batch_size=config.batch_size,
            l2=config.l2,
            rng=order_rng,
            callbacks=callbacks,
        )
        scores = {part.name: evaluate(model, part) for part in parts}
    return Run(config, data.name, parts, model, history, scores)


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
