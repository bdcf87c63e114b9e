"""Derivatives along a line, by differences, that know how good they are.

From values at ``t = h, h/2, h/4, ...`` on both sides of 0, Richardson's extrapolation makes slopes of ever higher order
(Romberg's table). No step is the right one for all functions: a long one meets curvature, kinks and poles, a short one
drowns in rounding. So each entry of the table gets an error, namely how far its neighbours are from it, and what
rounding may do, and the entry with the smallest error wins (Ridders, 1982, "Accurate computation of F'(x) and
F'(x) F''(x)").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["COARSE", "QUICK", "THOROUGH", "Estimate", "Line", "differences", "flat", "random_direction", "scales"]

Array = np.ndarray[Any, np.dtype[Any]]

#: Steps, relative to the size of the inputs. A smooth function needs but the first two.
QUICK = tuple(2.0**-k for k in (11, 12))
COARSE = tuple(2.0**-k for k in range(9, 13))
THOROUGH = tuple(2.0**-k for k in range(2, 31))
_COLUMNS = 4  # of Romberg's table: more of them only amplify rounding
_SHORTEST = 8  # steps that measure the noise


@dataclass(frozen=True)
class Estimate:
    """Numbers, and how far off they may be."""

    value: Array
    error: Array


class Line:
    """A function along a line: ``t -> function(at + t * along)``, all results as one vector of real numbers.

    Parameters
    ----------
    function : callable
        Takes a list of arrays, returns a list of arrays.
    at, along : sequence of array
        A point, and a direction to go.
    weights : array, optional
        One per real number of the result: then the slope is that of ``weights @ results``.
    """

    def __init__(
        self,
        function: Callable[[list[Array]], Sequence[Array]],
        at: Sequence[Array],
        along: Sequence[Array],
        weights: Array | None = None,
        start: Sequence[Array] | None = None,
    ) -> None:
        self.function, self.at, self.along, self.weights = function, at, along, weights
        self._known: dict[float, Array] = {} if start is None else {0.0: flat(start)}
        self._eps = 0.0 if start is None else _eps(start)

    def __call__(self, t: float) -> Array:
        """Return all results at ``at + t * along``; NaN where the function refuses to go."""
        if t not in self._known:
            try:
                results = self.function([_moved(x, t, v) for x, v in zip(self.at, self.along, strict=True)])
            except (ArithmeticError, ValueError):  # a matrix that is no longer positive definite, say
                if t == 0:
                    raise
                return self._known.setdefault(t, np.full(self(0.0).shape, np.nan))
            self._known[t] = flat(results)
            self._eps = max(self._eps, _eps(results))
        return self._known[t]

    def change(self, t: float, back: float = 0.0) -> Array:
        """Return the (weighted) change of the results from ``back`` to ``t``: first the difference, then the sum."""
        forth, start = self(t), self(back)
        if forth.shape != start.shape:  # it depends on the values of the inputs: nothing to compare
            return np.full(self(0.0).shape if self.weights is None else (), np.nan)
        with np.errstate(all="ignore"):
            difference = forth - start
            return difference if self.weights is None else np.asarray(self.weights @ difference)

    @cached_property
    def rounding(self) -> Array:
        """What rounding of the results may amount to, at least."""
        nearest = min(map(abs, self._known), default=0.0)
        start = self(nearest if nearest <= QUICK[-1] else 0.0)
        with np.errstate(all="ignore"):
            size = np.abs(start)
            if self.weights is not None:
                size = np.asarray(np.abs(self.weights) @ size)
            elif size.size:  # what is small among large numbers may be a difference of large ones
                size = np.maximum(size, np.max(size) / 16)
        return np.asarray(self._eps * size + np.finfo(float).tiny)

    def reach(self, steps: Sequence[float]) -> float:
        """Return the steepest secant over some steps: beside it, a slope may count as zero."""
        with np.errstate(all="ignore"):
            secants = [np.abs(self.change(t, -t)) / (2 * t) for t in steps]
        return float(np.max([s for s in secants if np.all(np.isfinite(s))], initial=0))

    def slope(self, steps: Sequence[float]) -> Estimate:
        """Return the derivative at ``t = 0`` by central differences, whose error has even powers of the step only."""
        quotients = [self.change(t, -t) / (2 * t) for t in steps]
        if len(steps) == 1:  # nothing to extrapolate
            return Estimate(quotients[0], self.rounding / steps[0])
        return _extrapolated(quotients, steps, self.rounding, [4.0**j for j in range(1, _COLUMNS + 1)])

    def jump(self, steps: Sequence[float]) -> Estimate:
        """Return by how much the slope jumps at ``t = 0``: what no halving of the steps makes smaller."""
        quotients = [(self.change(t) + self.change(-t)) / t for t in steps]
        return _extrapolated(quotients, steps, 4 * self.rounding, [2.0 ** (2 * j - 1) for j in range(1, _COLUMNS + 1)])


def _moved(x: Array, t: float, v: Array) -> Array:
    moved = t * v
    moved += x  # no third array: to make one takes as long as to fill it
    return np.asarray(moved)


def _extrapolated(
    quotients: Sequence[Array], steps: Sequence[float], rounding: Array, ratios: Sequence[float]
) -> Estimate:
    """Romberg's table, and of its entries, for each element, the one with the smallest error.

    Long steps may see another function, beyond a pole, and believe in it: from the shortest step to longer ones, the
    entries count as long as they do not contradict those of all shorter steps.
    """
    rows = _table(quotients, steps, np.maximum(rounding, _noise(quotients, steps)), ratios)
    value, error = rows[-1].value, rows[-1].error
    low, high = np.full(value.shape, -np.inf), np.full(value.shape, np.inf)
    consistent = np.full(value.shape, True)
    with np.errstate(all="ignore"):
        for row in reversed(rows):
            known = np.isfinite(row.error)
            slack = np.where(known, 8 * row.error, np.inf)
            consistent &= ~(known & ((row.value + slack < low) | (row.value - slack > high)))
            low = np.where(known & consistent, np.fmax(low, row.value - slack), low)
            high = np.where(known & consistent, np.fmin(high, row.value + slack), high)
            better = consistent & (row.error < error)
            value, error = np.where(better, row.value, value), np.where(better, row.error, error)
    return Estimate(np.asarray(value), np.asarray(error))


def _noise(quotients: Sequence[Array], steps: Sequence[float]) -> Array | float:
    """What the shortest steps disagree by, times the step: a function may be noisier than rounding makes it."""
    if len(steps) <= 2 * _SHORTEST:
        return 0.0
    with np.errstate(all="ignore"):
        pairs = zip(quotients[-_SHORTEST:], quotients[-_SHORTEST + 1 :], steps[-_SHORTEST + 1 :], strict=False)
        return np.asarray(np.max([np.nan_to_num(np.abs(a - b) * t, posinf=0) for a, b, t in pairs], axis=0))


def _table(quotients: Sequence[Array], steps: Sequence[float], noise: Array, ratios: Sequence[float]) -> list[Estimate]:
    """For each step, the best of the extrapolations that end with it, from the longest step on."""
    rows = []
    above: list[Array] = []
    with np.errstate(all="ignore"):
        for k, (quotient, step) in enumerate(zip(quotients, steps, strict=True)):
            row = [np.asarray(quotient, float)]
            value, error = row[0], np.full(row[0].shape, np.inf)
            for j in range(1, min(k, len(ratios)) + 1):
                row.append(row[-1] + (row[-1] - above[j - 1]) / (ratios[j - 1] - 1))
                neighbours = [row[j - 1], above[j - 1], *above[j : j + 1]]
                spread = np.max([np.abs(row[j] - n) for n in neighbours], axis=0) + 2 * noise / step
                better = spread < error  # false for NaN
                value, error = np.where(better, row[j], value), np.where(better, spread, error)
            rows.append(Estimate(np.asarray(value), np.asarray(error)))
            above = row
    return rows


def differences(
    function: Callable[[list[Array]], Sequence[Array]],
    at: Sequence[Array],
    number: int,
    place: tuple[int, ...],
    weights: Array | None = None,
    start: Sequence[Array] | None = None,
) -> Estimate:
    """Return the derivatives by one element of one input; by a complex one, ``d/dx + i d/dy`` of a weighted sum.

    Without weights, each result has its own derivative. By a complex element there are two rows of them: by its
    real and by its imaginary part.

    Examples
    --------
    >>> cubes = lambda inputs: [inputs[0] ** 3]
    >>> found = differences(cubes, [np.array([1.0, 2.0])], 0, (1,))
    >>> found.value.round(6), bool(np.all(found.error < 1e-8))
    (array([ 0., 12.]), True)
    """
    x = at[number]
    scale = np.broadcast_to(scales(x), x.shape)[place]
    parts = []
    for unit in (1.0, 1j) if x.dtype.kind == "c" else (1.0,):
        along = [np.zeros_like(a) for a in at]
        along[number][place] = unit * scale
        line = Line(function, at, along, weights, start)
        found = line.slope(COARSE)
        size = np.abs(found.value) + np.abs(found.value).max(initial=0)
        if not np.all(found.error <= 1e-9 * size + 8 * line.rounding / COARSE[-1]):
            finer = line.slope(THOROUGH)
            better = finer.error < found.error
            found = Estimate(np.where(better, finer.value, found.value), np.where(better, finer.error, found.error))
        parts.append(Estimate(found.value / scale, found.error / scale))
    if len(parts) == 1:
        return parts[0]
    real, imag = parts
    if weights is None:
        return Estimate(np.stack([real.value, imag.value]), np.stack([real.error, imag.error]))
    return Estimate(real.value + 1j * imag.value, np.hypot(real.error, imag.error))


_LARGE = 4096


def random_direction(at: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """Return a direction that moves each element of the inputs by something in proportion to its size.

    All elements together move by about the size of one: then few kinks are met on the way. NaN and infinity stay. The
    numbers have few bits, so that ``x + t * v`` is exact, mostly.
    """
    count = max(1, sum(x.size for x in at))
    shrink = 2.0 ** -round(np.log2(count) / 2)
    return [_signed(x, rng, shrink * scales(x)) for x in at]


def _signed(like: Array, rng: np.random.Generator, size: Array) -> Array:
    """Numbers of either sign between ``size / 2`` and ``size``; of a large array, they have fewer bits each."""
    dtype: np.dtype[Any] = np.dtype(np.int8 if like.size > _LARGE else np.int16)
    bits = 8 * dtype.itemsize - 1

    def draw() -> Array:
        found: Array = np.frombuffer(rng.bytes(like.size * dtype.itemsize), dtype)
        found = found | 2 ** (bits - 1)  # from there to 2**bits - 1, or from minus that to -1
        found -= found >> bits & 2 ** (bits - 1) - 1  # the negative ones: from 1 - 2**bits to -2**(bits - 1)
        return np.asarray(found.reshape(like.shape) * (size / 2**bits))

    return np.asarray(draw() + 1j * draw() if like.dtype.kind == "c" else draw())


def scales(x: Array) -> Array:
    """Return the power of two near the size of each element: then nothing that is positive becomes negative.

    Of a zero it is a sixteenth of what is typical for the array. What is tiny beside the others counts as less tiny.
    Of NaN and infinity it is 0: nothing can be moved there. A large array has one size for all, which is cheaper.
    """
    if x.size > _LARGE:
        flattened = x.reshape(-1)
        square = float(np.vdot(flattened, flattened).real) / x.size
        if np.isfinite(square) and square > 1e-200:
            return np.asarray(2.0 ** round(np.log2(square) / 2))
    sizes = np.abs(x).astype(float)
    finite = np.isfinite(sizes)
    largest = float(np.max(sizes, where=finite, initial=0))
    if largest == 0:
        return np.where(finite, 1.0, 0.0)
    typical = largest * float(np.sqrt(np.mean((sizes[finite] / largest) ** 2)))
    least = np.where(sizes > 0, typical * 2.0**-20, typical / 16)
    exponents = np.round(np.log2(np.where(finite, np.maximum(sizes, least), 1)))
    return np.where(finite, np.exp2(exponents), 0.0)


def flat(arrays: Sequence[Array]) -> Array:
    """Return all numbers as one vector of real ones: of a complex number, its real and its imaginary part."""
    parts = [np.asarray(a) for a in arrays]
    real = [np.stack([a.real, a.imag], -1) if a.dtype.kind == "c" else a for a in parts]
    return np.concatenate([np.zeros(0), *(r.astype(float).reshape(-1) for r in real)])


def _eps(arrays: Sequence[Array]) -> float:
    return max((float(np.finfo(a.dtype).eps) for a in map(np.asarray, arrays) if a.dtype.kind in "fc"), default=0.0)
