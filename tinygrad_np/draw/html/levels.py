"""How far open a drawing can be: from all modules closed to everything that there is room for."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from tinygrad_np.draw.outline import Outline

if TYPE_CHECKING:
    from tinygrad_np.draw.drawing import Drawing

__all__ = ["levels_of"]

#: How many boxes a browser moves without effort.
_ROOM = 6000


def levels_of(drawing: Drawing) -> tuple[list[tuple[str, Outline]], int]:
    """Return each level's name and outline, the most folded first, and which of them is the drawing as it is."""
    own = drawing.outline
    levels: list[tuple[str, Outline]] = []
    if drawing._scene is not None:
        for depth in count():
            picture = drawing.folded(_ROOM, depth).outline
            if not levels or len(picture.boxes) > len(levels[-1][1].boxes):
                levels.append((str(depth or "none"), picture))
            if not any(box.kind == "module" for box in picture.boxes):
                break
        picture = drawing.folded(_ROOM, depth, repeats=False).outline
        if len(picture.boxes) > len(levels[-1][1].boxes):
            levels.append(("", picture))
        whole = all(box.kind != "folded" for box in picture.boxes)
        levels[-1] = ("all" if whole else "the newest", levels[-1][1])
    for number, (_, picture) in enumerate(levels):
        if picture.to_json() == own.to_json():  # where NaN is itself
            return levels, number
    shown = sum(len(picture.boxes) < len(own.boxes) for _, picture in levels)
    levels.insert(shown, ("as drawn", own))
    return levels, shown
