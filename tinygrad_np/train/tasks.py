"""What differs between kinds of problems: the loss, what the outputs of a network mean, and how good they are.

Networks return logits, of shape (m, outputs): numbers without limits, before any sigmoid or softmax.
"""

from __future__ import annotations

import math
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import functional as F
from tinygrad_np.data import Dataset

__all__ = ["TASKS", "Binary", "Multiclass", "Multilabel", "Regression", "Task", "task_of"]

Array = NDArray[Any]


class Task:
    """A kind of problem. Its methods take arrays and Tensors alike.

    Attributes
    ----------
    name : str
        In the table ``TASKS``.
    score_name : str
        What :meth:`score` is called: "accuracy" or "R²".
    threshold : float
        The probability above which a yes is a yes, in predictions and in scores; :meth:`at` changes it.
    """

    name: str
    score_name = "accuracy"
    threshold = 0.5

    def at(self, threshold: float) -> Task:
        """The same task with another threshold. It matters to binary and multi-label problems.

        Examples
        --------
        >>> TASKS["binary"].at(0.2).predict(np.array([[-1.0], [-2.0]]))
        array([1, 0])
        """
        if not 0 <= threshold < 1:
            raise ValueError(f"{self.name}: a threshold is a probability from 0 to below 1, not {threshold}")
        task = copy(self)
        task.threshold = threshold
        return task

    def n_outputs(self, data: Dataset) -> int:
        """How many outputs a network needs for ``data``."""
        raise NotImplementedError

    def losses(self, logits: Any, y: Any, smoothing: float = 0.0) -> Any:
        """The loss of each example, shape (m,).

        With ``smoothing``, what is true counts only as 1 - smoothing, and the rest is spread over all classes evenly
        (Szegedy et al., 2016, "Rethinking the Inception architecture", section 7).
        """
        raise NotImplementedError

    def marks(self, logits: Any, y: Any, spread: Any = None) -> Any:
        """One mark for each example, shape (m,), whose mean is the score: whether it is right.

        ``spread`` is what :meth:`spread` returns for the data that the score is of.
        """
        raise NotImplementedError

    def spread(self, data: Dataset) -> Array | None:
        """What marks are relative to: for regression, the variance of each number that is predicted."""
        return None

    def proba(self, logits: Any) -> Array:
        """Probabilities: of each class, shape (m, classes), or of each label."""
        raise NotImplementedError

    def predict(self, logits: Any) -> Array:
        """Labels or, for regression, numbers."""
        raise NotImplementedError

    def loss(self, logits: Any, y: Any, reduction: str = "mean") -> Any:
        """The loss: its "mean" or "sum" over the examples, or "none", one for each."""
        losses = self.losses(logits, y)
        if reduction == "none":
            return losses
        return np.mean(losses) if reduction == "mean" else np.sum(losses)

    def score(self, y: Array, logits: Any, weights: Array | None = None) -> float:
        """How good ``logits`` are: the fraction of examples that are right or, for regression, R²."""
        data = Dataset(np.zeros((len(y), 1)), y, weights=weights)
        return float(np.average(self.marks(_bare(logits), y, self.spread(data)), weights=weights))

    def _yes(self, logits: Any) -> Any:
        """Where the probability, the sigmoid of a logit, is above the threshold."""
        return logits > (math.log(self.threshold / (1 - self.threshold)) if self.threshold else -math.inf)

    def __repr__(self) -> str:
        return f"<task {self.name}>"


class Binary(Task):
    """Two classes, 0 and 1, and one output: the logit of class 1.

    Examples
    --------
    >>> TASKS["binary"].proba(np.array([[0.0], [np.log(3.0)]])).round(2)
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """

    name = "binary"

    def n_outputs(self, data: Dataset) -> int:
        """One."""
        return 1

    def losses(self, logits: Any, y: Any, smoothing: float = 0.0) -> Any:
        """Cross-entropy of the sigmoid."""
        targets = y * (1 - smoothing) + smoothing / 2 if smoothing else y
        return F.sigmoid_cross_entropy(_single(logits, self), targets, "none")

    def marks(self, logits: Any, y: Any, spread: Any = None) -> Any:
        """Whether :meth:`predict` is right."""
        return self._yes(_single(logits, self)) == (y == 1)

    def proba(self, logits: Any) -> Array:
        """Of class 0 and of class 1, shape (m, 2)."""
        p = F.sigmoid(_single(_bare(logits), self))
        return np.stack([1 - p, p], axis=1)

    def predict(self, logits: Any) -> Array:
        """Class 1 where its probability is above the threshold."""
        return np.asarray(self._yes(_single(_bare(logits), self)), np.int64)


class Multiclass(Task):
    """Two or more classes, and an output for each.

    Examples
    --------
    >>> TASKS["multiclass"].predict(np.array([[0.0, 2.0, 1.0]]))
    array([1])
    """

    name = "multiclass"

    def n_outputs(self, data: Dataset) -> int:
        """The number of classes."""
        return len(data.class_names)

    def losses(self, logits: Any, y: Any, smoothing: float = 0.0) -> Any:
        """Cross-entropy of the softmax."""
        if smoothing:
            k = logits.shape[-1]
            y = F.one_hot(y, k, logits.dtype) * (1 - smoothing) + smoothing / k
        return F.softmax_cross_entropy(logits, y, "none")

    def marks(self, logits: Any, y: Any, spread: Any = None) -> Any:
        """Whether the most probable class is the right one."""
        return np.argmax(logits, axis=1) == y

    def proba(self, logits: Any) -> Array:
        """Of each class, shape (m, classes)."""
        p: Array = F.softmax(_bare(logits))
        return p

    def predict(self, logits: Any) -> Array:
        """The most probable class, whatever the threshold."""
        return np.asarray(_bare(logits).argmax(axis=1))


