"""Algebra: steps that change nothing are left out, neighbours that undo each other meet, signs and factors merge.

All rules hold bit for bit, but for the sign of a zero, and for sums of what was broadcast, which round less often.
"""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import numpy as np

from tinygrad_np.compiler.kinds import is_elementwise, reduced_axes, reducing_ufunc, scalar_of
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, constant, rewrite, size

__all__ = ["simplified"]


def simplified(program: Program) -> Program:
    """Apply the identities of arithmetic and of views."""
    return rewrite(program, _simpler)


def _simpler(value: Value, call: Call) -> Value | None:
    for identity in (_neutral, _of_negative, _of_view, _of_broadcast, _sum_of_broadcast):
        found = identity(value, call)
        if found is not None and (found.shape, found.dtype, found.weak) == (value.shape, value.dtype, value.weak):
            return found
    return None


def _neutral(value: Value, call: Call) -> Value | None:
    """``x * 1``, ``x / 1``, ``x + 0``, ``x - 0``, ``x ** 1``; a cast, a view, a sum that changes nothing."""
    if value.function in (np.ndarray.copy, np.copy) and len(value.args) == 1:
        x = value.args[0]  # arrays of a program do not change
        return x if isinstance(x, Value) else None
    if is_elementwise(value) and len(value.args) == 2 and isinstance(value.function, np.ufunc):
        x, y = value.args
        if scalar_of(x) is None and scalar_of(y) is None:
            return None
        for kept, other, functions, neutral in (
            (x, y, (np.multiply, np.divide, np.power), 1), (x, y, (np.add, np.subtract), 0),
            (y, x, (np.multiply,), 1), (y, x, (np.add,), 0), (x, y, (np.bitwise_xor,), 0), (y, x, (np.bitwise_xor,), 0),
        ):  # fmt: skip
            number = scalar_of(other)
            if value.function in functions and number is not None and number == neutral and isinstance(kept, Value):
                return kept
        return None
    if value.function in (np.reshape, np.transpose, np.broadcast_to, np.ndarray.astype, np.positive):
        x = value.args[0]
        moved = value.function is np.transpose and any(n > 1 for n in x.shape) and not _in_order(x.shape, value.args[1])
        return None if moved else x
    if reducing_ufunc(value) in (np.add, np.multiply, np.maximum, np.minimum) and not reduced_axes(value):
        x = value.args[0]
        return x if isinstance(x, Value) else None
    return None


def _in_order(shape: tuple[int, ...], axes: tuple[int, ...]) -> bool:
    """Whether a transposition moves only axes of length one."""
    long = [axis for axis in axes if shape[axis] != 1]
    return long == sorted(long)


def _of_negative(value: Value, call: Call) -> Value | None:
    """``-(-x)``, ``-|x| = min(x, -x)``, ``x + (-y)``, ``(-x) + y``, ``x - (-y)``, ``0 - x``."""
    made = {"shape": value.shape, "dtype": value.dtype}
    if value.function is np.negative and (x := _negated(value.args[0])) is not None:
        return x
    x = value.args[0] if value.function is np.negative else None
    if isinstance(x, Value) and x.function is np.absolute and x.dtype.kind == "f" and x.args[0].dtype == x.dtype:
        return call(np.minimum, x.args[0], call(np.negative, x.args[0], **made), **made)  # -x is needed elsewhere, too
    if value.function in (np.add, np.subtract) and is_elementwise(value):
        a, b = value.args
        if (y := _negated(b)) is not None and y.dtype == value.dtype:
            return call(np.subtract if value.function is np.add else np.add, a, y, **made)
        if value.function is np.add and (x := _negated(a)) is not None and x.dtype == value.dtype:
            return call(np.subtract, b, x, **made)
        if value.function is np.subtract and scalar_of(a) == 0 and isinstance(b, Value) and b.dtype.kind == "f":
            return call(np.negative, b, **made)
    return None


