"""``load``: examples from whatever somebody has: a table, arrays in a file, IDX files, a folder of pictures."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_np.data.archives import read_hdf5, read_npy, read_npz
from tinygrad_np.data.csv import LABELS, Table, column_names, read_csv
from tinygrad_np.data.errors import DataError
from tinygrad_np.data.examples import Examples, checked_examples, text_of
from tinygrad_np.data.idx_files import is_idx, load_idx, load_idx_folder
from tinygrad_np.data.images import SUFFIXES, read_image, read_images
from tinygrad_np.data.named import NAMES, named

__all__ = ["is_table", "load"]

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
    a name                         "digits", "mnist" or "fashion-mnist", see :func:`named`
    a DataFrame                    of pandas, or whatever has ``columns`` and ``to_numpy()`` as there
    ``(x, y)``, ``x``              arrays, or what NumPy makes arrays of
    =============================  =====================================================================================

    Parameters
    ----------
    source : path_like, str, DataFrame, array or pair of arrays
        A folder that is called as a data set is ``"./mnist"``.
    label : str or int, optional
        The column of labels of a table; or the names of several columns of numbers, with commas between.
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
    if source in NAMES:
        return named(source, dtype)
    path = Path(source)
    kind = _kind(path)
    if path.is_dir():
        if any(map(is_idx, path.iterdir())):
            return load_idx_folder(path, dtype)
        data = read_images(path, image_size, positive=positive, dtype=dtype)
        return Examples(
            data.x, data.y, data.class_names, data.image_shape, data.name, "pictures", scale=255, resized=True
        )
    if kind in _TABLES:
        return _from_table(_read_table(path, label, delimiter, dtype), path.name, dtype)
    if kind == ".npz" or kind in _HDF5:
        arrays = read_npz(path) if kind == ".npz" else read_hdf5(path)
        return _from_arrays(arrays, path, dtype)
    if kind == ".npy":
        return checked_examples(read_npy(path), None, path, dtype, kind="an array")
    if kind in SUFFIXES:
        pixels = read_image(path, image_size)[None]
        return replace(checked_examples(pixels, None, path, dtype, kind="a picture"), resized=True)
    if is_idx(path) or not path.exists():
        return load_idx(path, dtype)
    raise DataError(
        path,
        f"what kind of file is this? There are {', '.join((*_TABLES, '.npz', '.npy', *_HDF5, *SUFFIXES))}, IDX files, "
        f"and folders of pictures",
    )


def is_table(path: Path) -> bool:
    """Whether a file is called as tables are."""
    return _kind(path) in _TABLES


def _kind(path: Path) -> str:
    """What the name of a file ends with, before that of a compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    compressed = len(suffixes) == 2 and suffixes[1] in (".gz", ".bz2", ".xz")
    return suffixes[0] if compressed else "".join(suffixes[-1:])


def _from_objects(source: Any, label: str | int | None, dtype: DTypeLike) -> Examples:
    if hasattr(source, "columns") and hasattr(source, "to_numpy"):
        return _from_frame(source, label, dtype)
    if isinstance(source, tuple) and len(source) == 2:
        x, y = source
        return checked_examples(np.asarray(x), np.asarray(y), "data", dtype)
    return checked_examples(np.asarray(source), None, "data", dtype)


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


def _read_table(path: Path, label: str | int | None, delimiter: str | None, dtype: DTypeLike) -> Table:
    """A table with one column of labels, or with several that ``label`` names with commas between."""
    columns = column_names(path, delimiter) if isinstance(label, str) and "," in label else []
    if not columns or not isinstance(label, str) or label in columns:
        return read_csv(path, label=label, delimiter=delimiter, dtype=dtype)
    first, *others = label.split(",")
    table = read_csv(path, label=first, delimiter=delimiter, dtype=dtype)
    missing = [name for name in others if name not in table.columns]
    if missing or table.labels is None:
        raise DataError(path, f"there is no column {missing[0]!r}; there are {', '.join(columns[:5])}, ...")
    if table.labels.dtype.kind not in "biuf":
        raise DataError(path, "labels in several columns are numbers", column=first)
    places = [table.columns.index(name) for name in others]
    rest = [i for i in range(len(table.columns)) if i not in places]
    labels = np.column_stack([table.labels, table.features[:, places]])
    return Table(table.features[:, rest], labels, [table.columns[i] for i in rest], label)


def _from_table(table: Table, name: str, dtype: DTypeLike) -> Examples:
    """Columns that are called pixel0, pixel1 ... are bytes of a square picture."""
    examples = checked_examples(table.features, table.labels, name, dtype, kind="a table")
    named = not all(column.isdecimal() for column in table.columns)  # by a header, not by their places
    several = () if table.labels is None or table.labels.ndim == 1 else tuple((table.label or "").split(","))
    examples = replace(examples, columns=tuple(table.columns) if named else (), label=table.label, class_names=several)
    if not all(column.lower().startswith("pixel") for column in table.columns):
        return examples
    side = math.isqrt(len(table.columns))
    shape = (side, side) if side * side == len(table.columns) else None
    x = examples.x / np.asarray(255, examples.x.dtype)
    return replace(examples, x=x, image_shape=shape, kind="a table of pixels", scale=255)


def _from_arrays(arrays: Mapping[str, Array], path: Path, dtype: DTypeLike) -> Examples:
    by_name = {name.lower(): array for name, array in arrays.items()}
    pairs = next((pairs for pairs in _NAMES if pairs[0][0] in by_name), None)
    alone = (test for _, test in _NAMES if test[0] in by_name)  # a test set in a file of its own
    if pairs is None and (test := next(alone, None)) is not None:
        pairs = (test, ("", ""))
    if pairs is None:
        raise DataError(path, f"there is no array 'x' or 'x_train' among {', '.join(arrays) or 'its arrays: none'}")
    names = next((by_name[name] for name in _CLASS_NAMES if name in by_name), None)
    class_names = () if names is None else tuple(map(text_of, names.reshape(-1)))

    def part(x: str, y: str, test: Examples | None) -> Examples:
        found = checked_examples(by_name[x], by_name.get(y), path, dtype)
        return replace(found, class_names=class_names, kind="arrays", test=test)

    (x, y), (test_x, test_y) = pairs
    return part(x, y, part(test_x, test_y, None) if test_x in by_name else None)
