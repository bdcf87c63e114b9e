"""The array API standard, on Tensors: what ``tensor.__array_namespace__()`` returns.

NumPy's main namespace follows the standard (2024.12 since NumPy 2.3), and its functions take Tensors. So the namespace
is NumPy's own, except that what would come out as an ndarray comes out as a Tensor.

Examples
--------
>>> import numpy as np
>>> from tinygrad_np import Tensor
>>> x = Tensor([1.0, 4.0], requires_grad=True)
>>> xp = x.__array_namespace__()
>>> xp.sum(xp.sqrt(x) * xp.asarray([1.0, 2.0]))
Tensor(5., dtype=float64, made by sum)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__array_api_version__ = "2024.12"

_CONSTANTS = ("e", "inf", "nan", "newaxis", "pi")
_DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """Return a Tensor of ``obj``; a Tensor stays itself, with its history, unless it is converted or copied."""
    _check_device(device)
    if not isinstance(obj, Tensor):
        if copy is False:
            raise ValueError("asarray: copy=False is for Tensors; other memory could change under a graph")
        return wrap(np.array(obj, dtype=dtype))
    if dtype is not None and np.dtype(dtype) != obj.dtype:
        if copy is False:
            raise ValueError(f"asarray: {obj.dtype} cannot become {np.dtype(dtype)} without a copy")
        return obj.astype(dtype)
    return obj.copy() if copy else obj


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Return a Tensor of an array of another library."""
    _check_device(device)
    if isinstance(x, Tensor):
        return x.copy() if copy else x
    return wrap(np.array(np.from_dlpack(x), copy=True))  # the other side may write to its memory


def _check_device(device: Any) -> None:
    if device not in (None, "cpu"):
        raise ValueError(f"Tensors are on the device 'cpu', not {device!r}")


@cache
def _wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def on_tensors(*args: Any, **kwargs: Any) -> Any:
        return _tensors(function(*args, **kwargs))

    return on_tensors


def _tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return wrap(value)
    if isinstance(value, tuple):
        parts = map(_tensors, value)
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return [_tensors(part) for part in value] if isinstance(value, list) else value


class _Extension(ModuleType):
    """``linalg`` or ``fft``."""

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module.__name__)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return _wrapped(getattr(self._module, name))

    def __dir__(self) -> list[str]:
        return list(self._module.__all__)


linalg, fft = _Extension(np.linalg), _Extension(np.fft)


def __getattr__(name: str) -> Any:
    if name == "special":  # where SciPy looks for its own functions (SCIPY_ARRAY_API=1)
        return import_module("tinygrad_np.special")
    found = getattr(np, name)
    if name.startswith("_") or name in _CONSTANTS or name in _DTYPES or not callable(found):
        return found
    return found if name in ("finfo", "iinfo", "isdtype", "can_cast", "result_type") else _wrapped(found)


def __dir__() -> list[str]:
    return [*np.__all__, "asarray", "from_dlpack", "linalg", "fft"]
