"""``detect_anomaly``: where the first NaN or infinity is born, forward or backward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_np.grad_mode import observed_by, pullbacks_observed_by
from tinygrad_np.graph import Node
from tinygrad_np.mutation import operand_name, saved_arrays

if TYPE_CHECKING:
    from tinygrad_np.draw import Drawing
    from tinygrad_np.observe import Place

__all__ = ["AnomalyError", "detect_anomaly"]


class AnomalyError(FloatingPointError):
    """A NaN or an infinity came out of finite numbers.

    Attributes
    ----------
    operation : str
        What computed it.
    backward : bool
        Whether it was the operation's derivative.
    where : Place or None
        The line that called the operation; ``None`` if that was before :func:`detect_anomaly`.
    node : Node or None
        The operation in the graph.
    graph : Drawing or None
        That part of the graph.
    """

    def __init__(self, message: str, operation: str, backward: bool, where: Place | None, node: Node | None) -> None:
        super().__init__(message)
        self.operation, self.backward, self.where, self.node = operation, backward, where, node

    @cached_property
    def graph(self) -> Drawing | None:
        """A drawing of all that led to the operation, which is marked: ``error.graph.save("anomaly.svg")``."""
        from tinygrad_np.draw import draw

        return None if self.node is None else draw(self.node, mark=[self.node])


@contextmanager
def detect_anomaly(*, nan: bool = True, inf: bool = True) -> Iterator[None]:
    """Raise an error where the first NaN or infinity is born inside of the ``with`` block, forward or backward.

    An operation is blamed that makes such numbers of finite ones; what gets them from somewhere else is not. It costs
    a look at each result, and nothing outside of the block. Only operations on Tensors that require a gradient are
    looked at, in this thread or task.

    Parameters
    ----------
    nan, inf : bool
        What to look for: ``inf=False`` lets code pass that uses infinities, as masks of an attention do.

    Raises
    ------
    AnomalyError
        With the operation, the line that called it and the ranges of its operands.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> x = Tensor([1.0, 0.0], requires_grad=True, name="x")
    >>> with np.errstate(divide="ignore"), detect_anomaly():
    ...     np.log(x)
    Traceback (most recent call last):
    ...
    tinygrad_np.anomaly.AnomalyError: log made -inf (1 of 2 elements) of finite numbers:
      x: float64[2] from 0 to 1
      at <doctest tinygrad_np.anomaly.detect_anomaly[2]>:2, in <module>: np.log(x)
    """
    from tinygrad_np.observe import caller  # who looks for nothing need not import it

    places: WeakKeyDictionary[Node, Place] = WeakKeyDictionary()

    def strange(array: Any) -> Any:
        return (nan & np.isnan(array)) | (inf & np.isinf(array))

    def first_strange(things: Any) -> Any:
        return next((a for a in _arrays(things) if a.dtype.kind in "fc" and strange(a).any()), None)

    def forward(operation: Any, operands: Any, metadata: dict[str, Any], out: Any, node: Node | None) -> None:
        where = caller()
        if node is not None and where is not None:
            places[node] = where
        found = first_strange([out])
        if found is None or first_strange(operands) is not None:
            return
        names = [*getattr(operation, "arguments", ()), *[f"operand {i}" for i in range(len(operands))]]
        parents = node.parents if node is not None else (None,) * len(operands)
        lines = [
            f"  {getattr(parent, 'name', None) or name}: {_range(a)}"
            for name, a, parent in zip(names, operands, parents, strict=False)
        ]
        lines += [f"  {key}={value!r}" for key, value in metadata.items()]
        text = f"{operation.__name__} made {_what(found, strange(found))} of finite numbers:"
        raise AnomalyError("\n".join([text, *lines, _at(where)]), operation.__name__, False, where, node)

    def backward(node: Node, g: Any, shares: list[tuple[Node, Any]]) -> None:
        if first_strange([g]) is not None:
            return
        for parent, share in shares:
            bad = first_strange([share])
            if bad is not None:
                assert node.primitive is not None
                where, operand = places.get(node), operand_name(node, node.parents.index(parent))
                lines = [f"  {name}: {_range(a)}" for name, a in saved_arrays(node)]
                text = (
                    f"the derivative of {node.primitive.name} made {_what(bad, strange(bad))} of a finite cotangent "
                    f"({', '.join(map(_range, _arrays([g])))}), for its operand {operand}:"
                )
                raise AnomalyError("\n".join([text, *lines, _at(where)]), node.primitive.name, True, where, node)

    with observed_by(forward), pullbacks_observed_by(backward):
        yield


def _arrays(things: Any) -> Iterator[Any]:
    """The arrays in nested tuples and lists; those in Tensors, which cotangents are in a recorded pass."""
    for thing in things:
        if isinstance(thing, tuple | list):
            yield from _arrays(thing)
        elif thing is not None:
            yield np.asarray(getattr(thing, "_data", thing))


def _what(array: Any, bad: Any) -> str:
    first = array[bad].flat[0]
    count = f"{np.count_nonzero(bad)} of {array.size} elements" if array.ndim else "a single number"
    return f"{first} ({count})"


def _range(a: Any) -> str:
    if not isinstance(a, np.ndarray):
        return repr(a) if not isinstance(a, tuple | list) else ", ".join(map(_range, a))
    kind = f"{a.dtype}{list(a.shape)}"
    finite = np.abs(a[np.isfinite(a)]) if a.dtype.kind == "c" else a[np.isfinite(a)] if a.dtype.kind == "f" else a
    size = "sizes " * (a.dtype.kind == "c")
    return f"{kind} {size}from {finite.min():.6g} to {finite.max():.6g}" if finite.size else kind


def _at(where: Place | None) -> str:
    return f"  at {where.text}" if where else "  recorded before detect_anomaly()"