def _negated(arg: Any) -> Value | None:
    """The x of ``-x``."""
    if isinstance(arg, Value) and arg.function is np.negative and is_elementwise(arg) and arg.dtype.kind in "fc":
        return arg.args[0] if isinstance(arg.args[0], Value) else None
    return None


def _of_view(value: Value, call: Call) -> Value | None:
    """A view of a view, where one does."""
    x = value.args[0] if value.args else None
    if not isinstance(x, Value) or x.function is not value.function or x.kwargs:
        return None
    made = {"shape": value.shape, "dtype": value.dtype}
    if value.function is np.reshape and x.args[0].shape == value.shape:
        return x.args[0]  # type: ignore[no-any-return]
    if value.function is np.reshape:
        return call(np.reshape, x.args[0], value.shape, **made)
    if value.function is np.transpose:
        return call(np.transpose, x.args[0], tuple(x.args[1][axis] for axis in value.args[1]), **made)
    if value.function is np.ndarray.view and len(value.args) == len(x.args) == 2 and x.args[0].dtype == value.dtype:
        return x.args[0]  # type: ignore[no-any-return]
    if value.function is np.broadcast_to:
        return call(np.broadcast_to, x.args[0], value.shape, **made)
    return None


def _of_broadcast(value: Value, call: Call) -> Value | None:
    """Operations broadcast by themselves: first compute, then broadcast, if at all."""
    if not is_elementwise(value) or not any(_is_broadcast(arg) for arg in value.args):
        return _broadcast_reshaped(value, call)
    small = [arg.args[0] if _is_broadcast(arg) else arg for arg in value.args]
    shape = np.broadcast_shapes(*(arg.shape for arg in small if isinstance(arg, Value)))
    if isinstance(value.function, np.ufunc) or not value.shape:
        result = call(value.function, *small, shape=shape, dtype=value.dtype)
    else:
        result = call(value.function, small[0], value.dtype, shape=shape, dtype=value.dtype)
    return result if shape == value.shape else call(np.broadcast_to, result, value.shape, shape=value.shape,
                                                    dtype=value.dtype)  # fmt: skip


def _is_broadcast(arg: Any) -> TypeGuard[Value]:
    return isinstance(arg, Value) and arg.function is np.broadcast_to


def _broadcast_reshaped(value: Value, call: Call) -> Value | None:
    """A view of a single number that was broadcast is that number, broadcast to another shape."""
    x = value.args[0] if value.args else None
    views = (np.reshape, np.transpose)
    if value.function in views and isinstance(x, Value) and _is_broadcast(x) and size(x.args[0]) == 1:
        made = {"shape": value.shape, "dtype": value.dtype}
        one = x.args[0]
        one = one if one.shape == () else call(np.reshape, one, (), shape=(), dtype=one.dtype)
        return call(np.broadcast_to, one, value.shape, **made)
    return None


def _sum_of_broadcast(value: Value, call: Call) -> Value | None:
    """``sum(broadcast(x)) = n x`` over the axes that were stretched, all of them at once."""
    x = value.args[0] if value.args else None
    if reducing_ufunc(value) is not np.add or not _is_broadcast(x) or value.dtype.kind != "f":
        return None
    small, extra = x.args[0], len(x.shape) - len(x.args[0].shape)
    axes = reduced_axes(value)
    if any(i >= extra and small.shape[i - extra] != 1 for i in axes):
        return None
    made = {"dtype": value.dtype}
    n = math.prod(x.shape[i] for i in axes)
    kept = tuple(1 if i in axes else m for i, m in enumerate((1,) * extra + small.shape))
    total = call(np.multiply, small, constant(np.array(n, value.dtype)), shape=small.shape, **made)
    total = call(np.reshape, total, kept, shape=kept, **made)
    stretched = tuple(1 if i in axes else m for i, m in enumerate(x.shape))
    total = call(np.broadcast_to, total, stretched, shape=stretched, **made)
    return call(np.reshape, total, value.shape, shape=value.shape, **made)
