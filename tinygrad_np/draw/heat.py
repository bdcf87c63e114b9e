"""Colouring by a number: gradient norm, saturation, dead units, bytes, time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tinygrad_np.draw.outline import Box
from tinygrad_np.draw.scene import Item
from tinygrad_np.draw.words import size_of
from tinygrad_np.primitives import Primitive

__all__ = ["HEATS", "Heat", "heated"]

#: Squashing function -> its largest slope.
_STEEPEST = {"tanh": 1.0, "sigmoid": 0.25, "expit": 0.25, "erf": 2 / math.sqrt(math.pi), "arctan": 1.0}
#: Functions that are zero where a unit is dead.
_RECTIFIERS = ("relu", "maximum", "clip", "gelu", "silu")


class Heat(NamedTuple):
    """What a colouring shows.

    Attributes
    ----------
    measure : callable
        Item -> its number; ``None`` if it has none.
    together : callable
        Of several items, one number for all.
    meaning : str
    line : str
        What is written into a box, with ``{}`` for the number.
    text : callable
        The number in words.
    logarithmic : bool
        The colours are those of its logarithm.
    share : bool
        It goes from 0 to 1; other numbers are seen in relation to the largest.
    needs : str
        What has to be known of an item: ``"value"``, ``"grad"`` or ``""``.
    """

    measure: Callable[[Item], float | None]
    together: Callable[[list[float]], float]
    meaning: str
    line: str
    text: Callable[[float], str]
    logarithmic: bool = False
    share: bool = False
    needs: str = ""


def _grad_norm(item: Item) -> float | None:
    return None if item.grad is None else float(np.linalg.norm(item.grad.astype(np.result_type(item.grad, np.float64))))


def _saturation(item: Item) -> float | None:
    """The share of elements at which a squashing function is nearly flat: below 5% of its steepest slope."""
    name = getattr(item.operation, "name", "")
    if name not in _STEEPEST or item.value is None or not item.value.size:
        return None
    (x,) = (operand.value if isinstance(operand, Item) else operand for operand in item.operands)
    rule = item.operation.vjps[0]
    with np.errstate(all="ignore"):
        slope = rule.rule(np.ones_like(item.value), *[item.value if slot else x for slot in rule.needs])
    return float(np.mean(np.abs(slope) < 0.05 * _STEEPEST[name]))


def _dead(item: Item) -> float | None:
    """The share of units, positions along the last axis, that are zero for all examples."""
    if getattr(item.operation, "name", "") not in _RECTIFIERS or item.value is None or np.ndim(item.value) < 2:
        return None
    value = item.value
    return float(np.mean(np.all(value.reshape(-1, value.shape[-1]) <= 0, axis=0))) if value.size else None


def _bytes(item: Item) -> float | None:
    return None if item.shape is None or item.dtype is None else float(math.prod(item.shape) * item.dtype.itemsize)


def _time(item: Item) -> float | None:
    """Seconds that the operation takes by itself, with the operands that it had: the best of several runs."""
    if not isinstance(item.operation, Primitive):
        return None
    operands = [operand.value if isinstance(operand, Item) else operand for operand in item.operands]
    if any(operand is None for operand in operands):
        return None
    best = math.inf
    with np.errstate(all="ignore"):
        spent, runs = 0.0, 0
        while runs < 3 or (runs < 20 and spent < 0.01):
            start = time.perf_counter()
            item.operation.forward(*operands, **item.metadata)
            taken = time.perf_counter() - start
            best, spent, runs = min(best, taken), spent + taken, runs + 1
    return best


def _seconds(t: float) -> str:
    return f"{t:.3g} s" if t >= 1 else f"{t * 1e3:.3g} ms" if t >= 1e-3 else f"{t * 1e6:.3g} µs"


def _short(x: float) -> str:
    return f"{x:.3g}"


def _percent(x: float) -> str:
    return f"{x:.0%}"


HEATS = {
    "grad_norm": Heat(
        _grad_norm, max, "norm of the gradient", "gradient norm {}", _short, logarithmic=True, needs="grad"
    ),
    "saturation": Heat(
        _saturation, max, "share of elements where the slope is below 5% of its largest", "{} saturated", _percent,
        share=True, needs="value",
    ),
    "dead": Heat(
        _dead, max, "share of units that are zero for all examples", "{} dead", _percent, share=True, needs="value"
    ),
    "bytes": Heat(_bytes, sum, "bytes of the value", "{}", size_of),
    "time": Heat(_time, sum, "time of the operation by itself", "{}", _seconds, needs="value"),
}  # fmt: skip


def heated(boxes: Sequence[Box], items: Sequence[Sequence[Item]], by: str) -> tuple[list[Box], str]:
    """Return the boxes with their heat, from 0 to 1, and what the colours mean.

    ``items`` are what each box stands for.
    """
    heat = HEATS[by]
    numbers = []
    for each in items:
        measured = [number for item in each if (number := heat.measure(item)) is not None]
        numbers.append(heat.together(measured) if measured else None)
    finite = [n for n in numbers if n is not None and math.isfinite(n)]
    if not finite:
        return list(boxes), f"nothing here has what {by!r} would show"
    low, high = (0.0, 1.0) if heat.share else (0.0, max(finite))
    if heat.logarithmic:
        low = min((n for n in finite if n > 0), default=0.0)
    scale = f"from {heat.text(low)} (white) to {heat.text(high)} (red){', logarithmic' * heat.logarithmic}"

    def shade(n: float) -> float:
        if not math.isfinite(n) or high <= low:
            return 1.0
        if not heat.logarithmic:
            return (n - low) / (high - low)
        return math.log(n / low) / math.log(high / low) if n > 0 else 0.0

    found = [
        box if n is None else replace(box, heat=round(shade(n), 3), lines=(*box.lines, heat.line.format(heat.text(n))))
        for box, n in zip(boxes, numbers, strict=True)
    ]
    return found, f"colour: {heat.meaning}, {scale}"
