"""The expected gradient, number by number: what is only looked at when something is wrong, or on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_np.testing.calls import Call
from tinygrad_np.testing.slopes import COARSE, Estimate, Line, differences, flat, random_direction

__all__ = ["Elements", "expected_gradient", "inner", "slope_of"]

Array = np.ndarray[Any, np.dtype[Any]]
#: Of a larger argument, that many elements are looked at: the largest ones, and some at random.
LIMIT = 512


class Elements:
    """The expected gradient by one argument: ``value`` and ``error`` are NaN where nobody looked."""

    def __init__(self, like: Array) -> None:
        self.value = np.full(like.shape, np.nan, like.dtype)
        self.error = np.full(like.shape, np.nan)

    def wrong(self, found: Array) -> Array:
        """Return which elements of ``found`` are off by more than errors explain."""
        known = np.isfinite(self.value) & np.isfinite(self.error)
        size = float(np.max(np.abs(self.value), where=known, initial=0))
        with np.errstate(all="ignore"):
            off = np.abs(found - self.value)
            return np.asarray(known & ~(off <= 30 * self.error + 1e-8 * size))


def expected_gradient(
    value: Callable[[list[Array]], list[Array]],
    at: Sequence[Array],
    weights: Array,
    start: Sequence[Array],
    found: Sequence[Array],
    rng: np.random.Generator,
) -> list[Elements]:
    """Return the gradient of ``weights @ value`` by all elements; where there are too many of them, by some."""
    every = []
    for number, (x, g) in enumerate(zip(at, found, strict=True)):
        elements = Elements(x)
        places = np.arange(x.size)
        if x.size > LIMIT:
            order = np.argsort(np.abs(g.reshape(-1)))[::-1]
            places = np.unique([*order[: LIMIT // 4], *rng.choice(x.size, LIMIT // 2, replace=False)])
        for place in places:
            _look(elements, value, at, number, int(place), weights, start)
        if x.size > LIMIT and not np.any(elements.wrong(g)):
            place = _searched(value, at, number, g, weights, start, rng)
            _look(elements, value, at, number, place, weights, start)
        every.append(elements)
    return every


def _look(elements: Elements, value: Any, at: Any, number: int, place: int, weights: Array, start: Any) -> None:
    index = tuple(int(i) for i in np.unravel_index(place, at[number].shape))
    found = differences(value, at, number, index, weights, start)
    elements.value[index], elements.error[index] = found.value, found.error


def _searched(value: Any, at: Any, number: int, g: Array, weights: Array, start: Any, rng: Any) -> int:
    """Look for one wrong element among many, by halving: in which half does the slope disagree more?"""
    places = np.arange(g.size)
    direction = random_direction(at, rng)[number]
    while places.size > 1:
        halves = np.array_split(places, 2)
        off = []
        for half in halves:
            along = [np.zeros_like(x) for x in at]
            along[number].reshape(-1)[half] = direction.reshape(-1)[half]
            slope = Line(value, at, along, weights, start).slope(COARSE)
            off.append(abs(float(slope.value) - float(np.sum(np.real(np.conj(g) * along[number])))))
        places = halves[int(off[1] > off[0])]
    return int(places[0])


def inner(gradients: Sequence[Array], along: Sequence[Array]) -> float:
    """Return the slope along a direction that gradients promise."""
    return float(sum(np.sum(np.real(np.conj(g) * v)) for g, v in zip(gradients, along, strict=True)))


def slope_of(line: Line, steps: Sequence[float]) -> Estimate:
    """Return the slope as plain numbers."""
    return line.slope(steps)


def paired(weights: Array, outs: Sequence[Array]) -> float:
    """Return the pairing of the results with their cotangents, as one real number."""
    return float(weights @ flat(outs))
