"""``detect_mutation``: whether somebody has written into the memory of a saved value.

Tensors have value semantics, so nothing that is done with them changes what a graph has saved, and ndarrays are copied
where a graph will need them. What remains are writes behind the library's back: into an array that was marked as
read-only, or into a buffer that a forward function of one's own returned and uses again.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_np.grad_mode import observed_by, pullbacks_observed_by
from tinygrad_np.graph import Node

if TYPE_CHECKING:
    from tinygrad_np.observe import Place

__all__ = ["MutationError", "detect_mutation", "operand_name", "saved_arrays"]


class MutationError(RuntimeError):
    """A saved value is not what it was when it was saved.

    Attributes
    ----------
    operation : str
        What had saved it.
    name : str
        Its operand, or ``"out"`` for its result.
    where : Place or None
        The line that called the operation.
    node : Node
        The operation in the graph.
    """

    def __init__(self, message: str, operation: str, name: str, where: Place | None, node: Node) -> None:
        super().__init__(message)
        self.operation, self.name, self.where, self.node = operation, name, where, node


@contextmanager
def detect_mutation() -> Iterator[None]:
    """Raise an error in the backward pass if a saved value has changed since the forward pass.

    Both passes have to be inside of the ``with`` block. It costs a checksum of each saved array, twice, and nothing
    outside of the block.

    Raises
    ------
    MutationError
        With the operation, the operand and the line that called the operation.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> x, u = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0])
    >>> with detect_mutation():
    ...     loss = np.sum(x * u)
    ...     array = u.numpy()  # read-only, but who insists can write into it
    ...     array.flags.writeable = True
    ...     array[0] = 100
    ...     loss.backward()
    Traceback (most recent call last):
    ...
    tinygrad_np.mutation.MutationError: multiply had saved its operand y: float64[2], and somebody has written into its
    memory since:
      at <doctest tinygrad_np.mutation.detect_mutation[2]>:2, in <module>: loss = np.sum(x * u)
      mend: write into a copy, np.array(t) or array.copy()
    """
    from tinygrad_np.observe import caller  # who looks for nothing need not import it

    sums: WeakKeyDictionary[Node, tuple[list[int], Place | None]] = WeakKeyDictionary()

    def forward(operation: Any, operands: Any, metadata: Any, out: Any, node: Node | None) -> None:
        if node is not None:
            sums[node] = [_checksum(array) for _, array in saved_arrays(node)], caller()

    def backward(node: Node, g: Any, shares: Any) -> None:
        before, where = sums.get(node, (None, None))
        if before is None:
            return
        for (name, array), known in zip(saved_arrays(node), before, strict=True):
            if _checksum(array) != known:
                assert node.primitive is not None
                which = "result" if name == "out" else f"operand {name}"
                text = (
                    f"{node.primitive.name} had saved its {which}: {array.dtype}{list(array.shape)}, and somebody has "
                    f"written into its memory since:\n  at {where.text if where else 'an unknown place'}\n"
                    f"  mend: write into a copy, np.array(t) or array.copy()"
                )
                raise MutationError(text, node.primitive.name, name, where, node)

    with observed_by(forward), pullbacks_observed_by(backward):
        yield


def saved_arrays(node: Node) -> Iterator[tuple[str, Any]]:
    """Yield what a node has saved, each array with the name of the operand that it was; its result is ``out``."""
    primitive: Any = node.primitive
    for slot, saved in zip(primitive.slots, node.saved or (), strict=False):
        several = isinstance(saved, tuple)
        for i, array in enumerate(saved if several else (saved,)):
            if isinstance(array, np.ndarray):
                yield operand_name(node, slot + i) if slot < len(primitive.arguments) else "out", array


def operand_name(node: Node, i: int) -> str:
    """Return the name of an operand: its own, or what NumPy calls it."""
    names: Any = node.primitive.arguments if node.primitive else ()
    parent = node.parents[i] if i < len(node.parents) else None
    return getattr(parent, "name", None) or (names[min(i, len(names) - 1)] if names else f"operand {i}")


def _checksum(array: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
