"""``Batched``: a batch of arrays that looks like one of them. :func:`tinygrad_np.vmap` is made of it.

It hides the first axis of an array and takes part in NumPy's protocols as any array does, so the rules of the table,
and Tensors themselves, run on it without knowing. There is no rule per operation, but one per family: elementwise
functions line up the axes, functions with an ``axis`` count it from behind the hidden one, functions of stacked
matrices take that for one more stack. What belongs to no family is computed example by example, with a warning.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygrad_np.primitives import Primitive, composites
from tinygrad_np.record import depth
from tinygrad_np.rules import complete, decompositions, inverses, linalg

__all__ = ["Batched"]

#: The functions whose compositions are being computed: what these end in is a function of the same name.
_composing: ContextVar[tuple[Callable[..., Any], ...]] = ContextVar("tinygrad_np.composing", default=())

Function = Callable[..., Any]

complete()  # what a function is composed of is looked up here before any Tensor sees it


class Batched(NDArrayOperatorsMixin):
    """An array with a value for each example of a batch.

    Parameters
    ----------
    array : array
        An ndarray, a Tensor or, in a vmap within a vmap, another Batched.
    level : int
        How deep the vmap is nested that it belongs to, from 1. In an operation of several, the innermost counts.
    mapped : bool
        Whether the first axis of ``array`` is that of the examples; otherwise they share one value.
    """

    __slots__ = ("array", "level", "mapped")
    __hash__ = object.__hash__

    def __init__(self, array: Any, level: int, mapped: bool = True) -> None:
        self.array, self.level, self.mapped = array, level, mapped

    # --- one example -------------------------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.array.shape[1:] if self.mapped else self.array.shape)

    ndim = property(lambda self: len(self.shape), doc="Number of axes of one example.")
    size = property(lambda self: int(np.prod(self.shape)), doc="Number of elements of one example.")
    dtype = property(lambda self: self.array.dtype, doc="Type of the elements.")
    itemsize = property(lambda self: self.array.dtype.itemsize, doc="Bytes per element.")
    base = property(lambda self: self, doc="Never to be added to in place.")

    @property
    def _data(self) -> Any:
        return self.array

    @property
    def _depth(self) -> float:
        return 10 * self.level + 0.5  # above Tensors from outside of this vmap, below those made within

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes has no len()")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def _refuse(self, *_: Any) -> Any:
        raise TypeError(
            "inside of vmap, a value differs from example to example and is no single number: in place of if, float() "
            "and .item(), use np.where, np.maximum and the like"
        )

    __bool__ = __float__ = __int__ = __index__ = __complex__ = item = tolist = _refuse

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse()

    def __repr__(self) -> str:
        return f"Batched({self.array!r}, level={self.level}, mapped={self.mapped})"

    # --- protocols ---------------------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        if _outranked(args):
            return NotImplemented
        if method == "__call__":
            if ufunc in composites and ufunc.signature:
                return composites[ufunc](*args, **kwargs)
            return (_matmul if ufunc is np.matmul else _elementwise)(ufunc, args, kwargs)
        if method == "at":
            array, index, *values = args
            places, _, arranged = _places(array, index)
            ufunc.at(array.array, places, *map(arranged, values))
            return None
        function = getattr(ufunc, method)
        if method in ("reduce", "accumulate"):
            (array, *axis) = args
            return _along(function, (array,), {"axis": 0} | kwargs | dict(zip(["axis"], axis, strict=False)))
        return _one_by_one(function, args, kwargs)

    def __array_function__(self, function: Function, types: Any, args: Any, kwargs: Any) -> Any:
        if _outranked([*args, *kwargs.values()]):
            return NotImplemented
        if function in _FAMILIES:
            return _FAMILIES[function](function, args, kwargs)
        if function in _STACKED:
            return _elementwise(function, args, kwargs)
        if function in composites and function not in _composing.get():  # written with others, which have families
            token = _composing.set((*_composing.get(), function))
            try:
                return composites[function](*args, **kwargs)
            finally:
                _composing.reset(token)
        return _one_by_one(function, args, kwargs)  # it may have come from its own composition

    @staticmethod
    def __primitive__(primitive: Primitive, args: tuple[Any, ...], metadata: dict[str, Any]) -> Any:
        if _outranked(args):
            return NotImplemented
        if primitive in _STACKED:
            return _elementwise(primitive, args, metadata)
        return primitive.forward(*args, **metadata)  # its forward function is NumPy code: each step finds its family

    # --- parts -------------------------------------------------------------------------------------------------------
    def __getitem__(self, index: Any) -> Any:
        if not self.mapped and not any(_ours(part, self.level) for part in _parts(index)):
            return Batched(self.array[index], self.level, False)
        places, in_order, _ = _places(self, index)
        return Batched(in_order(_spread(self, _batch_size([self, *_parts(index)], self.level))[places]), self.level)

    def __setitem__(self, index: Any, value: Any) -> None:
        places, _, arranged = _places(self, index)
        self.array[places] = arranged(value)

    # --- methods, as ndarray has them --------------------------------------------------------------------------------
    def astype(self, dtype: Any, copy: bool = True) -> Batched:
        """Convert to another dtype."""
        return Batched(self.array.astype(dtype), self.level, self.mapped)

    def copy(self) -> Batched:
        """Copy."""
        return Batched(self.array.copy(), self.level, self.mapped)

    def reshape(self, *shape: Any) -> Any:
        """Arrange the elements of each example in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """Permute the axes."""
        return np.transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)

    T = property(lambda self: np.transpose(self), doc="The transpose.")
    mT = property(lambda self: np.swapaxes(self, -1, -2), doc="The matrix transpose.")
    real = property(lambda self: np.real(self), doc="The real part.")
    imag = property(lambda self: np.imag(self), doc="The imaginary part.")


