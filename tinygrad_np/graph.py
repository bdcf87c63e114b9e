"""The computation graph, and the walk that differentiates it.

Every differentiable operation leaves a :class:`Node`: which primitive it was, which nodes its operands came
from, and the arrays that its derivative will need. Nodes hold arrays, never Tensors, and know only their
parents: there are no cycles, so dropping the result frees the graph.

Backpropagation is the chain rule, applied to the nodes from the newest to the oldest. That order needs no
search: a node is made after its parents, so numbering the nodes as they are made sorts the graph topologically.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from operator import attrgetter
from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_np._heap import keep_freed_memory
from tinygrad_np.grad_mode import pullback_observer
from tinygrad_np.primitives import Primitive
from tinygrad_np.pullback import pull_back

__all__ = ["Node", "backpropagate", "leaf", "tick", "walk"]

Array = Any  # an ndarray, or what takes part in NumPy's protocols: a Tensor, a CuPy array

#: Numbers the nodes in the order in which they are made.
tick = count(1).__next__

#: In place of a node's second operand: there is but one, or ``first`` is the tuple of all.
ONE, MANY = object(), object()


class Node:
    """One step of a computation.

    Attributes
    ----------
    primitive : Primitive or None
        The operation; ``None`` for a leaf: a parameter, an input, a constant.
    first, second : Node or scalar
        Where its operands came from; read them as :attr:`parents`.
    metadata : dict
        The keyword arguments of the operation.
    saved : tuple or None
        The arrays that the rules will need, one per slot of the primitive; ``None`` once they are freed.
    shape, dtype
        Of the result; the result itself is kept only where a rule needs it.
    requires_grad : bool
        Whether a cotangent is wanted here.
    order : int
        Nodes are numbered as they are made.
    grad : array or None
        The accumulated gradient of a leaf, or of a node that was asked to retain it.
    name : str or None
        For drawings and error messages.
    """

    # One or two operands are held without a tuple around them. A long graph is mostly such nodes, and half as many
    # objects are half the work for Python's garbage collector, which otherwise dominates at a million nodes.
    __slots__ = (
        "__weakref__", "dtype", "first", "grad", "metadata", "name", "order",
        "primitive", "requires_grad", "saved", "second", "shape",
    )  # fmt: skip

    primitive: Primitive | None
    first: Any
    second: Any
    metadata: dict[str, Any]
    saved: tuple[Any, ...] | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    requires_grad: bool
    order: int
    grad: Array | None
    name: str | None

    @property
    def parents(self) -> tuple[Any, ...]:
        """Where its operands came from: nodes, and Python scalars, which stand for themselves."""
        second = self.second
        return (self.first,) if second is ONE else self.first if second is MANY else (self.first, second)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            "a graph is neither copied nor pickled: it holds functions, and may be a million nodes deep; copy or "
            "pickle the Tensor, which becomes a leaf of the same value"
        )

    def __repr__(self) -> str:
        kind = self.primitive.name if self.primitive else "leaf"
        value = "of several results" if self.shape is None else f"{self.dtype}{list(self.shape)}"
        return f"<Node {self.order}: {self.name or kind} {value}>"


def leaf(array: Array, requires_grad: bool, name: str | None = None) -> Node:
    """Return a node that nothing computed: a parameter, an input, or a constant."""
    node = Node()
    node.primitive, node.first, node.second, node.metadata, node.saved = None, (), MANY, {}, ()
    node.shape, node.dtype, node.requires_grad = array.shape, array.dtype, requires_grad
    node.order, node.grad, node.name = tick(), None, name
    return node


def walk(*roots: Node, constants: bool = True, since: int = 0) -> list[Node]:
    """Return the nodes that ``roots`` depend on, and ``roots``, from the newest to the oldest.

    Each node comes before its parents. With ``constants=False``, only those that want a cotangent. What was made
    before ``since`` is returned, but not looked behind.
    """
    seen, stack = set(roots), list(roots)
    while stack:
        node = stack.pop()
        if node.order < since:
            continue
        for parent in node.parents:
            if parent.__class__ is Node and (constants or parent.requires_grad) and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("order"), reverse=True)


def backpropagate(
    seeds: dict[Node, Array],
    targets: Iterable[Node] | None = None,
    *,
    retain_graph: bool = False,
    lift: Callable[[Array, Node], Array] | None = None,
    since: int = 0,
) -> dict[Node, Array]:
    """Return the cotangents of ``targets``, given those of the results: ``seeds``.

    Reverse-mode differentiation: at each node, the rule of each argument turns the node's cotangent into that
    parent's share, and shares add up.

    Parameters
    ----------
    seeds
        Result -> its cotangent, of its shape and dtype.
    targets
        What to differentiate with respect to; by default all leaves, and the nodes that retain their gradient.
        Only nodes on a path from one of them to a result are visited. One without such a path is left out.
    retain_graph
        Keep the saved arrays for another pass; otherwise they are freed on the way.
    lift
        Makes a Tensor of a saved array and its node. The rules then run on Tensors, so this pass is recorded,
        too, and can itself be differentiated.
    since
        Nodes made before this time stand for themselves: cotangents do not flow on to their parents.

    Raises
    ------
    RuntimeError
        If the graph was freed by an earlier pass.
    """
    keep_freed_memory()  # as much as this pass frees, the next step will need
    nodes = walk(*seeds, constants=False, since=since)
    wanted, active = None, None
    if targets is not None:
        wanted = set(targets)
        nodes = _descendants(nodes, wanted)
        active = set(nodes)
    cotangents, result = dict(seeds), {}
    watched = pullback_observer.get()
    for node in nodes:
        g = cotangents.pop(node, None)
        if g is None:
            continue
        is_leaf = node.primitive is None
        if node in wanted if wanted is not None else is_leaf or node.grad is not None:
            ours = g.__class__ is np.ndarray and g.base is None and getrefcount(g) <= _HELD
            result[node] = g if ours or lift else g.copy()
        if is_leaf or node.order < since:
            continue
        shares = pull_back(node, g, active, lift)
        if watched:
            watched(node, g, shares)
        for parent, share in shares:
            known = cotangents.get(parent)
            if known is None:
                cotangents[parent] = share
            elif known.__class__ is np.ndarray and known.base is None and getrefcount(known) <= _HELD + 1:
                known += share  # nobody else can see it: only this function and its dict hold it
            else:
                cotangents[parent] = known + share
        if not retain_graph:
            node.saved = None
        g, known, share, shares = None, None, None, []  # or they would count as holders
    return result


#: How many references Python counts to what a single local variable holds.
_HELD = (lambda array: getrefcount(array))(np.empty(0))


def _descendants(nodes: list[Node], ancestors: set[Node]) -> list[Node]:
    """Those of ``nodes`` (sorted from the newest) that depend on one of ``ancestors``, and these."""
    found: set[Node] = set()
    for node in reversed(nodes):
        if node in ancestors or not found.isdisjoint(node.parents):
            found.add(node)
    return [node for node in nodes if node in found]
