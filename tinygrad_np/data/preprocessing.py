"""What is done to examples before they meet a network: standardization, one-hot labels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_np.data.errors import DataError
from tinygrad_np.data.examples import Examples
from tinygrad_np.data.images import read_image

__all__ = ["Preprocessing", "Standardizer", "one_hot"]


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


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """How raw data became the examples that a model learnt from, so that it meets new data in the same form.

    Attributes
    ----------
    image_shape : tuple of int or None
        The height and width (and channels) of an example, where examples are pictures.
    resized : bool
        Whether pictures of other sizes were resized to that.
    columns : tuple of str
        The names of the features, where they came from a table.
    label : str or None
        The name of the column of labels of that table.
    scale : float
        What the numbers of the file were divided by.
    standardizer : Standardizer or None
        What was done at last.

    Examples
    --------
    >>> preprocessing = Preprocessing(columns=("height", "width"))
    >>> new = Examples(np.array([[1.0, 2.0, 3.0]]), None, columns=("width", "depth", "height"))
    >>> preprocessing.conform(new)
    array([[3., 1.]])
    """

    image_shape: tuple[int, ...] | None = None
    resized: bool = False
    columns: tuple[str, ...] = ()
    label: str | None = None
    scale: float = 1.0
    standardizer: Standardizer | None = None

    @classmethod
    def of(cls, examples: Examples, standardizer: Standardizer | None = None) -> Preprocessing:
        """That of examples from :func:`load`."""
        return cls(
            examples.image_shape, examples.resized, examples.columns, examples.label, examples.scale, standardizer
        )

    def __call__(self, x: NDArray[Any]) -> NDArray[Any]:
        """Flatten and standardize examples of shape (m, ...), which are scaled already."""
        x = x.reshape(len(x), -1)
        return x if self.standardizer is None else self.standardizer(x)

    def conform(self, examples: Examples) -> NDArray[Any]:
        """The features of ``examples``, which :func:`load` found, in the order and the scale of those of the model.

        Raises
        ------
        DataError
            If a column is missing, or pictures are of another size.
        """
        x = examples.x
        if self.columns and examples.columns and examples.columns != self.columns:
            missing = [name for name in self.columns if name not in examples.columns]
            if not missing:
                x = x[:, [examples.columns.index(name) for name in self.columns]]
            else:
                raise DataError(examples.name, f"there is no column {missing[0]!r}, which the model was trained with")
        if self.image_shape is not None and examples.image_shape not in (None, self.image_shape):
            raise DataError(examples.name, self._other_size(examples.image_shape))
        return x if examples.scale == self.scale else x * np.asarray(examples.scale / self.scale, x.dtype)

    def picture(
        self, path: str | os.PathLike[str], *, resize: bool = False, invert: bool = False, dtype: DTypeLike = np.float32
    ) -> NDArray[Any]:
        """Read a picture as one example of shape (1, n).

        Parameters
        ----------
        path : path_like
        resize : bool
            Resize it, also if the model learnt from examples that were not resized.
        invert : bool
            Dark becomes light: for ink on paper, where the model learnt from light on dark.
        dtype : dtype

        Raises
        ------
        ImportError, OSError
            See :func:`~tinygrad_np.data.images.read_image`.
        DataError
            If the model takes no pictures; the picture is of another size; or it is damaged.
        """
        if self.image_shape is None or (len(self.image_shape) == 3 and self.image_shape[2] not in (1, 3)):
            raise DataError(path, "this is a picture, and the model was not trained on pictures")
        size = (self.image_shape[0], self.image_shape[1])
        grey = self.image_shape[2:] != (3,)
        pixels = read_image(path, size if resize or self.resized else None, grey=grey)
        if pixels.shape[:2] != size:
            raise DataError(path, f"{self._other_size(pixels.shape)}; resize it first, or by the option resize")
        pixels = 255 - pixels if invert else pixels
        x: NDArray[Any] = pixels.reshape(1, -1).astype(dtype) / np.asarray(255, dtype)
        return x

    def _other_size(self, shape: tuple[int, ...] | None) -> str:
        found, wanted = ("x".join(map(str, each)) for each in ((shape or ())[:2], (self.image_shape or ())[:2]))
        return f"the picture is {found} (height x width), and the model takes {wanted}"


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
