"""A call that failed, and the table of who can say why.

A diagnosis takes a :class:`Case` and returns what is wrong and the mends that it has tried: each is suggested only if
the mended shapes do fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_np.errors.kinds import Operand

__all__ = ["Array", "Case", "Diagnosis", "Shape", "diagnoses", "diagnosis", "hollow"]

Shape = tuple[int, ...]
Diagnosis = tuple[str, list[str]]

#: Name of an operation -> who says why it failed; ``None`` stands for all that have no entry.
diagnoses: dict[str, Callable[[Case], Diagnosis | None]] = {}


@dataclass(frozen=True)
class Array:
    """An operand that is an array: what it is called, and its shape."""

    name: str
    shape: Shape
    operand: Operand

    @property
    def code(self) -> str:
        """Its name as it can stand before a dot."""
        return self.operand.code

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)


@dataclass(frozen=True)
class Case:
    """A call that failed: the operation, its operands, its options, and what NumPy says."""

    operation: str
    operands: tuple[Operand, ...]
    options: dict[str, Any]
    error: Exception

    @property
    def arrays(self) -> list[Array]:
        """The operands that are no plain numbers."""
        return [Array(o.name, o.shape, o) for o in self.operands if o.shape is not None]


def diagnosis(*operations: str) -> Callable[[Callable[[Case], Diagnosis | None]], Callable[[Case], Diagnosis | None]]:
    """Decorate a function that can say why these operations fail. It returns ``None`` if it cannot."""

    def enter(function: Callable[[Case], Diagnosis | None]) -> Callable[[Case], Diagnosis | None]:
        diagnoses.update(dict.fromkeys(operations, function))
        return function

    return enter


def hollow(shape: Shape) -> Any:
    """Return an array of this shape that takes no memory."""
    return np.broadcast_to(np.zeros(()), shape)
