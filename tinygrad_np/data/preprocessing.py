"""What is done to examples before they meet a network: standardization, one-hot labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Standardizer", "one_hot"]


@dataclass(frozen=True, eq=False)
class Standardizer:
    """Shift and scale each feature to mean 0 and standard deviation 1, as the training data has it.

    Attributes
    ----------
    mean, scale : arrays of shape (n,)
        What is subtracted, and then divided by; the scale of a constant feature is 1.

    Examples
    --------
    >>> standardizer = Standardizer.fit(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> standardizer(np.array([[1.0, 5.0], [5.0, 6.0]]))
    array([[-1.,  0.],
           [ 3.,  1.]])
    """

    mean: NDArray[Any]
    scale: NDArray[Any]

    @classmethod
    def fit(cls, x: NDArray[Any]) -> Standardizer:
        """Take mean and standard deviation from ``x`` of shape (m, n): of the training part only.

        Raises
        ------
        ValueError
            If there are no examples.
        """
        if x.ndim != 2 or not len(x):
            raise ValueError(f"a Standardizer is fitted to examples in rows, not to an array of shape {x.shape}")
        mean = x.mean(axis=0, dtype=np.float64)
        deviation = np.sqrt(np.square(x - mean).mean(axis=0))
        # What is left of a constant feature is rounding error, and is not to be blown up.
        constant = deviation <= 10 * np.finfo(x.dtype if x.dtype.kind == "f" else float).eps * np.abs(mean)
        return cls(mean.astype(x.dtype, copy=False), np.where(constant, 1, deviation).astype(x.dtype, copy=False))

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return ``(x - mean) / scale``.

        Raises
        ------
        ValueError
            If ``x`` has another number of features.
        """
        if x.shape[-1:] != self.mean.shape:
            raise ValueError(f"the data have {x.shape[-1:]} features, but {self.mean.shape} were standardized")
        return (x - self.mean) / self.scale  # type: ignore[no-any-return]


def one_hot(labels: NDArray[np.integer[Any]], n_classes: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return an array with a last axis of ``n_classes`` that is 1 at each label and 0 elsewhere.

    Raises
    ------
    ValueError
        If a label is outside ``0 .. n_classes - 1``.
    TypeError
        If the labels are no integers.

    Examples
    --------
    >>> one_hot(np.array([1, 0]), 3)
    array([[0., 1., 0.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels are integers, not {labels.dtype}")
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(f"labels from {labels.min()} to {labels.max()} are outside the {n_classes} classes")
    encoded: NDArray[Any] = (labels[..., None] == np.arange(n_classes)).astype(dtype)
    return encoded
