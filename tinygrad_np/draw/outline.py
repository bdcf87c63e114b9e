"""What there is to draw: a computation graph as plain boxes and arrows, for whatever writes them down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tinygrad_np.graph import Node, walk

__all__ = ["SIGNS", "Arrow", "Box", "Kind", "Outline", "outline"]

#: A ``result`` is what the drawing is of: the loss. A ``folded`` box stands for all that was left out.
Kind = Literal["parameter", "input", "constant", "operation", "result", "folded"]


#: Written at the second operand, where the order matters and shared operands may not stand in order.
SIGNS = {"subtract": "\N{MINUS SIGN}", "divide": "÷", "power": "^", "matmul": "@"}


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in the picture.

    Attributes
    ----------
    kind : str
    title : str
        What to write first: its name or, without one, the operation, the operand or the number that it is.
    lines : tuple of str
        What is worth writing below.
    operation : str or None
        The operation that computed it.
    shape : tuple of int or None
    dtype : str or None
        Of its value; ``None`` for Python's scalars, and where several things are folded into one.
    marked : bool
        Somebody points at it.
    """

    kind: Kind
    title: str
    lines: tuple[str, ...] = ()
    operation: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """An operand on its way into an operation: from box number ``tail`` to box number ``head``."""

    tail: int
    head: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Outline:
    """A picture before anyone decided what it looks like: ``arrows`` speak of positions in ``boxes``."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def outline(root: Node, names: Mapping[Node, str], max_nodes: int, marked: Set[Node] = frozenset()) -> Outline:
    """Return the boxes and arrows of the graph that ``root`` depends on.

    Operations come in the order in which they were computed, each right after those of its operands that are
    new, so the same computation gives the same outline. A node used several times is one box with several
    arrows.

    Parameters
    ----------
    root : Node
    names : mapping of Node to str
        Names that take precedence over those that the nodes have.
    max_nodes : int
        How many boxes there may be. The operations computed last are shown, with their operands; all that is
        older is folded into one more box, number 0, which says what it stands for.
    marked : set of Node
        What to point at.
    """
    nodes = walk(root)
    shown = _newest(nodes, max_nodes)
    hidden = [node for node in nodes if node not in shown]
    boxes = [_fold(hidden)] if hidden else []
    arrows: list[Arrow] = []
    numbers = dict.fromkeys(hidden, 0)
    for node in reversed(nodes):
        if node.primitive is None or node not in shown:
            continue
        inflow = []
        for parent, role in zip(node.parents, _roles(node), strict=True):
            if parent not in numbers:  # a leaf, drawn at its first use, or a scalar, drawn at each
                inflow.append((len(boxes), _label(parent, role)))
                if isinstance(parent, Node):
                    numbers[parent] = len(boxes)
                boxes.append(_leaf(parent, role, names))
            elif parent in shown:
                inflow.append((numbers[parent], _label(parent, role)))
        numbers[node] = len(boxes)
        boxes.append(_step(node, node is root, names, node in marked))
        arrows += [Arrow(tail, numbers[node], label) for tail, label in inflow]
        if unseen := [parent for parent in node.parents if isinstance(parent, Node) and parent not in shown]:
            label = _shape(unseen[0]) if len(unseen) == 1 else f"{len(unseen)} operands"
            arrows.append(Arrow(0, numbers[node], label))
    if root.primitive is None:
        boxes.append(_leaf(root, "", names))
    used_in_fold = {numbers[parent] for node in hidden for parent in node.parents if parent in shown}
    arrows += [Arrow(tail, 0) for tail in sorted(used_in_fold)]
    return Outline(tuple(boxes), tuple(arrows))


def _newest(nodes: list[Node], max_nodes: int) -> set[Node]:
    """The nodes to show: the operations computed last and their operands, as many as there is room for.

    What is left out is older than every operation that is shown, so no path leads from the picture into the
    fold and back.
    """
    shown = set(nodes[:1])
    room = max_nodes
    for node in nodes:
        if room <= 0:
            break
        if node.primitive is None:
            continue
        shown.add(node)
        room -= 1
        for parent in node.parents:
            if not isinstance(parent, Node):
                room -= 1
            elif parent.primitive is None and parent not in shown and room > 0:
                shown.add(parent)
                room -= 1
    return shown


def _step(node: Node, is_result: bool, names: Mapping[Node, str], marked: bool) -> Box:
    """The box of an operation."""
    assert node.primitive is not None
    operation, name = node.primitive.name, names.get(node, node.name)
    lines = [operation] if name else []
    lines += _options(node)
    lines.append(_shape(node))
    operands = {p.dtype for p in node.parents if isinstance(p, Node) and p.dtype is not None and p.dtype.kind in "fc"}
    # Elsewhere the dtype is that of the operands, which goes without saying; and several results have none.
    if is_result or (node.dtype is not None and operands - {node.dtype}):
        lines[-1] += f" {node.dtype}"
    kind: Kind = "result" if is_result else "operation"
    return Box(kind, name or operation, tuple(lines), operation, node.shape, node.dtype and str(node.dtype), marked)


def _leaf(leaf: Any, role: str, names: Mapping[Node, str]) -> Box:
    """The box of what no operation computed; without a name, it is called what it is to its first user."""
    if not isinstance(leaf, Node):
        return Box("constant", f"{leaf:.6g}" if isinstance(leaf, float) else str(leaf))
    kind = _leaf_kind(leaf)
    title = names.get(leaf, leaf.name) or (role if role.isidentifier() else kind)
    return Box(kind, title, (f"{_shape(leaf)} {leaf.dtype}",), None, leaf.shape, str(leaf.dtype))


def _leaf_kind(leaf: Node) -> Kind:
    return "parameter" if leaf.requires_grad else "input" if leaf.shape or leaf.name else "constant"


def _fold(hidden: list[Node]) -> Box:
    counts = Counter("operation" if node.primitive else _leaf_kind(node) for node in hidden)
    kinds: tuple[Kind, ...] = ("operation", "parameter", "input", "constant")
    lines = [f"{n:,} {kind}{'s' * (n > 1)}" for kind in kinds if (n := counts[kind])]
    return Box("folded", f"{len(hidden):,} more", tuple(lines))


def _roles(node: Node) -> list[str]:
    """What each operand is to its operation, where there are several and the name tells (``x`` does not)."""
    assert node.primitive is not None
    *fixed, last = node.primitive.arguments
    n = len(node.parents)
    if n == 1 or (node.primitive.variadic and not fixed):  # all operands are alike
        return [""] * n
    roles = [name if len(name) > 2 else "" for name in (*fixed, *[last] * (n - len(fixed)))]
    roles[1] = roles[1] or SIGNS.get(node.primitive.name, "")
    return roles


def _label(parent: Any, role: str) -> str:
    """What to write at the arrow of an operand: its role, unless its box says enough."""
    is_leaf = isinstance(parent, Node) and parent.primitive is None
    return "" if is_leaf and role.isidentifier() else role


def _options(node: Node) -> Iterator[str]:
    """The keyword arguments that say something: neither those at their default, nor what the shape shows."""
    assert node.primitive is not None
    for key, value in node.metadata.items():
        text = _text(value)
        if key == "index":
            text = f"[{', '.join(map(_text, value if isinstance(value, tuple) else (value,)))}]"
        elif key == "shape" or (key in node.primitive.metadata and text == _text(node.primitive.metadata[key])):
            continue
        else:
            text = f"{key}={text}"
        yield text if len(text) <= 40 else f"{text[:39]}…"


def _text(value: Any) -> str:
    match value:
        case slice():
            ends = ["" if end is None else str(end) for end in (value.start, value.stop)]
            return ":".join(ends if value.step is None else [*ends, str(value.step)])
        case tuple() | list():
            return f"({', '.join(map(_text, value))}{',' * (len(value) == 1)})"
        case np.ndarray():
            return f"{value.dtype}{list(value.shape)}"
        case np.dtype() | np.generic():
            return str(value)
        case _:
            return "..." if value is Ellipsis else repr(value)


def _shape(node: Node) -> str:
    if node.shape is None:
        return "several results"
    return str(node.shape) if node.shape else "scalar"
