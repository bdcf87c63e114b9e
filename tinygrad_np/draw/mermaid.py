"""An outline in Mermaid, which GitHub, GitLab and notebooks draw where they find it in a text."""

from __future__ import annotations

from collections import defaultdict

from tinygrad_np.draw.dot import Direction, heat_colour
from tinygrad_np.draw.outline import Arrow, Box, Outline
from tinygrad_np.draw.words import labels_of

__all__ = ["to_mermaid"]

#: Class -> its looks.
_CLASSES = {
    "operation": "fill:#fff,stroke:#5f6b7a", "result": "fill:#ffe2b8,stroke:#c05c00,stroke-width:2px",
    "parameter": "fill:#d6e6fa,stroke:#2463a8", "input": "fill:#dff2df,stroke:#35803a",
    "constant": "fill:#eef0f2,stroke:#8a94a0", "module": "fill:#f3f5f8,stroke:#5f6b7a",
    "gradient": "fill:#fdeeea,stroke:#b5472f",
    "folded": "fill:#f7f7f7,stroke:#8a94a0,stroke-dasharray:4",
    "marked": "fill:#ffd3cf,stroke:#c0182b,stroke-width:3px",
}  # fmt: skip


def to_mermaid(picture: Outline, direction: Direction = "TB") -> str:
    """Return the Mermaid source of an outline."""
    boxes: dict[int | None, list[str]] = defaultdict(list)
    inner: dict[int | None, list[int]] = defaultdict(list)
    for number, group in enumerate(picture.groups):
        inner[group.parent].append(number)
    for number, box in enumerate(picture.boxes):
        boxes[box.group].append(_box(number, box))
    lines = [f"flowchart {direction}", *boxes[None]]
    stack = [(number, False) for number in reversed(inner[None])]
    while stack:
        number, ends = stack.pop()
        if ends:
            lines.append("end")
            continue
        lines += [f"subgraph g{number}[{_quoted(picture.groups[number].title)}]", *boxes[number]]
        stack += [(number, True), *((child, False) for child in reversed(inner[number]))]
    lines += map(_arrow, picture.arrows, labels_of(picture))
    lines += [f"style n{i} fill:{heat_colour(b.heat)}" for i, b in enumerate(picture.boxes) if b.heat is not None]
    used = {"marked" if box.marked else box.kind for box in picture.boxes}
    lines += [f"classDef {kind} {looks}" for kind, looks in _CLASSES.items() if kind in used]
    return "\n".join([*lines, *(f"%% {note}" for note in picture.notes), ""])


def _box(number: int, box: Box) -> str:
    left, right = ("[", "]") if box.kind in ("parameter", "input", "constant", "gradient") else ("(", ")")
    text = "<br/>".join(map(_escaped, (box.title, *box.text)))
    return f'n{number}{left}"{text}"{right}:::{"marked" if box.marked else box.kind}'


def _arrow(arrow: Arrow, label: str) -> str:
    return f"n{arrow.tail} -->{f'|{_quoted(label)}|' if label else ''} n{arrow.head}"


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Letters and digits as they are; what might mean something to Mermaid or HTML, by its number."""
    return "".join(c if c.isalnum() or c in " ._-,:()=+×" else f"#{ord(c)};" if c.isprintable() else " " for c in text)
