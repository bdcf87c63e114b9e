"""Writing into arrays during capture.

The program is functional, code is not: what is written in place becomes a new Value of the same array, of the arrays
that it is a view of, and of their other views.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_np.compiler.arguments import bare
from tinygrad_np.compiler.program import Value, written
from tinygrad_np.compiler.recording import CaptureError, Recording, Symbol, current, recording, user_line

__all__ = ["Like", "Writable", "become", "fitted", "own", "write"]

Function = Callable[..., Any]


class Writable(Symbol):
    """An array in a capture: its Value, and with whom it shares memory.

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

    Attributes
    ----------
    arranged : bool
        Whether it, or something that it was made of, has been arranged anew: in a view or in a copy, as it lies in
        memory. To write into one of them is then to write into the other, or not.
    """

    __slots__ = ("__weakref__", "_views", "_way", "_whole", "arranged", "array", "borrowed", "scalar")

    def __init__(self, array: Any, value: Value, borrowed: bool = False, scalar: bool = False) -> None:
        self._recording, self._value = current.get(), value
        self.array, self.borrowed, self.scalar, self.arranged = array, borrowed, scalar, False
        self._whole: Writable | None = None  # what it is a view of ...
        self._way: tuple[Function, tuple[Any, ...], dict[str, Any]] | None = None  # ... and how
        self._views: list[weakref.ref[Writable]] = []

    @property
    def present(self) -> Any:
        """What it is in this run: an ndarray, or a NumPy scalar."""
        return self.array[()] if self.scalar else self.array

    shape = property(lambda self: self.array.shape, doc="Length of each axis.")
    dtype = property(lambda self: self.array.dtype, doc="Type of the elements.")

    def outermost(self) -> Writable:
        """The array that it is a view of, and that is a view of nothing."""
        whole = self
        while whole._whole is not None:
            whole = whole._whole
        return whole

    @property
    def way(self) -> tuple[Function, tuple[Any, ...], dict[str, Any]]:
        """How it is seen in the array that it is a view of: a function, its further arguments."""
        assert self._way is not None
        return self._way

    @property
    def base(self) -> Any:
        """What it is a view of, or whose memory it shares; ``None`` if the memory is its own."""
        return self if self.array.base is not None else None


def write(target: Writable, function: Function, *args: Any, **kwargs: Any) -> Any:
    """Call ``function(target, *args)``, which writes into ``target``."""
    now = recording()
    own(target)
    found = function(target.array, *bare(args), **bare(kwargs))
    if function is operator.setitem and args[0] is Ellipsis:
        become(target, _filled(target, args[1]))
    else:
        value = now.step(written, (function, target._value, *args), kwargs, target)
        become(target, value)
    return found if found is None else target


def _filled(target: Writable, value: Any) -> Value:
    """One number everywhere, or one array."""
    now = recording()
    if isinstance(value, bool | int | float | complex):
        return now.step(np.full, (target.shape, value, target.dtype), {}, target)
    value = now.operands(value if hasattr(value, "shape") else np.asarray(value))
    if value.weak:
        return now.step(np.full, (target.shape, value, target.dtype), {}, target)
    return fitted(value, target)


def own(target: Writable) -> None:
    """See to it that the memory of an array may be written to: nobody outside of the capture sees it."""
    if target.scalar:
        raise TypeError("a NumPy scalar does not change in place")
    whole = target.outermost()
    if not whole.borrowed:
        return
    if not whole.array.flags.writeable:
        raise ValueError("a compiled function writes into an array that is read-only")
    whole.array, whole.borrowed = _copied_as_it_lies(whole.array), False
    for view, above in _all_views(whole):
        function, args, kwargs = view.way
        view.array = function(above.array, *args, **kwargs)


def _copied_as_it_lies(array: Any) -> Any:
    """A copy with the same strides, gaps and all: so a reshape of it is a copy where one of ``array`` is."""
    if not array.size or 0 in array.strides:
        return array.copy(order="K")
    spans = [(n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)]
    start = -sum(span for span in spans if span < 0)
    nbytes = start + sum(span for span in spans if span > 0) + array.itemsize
    copied: Any = np.ndarray(array.shape, array.dtype, np.empty(nbytes, np.uint8), start, array.strides)
    np.copyto(copied, array)
    return copied


def _all_views(whole: Writable) -> Iterator[tuple[Writable, Writable]]:
    """Yield (view, what it is a view of), below ``whole``, from the outermost to the innermost."""
    stack = [whole]
    while stack:
        top = stack.pop()
        for reference in top._views:
            if (view := reference()) is not None:
                yield view, top
                stack.append(view)


def become(target: Writable, value: Value) -> None:
    """Give an array a new value, and what shares its memory, too."""
    now = recording()
    target._value = value
    changed, whole = {id(target)}, target
    now.layouts |= target.outermost().arranged
    while whole._whole is not None:
        part, whole = whole, whole._whole
        whole._value = _put_back(now, part, whole)
        changed.add(id(whole))
    for view, above in list(_all_views(whole)):
        if id(view) not in changed:
            function, args, kwargs = view.way
            view._value = now.step(function, (above._value, *args), kwargs, view)


def _put_back(now: Recording, part: Writable, whole: Writable) -> Value:
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


def fitted(value: Value, target: Writable) -> Value:
    """A value as it is when it has been written all over an array."""
    now = recording()
    if value.dtype != target.dtype:
        value = now.step(np.ndarray.astype, (value, target.dtype), {}, Like(value.shape, target.dtype))
    if value.shape != target.shape:
        value = now.step(np.broadcast_to, (value, target.shape), {}, target)
    return value


class Like:
    """A shape and a dtype."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
