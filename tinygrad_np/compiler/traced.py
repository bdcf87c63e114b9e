"""``Traced``: an array that computes as usual, and writes down how.

It holds an ndarray and the :class:`Value` of the program that stands for it, and takes part in NumPy's protocols. So
Tensors, the rules of the table, transforms, vmap and optimizers run on it without knowing, and whatever they do to
arrays lands in one program.

The program is functional, code is not: what is written in place becomes a new Value of the same ``Traced``, of the
arrays that it is a view of, and of their other views.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygrad_np.compiler.program import Value, masked, written
from tinygrad_np.compiler.recording import CaptureError, Recording, Symbol, current, outlived, user_line
from tinygrad_np.compiler.static import SHAPES_ONLY, dependent_shape, writes
from tinygrad_np.record import depth

__all__ = ["Traced", "bare", "outranked", "recording", "traced_call", "traced_ufunc"]

Function = Callable[..., Any]


class Traced(NDArrayOperatorsMixin, Symbol):
    """An array of a computation that is being captured.

    Parameters
    ----------
    array : ndarray
        What it is in this run.
    value : Value
        What computes it.
    borrowed : bool
        Whether ``array`` is somebody else's, not to be written to: writing takes a copy first.
    scalar : bool
        Whether it stands for a NumPy scalar, which does not change in place.
    """

    __slots__ = ("__weakref__", "_views", "_way", "_whole", "array", "borrowed", "scalar")
    __hash__ = object.__hash__

    def __init__(self, array: Any, value: Value, borrowed: bool = False, scalar: bool = False) -> None:
        self._recording, self._value = current.get(), value
        self.array, self.borrowed, self.scalar = array, borrowed, scalar
        self._whole: Traced | None = None  # what it is a view of ...
        self._way: tuple[Function, tuple[Any, ...], dict[str, Any]] | None = None  # ... and how
        self._views: list[weakref.ref[Traced]] = []

    # --- what it is -------------------------------------------------------------------------------------------------
    shape = property(lambda self: self.array.shape, doc="Length of each axis.")
    ndim = property(lambda self: self.array.ndim, doc="Number of axes.")
    size = property(lambda self: self.array.size, doc="Number of elements.")
    dtype = property(lambda self: self.array.dtype, doc="Type of the elements.")
    itemsize = property(lambda self: self.array.itemsize, doc="Bytes per element.")
    nbytes = property(lambda self: self.array.nbytes, doc="Bytes of all elements.")
    strides = property(lambda self: self.array.strides, doc="Bytes from one element to the next.")
    flags = property(lambda self: self.array.flags, doc="How it lies in memory.")

    @property
    def way(self) -> tuple[Function, tuple[Any, ...], dict[str, Any]]:
        """How it is seen in the array that it is a view of: a function, its further arguments."""
        assert self._way is not None
        return self._way

    @property
    def base(self) -> Any:
        """What it is a view of, or whose memory it shares; ``None`` if the memory is its own."""
        return self if self.array.base is not None else None

    def __len__(self) -> int:
        return len(self.array)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Traced({self.array!r})"

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


def recording() -> Recording:
    """Return the recording under way.

    Raises
    ------
    CaptureError
        If there is none: an array of a compiled function has survived it.
    """
    found = current.get()
    if found is None:
        raise outlived()
    return found


# --- calls ----------------------------------------------------------------------------------------------------------
def traced_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a ufunc, or one of its methods, and record it."""
    outs = kwargs.pop("out", ())
    if method == "at":
        write(args[0], ufunc.at, *args[1:])
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


