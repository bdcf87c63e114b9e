"""``Examples``: what was found in a file or folder, before it is a data set to train on."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
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
    labels : array of shape (m,) or (m, k), or None
        As they stand in the file: numbers, or text; several for each example where arrays have them.
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

    def dataset(self, task: str | None = None, class_names: Sequence[str] = ()) -> Dataset:
        """Return the examples as a data set: with the numbers of classes, of labels, or with numbers to predict.

        Labels that are text, or numbers with gaps, are numbered in their order.

        Parameters
        ----------
        task : {"binary", "multiclass", "multilabel", "regression"}, optional
            What is to be predicted: by default a class; or labels, where there are several for each example.
        class_names : sequence of str, optional
            The classes of a model, which the labels are to be found among.

        Raises
        ------
        DataError
            If there are no labels, they are not what the task needs, all are the same, or there are fewer examples
            than classes.
        """
        if self.labels is None:
            raise DataError(self.name, "there are no labels; name their column, or give a file that has them")
        names: tuple[str, ...] = ()
        if task == "regression":
            y = self._numbers()
        elif task == "multilabel" or self.labels.ndim == 2:
            y, names = self._zeros_and_ones(), tuple(class_names) or self.class_names
        else:
            y, names = self._classes(tuple(class_names))
            if len(names) < 2:
                raise DataError(self.name, f"all {len(y)} examples are of one class, {names[0]}: nothing to tell apart")
            if not class_names and len(y) < len(names):
                raise DataError(self.name, f"there are only {len(y)} examples, but {len(names)} classes")
            if task == "binary" and len(names) != 2:
                raise DataError(self.name, f"there are {len(names)} classes, and a binary task has two")
        try:
            return Dataset(self.x, y, names, self.image_shape, self.name)
        except ValueError as error:
            raise DataError(self.name, str(error).removeprefix(f"{self.name}: ")) from None

    def _numbers(self) -> Array:
        assert self.labels is not None
        try:
            y = self.labels.astype(self.x.dtype)
        except ValueError as error:
            raise DataError(self.name, f"numbers are to be predicted, but of a label: {error}") from None
        if not np.isfinite(y).all():
            raise DataError(self.name, f"the number to predict of example {_first(~np.isfinite(y))} is not finite")
        return y

    def _zeros_and_ones(self) -> Array:
        y = self._numbers()
        if y.ndim != 2 or not np.isin(y, (0, 1)).all():
            raise DataError(self.name, "labels of which an example may have several are zeros and ones in columns")
        return y

    def _classes(self, class_names: tuple[str, ...]) -> tuple[Array, tuple[str, ...]]:
        labels = self.labels
        assert labels is not None
        if labels.dtype.kind == "f":
            broken = labels != np.round(labels)
            if broken.any():
                row = _first(broken)
                raise DataError(self.name, f"the label of example {row} is {labels[row - 1]}, which is no class")
            labels = labels.astype(np.int64)
        names = self.class_names
        if not names or labels.dtype.kind not in "iu":
            found, labels = np.unique(labels, return_inverse=True)
            names = tuple(map(text_of, found))
        elif labels.min() < 0 or labels.max() >= len(names):
            row = _first((labels < 0) | (labels >= len(names)))
            raise DataError(
                self.name, f"the label of example {row} is {labels[row - 1]}, but there are {len(names)} classes"
            )
        if not class_names:
            return labels.astype(np.int64), names
        places = np.array([class_names.index(name) if name in class_names else -1 for name in names])
        y = places[labels]
        if y.min() < 0:
            row = _first(y < 0)
            shown = ", ".join(class_names[:8]) + (", ..." if len(class_names) > 8 else "")
            raise DataError(
                self.name, f"the label of example {row} is {names[labels[row - 1]]}, and the classes are {shown}"
            )
        return y, class_names

    def __str__(self) -> str:
        shape = "x".join(map(str, self.image_shape)) if self.image_shape else f"{self.x.shape[1]} numbers"
        classes = ""
        if self.labels is not None and self.labels.ndim == 2:
            classes = f", {self.labels.shape[1]} labels or numbers each"
        elif self.labels is not None:
            n = len(self.class_names) or len(np.unique(self.labels))
            many = n > 20 and 2 * n > len(self.labels)
            classes = f", {n} different labels" if many else f", {n} classes"
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
        if labels.ndim not in (1, 2) or len(labels) != len(x):
            raise DataError(source, f"there are {len(x)} examples, but labels of shape {labels.shape}")
        if labels.dtype.kind in "SO":
            labels = np.array([text_of(label) for label in labels.flat]).reshape(labels.shape)
    shape = x.shape[1:]
    with np.errstate(over="ignore"):  # what is too large for the dtype is found below
        flat = np.array(x.reshape(len(x), math.prod(shape)), dtype)
    scale = 255 if x.dtype == np.uint8 else 1
    flat /= np.asarray(scale, flat.dtype)
    if not np.isfinite(flat).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(flat))[0])
        raise DataError(source, f"{flat[row, column]} is not finite", row=row + 1, column=column)
    name = text_of(Path(source).name if isinstance(source, os.PathLike) else source)
    image_shape = shape if len(shape) in (2, 3) else None
    return Examples(flat, labels, image_shape=image_shape, name=name, scale=scale, **more)


def text_of(value: Any) -> str:
    """A name as text that does nothing to a terminal or a page."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _first(where: NDArray[np.bool_]) -> int:
    """The first example, counted from 1, of which something is the case."""
    return int(np.argmax(where.reshape(len(where), -1).any(axis=1))) + 1
