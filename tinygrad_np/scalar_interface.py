"""``ScalarInterface``: what makes a Tensor with one element behave as a number does."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from tinygrad_np.array_interface import ArrayInterface
from tinygrad_np.temporaries import assigns_to_element

__all__ = ["ScalarInterface"]


class ScalarInterface(ArrayInterface):
    """Python's numbers of a Tensor, its truth and its format."""

    __slots__ = ()

    def item(self) -> Any:
        """Return the only element as a Python scalar."""
        if self._data.size != 1:
            raise ValueError(f".item() returns the only element, but shape {self.shape} has {self.size}; see .tolist()")
        return self._data.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python scalars."""
        return self._data.tolist()

    def __float__(self) -> float:
        self._refuse_to_be_lost(sys._getframe(1))
        return float(self._one_number("float"))

    def __int__(self) -> int:
        return int(self._one_number("int"))

    def __complex__(self) -> complex:
        self._refuse_to_be_lost(sys._getframe(1))
        return complex(self._one_number("complex"))

    def _one_number(self, kind: str) -> Any:
        if self._data.ndim:
            raise TypeError(
                f"{kind}() makes a number of a Tensor without axes, but this one has shape {self.shape}; "
                f"use .item() for the only element, .tolist() for all, np.exp(t) for math.exp(t) and the like"
            )
        return self._data

    def _refuse_to_be_lost(self, caller: FrameType) -> None:
        """Complain if an ndarray takes a number, or an option of NumPy: they have not seen that this is a Tensor."""
        if self._node is None or not self._node.requires_grad:
            return
        if assigns_to_element(caller):
            raise RuntimeError(
                "this Tensor requires a gradient, which array[i] = t would lose without a word, for the array is no "
                "Tensor; make it one by Tensor(array), or write array[i] = t.item() if only the number is meant"
            )
        if caller.f_globals.get("__name__", "").startswith("numpy."):
            name = caller.f_code.co_name.lstrip("_")
            raise RuntimeError(
                f"this Tensor requires a gradient, but it is an option of a function of NumPy ({name}), whose arrays "
                f"are no Tensors, and would lose it: make these Tensors, too, by Tensor(array), or pass .detach()"
            )

    def __index__(self) -> int:
        return self._data.__index__()

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"a Tensor of shape {self.shape} is neither true nor false: use np.any() or np.all()")
        return bool(self._data)

    def __format__(self, spec: str) -> str:
        return format(self._data.item(), spec) if self.ndim == 0 and spec else format(str(self), spec)