def _ufunc_into(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], outs: tuple[Any, ...]) -> Any:
    """A ufunc with ``out=``: the arrays given there become its results."""
    now = recording()
    targets = [now.adopt(out, Traced) if isinstance(out, np.ndarray) else out for out in outs]
    where = kwargs.pop("where", True)
    if where is not True:
        if not isinstance(function, np.ufunc) or kwargs or len(targets) > 1:
            raise CaptureError(f"{user_line()}: a compiled function does not take where= and out= with {list(kwargs)}")
        (target,) = targets
        _own(target)
        function(*bare(args), out=target.array, where=bare(where))
        _become(target, now.step(masked, (function, target, where, *args), {}, target))
        return target
    results = function(*bare(args), **bare(kwargs))
    several = results if isinstance(results, tuple) else (results,)
    values = traced_results(function, args, kwargs, results)
    for target, result, value in zip(targets, several, values if isinstance(values, tuple) else (values,), strict=True):
        if target is None:
            continue
        _own(target)
        np.copyto(target.array, result, casting=kwargs.get("casting", "same_kind"))
        _become(target, _fitted(value._value, target))
    return targets[0] if len(targets) == 1 else tuple(targets)


def _fitted(value: Value, target: Traced) -> Value:
    """A value as it is when it has been written all over an array."""
    now = recording()
    if value.dtype != target.dtype:
        value = now.step(np.ndarray.astype, (value, target.dtype), {}, _Like(value.shape, target.dtype))
    if value.shape != target.shape:
        value = now.step(np.broadcast_to, (value, target.shape), {}, target)
    return value


class _Like:
    """A shape and a dtype."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)


def traced_call(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function of NumPy and record it.

    Raises
    ------
    CaptureError
        If the shape of its result depends on numbers.
    """
    if not isinstance(getattr(function, "__self__", function), np.ufunc):
        args, kwargs = _fixed(args), _fixed(kwargs)
    kwargs = {key: int(arg) if isinstance(arg, np.integer) else arg for key, arg in kwargs.items()}  # an axis, a length
    if function in SHAPES_ONLY:
        return function(*bare(args), **bare(kwargs))
    if function in _SPECIAL:
        return _SPECIAL[function](function, *args, **kwargs)
    if (position := writes(function)) is not None:
        target = args[position]
        return write(target, function, *args[position + 1 :], **kwargs)
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
    for arg in _flat(args):
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
    if result.base is not None:
        for arg in _flat(args):
            if isinstance(arg, Traced) and np.may_share_memory(arg.array, result):
                traced._whole, traced._way = arg, (value.function, value.args[1:], value.kwargs)  # type: ignore[assignment]
                arg._views = [view for view in arg._views if view() is not None]
                arg._views.append(weakref.ref(traced))
                break
    return traced


def _like(function: Function, array: Any, *args: Any, **kwargs: Any) -> Any:
    """``np.zeros_like`` and its kin: what they make depends on a shape and a dtype only."""
    made = function(bare(array), *bare(args), **bare(kwargs))
    order = "F" if made.flags.f_contiguous and not made.flags.c_contiguous else "C"
    value = recording().step(_MAKERS[function], (made.shape, made.dtype, order), {}, made)
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
    """A copy, which is the same value; nothing has to be computed unless it lies in memory in another way."""
    result = function(*_given(function, (array, *args)), **kwargs)
    if result is array.array:
        return array
    if result.dtype == array.dtype and (result.strides == array.strides or result.ndim < 2):
        return Traced(result, array._value)
    return traced_results(function, (array, *args), kwargs, result)


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


# --- writing --------------------------------------------------------------------------------------------------------
def write(target: Any, function: Function, *args: Any, **kwargs: Any) -> Any:
    """Call ``function(target, *args)``, which writes into ``target``."""
    now = recording()
    if isinstance(target, np.ndarray):
        target = now.adopt(target, Traced)
    if target.scalar:
        raise TypeError("a NumPy scalar does not change in place")
    _own(target)
    found = function(target.array, *bare(args), **bare(kwargs))
    if function is operator.setitem and args[0] is Ellipsis:
        _become(target, _filled(target, args[1]))
    else:
        value = now.step(written, (function, target._value, *args), kwargs, target)
        _become(target, value)
    return found if found is None else target


def _filled(target: Traced, value: Any) -> Value:
    """One number everywhere, or one array."""
    now = recording()
    if isinstance(value, bool | int | float | complex):
        return now.step(np.full, (target.shape, value, target.dtype), {}, target)
    value = now.operands(value if hasattr(value, "shape") else np.asarray(value))
    if value.weak:
        return now.step(np.full, (target.shape, value, target.dtype), {}, target)
    return _fitted(value, target)


