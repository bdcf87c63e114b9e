"""``Traced``: an array that computes as usual, and writes down how.

It holds an ndarray and the :class:`Value` of the program that stands for it, and takes part in NumPy's protocols. So
Tensors, the rules of the table, transforms, vmap and optimizers run on it without knowing, and whatever they do to
arrays lands in one program. What is written in place is the matter of :mod:`tinygrad_np.compiler.writing`.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygrad_np.compiler.arguments import bare, fixed, flat, outranked
from tinygrad_np.compiler.program import Value, masked
from tinygrad_np.compiler.recording import CaptureError, recording, user_line
from tinygrad_np.compiler.static import SHAPES_ONLY, dependent_shape, writes
from tinygrad_np.compiler.writing import Writable, become, fitted, own, write

__all__ = ["Traced", "traced_call", "traced_ufunc"]

Function = Callable[..., Any]


class Traced(NDArrayOperatorsMixin, Writable):
    """An array of a computation that is being captured. See :class:`Writable` for what it holds."""

    __slots__ = ()
    __hash__ = object.__hash__

    # --- what it is -------------------------------------------------------------------------------------------------
    ndim = property(lambda self: self.array.ndim, doc="Number of axes.")
    size = property(lambda self: self.array.size, doc="Number of elements.")
    itemsize = property(lambda self: self.array.itemsize, doc="Bytes per element.")
    nbytes = property(lambda self: self.array.nbytes, doc="Bytes of all elements.")
    strides = property(lambda self: self._laid_out().strides, doc="Bytes from one element to the next.")
    flags = property(lambda self: self._laid_out().flags, doc="How it lies in memory.")

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Traced({self.array!r})"

    def _laid_out(self) -> Any:
        """The array, of which Python now sees how it lies in memory."""
        recording().layouts = True
        return self.array

    # --- leaving: what Python sees of the numbers is checked, or refused ---------------------------------------------
    def __bool__(self) -> bool:
        seen = bool(self.array)
        recording().check(self._value, seen)
        return seen

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise CaptureError(
            f"{user_line()}: a compiled function made a Python number or a list of an array (float(), int(), .item(), "
            f".tolist(), an index): the number would be the same in every call. Compute with the Tensor itself, or "
            f"return it and convert it outside"
        )

    __float__ = __int__ = __index__ = __complex__ = item = tolist = tobytes = __format__ = _refuse

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise CaptureError(
            f"{user_line()}: a compiled function made an ndarray of a Tensor or of an argument (np.asarray, np.array, "
            f"or assigning it to a part of an ndarray): it would be the same in every call. Compute with the Tensor "
            f"itself and NumPy's functions; np.asarray(..., like=t) and np.zeros_like(t) stay in the program"
        )

    # --- protocols ---------------------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and ufunc.nout == 1 and (found := _plain_ufunc(ufunc, args)) is not None:
            return found
        if outranked([*args, *kwargs.get("out", ())]):
            return NotImplemented
        return traced_ufunc(ufunc, method, args, kwargs)

    def __array_function__(self, function: Function, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if outranked([*args, *kwargs.values()]):
            return NotImplemented
        return traced_call(function, args, kwargs)

    # --- parts -------------------------------------------------------------------------------------------------------
    def __getitem__(self, index: Any) -> Any:
        return traced_call(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        write(self, operator.setitem, index, value)

    def _in_place(ufunc: np.ufunc) -> Any:  # type: ignore[misc]
        def method(self: Traced, other: Any) -> Any:
            return ufunc(self, other) if self.scalar else ufunc(self, other, out=(self,))

        return method

    __iadd__, __isub__, __imul__ = _in_place(np.add), _in_place(np.subtract), _in_place(np.multiply)
    __itruediv__, __ifloordiv__, __imod__ = _in_place(np.divide), _in_place(np.floor_divide), _in_place(np.remainder)
    __ipow__, __imatmul__, __iand__ = _in_place(np.power), _in_place(np.matmul), _in_place(np.bitwise_and)
    __ior__, __ixor__ = _in_place(np.bitwise_or), _in_place(np.bitwise_xor)
    __ilshift__, __irshift__ = _in_place(np.left_shift), _in_place(np.right_shift)

    def __pow__(self, exponent: Any) -> Any:
        if exponent.__class__ in (int, float) and exponent in _EASY_POWERS and self.dtype.kind in "fc":
            return _EASY_POWERS[exponent](self)  # as ndarray does
        return np.power(self, exponent)

    # --- methods, as ndarray has them --------------------------------------------------------------------------------
    def reshape(self, *shape: Any, **options: Any) -> Any:
        """Arrange the elements in another shape."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Any) -> Any:
        """Permute the axes."""
        return np.transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)

    def view(self, *args: Any) -> Any:
        """Return an array that shares memory."""
        return traced_call(np.ndarray.view, (self, *args), {})

    def flatten(self) -> Any:
        """Return a copy in one dimension."""
        return np.copy(self).reshape(-1)

    def sort(self, axis: int = -1, **options: Any) -> None:
        """Sort in place."""
        write(self, np.ndarray.sort, axis, **options)

    def fill(self, value: Any) -> None:
        """Write one number everywhere."""
        write(self, operator.setitem, ..., value)

    def swapaxes(self, one: int, other: int) -> Any:
        """Exchange two axes."""
        return np.swapaxes(self, one, other)

    T = property(lambda self: np.transpose(self), doc="The transpose.")
    mT = property(lambda self: np.swapaxes(self, -1, -2), doc="The matrix transpose.")
    real = property(lambda self: np.real(self), doc="The real part.")
    imag = property(lambda self: np.imag(self), doc="The imaginary part.")


