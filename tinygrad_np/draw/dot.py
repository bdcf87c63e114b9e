"""An outline in DOT, the language of Graphviz: text, written without any package."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from html import escape
from typing import Literal

from tinygrad_np.draw.outline import Arrow, Box, Group, Outline
from tinygrad_np.draw.words import labels_of

__all__ = ["Direction", "heat_colour", "to_dot"]

#: Which way time runs: from top to bottom, or from left to right.
Direction = Literal["TB", "LR"]

_FONT = 'fontname="Helvetica"'
_INK, _GREY = "#1f2933", "#5f6b7a"

#: Kind -> its looks: light fills, dark outlines. The shapes tell data from operations without colour, too.
_STYLES: dict[str, list[str]] = {
    "operation": [],
    "result": ['fillcolor="#ffe2b8"', 'color="#c05c00"', "penwidth=2.2"],
    "parameter": ["style=filled", 'fillcolor="#d6e6fa"', 'color="#2463a8"'],
    "input": ["style=filled", 'fillcolor="#dff2df"', 'color="#35803a"'],
    "constant": ["style=filled", 'fillcolor="#eef0f2"', 'color="#8a94a0"', "height=0.3", "width=0.4"],
    "module": ["peripheries=2"],
    "gradient": ["style=filled", 'fillcolor="#fdeeea"', 'color="#b5472f"'],
    "folded": ['style="rounded,filled,dashed"', 'fillcolor="#f7f7f7"', 'color="#8a94a0"'],
}
_MARK = ['fillcolor="#ffd3cf"', 'color="#c0182b"', "penwidth=3"]

#: Family of operations -> fill.
_FILLS = {
    "product": "#e9e0fa", "activation": "#fff3c4", "reduction": "#d5efee", "shape": "#f1f0ec", "loss": "#fde0ea",
}  # fmt: skip


_CALLED = {"product": "linear algebra", "shape": "selection, shape"}

#: Pictures of fewer boxes need no legend.
_LEGEND = 8

#: So many boxes are laid out with less effort.
_LARGE = 60

_HOT = (244, 105, 79)


def heat_colour(heat: float) -> str:
    """From white to red."""
    return "#" + "".join(f"{round(255 + heat * (hot - 255)):02x}" for hot in _HOT)


def to_dot(picture: Outline, direction: Direction = "TB", *, dpi: int | None = None, plain: bool = False) -> str:
    """Return the DOT source of an outline.

    ``dpi`` matters for pictures made of pixels only. ``plain`` does without bold letters and letters of several sizes,
    which not every Graphviz knows.
    """
    resolution = f" dpi={dpi}" if dpi else ""
    # ordering=in keeps operands in order: x - y differs from y - x
    graph = f'rankdir={direction} ordering=in nodesep=0.25 ranksep=0.3 pad=0.2 bgcolor="white"{resolution}'
    graph += f' {_FONT} fontsize=11 fontcolor="{_GREY}"'
    if len(picture.boxes) > _LARGE:
        graph += (
            " nslimit=4 nslimit1=4"  # arrows may be a little longer than they must, and it takes a tenth of the time
        )
    if legend := _legend(picture, plain):
        graph += f" labelloc=b label={legend}"
    node = f'{_FONT} fontsize=13 fontcolor="{_INK}" shape=box style="rounded,filled" fillcolor="white"'
    node += f' color="{_GREY}" penwidth=1.2 height=0.4 margin="0.14,0.07"'
    edge = f'{_FONT} fontsize=10 fontcolor="{_GREY}" color="{_GREY}" arrowsize=0.7'
    head = [f"  graph [{graph}]", f"  node [{node}]", f"  edge [{edge}]"]
    arrows = [
        _arrow(arrow, label, picture.boxes) for arrow, label in zip(picture.arrows, labels_of(picture), strict=True)
    ]
    return "\n".join(["digraph computation {", *head, *_grouped(picture, plain), *arrows, *_steering(picture), "}", ""])


def _legend(picture: Outline, plain: bool) -> str | None:
    """What stands below the picture: what the colours mean, where there are several, and notes."""
    families = {box.family for box in picture.boxes if box.kind == "operation" and box.heat is None}
    used = [(family, fill) for family, fill in _FILLS.items() if family in families]
    if plain or len(used) < 2 or len(picture.boxes) < _LEGEND:
        return '"' + "\\n".join(map(_escaped, picture.notes)) + '"' if picture.notes else None
    cells = "".join(f'<td bgcolor="{fill}">  {_CALLED.get(family, family)}  </td>' for family, fill in used)
    notes = "".join(f'<tr><td colspan="{len(used)}">{_escaped(note)}</td></tr>' for note in picture.notes)
    return f'<<table border="0" cellspacing="6" cellpadding="3"><tr>{cells}</tr>{notes}</table>>'


def _grouped(picture: Outline, plain: bool) -> list[str]:
    """The boxes, in the braces of the groups that they are in."""
    boxes: dict[int | None, list[str]] = defaultdict(list)
    inner: dict[int | None, list[int]] = defaultdict(list)
    depths: dict[int | None, int] = {None: 1}
    for number, group in enumerate(picture.groups):
        inner[group.parent].append(number)
        depths[number] = depths[group.parent] + 1
    for number, box in enumerate(picture.boxes):
        boxes[box.group].append("  " * depths[box.group] + _box(number, box, plain))
    lines: list[str] = []
    stack: list[tuple[int | None, bool]] = [(None, False)]
    while stack:
        at, ends = stack.pop()
        indent = "  " * (depths[at] - 1)
        if ends:
            lines.append(f"{indent}}}")
            continue
        if at is not None:
            lines += _opening(at, picture.groups[at], indent)
            stack.append((at, True))
        lines += boxes[at]
        stack += [(child, False) for child in reversed(inner[at])]
    return lines


def _opening(number: int, group: Group, indent: str) -> list[str]:
    looks = f'style="rounded,filled{",dashed" * (group.count > 1)}" color="#a9b4c0" fillcolor="#5f6b7a0c"'
    label = f'label="{_escaped(group.title)}" labeljust=l labelloc=t {_FONT} fontsize=11 margin=10'
    return [f"{indent}subgraph cluster_{number} {{", f"{indent}  graph [{label} {looks}]"]


def _box(number: int, box: Box, plain: bool) -> str:
    fill = _FILLS.get(box.family or "") if box.kind in ("operation", "module") else None
    looks = [f'fillcolor="{fill}"'] if fill else []
    if box.heat is not None:
        looks = [f'fillcolor="{heat_colour(box.heat)}"']
    looks = _MARK if box.marked else _STYLES[box.kind] + looks
    if plain or not box.text:
        label = "\\n".join(map(_escaped, (box.title, *box.text)))
        return _statement(f"n{number}", [f'label="{label}"', *looks])
    colour = _GREY if box.heat is None else _INK
    below = "".join(f'<br/><font point-size="10.5" color="{colour}">{_escaped(line)}</font>' for line in box.text)
    return _statement(f"n{number}", [f"label=<<b>{_escaped(box.title)}</b>{below}>", *looks])


def _steering(picture: Outline) -> list[str]:
    """Invisible arrows from what enters a frame to another operand within it, such as the weight of a layer.

    So the frame of a layer stands below the layer before. Left to itself, Graphviz puts the weight beside what the
    layer before ends with, hence frame beside frame, and a deep network is a diagonal. Not beside a backward pass,
    which would no longer be level with the forward one.
    """
    if any(arrow.backward for arrow in picture.arrows):
        return []
    around: dict[int | None, set[int]] = {None: set()}
    for number, group in enumerate(picture.groups):
        around[number] = {number} | around[group.parent]
    frames = [around[box.group] for box in picture.boxes]
    uses = Counter(arrow.tail for arrow in picture.arrows)
    operands: dict[int, list[int]] = defaultdict(list)
    for arrow in picture.arrows:
        operands[arrow.head].append(arrow.tail)
    lines = []
    for arrow in picture.arrows:
        entered = frames[arrow.head] - frames[arrow.tail]
        # What is computed, or used elsewhere, may have to stand above.
        within = (n for n in operands[arrow.head] if entered & frames[n] and n not in operands and uses[n] == 1)
        if (operand := next(within, None)) is not None:
            looks = ["style=invis", *["weight=30"] * _flows(picture.boxes[arrow.tail])]
            lines.append("  " + _statement(f"n{arrow.tail} -> n{operand}", looks))
    return lines


def _arrow(arrow: Arrow, label: str, boxes: Sequence[Box]) -> str:
    tail, head = boxes[arrow.tail], boxes[arrow.head]
    looks = [f'label=" {_escaped(label)}"'] if label else []
    if arrow.backward:  # gradients flow upwards, beside the values that flow downwards
        looks += [
            'dir=back color="#b5472f" fontcolor="#b5472f"',
            *["weight=12"] * (head.of is not None and _flows(boxes[head.of])),
        ]
        return "  " + _statement(f"n{arrow.head} -> n{arrow.tail}", looks)
    if head.kind == "gradient":
        looks.append('constraint=false color="#b5472f" fontcolor="#b5472f"')
    elif "folded" in (tail.kind, head.kind):
        looks.append("style=dashed")
    elif _flows(tail):
        looks.append("weight=12")  # the flow of the data is the straight line, parameters join it from the side
    return "  " + _statement(f"n{arrow.tail} -> n{arrow.head}", looks)


def _flows(box: Box) -> bool:
    return box.kind in ("operation", "module")


def _statement(what: str, looks: list[str]) -> str:
    return f"{what} [{' '.join(looks)}]" if looks else what


def _escaped(text: str) -> str:
    """Text that means itself to XML, to DOT with its backslashes, and to a terminal that shows the source."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return escape(printable).replace("\\", "\\\\")
