"""``Tensor``: an array that remembers how it was computed.

Here is what a Tensor has beyond an ndarray: a place in the graph, a gradient, ways in and out. What it has in common
with one, it has from :class:`tinygrad_np.array_interface.ArrayInterface`, and what one element has in common with a
number from :class:`tinygrad_np.scalar_interface.ScalarInterface`.

Tensors have value semantics: no operation changes an array that another Tensor, or a graph, can see. ``t[i] = v``,
``t += u`` and ``np.add(t, u, out=t)`` bind the name ``t`` to a new array, and so to a new node of the graph.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np

from tinygrad_np.grad_mode import enable_grad, is_grad_enabled
from tinygrad_np.graph import Node, backpropagate, leaf
from tinygrad_np.record import as_array, lift, wrap
from tinygrad_np.scalar_interface import ScalarInterface
from tinygrad_np.spent import added

__all__ = ["Tensor", "conjugated", "seed"]

Array = np.ndarray[Any, np.dtype[Any]]


class Tensor(ScalarInterface):
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

    __slots__ = ("_past",)

    _past: tuple[str, Any]  # of a gradient that an optimizer has used: see tinygrad_np.spent

    def __init__(self, data: Any, requires_grad: bool = False, dtype: Any = None, *, name: str | None = None) -> None:
        if isinstance(data, Tensor):
            data = data.numpy()  # complains if a gradient would be lost
        try:
            array = as_array(data)
        except ValueError:
            raise ValueError(
                f"{_shortened(data)} is no array, for its parts have different lengths; pad them, or keep a list "
                f"of Tensors"
            ) from None
        array = np.array(array, dtype=dtype) if isinstance(array, np.ndarray) else array.astype(dtype or array.dtype)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a Tensor holds numbers, but {_shortened(data)} became an array of dtype {array.dtype}")
        if requires_grad:
            _check_differentiable(array.dtype)
        self._data = array
        self._node = leaf(array, bool(requires_grad), name)

    # --- where it stands ---------------------------------------------------------------------------------------------
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
            why = "" if self.dtype.kind in "fc" else f" and cannot, for it is {self.dtype}"
            raise RuntimeError(
                f"backward: this tensor does not require a gradient{why}; was it computed from a Tensor with "
                f"requires_grad=True, outside of no_grad(), and without .detach(), argmax or the like?"
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
                target.grad = added(target.grad, grad)
            else:  # a Tensor of its own: the same one may have come to several targets, or be the caller's
                target.grad = wrap(grad._data, grad._node) if create_graph else grad

    def retain_grad(self) -> None:
        """Ask for ``.grad`` of a result, too: from now on ``backward`` adds to it as it does for leaves."""
        if self.node.grad is None:
            self.node.grad = np.zeros_like(self._data)

    def detach(self) -> Tensor:
        """Return the same value, cut off from the graph."""
        return wrap(self._data)

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
        if self.requires_grad:
            raise RuntimeError(
                "this Tensor requires a gradient, and an ndarray would lose it without a word: np.stack([t, u]) makes "
                "one Tensor of several; call .detach().numpy() if an ndarray is meant"
            )
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        told = max_version is not None and max_version >= (1, 0)  # that the memory is read-only
        if not told or sys._getframe(1).f_globals.get("__name__", "").startswith("torch."):  # which does not care
            return np.array(self.numpy()).__dlpack__(stream=stream)
        return self.numpy().__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

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
