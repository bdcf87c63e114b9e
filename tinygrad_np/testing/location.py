"""Which operation is it? Each step of a trace, checked by itself at the operands that it really got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_np.draw import Drawing, draw
from tinygrad_np.graph import Node, leaf
from tinygrad_np.observe import Place, Step, observe
from tinygrad_np.primitives import Primitive
from tinygrad_np.record import wrap
from tinygrad_np.testing.calls import Array, Call
from tinygrad_np.testing.functions import engine
from tinygrad_np.testing.report import GradientError, KinkError, Report
from tinygrad_np.tree import flatten

__all__ = ["Location", "Search", "locate"]

_MOST_STEPS = 500


@dataclass(frozen=True)
class Location:
    """The guilty operation.

    Attributes
    ----------
    operation : str
        Its name.
    file, line, function : str, int, str
        Where it was called.
    report : Report
        The check of that operation alone.
    only : bool
        There is no other operation.
    """

    operation: str
    file: str
    line: int
    function: str
    report: Report
    only: bool = False

    @property
    def headline(self) -> str:
        """What is wrong with the operation."""
        return f"the operation {self.report.headline}"

    def __str__(self) -> str:
        text = f"{self.operation}, called at {self.file}:{self.line} in {self.function}"
        return text if self.only else f"{text}; {self.headline}"


@dataclass
class Search:
    """What the search found: the place, a drawing with that node marked, and what to say if there is none."""

    location: Location | None = None
    graph: Drawing | None = None
    notes: list[str] = field(default_factory=list)


def locate(
    call: Call,
    at: Sequence[Array],
    rng: np.random.Generator,
    at_kinks: str = "reject",
    suspects: Sequence[Step] | None = None,
) -> Search:
    """Check each step of a function of Tensors by itself; the first one that fails is the guilty one.

    ``suspects`` limits the search to some steps of an earlier trace.
    """
    inputs = [wrap(x, leaf(x, True)) for x in at]
    for tensor, name in zip(inputs, call.names, strict=True):
        tensor.name = name  # in the drawing
    with observe() as steps, np.errstate(all="ignore"):
        outs = flatten(call.function.call(*call.arguments_at(inputs)))[0]
    for step in (steps if suspects is None else suspects)[:_MOST_STEPS]:
        report = _check(step, rng, at_kinks)
        if report is not None:
            place = step.where or Place("<unknown>", 0, "?")
            location = Location(step.name, *place, report, len(steps) == 1)
            root = outs[0].node
            return Search(location, draw(root, mark=[step.node] if step.node is not None else []))
    checked = (
        "each operation is right by itself"
        if len(steps) <= _MOST_STEPS
        else f"the first {_MOST_STEPS} operations are right"
    )
    lost = [step for step in steps if step.node is None]
    cut = f"; {lost[0].name} ({lost[0].where}) has no gradient to pass on" if lost else ""
    hint = "" if cut else "; is a value taken out of the graph, by .detach(), .data or float()?"
    return Search(notes=[f"{checked}{cut}{hint}"])


def _check(step: Step, rng: np.random.Generator, at_kinks: str) -> Report | None:
    """The failed check of one step; ``None`` if it is right, or has no gradient."""
    from tinygrad_np.testing.check import Check

    if not isinstance(step.operation, Primitive):
        return None

    def operation(*operands: Any) -> Any:
        return step.operation(*operands, **step.metadata)

    wrt = None
    if step.node is not None:
        parents = step.node.parents
        wrt = [i for i, parent in enumerate(parents) if isinstance(parent, Node) and parent.requires_grad]
    function = engine(operation, name=step.name)
    function.names = step.operation.arguments
    call = Call(function, step.operands, wrt)
    if not call.at:
        return None
    try:
        check = Check(call, step.name, rng, at_kinks)
        check.locating = False
        check.run()
    except KinkError:
        return None
    except GradientError as error:
        return error.report
    except (TypeError, ValueError, ArithmeticError):
        return None
    return None
