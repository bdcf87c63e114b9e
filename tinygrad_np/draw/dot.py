"""An outline in DOT, the language of Graphviz: text, written without any package."""

from __future__ import annotations

from html import escape
from typing import Literal

from tinygrad_np.draw.outline import Arrow, Box, Kind, Outline

__all__ = ["Direction", "to_dot"]

#: Which way time runs: from top to bottom, or from left to right.
Direction = Literal["TB", "LR"]

_FONT = 'fontname="Helvetica"'
_INK, _GREY = "#1f2933", "#5f6b7a"

#: Kind -> its looks: light fills, dark outlines. The shapes tell data from operations without colour, too.
_STYLES: dict[Kind, list[str]] = {
    "operation": [],
    "result": ['fillcolor="#ffe2b8"', 'color="#c05c00"', "penwidth=2.2"],
    "parameter": ["style=filled", 'fillcolor="#d6e6fa"', 'color="#2463a8"'],
    "input": ["style=filled", 'fillcolor="#dff2df"', 'color="#35803a"'],
    "constant": ["style=filled", 'fillcolor="#eef0f2"', 'color="#8a94a0"', "height=0.3", "width=0.4"],
    "folded": ['style="rounded,filled,dashed"', 'fillcolor="#f7f7f7"', 'color="#8a94a0"'],
}


def to_dot(picture: Outline, direction: Direction = "TB", dpi: int | None = None) -> str:
    """Return the DOT source of an outline; ``dpi`` matters for pictures made of pixels only."""
    resolution = f" dpi={dpi}" if dpi else ""
    # ordering=in keeps operands in order: x - y differs from y - x
    graph = f'rankdir={direction} ordering=in nodesep=0.2 ranksep=0.3 pad=0.2 bgcolor="white"{resolution}'
    node = f'{_FONT} fontsize=13 fontcolor="{_INK}" shape=box style="rounded,filled" fillcolor="white"'
    node += f' color="{_GREY}" penwidth=1.2 height=0.4 margin="0.14,0.07"'
    edge = f'{_FONT} fontsize=10 fontcolor="{_GREY}" color="{_GREY}" arrowsize=0.7'
    head = [f"  graph [{graph}]", f"  node [{node}]", f"  edge [{edge}]"]
    boxes = [_box(number, box) for number, box in enumerate(picture.boxes)]
    kinds = [box.kind for box in picture.boxes]
    arrows = [_arrow(arrow, kinds[arrow.tail], kinds[arrow.head]) for arrow in picture.arrows]
    return "\n".join(["digraph computation {", *head, *boxes, *arrows, "}", ""])


_MARK = ['fillcolor="#ffd3cf"', 'color="#c0182b"', "penwidth=3"]


def _box(number: int, box: Box) -> str:
    looks = _MARK if box.marked else _STYLES[box.kind]
    if not box.lines:
        return _statement(f"n{number}", [f'label="{_escaped(box.title)}"', *looks])
    below = "".join(f'<br/><font point-size="10.5" color="{_GREY}">{_escaped(line)}</font>' for line in box.lines)
    return _statement(f"n{number}", [f"label=<<b>{_escaped(box.title)}</b>{below}>", *looks])


def _arrow(arrow: Arrow, tail: Kind, head: Kind) -> str:
    looks = [f'label=" {_escaped(arrow.label)}"'] if arrow.label else []
    if "folded" in (tail, head):
        looks.append("style=dashed")
    elif tail == "operation":
        looks.append("weight=12")  # the flow of the data is the straight line, parameters join it from the side
    return _statement(f"n{arrow.tail} -> n{arrow.head}", looks)


def _statement(what: str, looks: list[str]) -> str:
    return f"  {what} [{' '.join(looks)}]" if looks else f"  {what}"


def _escaped(text: str) -> str:
    """Text that means itself to XML, to DOT with its backslashes, and to a terminal that shows the source."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return escape(printable).replace("\\", "\\\\")
