"""``load``: examples from whatever somebody has: a table, arrays in a file, IDX files, a folder of pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_np.data.archives import read_hdf5, read_npy, read_npz
from tinygrad_np.data.csv import LABELS, Table, read_csv
from tinygrad_np.data.dataset import Dataset
from tinygrad_np.data.errors import DataError
from tinygrad_np.data.idx import read_idx
from tinygrad_np.data.images import SUFFIXES, read_image, read_images

__all__ = ["Examples", "load"]

Array = NDArray[Any]

#: What examples and labels are called in files of arrays, in lower case: for training, and for testing.
_NAMES = [
    (("train_set_x", "train_set_y"), ("test_set_x", "test_set_y")),
    (("x_train", "y_train"), ("x_test", "y_test")),
    (("train_x", "train_y"), ("test_x", "test_y")),
    (("train_images", "train_labels"), ("test_images", "test_labels")),
    (("x", "y"), ("x_test", "y_test")),
    (("data", "target"), ("", "")),
    (("images", "labels"), ("", "")),
]
_CLASS_NAMES = ("list_classes", "class_names", "target_names", "classes")

_TABLES, _HDF5 = (".csv", ".tsv", ".txt"), (".h5", ".hdf5")


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
    """

    x: Array
    labels: Array | None
    class_names: tuple[str, ...] = ()
    image_shape: tuple[int, ...] | None = None
    name: str = "data"
    kind: str = "arrays"
    test: Examples | None = None

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


def load(
    source: Any,
    *,
    label: str | int | None = None,
    delimiter: str | None = None,
    image_size: tuple[int, int] = (64, 64),
    positive: str | None = None,
    dtype: DTypeLike = np.float32,
) -> Examples:
    """Load examples, with labels if there are any, from a file or folder of any of these kinds.

    =============================  =====================================================================================
    ``.csv``, ``.tsv``, ``.txt``   one example per line, see :func:`read_csv`; columns ``pixel0``, ``pixel1`` ... are
                                   bytes. Also compressed: ``.csv.gz``
    ``.npz``, ``.h5``, ``.hdf5``   arrays called ``x`` and ``y``, ``x_train`` and ``y_train``, ``train_set_x`` and
                                   ``train_set_y`` ..., with or without those of a test set
    ``.npy``                       examples without labels
    IDX (also ``.gz``)             a file of images, with the file of labels beside it; or a folder that has the four
                                   files of MNIST
    a folder of pictures           see :func:`read_images`
    a picture                      one example without a label
    a DataFrame                    of pandas, or whatever has ``columns`` and ``to_numpy()`` as there
    ``(x, y)``, ``x``              arrays, or what NumPy makes arrays of
    =============================  =====================================================================================

    Parameters
    ----------
    source : path_like, DataFrame, array or pair of arrays
    label : str or int, optional
        The column of labels of a table.
    delimiter : str, optional
        Between the columns of a table.
    image_size : tuple of int
        Height and width that pictures are resized to.
    positive : str, optional
        The class of pictures that is to be told from all others.
    dtype : dtype
        Of the examples.

    Raises
    ------
    OSError
        If a file cannot be read.
    DataError
        If its content is not what it should be: which file, row and column, and what is wrong there.
    ImportError
        If the file needs a package that is missing; the message says what to install.

    Examples
    --------
    >>> examples = load(([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], ["no", "no", "yes"]))
    >>> print(examples)
    arrays: 3 examples of 2 numbers, 2 classes
    >>> examples.dataset()
    Dataset 'data': 3 examples of shape (2,), 2 classes
    """
    if not isinstance(source, str | os.PathLike):
        return _from_objects(source, label, dtype)
    path = Path(source)
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    kind = (
        suffixes[-2] if suffixes[-1:] in ([".gz"], [".bz2"], [".xz"]) and len(suffixes) > 1 else "".join(suffixes[-1:])
    )
    if path.is_dir():
        if any(map(_is_idx, path.iterdir())):
            return _from_idx_folder(path, dtype)
        data = read_images(path, image_size, positive=positive, dtype=dtype)
        return Examples(data.x, data.y, data.class_names, data.image_shape, data.name, "pictures")
    if kind in _TABLES:
        return _from_table(read_csv(path, label=label, delimiter=delimiter, dtype=dtype), path.name, dtype)
    if kind == ".npz" or kind in _HDF5:
        arrays = read_npz(path) if kind == ".npz" else read_hdf5(path)
        return _from_arrays(arrays, path, dtype)
    if kind == ".npy":
        return _examples(read_npy(path), None, path, dtype, kind="an array")
    if kind in SUFFIXES:
        pixels = read_image(path, image_size)[None]
        return _examples(pixels, None, path, dtype, kind="a picture")
    if _is_idx(path) or not path.exists():
        return _from_idx(path, dtype)
    raise DataError(
        path,
        f"what kind of file is this? There are {', '.join((*_TABLES, '.npz', '.npy', *_HDF5, *SUFFIXES))}, IDX files, "
        f"and folders of pictures",
    )


