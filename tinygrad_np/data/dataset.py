"""A set of labelled examples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples, what is to be predicted of them, and what is known about them.

    Parameters
    ----------
    x : array of shape (m, ...)
        The examples, one per row.
    y : array of shape (m,) or (m, k)
        What is true of them: integers of shape (m,), the classes ``0 .. len(class_names) - 1``; zeros and ones of
        shape (m, k), of any dtype, for k labels that an example has or has not; or any other floats, one or k numbers
        for each example, for regression.
    class_names : sequence of str, optional
        What the labels mean. By default "0", "1" ... up to the largest label; empty for regression.
    image_shape : tuple of int, optional
        The height and width (and channels) of one example, where examples are flattened pictures.
    name : str
        What to call the data in a report.
    weights : array of shape (m,), optional
        How much each example counts, in costs and in scores: an example of weight 2 is like two of weight 1.

    Raises
    ------
    ValueError
        If there are no examples, the lengths differ, a label has no class, or a number is not finite.

    Examples
    --------
    >>> Dataset(np.eye(3), np.array([0, 1, 1]))
    Dataset 'data': 3 examples of shape (3,), 2 classes
    >>> Dataset(np.eye(3), np.array([[0, 1], [1, 1], [0, 0]]))
    Dataset 'data': 3 examples of shape (3,), 2 labels
    >>> Dataset(np.eye(3), np.array([0.5, 1.5, 2.5]))
    Dataset 'data': 3 examples of shape (3,), 1 number to predict
    """

    x: NDArray[Any]
    y: NDArray[Any]
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    name: str = "data"
    weights: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        x, y = self.x, self.y
        if y.ndim not in (1, 2) or x.ndim < 2 or len(x) != len(y):
            raise ValueError(
                f"{self.name}: x of shape {x.shape} and y of shape {y.shape} do not match: "
                "give x one row per example, and y one label per row"
            )
        if len(y) == 0:
            raise ValueError(f"{self.name}: there are no examples in it")
        if y.dtype.kind not in "biuf":
            raise ValueError(f"{self.name}: labels must be integers, and numbers to predict floats, not {y.dtype}")
        object.__setattr__(self, "class_names", self._names())
        if self.image_shape is not None and np.prod(self.image_shape) != np.prod(x.shape[1:]):
            raise ValueError(f"{self.name}: an example of shape {x.shape[1:]} is no image of {self.image_shape}")
        if (w := self.weights) is not None:
            if w.shape != (len(y),):
                raise ValueError(f"{self.name}: weights of shape {w.shape} for {len(y)} examples: give one for each")
            if not (np.isfinite(w).all() and w.min() >= 0 and w.max() > 0):
                raise ValueError(f"{self.name}: weights must be finite, not negative, and not all zero")

    def _names(self) -> tuple[str, ...]:
        """The names of the classes, once the labels have been looked at."""
        y, names = self.y, tuple(self.class_names)
        if y.ndim == 1 and y.dtype.kind in "iu":
            lowest, highest = int(y.min()), int(y.max())
            names = names or tuple(str(label) for label in range(highest + 1))
            if lowest < 0 or highest >= len(names):
                wrong = lowest if lowest < 0 else highest
                raise ValueError(f"{self.name}: label {wrong} is outside the {len(names)} classes")
            return names
        if y.ndim == 2 and bool(((y == 0) | (y == 1)).all()):
            names = names or tuple(str(label) for label in range(y.shape[1]))
            if len(names) != y.shape[1]:
                raise ValueError(f"{self.name}: {y.shape[1]} labels for each example, but {len(names)} names")
            return names
        if names or y.dtype.kind != "f":
            raise ValueError(
                f"{self.name}: y of shape {y.shape} and dtype {y.dtype} are no labels: classes are integers of shape "
                f"(m,), as by y.astype(np.int64), and labels that an example may have several of are zeros and ones of "
                f"shape (m, k); numbers to predict are floats, and have no class_names"
            )
        if not np.isfinite(y).all():
            raise ValueError(f"{self.name}: a number to predict is not finite")
        return ()

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.y)

    @property
    def total_weight(self) -> float:
        """The sum of the weights: the number of examples, where there are none."""
        return self.size if self.weights is None else float(self.weights.sum(dtype=np.float64))

    def take(self, indices: NDArray[np.integer[Any]], name: str | None = None) -> Dataset:
        """The examples at ``indices``, as a data set of their own (a copy)."""
        weights = None if self.weights is None else self.weights[indices]
        return replace(self, x=self.x[indices], y=self.y[indices], name=name or self.name, weights=weights)

    def __repr__(self) -> str:
        k = len(self.class_names) or (1 if self.y.ndim == 1 else self.y.shape[1])
        what = "labels" if self.y.ndim == 2 else "classes"
        if not self.class_names:
            what = "number to predict" if k == 1 else "numbers to predict"
        return f"Dataset {self.name!r}: {self.size} examples of shape {self.x.shape[1:]}, {k} {what}"
