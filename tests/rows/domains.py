"""What values an operand may have, away from kinks and poles: the public domains, and those that only rows need."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.testing.strategies import Domain, among, avoiding, integers, near, reals, separated
from tinygrad_np.testing.strategies import booleans as true_or_false

__all__ = ["Domain", "among", "avoiding", "integers", "near", "reals"]

Shape = tuple[int, ...]

any_real, positive, inside = reals(), reals(0.4, 2), reals(-0.8, 0.8)
nonzero = avoiding(0, 0.4)
booleans = true_or_false()
distinct = separated(0.1)
signs = among([1.0, -1.0])
unsure = reals(-1, 1)


def lattice(offset: float) -> Domain:
    """Numbers near ``k + offset``: of two lattices with different offsets, no number meets one of the other."""
    return near(np.array([0, 1, -1, 2, -2]) + offset, 0.1)


between = lattice(0.5)  # not near an integer


def distinct_sizes(draw: Any, shape: Shape) -> np.ndarray:
    """Numbers of both signs no two of which have nearly the same absolute value; none is near 0."""
    sizes = separated(0.06)(draw, shape)
    return signs(draw, shape) * (0.4 + sizes - sizes.min(initial=0))


def graded(draw: Any, shape: Shape) -> np.ndarray:
    """Numbers of both signs whose absolute values grow along each axis, and so do their sums."""
    steps = sum(i * step for i, step in zip(np.indices(shape), (0.5, 0.17, 0.06), strict=False))
    return signs(draw, shape) * (0.4 + steps + 0.01 * reals(0, 1)(draw, shape))


def with_zeros(draw: Any, shape: Shape) -> np.ndarray:
    """Numbers of which every third or so is 0 exactly."""
    return nonzero(draw, shape) * among([1, 1, 0])(draw, shape)


# near 1, 2, 4, of both signs: a number near ``k + 1/2`` is not near any multiple of these
powers_of_two = near([1.0, -1.0, 2.0, -2.0, 4.0, -4.0], 0.02)
# between 1 and 2, 2 and 4, 4 and 8, of both signs
not_powers_of_two = avoiding([1, 2, 4, 8, -1, -2, -4, -8, *np.linspace(-1, 1, 9)], 0.15, -7.8, 7.8)


def with_nan(draw: Any, shape: Shape) -> np.ndarray:
    """Distinct numbers; along each axis, every other one is NaN, from the second on."""
    return np.where(_places(shape) % 2 == 1, np.nan, distinct(draw, shape))


def with_infinity(draw: Any, shape: Shape) -> np.ndarray:
    """Numbers, some of which are infinite."""
    return among([1.0, 1.0, np.inf, -np.inf])(draw, shape) * nonzero(draw, shape)


def every_other(draw: Any, shape: Shape) -> np.ndarray:
    """Masks that are true at every other element, at least; at the first in any case."""
    return (_places(shape) % 2 == 0) | booleans(draw, shape)


def _places(shape: Shape) -> np.ndarray:
    return np.asarray(np.indices(shape).sum(0)) if shape else np.zeros((), int)


def spaced(offset: float) -> Domain:
    """Numbers no two of which are close, nor close to any with another offset."""
    return lambda draw, shape: 0.4 * np.round(5 * distinct(draw, shape)) + offset + 0.05 * unsure(draw, shape)


def increasing(draw: Any, shape: Shape) -> np.ndarray:
    """Numbers near 0, 1, 2 ... along the last axis."""
    return np.arange(shape[-1]) + 0.2 * unsure(draw, shape)


def steps(draw: Any, shape: Shape) -> np.ndarray:
    """Numbers near 0, 1, 2 ... along the first axis."""
    return np.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)) + 0.05 * unsure(draw, shape)


# quantiles that are not those of any element of up to four, by the method "linear"
between_positions = near([0.15, 0.28, 0.42, 0.58, 0.72, 0.85], 0.04)
