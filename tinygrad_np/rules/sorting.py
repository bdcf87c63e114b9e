"""Order: sorting, partitions, sets.

What these return are elements of their argument, so the derivative leads back to where they stood. Equal elements keep
their order, as in a stable sort: the first of them gets the cotangent of the first place; and where each value is
wanted once, the first of them stands for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable, primitive
from tinygrad_np.rules.indexing import unique
from tinygrad_np.rules.kinks import between, from_zero, nearest, neighbours, overtaken
from tinygrad_np.rules.selection import add_along_axis, take_along_axis
from tinygrad_np.rules.tools import cut


@primitive(a=None)
def _order(a: Any, *, axis: int) -> Any:
    """``argsort``, stable. The unstable one takes half the time, and where no two are equal it is the same."""
    if isinstance(a, np.ndarray) and a.shape[axis] > 1:
        order = np.argsort(a, axis)
        in_order = np.take_along_axis(a, order, axis)
        if np.all(cut(in_order, 1, None, axis) > cut(in_order, None, -1, axis)):
            return order
    return np.argsort(a, axis, kind="stable")


def _partition_vjp(g: Any, a: Any, out: Any, axis: int) -> Any:
    """Both have the same elements: the first in the order of one is the first in the order of the other."""
    return _put_back(take_along_axis(g, _order(out, axis=axis), axis=axis), a, axis)


def _put_back(g: Any, a: Any, axis: int) -> Any:
    """Lead the cotangents of the sorted elements to where these stood."""
    return add_along_axis(g, _order(a, axis=axis), axis=axis, shape=a.shape, distinct=True)


@primitive(a=lambda g, a, axis: _put_back(g, a, axis), kink=lambda a, axis: neighbours(a, axis))
def sort(a: Any, *, axis: int = -1, kind: Any = None, stable: Any = None) -> Any:
    """Sort along an axis."""
    return np.sort(a, axis, kind, stable=stable)


@primitive(a=_partition_vjp, kink=lambda a, axis: neighbours(a, axis))
def partition(a: Any, *, kth: Any, axis: int = -1, kind: str = "introselect") -> Any:
    """Sort so far that the elements ``kth`` are in their places."""
    return np.partition(a, kth, axis, kind)


@composite(np.sort)
def _sort(a: Any, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None) -> Any:
    a, axis = (np.ravel(a), 0) if axis is None else (a, axis)
    return sort(a, axis=axis, kind=kind, stable=stable)


@composite(np.partition)
def _partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: None = None) -> Any:
    a, axis = (np.ravel(a), 0) if axis is None else (a, axis)
    return partition(a, kth=kth, axis=axis, kind=kind)


@composite(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """Sort along the last axis, as complex numbers."""
    narrow = np.complex64 if a.dtype.char in "bhBHF" else a.dtype if a.dtype.kind == "c" else np.complex128
    return sort(a, axis=-1).astype(narrow)


nondifferentiable(np.argsort, np.argpartition, kink=lambda a, axis: neighbours(a, axis))
nondifferentiable(np.lexsort, kink=lambda keys, axis: nearest(np.inf, *(neighbours(key, axis) for key in keys)))
nondifferentiable(np.searchsorted, kink=lambda a, v: between(a, v))
nondifferentiable(np.digitize, kink=lambda x, bins: nearest(between(x, bins), neighbours(bins, 0)))
nondifferentiable(np.nanargmax, kink=lambda a, axis: overtaken(np.where(np.isnan(a), -np.inf, a), axis))
nondifferentiable(np.nanargmin, kink=lambda a, axis: overtaken(np.where(np.isnan(a), -np.inf, -a), axis))
nondifferentiable(np.argwhere, kink=lambda a: from_zero(a))


# --- sets
@primitive(ar1=None, ar2=None, kink=lambda ar1, ar2: _to_another_order(ar1, ar2))
def _common(ar1: Any, ar2: Any, *, assume_unique: bool) -> Any:
    return np.intersect1d(ar1, ar2, assume_unique, True)[1:]


def _to_another_order(ar1: Any, ar2: Any) -> Any:
    return nearest(between(ar1, ar2), neighbours(np.ravel(ar1), 0), neighbours(np.ravel(ar2), 0))


def _array_api_unique(function: Any, **wanted: bool) -> None:
    """Enter a function that returns the distinct elements and what is wanted besides, as a named tuple."""
    kind = type(function(np.empty(0)))

    @composite(function)
    def unique_parts(x: Any, /) -> Any:
        found = unique(x, **wanted, equal_nan=False)
        return kind(*found) if wanted else found


_array_api_unique(np.unique_values)
_array_api_unique(np.unique_counts, return_counts=True)
_array_api_unique(np.unique_inverse, return_inverse=True)
_array_api_unique(np.unique_all, return_index=True, return_inverse=True, return_counts=True)


@composite(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """What is in either, in order."""
    return unique(np.concatenate([ar1, ar2], None))


@composite(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """What is in both, in order; it is read from the first."""
    first, second = _common(ar1, ar2, assume_unique=assume_unique)
    found = np.take(np.ravel(ar1), first).astype(np.result_type(ar1, ar2))
    return (found, first, second) if return_indices else found


@composite(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """What is in the first only, in order."""
    ar1 = np.ravel(ar1) if assume_unique else unique(np.ravel(ar1))
    return np.take(ar1, np.flatnonzero(np.logical_not(np.isin(ar1, ar2))))


@composite(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """What is in one of both only, in order."""
    both = np.concatenate([ar1, ar2] if assume_unique else [unique(np.ravel(ar1)), unique(np.ravel(ar2))], None)
    both = sort(both, axis=-1)
    if both.size < 2:
        return both
    other = both[1:] != both[:-1]
    end = np.ones_like(other[:1])
    return np.take(both, np.flatnonzero(np.concatenate([end, other]) & np.concatenate([other, end])))


nondifferentiable(np.isin, kink=lambda element, test_elements: between(element, test_elements))
