"""Running a program call by call, as it stands: what plans are compared with."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_seen
from tinygrad_np.compiler.program import Program, Value

__all__ = ["Interpreted", "interpret"]


def interpret(program: Program, inputs: Iterable[Any], state: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Run a program.

    Parameters
    ----------
    program : Program
    inputs, state : arrays, and Python numbers for weak Values
        Not written to.

    Returns
    -------
    results, new_state : list
        Arrays, and numbers.
    """
    known: dict[Value, Any] = dict(zip(program.inputs, inputs, strict=True))
    known |= zip(program.state, state, strict=True)

    def found(arg: Any) -> Any:
        if isinstance(arg, Value):
            return arg.array if arg.array is not None else known[arg]
        if isinstance(arg, tuple | list):
            items = map(found, arg)
            return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
        return arg

    for step in program.steps:
        assert step.function is not None
        result = step.function(*found(step.args), **{key: found(arg) for key, arg in step.kwargs.items()})
        known[step] = result if step.weak or step.dtype == object else np.asarray(result)
    return [found(value) for value in program.results], [found(program.updates.get(s, s)) for s in program.state]


class Interpreted:
    """A program as a plan that does nothing to it.

    Parameters
    ----------
    program : Program
    """

    memory = 0
    kept = ()  # it is nowhere left anything: see :class:`tinygrad_np.compiler.lending.Lent`

    def __init__(self, program: Program) -> None:
        self.program = program

    def __call__(self, inputs: list[Any], state: list[Any], replaced: Any = ()) -> tuple[list[Any], list[Any]]:
        with np.errstate(all="ignore"):  # what an operation did or did not warn of, it has said when captured
            results, state = interpret(self.program, inputs, state)
        seen = map(is_seen, self.program.results)
        return [a.copy() if old else a for a, old in zip(results, seen, strict=True)], state

    @property
    def source(self) -> str:
        """The calls, one per line."""
        names: dict[Value, str] = {}

        def written_out(arg: Any) -> str:
            if isinstance(arg, Value):
                return names.setdefault(arg, arg.name or f"v{len(names)}")
            if isinstance(arg, tuple):
                return f"({', '.join(map(written_out, arg))}{',' * (len(arg) == 1)})"
            return f"[{', '.join(map(written_out, arg))}]" if isinstance(arg, list) else repr(arg)

        lines = []
        for step in self.program.steps:
            args = ", ".join([*map(written_out, step.args), *(f"{k}={written_out(v)}" for k, v in step.kwargs.items())])
            lines.append(f"{written_out(step)} = {_name_of(step.function)}({args})")
        lines += [f"{written_out(old)} = {written_out(new)}" for old, new in self.program.updates.items()]
        return "\n".join([*lines, f"return {', '.join(map(written_out, self.program.results))}"])


def _name_of(function: Any) -> str:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{function.__name__}"
    name = getattr(function, "__qualname__", None) or function.__name__
    if isinstance(function, np.ufunc) or (getattr(function, "__module__", "") or "numpy").startswith("numpy"):
        return f"np.{name}"
    return f"operator.{name}" if getattr(operator, name, None) is function else str(name)
