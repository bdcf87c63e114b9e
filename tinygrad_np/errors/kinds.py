"""The errors of operations: NumPy's kinds of errors, with what was wrong in attributes."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinygrad_np.draw import Drawing
    from tinygrad_np.observe import Place

__all__ = [
    "AxisError", "DtypeError", "LinAlgError", "Operand", "OperandIndexError", "OperationError", "ShapeError",
    "StateError", "kind_of",
]  # fmt: skip


@dataclass(frozen=True)
class Operand:
    """What an operation got.

    Attributes
    ----------
    name : str
        The path of a parameter in its module, the words of the calling line, the tensor's name, or NumPy's.
    shape : tuple of int, or None
        ``None`` for what is no array, as Python's numbers.
    dtype : dtype or None
    value
        The Tensor, the array, the number.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any] | None
    value: Any

    @property
    def code(self) -> str:
        """Its name as it can stand before a dot."""
        try:
            parsed = ast.parse(self.name, mode="eval").body
        except SyntaxError:  # layers.0.weight
            return self.name
        plain = isinstance(parsed, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
        return self.name if plain else f"({self.name})"

    def __str__(self) -> str:
        return self.name if self.shape is None else f"{self.name}: {self.dtype}{list(self.shape)}"


class OperationError(Exception):
    """An operation cannot do with its operands what it was asked to do.

    Attributes
    ----------
    operation : str
        What NumPy calls it.
    operands : tuple of Operand
    problem : str
        What does not fit.
    mend : str or None
        One way to mend it, where one is known to fit.
    where : Place or None
        The line of code that called it.
    graph : Drawing
        What led to the operands, and the operation in red: ``error.graph.save("failed.svg")``. Drawn when asked for.
    """

    operation: str = ""
    operands: tuple[Operand, ...] = ()
    problem: str = ""
    mend: str | None = None
    where: Place | None = None

    @cached_property
    def graph(self) -> Drawing:
        """All that led to the operands, and the operation in red."""
        from tinygrad_np.draw import failure

        return failure(self)


class ShapeError(OperationError, ValueError):
    """Shapes, or values, that do not fit."""


class AxisError(ShapeError, np.exceptions.AxisError):
    """An axis that is not there."""

    def __init__(self, message: str, axis: int | None = None, ndim: int | None = None) -> None:
        super().__init__(message)
        self.axis, self.ndim = axis, ndim

    def __str__(self) -> str:
        return str(self.args[0])


class LinAlgError(ShapeError, np.linalg.LinAlgError):
    """A matrix that is not square, is singular, or has no decomposition."""


class OperandIndexError(OperationError, IndexError):
    """An index that is not there."""


class DtypeError(OperationError, TypeError):
    """An operation that does not know numbers of this type."""


class StateError(KeyError):
    """A state that is not this model's. It is a KeyError that shows its words as they are."""

    def __str__(self) -> str:
        return str(self.args[0])


def kind_of(error: Exception) -> type[OperationError] | None:
    """Return the kind of error that handlers of ``error`` catch, too; ``None`` for those that NumPy does not raise."""
    if isinstance(error, np.linalg.LinAlgError):
        return LinAlgError
    if isinstance(error, np.exceptions.AxisError):
        return AxisError
    if isinstance(error, ValueError):
        return ShapeError
    if isinstance(error, IndexError):
        return OperandIndexError
    return DtypeError if isinstance(error, TypeError) else None
