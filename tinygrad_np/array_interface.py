"""``ArrayInterface``: what makes a Tensor behave as an ndarray does.

Operators and the commonest methods go straight to the table of derivatives; NumPy's functions, and the methods named
after them, get there by its dispatch protocols.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tinygrad_np.dispatch import call, call_ufunc, fast_paths
from tinygrad_np.primitives import table
from tinygrad_np.record import Recorded, apply, operator
from tinygrad_np.rules import indexing, shapes
from tinygrad_np.temporaries import UNHELD, assigns_to_element, lost_write

if TYPE_CHECKING:
    from tinygrad_np.tensor import Tensor

__all__ = ["ArrayInterface"]


def _operator(ufunc: np.ufunc) -> Callable[[Any, Any], Tensor]:
    return operator(table[ufunc])


def _reflected(ufunc: np.ufunc) -> Callable[[Any, Any], Tensor]:
    forward = operator(table[ufunc])
    return lambda self, other: forward(other, self)


def _in_place(ufunc: np.ufunc) -> Callable[[Any, Any], Tensor]:
    forward = operator(table[ufunc])

    def in_place(self: Tensor, other: Any) -> Tensor:
        result = forward(self, other)
        return result if result is NotImplemented else self._rebind(result, f"in-place {ufunc.__name__}")

    return in_place


def _method(function: Callable[..., Any]) -> Callable[..., Tensor]:
    """The method of ndarray that does what a NumPy function does."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        result: Tensor = call(function, (self, *args), kwargs)
        return result

    method.__name__ = function.__name__
    method.__doc__ = f"The same as :func:`numpy.{function.__name__}`."
    return method


_real, _imag, _compress = _method(np.real), _method(np.imag), _method(np.compress)
_sum, _mean = _method(np.sum), _method(np.mean)
_EASY_POWERS = {exponent: operator(table[f]) for exponent, f in {2: np.square, 0.5: np.sqrt, -1: np.reciprocal}.items()}


