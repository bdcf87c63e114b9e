"""Numbers for the inputs: functions of a generator and a shape."""

from __future__ import annotations

import numpy as np

__all__ = ["apart", "complex_numbers", "cycle", "invertible", "normal", "signed", "ties", "uniform"]

Generator = np.random.Generator


def normal(rng: Generator, *shape: int) -> np.ndarray:
    """Any number."""
    return rng.standard_normal(shape)


def uniform(rng: Generator, *shape: int, low: float = 0.5, high: float = 2.0) -> np.ndarray:
    """Numbers between two, positive ones unless told otherwise."""
    return rng.uniform(low, high, shape)


def signed(rng: Generator, *shape: int) -> np.ndarray:
    """Numbers of both signs, none near 0."""
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 2, shape)


def complex_numbers(rng: Generator, *shape: int) -> np.ndarray:
    """Complex numbers none of which is nearly real or imaginary."""
    return signed(rng, *shape) + 1j * signed(rng, *shape)


def apart(rng: Generator, *shape: int) -> np.ndarray:
    """Numbers no two of which are close, in any order."""
    size = int(np.prod(shape))
    return (0.5 * (rng.permutation(size) - size / 2) + rng.uniform(-0.1, 0.1, size)).reshape(shape)


def ties(rng: Generator, n: int) -> np.ndarray:
    """Numbers the largest of which occurs two times or more."""
    x = rng.uniform(-2, 1, n)
    x[rng.permutation(n)[: rng.integers(2, n + 1)]] = 1.5
    return x


def cycle(rng: Generator, n: int) -> np.ndarray:
    """Numbers whose sorting permutation is one cycle, hence for n > 2 not its own inverse."""
    order, around = np.empty(n, int), rng.permutation(n)
    order[around] = np.roll(around, -1)
    x = np.empty(n)
    x[order] = np.sort(apart(rng, n))
    return x


def invertible(rng: Generator, n: int) -> np.ndarray:
    """A matrix with singular values between 1/2 and 2."""
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    return left * rng.uniform(0.5, 2, n) @ right
