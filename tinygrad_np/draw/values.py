"""The values and gradients of a computation that is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_np.draw.scene import Item, Scene
from tinygrad_np.grad_mode import pullbacks_observed_by
from tinygrad_np.graph import Node, backpropagate
from tinygrad_np.primitives import Primitive
from tinygrad_np.tensor import conjugated

__all__ = ["kept", "with_gradients"]


def kept(scene: Scene, known: Mapping[Node, Any], result: Any) -> None:
    """Find the values of a computation that is over: what is kept for its derivatives, and what follows from that.

    Parameters
    ----------
    scene : Scene
    known : mapping of Node to array
        Values that leaves have now, which may be others than they had.
    result : array
        What the computation came to: if it does not follow from ``known``, these are not used.
    """
    for node, item in scene.nodes.items():
        if node.primitive is not None and node.saved is not None:
            _take_saved(node.primitive, node.saved, item)
    root = scene.items[-1]
    sure = {item: item.value for item in scene.items}
    for node, value in known.items():
        if node in scene.nodes and scene.nodes[node].value is None:
            scene.nodes[node].value = value
    _replay(scene)
    if root.value is not None and result is not None and not np.allclose(root.value, result, rtol=1e-3, equal_nan=True):
        for item, value in sure.items():
            item.value = value
        _replay(scene)
    root.value = root.value if result is None else result
    missing = sum(item.value is None and item.shape is not None for item in scene.items)
    if missing:
        scene.notes.append(
            f"{missing:,} values are not kept by the graph: draw a function with its arguments to see all of them"
        )


def _take_saved(primitive: Primitive, saved: Any, item: Item) -> None:
    n = len(primitive.arguments)
    for slot, array in zip(primitive.slots, saved, strict=True):
        places = [item] if slot == n else list(item.operands[slot:]) if primitive.variadic and slot == n - 1 else []
        arrays = array if isinstance(array, tuple) and slot != n else [array]
        for place, value in zip(places or [item.operands[slot]], arrays, strict=False):
            if isinstance(place, Item) and value is not None:
                place.value = value


def _replay(scene: Scene) -> None:
    """Compute what follows from the values that are known."""
    with np.errstate(all="ignore"):
        for item in scene.items:
            operands = [o.value if isinstance(o, Item) else o for o in item.operands]
            if item.operation is not None and item.value is None and all(o is not None for o in operands):
                try:
                    item.value = item.operation.forward(*operands, **item.metadata)
                except (TypeError, ValueError, IndexError, ArithmeticError):
                    item.value = None  # a value from elsewhere is another one than it was


def with_gradients(scene: Scene) -> None:
    """Find the gradients of all items: those of the sum of the results, if these are no scalars."""
    roots = [node for node, item in scene.nodes.items() if item.kind == "result"]
    seeds = {node: np.ones(node.shape, node.dtype) for node in roots if node.requires_grad and node.shape is not None}
    if not seeds:
        scene.notes.append("nothing here has a gradient")
        return
    if any(seed.size > 1 for seed in seeds.values()):
        scene.notes.append("the gradients are those of the sum of the result")
    found: dict[Node, Any] = {}
    try:
        with pullbacks_observed_by(lambda node, g, shares: found.setdefault(node, g)), np.errstate(all="ignore"):
            found |= backpropagate(seeds, retain_graph=True)
    except RuntimeError as error:
        if "freed" not in str(error):
            raise
        scene.notes.append("backward() has freed the graph: of the gradients, only those of leaves are known")
        found = {node: node.grad for node in scene.nodes if node.grad is not None}
    for node, g in found.items():
        if node in scene.nodes and node.shape is not None:
            scene.nodes[node].grad = np.asarray(conjugated(getattr(g, "_data", g)))
