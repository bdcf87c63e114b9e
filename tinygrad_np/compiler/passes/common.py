"""Common subexpressions: what is computed twice is computed once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from tinygrad_np.compiler.kinds import is_pure, is_scalar
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, rewrite

__all__ = ["identity", "without_repetitions"]


def without_repetitions(program: Program) -> Program:
    """Let equal calls of pure functions on the same operands be one."""
    seen: dict[Hashable, Value] = {}

    def rule(value: Value, call: Call) -> Value | None:
        if not is_pure(value.function):
            return None
        key = (value.function, identity(value.args), identity(value.kwargs), value.dtype, value.weak)
        found = seen.setdefault(key, value)
        return None if found is value else found

    return rewrite(program, rule)


def identity(arg: Any) -> Hashable:
    """What makes two arguments the same."""
    if isinstance(arg, Value):
        if arg.array is not None and arg.array.size <= 16:
            return "constant", arg.array.tobytes(), arg.shape, arg.dtype
        return "value", id(arg)
    if isinstance(arg, tuple | list):
        return type(arg).__name__, *map(identity, arg)
    if isinstance(arg, dict):
        return "dict", *((name, identity(arg[name])) for name in sorted(arg))
    if isinstance(arg, slice):
        return "slice", identity(arg.start), identity(arg.stop), identity(arg.step)
    if is_scalar(arg):
        return type(arg).__name__, repr(arg)  # 0.0 and -0.0 differ, NaN is itself
    try:
        hash(arg)
    except TypeError:
        return "object", id(arg)
    return type(arg).__name__, arg