def _examples(
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
            labels = np.array([_text(label) for label in labels])
    shape = x.shape[1:]
    flat = np.array(x.reshape(len(x), math.prod(shape)), dtype)
    if x.dtype == np.uint8:
        flat /= np.asarray(255, flat.dtype)
    if not np.isfinite(flat).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(flat))[0])
        raise DataError(source, f"{flat[row, column]} is not finite", row=row + 1, column=column)
    name = Path(source).name if isinstance(source, os.PathLike) else source
    image_shape = shape if len(shape) in (2, 3) else None
    return Examples(flat, labels, image_shape=image_shape, name=name, **more)


def _from_objects(source: Any, label: str | int | None, dtype: DTypeLike) -> Examples:
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return _from_frame(source, label, dtype)
    if isinstance(source, tuple) and len(source) == 2:
        x, y = source
        return _examples(np.asarray(x), np.asarray(y), "data", dtype)
    return _examples(np.asarray(source), None, "data", dtype)


def _from_frame(frame: Any, label: str | int | None, dtype: DTypeLike) -> Examples:
    columns = list(frame.columns)
    if label is None:
        label = next((c for c in columns if str(c).lower() in LABELS), None)
    if label is not None and label not in columns:
        raise DataError("DataFrame", f"there is no column {label!r}; there are {', '.join(map(str, columns[:5]))}, ...")
    wanted = [c for c in columns if c != label]
    for column in wanted:
        if getattr(frame[column].dtype, "kind", "O") not in "biuf":
            raise DataError("DataFrame", f"it is {frame[column].dtype}, which is no number", column=str(column))
    labels = None if label is None else np.asarray(frame[label])
    table = Table(
        frame[wanted].to_numpy(dtype), labels, [str(c) for c in wanted], None if label is None else str(label)
    )
    return _from_table(table, "DataFrame", dtype)


def _from_table(table: Table, name: str, dtype: DTypeLike) -> Examples:
    """Columns that are called pixel0, pixel1 ... are bytes of a square picture."""
    examples = _examples(table.features, table.labels, name, dtype, kind="a table")
    if not all(column.lower().startswith("pixel") for column in table.columns):
        return examples
    side = math.isqrt(len(table.columns))
    shape = (side, side) if side * side == len(table.columns) else None
    x = examples.x / np.asarray(255, examples.x.dtype)
    return Examples(x, examples.labels, image_shape=shape, name=name, kind="a table of pixels")


def _from_arrays(arrays: Mapping[str, Array], path: Path, dtype: DTypeLike) -> Examples:
    by_name = {name.lower(): array for name, array in arrays.items()}
    pairs = next((pairs for pairs in _NAMES if pairs[0][0] in by_name), None)
    if pairs is None:
        raise DataError(path, f"there is no array 'x' or 'x_train' among {', '.join(arrays) or 'its arrays: none'}")
    names = next((by_name[name] for name in _CLASS_NAMES if name in by_name), None)
    class_names = () if names is None else tuple(map(_text, names.reshape(-1)))

    def part(x: str, y: str, test: Examples | None) -> Examples:
        found = _examples(by_name[x], by_name.get(y), path, dtype)
        return Examples(found.x, found.labels, class_names, found.image_shape, found.name, "arrays", test)

    (x, y), (test_x, test_y) = pairs
    return part(x, y, part(test_x, test_y, None) if test_x in by_name else None)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_idx(path: Path) -> bool:
    return path.is_file() and ("-idx" in path.name or ".idx" in path.name)


def _from_idx(images: Path, dtype: DTypeLike, test: Examples | None = None) -> Examples:
    """The images, and the labels in the file beside, which is called alike."""
    x = read_idx(images)
    beside = images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1"))
    candidates = [beside, beside.with_name(beside.name + ".gz"), beside.with_name(beside.name.removesuffix(".gz"))]
    labels = next((path for path in candidates if path != images and path.is_file()), None)
    y = None if labels is None else read_idx(labels)
    return _examples(x, y, images, dtype, kind="IDX files", test=test)


def _from_idx_folder(folder: Path, dtype: DTypeLike) -> Examples:
    files = sorted(path for path in folder.iterdir() if _is_idx(path) and "images" in path.name)
    training = next((path for path in files if path.name.startswith("train")), None)
    if training is None:
        raise DataError(folder, "there are IDX files, but none is called train-images-idx3-ubyte (or .gz)")
    test = next((path for path in files if path.name.startswith(("t10k", "test"))), None)
    found = _from_idx(training, dtype, None if test is None else _from_idx(test, dtype))
    return Examples(found.x, found.labels, (), found.image_shape, folder.resolve().name, found.kind, found.test)