def _method(function: Function) -> Function:
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


for _function in (
    np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std, np.argmax, np.argmin, np.argsort, np.all, np.any,
    np.ravel, np.squeeze, np.swapaxes, np.repeat, np.take, np.clip, np.round, np.dot, np.conj, np.cumsum, np.cumprod,
):  # fmt: skip
    setattr(Batched, _function.__name__, _method(_function))
Batched.flatten = Batched.ravel  # type: ignore[attr-defined]


# --- operands -------------------------------------------------------------------------------------------------------
def _outranked(args: Any) -> bool:
    deepest = max(_flat(args), key=depth)
    return not isinstance(deepest, Batched)


def _flat(args: Any) -> list[Any]:
    found: list[Any] = []
    for arg in args:
        found += _flat(arg) if isinstance(arg, list | tuple) else [arg]
    return found


def _ours(value: Any, level: int) -> bool:
    return isinstance(value, Batched) and value.level == level


def _level(args: Any) -> int:
    return max(arg.level for arg in _flat(args) if isinstance(arg, Batched))


def _batch_size(args: Any, level: int) -> int:
    size: int = next(a.array.shape[0] for a in _flat(args) if _ours(a, level) and a.mapped)
    return size


def _spread(batched: Batched, size: int) -> Any:
    """The array with the axis of the examples, also where they share one value."""
    array = batched.array
    return array if batched.mapped else np.broadcast_to(array, (size, *array.shape))


def _bare(value: Any, level: int) -> Any:
    """Replace what belongs to this vmap by its arrays."""
    if isinstance(value, list | tuple):
        return type(value)(_bare(v, level) for v in value)
    return value.array if _ours(value, level) else value


