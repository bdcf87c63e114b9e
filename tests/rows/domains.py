"""What values an operand may have: functions that draw an array of a shape, away from kinks and poles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Shape = tuple[int, ...]
Domain = Callable[[np.random.Generator, Shape], np.ndarray]


def reals(low: float = -2.0, high: float = 2.0) -> Domain:
    """Any number between two."""
    return lambda rng, shape: rng.uniform(low, high, shape)


def lattice(offset: float) -> Domain:
    """Numbers near ``k + offset``: of two lattices with different offsets, no number meets one of the other."""
    return lambda rng, shape: rng.integers(-2, 3, shape) + offset + rng.uniform(-0.1, 0.1, shape)


def distinct(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers no two of which are close."""
    size = int(np.prod(shape))
    return 0.2 * (rng.permutation(size).reshape(shape) - size / 2) + rng.uniform(-0.05, 0.05, shape)


def distinct_sizes(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs no two of which have nearly the same absolute value; none is near 0."""
    size = int(np.prod(shape))
    return signs(rng, shape) * (0.4 + 0.1 * rng.permutation(size).reshape(shape) + rng.uniform(-0.02, 0.02, shape))


def graded(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs whose absolute values grow along each axis, and so do their sums."""
    steps = sum(i * step for i, step in zip(np.indices(shape), (0.5, 0.17, 0.06), strict=False))
    return signs(rng, shape) * (0.4 + steps + rng.uniform(0, 0.01, shape))


def nonzero(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs, none near 0."""
    return signs(rng, shape) * rng.uniform(0.4, 2, shape)


def with_zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of which every third or so is 0 exactly."""
    return nonzero(rng, shape) * (rng.random(shape) > 0.3)


def signs(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """-1 or 1."""
    return rng.choice([-1.0, 1.0], shape)


def powers_of_two(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Near 1, 2, 4, of both signs: a number near ``k + 1/2`` is not near any multiple of these."""
    return signs(rng, shape) * rng.choice([1.0, 2.0, 4.0], shape) * rng.uniform(0.98, 1.02, shape)


def not_powers_of_two(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Between 1 and 2, 2 and 4, 4 and 8, of both signs."""
    return signs(rng, shape) * rng.choice([1.0, 2.0, 4.0], shape) * rng.uniform(1.1, 1.9, shape)


def integers(low: int, high: int) -> Domain:
    """Integers from ``low`` to ``high``, both included."""
    return lambda rng, shape: rng.integers(low, high + 1, shape)


def booleans(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """True or False."""
    return rng.random(shape) > 0.5


any_real, positive, inside = reals(), reals(0.4, 2), reals(-0.8, 0.8)
between = lattice(0.5)  # not near an integer


def with_nan(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Distinct numbers; along each axis, every other one is NaN, from the second on."""
    return np.where(np.indices(shape).sum(0) % 2 == 1, np.nan, distinct(rng, shape)) if shape else distinct(rng, shape)


def spaced(offset: float) -> Domain:
    """Numbers no two of which are close, nor close to any with another offset."""
    return lambda rng, shape: (
        0.4 * rng.permutation(np.arange(-4, 5))[: int(np.prod(shape))].reshape(shape)
        + offset
        + rng.uniform(-0.05, 0.05, shape)
    )


def increasing(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers near 0, 1, 2 ... along the last axis."""
    return np.arange(shape[-1]) + rng.uniform(-0.2, 0.2, shape)


def steps(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers near 0, 1, 2 ... along the first axis."""
    return np.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)) + rng.uniform(-0.05, 0.05, shape)


def between_positions(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Quantiles that are not those of any element of up to four, by the method "linear"."""
    return rng.choice([0.15, 0.28, 0.42, 0.58, 0.72, 0.85], shape) + rng.uniform(-0.04, 0.04, shape)


def every_other(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Masks that are true at every other element, at least; at the first in any case."""
    return np.array((np.indices(shape).sum(0) if shape else 0) % 2 == 0) | (rng.random(shape) > 0.5)


def with_infinity(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers, some of which are infinite."""
    return rng.choice([1.0, 1.0, np.inf, -np.inf], shape) * nonzero(rng, shape)
