"""``Examples``: what was found in a file or folder, before it is a data set to train on."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_np.data.dataset import Dataset
from tinygrad_np.data.errors import DataError

__all__ = ["Examples", "checked_examples", "text_of"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Examples:
    """What was found in a file or folder.

    Attributes
    ----------
    x : array of shape (m, n)
        One example per row. Pixels are scaled from bytes to numbers from 0 to 1.
    labels : array of shape (m,), or None
        As they stand in the file: numbers, or text.
    class_names : tuple of str
        What the labels 0, 1 ... mean, if the file tells.
    image_shape : tuple of int or None
        Of one example, where examples are pictures.
    name : str
        Of the file or folder.
    kind : str
        What it was: "a table", "IDX files" ...
    test : Examples or None
        A test set that comes with it.
    columns : tuple of str
        The names of the features, where they come from a table.
    label : str or None
        The name of the column of labels of the table.
    scale : float
        What the numbers of the file were divided by.
    resized : bool
        Whether they were pictures of any size, which were resized.
    """

    x: Array
    labels: Array | None
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    name: str = "data"
    kind: str = "arrays"
    test: Examples | None = None
    columns: tuple[str, ...] = ()
    label: str | None = None
    scale: float = 1.0
    resized: bool = False

    def dataset(self) -> Dataset:
        """Return the examples with labels as the numbers of classes.

        Labels that are text, or numbers with gaps, are numbered in their order.

        Raises
        ------
        DataError
            If there are no labels, one of them is no whole number, or all are the same.
        """
        if self.labels is None:
            raise DataError(self.name, "there are no labels; name their column, or give a file that has them")
        labels = self.labels
        if labels.dtype.kind == "f":
            broken = np.flatnonzero(labels != np.round(labels))
            if broken.size:
                row = int(broken[0])
                raise DataError(self.name, f"the label of example {row + 1} is {labels[row]}, which is no class")
            labels = labels.astype(np.int64)
        names, y = self.class_names, labels
        if not names or labels.dtype.kind not in "iu":
            classes, y = np.unique(labels, return_inverse=True)
            names = tuple(map(str, classes))
        if len(names) < 2:
            raise DataError(self.name, f"all {len(y)} examples are of one class, {names[0]}: nothing to tell apart")
        return Dataset(self.x, y.astype(np.int64), names, self.image_shape, self.name)

    def __str__(self) -> str:
        shape = "x".join(map(str, self.image_shape)) if self.image_shape else f"{self.x.shape[1]} numbers"
        classes = ""
        if self.labels is not None:
            classes = f", {len(self.class_names) or len(np.unique(self.labels))} classes"
        test = f"; a test set of {len(self.test.x):,}" if self.test is not None else ""
        return f"{self.kind}: {len(self.x):,} examples of {shape}{classes}{test}"


def checked_examples(
    x: Array, labels: Array | None, source: str | os.PathLike[str], dtype: DTypeLike, **more: Any
) -> Examples:
    """Check arrays, scale bytes, and flatten the examples."""
    if x.dtype.kind not in "biuf":
        raise DataError(source, f"the examples are of dtype {x.dtype}, which are no real numbers")
    if x.ndim < 2 or len(x) == 0:
        raise DataError(source, f"the examples have shape {x.shape}: give one row per example")
    if labels is not None:
        labels = labels.reshape(-1) if labels.size == max(labels.shape, default=0) else labels  # (1, m) and (m, 1)
        if labels.shape != (len(x),):
            raise DataError(source, f"there are {len(x)} examples, but labels of shape {labels.shape}")
        if labels.dtype.kind in "SO":
            labels = np.array([text_of(label) for label in labels])
    shape = x.shape[1:]
    flat = np.array(x.reshape(len(x), math.prod(shape)), dtype)
    scale = 255 if x.dtype == np.uint8 else 1
    flat /= np.asarray(scale, flat.dtype)
    if not np.isfinite(flat).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(flat))[0])
        raise DataError(source, f"{flat[row, column]} is not finite", row=row + 1, column=column)
    name = Path(source).name if isinstance(source, os.PathLike) else source
    image_shape = shape if len(shape) in (2, 3) else None
    return Examples(flat, labels, image_shape=image_shape, name=name, scale=scale, **more)


def text_of(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
