"""Charts as inline SVG: sharp at any size, in the colours of the page, and without Matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_np.train.report.html import Markup, tag

__all__ = ["Series", "line_chart", "scatter_chart"]

WIDTH, HEIGHT = 430, 250
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 12, 40

#: Percentages that are closer together than this are not drawn as if they were far apart.
_NARROW = 0.05

#: Points of one line up to which each says its value under the mouse.
_TALKATIVE = 150


@dataclass(frozen=True)
class Series:
    """One line of a chart: its name, the CSS class that colours it, and its values, with None where there is none."""

    name: str
    kind: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class _Axis:
    """From values to places: linear, or logarithmic, between two places in the picture."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.logarithmic:
            value, low, high = [math.log10(number) for number in (value, low, high)]
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers, about five of them."""
        if self.logarithmic:
            exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            factors = (1, 2, 5) if len(exponents) < 5 else (1,)
            round_ones = (factor * 10.0**e for e in exponents[:: max(1, len(exponents) // 6)] for factor in factors)
            return [number for number in round_ones if self.low <= number <= self.high]
        rough = (self.high - self.low) / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def line_chart(
    title: str,
    unit: str,
    series: Sequence[Series],
    *,
    percent: bool = False,
    log: bool = False,
    best: int | None = None,
) -> Markup:
    """Draw lines over the epochs 1, 2, ...

    Parameters
    ----------
    title, unit : str
        Of what is drawn upwards.
    series : sequence of Series
        Of the same length.
    percent : bool
        Write values as percentages.
    log : bool
        Draw upwards on a logarithmic scale, where all values are positive and span more than a factor of thirty.
    best : int, optional
        An epoch to mark: the one whose weights the network has.
    """
    shown = [value for line in series for value in line.values if _drawable(value)]
    n = max((len(line.values) for line in series), default=0)
    if not shown:
        return tag("figure", tag("figcaption", tag("b", title)), tag("p", "There is nothing to draw."))
    log = log and min(shown) > 0 and max(shown) > 30 * min(shown)
    across = _Axis(1, max(n, 2), LEFT, WIDTH - RIGHT)
    up = _Axis(*_limits(shown, log, percent), HEIGHT - BOTTOM, TOP, log)
    marks = []
    if best is not None:
        said = tag("title", f"the weights are those of epoch {best}")
        marks.append(tag("line", said, x1=across(best), x2=across(best), y1=TOP, y2=HEIGHT - BOTTOM, class_="best"))
    for line in series:
        points = [
            (epoch, value, across(epoch), up(value)) for epoch, value in enumerate(line.values, 1) if _drawable(value)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for _, _, x, y in points)
        marks.append(tag("polyline", points=path, class_=f"line {line.kind}"))
        for epoch, value, x, y in points if len(points) <= _TALKATIVE else []:
            said = tag("title", f"epoch {epoch}: {_written(value, percent)} ({line.name})")
            radius = 3 if len(points) < 3 else None  # a line through one point would not show
            marks.append(
                tag("circle", said, cx=x, cy=y, r=radius or 7, class_=f"{line.kind} {'' if radius else 'ghost'}")
            )
    whole = sorted({round(tick) for tick in across.ticks() if abs(tick - round(tick)) < 1e-9 and tick >= 1})
    drawn = _frame(up, percent, across, whole, "epoch", *marks)
    legend = [tag("span", line.name, class_=f"key {line.kind}") for line in series if len(series) > 1]
    return tag("figure", tag("figcaption", tag("b", title), f" {unit}", *legend), drawn)


def scatter_chart(title: str, x: ArrayLike, y: ArrayLike, x_name: str, y_name: str) -> Markup:
    """Draw points, and the diagonal on which both numbers are the same."""
    xs, ys = (np.asarray(values, float).reshape(-1) for values in (x, y))
    low, high = float(min(xs.min(), ys.min())), float(max(xs.max(), ys.max()))
    margin = 0.04 * (high - low) or 1.0
    across = _Axis(low - margin, high + margin, LEFT, WIDTH - RIGHT)
    up = _Axis(low - margin, high + margin, HEIGHT - BOTTOM, TOP)
    ends = {"x1": across(across.low), "y1": up(up.low), "x2": across(across.high), "y2": up(up.high)}
    marks = [tag("line", class_="diagonal", **ends)]
    for a, b in zip(xs, ys, strict=True):
        said = tag("title", f"{x_name} {a:.4g}, {y_name} {b:.4g}")
        marks.append(tag("circle", said, cx=across(a), cy=up(b), r=3, class_="point"))
    drawn = _frame(up, False, across, across.ticks(), x_name, *marks)
    return tag("figure", tag("figcaption", tag("b", title), f" {y_name}"), drawn, class_="scatter")


def _drawable(value: float | None) -> TypeGuard[float]:
    return value is not None and (value == 0 or 1e-100 < abs(value) < 1e100)


def _limits(shown: list[float], log: bool, percent: bool) -> tuple[float, float]:
    low, high = min(shown), max(shown)
    if log:
        return low / 1.15, high * 1.15
    if percent and low >= 0 and high - low < _NARROW:
        low = max(high - _NARROW, 0.0)  # one example more or less is no mountain
    if low >= 0 and (not percent or low < 0.5 * high):
        low = 0.0
    # Values that hardly differ are drawn as one line, not as noise.
    span = max(high - low, 1e-6 * max(abs(low), abs(high))) or 1.0
    return low - (0.06 * span if low else 0), high + 0.05 * span


def _frame(up: _Axis, percent: bool, across: _Axis, ticks: Sequence[float], name: str, *marks: Markup) -> Markup:
    lines = []
    for tick in up.ticks():
        y = up(tick)
        lines.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        lines.append(tag("text", _written(tick, percent), x=LEFT - 8, y=y + 4, text_anchor="end"))
    for tick in ticks:
        x = across(tick)
        lines.append(tag("line", x1=x, x2=x, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="axis"))
        lines.append(tag("text", f"{tick:.6g}", x=x, y=HEIGHT - BOTTOM + 18, text_anchor="middle"))
    lines.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM, class_="axis"))
    lines.append(tag("text", name, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 6, text_anchor="middle"))
    return tag("svg", *lines, *marks, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", class_="chart")


def _written(value: float, percent: bool) -> str:
    return f"{100 * value:.4g}%" if percent else f"{value:.4g}"