_EASY_POWERS: dict[float, np.ufunc] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}


def _method(function: Function) -> Function:
    """The method that does what a function does, or a method of ndarray: by the function where there is one."""

    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return traced_call(function, (self, *args), kwargs)

    return method


def _reduction(ufunc: np.ufunc) -> Function:
    def method(self: Traced, axis: Any = None, **kwargs: Any) -> Any:
        return ufunc.reduce(self, axis=axis, **kwargs)

    return method


for _name in (
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "clip", "conj", "cumprod", "cumsum",
    "diagonal", "dot", "mean", "nonzero", "ravel", "repeat", "round", "searchsorted", "squeeze", "std", "take",
    "trace", "var",
):  # fmt: skip
    setattr(Traced, _name, _method(getattr(np, _name)))
for _name in ("astype", "compress", "copy"):
    setattr(Traced, _name, _method(getattr(np.ndarray, _name)))
for _name, _ufunc in {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}.items():
    setattr(Traced, _name, _reduction(_ufunc))


# --- calls ----------------------------------------------------------------------------------------------------------
def traced_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a ufunc, or one of its methods, and record it."""
    outs = kwargs.pop("out", ())
    if method == "at":
        write(_adopted(args[0]), ufunc.at, *args[1:])
        return None
    function = ufunc if method == "__call__" else getattr(ufunc, method)
    if method == "reduce":
        names = ("axis", "dtype", "out", "keepdims", "initial", "where")
        kwargs = {"axis": 0} | dict(zip(names, args[1:], strict=False)) | kwargs
        args = args[:1]
    if method == "__call__" and kwargs.keys() == {"dtype"}:  # to compute in a dtype is to convert first
        kinds = ufunc.resolve_dtypes((*[np.dtype(kwargs["dtype"])] * ufunc.nin, *[None] * ufunc.nout))
        if len(set(kinds)) == 1:
            args, kwargs = tuple(arg.astype(kinds[0]) if hasattr(arg, "astype") else arg for arg in args), {}
    if any(out is not None for out in outs):
        return _ufunc_into(function, args, kwargs, outs)
    return traced_call(function, args, kwargs)


def _plain_ufunc(ufunc: np.ufunc, args: tuple[Any, ...]) -> Traced | None:
    """The short way for what is asked most often: one result, of traced arrays and numbers."""
    now = recording()
    values: list[Any] = []
    arrays: list[Any] = []
    for arg in args:
        if arg.__class__ is Traced and arg._recording is now and arg._value.__class__ is Value:
            values.append(arg._value)
            arrays.append(arg.array[()] if arg.scalar else arg.array)
        elif arg.__class__ is float or arg.__class__ is int:
            values.append(arg)
            arrays.append(arg)
        else:
            return None
    result = ufunc(*arrays)
    if result.dtype.kind not in "biufc":
        return None
    value = Value(ufunc, tuple(values), {}, result.shape, result.dtype)
    now.steps.append(value)
    return Traced(result, value) if result.__class__ is np.ndarray else Traced(np.asarray(result), value, scalar=True)


def _adopted(target: Any) -> Any:
    """An ordinary array that something traced is written into is traced from now on."""
    return recording().adopt(target, Traced) if isinstance(target, np.ndarray) else target


def _ufunc_into(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], outs: tuple[Any, ...]) -> Any:
    """A ufunc with ``out=``: the arrays given there become its results."""
    targets = [_adopted(out) for out in outs]
    where = kwargs.pop("where", True)
    if where is not True:
        if not isinstance(function, np.ufunc) or kwargs or len(targets) > 1:
            raise CaptureError(f"{user_line()}: a compiled function does not take where= and out= with {list(kwargs)}")
        (target,) = targets
        own(target)
        function(*bare(args), out=target.array, where=bare(where))
        become(target, recording().step(masked, (function, target, where, *args), {}, target))
        return target
    if len(targets) == 1 and not kwargs and isinstance(function, np.ufunc):
        (target,) = targets
        found = _plain_ufunc(function, args)
        if found is not None:
            own(target)
            np.copyto(target.array, found.array)
            become(target, fitted(found._value, target))
            return target
    results = function(*bare(args), **bare(kwargs))
    several = results if isinstance(results, tuple) else (results,)
    values = traced_results(function, args, kwargs, results)
    for target, result, value in zip(targets, several, values if isinstance(values, tuple) else (values,), strict=True):
        if target is None:
            continue
        own(target)
        np.copyto(target.array, result, casting=kwargs.get("casting", "same_kind"))
        become(target, fitted(value._value, target))
    return targets[0] if len(targets) == 1 else tuple(targets)


def traced_call(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function of NumPy and record it.

    Raises
    ------
    CaptureError
        If the shape of its result depends on numbers.
    """
    if not isinstance(getattr(function, "__self__", function), np.ufunc):
        args, kwargs = fixed(args), fixed(kwargs)
    kwargs = {key: int(arg) if isinstance(arg, np.integer) else arg for key, arg in kwargs.items()}  # an axis, a length
    if function in SHAPES_ONLY:
        return function(*bare(args), **bare(kwargs))
    if function in _SPECIAL:
        return _SPECIAL[function](function, *args, **kwargs)
    if (position := writes(function)) is not None:
        return write(_adopted(args[position]), function, *args[position + 1 :], **kwargs)
    dependent_shape(function, args, kwargs)
    if (out := kwargs.pop("out", None)) is not None:
        out[...] = traced_call(function, args, kwargs)
        return out
    result = function(*_given(function, args), **bare(kwargs))
    return traced_results(function, args, kwargs, result)


