"""Sparse examples, made dense a mini-batch at a time."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["SparseRows"]


class SparseRows:
    """The rows of a CSR matrix as batches and models see an array: what is taken from it is dense.

    Parameters
    ----------
    matrix : scipy.sparse CSR array or matrix, shape (m, n)

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> rows = SparseRows(csr_array(np.diag([1.0, 2.0, 3.0])))
    >>> len(rows), rows[1:]
    (3, array([[0., 2., 0.],
           [0., 0., 3.]]))
    """

    ndim = 2

    def __init__(self, matrix: Any) -> None:
        self._matrix = matrix
        self.shape: tuple[int, int] = matrix.shape
        self.dtype: np.dtype[Any] = matrix.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        dense: NDArray[Any] = self._matrix[rows].toarray()
        return dense

    def take(self, rows: NDArray[np.integer[Any]], axis: Literal[0] = 0) -> NDArray[Any]:
        """The rows at these indices."""
        return self[rows]
