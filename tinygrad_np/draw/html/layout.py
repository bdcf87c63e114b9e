"""Where boxes and arrows go: Graphviz decides, from sizes that leave room for what the page writes into the boxes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tinygrad_np.draw.html.layers import layered
from tinygrad_np.draw.outline import Outline
from tinygrad_np.draw.rendering import rendered

__all__ = ["Layout", "Rectangle", "Row", "lay_out"]

#: Left, top, width and height.
Rectangle = tuple[float, float, float, float]

#: What a line of a box is (``"title"``, ``"line"``, ``"value"`` or ``"grad"``), and its text.
Row = tuple[str, str]

# Letters and lines of the page, in its pixels: page.css and picture.js say the same.
_TITLE, _LINE, _MARGIN, _HEAD = 19.0, 16.5, 12.0, 9.0
#: Pictures of more boxes than this would keep Graphviz busy for long: its time grows with the square.
_LARGE = 1500

_NARROW, _WIDE = frozenset("fijlrtI.,:;|'!()[] -"), frozenset("mwMW@%…")


@dataclass(frozen=True, slots=True)
class Layout:
    """Places in pixels, from the upper left corner.

    Attributes
    ----------
    size : (float, float)
        Width and height of it all.
    boxes : list of Rectangle
    groups : list of Rectangle or None
        Some layouts draw no frames around groups.
    arrows : list of str
        The paths, as SVG writes them.
    labels : list of (float, float) or None
        The middle of what is written at an arrow.
    """

    size: tuple[float, float]
    boxes: list[Rectangle]
    groups: list[Rectangle | None]
    arrows: list[str]
    labels: list[tuple[float, float] | None]


def lay_out(
    picture: Outline,
    rows: Sequence[Sequence[Row]],
    labels: Sequence[str],
    direction: str,
) -> Layout:
    """Return where everything goes.

    Parameters
    ----------
    picture : Outline
    rows : sequence of sequences of Row
        What will be written into each box.
    labels : sequence of str
        What will be written at each arrow, ``""`` for nothing.
    direction : {"TB", "LR"}

    Notes
    -----
    Without Graphviz, and for very large pictures, there is a layout of our own.
    """
    sizes = [_size(written) for written in rows]
    if len(picture.boxes) > _LARGE:
        return _by_layers(picture, sizes, direction)
    try:
        found = rendered(_source(picture, sizes, labels, direction), "json0")
    except (ImportError, RuntimeError):
        return _by_layers(picture, sizes, direction)
    return _by_graphviz(picture, json.loads(found))


def _by_graphviz(picture: Outline, found: Any) -> Layout:
    left, bottom, right, top = map(float, found["bb"].split(","))

    def point(text: str) -> tuple[float, float]:
        x, y = map(float, text.split(","))
        return round(x - left, 1), round(top - y, 1)  # Graphviz counts upwards

    boxes: list[Any] = [None] * len(picture.boxes)
    groups: list[Any] = [None] * len(picture.groups)
    for thing in found.get("objects", ()):
        if thing["name"].startswith("cluster"):
            x0, y0, x1, y1 = map(float, thing["bb"].split(","))
            place = (round(x0 - left, 1), round(top - y1, 1), round(x1 - x0, 1), round(y1 - y0, 1))
            groups[int(thing["name"].removeprefix("cluster"))] = place
        else:
            size = 72 * float(thing["width"]), 72 * float(thing["height"])
            boxes[int(thing["name"].removeprefix("n"))] = _around(point(thing["pos"]), size)
    arrows = [""] * len(picture.arrows)
    places: list[tuple[float, float] | None] = [None] * len(picture.arrows)
    for edge in found.get("edges", ()):
        # A spline of Graphviz: the tip of the arrow, and then Bézier curves from the tail to where the head begins; or,
        # of an arrow that leads upwards, in the other direction.
        tip, *curve = (point(p.lstrip("es,")) for p in edge["pos"].split())
        start, *curve = reversed(curve) if edge["pos"].startswith("s") else curve
        arrows[int(edge["id"])] = _path(start, curve, tip)
        places[int(edge["id"])] = point(edge["lp"]) if "lp" in edge else None
    return Layout((right - left, top - bottom), boxes, groups, arrows, places)


def _by_layers(picture: Outline, sizes: Sequence[tuple[float, float]], direction: str) -> Layout:
    centres, routes = layered(picture, sizes, direction)
    boxes = [_around(centre, size) for centre, size in zip(centres, sizes, strict=True)]
    arrows: list[str] = []
    places: list[tuple[float, float] | None] = []
    for arrow, route in zip(picture.arrows, routes, strict=True):
        tail, head = sizes[arrow.tail], sizes[arrow.head]
        along = 0 if direction == "LR" else 1
        ahead = 1 if route[-1][along] > route[0][along] else -1  # gradients flow back
        if route[0][along] == route[-1][along]:  # side by side
            along = 1 - along
            ahead = 1 if route[-1][along] > route[0][along] else -1
        start = _moved(route[0], along, ahead * tail[along] / 2)
        tip = _moved(route[-1], along, -ahead * head[along] / 2)
        points = [start, *route[1:-1], _moved(tip, along, -ahead * _HEAD)]
        curve = []
        for a, b in pairwise(points):
            middle = (a[along] + b[along]) / 2
            curve += [(a[0], middle), (b[0], middle), b] if along else [(middle, a[1]), (middle, b[1]), b]
        arrows.append(_path(start, curve, tip))
        (x0, y0), (x1, y1) = points[-2:]
        places.append(((x0 + x1) / 2, (y0 + y1) / 2))
    size = max(x + width for x, _, width, _ in boxes), max(y + height for _, y, _, height in boxes)
    return Layout(size, boxes, [None] * len(picture.groups), arrows, places)


def _moved(point: tuple[float, float], along: int, distance: float) -> tuple[float, float]:
    x, y = point
    return (x, y + distance) if along else (x + distance, y)


def _around(centre: tuple[float, float], size: tuple[float, float]) -> Rectangle:
    (x, y), (width, height) = centre, size
    return round(x - width / 2, 1), round(y - height / 2, 1), round(width, 1), round(height, 1)


def _path(start: tuple[float, float], curve: Sequence[tuple[float, float]], tip: tuple[float, float]) -> str:
    """Bézier curves, and a straight line to the tip, as SVG writes them."""
    words = " ".join(f"{x:.1f} {y:.1f}" for x, y in curve)
    return f"M{start[0]:.1f} {start[1]:.1f}C{words}L{tip[0]:.1f} {tip[1]:.1f}"


def _source(picture: Outline, sizes: Sequence[tuple[float, float]], labels: Sequence[str], direction: str) -> str:
    """The picture for Graphviz, without anything that has no size."""
    lines = [
        "digraph {",
        f"graph [rankdir={direction} ordering=in nodesep=0.3 ranksep=0.4 pad=0 fontsize=13]",
        'node [shape=box fixedsize=true label=""]',
        "edge [arrowsize=0.9 fontname=Helvetica fontsize=12.5]",
    ]
    inside: dict[int | None, list[str]] = {None: []}
    for number, group in enumerate(picture.groups):
        inside[number] = []
        inside[group.parent].append(f"group {number}")
    for number, (box, (width, height)) in enumerate(zip(picture.boxes, sizes, strict=True)):
        inside[box.group].append(f"n{number} [width={width / 72:.3f} height={height / 72:.3f}]")
    stack = inside[None][::-1]
    while stack:
        line = stack.pop()
        if line.startswith("group "):
            number = int(line.split()[1])
            # The label of a group takes a line of its height at the top; its width is not Graphviz's to know.
            lines.append(f'subgraph cluster{number} {{ label=" " labeljust=l margin=12')
            stack += ["}", *inside[number][::-1]]
        else:
            lines.append(line)
    for number, (arrow, label) in enumerate(zip(picture.arrows, labels, strict=True)):
        looks = f" label={json.dumps(f' {label} ')}" if label else ""
        tail, head = picture.boxes[arrow.tail], picture.boxes[arrow.head]
        ends = f"n{arrow.tail} -> n{arrow.head}"
        if arrow.backward:  # gradients flow upwards, beside the values that flow downwards
            ends, looks = f"n{arrow.head} -> n{arrow.tail}", looks + " dir=back"
        elif head.kind == "gradient":
            looks += " constraint=false"
        elif tail.kind in ("operation", "module"):
            looks += " weight=12"  # the flow of the data is the straight line, parameters join it from the side
        if not arrow.backward and _enters(picture, tail.group, head.group):
            looks += " minlen=2"  # above the frame and what is beside it in there, so that it can be straight
        lines.append(f"{ends} [id={number}{looks}]")
    return "\n".join([*lines, "}"])


def _enters(picture: Outline, tail: int | None, head: int | None) -> bool:
    """Whether an arrow leads into a group that it does not come from."""
    while tail is not None and tail != head:
        tail = picture.groups[tail].parent
    return tail != head


def _size(rows: Sequence[Row]) -> tuple[float, float]:
    width = max(_width(text) * (1.2 if kind == "title" else 1.0) for kind, text in rows)
    return max(width + 2 * _MARGIN, 44), _MARGIN + sum(_TITLE if kind == "title" else _LINE for kind, _ in rows)


def _width(text: str) -> float:
    """About how wide a text is in 13 pixels of a wide sans-serif; the page squeezes what comes out wider."""
    return sum(4.8 if c in _NARROW else 12.0 if c in _WIDE else 8.0 for c in text)