def _given(function: Function, args: tuple[Any, ...]) -> Any:
    """The arguments as they are in this run; a method of ndarray gets an ndarray even where there is a NumPy scalar."""
    found = bare(tuple(args))
    return (args[0].array, *found[1:]) if getattr(function, "__objclass__", None) is np.ndarray else found


def traced_results(function: Function, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    """What a call has returned, traced."""
    now = recording()
    for arg in flat(args):
        if isinstance(arg, Traced) and arg.array is result:
            return arg
    if isinstance(result, tuple | list):
        whole = now.step(function, args, kwargs, result)
        parts = [
            _traced(part, now.step(operator.getitem, (whole, i), {}, np.asarray(part)), args)
            for i, part in enumerate(result)
        ]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, bool | int | float) and not isinstance(result, np.generic):
        from tinygrad_np.compiler.number import TracedNumber

        return TracedNumber(result, now.step(function, args, kwargs, np.asarray(result), weak=True))
    if not isinstance(result, np.ndarray | np.generic):
        raise CaptureError(
            f"{user_line()}: a compiled function calls {getattr(function, '__name__', function)}, which returns a "
            f"{type(result).__name__} and no array; call it outside"
        )
    return _traced(result, now.step(function, args, kwargs, result), args)


def _traced(result: Any, value: Value, args: Any) -> Traced:
    """Return a traced array; if it is a view of one of ``args``, both know it."""
    if result.dtype.kind not in "biufc":
        raise CaptureError(
            f"{user_line()}: a compiled function makes an array of dtype {result.dtype}, which holds no numbers"
        )
    if isinstance(result, np.generic):
        return Traced(np.asarray(result), value, scalar=True)
    traced = Traced(result, value)
    if value.function in _VIEW_OR_COPY:
        traced.arranged = True
        for arg in flat(args):
            if isinstance(arg, Traced):
                arg.outermost().arranged = True
    if result.base is not None:
        for arg in flat(args):
            if isinstance(arg, Traced) and np.may_share_memory(arg.array, result):
                traced._whole, traced._way = arg, (value.function, value.args[1:], value.kwargs)  # type: ignore[assignment]
                arg._views = [view for view in arg._views if view() is not None]
                arg._views.append(weakref.ref(traced))
                break
    return traced


