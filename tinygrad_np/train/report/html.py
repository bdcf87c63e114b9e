"""HTML and SVG by a function: ``tag("p", "1 < 2")``. Text is escaped, tags are not."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Markup", "table", "tag"]


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str | float | None) -> Markup:
    """Return an element. An attribute ``class_`` is ``class``, ``stroke_width`` is ``stroke-width``; None is left out.

    Examples
    --------
    >>> tag("p", "1 < 2, ", tag("b", "always"), class_="note")
    '<p class="note">1 &lt; 2, <b>always</b></p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(part if isinstance(part, Markup) else escape(part, quote=False) for part in content)
    return Markup(f"<{name}{given}>{inner}</{name}>")


def table(head: Iterable[str], rows: Iterable[Iterable[str]], **attributes: str) -> Markup:
    """Return a table with a line of headings; the first cell of each row is its heading.

    Examples
    --------
    >>> table(["a", "b"], [["1", "2"]])
    '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><th>1</th><td>2</td></tr></tbody></table>'
    """
    lines = []
    for first, *others in rows:
        lines.append(tag("tr", tag("th", first), *(tag("td", cell) for cell in others)))
    headings = tag("thead", tag("tr", *(tag("th", cell) for cell in head)))
    return tag("table", headings, tag("tbody", *lines), **attributes)


def _short(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
