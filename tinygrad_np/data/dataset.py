"""A set of labelled examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples, and what is known about them.

    Parameters
    ----------
    x : array of shape (m, ...)
        The examples, one per row.
    y : integer array of shape (m,)
        Their labels, in ``0 .. len(class_names) - 1``.
    class_names : sequence of str, optional
        What the labels mean. By default "0", "1" ... up to the largest label.
    image_shape : tuple of int, optional
        The height and width (and channels) of one example, where examples are flattened pictures.
    name : str
        What to call the data in a report.

    Raises
    ------
    ValueError
        If there are no examples, the lengths differ, or a label has no class.

    Examples
    --------
    >>> Dataset(np.eye(3), np.array([0, 1, 1]))
    Dataset 'data': 3 examples of shape (3,), 2 classes
    """

    x: NDArray[Any]
    y: NDArray[np.integer[Any]]
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    name: str = "data"

    def __post_init__(self) -> None:
        x, y = self.x, self.y
        if y.ndim != 1 or x.ndim < 2 or len(x) != len(y):
            raise ValueError(
                f"{self.name}: x of shape {x.shape} and y of shape {y.shape} do not match: "
                "give x one row per example, and y one label per row"
            )
        if len(y) == 0:
            raise ValueError(f"{self.name}: there are no examples in it")
        if not np.issubdtype(y.dtype, np.integer):
            raise ValueError(f"{self.name}: labels must be integers, not {y.dtype}: use y.astype(np.int64)")
        lowest, highest = int(y.min()), int(y.max())
        names = tuple(self.class_names) or tuple(str(label) for label in range(highest + 1))
        if lowest < 0 or highest >= len(names):
            wrong = lowest if lowest < 0 else highest
            raise ValueError(f"{self.name}: label {wrong} is outside the {len(names)} classes")
        if self.image_shape is not None and np.prod(self.image_shape) != np.prod(x.shape[1:]):
            raise ValueError(f"{self.name}: an example of shape {x.shape[1:]} is no image of {self.image_shape}")
        object.__setattr__(self, "class_names", names)

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.y)

    def take(self, indices: NDArray[np.integer[Any]], name: str | None = None) -> Dataset:
        """The examples at ``indices``, as a data set of their own (a copy)."""
        return Dataset(self.x[indices], self.y[indices], self.class_names, self.image_shape, name or self.name)

    def __repr__(self) -> str:
        shape, classes = self.x.shape[1:], len(self.class_names)
        return f"Dataset {self.name!r}: {self.size} examples of shape {shape}, {classes} classes"