def _own(target: Traced) -> None:
    """See to it that the memory of an array may be written to: nobody outside of the capture sees it."""
    whole = target
    while whole._whole is not None:
        whole = whole._whole
    if not whole.borrowed:
        return
    whole.array, whole.borrowed = whole.array.copy(order="K"), False
    for view, above in _all_views(whole):
        function, args, kwargs = view.way
        view.array = function(above.array, *args, **kwargs)


def _all_views(whole: Traced) -> Iterator[tuple[Traced, Traced]]:
    """Yield (view, what it is a view of), below ``whole``, from the outermost to the innermost."""
    stack = [whole]
    while stack:
        top = stack.pop()
        for reference in top._views:
            if (view := reference()) is not None:
                yield view, top
                stack.append(view)


def _become(target: Traced, value: Value) -> None:
    """Give an array a new value, and what shares its memory, too."""
    now = recording()
    target._value = value
    changed, whole = {id(target)}, target
    while whole._whole is not None:
        part, whole = whole, whole._whole
        whole._value = _put_back(now, part, whole)
        changed.add(id(whole))
    for view, above in list(_all_views(whole)):
        if id(view) not in changed:
            function, args, kwargs = view.way
            view._value = now.step(function, (above._value, *args), kwargs, view)


def _put_back(now: Recording, part: Traced, whole: Traced) -> Value:
    """The value of an array of which a part has a new value."""
    function, args, _ = part.way
    if function is operator.getitem:
        return now.written(whole._value, operator.setitem, args[0], part._value)
    if function is np.reshape:
        return now.step(np.reshape, (part._value, whole.shape), {}, whole)
    if function is np.transpose:
        inverse = tuple(int(i) for i in np.argsort(args[0]))
        return now.step(np.transpose, (part._value, inverse), {}, whole)
    if function is np.ndarray.view and not args:
        return part._value
    if function in _PARTS:
        return now.step(written, (into_part, whole, part, function, *args), {}, whole)
    raise CaptureError(
        f"{user_line()}: a compiled function writes into a view that {function.__name__} made; write into the array "
        f"itself, or compute a new one"
    )


#: Functions that always see a part of an array, and never copy it.
_PARTS = (np.diagonal, np.ndarray.diagonal, np.real, np.imag)


def into_part(array: Any, part: Any, function: Function, *args: Any) -> None:
    """Write into a part of an array, as a function sees it."""
    seen = function(array, *args)
    seen.flags.writeable = True  # NumPy locks some, for fear of misunderstandings
    seen[...] = part


# --- arguments ------------------------------------------------------------------------------------------------------
def bare(arg: Any) -> Any:
    """Replace what is traced in an argument by what it is in this run."""
    if isinstance(arg, Traced):
        return arg.array[()] if arg.scalar else arg.array
    if isinstance(arg, tuple | list):
        items = map(bare, arg)
        return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
    if isinstance(arg, dict):
        return {key: bare(item) for key, item in arg.items()}
    return arg.number if isinstance(arg, Symbol) else arg  # type: ignore[attr-defined]


def _fixed(arg: Any) -> Any:
    """Traced integers among the arguments of a function are lengths, axes, indices: they become what they are now."""
    if isinstance(arg, tuple | list):
        items = map(_fixed, arg)
        return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
    if isinstance(arg, dict):
        return {key: _fixed(item) for key, item in arg.items()}
    if isinstance(arg, slice):
        return slice(*map(_fixed, (arg.start, arg.stop, arg.step)))
    if isinstance(arg, Symbol) and not isinstance(arg, Traced) and isinstance(arg.number, int):  # type: ignore[attr-defined]
        return arg.known()  # type: ignore[attr-defined]
    return arg


def _flat(args: Any) -> Iterator[Any]:
    for arg in args:
        if isinstance(arg, list | tuple):
            yield from _flat(arg)
        else:
            yield arg


def outranked(args: Any) -> bool:
    """Whether something among the arguments wraps arrays, traced ones too: a Tensor, a batch of vmap."""
    return any(depth(arg) > 0 for arg in _flat(args))
