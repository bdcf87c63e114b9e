"""NumPy's functions that make arrays. They make Tensors if they are told to: ``np.asarray([t, u], like=t)``.

NumPy cannot dispatch them on what they are given, for that may be a list of anything, so ``like=`` names an array
whose kind the result is to be. Without it, ``np.asarray(t)`` asks for an ndarray, and gets one only of a Tensor that
requires no gradient.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable, refuse
from tinygrad_np.record import Recorded, wrap

__all__ = ["ARRAYLESS", "as_tensor"]


def as_tensor(data: Any, dtype: Any = None, copy: bool | None = None) -> Any:
    """Return a Tensor of an array, of a Tensor, or of nested lists with any of these in them."""
    if isinstance(data, Recorded):
        tensor: Any = data
    elif isinstance(data, list | tuple) and _has_tensors(data):
        tensor = np.stack([as_tensor(part) for part in data])
    else:
        return wrap(np.array(data, dtype=dtype))
    if dtype is not None and tensor.dtype != dtype:
        return tensor.astype(dtype)
    return tensor.copy() if copy else tensor


def _has_tensors(data: Iterable[Any]) -> bool:
    return any(isinstance(part, Recorded) or (isinstance(part, list | tuple) and _has_tensors(part)) for part in data)


@composite(np.array)
def array(object: Any, dtype: Any = None, *, copy: Any = True, order: str = "K", ndmin: int = 0) -> Any:  # noqa: A002
    """Copy what is given into a Tensor, which keeps its elements in what order it likes."""
    tensor = as_tensor(object, dtype, copy)
    return tensor.reshape((*(1,) * (ndmin - tensor.ndim), *tensor.shape)) if ndmin > tensor.ndim else tensor


@composite(np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require)
def asarray(a: Any, dtype: Any = None, order: Any = None, *, requirements: Any = None, copy: Any = None) -> Any:
    """Make a Tensor of what is given; a Tensor stays itself."""
    return as_tensor(a, dtype, copy)


@composite(np.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> Any:
    """Stretch a value."""
    return np.broadcast_to(as_tensor(fill_value, dtype), shape)


@composite(np.arange)
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Count from ``start`` (0, if only ``stop`` is given) in steps."""
    if stop is None:
        start, stop = 0, start
    numbers = np.arange(*(x.item() if isinstance(x, Recorded) else x for x in (start, stop, step)), dtype=dtype)  # type: ignore[attr-defined]
    if not isinstance(start, Recorded) and not isinstance(step, Recorded):
        return wrap(numbers)
    return start + step * wrap(np.arange(numbers.size, dtype=numbers.dtype))


@composite(np.fromfunction)
def fromfunction(function: Any, shape: Any, *, dtype: Any = float) -> Any:
    """Call a function with the indices of all elements."""
    return function(*np.indices(shape, dtype=dtype))


nondifferentiable(np.empty, np.zeros, np.ones, np.eye, np.identity, np.tri)
nondifferentiable(np.frombuffer, np.fromfile, np.fromstring, np.genfromtxt, np.loadtxt)

#: Functions that take no arrays: they never see a Tensor.
ARRAYLESS = frozenset({
    np.bartlett, np.blackman, np.hamming, np.hanning, np.fft.fftfreq, np.fft.rfftfreq,
    np.diag_indices, np.indices, np.mask_indices, np.tril_indices, np.triu_indices,
    np.base_repr, np.binary_repr, np.format_float_positional, np.format_float_scientific, np.typename,
    np.broadcast_shapes, np.datetime_data, np.isdtype, np.issubdtype, np.mintypecode, np.promote_types,
    np.isscalar, np.iterable, np.fromregex, np.load,
    np.get_include, np.info, np.show_config, np.show_runtime,
    np.get_printoptions, np.printoptions, np.set_printoptions, np.getbufsize, np.setbufsize,
    np.geterr, np.geterrcall, np.seterr, np.seterrcall,
})  # fmt: skip

refuse(
    "NumPy does not dispatch it, and it returns an ndarray. np.asarray(a, like=t) returns a Tensor",
    np.asarray_chkfinite, np.from_dlpack,
)  # fmt: skip
refuse("it makes a matrix object. Tensors of two axes and @ do the same", np.asmatrix, np.bmat)
refuse("it reads one number after the other, and these have no gradient. np.stack joins Tensors", np.fromiter)
refuse("it calls a Python function of numbers, which have no gradient. tinygrad_np.vmap applies one", np.frompyfunc)
refuse("NumPy does not dispatch it. By np.i0: i0(beta * sqrt(1 - (2 * n / (M - 1) - 1) ** 2)) / i0(beta)", np.kaiser)
refuse("it iterates over the memory of ndarrays", np.nested_iters)
refuse("a Tensor does not tell how it lies in memory", np.isfortran)
