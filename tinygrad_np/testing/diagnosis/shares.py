"""The backward pass with one edge of the graph cut: what a gradient by hand gives that forgets a dependence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_np.graph import Node, leaf, walk
from tinygrad_np.pullback import pull_back
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.testing.calls import Array, Call
from tinygrad_np.testing.functions import engine
from tinygrad_np.tree import flatten

__all__ = ["Cut", "without_an_edge"]

_MOST_NODES = 200


@dataclass
class Cut:
    """The gradients without one share.

    Attributes
    ----------
    text : str
        The operation through which it would have come.
    alike : bool
        An input of the function is used by operations of one and the same kind, of which this is one.
    gradients : list of array
    """

    text: str
    alike: bool
    gradients: list[Array]


def without_an_edge(call: Call, point: Sequence[Array], cotangents: Sequence[Array]) -> Iterator[Cut]:
    """Record the function, if it takes Tensors, and yield its gradients with one share after the other left out."""
    source = call.function if isinstance(call.function, engine) else engine(call.function.value)
    inputs = [wrap(x, leaf(x, True)) for x in point]
    try:
        results = source.call(*call.arguments_at(inputs))
    except Exception:  # a function of another world, or NumPy code that Tensors cannot run: there are no edges to cut
        return
    outs = [out for out in flatten(results)[0] if isinstance(out, Tensor) and out.dtype.kind in "fc"]
    seeds = {out.node: np.conj(c) for out, c in zip(outs, cotangents, strict=True) if out.requires_grad}
    nodes = walk(*seeds, constants=False)
    if len(nodes) > _MOST_NODES:
        return
    consumers: dict[Node, list[Node]] = defaultdict(list)
    for node in nodes:
        for parent in dict.fromkeys(p for p in node.parents if isinstance(p, Node) and p.requires_grad):
            consumers[parent].append(node)
    leaves = [x.node for x in inputs]
    for parent, users in consumers.items():
        if len(users) + (parent in seeds) < 2:
            continue
        alike = parent in leaves and len({user.primitive for user in users}) == 1
        for count in range(1, len(users)):
            for first in range(len(users)):
                cut = {users[(first + k) % len(users)] for k in range(count)}
                found = _pulled(nodes, dict(seeds), {(user, parent) for user in cut})
                gradients = [np.conj(found.get(x, np.zeros(x.shape))) for x in leaves]
                names = " and ".join(sorted({user.primitive.name for user in cut if user.primitive}))
                yield Cut(names, alike, gradients)


def _pulled(nodes: list[Node], cotangents: dict[Any, Any], cut: set[tuple[Node, Node]]) -> dict[Node, Array]:
    """Backpropagation, but for the shares that are cut."""
    active = set(nodes)
    for node in nodes:
        g = cotangents.get(node)
        if g is None or node.primitive is None:
            continue
        for parent, share in pull_back(node, g, active, None):
            if (node, parent) not in cut:
                cotangents[parent] = cotangents[parent] + share if parent in cotangents else share
    return cotangents
