"""One form for each thing: the many names that NumPy has for a view, a reduction, a product become one each."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_basic_index, is_elementwise
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, rewrite

__all__ = ["in_canonical_form"]

_RESHAPES: list[Any] = [np.reshape, np.ravel, np.squeeze, np.expand_dims, np.ndarray.reshape, np.ndarray.squeeze]
_TRANSPOSES: list[Any] = [
    np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose, np.permute_dims, np.ndarray.transpose,
    np.ndarray.swapaxes,
]  # fmt: skip
_REDUCTIONS: dict[Any, np.ufunc] = {
    np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum, np.amax: np.maximum,
    np.amin: np.minimum, np.all: np.logical_and, np.any: np.logical_or,
}  # fmt: skip
_OPERATORS: dict[Any, np.ufunc] = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply, operator.truediv: np.divide,
    operator.neg: np.negative, operator.pos: np.positive, operator.gt: np.greater, operator.ge: np.greater_equal,
    operator.lt: np.less, operator.le: np.less_equal, operator.eq: np.equal, operator.ne: np.not_equal,
    operator.pow: np.power, operator.abs: np.absolute,
}  # fmt: skip


def in_canonical_form(program: Program) -> Program:
    """Rewrite to ``reshape(x, shape)``, ``transpose(x, axes)``, ``ufunc.reduce(x, axis=(...), keepdims=...)``.

    Also ``matmul(x, y)`` for the other products of matrices, ``astype(x, dtype)``, ``square(x)``.
    """
    return rewrite(program, _canonical)


def _canonical(value: Value, call: Call) -> Value | None:
    args, made = value.args, {"shape": value.shape, "dtype": value.dtype}
    x = args[0] if args else None
    if value.function is np.full and isinstance(args[1], Value) and args[1].weak:
        number = call(np.asarray, args[1], value.dtype, shape=(), dtype=value.dtype)
        return call(np.broadcast_to, number, value.shape, **made)
    if not isinstance(x, Value) or value.weak:
        return None
    if value.function in _OPERATORS:
        return call(_OPERATORS[value.function], *args, **made)
    if value.function in _RESHAPES and value.kwargs.get("order", "C") == "C" and "copy" not in value.kwargs:
        plain = args == (x, value.shape) and value.function is np.reshape
        return None if plain else call(np.reshape, x, value.shape, **made)
    if value.function is operator.getitem and _keeps_all(args[1]):
        return call(np.reshape, x, value.shape, **made)
    if value.function is operator.getitem and value.shape == () and _picks_one(x, args[1]):
        index = args[1] if isinstance(args[1], tuple) else (args[1],)
        return call(operator.getitem, x, (*index, Ellipsis), **made)
    if value.function in _TRANSPOSES:
        assert value.function is not None
        axes = _axes(value.function, len(x.shape), args[1:], value.kwargs)
        plain = value.function is np.transpose and args == (x, axes)
        return None if plain else call(np.transpose, x, axes, **made)
    if value.function is np.ndarray.astype:
        plain = len(args) == 2 and args[1] == value.dtype and not value.kwargs
        ours = value.kwargs.keys() <= {"copy", "dtype"} and len(args) <= 2
        return None if plain or not ours else call(np.ndarray.astype, x, value.dtype, **made)
    if value.function is np.dot and len(args) == 2 and not value.kwargs and _two_matrices(args):
        return call(np.matmul, *args, **made)
    if value.function is np.multiply and is_elementwise(value) and args[0] is args[1]:
        return call(np.square, x, **made)
    if value.function is np.power and args[1:] == (2,) and x.dtype.kind == "f":
        return call(np.square, x, **made)
    return _reduction(value, x, call)


def _reduction(value: Value, x: Value, call: Call) -> Value | None:
    """``ufunc.reduce`` with its axes as a sorted tuple."""
    ufunc = _REDUCTIONS.get(value.function) if callable(value.function) else None
    default: Any = None
    if ufunc is None and getattr(value.function, "__name__", "") == "reduce":
        ufunc, default = getattr(value.function, "__self__", None), 0
    given = dict(zip(("axis", "dtype", "out", "keepdims"), value.args[1:], strict=False)) | value.kwargs
    if not isinstance(ufunc, np.ufunc) or given.keys() - {"axis", "dtype", "out", "keepdims"} or len(value.args) > 5:
        return None
    if given.get("out") is not None or given.get("dtype") not in (None, x.dtype):
        return None
    if value.function in _REDUCTIONS and given.get("dtype") is None and value.dtype != ufunc.reduce(
        np.ones((1,), x.dtype)).dtype:  # fmt: skip
        return None
    axis = given.get("axis", default)
    axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted(i % len(x.shape) for i in axes))
    keepdims = bool(given.get("keepdims", False))
    if value.function == ufunc.reduce and len(value.args) == 1 and value.kwargs == {"axis": axes, "keepdims": keepdims}:
        return None
    return call(ufunc.reduce, x, axis=axes, keepdims=keepdims, shape=value.shape, dtype=value.dtype)


def _keeps_all(index: Any) -> bool:
    """Whether an index only adds axes."""
    entries = index if isinstance(index, tuple) else (index,)
    return is_basic_index(index) and all(e is None or e is Ellipsis or e == slice(None) for e in entries)


def _picks_one(x: Value, index: Any) -> bool:
    """Whether an index gives a NumPy scalar, a copy, where with ``...`` it would give a view."""
    entries = index if isinstance(index, tuple) else (index,)
    return not x.dtype.hasobject and len(entries) == len(x.shape) and all(isinstance(entry, int) for entry in entries)


def _axes(function: Callable[..., Any], ndim: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, ...]:
    """Where the axes go: found by moving those of an array whose axes all differ in length."""
    probe = np.broadcast_to(False, range(2, ndim + 2))
    moved: tuple[int, ...] = function(probe, *args, **kwargs).shape
    return tuple(length - 2 for length in moved)


def _two_matrices(args: tuple[Any, ...]) -> bool:
    return all(isinstance(arg, Value) and len(arg.shape) in (1, 2) for arg in args)
