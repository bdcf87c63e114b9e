"""How good predictions are, in scikit-learn's conventions: the truth first, then the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["accuracy", "confusion_matrix"]

Labels = NDArray[np.integer[Any]]


def accuracy(y_true: Labels, y_pred: Labels) -> float:
    """The fraction of labels that were predicted right.

    Parameters
    ----------
    y_true, y_pred : integer arrays of shape (m,)

    Raises
    ------
    ValueError
        If the shapes differ, or there are no labels.

    Examples
    --------
    >>> accuracy(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]))
    0.75
    """
    _check(y_true, y_pred)
    return float(np.mean(y_true == y_pred))


def confusion_matrix(y_true: Labels, y_pred: Labels, n_classes: int) -> NDArray[np.int64]:
    """How often class i (row) was predicted to be class j (column).

    Parameters
    ----------
    y_true, y_pred : integer arrays of shape (m,)
        Labels in ``0 .. n_classes - 1``.
    n_classes : int

    Returns
    -------
    int64 array of shape (n_classes, n_classes)
        The right predictions are on the diagonal; the sum is m.

    Raises
    ------
    ValueError
        If the shapes differ, there are no labels, or a label is outside the classes.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    array([[1, 0],
           [1, 1]])
    """
    _check(y_true, y_pred)
    for name, labels in (("y_true", y_true), ("y_pred", y_pred)):
        if labels.min() < 0 or labels.max() >= n_classes:
            raise ValueError(
                f"{name} has labels from {labels.min()} to {labels.max()}, outside the {n_classes} classes"
            )
    counts = np.bincount(y_true.astype(np.int64) * n_classes + y_pred, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes)


def _check(y_true: Labels, y_pred: Labels) -> None:
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(
            f"y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape}: give one label per example"
        )
    if len(y_true) == 0:
        raise ValueError("there are no labels to compare")
