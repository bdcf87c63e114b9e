"""What a capture has to know about NumPy's functions: which look at shapes only, write, or make shapes of numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_np.compiler.recording import CaptureError, Symbol, user_line

__all__ = ["SHAPES_ONLY", "dependent_shape", "writes"]

Function = Callable[..., Any]

#: What they return can be told without the numbers, which are only looked at to be shown.
SHAPES_ONLY: frozenset[Function] = frozenset([
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.common_type,
    np.may_share_memory, np.shares_memory, np.einsum_path, np.array_repr, np.array_str, np.array2string,
])  # fmt: skip

#: Function -> the position of the array that it writes into.
_WRITES: dict[Function, int] = dict.fromkeys([
    operator.setitem, np.copyto, np.putmask, np.place, np.put, np.put_along_axis, np.fill_diagonal,
    np.ndarray.sort, np.ndarray.partition, np.ndarray.fill, np.ndarray.put,
], 0)  # fmt: skip

#: Functions whose result has a shape that depends on the numbers in their arrays.
_DEPENDENT = frozenset([
    np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.unique_all, np.unique_counts, np.unique_inverse,
    np.unique_values, np.compress, np.extract, np.union1d, np.setdiff1d, np.intersect1d, np.setxor1d, np.trim_zeros,
    np.bincount, np.roots, np.polydiv, np.linalg.lstsq, np.piecewise, np.apply_along_axis, np.arange, np.histogram,
    np.ndarray.nonzero, np.ndarray.compress,
])  # fmt: skip

#: Functions whose further arguments say how large the result is.
_SIZED: frozenset[Any] = frozenset([
    np.repeat, np.delete, np.insert, np.tile, np.pad, np.resize, np.split, np.array_split, np.hsplit, np.vsplit,
    np.dsplit, np.broadcast_to, np.reshape, np.linspace, np.ndarray.repeat, np.eye, np.zeros, np.ones, np.full,
])  # fmt: skip


def writes(function: Function) -> int | None:
    """Return which argument a function writes into, if it does."""
    return _WRITES.get(function)


def dependent_shape(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Complain if the shape of the result depends on the numbers in traced arrays.

    Raises
    ------
    CaptureError
        If so.
    """
    if function is operator.getitem:
        parts = args[1] if isinstance(args[1], tuple) else (args[1],)
        if any(_traced(part) and part._value.dtype == np.bool_ for part in parts):
            raise _refused("an index that is a mask", "np.where(mask, x, 0) keeps the shape")
    elif function in _DEPENDENT or (function is np.where and len(args) == 1):
        raise _refused(f"np.{function.__name__}", "compute with masks and np.where, or call it outside")
    elif function in _SIZED and any(map(_traced, _flat([args[1:], list(kwargs.values())]))):
        raise _refused(f"np.{function.__name__} with computed lengths", "let these be Python numbers")


def _refused(what: str, instead: str) -> CaptureError:
    return CaptureError(
        f"{user_line()}: {what} gives a result whose shape depends on the numbers, and the shapes of a compiled "
        f"function are fixed when it is captured; {instead}"
    )


def _traced(arg: Any) -> bool:
    return isinstance(arg, Symbol) and not arg._value.weak


def _flat(args: Iterable[Any]) -> Iterable[Any]:
    for arg in args:
        if isinstance(arg, list | tuple):
            yield from _flat(arg)
        else:
            yield arg
