"""What values an array may have: domains, which draw all elements of an array at once.

A domain is a function ``domain(draw, shape)`` that returns an array; it goes to ``domain=`` of :func:`arrays` and
:func:`tensors`. Write your own out of those below::

    def probabilities(draw, shape):
        weights = reals(0.5, 2)(draw, shape)
        return weights / weights.sum(-1, keepdims=True)

Each is a list of numbers, the simplest first, and how much room there is around each of them. An element takes **one
byte for its place in the list, and one for an offset; the bytes of an array are drawn together**. Drawing each element
by itself costs more than many a test does, and a seed for a generator, though fast, cannot shrink: the smallest seed
gives numbers as wild as any other. A byte string costs no more than a seed, and Hypothesis shrinks it byte by byte
towards zeros: each element by itself moves to the front of the list, and what is left of a failing array says which of
its elements matter. One number says whether there are offsets at all; it shrinks before them, so that numbers end at
0, 1, -1, 0.5, and not at the smallest offset from 0 that still fails.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_np.testing.strategies._hypothesis import st

__all__ = ["Domain", "among", "avoiding", "booleans", "extreme", "integers", "near", "reals", "separated"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Shape: TypeAlias = tuple[int, ...]
Domain: TypeAlias = Callable[[st.DrawFn, Shape], Array]

#: What one byte tells apart.
PLACES = 2**8
#: How many elements are drawn. Hypothesis gives up on examples of more than 8 KiB; what is more is picked from these.
LONGEST = 512
#: How many bytes are drawn at a time: enough for 3 x 3 x 3. Always as many, whatever the shape: if Hypothesis tries an
#: example with another shape, it can keep the values, whereas it would fill a string of another length with zeros.
CHUNK = 32
CHUNKS = st.binary(min_size=CHUNK, max_size=CHUNK)
ROUGH = st.integers(0, 7)


def among(numbers: ArrayLike) -> Domain:
    """One of these numbers for each element. Those that stand first are simpler: failures shrink to them.

    Parameters
    ----------
    numbers : array_like
        At least one, at most 65,536, which may repeat: what stands there twice is drawn twice as often.

    Raises
    ------
    ValueError
        If there are none, or too many.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> from tinygrad_np.testing.strategies import arrays
    >>> once = settings(derandomize=True, database=None)
    >>> find(arrays((4,), domain=among([1, -1])), lambda x: x[2] < 0, settings=once)
    array([ 1.,  1., -1.,  1.])
    """
    table = np.ravel(np.asarray(numbers))
    if not 0 < len(table) <= 2**16:
        raise ValueError(f"a domain needs from 1 to 65,536 numbers to choose from, not {len(table)}")

    def domain(draw: st.DrawFn, shape: Shape) -> Array:
        places = _bytes(draw, shape)
        if len(table) > PLACES:
            places = places + PLACES * _bytes(draw, shape)
        return np.asarray(table[places % len(table)])

    return domain


def reals(low: float = -2.0, high: float = 2.0) -> Domain:
    """Numbers between two, these included.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> from tinygrad_np.testing.strategies import arrays
    >>> once = settings(derandomize=True, database=None)
    >>> find(arrays((2, 2), domain=reals()), lambda x: x[1, 0] > 0, settings=once)
    array([[0., 0.],
           [1., 0.]])
    """
    return avoiding((), 0.0, low, high)


def integers(low: int, high: int) -> Domain:
    """Integers from ``low`` to ``high``, both included; of few numbers, many elements are equal."""
    if not low <= high:
        raise ValueError(f"the lower limit is above the upper one: {low} and {high}")
    return among(_simplest_first(np.arange(low, high + 1)))


def booleans() -> Domain:
    """False or True."""
    return among([False, True])


def avoiding(points: ArrayLike, gap: float = 0.1, low: float = -2.0, high: float = 2.0) -> Domain:
    """Numbers between ``low`` and ``high``, none nearer than ``gap`` to one of the points.

    Raises
    ------
    ValueError
        If no number is left.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> from tinygrad_np.testing.strategies import arrays
    >>> once = settings(derandomize=True, database=None)
    >>> find(arrays((3,), domain=avoiding(0)), lambda x: x.sum() < 2, settings=once)
    array([-1.,  1.,  1.])
    """
    grid, step = _grid(low, high)
    to_a_point = np.abs(grid[:, None] - np.ravel(np.asarray(points, np.float64))).min(axis=1, initial=np.inf)
    grid, to_a_point = grid[to_a_point >= gap], to_a_point[to_a_point >= gap]
    if not len(grid):
        raise ValueError(f"no number between {low} and {high} is {gap} away from all of {np.ravel(points).tolist()}")
    room = np.minimum.reduce([np.full(len(grid), step / 2), to_a_point - gap, grid - low, high - grid])
    order = _order(grid)
    return _around(grid[order], room[order])


def near(points: ArrayLike, radius: float = 0.1) -> Domain:
    """Numbers not farther than ``radius`` from one of the points; the simplest is the first point."""
    points = np.ravel(np.asarray(points, np.float64))
    return _around(points, np.full(len(points), radius))


def separated(gap: float = 0.1) -> Domain:
    """Numbers around 0, no two in one array nearer than ``gap``: where there are no ties, sorting is smooth.

    They are the multiples of ``2 * gap`` in any order, each moved by up to ``gap / 2``.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> from tinygrad_np.testing.strategies import arrays
    >>> once = settings(derandomize=True, database=None)
    >>> find(arrays((3,), domain=separated(0.5)), lambda x: True, settings=once)
    array([-1.,  0.,  1.])
    """

    def domain(draw: st.DrawFn, shape: Shape) -> Array:
        keys, offsets = _bytes(draw, shape).ravel(), _offsets(draw, shape)
        ranks = np.empty(keys.size, np.int64)
        ranks[np.argsort(keys, kind="stable")] = np.arange(keys.size)
        return np.asarray(2 * gap * (ranks.reshape(shape) - keys.size // 2) + gap / 2 * offsets)

    return domain


def extreme(dtype: DTypeLike = np.float64, finite: bool = True) -> Domain:
    """Numbers of all magnitudes that a floating-point type has, subnormal ones too; 0 and the neighbours of 1.

    Parameters
    ----------
    dtype : dtype
        Real and floating point: what the numbers must fit into.
    finite : bool
        If False, infinities and NaN are among them.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> from tinygrad_np.testing.strategies import arrays
    >>> once = settings(derandomize=True, database=None)
    >>> find(arrays((2,), dtype=np.float16, domain=extreme(np.float16)), lambda x: x[1] > 9, settings=once)
    array([ 0., 16.], dtype=float16)
    """
    limits = np.finfo(dtype)
    up, down = limits.maxexp - 1, limits.nmant - limits.minexp
    exponents = [0, *(+_some_up_to(up)), *(-_some_up_to(down))]
    neighbours = [1 + float(limits.eps), 1 - float(limits.epsneg), float(limits.max)]
    sizes = np.concatenate([np.ldexp(1.0, exponents), neighbours])
    others = [] if finite else [np.inf, -np.inf, np.nan] * 8  # so that they are seen at all
    return among(np.concatenate([[0.0], np.stack([sizes, -sizes], axis=1).ravel(), others]))


def _some_up_to(n: int) -> Array:
    """1, 2, 3 ... n in growing steps, so that a byte tells what is made of them apart."""
    return np.unique(np.geomspace(1, n, 50).round().astype(np.int64))


def _bytes(draw: st.DrawFn, shape: Shape) -> Array:
    """An integer from 0 to 255 for each element, the last byte for the first one.

    Hypothesis sorts bytes, too, if it can: then what is not zero moves to the first elements, and the shape may shrink.
    """
    size = prod(shape)
    drawn = min(size, LONGEST)
    found = np.frombuffer(b"".join([draw(CHUNKS)[::-1] for _ in range(-(-drawn // CHUNK))]), np.uint8)[:drawn]
    if size > drawn:
        found = np.concatenate([found, found[np.random.default_rng(0).integers(drawn, size=size - drawn)]])
    return found.reshape(shape).astype(np.int64)


def _offsets(draw: st.DrawFn, shape: Shape) -> Array:
    """A part of the room, from -1 to 1, for each element; in one array of eight, none has any."""
    rough = draw(ROUGH) > 0
    return FRACTIONS[_bytes(draw, shape)] * rough


def _around(numbers: Array, room: Array) -> Domain:
    """For each element one of the numbers, moved by as much as there is room around it."""

    def domain(draw: st.DrawFn, shape: Shape) -> Array:
        places = _bytes(draw, shape) % len(numbers)
        return np.asarray(numbers[places] + room[places] * _offsets(draw, shape))

    return domain


def _grid(low: float, high: float) -> tuple[Array, float]:
    """Multiples of a power of two from ``low`` to ``high``, and these themselves; and that power of two."""
    if not low <= high:
        raise ValueError(f"the lower limit is above the upper one: {low} and {high}")
    step = 2.0 ** np.ceil(np.log2(max(high - low, 2.0**-900) / (PLACES - 3)))
    inner = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return np.unique(np.concatenate([inner, [low, high]])), float(step)


def _order(numbers: Array) -> Array:
    """The places of the simplest number, of the next one ...: by binary places behind the point, then by magnitude."""
    mantissa, exponent = np.frexp(numbers)
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    zeros = np.log2(np.maximum(whole & -whole, 1)).astype(np.int64)  # at the end of the mantissa
    places = np.where(whole == 0, 0, np.maximum(53 - exponent - zeros, 0))
    return np.lexsort((numbers < 0, np.abs(numbers), places))  # of x and -x, x is the simpler one


def _simplest_first(numbers: Array) -> Array:
    return np.asarray(numbers[_order(numbers)])


#: What the byte of an offset stands for: parts of the room, from -1 to 1.
FRACTIONS = _simplest_first(np.arange(-128, 128) / 128)
