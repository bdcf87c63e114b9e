"""``step.graph``: the program of a compiled function as a picture, as it was captured and as it runs."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.compiler.program import Program, Value, masked, written
from tinygrad_np.compiler.rewriting import operands
from tinygrad_np.compiler.source import gradient_names
from tinygrad_np.draw import Drawing
from tinygrad_np.draw.outline import SIGNS, Arrow, Box, Outline

__all__ = ["Pictures", "outlined"]


class Pictures(NamedTuple):
    """A program, drawn.

    Attributes
    ----------
    before : Drawing
        What was captured: forward, backward and update as one graph.
    after : Drawing
        What the passes have made of it.
    """

    before: Drawing
    after: Drawing


def outlined(program: Program, max_nodes: int = 300) -> Outline:
    """Return the boxes and arrows of a program.

    States are drawn as parameters; the step that computes the new value of one says so. The last steps are shown, up
    to ``max_nodes`` boxes in all; those before are folded into one.
    """
    shown, hidden = _latest(program, max_nodes)
    old = set(hidden)
    names, becomes = gradient_names(program), dict[Value, list[str]]()
    for state, value in program.updates.items():
        becomes.setdefault(value, []).append(f"→ {state.name or 'state'}")
    counts = Counter(map(_operation, hidden))
    kinds = tuple(f"{n} {operation}" for operation, n in counts.most_common(5))
    boxes = [Box("folded", f"{len(hidden):,} more", kinds)] if hidden else []
    arrows: list[Arrow] = []
    numbers = dict.fromkeys(hidden, 0)
    for step in shown:
        inflow = []
        for i, arg in enumerate(_shown_operands(step)):
            if arg not in numbers:
                if isinstance(arg, Value):
                    numbers[arg] = len(boxes)
                inflow.append(Arrow(len(boxes), 0, _sign(step, i)))
                boxes.append(_leaf(program, arg))
            elif not (arg in old and any(arrow.tail == 0 for arrow in inflow)):
                inflow.append(Arrow(numbers[arg], 0, "" if arg in old else _sign(step, i)))
        numbers[step] = len(boxes)
        boxes.append(_box(step, names.get(step, step.name), step in program.results, becomes.get(step, [])))
        arrows += [Arrow(arrow.tail, numbers[step], arrow.label) for arrow in inflow]
    return Outline(tuple(boxes), tuple(arrows))


def _latest(program: Program, max_nodes: int) -> tuple[list[Value], list[Value]]:
    """The steps to show, as many as there is room for with their operands; and the others."""
    room, seen = max_nodes, set[Value]()
    for n, step in enumerate(reversed(program.steps)):
        leaves = [arg for arg in _shown_operands(step) if not isinstance(arg, Value) or arg.function is None]
        room -= 1 + len([arg for arg in leaves if arg not in seen])
        seen |= {arg for arg in leaves if isinstance(arg, Value)}
        if room < 0 and n:
            return program.steps[-n:], program.steps[:-n]
    return program.steps, []


def _shown_operands(step: Value) -> list[Any]:
    """Values, and the numbers among the operands of a ufunc."""
    if isinstance(step.function, np.ufunc):
        return [arg for arg in step.args if isinstance(arg, Value | bool | int | float | complex)]
    return list(operands(step))


def _sign(step: Value, i: int) -> str:
    """What to write at an operand where the order matters."""
    return SIGNS.get(_operation(step), "") if i == 1 else ""


def _box(step: Value, name: str, is_result: bool, becomes: list[str]) -> Box:
    operation = _operation(step)
    lines = [operation] if name else []
    lines += [f"{key}={value}" for key, value in step.kwargs.items() if not isinstance(value, Value)]
    return Box(
        "result" if is_result else "operation", name or operation, (*lines, _form(step), *becomes), operation,
        step.shape, step.dtype.name,
    )  # fmt: skip


def _leaf(program: Program, arg: Any) -> Box:
    if not isinstance(arg, Value):
        return Box("constant", f"{arg:.6g}" if isinstance(arg, float) else str(arg))
    if arg.array is not None and not arg.shape:
        return Box("constant", f"{arg.array[()]:.6g}", (arg.dtype.name,), None, (), arg.dtype.name)
    kind = "parameter" if arg in program.state else "input" if arg.array is None else "constant"
    return Box(kind, arg.name or kind, (_form(arg),), None, arg.shape, arg.dtype.name)  # type: ignore[arg-type]


def _form(value: Value) -> str:
    if value.weak:
        return "number"
    if value.dtype.hasobject:
        return "several results"
    return f"{value.shape or 'scalar'} {value.dtype}"


def _operation(step: Value) -> str:
    """What a step does: ``add``, ``add.reduce``, ``matmul``; what writes, if it is a copy that is written to."""
    function = step.args[0] if step.function in (written, masked) else step.function
    owner = getattr(function, "__self__", None)
    name = str(getattr(function, "__name__", function))
    return f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name
