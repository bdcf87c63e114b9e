"""A ledger of in-place changes, so that saved values cannot rot unseen.

Tensors have value semantics: no operation changes an array that a graph may have saved. The exception is code
that updates parameters in place for speed, such as an optimizer. It enters what it changed here, with the time
on the clock that also numbers the nodes. Backward then compares times: a node that is older than the latest
change looks its saved arrays up. Recording an operation costs nothing, and so does an ordinary training
step, in which each change precedes the next forward pass.
"""

from __future__ import annotations

import os
import sys
import weakref
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinygrad_np.graph import Node

__all__ = ["check", "latest", "note", "tick", "user_line"]

#: The clock: numbers nodes and changes in the order in which they come to be.
tick = count(1).__next__

_latest = 0
_changes: dict[int, tuple[weakref.ref[Any], int, str]] = {}  # id of a buffer's owner -> (it, when, by whom and where)
_PACKAGE = os.path.dirname(__file__) + os.sep


def latest() -> int:
    """Return the time of the latest change."""
    return _latest


def note(*arrays: np.ndarray[Any, Any], by: str) -> None:
    """Enter into the ledger that the memory of ``arrays`` has just been changed in place by ``by``."""
    global _latest
    when, where = tick(), f"{by} at {user_line()}"
    for array in map(_owner, arrays):
        _changes[id(array)] = (weakref.ref(array, partial(_forget, id(array))), when, where)
    _latest = when


def _forget(key: int, _: weakref.ref[Any]) -> None:
    _changes.pop(key, None)  # the buffer is gone, and its id may be given to another


def check(node: Node) -> None:
    """Raise if an array that ``node`` saved was changed after it.

    Raises
    ------
    RuntimeError
        Naming the operation, the array, and the line that changed it.
    """
    primitive = node.primitive
    if primitive is None or node.saved is None:
        return
    names = (*primitive.arguments, "out")
    for slot, saved in zip(primitive.slots, node.saved, strict=True):
        for i, array in enumerate(saved if isinstance(saved, tuple) else (saved,)):
            reference, when, where = _changes.get(id(_owner(array)), (None, 0, ""))
            if when > node.order and reference is not None and reference() is _owner(array):
                source = node if slot == len(primitive.arguments) else node.parents[slot + i]
                label = repr(source.name) if source.name else f"of shape {array.shape}"
                raise RuntimeError(
                    f"the derivative of {primitive.name!r} needs its {names[slot]!r} (tensor {label}), but {where} "
                    f"changed it in place after the forward pass; call backward before that, or compute the loss again"
                )


def user_line() -> str:
    """Return ``file:line`` of the innermost frame outside of this package."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _owner(array: Any) -> Any:
    """The array that owns the memory which ``array`` views."""
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array
