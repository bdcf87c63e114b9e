"""How things are written in generated code: functions, numbers, arrays, names."""

from __future__ import annotations

import base64
import builtins
import keyword
import math
import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.compiler import runtime

__all__ = ["Names", "array_text", "function_text", "plain_text"]

_NUMPY = [(np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft"), (np.ndarray, "np.ndarray"), (operator, "operator")]
#: What generated code calls, and the variables of loops that it writes.
_IMPORTED = {
    "np", "add", "dot", "copyto", "arena", "state", "step", "results", "bound", "STATE",
    "compiled", "exactly", "plus", "start", "stop", "block", "end", "i", "j", *runtime.__all__,
}  # fmt: skip
_REGISTER = re.compile(r"s\d+|\w+_float(32|64)")


class Names:
    """Python names, each given once."""

    def __init__(self) -> None:
        self.taken: set[str] = set(_IMPORTED)

    def __call__(self, wish: str) -> str:
        """A name like ``wish`` (``"layers.0.weight"``) that no one has yet."""
        name = re.sub(r"\W+", "_", wish).strip("_") or "v"
        name = f"_{name}" if name[0].isdigit() else name
        found, n = name, 2
        while found in self.taken or _is_used_otherwise(found):
            found, n = f"{name}_{n}", n + 1
        self.taken.add(found)
        return found


def _is_used_otherwise(name: str) -> bool:
    return keyword.iskeyword(name) or hasattr(np, name) or hasattr(builtins, name) or bool(_REGISTER.fullmatch(name))


def function_text(function: Callable[..., Any]) -> str | None:
    """How a function is called by a file that imports NumPy, or None: then the file cannot call it."""
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(owner, np.ufunc):
        inner = function_text(owner)
        return f"{inner}.{name}" if inner else None
    for module, text in _NUMPY:
        if getattr(module, name, None) is function:
            return f"{text}.{name}"
    return None


def plain_text(arg: Any) -> str | None:
    """A static argument as text: numbers, strings, dtypes, slices; None, if it has no such form."""
    if arg is None or arg is Ellipsis or isinstance(arg, bool | int | str):
        return repr(arg)
    if isinstance(arg, float) and not isinstance(arg, np.generic):
        return repr(arg) if math.isfinite(arg) else f"float({str(arg)!r})"
    if isinstance(arg, complex) and not isinstance(arg, np.generic):
        return repr(arg) if np.isfinite(arg) else None
    if isinstance(arg, np.dtype):
        return f"np.{arg.name}" if arg.isnative and arg.kind in "biufc" else f"np.dtype({arg.str!r})"
    if isinstance(arg, type) and issubclass(arg, np.generic):
        return f"np.{arg.__name__}"
    return None


def array_text(array: Any, full: bool) -> str | None:
    """A constant as an expression, if it is short, or with ``full``, however long."""
    if array.dtype.kind not in "biufc":
        return None
    dtype = f"{array.dtype.name!r}"
    if array.size == 1 and np.isfinite(array).all():
        text = repr(array.item())
        for _ in array.shape:
            text = f"[{text}]"
        return f"np.array({text}, {dtype})"
    if array.size and np.isfinite(array).all():
        first = array.reshape(-1)[0]
        if (array == first).all() and not (first == 0 and np.signbit(array.real).any()):
            return f"np.full({array.shape}, {first.item()!r}, {dtype})"
        if array.ndim == 1 and array.dtype.kind in "iu" and (np.diff(array) == 1).all():
            return f"np.arange({first}, {first + array.size}, dtype={dtype})"
        if array.size <= 16:
            return f"np.array({array.tolist()!r}, {dtype})"
    if not full:
        return None
    code = base64.b85encode(np.ascontiguousarray(array).tobytes()).decode()
    return f"np.frombuffer(base64.b85decode({code!r}), {dtype}).reshape({array.shape}).copy()"
