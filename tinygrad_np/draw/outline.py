"""What a picture shows: boxes, arrows and groups as plain data, for whatever writes them down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

from tinygrad_np.draw.numbers import Numbers

__all__ = ["SIGNS", "Arrow", "Box", "Group", "Kind", "Outline"]

#: A ``result`` is what the drawing is of: the loss. A ``module`` is one that is closed. A ``folded`` box stands for all
#: that was left out. A ``gradient`` is that of another box.
Kind = Literal["parameter", "input", "constant", "operation", "result", "module", "folded", "gradient"]

#: Written at the second operand, where the order matters and shared operands may not stand in order.
SIGNS = {"subtract": "\N{MINUS SIGN}", "divide": "÷", "power": "^", "matmul": "@"}


@dataclass(frozen=True, slots=True)
class Box:
    """One thing in the picture.

    Attributes
    ----------
    kind : str
        ``"parameter"``, ``"input"``, ``"constant"``, ``"operation"``, ``"result"``, ``"module"``, ``"folded"``
        or ``"gradient"``.
    title : str
        What to write first: its name or, without one, the operation, the operand or the number that it is.
    lines : tuple of str
        What is worth writing below.
    operation : str or None
        The operation that computed it.
    shape : tuple of int or None
    dtype : str or None
        Of its value; ``None`` for Python's scalars, and where several things are folded into one.
    marked : bool
        Somebody points at it: an operation that failed, say.
    group : int or None
        The number of the innermost group that it is in.
    family : str or None
        What kind of operation: ``"elementwise"``, ``"product"``, ``"activation"``, ``"reduction"``, ``"shape"``,
        ``"loss"``, ``"other"``.
    formula : str or None
        How the operation is written: ``"tanh(x)"``, ``"sum(a, axis=1)"``.
    rules : tuple of (str, str)
        Argument -> its vector-Jacobian product, as it stands in the table of derivatives: ``("x", "g * y")``.
    where : str or None
        The line that called it, ``"model.py:12, in forward"``, where the drawing was made by running.
    bytes : int or None
        Of its value.
    stands_for : int
        How many operations it is.
    value, grad : Numbers or None
        What is in its value and its gradient, where that was asked for.
    heat : float or None
        From 0 to 1, for its colour.
    of : int or None
        Of a gradient: the number of the box whose gradient it is.
    """

    kind: Kind
    title: str
    lines: tuple[str, ...] = ()
    operation: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    marked: bool = False
    group: int | None = None
    family: str | None = None
    formula: str | None = None
    rules: tuple[tuple[str, str], ...] = ()
    where: str | None = None
    bytes: int | None = None
    stands_for: int = 1
    value: Numbers | None = None
    grad: Numbers | None = None
    heat: float | None = None
    of: int | None = None

    @property
    def text(self) -> tuple[str, ...]:
        """All that is to be written below the title."""
        numbers = (("value", self.value), ("grad", self.grad))
        return (*self.lines, *(f"{what} {found}" for what, found in numbers if found is not None))


@dataclass(frozen=True, slots=True)
class Arrow:
    """An operand on its way into an operation: from box number ``tail`` to box number ``head``.

    Attributes
    ----------
    tail, head : int
    label : str
        What the operand is to the operation, where the order does not tell: ``"targets"``, ``"÷"``.
    argument : str or None
        What the operation's formula and rules call it.
    shape : tuple of int or None
    dtype : str or None
        Of the operand, where the box at the tail does not say it.
    backward : bool
        It is a gradient on its way back; its label is the rule that made it.
    """

    tail: int
    head: int
    label: str = ""
    argument: str | None = None
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Boxes that belong together: an open module, or a block that is repeated.

    Attributes
    ----------
    title : str
    kind : str or None
        The class of the module; ``None`` for a repeated block.
    path : str
        To the module, from the model.
    parent : int or None
        The number of the group around it, which is smaller than its own.
    count : int
        How many such blocks follow each other; the boxes are those of the first.
    """

    title: str
    kind: str | None = None
    path: str = ""
    parent: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Outline:
    """A picture before anyone decided what it looks like.

    Attributes
    ----------
    boxes : tuple of Box
        In the order in which they were computed.
    arrows : tuple of Arrow
        They speak of positions in ``boxes``.
    groups : tuple of Group
    notes : tuple of str
        What a reader has to know, such as how much is hidden.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return it as JSON: an object of lists, whose keys are the attributes; those at their default are left out."""
        content = [
            f'"{part.name}": [\n{_rows(getattr(self, part.name))}]' for part in fields(self) if getattr(self, part.name)
        ]
        return ",\n".join(['{"format": "tinygrad_np.drawing", "version": 1', *content]) + "}\n"


def _rows(things: Iterable[Any]) -> str:
    """One thing per line, so that two drawings can be compared line by line."""
    return ",\n".join(
        json.dumps(thing if isinstance(thing, str) else _said(thing), allow_nan=False) for thing in things
    )


def _said(thing: Any) -> dict[str, Any]:
    """The attributes that are not at their default."""
    said = {f.name: value for f in fields(thing) if (value := getattr(thing, f.name)) != f.default}
    if "rules" in said:
        said["rules"] = dict(said["rules"])
    return said | {key: said[key].told() for key in ("value", "grad") if key in said}
