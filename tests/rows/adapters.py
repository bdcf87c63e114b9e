"""Functions as other functions: a method, or what writes into its argument, as a function of arrays to arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from tinygrad_np import Tensor


def method(name: str) -> Callable[..., Any]:
    """The method of an array; of a Tensor, where an operand is one."""
    return lambda a, *args, **options: getattr(as_tensor(a) if args else a, name)(*args, **options)


def as_tensor(a: Any) -> Tensor:
    """Where an array's method would not know what to do with a Tensor."""
    return a if isinstance(a, Tensor) else Tensor(a)


def reduce(ufunc: np.ufunc) -> Callable[..., Any]:
    """A ufunc's method of that name."""
    return lambda a, axis=None, keepdims=False: ufunc.reduce(a, axis=axis, keepdims=keepdims)


def assigning(write: Callable[..., Any]) -> Callable[..., Any]:
    """A function that writes into its first argument, as one that returns it."""

    def op(a: Any, *args: Any, **options: Any) -> Any:
        a = np.copy(as_tensor(a) if any(isinstance(x, Tensor) for x in args) else a)
        write(a, *args, **options)
        return a

    return op


def swapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with its first two arguments exchanged."""
    return lambda a, b, **options: function(b, a, **options)


def apart(function: Callable[..., Any], real_operands: bool = False) -> Callable[..., Any]:
    """The same function of real and imaginary parts: complex operands and results as pairs of real ones."""

    @wraps(function)
    def parts(*operands: Any, **options: Any) -> Any:
        pairs = zip(operands[::2], operands[1::2], strict=True) if not real_operands else ()
        outs = function(*(operands if real_operands else [x + y * 1j for x, y in pairs]), **options)
        outs = outs if isinstance(outs, tuple | list) else [outs]
        return [part for out in outs for part in ((np.real(out), np.imag(out)) if out.dtype.kind == "c" else (out,))]

    return parts


def single(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in at least single precision: linear algebra and SciPy know no half precision."""
    return lambda *arrays, **options: function(*map(_single, arrays), **options)


def _single(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == np.float16 else x