def _like(function: Function, array: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.zeros_like`` and its kin: what they make depends on a shape and a dtype only."""
    made = function(bare(array), *bare(args), **bare(kwargs))
    value = recording().step(_MAKERS[function], (made.shape, made.dtype), {}, made)
    return Traced(made, value)


def _reshape(function: Function, array: Any, *args: Any, **kwargs: Any) -> Any:
    """Whatever only arranges elements anew: a reshape, its lengths known."""
    result = function(*_given(function, (array, *args)), **bare(kwargs))
    if result is array.array:
        return array
    if kwargs.get("order", "C") != "C" or {"F", "A", "K"} & {arg for arg in args if isinstance(arg, str)}:
        return traced_results(function, (array, *args), kwargs, result)
    return traced_results(np.reshape, (array, result.shape), {}, result)


def _transpose(function: Function, array: Any, *args: Any, **kwargs: Any) -> Any:
    """Whatever only permutes axes: a transpose, its axes known."""
    probe = np.broadcast_to(np.empty((), np.bool_), tuple(range(array.ndim)))
    axes = function(probe, *bare(args), **bare(kwargs)).shape
    return traced_results(np.transpose, (array, axes), {}, array.array.transpose(axes))


def _copy(function: Function, array: Any, *args: Any, **kwargs: Any) -> Any:
    """A copy, which is the same value, but may lie in memory in another way, and so be added up in another order.

    Whether it does may be otherwise in the next call, which is to have the same program.
    """
    result = function(*_given(function, (array, *args)), **kwargs)
    if result is array.array:
        return array
    if result.dtype == array.dtype and result.ndim < 2:
        return Traced(result, array._value)
    return traced_results(function, (array, *args), kwargs, result)


#: Functions that return a view or a copy, as the array lies in memory.
_VIEW_OR_COPY = (np.reshape, np.ravel)

_MAKERS: dict[Any, Any] = {np.empty_like: np.empty, np.zeros_like: np.zeros, np.ones_like: np.ones}
_SPECIAL: dict[Any, Function] = (
    dict.fromkeys(_MAKERS, _like)
    | dict.fromkeys([np.copy, np.ndarray.copy, np.ndarray.astype], _copy)
    | dict.fromkeys([np.reshape, np.ravel, np.squeeze, np.expand_dims], _reshape)
    | dict.fromkeys([np.transpose, np.swapaxes, np.moveaxis, np.matrix_transpose], _transpose)
)
for _function, _ufunc in {
    np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum,
    np.amax: np.maximum, np.amin: np.minimum,
}.items():  # fmt: skip
    _SPECIAL[_function] = lambda _, a, axis=None, *, _ufunc=_ufunc, **kwargs: _ufunc.reduce(a, axis=axis, **kwargs)
