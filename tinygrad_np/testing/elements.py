"""The expected gradient, number by number: what is only looked at when something is wrong, or on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_np.testing.slopes import COARSE, Line, differences, random_direction

__all__ = ["Elements", "expected_gradient", "inner", "products"]

Array = np.ndarray[Any, np.dtype[Any]]
#: Of a larger argument, that many elements are looked at: the largest ones, and some at random.
LIMIT = 512


class Elements:
    """The expected gradient by one argument: ``value`` and ``error`` are NaN where nobody looked.

    ``floor`` is what rounding may leave of a zero.
    """

    def __init__(self, like: Array, floor: float) -> None:
        self.floor = floor
        self.value = np.full(like.shape, np.nan, like.dtype)
        self.error = np.full(like.shape, np.nan)

    def wrong(self, found: Array) -> Array:
        """Return which elements of ``found`` are off by more than errors explain."""
        known = np.isfinite(self.value) & np.isfinite(self.error)
        size = float(np.max(np.abs(self.value), where=known, initial=0))
        with np.errstate(all="ignore"):
            off = np.abs(found - self.value)
            zero = np.abs(self.value) <= 8 * self.error
            return np.asarray(known & ~(off <= 30 * self.error + 1e-8 * size + np.where(zero, self.floor, 0)))


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
        elements = Elements(x, 1e3 * np.finfo(float).eps * float(np.max(np.abs(weights), initial=0)))
        places: list[int] = np.flatnonzero(np.isfinite(x)).tolist()
        if x.size > LIMIT:
            order = np.argsort(np.abs(g.reshape(-1)))[::-1]
            some = {*order[: LIMIT // 4].tolist(), *rng.choice(x.size, LIMIT // 2, replace=False).tolist()}
            places = sorted(some.intersection(places))
        for place in places:
            _look(elements, value, at, number, place, weights, start)
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
            off.append(abs(float(slope.value) - inner([g], [along[number]])))
        places = halves[int(off[1] > off[0])]
    return int(places[0])


def inner(gradients: Sequence[Array], along: Sequence[Array]) -> float:
    """Return the slope along a direction that gradients promise; where nothing moves, they do not matter."""
    return float(sum(np.sum(products(g, v)) for g, v in zip(gradients, along, strict=True)))


def products(gradient: Array, along: Array) -> Array:
    """Return what each element contributes to the slope."""
    with np.errstate(all="ignore"):
        if gradient.dtype.kind == "c" or along.dtype.kind == "c":
            found = np.real(np.conj(gradient) * along)
        else:
            found = gradient * along
        return found if np.isfinite(found.sum()) else np.where(along == 0, 0.0, found)
