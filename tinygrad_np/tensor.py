"""``Tensor``: an array that remembers how it was computed.

It behaves as an ndarray does: the same operators, methods and NumPy functions. Operators go straight to the table of
derivatives; NumPy's functions get there by its dispatch protocols.

Tensors have value semantics: no operation changes an array that another Tensor, or a graph, can see. ``t[i] = v``,
``t += u`` and ``np.add(t, u, out=t)`` bind the name ``t`` to a new array, and so to a new node of the graph.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from tinygrad_np.dispatch import call, call_ufunc, fast_paths
from tinygrad_np.grad_mode import enable_grad, is_grad_enabled
from tinygrad_np.graph import Node, backpropagate, leaf
from tinygrad_np.primitives import table
from tinygrad_np.record import Recorded, apply, as_array, lift, operator, wrap
from tinygrad_np.rules import indexing, shapes

__all__ = ["Tensor", "conjugated", "seed"]

Array = np.ndarray[Any, np.dtype[Any]]


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


class Tensor(Recorded):
    """An n-dimensional array that can be differentiated.

    Parameters
    ----------
    data : array_like
        Copied. The dtype is kept.
    requires_grad : bool
        Whether operations on it are recorded, so that :meth:`backward` can compute ``.grad``.
    dtype : dtype, optional
        To convert to.
    name : str, optional
        For drawings and error messages.

    Raises
    ------
    TypeError
        If the data are no numbers, or a gradient is asked for of integers or booleans.

    Examples
    --------
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = np.sum(x * x)
    >>> y.backward()
    >>> x.grad
    Tensor([2., 4., 6.], dtype=float64)
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None, *, name: str | None = None) -> None:
        if isinstance(data, Tensor):
            data = data.numpy()  # complains if a gradient would be lost
        array = as_array(data)
        array = np.array(array, dtype=dtype) if isinstance(array, np.ndarray) else array.astype(dtype or array.dtype)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a Tensor holds numbers, but {_shortened(data)} became an array of dtype {array.dtype}")
        if requires_grad:
            _check_differentiable(array.dtype)
        self._data = array
        self._node = leaf(array, bool(requires_grad), name)

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

    @property
    def node(self) -> Node:
        """Where it stands in the graph."""
        if self._node is None:
            self._node = leaf(self._data, False)
        return self._node

    @property
    def name(self) -> str | None:
        """Label in drawings and error messages."""
        return self.node.name

    @name.setter
    def name(self, name: str | None) -> None:
        self.node.name = name

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self._node is None or self._node.primitive is None

    @property
    def requires_grad(self) -> bool:
        """Whether operations on it are recorded. Can be set on a leaf."""
        return self._node is not None and self._node.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            raise RuntimeError("requires_grad can be set on a leaf only; this is a result: use .detach() to cut it off")
        if value:
            _check_differentiable(self.dtype)
        if self.requires_grad != value:  # a new node: what is recorded already keeps its meaning
            self._node = leaf(self._data, value, self.name)

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, of the dtype and shape of the tensor; ``None`` before ``backward``."""
        if self._node is None:
            return None
        grad = self._node.grad
        if grad is not None and not isinstance(grad, Tensor):  # the sum of two 0-d arrays is a NumPy scalar
            grad = self._node.grad = wrap(grad)  # one Tensor from now on, so that t.grad[i] = v is not lost
        return grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            value = value if isinstance(value, Tensor) else Tensor(value)
            if value.shape != self.shape:
                raise ValueError(f"a gradient has its tensor's shape: {self.shape} expected, {value.shape} given")
            value = value._data.astype(self.dtype, copy=False) if not value.requires_grad else value
        self.node.grad = value

    @property
    def data(self) -> Tensor:
        """The value without its history. Assigning replaces the value of a leaf, unrecorded."""
        return self.detach()

    @data.setter
    def data(self, value: Any) -> None:
        if not self.is_leaf:
            raise RuntimeError("the value of a result cannot be replaced: it would no longer be what was computed")
        array = (value._data if isinstance(value, Tensor) else as_array(value)).astype(self.dtype)
        if array.shape != self.shape:
            raise ValueError(f"a leaf keeps its shape: {self.shape} expected, {array.shape} given")
        self._data = array

    # --- differentiation --------------------------------------------------------------------------------------------
    def backward(self, gradient: Any = None, *, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add the gradient of this tensor to ``.grad`` of each leaf that requires one.

        Parameters
        ----------
        gradient : array_like, optional
            The cotangent of this tensor, of its shape; 1 for a scalar.
        retain_graph : bool, optional
            Keep what the graph saved, for another pass. Default: ``create_graph``.
        create_graph : bool
            Record this pass, too, so that the gradients can be differentiated.

        Raises
        ------
        RuntimeError
            If nothing is recorded, the tensor is no scalar and ``gradient`` is missing, or the graph was freed.
        ValueError
            If the shape of ``gradient`` is not that of the tensor.
        """
        if not self.requires_grad:
            raise RuntimeError(
                "backward: this tensor does not require a gradient; was it computed from a Tensor with "
                "requires_grad=True, outside of no_grad() and without .detach()?"
            )
        if gradient is None and self.dtype.kind == "c":
            raise RuntimeError(
                "backward: a loss is a real number, but this tensor is complex; take .real, np.abs(), or pass gradient="
            )
        if gradient is None and self.size != 1:
            raise RuntimeError(
                f"backward: the gradient of a scalar can be computed, but this tensor has shape {self.shape}; "
                f"reduce it first (.sum(), .mean()), or pass gradient=, of the same shape"
            )
        g = conjugated(seed(self, 1.0 if gradient is None else gradient, "backward: gradient", create_graph))
        retain_graph = create_graph if retain_graph is None else retain_graph
        if create_graph:
            with enable_grad():
                found = backpropagate({self.node: g}, retain_graph=retain_graph, lift=lift)
        else:
            found = backpropagate({self.node: g}, retain_graph=retain_graph)
        for target, grad in found.items():
            grad = conjugated(grad)
            if target.grad is not None:
                target.grad = target.grad + grad
            else:  # a Tensor of its own: the same one may have come to several targets, or be the caller's
                target.grad = wrap(grad._data, grad._node) if create_graph else grad

    def retain_grad(self) -> None:
        """Ask for ``.grad`` of a result, too: from now on ``backward`` adds to it as it does for leaves."""
        if self.node.grad is None:
            self.node.grad = np.zeros_like(self._data)

    def detach(self) -> Tensor:
        """Return the same value, cut off from the graph."""
        return wrap(self._data)

    # --- leaving ----------------------------------------------------------------------------------------------------
    def numpy(self) -> Array:
        """Return the value as a read-only ndarray that shares memory.

        Raises
        ------
        RuntimeError
            If the tensor requires a gradient, which would be lost.
        """
        if self.requires_grad:
            raise RuntimeError(
                "this Tensor requires a gradient, and an ndarray would lose it without a word: "
                "call .detach().numpy() if that is meant"
            )
        view = self._data.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self.requires_grad and sys._getframe(1).f_globals.get("__name__", "").startswith("scipy."):
            raise RuntimeError(
                "this Tensor requires a gradient, but this function of SciPy turns its arguments into ndarrays, which "
                "have none: see tinygrad_np.special, or set SCIPY_ARRAY_API=1 before SciPy is imported"
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def item(self) -> Any:
        """Return the only element as a Python scalar."""
        return self._data.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python scalars."""
        return self._data.tolist()

    def __float__(self) -> float:
        return float(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __complex__(self) -> complex:
        return complex(self._data)

    def __index__(self) -> int:
        return self._data.__index__()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"a Tensor of shape {self.shape} is neither true nor false: use np.any() or np.all()")
        return bool(self._data)

    def __format__(self, spec: str) -> str:
        return format(self._data.item(), spec) if self.ndim == 0 and spec else format(str(self), spec)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a Tensor without axes has no len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._data == (value._data if isinstance(value, Tensor) else value)))

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        made = "" if self.is_leaf else f", made by {self.node.primitive.name}"  # type: ignore[union-attr]
        if self.requires_grad and not made:
            made = ", requires_grad=True"
        label = f", name={self.name!r}" if self._node is not None and self._node.name else ""
        values = np.array2string(self._data, separator=", ", prefix="Tensor(", threshold=100, edgeitems=3)
        shape = f", shape={self.shape}" if self.size == 0 and self.shape != (0,) else ""
        return f"Tensor({values}{shape}, dtype={self.dtype}{label}{made})"

    def __copy__(self) -> Tensor:
        return self.__deepcopy__({}) if self.is_leaf else wrap(self._data, self._node)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """Copy the value and the gradient; the copy is a leaf, and keeps no graph alive."""
        twin = Tensor(self._data, self.requires_grad, name=self.name)
        twin.grad = None if self.grad is None else self.grad.detach().copy()
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> Any:
        return partial(Tensor, name=self.name), (self._data, self.requires_grad)  # a leaf, as a deep copy is

    # --- reading and writing parts ----------------------------------------------------------------------------------
    def __getitem__(self, index: Any) -> Tensor:
        static, arrays = indexing.split_index(index)
        return apply(indexing.getitem, (self, *arrays), {"index": static})

    def __setitem__(self, index: Any, value: Any) -> None:
        static, arrays = indexing.split_index(index)
        self._rebind(apply(indexing.setitem, (self, value, *arrays), {"index": static}), "assigning to elements")

    def _rebind(self, result: Tensor, what: str) -> Tensor:
        """Become ``result``, as the target of an in-place operation."""
        if result.shape != self.shape:
            raise ValueError(f"{what}: the result has shape {result.shape}, which does not fit into {self.shape}")
        if result.dtype != self.dtype:
            if not np.can_cast(result.dtype, self.dtype, "same_kind"):
                raise TypeError(f"{what}: the result is {result.dtype}, which cannot go into a Tensor of {self.dtype}")
            result = result.astype(self.dtype)
        if self.is_leaf and self.requires_grad:
            if is_grad_enabled():
                raise RuntimeError(
                    f"{what} would turn a leaf that requires a gradient into a result, and its .grad would be lost; "
                    f"do it under no_grad(), or write t = t + ... to make a new Tensor"
                )
            self._data = result._data  # an update: the leaf stays the leaf that it is
        else:
            self._data, self._node = result._data, result._node
        return self

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

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        if max_version is None or max_version < (1, 0):  # such a consumer cannot be told that the memory is read-only
            return np.array(self.numpy()).__dlpack__(stream=stream)
        return self.numpy().__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    @property
    def device(self) -> str:
        """Where the numbers are."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: Any = None) -> Tensor:
        """Return the tensor itself: there is one device."""
        if device != "cpu":
            raise ValueError(f"Tensors are on the device 'cpu', not {device!r}")
        return self


def seed(tensor: Tensor, cotangent: Any, what: str, as_tensor: bool) -> Any:
    """Return the cotangent to start from: of the tensor's shape and dtype.

    Raises
    ------
    ValueError
        If its shape is another one.
    """
    if cotangent.__class__ is float:
        ones = np.empty_like(tensor._data)
        ones[...] = cotangent
        return wrap(ones) if as_tensor else ones
    cotangent = cotangent if isinstance(cotangent, Tensor) else Tensor(cotangent)
    if cotangent.shape != tensor.shape:
        raise ValueError(f"{what} has shape {cotangent.shape}, but the tensor has shape {tensor.shape}")
    if cotangent.dtype != tensor.dtype:
        cotangent = cotangent.astype(tensor.dtype)
    return cotangent if as_tensor else cotangent._data


def conjugated(g: Any) -> Any:
    """Return what users see for what the rules see, or the reverse.

    The rules compute ``dL/dx - i dL/dy`` of a number ``x + iy``, for then the chain rule of analytic functions holds as
    it stands: ``g * f'(z)``. Users get its conjugate, the direction of steepest ascent, as in PyTorch.
    """
    return np.conj(g) if g.dtype.kind == "c" else g


def _check_differentiable(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fc":
        raise TypeError(
            f"only floating-point tensors can require a gradient, but the dtype is {dtype}; "
            f"pass dtype=np.float64 (or np.float32), or write the numbers with a decimal point"
        )


def _shortened(data: Any) -> str:
    text = repr(data)
    return text if len(text) < 40 else f"{text[:37]}..."
