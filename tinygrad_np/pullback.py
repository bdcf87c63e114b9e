"""One step of backpropagation: the cotangent of a result, pulled back to the operands.

Here, and only here, the engine does what no rule has to: it undoes broadcasting, casts to the operand's dtype, picks
the saved arrays that a rule named, and, for derivatives of derivatives, turns them back into Tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.primitives import VJP

if TYPE_CHECKING:
    from tinygrad_np.graph import Array, Node

    Lift = Callable[[Array, Node], Array]

__all__ = ["fit", "pull_back"]


def pull_back(node: Node, g: Array, active: set[Node] | None, lift: Lift | None) -> list[tuple[Node, Array]]:
    """Return (parent, its share of the cotangent ``g``) for each parent of ``node`` in ``active``.

    ``None`` stands for all nodes that want a cotangent.
    """
    primitive, saved = node.primitive, node.saved
    assert primitive is not None
    if saved is None:
        raise RuntimeError(
            f"backward has passed through this graph before and freed the arrays that {primitive.name!r} had saved; "
            f"pass retain_graph=True to the first backward, or compute the result again"
        )
    if lift:
        saved = _lifted(node, saved, lift)
    shares = []
    try:
        for parent, vjp in zip(node.parents, primitive.vjps):  # noqa: B905 - a variadic argument has one rule
            if vjp is None:
                continue
            if vjp.variadic:
                shares += _variadic(node, vjp, g, saved, active)
            elif (
                parent in active if active is not None else parent.__class__ is node.__class__ and parent.requires_grad
            ):
                if vjp.names:
                    share = vjp.rule(g, *vjp.pick(saved), **_named(node, vjp))
                else:
                    share = vjp.rule(g, *vjp.pick(saved))
                if share.shape != parent.shape or share.dtype is not parent.dtype:
                    share = fit(share, parent)
                shares.append((parent, share))
    except Exception as error:
        error.add_note(f"raised by the derivative of {node!r}, whose operands are {node.parents!r}")
        raise
    return shares


def _variadic(node: Node, vjp: VJP, g: Array, saved: Any, active: set[Node] | None) -> list[tuple[Node, Array]]:
    """The shares of the parents behind ``*arrays``: one rule yields all of them."""
    assert node.primitive is not None
    parents = node.parents[len(node.primitive.arguments) - 1 :]
    if active is None:
        active = {parent for parent in parents if getattr(parent, "requires_grad", False)}
    wrt = tuple(i for i, parent in enumerate(parents) if parent in active)
    shares = vjp.rule(g, *vjp.pick(saved), **_named(node, vjp, wrt)) if wrt else ()
    return [(parents[i], fit(share, parents[i])) for i, share in zip(wrt, shares, strict=True)]


def fit(g: Array, node: Any) -> Array:
    """Give a cotangent the shape and dtype of its node, or of its array.

    The adjoint of broadcasting is the sum over the axes that it stretched; the adjoint of that sum is broadcasting.
    """
    shape = node.shape
    if g.shape == () and isinstance(g, np.ndarray | np.generic):
        g = np.ndarray(shape, g.dtype, g, 0, (0,) * len(shape))  # np.broadcast_to, at a tenth of its price
    elif g.shape and g.shape[1:] == shape:
        g = np.add.reduce(g, axis=0)  # as of a bias
    elif g.shape != shape:
        extra = g.ndim - len(shape)
        stretched = [i for i in range(g.ndim) if i < extra or (shape[i - extra] == 1 and g.shape[i] != 1)]
        if stretched:
            g = np.add.reduce(g, axis=tuple(stretched), keepdims=True)
        if extra > 0:
            g = g.reshape(g.shape[extra:])
        if g.shape != shape:
            g = np.broadcast_to(g, shape)
    if g.dtype.kind == "c" and node.dtype.kind == "f":
        g = g.real  # the derivative by a real number: what an imaginary step would change does not count
    return g if g.dtype == node.dtype else g.astype(node.dtype)


def _named(node: Node, vjp: VJP, wrt: tuple[int, ...] = ()) -> dict[str, Any]:
    """What a rule asked for by keyword: metadata, shapes, positions."""
    metadata, primitive = node.metadata, node.primitive
    assert primitive is not None
    named: dict[str, Any] = {}
    for name in vjp.names:
        if name in metadata:
            named[name] = metadata[name]
        elif name in primitive.metadata:
            named[name] = primitive.metadata[name]
        elif name == "wrt":
            named[name] = wrt
        elif name == "shapes":
            named[name] = [_shape(parent) for parent in node.parents[len(primitive.arguments) - 1 :]]
        else:
            named[name] = _shape(node.parents[primitive.arguments.index(name.removesuffix("_shape"))])
    return named


def _shape(parent: Any) -> tuple[int, ...]:
    return getattr(parent, "shape", ())  # a Python scalar has none


def _lifted(node: Node, saved: tuple[Any, ...], lift: Lift) -> tuple[Any, ...]:
    """The saved arrays as Tensors of the nodes that they belong to, so that derivatives flow through them."""
    primitive, parents = node.primitive, node.parents
    assert primitive is not None
    n = len(primitive.arguments)
    lifted: list[Any] = []
    for slot, array in zip(primitive.slots, saved, strict=True):
        if array is None:
            lifted.append(None)
        elif slot == n:
            lifted.append(lift(array, node))
        elif primitive.variadic and slot == n - 1:
            lifted.append(tuple(_lifted_operand(*pair, lift) for pair in zip(array, parents[slot:], strict=True)))
        else:
            lifted.append(_lifted_operand(array, parents[slot], lift))
    return tuple(lifted)


def _lifted_operand(array: Array, parent: Any, lift: Lift) -> Array:
    return lift(array, parent) if array is not None and getattr(parent, "requires_grad", False) else array
