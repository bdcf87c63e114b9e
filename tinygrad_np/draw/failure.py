"""What led to an operation that failed, and that operation in red."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from textwrap import wrap
from typing import Any

from tinygrad_np.draw.scene import Item, Scene, traced
from tinygrad_np.draw.words import place_of
from tinygrad_np.errors import OperationError
from tinygrad_np.graph import Node
from tinygrad_np.tensor import Tensor

__all__ = ["stopped", "up_to"]

_WIDTH, _LINES = 44, 4  # of the words in the box


def up_to(error: OperationError, names: Mapping[Node, str]) -> Scene:
    """Return all that led to the operands, and the operation that did not take them."""
    nodes = {o.value.node: o.name for o in error.operands if isinstance(o.value, Tensor)}
    called = {node: name for node, name in nodes.items() if node.primitive is None and node.name is None}
    scene = traced(*nodes, names=called | dict(names))
    operands: list[Any] = []
    for operand in error.operands:
        if isinstance(operand.value, Tensor):
            operands.append(scene.nodes[operand.value.node])
        elif operand.shape is None:
            operands.append(operand.value)  # a number
        else:
            item = Item((), None, "input", operand.shape, operand.dtype, operand.name, order=len(scene.items))
            scene.items.append(item)
            operands.append(item)
    _fail(scene, error.operation, tuple(operands), error.problem)
    scene.items[-1].where = place_of(error.where)
    return scene


def stopped(error: Exception, nodes: Collection[Node], names: Mapping[Node, str]) -> Scene:
    """Return what was computed before any other error; ``nodes`` are all operations before it."""
    guilty = getattr(error, "node", None)  # of a NaN or an infinity
    if isinstance(guilty, Node):
        scene = traced(guilty, names=names, marked=[guilty])
        scene.nodes[guilty].problem = _wrapped(str(error))
        return scene
    used = {parent for node in nodes for parent in node.parents if isinstance(parent, Node)}
    scene = traced(*[node for node in nodes if node not in used], names=names)
    _fail(scene, type(error).__name__, tuple(scene.items[-1:]), str(error))
    return scene


def _fail(scene: Scene, operation: str, operands: tuple[Any, ...], problem: str) -> None:
    """Add the operation that failed: now it is what the picture leads to."""
    for item in scene.items:
        item.kind = "operation" if item.kind == "result" else item.kind
    scene.items.append(
        Item(
            operands, operation, "operation", None, None, marked=True, problem=_wrapped(problem), order=len(scene.items)
        )
    )


def _wrapped(problem: str) -> list[str]:
    lines = wrap(problem.partition("\n")[0], _WIDTH)
    return lines if len(lines) <= _LINES else [*lines[: _LINES - 1], f"{lines[_LINES - 1]} ..."]
