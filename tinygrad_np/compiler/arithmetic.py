"""The part of a program that runs in Python, before its arrays are computed: conditions, and numbers.

Few things are computed there: whether the labels are in range, the learning rate divided by the bias correction. As
plain Python they cost next to nothing, and are what the function computed, to the last bit.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_np.compiler.captured import Captured
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands

__all__ = ["Arithmetic"]


_SIGNS: dict[Any, str] = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
    operator.mod: "%", operator.pow: "**", operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
    operator.eq: "==", operator.ne: "!=", np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=",
    np.equal: "==", np.not_equal: "!=",
}  # fmt: skip


#: On small arrays, to find the place of the smallest number takes a third of the time that the number itself takes.
_EXTREMES: dict[Any, str] = {np.minimum.reduce: "argmin", np.maximum.reduce: "argmax"}


class Arithmetic:
    """Lines of code.

    Parameters
    ----------
    captured : Captured
    names : dict of Value to str
        The variables that are there already; those that are made are added.
    bind : callable
        Gives a name to a constant.

    Attributes
    ----------
    program : Program
        What is left: numbers are among its inputs, and it computes arrays only.
    """

    def __init__(self, captured: Captured, names: dict[Value, str], bind: Callable[[Any], str]) -> None:
        self._captured, self._names, self._bind = captured, names, bind
        self._unchecked = list(captured.checks)
        program = captured.program
        arrays = [step for step in program.steps if not step.weak]
        read = dict.fromkeys(operand for step in arrays for operand in operands(step))
        numbers = [value for value in read if value.weak and value not in program.inputs]
        for i, value in enumerate(numbers):
            value.name = value.name or f"number_{i + 1}"
        self.program = Program(
            [*(value for value in program.inputs if not value.weak or value in read), *numbers],
            [value for value in program.state if not value.weak],
            arrays,
            [value for value in program.results if not value.weak],
            {before: after for before, after in program.updates.items() if not before.weak},
        )
        wanted = [*self.program.inputs, *program.results, *program.updates.values()]
        self._wanted = [value for value in wanted if value.weak]

    def before(self, undo: Iterable[str]) -> list[str]:
        """Return the lines that look at conditions that can be looked at by now; if one is not met, ``undo`` is run."""
        lines: list[str] = []
        for check in list(self._unchecked):
            steps = self._steps(check.value)
            if steps is None:
                continue
            self._unchecked.remove(check)
            if isinstance(check.expected, bool):
                if (found := self._limit(steps)) is None:
                    lines += map(self._line, steps[:-1])
                    found = self._expression(steps[-1]) if steps else self._names[check.value]
                lines.append(f"if {'not ' if check.expected else ''}{found}:")
            else:
                lines += map(self._line, steps)
                found, expected = self._names[check.value], self._bind(check.expected)
                lines.append(f"if type({found}) is not type({expected}) or {found} != {expected}:")
            lines += [*(f"    {line}" for line in undo), "    return MISS"]
        return lines

    def numbers(self) -> list[str]:
        """Return the lines that compute the numbers that arrays are computed with."""
        lines: list[str] = []
        for value in self._wanted:
            lines += map(self._line, self._steps(value) or ())
        return lines

    def formulas(self) -> list[str]:
        """Return how the numbers among the inputs are computed, to be read."""
        known = {*self._captured.program.inputs, *self._captured.program.state}
        numbers = [value for value in self.program.inputs if value.weak and value not in known]
        return [f"{value.name} = {_formula(value)}" for value in numbers]

    def _steps(self, value: Value) -> list[Value] | None:
        """The steps that compute a value; ``None`` if it depends on what is not there yet."""
        steps: dict[Value, None] = {}
        stack = [value]
        while stack:
            top = stack.pop()
            if top in self._names or top.array is not None or top in steps:
                continue
            if top.function is None:
                return None
            steps[top] = None
            stack += _operands([top.args, top.kwargs])
        in_order = dict.fromkeys([*self._captured.conditions.steps, *self._captured.program.steps])
        return [step for step in in_order if step in steps]

    def _line(self, step: Value) -> str:
        line = f"n{len(self._names)} = {self._expression(step)}"
        self._names[step] = f"n{len(self._names)}"
        return line

    def _expression(self, step: Value) -> str:
        if step.function in _SIGNS and not any(operand.shape for operand in _operands([step.args])):
            return f" {_SIGNS[step.function]} ".join(map(self._text, step.args))
        if (found := self._extreme(step)) is not None:
            return "{}.flat[{}]".format(*found)
        operands = [*map(self._text, step.args), *(f"{key}={self._text(arg)}" for key, arg in step.kwargs.items())]
        return f"{self._bind(step.function)}({', '.join(operands)})"

    def _limit(self, steps: list[Value]) -> str | None:
        """The expression for a limit to all elements, if the steps compute one: Python compares numbers faster."""
        if len(steps) != 2 or steps[1].function not in _SIGNS or steps[1].args[0] is not steps[0]:
            return None
        limit, exact = steps[1].args[1], {"f": 1 << 8, "i": np.inf, "u": np.inf}.get(steps[0].dtype.kind, -1)
        if type(limit) is not int or abs(limit) > exact or (found := self._extreme(steps[0])) is None:
            return None
        return "{}.item({}) {} {}".format(*found, _SIGNS[steps[1].function], limit)

    def _extreme(self, step: Value) -> tuple[str, str] | None:
        """The expressions for an array and the place of its smallest or largest number, if that is what is computed."""
        if step.function not in _EXTREMES or step.kwargs != {"axis": None} or len(step.args) != 1:
            return None
        x = self._text(step.args[0])
        return x, f"{x}.{_EXTREMES[step.function]}()"

    def _text(self, arg: Any) -> str:
        if isinstance(arg, Value):
            return self._names[arg] if arg in self._names else self._bind(arg.array)
        if isinstance(arg, tuple | list) and not hasattr(arg, "_fields"):
            inside = "".join(f"{self._text(item)}, " for item in arg)
            return f"({inside})" if isinstance(arg, tuple) else f"[{inside}]"
        literal = arg is None or type(arg) in (bool, int) or (type(arg) is float and math.isfinite(arg))
        return repr(arg) if literal else self._bind(arg)


def _formula(value: Any, inside: bool = False) -> str:
    if not isinstance(value, Value):
        return repr(value)
    if value.function not in _SIGNS:
        return value.name or "..."
    text = f" {_SIGNS[value.function]} ".join(_formula(arg, True) for arg in value.args)
    return f"({text})" if inside else text


def _operands(args: list[Any]) -> list[Value]:
    """The Values in arguments."""
    found, stack = [], list(args)
    while stack:
        arg = stack.pop()
        if isinstance(arg, Value):
            found.append(arg)
        elif isinstance(arg, tuple | list):
            stack += reversed(arg)
        elif isinstance(arg, dict):
            stack += arg.values()
    return found
