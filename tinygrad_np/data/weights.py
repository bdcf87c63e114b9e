"""How much each example counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["class_weights"]


def class_weights(
    labels: NDArray[np.integer[Any]], of_class: Mapping[int, float] | str = "balanced"
) -> NDArray[np.float64]:
    """Weights of examples by their classes.

    Parameters
    ----------
    labels : integer array of shape (m,)
    of_class : mapping of int to float, or "balanced"
        The weight of each class, 1 for those that it lacks. Balanced: all classes that occur count the same,
        ``m / (classes * examples of the class)``, as in scikit-learn.

    Examples
    --------
    >>> class_weights(np.array([0, 0, 0, 1]))
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    >>> class_weights(np.array([0, 0, 0, 1]), {1: 3.0})
    array([1., 1., 1., 3.])
    """
    counts = np.bincount(labels)
    if isinstance(of_class, str):
        if of_class != "balanced":
            raise ValueError(f"class weights are a mapping or 'balanced', not {of_class!r}")
        each = len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    else:
        each = np.array([of_class.get(label, 1.0) for label in range(len(counts))])
    return np.asarray(each[labels], np.float64)