class Multilabel(Task):
    """Labels of which an example may have any number, and an output for each.

    Examples
    --------
    >>> TASKS["multilabel"].predict(np.array([[1.0, -1.0, 2.0]]))
    array([[1, 0, 1]])
    """

    name = "multilabel"

    def n_outputs(self, data: Dataset) -> int:
        """The number of labels."""
        return int(data.y.shape[1])

    def losses(self, logits: Any, y: Any, smoothing: float = 0.0) -> Any:
        """The mean over the labels of the cross-entropy of their sigmoids."""
        targets = y * (1 - smoothing) + smoothing / 2 if smoothing else y
        return np.mean(F.sigmoid_cross_entropy(logits, targets, "none"), axis=1)

    def marks(self, logits: Any, y: Any, spread: Any = None) -> Any:
        """Whether all labels of the example are right."""
        return np.all(self._yes(logits) == (y == 1), axis=1)

    def proba(self, logits: Any) -> Array:
        """Of each label, shape (m, labels); they need not add up to 1."""
        p: Array = F.sigmoid(_bare(logits))
        return p

    def predict(self, logits: Any) -> Array:
        """Zeros and ones, shape (m, labels): ones where the probability is above the threshold."""
        return np.asarray(self._yes(_bare(logits)), np.int64)


class Regression(Task):
    """One number for each example, or k of them, and as many outputs.

    Its score is R², the mean over the outputs of ``1 - sum((y - z)²) / sum((y - mean(y))²)``.

    Examples
    --------
    >>> TASKS["regression"].score(np.array([1.0, 2.0, 3.0]), np.array([[1.0], [2.0], [2.0]]))
    0.5
    """

    name = "regression"
    score_name = "R²"

    def n_outputs(self, data: Dataset) -> int:
        """The number of numbers to predict."""
        return 1 if data.y.ndim == 1 else int(data.y.shape[1])

    def losses(self, logits: Any, y: Any, smoothing: float = 0.0) -> Any:
        """The mean over the outputs of the squared error."""
        if smoothing:
            raise ValueError("label smoothing is for classes: there are none in regression")
        errors = F.mse(self._like(logits, y), y, "none")
        return errors if errors.ndim == 1 else np.mean(errors, axis=1)

    def marks(self, logits: Any, y: Any, spread: Any = None) -> Any:
        """One minus the squared error over the variance: their mean is R²."""
        errors = F.mse(self._like(logits, y), y, "none")
        # A number that is always the same: right or not, as scikit-learn has it.
        marks = np.where(spread > 0, 1 - errors / np.where(spread > 0, spread, 1), errors == 0)
        return marks if marks.ndim == 1 else np.mean(marks, axis=1)

    def spread(self, data: Dataset) -> Array:
        """The variance of each number, weighted as the examples are."""
        mean = np.average(data.y, axis=0, weights=data.weights)
        return np.asarray(np.average((data.y - mean) ** 2, axis=0, weights=data.weights))

    def proba(self, logits: Any) -> Array:
        """There are none."""
        raise ValueError("regression predicts numbers: it has no probabilities")

    def predict(self, logits: Any) -> Array:
        """The outputs themselves; of shape (m,) where there is one."""
        z: Array = _bare(logits)
        return z[:, 0] if z.ndim == 2 and z.shape[1] == 1 else z

    def _like(self, logits: Any, y: Any) -> Any:
        return _single(logits, self) if y.ndim == 1 else logits


TASKS: dict[str, Task] = {task.name: task for task in (Binary(), Multiclass(), Multilabel(), Regression())}


def task_of(data: Dataset, n_outputs: int | None = None) -> Task:
    """Guess the task from the data: two classes are a binary one, unless the network has ``n_outputs`` = 2.

    Examples
    --------
    >>> task_of(Dataset(np.eye(3), np.array([0, 1, 1]))), task_of(Dataset(np.eye(3), np.array([0, 1, 2])))
    (<task binary>, <task multiclass>)
    """
    if not data.class_names:
        return TASKS["regression"]
    if data.y.ndim == 2:
        return TASKS["multilabel"]
    return TASKS["binary" if len(data.class_names) == 2 and n_outputs != 2 else "multiclass"]


def _bare(logits: Any) -> Any:
    """An array, of a Tensor or an array."""
    return logits.detach().numpy() if hasattr(logits, "detach") else np.asarray(logits)


def _single(logits: Any, task: Task) -> Any:
    """The outputs of shape (m,), where there is one for each example."""
    if logits.ndim == 2 and logits.shape[1] == 1:
        return logits[:, 0]
    if logits.ndim == 1:
        return logits
    raise ValueError(f"{task.name}: the network has one output for each example, not logits of shape {logits.shape}")
