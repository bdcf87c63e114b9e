"""Tables in text files: one example per line, as in Kaggle's digit recognizer (``label,pixel0,pixel1,...``)."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import math
import os
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.data.errors import DataError

__all__ = ["LABELS", "Table", "read_csv"]

#: Names of a column of labels, in lower case.
LABELS = ("label", "labels", "class", "target", "y")


@dataclass(frozen=True, eq=False)
class Table:
    """A table of numbers, with or without a column of labels.

    Attributes
    ----------
    features : array of shape (m, n)
    labels : array of shape (m,), or None
        Numbers, or text where one of them is not a number.
    columns : list of str
        What the features are called: as the header says, or their numbers, from 0.
    label : str or None
        What the column of labels is called.
    """

    features: NDArray[Any]
    labels: NDArray[Any] | None
    columns: list[str]
    label: str | None


def read_csv(
    path: str | os.PathLike[str],
    *,
    label: str | int | None = None,
    delimiter: str | None = None,
    dtype: Any = np.float32,
) -> Table:
    """Read a table of numbers.

    The first line is a header if something in it is not a number. The columns may be separated by commas, semicolons
    or tabs; the delimiter is what the first line has most of.

    Parameters
    ----------
    path : path_like
        In UTF-8. ``.gz``, ``.bz2`` and ``.xz`` are decompressed.
    label : str or int, optional
        The column of labels, by its name or its number, from 0 or, backwards, from -1. Without it, the column whose
        name is "label", "class", "target" or "y", if there is one.
    delimiter : str, optional
        One character.
    dtype : dtype
        Of the features.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataError
        With row and column: if a row has fewer or more fields than the first, a number is missing, is none, is NaN or
        infinite, if there are no rows, or no such column.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "train.csv")
    ...     _ = path.write_text("label,pixel0,pixel1\\n7,0,255\\n3,128,64\\n")
    ...     table = read_csv(path)
    >>> table.labels, table.features
    (array([7., 3.]), array([[  0., 255.],
           [128.,  64.]], dtype=float32))
    """
    path = Path(path)
    delimiter, fields = _first_row(path, delimiter)
    is_label = int(label) % len(fields) if isinstance(label, int) else None  # which may be text in any row
    header = not all(_is_number(field) for i, field in enumerate(fields) if i != is_label)
    names = [name.strip() for name in fields] if header else [str(i) for i in range(len(fields))]
    place = _label_column(path, names, label, header)
    wanted = [i for i in range(len(names)) if i != place]
    if not wanted:
        raise DataError(path, "the only column is that of the labels")
    read = partial(np.loadtxt, path, delimiter=delimiter, skiprows=int(header), quotechar='"', comments=None,
                   encoding="utf-8-sig", ndmin=2)  # fmt: skip
    labels = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a file without rows, which is an error here
        try:
            numbers = read(dtype=np.float64)
        except ValueError as error:  # perhaps it is the labels that are no numbers
            _look_for_mistakes(path, delimiter, header, names, wanted)
            if place is None:
                raise DataError(path, str(error)) from None
            numbers, labels = read(dtype=np.float64, usecols=wanted), read(dtype=str, usecols=place)[:, 0]
        else:
            if place is not None:
                labels, numbers = numbers[:, place], numbers[:, wanted]
    if not len(numbers):
        raise DataError(path, "there is a header, but no row" if header else "there are no rows")
    columns = [names[i] for i in wanted]
    if not np.isfinite(numbers).all():
        _look_for_mistakes(path, delimiter, header, names, wanted)
    if labels is None or place is None:
        return Table(numbers.astype(dtype), None, columns, None)
    _check_labels(path, labels, names[place], header)
    return Table(numbers.astype(dtype), labels, columns, names[place])


def _first_row(path: Path, delimiter: str | None) -> tuple[str, list[str]]:
    """The delimiter, and the fields of the first row."""
    if delimiter is None:
        line = next(_rows(path, "\0"), None)
        delimiter = max(",;\t", key=line[0].count) if line else ","
    fields = next(_rows(path, delimiter), None)
    if fields is None:
        raise DataError(path, "the file is empty")
    return delimiter, fields


def _rows(path: Path, delimiter: str) -> Iterator[list[str]]:
    """The fields of each row that is not empty."""
    with _open(path) as file:
        try:
            yield from (row for row in csv.reader(file, delimiter=delimiter) if row)
        except UnicodeDecodeError as error:
            raise DataError(path, f"this is no text in UTF-8 ({error.reason} at byte {error.start})") from None
        except (csv.Error, EOFError, zlib.error, lzma.LZMAError) as error:
            raise DataError(path, f"this is no table in text form: {error}") from None


def _open(path: Path) -> TextIO:
    """Open a text, decompressed as loadtxt does it."""
    opener = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(path.suffix, open)
    return opener(path, "rt", encoding="utf-8-sig", newline="")  # type: ignore[operator, no-any-return]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _label_column(path: Path, names: list[str], label: str | int | None, header: bool) -> int | None:
    if label is None:
        return next((i for i, name in enumerate(names) if header and name.lower() in LABELS), None)
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, str) and not label.lstrip("-").isdecimal():
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise DataError(path, f"there is no column {label!r}; there are {shown}")
    place = int(label)
    if not -len(names) <= place < len(names):
        raise DataError(path, f"there is no column {place}: the columns are 0 to {len(names) - 1}")
    return place % len(names)


def _look_for_mistakes(path: Path, delimiter: str, header: bool, names: list[str], wanted: list[int]) -> None:
    """Read the file again, slowly, and complain of the first place that is wrong."""
    for number, row in enumerate(_rows(path, delimiter), start=1):
        if len(row) != len(names):
            raise DataError(path, f"there are {len(row)} fields, but the first row has {len(names)}", row=number)
        if header and number == 1:
            continue
        for i in wanted:
            if not row[i].strip():
                raise DataError(path, "a number is missing", row=number, column=names[i])
            if not _is_number(row[i]):
                raise DataError(path, f"{row[i]!r} is no number", row=number, column=names[i])
            if not math.isfinite(float(row[i])):
                raise DataError(path, f"{row[i].strip()} is not finite", row=number, column=names[i])


def _check_labels(path: Path, labels: NDArray[Any], name: str, header: bool) -> None:
    missing = np.char.strip(labels) == "" if labels.dtype.kind == "U" else ~np.isfinite(labels)
    if missing.any():
        where = int(np.argmax(missing))
        problem = "a label is missing" if labels.dtype.kind == "U" else f"the label {labels[where]} is not finite"
        raise DataError(path, problem, row=where + 1 + header, column=name)
