"""Finite differences that know how good they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["differences"]

Array = np.ndarray[Any, np.dtype[Any]]


def differences(function: Callable[[Array], float], x: Array, name: str = "the function") -> Array:
    """Return the gradient of a real function, element by element.

    Central differences with steps h, h/2, h/4, whose errors of order 2 and 4 cancel by Richardson's extrapolation. By a
    complex number ``x + iy`` the derivative is ``d/dx + i d/dy``, the direction of steepest ascent.

    Raises
    ------
    AssertionError
        If they do not converge: there is a kink or a pole near.

    Examples
    --------
    >>> differences(lambda x: float(np.sum(x**3)), np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        for direction in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
            gradient[place] += direction * _slope(function, x, place, direction, name)
    return gradient


def _slope(function: Callable[[Array], float], x: Array, place: tuple[int, ...], direction: Any, name: str) -> float:
    h = 2.0**-7 * max(1.0, float(abs(x[place])))
    found = []
    values = []
    for step in (h, h / 2, h / 4):
        forth, back = x.copy(), x.copy()
        forth[place] += direction * step
        back[place] -= direction * step
        values += [function(forth), function(back)]
        found.append((values[-2] - values[-1]) / (2 * step))
    coarse, fine = (4 * found[1] - found[0]) / 3, (4 * found[2] - found[1]) / 3
    rounding = 1e-15 * max(map(abs, values)) / h
    if not abs(fine - coarse) <= 1e-4 * (1 + abs(fine)) + 100 * rounding:
        raise AssertionError(
            f"{name}: finite differences at element {[int(i) for i in place]} = {x[place]} do not converge; there is a "
            f"kink or a pole within {h:.2g}: choose another place"
        )
    return (16 * fine - coarse) / 15
