"""``DataError``: what is wrong with somebody's data, and where."""

from __future__ import annotations

import os

__all__ = ["DataError"]


class DataError(ValueError):
    """A file is not what it should be. The message is one sentence that names the file and the place in it.

    Attributes
    ----------
    path : str
        The file or folder.
    row, column : int or str or None
        Where, as a person counts: rows from 1, the header being the first; a column by its name, if it has one.
    problem : str
        What is wrong.

    Examples
    --------
    >>> raise DataError("train.csv", "'abc' is no number", row=3, column="pixel7")
    Traceback (most recent call last):
    ...
    tinygrad_np.data.errors.DataError: train.csv, row 3, column pixel7: 'abc' is no number
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        problem: str,
        *,
        row: int | None = None,
        column: int | str | None = None,
    ) -> None:
        self.path, self.problem, self.row, self.column = os.fspath(path), problem, row, column
        place = self.path + (f", row {row}" if row is not None else "")
        super().__init__(f"{place}{f', column {column}' if column is not None else ''}: {problem}")
