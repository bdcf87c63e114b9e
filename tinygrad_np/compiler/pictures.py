"""``step.graph``: the program of a compiled function as a picture, as it was captured and as it runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.compiler.program import Program, Value, masked, written
from tinygrad_np.compiler.rewriting import operands
from tinygrad_np.compiler.source import gradient_names
from tinygrad_np.draw import Drawing
from tinygrad_np.draw.folding import folded
from tinygrad_np.draw.outline import Kind
from tinygrad_np.draw.scene import Item, Scene

__all__ = ["Pictures", "drawn", "scene_of"]


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


def drawn(program: Program, max_nodes: int = 300) -> Drawing:
    """Return the drawing of a program. Where there is no room for all, the first steps are folded into one box."""
    scene = scene_of(program)
    return Drawing(folded(scene, max_nodes), scene=scene)


def scene_of(program: Program) -> Scene:
    """Return the steps of a program, and what they are computed from, as :mod:`tinygrad_np.draw` has it.

    States are parameters; the step that computes the new value of one says so.
    """
    names, becomes = gradient_names(program), dict[Value, list[str]]()
    for state, value in program.updates.items():
        becomes.setdefault(value, []).append(f"→ {state.name or 'state'}")
    known: dict[Value, Item] = {}

    def add(value: Value, operation: Any, kind: Kind, name: str, given: tuple[Any, ...], said: dict[str, Any]) -> None:
        shape = None if value.dtype.hasobject else value.shape  # it has several results
        item = Item(given, operation, kind, shape, value.dtype, name or None, metadata=said, order=len(known))
        known[value] = item

    for step in program.steps:
        given = _operands(step)
        for arg in given:
            if isinstance(arg, Value) and arg not in known:
                add(arg, None, *_leaf(program, arg), (), {})
        name = " ".join([*filter(None, [names.get(step, step.name)]), *becomes.get(step, [])])
        said = {key: value for key, value in step.kwargs.items() if not isinstance(value, Value)}
        kind: Kind = "result" if step in program.results else "operation"
        add(step, _operation(step), kind, name, tuple(known[a] if isinstance(a, Value) else a for a in given), said)
    return Scene(list(known.values()), {})


def _operands(step: Value) -> list[Any]:
    """Values, and the numbers among the operands of a ufunc."""
    if isinstance(step.function, np.ufunc):
        return [arg for arg in step.args if isinstance(arg, Value | bool | int | float | complex)]
    return list(operands(step))


def _leaf(program: Program, value: Value) -> tuple[Kind, str]:
    if value.array is not None and not value.shape:
        return "constant", f"{value.array[()]:.6g}"
    return "parameter" if value in program.state else "input" if value.array is None else "constant", value.name


class _Call(str):
    """The name of what a step calls. It is no entry of the table: there is no way back from a program."""

    arguments = ("x", "y")  # which are told apart at a difference or a quotient


def _operation(step: Value) -> _Call:
    """What a step does: ``add``, ``add.reduce``, ``matmul``; what writes, if it is a copy that is written to."""
    function = step.args[0] if step.function in (written, masked) else step.function
    owner = getattr(function, "__self__", None)
    name = str(getattr(function, "__name__", function))
    return _Call(f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name)
