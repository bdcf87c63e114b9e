"""Constants: what does not depend on inputs or state is computed when the program is compiled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_constant, is_elementwise, is_pure, is_scalar
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, constant, operands, rewrite, substitute

__all__ = ["with_constants_folded"]

_LARGEST = 1 << 16  # bytes: what is larger is computed in each run rather than kept


def with_constants_folded(program: Program) -> Program:
    """Compute constant steps; an array of equal elements becomes one element, broadcast."""
    return rewrite(program, _folded)


def _folded(value: Value, call: Call) -> Value | None:
    if not (is_pure(value.function) and _all_constant(value.args) and _all_constant(value.kwargs)):
        if not is_elementwise(value):
            return None
        uniform = {arg: _uniform(arg, call) for arg in operands(value) if arg.array is not None and arg.shape}
        if any(new is not arg for arg, new in uniform.items()):
            return call(
                value.function, *substitute(value.args, uniform), shape=value.shape, dtype=value.dtype,
                **substitute(value.kwargs, uniform),
            )  # fmt: skip
        return None
    if value.function is np.broadcast_to or value.dtype.hasobject:
        return None  # it takes no memory as it is
    if math.prod(value.shape or ()) * value.dtype.itemsize > _LARGEST and not _fills(value.function):
        return None
    known = {arg: arg.array for arg in operands(value)}
    with np.errstate(all="ignore"):
        assert value.function is not None
        array = value.function(*substitute(value.args, known), **substitute(value.kwargs, known))
    if not isinstance(array, np.ndarray | np.generic) or array.dtype != value.dtype or array.shape != value.shape:
        return None
    return _uniform(constant(array), call)


def _all_constant(arg: Any) -> bool:
    if isinstance(arg, tuple | list):
        return all(map(_all_constant, arg))
    if isinstance(arg, dict):
        return all(map(_all_constant, arg.values()))
    return is_constant(arg)


def _fills(function: Any) -> bool:
    """Whether a function makes an array of equal elements."""
    return function in (np.ones, np.zeros, np.full, np.ones_like, np.zeros_like, np.full_like)


def _uniform(value: Value, call: Call) -> Value:
    """Return an array of equal elements as one element, broadcast: operations take that as a scalar."""
    array = value.array
    if array is None or not array.shape or array.size <= 1 or array.dtype.kind not in "biufc":
        return value
    first = array[(0,) * array.ndim]
    if not (is_scalar(first.item()) and (array == first).all() and not _mixed_zeros(array, first)):
        return value
    return call(np.broadcast_to, constant(first), array.shape, shape=array.shape, dtype=array.dtype)


def _mixed_zeros(array: Any, first: Any) -> bool:
    return bool(array.dtype.kind in "fc" and first == 0 and np.signbit(array.real).any() != np.signbit(first.real))
