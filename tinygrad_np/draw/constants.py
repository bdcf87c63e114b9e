"""What has no gradient and was computed all the same: a mask, the position of a maximum, a detached value.

To the graph these are leaves. While a function is watched it can be seen where they come from, and so where a gradient
ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.draw.outline import Kind
from tinygrad_np.draw.scene import Item, Scene, Scope
from tinygrad_np.draw.words import place_of
from tinygrad_np.observe import Place

__all__ = ["Call", "link"]


class Call(NamedTuple):
    """An operation that was seen; ``differentiable`` if its result has a gradient."""

    scope: Scope | None
    where: Place | None
    operation: Any
    operands: tuple[Any, ...]
    metadata: dict[str, Any]
    out: Any
    differentiable: bool


def link(scene: Scene, calls: Mapping[int, Call]) -> None:
    """Give leaves that were computed their operations; ``calls`` are known by the ``id`` of the result.

    The items have their values. Operations on what has no gradient at all are not seen: they stay leaves.
    """
    leaves = [item for item in scene.items if item.operation is None and not item.wanted and item.name is None]
    waiting = [item for item in leaves if isinstance(item.value, np.ndarray)]
    owners = {id(item.value): item for item in scene.items if item.value is not None}
    owners |= {
        id(item.value): item for item in scene.items if item.wanted
    }  # its own, rather than that of a detached one
    found = False

    def owner(array: Any) -> Item:
        if id(array) not in owners:
            kind: Kind = "input" if array.shape else "constant"
            owners[id(array)] = Item((), None, kind, array.shape, array.dtype, value=array)
            waiting.append(owners[id(array)])
        return owners[id(array)]

    while waiting:
        item = waiting.pop()
        call, source = calls.get(id(item.value)), owners[id(item.value)]
        if call is not None and call.differentiable and source is item:  # only its detached result was used
            source = Item((), None, "operation", item.shape, item.dtype, value=item.value)
            _computed(source, call, owner)
        elif source is item and call is None:
            continue
        if source is not item:
            item.operation, item.operands, item.scope = "detach", (source,), source.scope
        elif call is not None:
            _computed(item, call, owner)
        item.kind, found = "operation", True
    if found:
        _sort(scene)


def _computed(item: Item, call: Call, owner: Callable[[Any], Item]) -> None:
    """Make an item the result of a call."""
    item.operands = tuple(
        owner(operand) if isinstance(operand, np.ndarray) else operand
        for operand in call.operands
        if isinstance(operand, np.ndarray | bool | int | float | complex)
    )
    item.operation, item.metadata = call.operation, call.metadata
    item.scope, item.where = call.scope, place_of(call.where)


def _sort(scene: Scene) -> None:
    """Put operands before what uses them."""
    ordered: dict[Item, None] = {}
    for last in scene.items:
        stack = [last]
        while stack:
            item = stack[-1]
            missing = [o for o in item.operands if isinstance(o, Item) and o not in ordered]
            if missing:
                stack += reversed(missing)
            else:
                ordered.setdefault(stack.pop())
    scene.items = list(ordered)
    for order, item in enumerate(scene.items):
        item.order = order
