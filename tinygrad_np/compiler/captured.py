"""What was learnt from one call of a function: its program, and where its arrays come from and go to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tinygrad_np.compiler.generator import Draw
from tinygrad_np.compiler.places import Place, Surroundings
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.recording import Check
from tinygrad_np.compiler.results import Output

__all__ = ["Captured", "Followed", "Source"]

#: A number that the program follows: (``id`` of its container, its key).
Followed = set[tuple[int, Any]]


@dataclass(slots=True, eq=False)
class Source:
    """Where a call finds an array or a number that the program takes, and where it leaves the new one.

    Attributes
    ----------
    kind : "tensor", "array", "scalar", "number" or "grad"
        The value of a Tensor, an array, a NumPy scalar, a Python number, the gradient that a Tensor has.
    thing : object
        The Tensor, the array, the number; of a gradient, its Tensor.
    places : list of Place
        Where it was found.
    before, after : Value or None
        What stands for it before and after the call; ``None`` where there is no gradient.
    rebound : bool
        Whether another object is in its place after the call.
    recorded : bool
        Whether a gradient requires a gradient.
    given : Source or None
        The Tensor whose array a gradient is, unchanged: as such arrays do not change, it need not be copied.
    """

    kind: str
    thing: Any
    places: list[Place]
    before: Value | None
    after: Value | None = None
    rebound: bool = False
    recorded: bool = False
    given: Source | None = None

    @property
    def changes(self) -> bool:
        """Whether the call leaves another value than it found."""
        return self.after is not self.before or self.rebound

    @property
    def written(self) -> bool:
        """Whether it is an array that the call writes into."""
        return self.kind == "array" and self.after is not self.before and not self.rebound


@dataclass(slots=True, eq=False)
class Captured:
    """What was learnt from one call.

    Attributes
    ----------
    program : Program
        Its results are those of the function, then the gradients that it leaves.
    conditions : Program
        What Python has looked at: its results are the values of ``checks``.
    checks : list of Check
    lines : dict of Value to str
        Where constants came in.
    surroundings : Surroundings
    arguments : dict
        By name.
    positional : list of str
        The names of those given by position.
    sources : list of Source
    draws : list of Draw
    outputs : list of Output
        The leaves of what the function returns.
    rebuild : callable or None
        Puts leaves into the structure of what it returns; ``None`` if that is a single leaf.
    open_graph : bool
        Whether what it returns can be differentiated with respect to Tensors among the arguments.
    layouts : bool
        Whether it holds only for arrays that lie in memory as these do.
    changed : dict of str to (object, object)
        What the function changed that a program cannot repeat, and signs of what it was before and after the call.
    numbers : set of (int, key)
        The numbers among these.
    """

    program: Program
    conditions: Program
    checks: list[Check]
    lines: dict[Value, str]
    surroundings: Surroundings
    arguments: dict[str, Any]
    positional: list[str]
    sources: list[Source]
    draws: list[Draw]
    outputs: list[Output]
    rebuild: Callable[[list[Any]], Any] | None
    open_graph: bool
    layouts: bool
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    numbers: Followed = field(default_factory=set)
