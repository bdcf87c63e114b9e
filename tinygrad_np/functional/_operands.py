"""What the functions of this package take."""

from __future__ import annotations

from typing import Any, TypeVar

from numpy.typing import NDArray

from tinygrad_np.record import as_array
from tinygrad_np.tensor import Tensor

__all__ = ["Array", "T", "bare_array", "known", "shown"]

#: What a result is made of: of a Tensor a Tensor, of an ndarray an ndarray.
T = TypeVar("T", Tensor, NDArray[Any])

Array = Any  # a Tensor, or what np.asarray takes


def known(array: Array) -> Any:
    """Return a Tensor, or an array of any kind, as it is; anything else as an ndarray."""
    return array if isinstance(array, Tensor) else as_array(array)


def shown(array: Any) -> Any:
    """The numbers themselves for an error message, also while they are captured."""
    return getattr(array, "array", array)


def bare_array(array: Any) -> NDArray[Any]:
    """Return the numbers themselves, to be looked at; under vmap, those of all examples."""
    while hasattr(array, "_data"):
        array = array._data
    return array  # type: ignore[no-any-return]
