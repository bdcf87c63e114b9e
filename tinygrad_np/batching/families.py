"""The families of functions, and what each does with the axis of the examples."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from tinygrad_np.batching.batched import Batched, elementwise, family, one_by_one, wrapped
from tinygrad_np.batching.operands import bare, batch_size, is_mapped, level_of, ours, spread
from tinygrad_np.rules import complete, decompositions, diagonals, inverses, linalg, neural

Function = Callable[..., Any]

complete()  # what a function is composed of is looked up before any Tensor sees it

family(
    np.where, np.clip, np.isclose, np.real, np.imag, np.angle, np.nan_to_num, np.round, np.tril, np.triu,
    np.linalg.vecdot, np.copy, np.sinc, np.i0,
    # activations and losses have rules of their own, which choose at a kink otherwise than what they are computed by
    neural.relu, neural.leaky_relu, neural.sigmoid, neural.softplus, neural.silu, neural.gelu,
    neural.sigmoid_cross_entropy, neural.squared_error,
    # functions of stacks of matrices, or of vectors: the examples are one more stack
    np.linalg.inv, np.linalg.pinv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky, np.linalg.qr,
    np.linalg.svd, np.linalg.svdvals, np.linalg.eigh, np.linalg.eigvalsh, np.linalg.eig, np.linalg.eigvals,
    np.linalg.matrix_power, np.linalg.matrix_rank,
    decompositions.over, decompositions.undetermined, inverses.cofactor, inverses.second_cofactor,
    linalg.cross_of_three, diagonals.diagonal, diagonals.from_diagonal, linalg.vecdot,
)(elementwise)  # fmt: skip


@family(np.matmul)
def _matmul(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """A vector becomes a matrix for the time of the product, so that its stack is not taken for its rows."""
    x, y = args
    row, column = np.ndim(x) == 1, np.ndim(y) == 1
    x = np.expand_dims(x, -2) if row else x
    y = np.expand_dims(y, -1) if column else y
    product = elementwise(function, (x, y), kwargs)
    product = product[..., 0] if column else product
    return product[..., 0] if row and column else product[..., 0, :] if row else product


@family(
    np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.amax, np.amin, np.all, np.any, np.flip,
    np.count_nonzero, np.concatenate, np.stack, np.diff, np.linalg.norm,
    np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft,
)  # fmt: skip
def _along(function: Function, args: Any, kwargs: dict[str, Any], flatten: bool = False) -> Any:
    """Functions with an ``axis`` (or several): count it from behind the axis of the examples."""
    level = level_of([*args, *kwargs.values()])
    if not is_mapped([*args, *kwargs.values()], level):
        return wrapped(function(*bare(args, level), **kwargs), level, False)
    names = _parameters(function)
    given = dict(zip(names, args, strict=False)) | kwargs
    first = names[0]
    axis = given.get("axis", given.get("axes", _defaults(function).get("axis")))
    arrays = given[first]
    if isinstance(arrays, list | tuple):  # concatenate, stack: all examples of all arrays
        size = batch_size(arrays, level)
        given[first] = [spread(a, size) if ours(a, level) else np.broadcast_to(a, (size, *np.shape(a))) for a in arrays]
        ndim = arrays[0].ndim + (function is np.stack)
    else:
        ndim = arrays.ndim
        given[first] = bare(arrays, level)
        if axis is None and flatten:
            given[first], axis, ndim = given[first].reshape((given[first].shape[0], -1)), 0, 1
    key = "axes" if "axes" in names and "axis" not in names else "axis"
    if axis is None:
        given[key] = tuple(range(1, ndim + 1))
    else:
        shifted = tuple(a + 1 if a >= 0 else a for a in (axis if isinstance(axis, list | tuple) else (axis,)))
        given[key] = shifted if isinstance(axis, list | tuple) else shifted[0]
    given = {name: spread(v, batch_size(args, level)) if ours(v, level) else v for name, v in given.items()}
    return wrapped(function(given.pop(first), **given), level, True)


@family(
    np.cumsum, np.cumprod, np.sort, np.argsort, np.argmax, np.argmin, np.roll, np.repeat, np.median, np.ptp,
    np.average, np.trapezoid, np.take, np.nanmax, np.nanmin, np.unwrap, np.partition, np.argpartition,
)  # fmt: skip
def _flattening(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """Functions that flatten their array where no axis is given."""
    return _along(function, args, kwargs, flatten=True)


@family(np.reshape, np.broadcast_to)
def _reshape(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """Functions that are told the shape of the result."""
    given = dict(zip(_parameters(function), args, strict=False)) | kwargs
    (array, shape) = (given.pop(name) for name in (_parameters(function)[0], "shape"))
    if not array.mapped:
        return Batched(function(array.array, shape, **given), array.level, False)
    shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    inner = array.array
    size = inner.shape[0]
    if function is np.broadcast_to:
        inner = inner.reshape((size, *(1,) * (len(shape) - array.ndim), *array.shape))
    elif -1 in shape and not array.size:  # NumPy cannot infer a length from nothing
        shape = np.broadcast_to(np.empty(()), array.shape).reshape(shape).shape
    return Batched(function(inner, (size, *shape), **given), array.level)


@family(np.transpose)
def _transpose(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    given = dict(zip(("a", "axes"), args, strict=False)) | kwargs
    array, axes = given["a"], given.get("axes")
    axes = tuple(range(array.ndim))[::-1] if axes is None else tuple(axis % array.ndim for axis in axes)
    shifted = (0, *(axis + 1 for axis in axes)) if array.mapped else axes
    return Batched(np.transpose(array.array, shifted), array.level, array.mapped)


@family(np.moveaxis, np.swapaxes)
def _moveaxis(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    given = dict(zip(_parameters(function), args, strict=False)) | kwargs
    array, one, other = given.values()
    order = np.broadcast_to(np.empty(()), tuple(range(array.ndim)))
    return np.transpose(array, function(order, one, other).shape)


@family(np.expand_dims, np.squeeze, np.ravel)
def _expand_dims(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    array, *rest = args
    hollow = np.broadcast_to(np.empty(()), array.shape)
    return np.reshape(array, function(hollow, *rest, **kwargs).shape)


@family(np.zeros_like, np.ones_like, np.empty_like, np.full_like)
def _like(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """New arrays: one per example, since they are made to be written into."""
    given = dict(zip(_parameters(function), args, strict=False)) | kwargs
    array = given.pop(_parameters(function)[0])
    shape = given.pop("shape", None)
    size = array.array.shape[:1] if array.mapped else ()
    shape = array.shape if shape is None else (shape,) if np.ndim(shape) == 0 else tuple(shape)
    return Batched(function(array.array, shape=(*size, *shape), **given), array.level, array.mapped)


@family(np.einsum)
def _einsum(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    subscripts, *operands = args
    level = level_of(operands)
    if not isinstance(subscripts, str) or "->" not in subscripts:
        return one_by_one(function, args, kwargs)
    label = next(letter for letter in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if letter not in subscripts)
    inputs, output = subscripts.split("->")
    terms = [
        label + term if ours(a, level) and a.mapped else term
        for term, a in zip(inputs.split(","), operands, strict=True)
    ]
    mapped = is_mapped(operands, level)
    spelled = f"{','.join(terms)}->{label if mapped else ''}{output}"
    return Batched(np.einsum(spelled, *bare(operands, level), **kwargs), level, mapped)


@family(np.take_along_axis)
def _along_two(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """``take_along_axis``: two arrays with as many axes."""
    given = dict(zip(_parameters(function), args, strict=False)) | kwargs
    arr, indices, axis = given["arr"], given["indices"], given.get("axis", -1)
    level = level_of([arr, indices])
    if axis is None:
        arr, axis = np.ravel(arr), 0
    size = batch_size([arr, indices], level) if is_mapped([arr, indices], level) else 0
    if not size:
        return Batched(function(bare(arr, level), bare(indices, level), axis), level, False)
    both = [spread(a, size) if ours(a, level) else np.broadcast_to(a, (size, *np.shape(a))) for a in (arr, indices)]
    return Batched(function(*both, axis + 1 if axis >= 0 else axis), level)


@family(np.linalg.solve)
def _solve(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    a, b = args
    if np.ndim(b) == 1:
        return elementwise(function, (a, np.expand_dims(b, -1)), kwargs)[..., 0]
    return elementwise(function, args, kwargs)


@family(np.shape, np.ndim, np.size)
def _asked(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """What can be told without the numbers."""
    return getattr(args[0], function.__name__)


@family(np.result_type)
def _result_type(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    return function(*(getattr(a, "dtype", a) for a in args))


@cache
def _parameters(function: Function) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


@cache
def _defaults(function: Function) -> dict[str, Any]:
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}
