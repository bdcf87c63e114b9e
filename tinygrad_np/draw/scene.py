"""``Scene``: what is known of a computation before anyone decides how much of it to show."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_np.draw.outline import Kind
from tinygrad_np.draw.words import role_of
from tinygrad_np.graph import Node, walk

__all__ = ["Item", "Scene", "Scope", "traced"]


@dataclass(slots=True, eq=False)
class Scope:
    """One call of a module, or what else belongs together.

    Attributes
    ----------
    path : str
        To the module, from the model.
    kind : str
        The name of its class; ``""`` where it is not known.
    parent : Scope or None
    """

    path: str
    kind: str = ""
    parent: Scope | None = None


@dataclass(slots=True, eq=False, repr=False)
class Item:
    """An operation, or what no operation computed.

    Attributes
    ----------
    operands : tuple
        Items, and Python scalars; empty for a leaf.
    operation : Primitive, callable or None
        ``None`` for a leaf.
    kind : Kind
    shape, dtype
        Of its value; the shape is ``None`` if it has several.
    name : str or None
    role : str
        Of a leaf: what it is to the first operation that uses it.
    metadata : dict
        The keyword arguments of the operation.
    scope : Scope or None
        What it belongs to.
    where : str or None
        The line that called it.
    marked : bool
        Somebody points at it.
    problem : list of str
        Why it could not be computed.
    wanted : bool
        Whether it has a gradient.
    value, grad : array or None
        Where they are asked for; of an operation with several results, the tuple of them.
    order : int
        Items are numbered in the order in which they were computed, leaves before their first use.
    """

    operands: tuple[Any, ...]
    operation: Any
    kind: Kind
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any] | None
    name: str | None = None
    role: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    scope: Scope | None = None
    where: str | None = None
    marked: bool = False
    problem: list[str] = field(default_factory=list)
    wanted: bool = False
    value: Any = None
    grad: Any = None
    order: int = 0


@dataclass(slots=True, eq=False)
class Scene:
    """A computation.

    Attributes
    ----------
    items : list of Item
        In the order in which they were computed, leaves before their first use.
    nodes : dict of Node to Item
    notes : list of str
        What a reader has to know.
    values, grads : bool
        Whether values and gradients are to be written into the boxes.
    heat : str or None
        What the boxes are coloured by: a key of :data:`tinygrad_np.draw.heat.HEATS`.
    backward : bool
        Whether the backward pass is to be drawn, too.
    """

    items: list[Item]
    nodes: dict[Node, Item]
    notes: list[str] = field(default_factory=list)
    values: bool = False
    grads: bool = False
    heat: str | None = None
    backward: bool = False


def traced(*roots: Node, names: Mapping[Node, str], marked: Collection[Node] = ()) -> Scene:
    """Return all that ``roots`` depend on, as the graph tells it.

    Parameters
    ----------
    *roots : Node
    names : mapping of Node to str
        Names that take precedence over those that the nodes have.
    marked : collection of Node
        What to point at.
    """
    known: dict[Node, Item] = {}
    items: list[Item] = []

    def add(node: Node, item: Item) -> None:
        item.order = len(items)
        known[node] = item
        items.append(item)

    for node in reversed(walk(*roots)):
        if node.primitive is None:
            continue
        operands = node.parents
        for i, operand in enumerate(operands):
            if operand.__class__ is Node and operand not in known:  # a leaf, at its first use
                add(operand, _leaf(operand, names, role_of(node.primitive, i, len(operands))))
        add(
            node,
            Item(
                tuple([known[o] if o.__class__ is Node else o for o in operands]),
                node.primitive,
                "result" if node in roots else "operation",
                node.shape,
                node.dtype,
                names.get(node, node.name),
                metadata=node.metadata,
                marked=node in marked,
                wanted=True,
            ),
        )
    for root in roots:
        if root not in known:
            add(root, _leaf(root, names, ""))
    return Scene(items, known)


def _leaf(node: Node, names: Mapping[Node, str], role: str) -> Item:
    kind: Kind = "parameter" if node.requires_grad else "input" if node.shape or node.name else "constant"
    name = names.get(node, node.name)
    return Item((), None, kind, node.shape, node.dtype, name, role, wanted=node.requires_grad)
