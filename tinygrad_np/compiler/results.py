"""What a compiled function returns: arrays, and Tensors that know that their graph is not at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_np.compiler.program import Value
from tinygrad_np.graph import MANY, Node, tick
from tinygrad_np.primitives import primitive
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__all__ = ["Output", "handed_out"]


_new, _NOTHING = object.__new__, dict[str, Any]()


def _no_graph(g: Any) -> Any:
    raise RuntimeError(
        "this Tensor was returned by a compiled function, and the graph of its computation stayed there: call "
        "backward() inside of the function, compile value_and_grad(f), or return it detached"
    )


@primitive(result=_no_graph)
def compiled(result: Any) -> Any:
    """A compiled function."""
    return result


def handed_out(array: Any, parents: tuple[Node, ...]) -> Any:
    """Return a Tensor; if backward comes to it on the way to its ``parents``, that raises an error."""
    if not parents:
        return wrap(array)
    tensor, node = _new(Tensor), _new(Node)
    tensor._data, tensor._node = array, node
    node.primitive, node.first, node.second, node.metadata, node.saved = compiled, parents, MANY, _NOTHING, ()
    node.shape, node.dtype, node.requires_grad = array.shape, array.dtype, True
    node.order, node.grad, node.name = tick(), None, None
    return tensor


@dataclass(slots=True, eq=False)
class Output:
    """A leaf of what a function returns.

    Attributes
    ----------
    kind : str
        ``"tensor"``, ``"recorded"`` (a Tensor that requires a gradient), ``"array"``, ``"scalar"`` (NumPy's),
        ``"number"`` (Python's), ``"known"`` (a Tensor or an array that was there before) or ``"object"``.
    thing : object
        The source of a known thing; of a recorded one, the sources of what it depends on; an object.
    value : Value or None
        What computes it.
    """

    kind: str
    thing: Any = None
    value: Value | None = None

    def made(self, now: Mapping[Value, Any]) -> Any:
        """Return the leaf, given what the values are."""
        if self.kind == "known":
            return self.thing.thing
        if self.value is None:
            return self.thing
        found = now[self.value]
        if self.kind in ("tensor", "recorded"):
            return handed_out(np.asarray(found), tuple(source.thing.node for source in self.thing or ()))
        return np.asarray(found) if self.kind == "array" else found
