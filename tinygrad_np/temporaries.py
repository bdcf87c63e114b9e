"""Writes that would be lost: ``t[0][1] = v`` writes into ``t[0]``, which is a Tensor of its own that nobody holds.

In NumPy it is a view, and the write reaches ``t``. Here a write binds a Tensor to a new value, so it would change
nothing that can be seen. CPython's reference counts tell: in ``t[0][1] = v``, only the interpreter itself holds
``t[0]``.
"""

from __future__ import annotations

from opcode import opmap
from sys import getrefcount
from types import FrameType
from typing import Any

__all__ = ["UNHELD", "assigns_to_element", "lost_write"]

_STORE_SUBSCR = opmap["STORE_SUBSCR"]


def assigns_to_element(frame: FrameType) -> bool:
    """Return whether the statement that runs in a frame is ``something[...] = ...``."""
    return frame.f_code.co_code[frame.f_lasti] == _STORE_SUBSCR


def lost_write(shape: tuple[int, ...]) -> RuntimeError:
    """Return the error of a write into a Tensor that nobody holds."""
    return RuntimeError(
        f"this write would be lost: it goes into a Tensor of shape {shape} that was just made and that nobody holds, "
        f"for parts of Tensors are values, not views; write t[i, j] = v for t[i][j] = v, and t[i] = v under no_grad() "
        f"for t.data[i] = v"
    )


class _Probe:
    """Counts the references to itself while it is written to."""

    def __setitem__(self, index: Any, counts: list[int]) -> None:
        counts.append(getrefcount(self))

    @property
    def part(self) -> _Probe:
        return _Probe()


def _unheld() -> int:
    held: list[int] = []
    unheld: list[int] = []
    local, owners = _Probe(), [_Probe()]
    local[0] = held
    owners[0][0] = held
    local.part[0] = unheld
    _Probe()[0] = unheld
    return max(unheld) if max(unheld) < min(held) else 0


#: How many references there are, within ``__setitem__``, to what nobody else holds; 0 where that cannot be told, since
#: the interpreter lends its local variables (from Python 3.14 on).
UNHELD = _unheld()
