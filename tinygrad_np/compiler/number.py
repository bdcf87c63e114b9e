"""``TracedNumber``: a Python number that may be another one in the next call.

A learning rate, the number of steps that an optimizer has taken, a factor that is an argument: inside of the function
they compute as numbers do, and what they compute is part of the program. Where Python has to know such a number (a
comparison, a length, an index), the program holds for that number only, and this is checked in every call.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from tinygrad_np.compiler.arguments import outranked
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.recording import Symbol, current, recording
from tinygrad_np.compiler.traced import traced_call, traced_ufunc

__all__ = ["TracedNumber"]

_NUMBERS = (bool, int, float)


def _binary(function: Callable[[Any, Any], Any], swapped: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: TracedNumber, other: Any) -> Any:
        if not isinstance(other, TracedNumber | bool | int | float) or isinstance(other, np.generic):
            return NotImplemented
        pair = (other, self) if swapped else (self, other)
        number = function(*(p.number if isinstance(p, TracedNumber) else p for p in pair))
        if not isinstance(number, _NUMBERS):
            raise TypeError(f"{function.__name__} of {pair} is no real number")
        values = (p._value if isinstance(p, TracedNumber) else p for p in pair)
        return TracedNumber(number, recording().number(function, *values, like=number))

    return method


def _unary(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def method(self: TracedNumber) -> TracedNumber:
        number = function(self.number)
        return TracedNumber(number, recording().number(function, self._value, like=number))

    return method


class TracedNumber(Symbol):
    """A number of a computation that is being captured.

    Parameters
    ----------
    number : bool, int or float
        What it is in this run.
    value : Value
        What computes it.
    """

    __slots__ = ("number",)

    def __init__(self, number: Any, value: Value) -> None:
        self._recording, self._value, self.number = current.get(), value, number

    present = property(lambda self: self.number, doc="What it is in this run.")
    shape: tuple[int, ...] = ()
    ndim, size = 0, 1
    dtype = property(lambda self: np.asarray(self.number).dtype, doc="Type that an array of it would have.")

    __add__, __radd__ = _binary(operator.add), _binary(operator.add, True)
    __sub__, __rsub__ = _binary(operator.sub), _binary(operator.sub, True)
    __mul__, __rmul__ = _binary(operator.mul), _binary(operator.mul, True)
    __truediv__, __rtruediv__ = _binary(operator.truediv), _binary(operator.truediv, True)
    __floordiv__, __rfloordiv__ = _binary(operator.floordiv), _binary(operator.floordiv, True)
    __mod__, __rmod__ = _binary(operator.mod), _binary(operator.mod, True)
    __pow__, __rpow__ = _binary(operator.pow), _binary(operator.pow, True)
    __lt__, __le__, __gt__, __ge__ = map(_binary, (operator.lt, operator.le, operator.gt, operator.ge))
    __eq__, __ne__ = _binary(operator.eq), _binary(operator.ne)
    __neg__, __pos__, __abs__ = _unary(operator.neg), _unary(operator.pos), _unary(operator.abs)

    # --- where Python has to know it --------------------------------------------------------------------------------
    def known(self) -> Any:
        """Return the number; from now on, the program holds for this one only."""
        recording().check(self._value, self.number)
        return self.number

    def __bool__(self) -> bool:
        if isinstance(self.number, bool):
            return bool(self.known())
        return bool(self != 0)

    def __float__(self) -> float:
        return float(self.known())

    def __int__(self) -> int:
        return int(self.known())

    def __index__(self) -> int:
        return operator.index(self.known())

    def __complex__(self) -> complex:
        return complex(self.known())

    def __hash__(self) -> int:
        return hash(self.known())

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.known(), digits)

    def __format__(self, spec: str) -> str:
        return format(self.known(), spec)

    def __repr__(self) -> str:
        return repr(self.number)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.known(), dtype)

    # --- among arrays: weak, as Python's numbers are ------------------------------------------------------------------
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        return (
            NotImplemented if outranked([*args, *kwargs.get("out", ())]) else traced_ufunc(ufunc, method, args, kwargs)
        )

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return NotImplemented if outranked([*args, *kwargs.values()]) else traced_call(function, args, kwargs)


Real.register(TracedNumber)
