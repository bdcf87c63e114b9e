"""The quick way through a table of whole numbers, such as pixels: ten times as fast as reading any numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["read_integers"]

#: Characters that are read at once, about.
_CHUNK = 2**20

#: Up to here every whole number is a float64, so that this way and the slow way give the same.
_EXACT = 2**53


def read_integers(
    lines: Iterable[str], n_columns: int, delimiter: str, label: int | None, dtype: DTypeLike
) -> tuple[NDArray[Any], NDArray[np.float64] | None] | None:
    """Read the rows of a table that holds whole numbers and nothing else: no quotes, no spaces, no points.

    Parameters
    ----------
    lines : iterable of str
        Without the header.
    n_columns : int
        In each line.
    delimiter : str
    label : int, optional
        The column of labels.
    dtype : dtype
        Of the features.

    Returns
    -------
    (features, labels) or None
        Arrays of shapes (m, n) and (m,); the labels are None without a column of such. None altogether if there is
        anything else in a line: then it takes :func:`numpy.loadtxt`, or there is a mistake to be found.

    Examples
    --------
    >>> read_integers(["7,0,255\\n", "3,128,64\\n"], 3, ",", 0, np.float32)
    (array([[  0., 255.],
           [128.,  64.]], dtype=float32), array([7., 3.]))
    >>> read_integers(["7,0,0.5\\n"], 3, ",", 0, np.float32)
    """
    wanted = [i for i in range(n_columns) if i != label]
    features, labels = [], []
    for rows in _chunks(lines):
        numbers = _parse(rows, n_columns, delimiter)
        if numbers is None:
            return None
        features.append(numbers[:, wanted].astype(dtype))
        if label is not None:
            labels.append(numbers[:, label].astype(np.float64))
    if not features:
        return None
    return np.concatenate(features), None if label is None else np.concatenate(labels)


def _chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    rows, size = [], 0
    for line in lines:
        if row := line.rstrip("\r\n"):
            rows.append(row)
            size += len(row)
        if size >= _CHUNK:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _parse(rows: list[str], n_columns: int, delimiter: str) -> NDArray[np.int64] | None:
    if any(row.count(delimiter) != n_columns - 1 for row in rows):
        return None
    try:
        text = delimiter.join(rows).replace(delimiter, ",").encode("ascii")
        if text.translate(None, b"0123456789-,"):  # fromstring would skip white space wherever it likes
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # how NumPy says that it could not read on
            numbers = np.fromstring(text, np.int64, sep=",")
    except (ValueError, DeprecationWarning):
        return None
    if numbers.size != len(rows) * n_columns or not (np.abs(numbers) < _EXACT).all():
        return None
    return numbers.reshape(len(rows), n_columns)
