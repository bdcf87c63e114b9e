"""Telling whether two calls of a function ran the same program."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tinygrad_np.compiler.captured import Captured
from tinygrad_np.compiler.program import Program, Value

__all__ = ["difference", "fingerprint"]

#: What each step computes, and the constants in it.
Fingerprint = list[tuple[str, tuple[Value, ...]]]


def fingerprint(captured: Captured) -> Fingerprint:
    """Return what two captures have in common if they ran the same program: equal texts, line by line."""
    lines = _lines(captured.program) + _lines(captured.conditions)
    lines += [
        (f"{output.kind} {_text(output.thing, {}, []) if output.kind == 'object' else ''}", ())
        for output in captured.outputs
    ]
    lines += [(f"{draw.method} {draw.args} {draw.kwargs}", ()) for draw in captured.draws]
    lines += [(f"expected {check.expected}", ()) for check in captured.checks]
    places = {source: i for i, source in enumerate(captured.sources)}
    lines += [
        (f"{s.kind} {s.after is None}, {s.changes}, {s.rebound}, {s.recorded}, {s.given and places[s.given]}", ())
        for s in captured.sources
        if s.kind != "grad" or s.changes or s.after
    ]
    return lines


def difference(old: Fingerprint, new: Fingerprint, lines: dict[Value, str]) -> str:
    """Say where two fingerprints begin to differ."""
    for (before, _), (after, constants) in zip(old, new, strict=False):
        if before != after:
            where = "; ".join(lines[value] for value in constants if value in lines)
            return f"{before!r} became {after!r}" + (f" (with an array that came in at {where})" if where else "")
    return f"{len(old)} steps became {len(new)}"


def _lines(program: Program) -> Fingerprint:
    names = {value: f"<{value.name}>" for value in (*program.inputs, *program.state)}
    lines: Fingerprint = [(f"{name}: {value.dtype}{list(value.shape)}", ()) for value, name in names.items()]
    functions: dict[Any, str] = {}
    for step in program.steps:
        constants: list[Value] = []
        names[step] = f"%{len(names)}"
        function = functions.get(step.function)
        if function is None:
            function = functions[step.function] = _text(step.function, names, constants)
        args = [
            names.get(arg) or _text(arg, names, constants)
            if arg.__class__ is Value and arg.array is None
            else _text(arg, names, constants)
            for arg in step.args
        ]
        kwargs = _text(step.kwargs, names, constants) if step.kwargs else ""
        lines.append((f"{function}({', '.join(args)}){kwargs}", tuple(constants)))
    constants = []
    lines.append((f"return {_text(program.results, names, constants)}", tuple(constants)))
    lines += [(f"{names[old]} = {_text(new, names, constants)}", ()) for old, new in program.updates.items()]
    return lines


def _text(arg: Any, names: dict[Value, str], constants: list[Value]) -> str:
    if isinstance(arg, Value):
        if arg not in names:
            assert arg.array is not None
            constants.append(arg)
            content = hashlib.sha256(arg.array.tobytes()).hexdigest()[:12] if arg.array.size > 4 else arg.array.tolist()
            names[arg] = f"{arg.dtype}{list(arg.shape)} {content}"
        elif arg.array is not None:
            constants.append(arg)
        return names[arg]
    if isinstance(arg, tuple | list):
        return f"({', '.join(_text(item, names, constants) for item in arg)})"
    if isinstance(arg, dict):
        return f"{{{', '.join(f'{key}: {_text(item, names, constants)}' for key, item in arg.items())}}}"
    if callable(arg):
        owner = getattr(arg, "__self__", None)
        owner = f"{owner.__name__}." if isinstance(owner, np.ufunc) else ""
        return f"{owner}{getattr(arg, '__name__', arg)}"
    return repr(arg)
