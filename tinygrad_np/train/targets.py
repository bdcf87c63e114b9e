"""Numbers to predict: learnt with mean 0 and variance 1, so that their unit does not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinygrad_np import nn, no_grad
from tinygrad_np.data import Dataset, Standardizer

__all__ = ["normalize", "predict_in_units", "units_of"]


def units_of(training: Dataset) -> Standardizer:
    """The mean and the standard deviation of each number that is to be predicted."""
    return Standardizer.fit(training.y.reshape(training.size, -1).astype(np.float64))


def normalize(data: Dataset, units: Standardizer) -> Dataset:
    """The data with numbers of mean 0 and variance 1, in the precision of the examples."""
    y = units(data.y.reshape(data.size, -1)).reshape(data.y.shape)
    return replace(data, y=y.astype(data.x.dtype))


def predict_in_units(model: nn.MLP, units: Standardizer) -> None:
    """Let ``model``, which has learnt normalized numbers, predict the numbers themselves.

    The last layer does it: ``scale * (h @ w + b) + mean`` is ``h @ (scale * w) + (scale * b + mean)``.

    Examples
    --------
    >>> model = nn.MLP([1, 1], dtype=np.float64, rng=0)
    >>> before = model(np.ones((1, 1))).item()
    >>> predict_in_units(model, Standardizer(np.array([100.0]), np.array([8.0])))
    >>> model(np.ones((1, 1))).item() == 100 + 8 * before
    True
    """
    last = model.layers[-1]
    scale, mean = (array.astype(last.weight.dtype) for array in (units.scale, units.mean))
    with no_grad():
        last.weight *= scale
        last.bias *= scale
        last.bias += mean
