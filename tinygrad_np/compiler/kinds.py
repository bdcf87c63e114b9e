"""What kind of call a step is: what passes and the plan may assume of it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.compiler.program import Value

__all__ = [
    "SLOW_WITH_A_NUMBER", "is_array_of", "is_basic_index", "is_constant", "is_contraction", "is_elementwise",
    "is_pure", "is_running", "is_scalar", "is_seen", "is_view", "reduced_axes", "reducing_ufunc", "scalar_of", "terms",
]  # fmt: skip

SLOW_WITH_A_NUMBER = (np.maximum, np.minimum)  # twice as fast on two arrays of one shape

_PURE_MODULES = ("numpy", "operator", "_operator", "scipy", "tinygrad_np", "builtins", "math")
_PURE_OWNERS = (np.ufunc, np.ndarray, np.generic, type(np))


def is_pure(function: Callable[..., Any] | None) -> bool:
    """Whether a call does nothing but compute its result: it may be left out, or made once in place of twice.

    A draw from a generator moves the generator on; of functions that are not NumPy's nor ours nothing is known.
    """
    if isinstance(function, np.ufunc):
        return True
    owner = getattr(function, "__self__", None)
    if owner is not None:
        return isinstance(owner, _PURE_OWNERS)
    if getattr(function, "__objclass__", None) is np.ndarray:
        return True
    module = str(getattr(function, "__module__", None) or "")
    return module.split(".")[0] in _PURE_MODULES and not module.startswith("numpy.random")


def is_elementwise(value: Value) -> bool:
    """Whether each element of the result needs the elements at its own place only, and ``out`` can be given."""
    function = value.function
    if isinstance(function, np.ufunc):
        if value.kwargs or function.nout != 1 or len(value.args) != function.nin or function.signature is not None:
            return False
        for arg in value.args:  # asked very often: no generator
            if arg.__class__ is not Value and not is_scalar(arg):
                return False
        return not value.dtype.hasobject
    return function is np.ndarray.astype and len(value.args) == 2 and not value.kwargs


def terms(step: Value) -> tuple[Any, ...]:
    """What an elementwise step computes with: all arguments but the dtype to convert to, in whichever form."""
    return step.args[:1] if step.function is np.ndarray.astype else step.args


def is_scalar(arg: Any) -> bool:
    """Whether an argument is a Python number, which takes the dtype of what it meets (NEP 50)."""
    return type(arg) in (bool, int, float, complex)


def reducing_ufunc(value: Value) -> np.ufunc | None:
    """The ufunc of a step that is ``ufunc.reduce(x, axis=(...), keepdims=...)`` in its canonical form."""
    owner = getattr(value.function, "__self__", None)
    if isinstance(owner, np.ufunc) and getattr(value.function, "__name__", "") == "reduce":
        return owner if len(value.args) == 1 and value.kwargs.keys() == {"axis", "keepdims"} else None
    return None


def reduced_axes(value: Value) -> tuple[int, ...]:
    """The axes that a reduction in its canonical form sums over."""
    axes: tuple[int, ...] = value.kwargs["axis"]
    return axes


def is_running(value: Value) -> bool:
    """Whether a step is ``ufunc.accumulate(x)``: running sums or products over the first axis."""
    owner = getattr(value.function, "__self__", None)
    return (
        isinstance(owner, np.ufunc) and value.function == owner.accumulate and len(value.args) == 1 and not value.kwargs
    )


def is_contraction(value: Value) -> bool:
    """Whether a step is the product of two matrices or vectors."""
    return value.function is np.matmul and len(value.args) == 2 and not value.kwargs


def is_basic_index(index: Any) -> bool:
    """Whether indexing with it gives a view, not a copy."""
    entries = index if isinstance(index, tuple) else (index,)
    return all(entry is None or entry is Ellipsis or isinstance(entry, slice | int) for entry in entries)


def is_array_of(value: Value) -> bool:
    """Whether a step makes an array without axes of a Python number."""
    return value.function is np.asarray and isinstance(value.args[0], Value) and value.args[0].weak


def is_view(value: Value) -> bool:
    """Whether a step computes nothing: its result is its first operand, seen differently."""
    if value.function is operator.getitem:
        return is_basic_index(value.args[1])
    if value.function is np.ndarray.view:
        x = value.args[0]
        return len(value.args) == 2 and isinstance(value.args[1], np.dtype) and x.dtype.itemsize == value.dtype.itemsize
    return value.function in (np.reshape, np.transpose, np.broadcast_to)


def is_seen(value: Value) -> bool:
    """Whether an array is one that was there before, or a view of it: what is returned would change with it."""
    while is_view(value):
        value = value.args[0]
    return value.function is None


def is_constant(arg: Any) -> bool:
    """Whether an argument is known before anything runs."""
    return not isinstance(arg, Value) or arg.array is not None


def scalar_of(arg: Any) -> Any:
    """The number that an argument stands for: a Python scalar, or a constant without axes; else None."""
    if is_scalar(arg):
        return arg
    if isinstance(arg, Value) and arg.array is not None and arg.shape == ():
        return arg.array[()]
    return None
