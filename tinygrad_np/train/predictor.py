"""``Predictor``: a trained network with all that it takes to predict, and nothing of how it was trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import nn
from tinygrad_np.data import DataError, Preprocessing
from tinygrad_np.train.evaluate import predict_logits
from tinygrad_np.train.tasks import TASKS

__all__ = ["Predictor"]


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network, what was done to the data before it, and what its outputs mean.

    Attributes
    ----------
    model : MLP
        From preprocessed examples to logits, or to values.
    task : str
        "binary", "multiclass", "multilabel" or "regression".
    class_names : tuple of str
        What the classes are called; none for regression.
    preprocessing : Preprocessing
    threshold : float
        The probability from which on a yes is a yes, for binary and multi-label classifiers.
    name : str
        Of the data that it was trained on.

    Examples
    --------
    >>> model = nn.MLP([2, 2], dtype=np.float64, rng=0)
    >>> predictor = Predictor(model, "multiclass", ("no", "yes"))
    >>> x = np.array([[1.0, 2.0], [-1.0, -2.0]])
    >>> [predictor.class_names[i] for i in predictor.predict(x)]
    ['no', 'yes']
    >>> predictor.predict_proba(x).sum(axis=1)
    array([1., 1.])
    """

    model: nn.MLP
    task: str
    class_names: tuple[str, ...] = ()
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    threshold: float = 0.5
    name: str = "data"

    @property
    def n_inputs(self) -> int:
        """How many numbers an example has."""
        return int(self.model.layers[0].weight.shape[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the weights, and so of the examples."""
        return self.model.layers[0].weight.dtype

    def check(self, x: NDArray[Any], source: str) -> None:
        """Raise DataError if examples of shape (m, n) from a file have not as many numbers as the network takes."""
        if x.shape[1] != self.n_inputs:
            raise DataError(source, f"an example has {x.shape[1]} numbers, and the model takes {self.n_inputs}")

    def logits(self, x: NDArray[Any]) -> NDArray[Any]:
        """What the network makes of examples of shape (m, ...): an array of shape (m, outputs).

        Raises
        ------
        ValueError
            If an example has not as many numbers as the network takes.
        """
        x = np.asarray(x)
        if x.ndim < 2 or x[:1].size != self.n_inputs * len(x[:1]):
            raise ValueError(f"the model takes examples of {self.n_inputs} numbers in rows, not the shape {x.shape}")
        x = self.preprocessing(x.astype(self.dtype, copy=False))
        return predict_logits(self.model, x)

    def predict_proba(self, x: NDArray[Any]) -> NDArray[Any]:
        """The probability of each class for examples of shape (m, ...): an array of shape (m, classes).

        Raises
        ------
        ValueError
            If the shape does not fit, or the model predicts values and not classes.
        """
        if self.task == "regression":
            raise ValueError("this model predicts values, not classes: there are no probabilities")
        return TASKS[self.task].proba(self.logits(x))

    def predict(self, x: NDArray[Any]) -> NDArray[Any]:
        """The number of the class of each example of shape (m, ...), in ``class_names``; for regression, its value.

        Several classes at once, of a multi-label model, are an array of zeros and ones of shape (m, classes).
        """
        return TASKS[self.task].at(self.threshold).predict(self.logits(x))
