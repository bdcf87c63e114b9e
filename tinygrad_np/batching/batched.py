"""``Batched``: a batch of arrays that looks like one of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygrad_np.batching.indexing import parts_of, places
from tinygrad_np.batching.operands import bare, batch_size, flat, is_mapped, level_of, ours, outranked, spread
from tinygrad_np.primitives import Primitive, composites

__all__ = ["Batched", "elementwise", "families", "family", "one_by_one", "wrapped"]

Function = Callable[..., Any]
Family = Callable[[Function, Any, dict[str, Any]], Any]
F = TypeVar("F", bound=Family)

#: Function or operation -> how it is applied to all examples: ``family(function, args, kwargs)``.
families: dict[Function, Family] = {}

#: The functions whose compositions are being computed: what these end in is a function of the same name.
_composing: ContextVar[tuple[Function, ...]] = ContextVar("tinygrad_np.composing", default=())


def family(*functions: Function) -> Callable[[F], F]:
    """Decorate the rule of a family, and name its members."""

    def decorate(rule: F) -> F:
        families.update(dict.fromkeys(functions, rule))
        return rule

    return decorate


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
        if outranked(args):
            return NotImplemented
        if method == "__call__":
            try:
                if ufunc in composites and ufunc.signature:
                    return composites[ufunc](*args, **kwargs)
                return families.get(ufunc, elementwise)(ufunc, args, kwargs)
            except (TypeError, ValueError, IndexError) as error:
                raise _explained(error, ufunc, args, kwargs) from None
        if method == "at":
            array, index, *values = args
            where, _, arranged = places(array, index)
            ufunc.at(array.array, where, *map(arranged, values))
            return None
        function = getattr(ufunc, method)
        if method in ("reduce", "accumulate"):
            (array, *axis) = args
            return families[np.sum](function, (array,), {"axis": 0} | kwargs | dict(zip(["axis"], axis, strict=False)))
        return one_by_one(function, args, kwargs)

    def __array_function__(self, function: Function, types: Any, args: Any, kwargs: Any) -> Any:
        if outranked([*args, *kwargs.values()]):
            return NotImplemented
        if function in families:
            try:
                return families[function](function, args, kwargs)
            except (TypeError, ValueError, IndexError) as error:
                raise _explained(error, function, args, kwargs) from None
        if function in composites and function not in _composing.get():  # written with others, which have families
            token = _composing.set((*_composing.get(), function))
            try:
                return composites[function](*args, **kwargs)
            finally:
                _composing.reset(token)
        return one_by_one(function, args, kwargs)  # it may have come from its own composition

    @staticmethod
    def __primitive__(primitive: Primitive, args: tuple[Any, ...], metadata: dict[str, Any]) -> Any:
        if outranked(args):
            return NotImplemented
        if primitive in families:
            return families[primitive](primitive, args, metadata)
        return primitive.forward(*args, **metadata)  # its forward function is NumPy code: each step finds its family

    # --- parts -------------------------------------------------------------------------------------------------------
    def __getitem__(self, index: Any) -> Any:
        if not self.mapped and not any(ours(part, self.level) for part in parts_of(index)):
            return Batched(self.array[index], self.level, False)
        where, in_order, _ = places(self, index)
        return Batched(in_order(spread(self, batch_size([self, *parts_of(index)], self.level))[where]), self.level)

    def __setitem__(self, index: Any, value: Any) -> None:
        where, _, arranged = places(self, index)
        self.array[where] = arranged(value)

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


def _explained(error: Exception, function: Function, args: Any, kwargs: dict[str, Any]) -> Exception:
    """The error of an operation on all examples, in terms of one example."""
    from tinygrad_np.errors import explain

    return explain.explained(error, function.__name__, (), [*args, *kwargs.values()], kwargs, composite=True)


def _method(function: Function) -> Function:
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


for _function in (
    np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std, np.argmax, np.argmin, np.argsort, np.all, np.any,
    np.ravel, np.squeeze, np.swapaxes, np.repeat, np.take, np.clip, np.round, np.dot, np.conj, np.cumsum, np.cumprod,
):  # fmt: skip
    setattr(Batched, _function.__name__, _method(_function))
Batched.flatten = Batched.ravel  # type: ignore[attr-defined]


# --- the two families that need no members ------------------------------------------------------------------------
def elementwise(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """Line up the axes: an example with fewer of them gets axes of length one behind that of the examples."""
    everything = [*args, *kwargs.values()]
    level = level_of(everything)
    mapped = is_mapped(everything, level)
    ndim = max(np.ndim(a) for a in flat(everything) if not isinstance(a, str | dict | type | None))
    if mapped and isinstance(out := kwargs.get("out", (None,))[0], Batched) and not out.mapped:
        kwargs = kwargs | {"out": (Batched(spread(out, batch_size(everything, level)).copy(), level),)}

    def line_up(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(line_up, value))
        if not (ours(value, level) and value.mapped) or value.ndim == ndim:
            return bare(value, level)
        shape = value.array.shape
        return value.array.reshape((shape[0], *(1,) * (ndim - value.ndim), *shape[1:]))

    result = function(*map(line_up, args), **{key: line_up(value) for key, value in kwargs.items()})
    return wrapped(result, level, mapped)


def one_by_one(function: Function, args: Any, kwargs: dict[str, Any]) -> Any:
    """No family: a loop over the examples."""
    level = level_of([*args, *kwargs.values()])
    if not is_mapped([*args, *kwargs.values()], level):
        options = {key: bare(value, level) for key, value in kwargs.items()}
        return wrapped(function(*bare(args, level), **options), level, False)
    size = batch_size([*args, *kwargs.values()], level)
    warnings.warn(
        f"vmap: np.{function.__name__} belongs to no family of batched operations; looping over {size} examples",
        RuntimeWarning,
        stacklevel=4,
    )

    def example(value: Any, i: int) -> Any:
        if isinstance(value, list | tuple):
            return type(value)(example(v, i) for v in value)
        if not ours(value, level):
            return value
        return value.array[i] if value.mapped else value.array

    results = [
        function(*example(tuple(args), i), **{key: example(value, i) for key, value in kwargs.items()})
        for i in range(size)
    ]
    if isinstance(results[0], tuple | list):
        return tuple(Batched(np.stack(parts), level) for parts in zip(*results, strict=True))
    return Batched(np.stack(results), level)


def wrapped(result: Any, level: int, mapped: bool) -> Any:
    if isinstance(result, tuple):
        parts = [wrapped(part, level, mapped) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return Batched(result, level, mapped) if hasattr(result, "shape") else result
