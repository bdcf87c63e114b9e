"""What many operations use is drawn at each of them: forty arrows from one box are a curtain, not a picture."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from tinygrad_np.draw.outline import Box, Outline

__all__ = ["spread"]

_MOST = 6  # so many arrows may leave a leaf
_LEAVES = ("parameter", "input", "constant")


def spread(picture: Outline) -> Outline:
    """Return the outline with a box for each use of the leaves that have many; the first of them tells all."""
    uses = Counter(arrow.tail for arrow in picture.arrows)
    often = {n for n, count in uses.items() if count > _MOST and picture.boxes[n].kind in _LEAVES}
    if not often:
        return picture
    used: dict[int, list[int]] = defaultdict(list)  # box -> its arrows from such leaves
    for i, arrow in enumerate(picture.arrows):
        if arrow.tail in often:
            used[arrow.head].append(i)
    boxes: list[Box] = []
    numbers: dict[int, int] = {}
    tails: dict[int, int] = {}  # arrow -> the new box that it comes from
    known: set[int] = set()

    def leaves_of(head: int) -> None:
        for i in used[head]:
            tail = picture.arrows[i].tail
            leaf = replace(picture.boxes[tail], group=picture.boxes[head].group)
            tails[i] = len(boxes)
            boxes.append(replace(leaf, lines=(), value=None, grad=None) if tail in known else leaf)
            known.add(tail)

    for number, box in enumerate(picture.boxes):
        if number in often:
            continue
        if box.kind != "folded":  # that is the first box in any case
            leaves_of(number)
        numbers[number] = len(boxes)
        boxes.append(box)
        if box.kind == "folded":
            leaves_of(number)
    arrows = [
        replace(arrow, tail=tails[i] if i in tails else numbers[arrow.tail], head=numbers[arrow.head])
        for i, arrow in enumerate(picture.arrows)
    ]
    return replace(picture, boxes=tuple(boxes), arrows=tuple(arrows))
