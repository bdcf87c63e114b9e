"""``observe``: what operations a piece of code calls, with what operands, and from where.

The graph knows of an operation what its derivative needs. Who looks for the cause of a wrong gradient, of a NaN or of a
kink wants to know more, for as long as he looks: all operands, the result, the line that asked for it.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import linecache
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.grad_mode import observed_by
from tinygrad_np.graph import Node
from tinygrad_np.primitives import Primitive, constant, margin

__all__ = ["Place", "Step", "caller", "observe", "user_frame"]


class Place(NamedTuple):
    """A line of somebody's code."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}, in {self.function}"

    @property
    def text(self) -> str:
        """The place and, where it can be read, the source of the line."""
        source = textwrap.shorten(linecache.getline(self.file, self.line), 100, placeholder=" ...")
        return f"{self}: {source}" if source else str(self)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation on a Tensor that requires a gradient.

    Attributes
    ----------
    operation : Primitive or callable
        The entry of the table; or a NumPy function whose result is piecewise constant.
    operands : tuple
        The arrays and scalars that it got; of a NumPy function, all of its positional arguments.
    metadata : dict
        Its keyword arguments.
    out
        Its result, or the tuple of its results.
    node : Node or None
        Its place in the graph; ``None`` where the result does not require a gradient.
    where : Place or None
        The innermost line outside of this library and of NumPy.
    """

    operation: Primitive | Callable[..., Any]
    operands: tuple[Any, ...]
    metadata: dict[str, Any]
    out: Any
    node: Node | None
    where: Place | None

    @property
    def name(self) -> str:
        """What NumPy calls the operation."""
        return self.operation.__name__

    def margin(self) -> Any:
        """How far the operands may move before they meet a kink: an array that broadcasts to theirs, or ``inf``."""
        if isinstance(self.operation, Primitive):
            return self.operation.margin(self.operands, self.out, self.metadata)
        kink = constant.get(self.operation)
        if kink is None:
            return np.inf
        bound = inspect.signature(self.operation).bind(*self.operands, **self.metadata)
        bound.apply_defaults()
        return margin(kink, bound.arguments | {"out": self.out})


@contextlib.contextmanager
def observe() -> Iterator[list[Step]]:
    """Return a list that fills with the steps of the ``with`` block, in order.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> x = Tensor([-1.0, 0.5], requires_grad=True)
    >>> with observe() as steps:
    ...     y = np.abs(x).sum()
    >>> [(step.name, step.margin()) for step in steps]
    [('absolute', array([1. , 0.5])), ('sum', inf)]
    """
    steps: list[Step] = []

    def observer(operation: Any, operands: Any, metadata: dict[str, Any], out: Any, node: Node | None) -> None:
        steps.append(Step(operation, tuple(operands), metadata, out, node, caller()))

    with observed_by(observer):
        yield steps


#: This library, NumPy, and what decorators put between them and their callers.
_INSIDE = (
    *(os.path.dirname(file) + os.sep for file in (__file__, np.__file__)),
    *map(inspect.getfile, (contextlib, functools)),
)


def caller() -> Place | None:
    """Return the innermost line of code that belongs neither to this library nor to NumPy."""
    frame = user_frame()
    return None if frame is None else Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def user_frame() -> FrameType | None:
    """Return the innermost frame that belongs neither to this library nor to NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_INSIDE):
        frame = frame.f_back
    return frame
