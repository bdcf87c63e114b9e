"""Errors that say what was wrong in the caller's words, and one way to mend it. See docs/errors.md for all of them."""

from tinygrad_np.errors.kinds import (
    AxisError,
    DtypeError,
    LinAlgError,
    Operand,
    OperandIndexError,
    OperationError,
    ShapeError,
    StateError,
)
from tinygrad_np.errors.warning import MistakeWarning

__all__ = [
    "AxisError", "DtypeError", "LinAlgError", "MistakeWarning", "Operand", "OperandIndexError", "OperationError",
    "ShapeError", "StateError",
]  # fmt: skip

for _name in __all__:
    globals()[_name].__module__ = __name__  # a traceback shows where they are found
