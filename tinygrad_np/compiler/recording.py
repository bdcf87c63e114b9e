"""``Recording``: the program of a function, written down while it runs.

:class:`~tinygrad_np.compiler.traced.Traced` arrays compute as arrays do, and tell the recording what they did.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_np.compiler.program import Value, written
from tinygrad_np.observe import caller

__all__ = ["CaptureError", "Check", "Recording", "Symbol", "current", "outlived", "user_line"]

Array = np.ndarray[Any, Any]

#: The recording of the capture that is under way in this context.
current: ContextVar[Recording | None] = ContextVar("tinygrad_np.recording", default=None)


class CaptureError(RuntimeError):
    """A function does what a compiled function cannot repeat."""


class Symbol:
    """What a Value of the program stands for while the function runs: an array or a number."""

    __slots__ = ("_recording", "_value")
    _recording: Recording | None
    _value: Value

    @property
    def present(self) -> Any:
        """What it is in this run."""
        raise NotImplementedError

    def known(self) -> Any:
        """Return what it is, where Python has to know: the program holds for this only."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """What Python has seen of a value, so that it went this way and no other.

    Attributes
    ----------
    value : Value
    expected : bool, int, float or complex
        What it was.
    line : str
        Where Python looked: ``file:line``.
    """

    value: Value
    expected: Any
    line: str


class Recording:
    """The steps of a function, in the order in which they run.

    Attributes
    ----------
    steps : list of Value
    checks : list of Check
        What has to hold for the same steps to be right again.
    lines : dict of Value to str
        Where in the user's code each constant came in.
    layouts : bool
        Whether the steps are right only where the arrays lie in memory as they do now.
    """

    def __init__(self) -> None:
        self.steps: list[Value] = []
        self.checks: list[Check] = []
        self.lines: dict[Value, str] = {}
        self.open, self.layouts = True, False
        self._constants: dict[int, tuple[Array, Value]] = {}
        self._numbers: dict[Any, Value] = {}
        self._adopted: dict[int, tuple[Array, Any]] = {}

    # --- steps ------------------------------------------------------------------------------------------------------
    def step(
        self, function: Callable[..., Any], args: Any, kwargs: dict[str, Any], like: Any, weak: bool = False
    ) -> Value:
        """Append a call, with Values in place of arrays; ``like`` is its result, or has its shape and dtype."""
        if isinstance(like, tuple | list):
            shape, dtype = (), np.dtype(object)
        else:
            shape, dtype = like.shape, like.dtype
        value = Value(function, self.operands(tuple(args)), self.operands(kwargs), shape, dtype, weak=weak)
        self.steps.append(value)
        return value

    def number(self, function: Callable[..., Any], *args: Any, like: Any) -> Value:
        """Return the step that computes a Python number, which may be there already."""
        key = (function, *((type(arg), arg) for arg in args))  # 1 and 1.0 are equal, but not the same
        if key not in self._numbers:
            self._numbers[key] = Value(function, args, {}, (), np.asarray(like).dtype, weak=True)
            self.steps.append(self._numbers[key])
        return self._numbers[key]

    def check(self, value: Value, expected: Any) -> None:
        """Note that Python saw a value."""
        if not any(check.value is value for check in self.checks):
            self.checks.append(Check(value, expected, user_line()))

    def written(self, value: Value, function: Callable[..., Any], *args: Any) -> Value:
        """Append a step that writes into a copy of ``value``."""
        return self.step(written, (function, value, *args), {}, value)

    # --- operands ---------------------------------------------------------------------------------------------------
    def operands(self, arg: Any) -> Any:
        """Replace arrays in an argument, traced or not, by Values."""
        if isinstance(arg, Symbol):
            if arg._recording is not self:
                raise outlived()
            if isinstance(arg._value, str):
                raise CaptureError(arg._value)
            return arg._value
        if isinstance(arg, np.ndarray):
            return self._operand(arg)
        if isinstance(arg, np.generic):
            return self.constant(np.asarray(arg))
        if isinstance(arg, tuple | list):
            items = [self.operands(item) for item in arg]
            return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
        if isinstance(arg, dict):
            return {key: self.operands(item) for key, item in arg.items()}
        return arg

    def _operand(self, array: Array) -> Value:
        if type(array) not in (np.ndarray, np.memmap):
            raise CaptureError(
                f"{user_line()}: a compiled function computes with a {type(array).__name__}; give it an ndarray"
            )
        adopted = self._adopted.get(id(array))
        if adopted is not None:
            value: Value = adopted[1]._value
            return value
        return self.constant(array)

    def constant(self, array: Array) -> Value:
        """Return the Value of an array that the function made, or found, itself."""
        known = self._constants.get(id(array))
        if known is not None:
            assert known[1].array is not None
            if known[1].array.tobytes() == array.tobytes():
                return known[1]
        copied = array.copy(order="K")
        value = Value(None, (), {}, array.shape, array.dtype, array=copied)
        self._constants[id(array)] = array, value
        self.lines[value] = user_line()
        return value

    def adopt(self, array: Array, make: Callable[[Array, Value], Any]) -> Any:
        """Return the traced array that follows an ordinary one from now on: something traced is written into it."""
        known = self._adopted.get(id(array))
        if known is None:
            known = self._adopted[id(array)] = array, make(array, self._operand(array))
        return known[1]


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


def outlived() -> CaptureError:
    """The error that says that something traced is used after its time."""
    return CaptureError(
        "this array was made inside of a compiled function while it was captured, and has outlived it: a compiled "
        "function hands out what it returns, and what it leaves in Tensors, .grad and attributes that it found"
    )


def user_line() -> str:
    """Return ``file:line`` of the innermost line that belongs to neither this package nor NumPy."""
    place = caller()
    return f"{place.file}:{place.line}" if place else "?"