def _wrapped(result: Any, level: int, mapped: bool) -> Any:
    if isinstance(result, tuple):
        parts = [_wrapped(part, level, mapped) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return Batched(result, level, mapped) if hasattr(result, "shape") else result


def _mapped(args: Any, level: int) -> bool:
    return any(_ours(a, level) and a.mapped for a in _flat(args))


# --- families -------------------------------------------------------------------------------------------------------
def _elementwise(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """Line up the axes: an example with fewer of them gets axes of length one behind that of the examples."""
    everything = [*args, *kwargs.values()]
    level = _level(everything)
    mapped = _mapped(everything, level)
    ndim = max(np.ndim(a) for a in _flat(everything) if not isinstance(a, str | dict | type | None))
    if mapped and isinstance(out := kwargs.get("out", (None,))[0], Batched) and not out.mapped:
        kwargs = kwargs | {"out": (Batched(_spread(out, _batch_size(everything, level)).copy(), level),)}

    def line_up(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(line_up, value))
        if not (_ours(value, level) and value.mapped) or value.ndim == ndim:
            return _bare(value, level)
        shape = value.array.shape
        return value.array.reshape((shape[0], *(1,) * (ndim - value.ndim), *shape[1:]))

    result = function(*map(line_up, args), **{key: line_up(value) for key, value in kwargs.items()})
    return _wrapped(result, level, mapped)


def _matmul(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """A vector becomes a matrix for the time of the product, so that its stack is not taken for its rows."""
    x, y = args
    row, column = np.ndim(x) == 1, np.ndim(y) == 1
    x = np.expand_dims(x, -2) if row else x
    y = np.expand_dims(y, -1) if column else y
    product = _elementwise(function, (x, y), kwargs)
    product = product[..., 0] if column else product
    return product[..., 0] if row and column else product[..., 0, :] if row else product


def _along(function: Function, args: Any, kwargs: dict[str, Any], flatten: bool = False) -> Any:
    """Functions with an ``axis`` (or several): count it from behind the axis of the examples."""
    level = _level([*args, *kwargs.values()])
    if not _mapped([*args, *kwargs.values()], level):
        return _wrapped(function(*_bare(args, level), **kwargs), level, False)
    names = _parameters(function)
    given = dict(zip(names, args, strict=False)) | kwargs
    first = names[0]
    axis = given.get("axis", given.get("axes", _defaults(function).get("axis")))
    arrays = given[first]
    if isinstance(arrays, list | tuple):  # concatenate, stack: all examples of all arrays
        size = _batch_size(arrays, level)
        given[first] = [
            _spread(a, size) if _ours(a, level) else np.broadcast_to(a, (size, *np.shape(a))) for a in arrays
        ]
        ndim = arrays[0].ndim + (function is np.stack)
    else:
        ndim = arrays.ndim
        given[first] = _bare(arrays, level)
        if axis is None and flatten:
            given[first], axis, ndim = given[first].reshape((given[first].shape[0], -1)), 0, 1
    key = "axes" if "axes" in names and "axis" not in names else "axis"
    if axis is None:
        given[key] = tuple(range(1, ndim + 1))
    else:
        shifted = tuple(a + 1 if a >= 0 else a for a in (axis if isinstance(axis, list | tuple) else (axis,)))
        given[key] = shifted if isinstance(axis, list | tuple) else shifted[0]
    given = {name: _spread(v, _batch_size(args, level)) if _ours(v, level) else v for name, v in given.items()}
    return _wrapped(function(given.pop(first), **given), level, True)


def _flattening(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """Functions that flatten their array where no axis is given."""
    return _along(function, args, kwargs, flatten=True)


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


def _transpose(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    given = dict(zip(("a", "axes"), args, strict=False)) | kwargs
    array, axes = given["a"], given.get("axes")
    axes = tuple(range(array.ndim))[::-1] if axes is None else tuple(axis % array.ndim for axis in axes)
    shifted = (0, *(axis + 1 for axis in axes)) if array.mapped else axes
    return Batched(np.transpose(array.array, shifted), array.level, array.mapped)


def _moveaxis(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    given = dict(zip(_parameters(function), args, strict=False)) | kwargs
    array, one, other = given.values()
    order = np.broadcast_to(np.empty(()), tuple(range(array.ndim)))
    return np.transpose(array, function(order, one, other).shape)


def _expand_dims(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    array, *rest = args
    hollow = np.broadcast_to(np.empty(()), array.shape)
    return np.reshape(array, function(hollow, *rest, **kwargs).shape)


def _like(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """New arrays: one per example, since they are made to be written into."""
    given = dict(zip(_parameters(function), args, strict=False)) | kwargs
    array = given.pop(_parameters(function)[0])
    shape = given.pop("shape", None)
    size = array.array.shape[:1] if array.mapped else ()
    shape = array.shape if shape is None else (shape,) if np.ndim(shape) == 0 else tuple(shape)
    return Batched(function(array.array, shape=(*size, *shape), **given), array.level, array.mapped)


def _einsum(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    subscripts, *operands = args
    level = _level(operands)
    if not isinstance(subscripts, str) or "->" not in subscripts:
        return _one_by_one(function, args, kwargs)
    label = next(letter for letter in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if letter not in subscripts)
    inputs, output = subscripts.split("->")
    terms = [
        label + term if _ours(a, level) and a.mapped else term
        for term, a in zip(inputs.split(","), operands, strict=True)
    ]
    mapped = _mapped(operands, level)
    spelled = f"{','.join(terms)}->{label if mapped else ''}{output}"
    return Batched(np.einsum(spelled, *_bare(operands, level), **kwargs), level, mapped)


def _along_two(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """``take_along_axis``: two arrays with as many axes."""
    given = dict(zip(_parameters(function), args, strict=False)) | kwargs
    arr, indices, axis = given["arr"], given["indices"], given.get("axis", -1)
    level = _level([arr, indices])
    if axis is None:
        arr, axis = np.ravel(arr), 0
    size = _batch_size([arr, indices], level) if _mapped([arr, indices], level) else 0
    if not size:
        return Batched(function(_bare(arr, level), _bare(indices, level), axis), level, False)
    both = [_spread(a, size) if _ours(a, level) else np.broadcast_to(a, (size, *np.shape(a))) for a in (arr, indices)]
    return Batched(function(*both, axis + 1 if axis >= 0 else axis), level)


def _solve(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    a, b = args
    if np.ndim(b) == 1:
        return _elementwise(function, (a, np.expand_dims(b, -1)), kwargs)[..., 0]
    return _elementwise(function, args, kwargs)


def _one_by_one(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """No family: a loop over the examples."""
    level = _level([*args, *kwargs.values()])
    if not _mapped([*args, *kwargs.values()], level):
        bare = {key: _bare(value, level) for key, value in kwargs.items()}
        return _wrapped(function(*_bare(args, level), **bare), level, False)
    size = _batch_size([*args, *kwargs.values()], level)
    warnings.warn(
        f"vmap: np.{function.__name__} belongs to no family of batched operations; looping over {size} examples",
        RuntimeWarning,
        stacklevel=4,
    )

    def example(value: Any, i: int) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(example(v, i) for v in value)
        if not _ours(value, level):
            return value
        return value.array[i] if value.mapped else value.array

    results = [
        function(*example(tuple(args), i), **{key: example(value, i) for key, value in kwargs.items()})
        for i in range(size)
    ]
    if isinstance(results[0], tuple | list):
        return tuple(Batched(np.stack(parts), level) for parts in zip(*results, strict=True))
    return Batched(np.stack(results), level)


def _asked(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """What can be told without the numbers."""
    return getattr(args[0], function.__name__)


def _result_type(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    return function(*(getattr(a, "dtype", a) for a in args))


@cache
def _parameters(function: Function) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


@cache
def _defaults(function: Function) -> dict[str, Any]:
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}


_MEMBERS: dict[Function, list[Any]] = {
    _elementwise: [
        np.where, np.clip, np.isclose, np.real, np.imag, np.angle, np.nan_to_num, np.round, np.tril, np.triu,
        np.linalg.vecdot, np.copy, np.sinc, np.i0,
    ],
    _along: [
        np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.amax, np.amin, np.all, np.any, np.flip,
        np.count_nonzero, np.concatenate, np.stack, np.diff, np.linalg.norm,
        np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft,
    ],
    _flattening: [
        np.cumsum, np.cumprod, np.sort, np.argsort, np.argmax, np.argmin, np.roll, np.repeat, np.median, np.ptp,
        np.average, np.trapezoid, np.take, np.nanmax, np.nanmin, np.unwrap, np.partition, np.argpartition,
    ],
    _reshape: [np.reshape, np.broadcast_to],
    _moveaxis: [np.moveaxis, np.swapaxes],
    _expand_dims: [np.expand_dims, np.squeeze, np.ravel],
    _like: [np.zeros_like, np.ones_like, np.empty_like, np.full_like],
    _transpose: [np.transpose],
    _einsum: [np.einsum],
    _along_two: [np.take_along_axis],
    _solve: [np.linalg.solve],
    _asked: [np.shape, np.ndim, np.size],
    _result_type: [np.result_type],
}  # fmt: skip
_FAMILIES = {function: family for family, functions in _MEMBERS.items() for function in functions}

#: Functions of stacks of matrices, or vectors: the examples are one more stack.
_STACKED: frozenset[Any] = frozenset(
    [
        np.linalg.inv, np.linalg.pinv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky, np.linalg.qr,
        np.linalg.svd, np.linalg.svdvals, np.linalg.eigh, np.linalg.eigvalsh, np.linalg.eig, np.linalg.eigvals,
        np.linalg.matrix_power, np.linalg.matrix_rank,
    ]
) | {
    decompositions.over, decompositions.undetermined, inverses.cofactor, inverses.second_cofactor,
    linalg.cross_of_three, linalg.diagonal, linalg.from_diagonal, linalg.vecdot,
}  # fmt: skip


# --- indexing -------------------------------------------------------------------------------------------------------
def _parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _places(array: Batched, index: Any) -> tuple[tuple[Any, ...], Function, Function]:
    """Translate an index into each example into one into the array of all.

    Returns the index, the function that puts the axes of what it reads in order, and its inverse for what is written.
    """
    level, parts = array.level, list(_parts(index))
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    parts[at : at + 1] = [slice(None)] * (array.ndim - taken)
    advanced = [i for i, part in enumerate(parts) if isinstance(part, np.ndarray | list) or _ours(part, level)]
    if not advanced:
        return (slice(None), *parts), lambda result: result, lambda value: _as_written(value, level)
    if any(part.dtype == bool for part in map(parts.__getitem__, advanced) if not isinstance(part, list)):
        raise TypeError("inside of vmap, a mask would select more of one example than of another; use np.where")
    size = _batch_size([array, *parts], level)
    advanced = [i for i, part in enumerate(parts) if i in advanced or isinstance(part, int | np.integer)]
    ndim = max(np.ndim(parts[i]) for i in advanced)
    for i in advanced:
        part = parts[i]
        if _ours(part, level) and part.mapped:
            parts[i] = part.array.reshape((size, *(1,) * (ndim - part.ndim), *part.shape))
        else:
            parts[i] = _bare(part, level)
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    before = advanced[0] if together else 0
    come_first = tuple(range(1, 1 + ndim))  # NumPy puts the axes of the arrays first, behind that of the examples
    belong = tuple(range(1 + before, 1 + before + ndim))
    places = (np.arange(size).reshape((size, *(1,) * ndim)), *parts)
    shape = np.moveaxis(np.broadcast_to(np.empty(()), (size, *array.shape))[places], come_first, belong).shape

    def arranged(value: Any) -> Any:
        value = _as_written(value, level)
        mapped = np.ndim(value) and not np.isscalar(value)
        return np.moveaxis(np.broadcast_to(value, shape), belong, come_first) if mapped else value

    return places, lambda result: np.moveaxis(result, come_first, belong), arranged


def _as_written(value: Any, level: int) -> Any:
    return _bare(value, level)