class ArrayInterface(Recorded):
    """The attributes, operators, methods and protocols that an ndarray has, too."""

    __slots__ = ()

    if TYPE_CHECKING:

        def _rebind(self, result: Tensor, what: str) -> Tensor:
            """Become ``result``, as the target of an in-place operation."""
            raise NotImplementedError

    # --- what it is -------------------------------------------------------------------------------------------------
    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        shape: tuple[int, ...] = self._data.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        dtype: np.dtype[Any] = self._data.dtype
        return dtype

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a Tensor without axes has no len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._data == (value._data if isinstance(value, Recorded) else value)))

    # --- reading and writing parts ----------------------------------------------------------------------------------
    def __getitem__(self, index: Any) -> Tensor:
        static, arrays = indexing.split_index(index)
        return apply(indexing.getitem, (self, *arrays), {"index": static})

    def __setitem__(self, index: Any, value: Any) -> None:
        if sys.getrefcount(self) <= UNHELD and assigns_to_element(sys._getframe(1)):
            raise lost_write(self.shape)
        static, arrays = indexing.split_index(index)
        self._rebind(apply(indexing.setitem, (self, value, *arrays), {"index": static}), "assigning to elements")

    @property
    def real(self) -> Tensor:
        """The real part."""
        return _real(self)

    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
        return _imag(self)

    # --- methods, as ndarray has them -------------------------------------------------------------------------------
    def astype(self, dtype: Any) -> Tensor:
        """Convert to another dtype."""
        dtype = np.dtype(dtype)
        if dtype.kind not in "biufc":
            raise TypeError(f"a Tensor holds numbers; it cannot become {dtype}")
        return apply(shapes.astype, (self,), {"dtype": dtype})

    def copy(self) -> Tensor:
        """Return a copy that is recorded as such."""
        return apply(shapes.copy, (self,), {})

    def reshape(self, *shape: Any) -> Tensor:
        """Arrange the same elements in another shape; one length may be -1."""
        shape = shape[0] if len(shape) == 1 else shape
        return apply(shapes.reshape, (self,), {"shape": shape})

    def transpose(self, *axes: Any) -> Tensor:
        """Permute the axes; without arguments, reverse them."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return apply(shapes.transpose, (self,), {"axes": order})

    @property
    def T(self) -> Tensor:
        """The transpose."""
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The matrix transpose: the last two axes exchanged."""
        if self.ndim < 2:
            raise ValueError(f"mT needs two axes or more, but the shape is {self.shape}")
        return apply(shapes.transpose, (self,), {"axes": (*range(self.ndim - 2), self.ndim - 1, self.ndim - 2)})

    def sum(self, axis: Any = None, *, keepdims: bool = False, **options: Any) -> Tensor:
        """Sum over axes."""
        if options:
            return _sum(self, axis, keepdims=keepdims, **options)
        return apply(table[np.sum], (self,), {"axis": axis, "keepdims": keepdims})

    def mean(self, axis: Any = None, *, keepdims: bool = False, **options: Any) -> Tensor:
        """Arithmetic mean over axes."""
        if options:
            return _mean(self, axis, keepdims=keepdims, **options)
        return apply(table[np.mean], (self,), {"axis": axis, "keepdims": keepdims})

    def flatten(self) -> Tensor:
        """Arrange in one dimension."""
        return self.reshape(-1)

    max = _method(np.max)
    min = _method(np.min)
    prod = _method(np.prod)
    var = _method(np.var)
    std = _method(np.std)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argsort = _method(np.argsort)
    all = _method(np.all)
    any = _method(np.any)
    nonzero = _method(np.nonzero)
    ravel = _method(np.ravel)
    squeeze = _method(np.squeeze)
    swapaxes = _method(np.swapaxes)
    repeat = _method(np.repeat)
    take = _method(np.take)
    clip = _method(np.clip)
    round = _method(np.round)
    dot = _method(np.dot)
    conj = conjugate = _method(np.conj)
    cumsum = _method(np.cumsum)
    cumprod = _method(np.cumprod)
    trace = _method(np.trace)
    diagonal = _method(np.diagonal)
    searchsorted = _method(np.searchsorted)
    argpartition = _method(np.argpartition)
    choose = _method(np.choose)
    put = _method(np.put)

    def compress(self, condition: Any, axis: int | None = None) -> Tensor:
        """Read the parts along an axis for which a condition holds."""
        return _compress(condition, self, axis)

    def sort(self, axis: int = -1, kind: Any = None, *, stable: bool | None = None) -> None:
        """Become sorted along an axis."""
        self._rebind(call(np.sort, (self, axis, kind), {"stable": stable}), "sorting in place")

    def partition(self, kth: Any, axis: int = -1) -> None:
        """Become sorted so far that the elements ``kth`` are in their places."""
        self._rebind(call(np.partition, (self, kth, axis), {}), "partitioning in place")

    def fill(self, value: Any) -> None:
        """Become the same value everywhere."""
        self[...] = value

    # --- operators --------------------------------------------------------------------------------------------------
    __add__, __radd__, __iadd__ = _operator(np.add), _reflected(np.add), _in_place(np.add)
    __sub__, __rsub__, __isub__ = _operator(np.subtract), _reflected(np.subtract), _in_place(np.subtract)
    __mul__, __rmul__, __imul__ = _operator(np.multiply), _reflected(np.multiply), _in_place(np.multiply)
    __truediv__, __rtruediv__, __itruediv__ = _operator(np.divide), _reflected(np.divide), _in_place(np.divide)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide), _reflected(np.floor_divide)
    __ifloordiv__ = _in_place(np.floor_divide)
    __mod__, __rmod__, __imod__ = _operator(np.remainder), _reflected(np.remainder), _in_place(np.remainder)
    __matmul__, __rmatmul__, __imatmul__ = _operator(np.matmul), _reflected(np.matmul), _in_place(np.matmul)
    __and__, __rand__, __iand__ = _operator(np.bitwise_and), _reflected(np.bitwise_and), _in_place(np.bitwise_and)
    __or__, __ror__, __ior__ = _operator(np.bitwise_or), _reflected(np.bitwise_or), _in_place(np.bitwise_or)
    __xor__, __rxor__, __ixor__ = _operator(np.bitwise_xor), _reflected(np.bitwise_xor), _in_place(np.bitwise_xor)
    __lshift__, __rlshift__, __ilshift__ = _operator(np.left_shift), _reflected(np.left_shift), _in_place(np.left_shift)
    __rshift__, __rrshift__ = _operator(np.right_shift), _reflected(np.right_shift)
    __irshift__ = _in_place(np.right_shift)
    __lt__, __le__, __gt__ = _operator(np.less), _operator(np.less_equal), _operator(np.greater)
    __ge__ = _operator(np.greater_equal)
    __eq__, __ne__ = _operator(np.equal), _operator(np.not_equal)  # type: ignore[assignment]
    __rpow__ = _reflected(np.power)
    __neg__, __pos__ = operator(table[np.negative]), operator(table[np.positive])
    __abs__, __invert__ = operator(table[np.absolute]), operator(table[np.invert])
    _power = _operator(np.power)

    def __pow__(self, exponent: Any) -> Tensor:
        if exponent.__class__ in (int, float) and exponent in _EASY_POWERS and self._data.dtype.kind in "fc":
            return _EASY_POWERS[exponent](self)  # as ndarray does: far faster than the general power
        return self._power(exponent)

    def __ipow__(self, exponent: Any) -> Tensor:
        return self._rebind(self**exponent, "in-place power")

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    # --- NumPy's protocols ------------------------------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not kwargs and method == "__call__" and ufunc in fast_paths:
            return fast_paths[ufunc](*inputs)
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return call(function, args, kwargs)

    __primitive__ = staticmethod(apply)

    # --- the array API standard -------------------------------------------------------------------------------------
    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """Return the standard's functions on Tensors: :mod:`tinygrad_np.interop.array_api`."""
        from tinygrad_np.interop import array_api

        if api_version is not None and api_version > array_api.__array_api_version__:
            raise ValueError(f"the array API is followed up to {array_api.__array_api_version__}, not {api_version}")
        return array_api

    @property
    def device(self) -> str:
        """Where the numbers are."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: Any = None) -> Self:
        """Return the tensor itself: there is one device."""
        if device != "cpu":
            raise ValueError(f"Tensors are on the device 'cpu', not {device!r}")
        return self
