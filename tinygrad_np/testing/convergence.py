"""The evidence: at what order does the remainder of Taylor's series fall?

What the slope ``s`` leaves over, ``|phi(t) - phi(0) - t s|``, falls as ``t**2`` if ``s`` is the derivative of ``phi``,
and as ``t`` if it is not: no tolerance is needed to tell one from the other. With the second derivative taken away as
well, orders are 3 and 2. Below the floor of rounding the remainder says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_np.testing.slopes import Line

__all__ = ["Remainder", "taylor_remainder"]


@dataclass(frozen=True)
class Remainder:
    """How the Taylor remainder falls.

    Attributes
    ----------
    order : float or None
        Its power of the step; ``None`` where it is lost in rounding, as that of a linear function is.
    steps, sizes : tuple of float
        The measurements above the floor.
    floor : float
        What rounding amounts to.
    """

    order: float | None
    steps: tuple[float, ...]
    sizes: tuple[float, ...]
    floor: float

    def __str__(self) -> str:
        return "at the floor of rounding" if self.order is None else f"h^{self.order:.1f}"


def taylor_remainder(
    line: Line, slope: float, steps: Sequence[float], curvature: float = 0.0, uncertainty: float = 0.0
) -> Remainder:
    """Measure the Taylor remainder of a weighted :class:`~tinygrad_np.testing.slopes.Line` over some steps.

    Parameters
    ----------
    line : Line
        With weights: its change is one number.
    slope, curvature : float
        The derivatives under test: ``phi(t) - phi(0) - t slope - t**2 curvature / 2``.
    uncertainty : float
        How far rounding may have moved the slope: what that explains is below the floor.
    steps : sequence of float
        From the longest to the shortest. The order is that of the six shortest steps above the floor: a wrong slope
        shows there.

    Examples
    --------
    >>> line = Line(lambda x: [np.exp(x[0])], [np.array(1.0)], [np.array(1.0)], np.ones(1))
    >>> steps = [2.0**-k for k in range(3, 12)]
    >>> print(taylor_remainder(line, np.e, steps), taylor_remainder(line, 1.1 * np.e, steps))
    h^2.0 h^1.0
    """
    floor = 16 * float(line.rounding)
    found = []
    for t in steps:
        tail = [float(line.change(side)) - side * slope - curvature * t * t / 2 for side in (t, -t)]
        # a wrong slope moves both sides apart, curvature moves them together: the mean size sees either
        size = (abs(tail[0]) + abs(tail[1])) / 2
        if np.isfinite(size) and size > floor + 4 * t * (np.finfo(float).eps * abs(slope) + uncertainty):
            found.append((t, size))
    found = found[-6:]
    order = None
    if len(found) > 1:  # the slope of the line through the logarithms
        x, y = np.log(found).T
        order = float((x - x.mean()) @ (y - y.mean()) / ((x - x.mean()) @ (x - x.mean())))
    return Remainder(order, tuple(t for t, _ in found), tuple(size for _, size in found), floor)
