"""How good predictions are, in scikit-learn's conventions: the truth first, then the prediction."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClassScores", "accuracy", "confusion_matrix", "log_loss", "precision_recall_f1"]

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


class ClassScores(NamedTuple):
    """Precision, recall and their harmonic mean: numbers, or arrays with one entry per class."""

    precision: Any
    recall: Any
    f1: Any


def precision_recall_f1(
    y_true: Labels,
    y_pred: Labels,
    n_classes: int,
    average: Literal["binary", "macro", "weighted"] | None = "macro",
) -> ClassScores:
    """Of what was predicted to be of a class, how much is; of what is, how much was predicted; and both in one number.

    ``precision = TP / (TP + FP)``, ``recall = TP / (TP + FN)``, ``F1 = 2 TP / (2 TP + FP + FN)``; 0 where that is 0/0.

    Parameters
    ----------
    y_true, y_pred : integer arrays of shape (m,)
        Labels in ``0 .. n_classes - 1``.
    n_classes : int
    average : {"macro", "weighted", "binary", None}
        The mean over the classes that occur, in either; that mean weighted by how often a class occurs in ``y_true``;
        the scores of class 1 of two; or all of them, as arrays.

    Returns
    -------
    ClassScores

    Raises
    ------
    ValueError
        As :func:`confusion_matrix` does; and for "binary" with another number of classes than 2.

    Examples
    --------
    >>> precision_recall_f1(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]), 2, "binary")
    ClassScores(precision=1.0, recall=0.6666666666666666, f1=0.8)
    """
    counts = confusion_matrix(y_true, y_pred, n_classes)
    right, predicted, actual = np.diag(counts), counts.sum(0), counts.sum(1)
    scores = [
        np.divide(a, b, out=np.zeros(n_classes), where=b != 0)
        for a, b in ((right, predicted), (right, actual), (2 * right, predicted + actual))
    ]
    match average:
        case None:
            return ClassScores(*scores)
        case "binary":
            if n_classes != 2:
                raise ValueError(f"there are {n_classes} classes: 'binary' is for two; use 'macro' or 'weighted'")
            return ClassScores(*(float(score[1]) for score in scores))
        case "macro" | "weighted":
            weights = (predicted + actual > 0) if average == "macro" else actual
            return ClassScores(*(float(np.average(score, weights=weights)) for score in scores))
    raise ValueError(f"average is 'macro', 'weighted', 'binary' or None, not {average!r}")


def log_loss(y_true: Labels, probabilities: NDArray[Any]) -> float:
    """The mean of ``-log p`` over the probabilities p that were given to what is true: the cost of a classifier.

    Parameters
    ----------
    y_true : integer array of shape (m,)
    probabilities : array of shape (m, n_classes), or (m,) for two classes
        Of each class; of class 1. Kept away from 0 and 1 by the rounding error of their dtype.

    Raises
    ------
    ValueError
        If the shapes do not fit, a label is outside the classes, or a probability outside of [0, 1].

    Examples
    --------
    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.25])), 4)  # (log 2 + log 4/3) / 2
    0.4904
    """
    p = np.asarray(probabilities)
    p = np.stack([1 - p, p], axis=1) if p.ndim == 1 else p
    if p.ndim != 2 or y_true.shape != p.shape[:1] or not len(p):
        raise ValueError(
            f"y_true of shape {y_true.shape} and probabilities of shape {np.shape(probabilities)}: "
            f"give one row per example"
        )
    if y_true.min() < 0 or y_true.max() >= p.shape[1]:
        raise ValueError(f"labels from {y_true.min()} to {y_true.max()} are outside the {p.shape[1]} classes")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("probabilities are numbers from 0 to 1; did you pass logits?")
    eps = np.finfo(p.dtype).eps if p.dtype.kind == "f" else np.finfo(float).eps
    p = np.clip(p, eps, 1 - eps)
    return float(-np.log(p[np.arange(len(p)), y_true] / p.sum(axis=1)).mean())


def _check(y_true: Labels, y_pred: Labels) -> None:
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise ValueError(
            f"y_true of shape {y_true.shape} and y_pred of shape {y_pred.shape}: give one label per example"
        )
    if len(y_true) == 0:
        raise ValueError("there are no labels to compare")
