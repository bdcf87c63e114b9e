"""A drawing as one file for the browser, which asks for nothing else: pictures, data, style and script."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from string import Template
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from tinygrad_np.draw.html.layout import Row, lay_out
from tinygrad_np.draw.html.levels import levels_of
from tinygrad_np.draw.outline import Arrow, Box, Outline
from tinygrad_np.draw.words import shape_of

if TYPE_CHECKING:
    from tinygrad_np.draw.drawing import Drawing

__all__ = ["to_html"]

_WIDEST = 40  # letters in a line of numbers

_SCRIPTS = ("picture.js", "view.js", "steps.js", "page.js")


def to_html(drawing: Drawing, title: str) -> str:
    """Return a page that shows a drawing, folded to several levels, and animates how it is computed."""
    levels, shown = levels_of(drawing)
    pictures = [_level(label, picture, drawing.direction) for label, picture in levels]
    content = {"title": title, "shown": shown, "levels": pictures}
    data = json.dumps(content, allow_nan=False, separators=(",", ":"))
    folder = files(__package__)
    return Template(folder.joinpath("page.html").read_text("utf-8")).substitute(
        title=escape(title),
        style=folder.joinpath("page.css").read_text("utf-8"),
        script="\n".join(folder.joinpath(name).read_text("utf-8") for name in _SCRIPTS),
        data=data.replace("<", "\\u003c"),  # nothing in the data ends the element that holds it
    )


def _level(label: str, picture: Outline, direction: str) -> dict[str, Any]:
    rows = [_rows(box) for box in picture.boxes]
    labels = [_label(arrow) for arrow in picture.arrows]
    layout = lay_out(picture, rows, labels, direction)
    return {
        "label": label,
        "size": layout.size,
        "notes": picture.notes,
        "boxes": [
            {"at": place, "rows": written, **_said(picture, box)}
            for box, place, written in zip(picture.boxes, layout.boxes, rows, strict=True)
        ],
        "arrows": [
            _known(
                {
                    "tail": arrow.tail,
                    "head": arrow.head,
                    "argument": arrow.argument,
                    "back": arrow.backward or None,
                    "path": path,
                    "label": label,
                    "labelAt": place if label else None,
                }
            )
            for arrow, path, label, place in zip(picture.arrows, layout.arrows, labels, layout.labels, strict=True)
        ],
        "groups": [
            {"at": place, "label": group.title}
            for group, place in zip(picture.groups, layout.groups, strict=True)
            if place is not None
        ],
    }


def _rows(box: Box) -> list[Row]:
    rows = [("title", box.title), *(("line", line) for line in box.lines)]
    for kind, numbers in (("value", box.value), ("grad", box.grad)):
        if numbers is not None:
            rows += [(kind, line) for line in wrap(f"{kind} {numbers}", _WIDEST)]
    return rows


def _said(picture: Outline, box: Box) -> dict[str, Any]:
    """What the page says of a box where somebody points at it; what is not known is left out."""
    return _known(
        {
            "kind": box.kind,
            "title": box.title,
            "operation": box.operation,
            "family": box.family,
            "shape": None if box.shape is None else str(box.shape),
            "dtype": box.dtype,
            "marked": box.marked or None,
            "formula": box.formula,
            "rules": dict(box.rules),
            "where": box.where,
            "bytes": box.bytes and f"{box.bytes:,}",
            "stands_for": f"{box.stands_for:,} operations" if box.stands_for > 1 else None,
            "value": box.value and str(box.value),
            "grad": box.grad and str(box.grad),
            "heat": box.heat,
            "module": None if box.group is None else picture.groups[box.group].path,
        }
    )


def _known(said: dict[str, Any]) -> dict[str, Any]:
    """Without what says nothing."""
    return {key: value for key, value in said.items() if value is not None and value not in ("", {}, [])}


def _label(arrow: Arrow) -> str:
    form = f"{shape_of(arrow.shape)} {arrow.dtype}" if arrow.dtype else ""
    return " ".join(part for part in (arrow.label, form) if part)
