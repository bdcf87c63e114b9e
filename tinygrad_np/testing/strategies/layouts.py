"""Where the elements of an array lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.testing.strategies._hypothesis import st
from tinygrad_np.testing.strategies.domains import Array

__all__ = ["LAYOUTS", "backwards", "laid_out", "layouts"]


def backwards(array: Array) -> Array:
    """Return a view with the last element first along each axis; :func:`numpy.flip` makes a scalar of a 0-d array."""
    index: Any = (..., *(slice(None, None, -1),) * array.ndim)
    return np.asarray(array[index])


def _compact(array: Array) -> Array:
    return np.array(array, order="C")


def _fortran(array: Array) -> Array:
    return np.array(array, order="F")


def _transposed(array: Array) -> Array:  # neither C nor Fortran, from three axes on
    return array.swapaxes(0, -1).copy().swapaxes(0, -1) if array.ndim > 1 else _strided(array)


def _reversed(array: Array) -> Array:
    return backwards(backwards(array).copy())


def _strided(array: Array) -> Array:  # what lies between must not be read, nor written
    if array.ndim == 0:
        return _compact(array)
    wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 99, array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


def _read_only(array: Array) -> Array:
    array = _compact(array)
    array.flags.writeable = False
    return array


#: Name -> a function that returns the same values in other places. "broadcast" would need equal values.
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": _compact,
    "Fortran": _fortran,
    "transposed": _transposed,
    "reversed": _reversed,
    "strided": _strided,
    "read-only": _read_only,
}


def layouts(broadcast: bool = False) -> st.SearchStrategy[str]:
    """Names of memory layouts; the simplest is "C".

    Parameters
    ----------
    broadcast : bool
        Whether ``"broadcast"`` is one of them: zero strides, as :func:`numpy.broadcast_to` makes them. The elements
        along some axis are then one and the same, which well-separated numbers cannot be.

    Returns
    -------
    strategy of str
        ``"C"``, ``"Fortran"``, ``"transposed"``, ``"reversed"`` (negative strides), ``"strided"`` (every other element
        of a wider array), ``"read-only"``; for :func:`laid_out`, and for ``layout=`` of :func:`arrays`.
    """
    return st.sampled_from([*LAYOUTS, *["broadcast"] * broadcast])


def laid_out(array: Array, layout: str) -> Array:
    """Return a copy of an array with another memory layout.

    Examples
    --------
    >>> laid_out(np.zeros((2, 3)), "reversed").strides
    (-24, -8)
    """
    return LAYOUTS[layout](array)
