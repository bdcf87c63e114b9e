"""Casts of their own: NumPy casts the operands of a mixed operation in small pieces, at twice the price of a cast."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_elementwise, is_scalar
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, constant, rewrite

__all__ = ["loop_dtypes", "with_casts_apart"]


def with_casts_apart(program: Program) -> Program:
    """Let each operand have the dtype that the ufunc computes in; numbers become arrays without axes.

    A mask that multiplies a gradient becomes zeros and ones once.
    """
    return rewrite(program, _cast)


def _cast(value: Value, call: Call) -> Value | None:
    ufunc = value.function
    if not isinstance(ufunc, np.ufunc) or not is_elementwise(value):
        return None
    dtypes = loop_dtypes(ufunc, value.args)
    if dtypes is None or dtypes[-1] != value.dtype:
        return None
    args = [_as(arg, dtype, call) for arg, dtype in zip(value.args, dtypes, strict=False)]
    if all(arg is old for arg, old in zip(args, value.args, strict=True)):
        return None
    return call(ufunc, *args, shape=value.shape, dtype=value.dtype)


def _as(arg: Any, dtype: np.dtype[Any], call: Call) -> Any:
    if is_scalar(arg):
        return constant(np.array(arg, dtype))
    if arg.weak:
        return call(np.asarray, arg, dtype, shape=(), dtype=dtype)
    if arg.dtype == dtype:
        return arg
    if arg.array is not None:
        return constant(arg.array.astype(dtype))
    return call(np.ndarray.astype, arg, dtype, shape=arg.shape, dtype=dtype)


def loop_dtypes(ufunc: np.ufunc, args: tuple[Any, ...]) -> tuple[np.dtype[Any], ...] | None:
    """The dtypes of operands and result that a ufunc computes in; None, where NumPy does not tell."""
    given = [_weak_type(arg) or getattr(arg, "dtype", np.dtype(bool)) for arg in args]
    try:
        return ufunc.resolve_dtypes((*given, None))
    except (TypeError, ValueError, OverflowError):
        return None


def _weak_type(arg: Any) -> type | None:
    """The type of a Python number, which takes the dtype of what it meets."""
    if isinstance(arg, Value):
        return {"i": int, "f": float, "c": complex}.get(arg.dtype.kind) if arg.weak else None
    return type(arg) if type(arg) in (int, float, complex) else None
