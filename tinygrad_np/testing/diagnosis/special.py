"""Points at which a gradient is no number, or a choice; and inputs that get none at all."""

from __future__ import annotations

import numpy as np

from tinygrad_np.testing.diagnosis.evidence import Evidence
from tinygrad_np.testing.report import Mistake
from tinygrad_np.testing.slopes import THOROUGH, Line, flat, scales

__all__ = ["input_ignored", "singular_point", "tie"]


def singular_point(e: Evidence, suspects: list[int]) -> Mistake | None:
    bad = [i for i in suspects if not np.all(np.isfinite(e.found[i]))]
    if not bad:
        return None
    kind = "NaN" if np.any(np.isnan(e.found[bad[0]])) else "infinite"
    return Mistake(
        "singular point",
        f"the gradient is {kind}, the function is not: look for a division by zero, for 0 * inf, for an overflow",
    )


def tie(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The slope jumps where the gradient is wrong."""
    if not e.kink:
        return None
    for i in suspects:
        for place in np.argwhere(e.expected[i].wrong(e.found[i]))[:8]:
            along = [np.zeros_like(x) for x in e.point]
            along[i][tuple(place)] = np.broadcast_to(scales(e.point[i]), e.point[i].shape)[tuple(place)]
            jump = Line(e.call.value, e.point, along, flat(e.cotangents), e.outs).jump(THOROUGH)
            if not abs(jump.value) > 30 * jump.error:
                return None
    return Mistake(
        "tie",
        "this is a kink (equal elements, an edge), and the gradient is none of the slopes around, nor a mixture of "
        "them: among ties, shares have to add up to one",
    )


def input_ignored(e: Evidence, suspects: list[int]) -> Mistake | None:
    if not suspects or any(np.any(e.found[i]) for i in suspects):
        return None
    return Mistake("input ignored", "the gradient is zero or None, though the result depends on that input")
