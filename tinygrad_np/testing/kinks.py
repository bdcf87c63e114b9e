"""Kinks: how far the nearest one is, whether a step crosses one, and what a gradient may be at one.

Each operation of the table declares how far its operands may move before it stops being smooth. Over all steps of a
trace, inner ones too, the smallest such margin says how close to a kink the whole function is; and while each operand
moves by less than its margin, no kink is crossed, whatever the steps are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_np.graph import leaf
from tinygrad_np.observe import Place, Step, observe
from tinygrad_np.record import wrap
from tinygrad_np.testing.calls import Array, Call
from tinygrad_np.testing.elements import inner, products
from tinygrad_np.testing.slopes import Line, random_direction, scales

__all__ = ["AtKink", "Margin", "crosses_no_kink", "margin_of", "moved", "outside_of_interval", "smallest", "steps_of"]

_NEAR, _SHORT = 2.0**-14, 2.0**-22


class AtKink(Exception):
    """Here is no derivative to test."""

    def __init__(self, reason: str, line: Line | None = None) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


@dataclass(frozen=True)
class Margin:
    """How far an operand of some operation is from a kink.

    Attributes
    ----------
    distance : float
        ``inf`` where there is none.
    operation : str
    where : Place or None
        The line that called it.
    """

    distance: float
    operation: str
    where: Place | None

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.distance:.1g} away, of {self.operation}{place}"


def steps_of(call: Call, at: Sequence[Array]) -> list[Step]:
    """Return all operations of a function of Tensors, with the operands that they get."""
    with observe() as steps, np.errstate(all="ignore"):
        call.function.call(*call.arguments_at([wrap(x, leaf(x, True)) for x in at]))
    return steps


def margin_of(step: Step) -> Margin:
    """Return the smallest margin of a step."""
    with np.errstate(all="ignore"):
        return Margin(float(np.min(step.margin(), initial=np.inf)), step.name, step.where)


def smallest(steps: Sequence[Step]) -> Margin | None:
    """Return the smallest margin of all."""
    return min(map(margin_of, steps), key=lambda margin: margin.distance, default=None)


def crosses_no_kink(call: Call, at: Sequence[Array], to: Sequence[Array]) -> bool:
    """Whether it is certain that no operation meets a kink between two points: their operands move by too little.

    What lies between is not looked at, so this holds where each operand moves along a straight line or nearly so, as it
    does over the short steps of a check.
    """
    before, after = steps_of(call, at), steps_of(call, to)
    if [step.operation for step in before] != [step.operation for step in after]:
        return False
    for one, other in zip(before, after, strict=True):
        margin = np.asarray(one.margin())
        for a, b in zip(one.operands, other.operands, strict=True):
            if isinstance(a, np.ndarray) and a.dtype.kind in "fc" and not _within(a, b, margin):
                return False
    return True


def _within(a: Array, b: Array, margin: Array) -> bool:
    return a.shape == b.shape and (not np.any(np.isfinite(margin)) or bool(np.all(np.abs(a - b) < margin)))


def moved(at: Sequence[Array], rng: np.random.Generator, attempt: int) -> list[Array]:
    """Return a point nearby: at first in a random direction, then up, down, and at random again, further off."""
    step = 2.0 ** -(7 - attempt // 3)
    found = []
    for x in at:
        sign = (1.0, -1.0)[attempt - 1] if attempt in (1, 2) else rng.choice([-1.0, 1.0], x.shape)
        shift = step * sign * rng.uniform(0.5, 1, x.shape) * scales(x)
        found.append(np.asarray(x + (shift * (1 + 1j) if x.dtype.kind == "c" else shift)).astype(x.dtype))
    return found


def outside_of_interval(
    value: Callable[[list[Array]], list[Array]],
    point: Sequence[Array],
    weights: Array,
    gradients: Sequence[Array],
    rng: np.random.Generator,
) -> tuple[float, float, float] | None:
    """Return ``(slope, low, high)`` if a gradient promises a slope that is none of those around, nor between them.

    At a kink a gradient is a choice. Whatever the choice, along each direction it has to lie between the slopes at the
    points around (Clarke's generalized derivative). We look at slopes on both sides and at some points at random, and
    allow for half the width on top, since these may not be the extreme ones.
    """
    for attempt in range(8):
        along = random_direction(point, rng)
        if attempt < 3:  # among ties, shares that do not add up to one show where all elements move alike
            along = [np.asarray(np.abs(v) * (-1) ** (attempt == 2)).astype(v.dtype) for v in along]
        slopes, noise = [], 0.0
        places = [(side * _NEAR, along) for side in (1, -1)]
        places += [(_NEAR, random_direction(point, rng)) for _ in range(12)]
        for distance, to in places:
            near = [x + distance * v for x, v in zip(point, to, strict=True)]
            line = Line(value, near, along, weights)
            slopes.append(float(line.change(_SHORT, -_SHORT)) / (2 * _SHORT))
            noise = max(noise, float(line.rounding) / _SHORT)
        slopes = [s for s in slopes if np.isfinite(s)]
        if len(slopes) < 6:
            continue
        promised = inner(gradients, along)
        size = float(sum(np.sum(np.abs(products(g, v))) for g, v in zip(gradients, along, strict=True)))
        low, high = min(slopes), max(slopes)
        slack = 0.5 * (high - low) + 8 * noise + 1e-3 * size
        if not low - slack <= promised <= high + slack:
            return promised, low, high
    return None
