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
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.data.errors import DataError
from tinygrad_np.data.examples import text_of
from tinygrad_np.data.idx import LIMIT
from tinygrad_np.data.integers import read_integers

__all__ = ["LABELS", "Table", "column_names", "read_csv"]

#: Names of a column of labels, in lower case.
LABELS = ("label", "labels", "class", "target", "y")


_LONGEST_LINE = 2**24


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
    number = int(label) % len(fields) if label is not None and _is_whole(label) else None
    header = not all(_is_number(field) for i, field in enumerate(fields) if i != number)
    names = [text_of(name) for name in fields] if header else [str(i) for i in range(len(fields))]
    place = _label_column(path, names, label, header)
    wanted = [i for i in range(len(names)) if i != place]
    if not wanted:
        raise DataError(path, "the only column is that of the labels")
    lines = islice(_lines(path, len(names)), int(header), None)
    found = read_integers(lines, len(names), delimiter, place, dtype)
    numbers, labels = found or _read_any(path, delimiter, header, names, place, wanted)
    if not len(numbers):
        raise DataError(path, "there is a header, but no row" if header else "there are no rows")
    if not np.isfinite(numbers).all():
        _look_for_mistakes(path, delimiter, header, names, wanted)
    if labels is not None and place is not None:
        _check_labels(path, labels, names[place], header)
    with np.errstate(over="ignore"):  # what is too large for the dtype becomes infinite, which is not overlooked
        numbers = numbers.astype(dtype)
    return Table(numbers, labels, [names[i] for i in wanted], None if place is None else names[place])


def column_names(path: str | os.PathLike[str], delimiter: str | None = None) -> list[str]:
    """What stands in the first row of a table, be it a header or not."""
    return [text_of(field) for field in _first_row(Path(path), delimiter)[1]]


def _read_any(
    path: Path, delimiter: str, header: bool, names: list[str], place: int | None, wanted: list[int]
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Read features and labels, of which the labels may be text."""
    read = partial(np.loadtxt, delimiter=delimiter, skiprows=int(header), quotechar='"', comments=None, ndmin=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a file without rows, of which the caller complains
        try:
            try:
                numbers = read(_lines(path, len(names)), dtype=np.float64)
                if numbers.shape[1] == len(names):
                    return numbers[:, wanted], None if place is None else numbers[:, place]
            except ValueError:
                if place is None:
                    raise
            # Perhaps it is the labels that are no numbers. (With usecols, loadtxt lets rows be longer than others.)
            _look_for_mistakes(path, delimiter, header, names, wanted)
            numbers = read(_lines(path, len(names)), dtype=np.float64, usecols=wanted)
            return numbers, None if place is None else read(_lines(path), dtype=str, usecols=place)[:, 0]
        except ValueError as error:
            _look_for_mistakes(path, delimiter, header, names, wanted)
            raise error if isinstance(error, DataError) else DataError(path, str(error)) from None


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
    try:
        yield from (row for row in csv.reader(_lines(path), delimiter=delimiter) if row)
    except csv.Error as error:
        raise DataError(path, f"this is no table in text form: {error}") from None


def _lines(path: Path, n_columns: int = 0) -> Iterator[str]:
    """The lines of a text, as long as they and their numbers fit into memory: a small file can expand to a huge one."""
    size = 0
    with _open(path) as file:
        try:
            while line := file.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    raise DataError(path, f"a line has {_LONGEST_LINE:,} characters or more: this is no table")
                size += 8 * n_columns
                if size > LIMIT:
                    raise DataError(path, f"its numbers would take more than {LIMIT // 2**30} GiB")
                yield line
        except UnicodeDecodeError as error:
            raise DataError(path, f"this is no text in UTF-8 ({error.reason} at byte {error.start})") from None
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            if getattr(error, "errno", None) is not None:  # of the disk, not of what is on it
                raise
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
    return field.isascii() and "_" not in field  # which Python reads, and NumPy does not


def _is_whole(label: str | int) -> bool:
    """Whether it is the number of a column, also where it comes from a command line."""
    return isinstance(label, int) or label.removeprefix("-").isdecimal()


def _label_column(path: Path, names: list[str], label: str | int | None, header: bool) -> int | None:
    if label is None:
        return next((i for i, name in enumerate(names) if header and name.lower() in LABELS), None)
    if isinstance(label, str) and label in names:
        return names.index(label)
    if not _is_whole(label):
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
                # Text from the first example on, and nobody has said which column is the label: it may be this one.
                label = number == 1 + header and len(wanted) == len(names) and not any(map(str.isdigit, row[i]))
                mend = f"; if it is the label, say so by label={names[i]!r}" if label else ""
                raise DataError(path, f"{row[i]!r} is no number{mend}", row=number, column=names[i])
            if not math.isfinite(float(row[i])):
                raise DataError(path, f"{row[i].strip()} is not finite", row=number, column=names[i])


def _check_labels(path: Path, labels: NDArray[Any], name: str, header: bool) -> None:
    missing = np.char.strip(labels) == "" if labels.dtype.kind == "U" else ~np.isfinite(labels)
    if missing.any():
        where = int(np.argmax(missing))
        problem = "a label is missing" if labels.dtype.kind == "U" else f"the label {labels[where]} is not finite"
        raise DataError(path, problem, row=where + 1 + header, column=name)
