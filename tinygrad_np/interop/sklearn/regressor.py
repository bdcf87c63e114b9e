"""``MLPRegressor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin

from tinygrad_np.interop.sklearn.estimator import Array, Estimator
from tinygrad_np.interop.sklearn.parameters import with_shared_parameters

__all__ = ["MLPRegressor"]


@with_shared_parameters("the squared error")
@dataclass(eq=False, repr=False, kw_only=True)
class MLPRegressor(RegressorMixin, Estimator):
    """A multilayer perceptron that predicts a number, or several.

    Parameters
    ----------
    {parameters}
    normalize_y : bool, default=True
        Learn the targets with mean 0 and variance 1: then learning does not depend on their unit. Predictions are in
        the unit of ``y``; costs, and what a ``loss`` of your own sees, are not.

    Attributes
    ----------
    {attributes}

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> y = 1000 * X[:, 0] ** 2
    >>> regressor = MLPRegressor((16,), "tanh", learning_rate_init=0.05, random_state=0).fit(X, y)
    >>> regressor.score(X, y) > 0.98
    True
    """

    normalize_y: bool = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Estimator._parameter_constraints,
        "normalize_y": ["boolean"],
    }

    _task = "regression"

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on learning: one pass over these examples. Targets are normalized by the mean and variance of the first.

        Parameters
        ----------
        X, y, sample_weight
            See :meth:`fit`.

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    def _targets(self, y: Array, weights: Array | None, first: bool, classes: Any = None) -> tuple[Array, Array | None]:
        y = np.asarray(y, dtype=np.float64)
        if first:
            self._shape = y.shape[1:]
            self._mean, self._scale = np.zeros(self._shape), np.ones(self._shape)
            if self.normalize_y:
                self._mean = np.average(y, axis=0, weights=weights)
                deviation = np.sqrt(np.average((y - self._mean) ** 2, axis=0, weights=weights))
                self._scale = np.where(deviation > 0, deviation, 1.0)
        if y.shape[1:] != self._shape:
            raise ValueError(f"y of shape {y.shape} has other columns than at first: {self._shape}")
        return (y - self._mean) / self._scale, weights

    def predict(self, X: Any) -> Array:
        """Return a number for each example, shape (m,), or several, shape (m, n_outputs): as ``y`` was."""
        outputs = self._logits(X)
        predicted = outputs.reshape(-1, *self._shape) * self._scale + self._mean
        return predicted.astype(outputs.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
