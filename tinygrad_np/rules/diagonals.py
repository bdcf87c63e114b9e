"""Diagonals of matrices, and matrices with a given diagonal.

The two entries of the table count axes from the end, and take whatever comes before them for a stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive


@primitive(a=lambda g, a_shape, offset, axis1, axis2: from_diagonal(
    g, offset=offset, axis1=axis1, axis2=axis2, shape=a_shape
))  # fmt: skip
def diagonal(a: Any, *, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Any:
    """Diagonal of two axes, as the last axis."""
    return np.diagonal(a, offset, axis1, axis2)


@primitive(a=lambda g, offset, axis1, axis2: diagonal(g, offset=offset, axis1=axis1, axis2=axis2))
def from_diagonal(
    a: Any, *, shape: tuple[int, ...], offset: int = 0, axis1: int = -2, axis2: int = -1
) -> Any:  # fmt: skip
    """Zeros of ``shape``, with ``a`` on that diagonal."""
    out = np.zeros_like(a, shape=(*a.shape[: a.ndim + 1 - len(shape)], *shape))
    on = np.diagonal(out, offset, axis1, axis2)
    on.flags.writeable = True  # NumPy locks it for fear of misunderstandings: this one is understood
    on[...] = a
    return out


@composite(np.diagonal)
def _diagonal_of(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    np.diagonal(np.broadcast_to(0, a.shape), offset, axis1, axis2)  # raises NumPy's errors
    return diagonal(a, offset=offset, axis1=axis1 % a.ndim - a.ndim, axis2=axis2 % a.ndim - a.ndim)


@composite(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Diagonal of a matrix, or a matrix with this diagonal."""
    if v.ndim == 2:
        return diagonal(v, offset=k)
    if v.ndim == 1:
        return from_diagonal(v, offset=k, shape=(len(v) + abs(k),) * 2)
    raise ValueError(f"diag is for one or two axes, but the shape is {v.shape}; see np.diagonal")


@composite(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """A matrix with all elements of an array on its diagonal."""
    return diag(np.ravel(v), k)


@composite(np.linalg.diagonal)
def _matrix_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return _diagonal_of(x, offset, -2, -1)


@composite(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """Sum over a diagonal."""
    on = _diagonal_of(a, offset, axis1, axis2)
    return np.sum(on if dtype is None else on.astype(dtype), axis=-1)


@composite(np.linalg.trace)
def _trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace(x, offset, -2, -1, dtype)
