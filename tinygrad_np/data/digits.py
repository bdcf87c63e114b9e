"""The handwritten digits that scikit-learn ships: no download, and small enough to train on in a second."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_np._extras import require
from tinygrad_np.data.csv import read_csv
from tinygrad_np.data.dataset import Dataset

__all__ = ["digits"]


def digits(dtype: DTypeLike = np.float32) -> Dataset:
    """1,797 handwritten digits, 8 x 8 pixels each, with intensities in [0, 1].

    They are the test part of the UCI data set "Optical Recognition of Handwritten Digits".

    Parameters
    ----------
    dtype : data type
        Of the pixels.

    Returns
    -------
    Dataset
        ``x`` of shape (1797, 64), ``y`` of shape (1797,), the classes "0" to "9".

    Raises
    ------
    ImportError
        If scikit-learn is missing (``pip install 'tinygrad_np[train]'``).

    Examples
    --------
    >>> digits()
    Dataset 'digits': 1797 examples of shape (64,), 10 classes
    """
    spec = find_spec("sklearn")
    table = Path(next(iter((spec and spec.submodule_search_locations) or [""])), "datasets", "data", "digits.csv.gz")
    if table.is_file():  # without importing scikit-learn, which takes longer than training does
        found = read_csv(table, label=-1, dtype=np.float64)
        x, y = found.features, np.asarray(found.labels)
    else:
        x, y = require("sklearn.datasets", "train").load_digits(return_X_y=True)
    return Dataset((x / 16).astype(dtype), y.astype(np.int64), image_shape=(8, 8), name="digits")
