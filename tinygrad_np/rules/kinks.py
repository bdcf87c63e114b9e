"""How far it is to a kink: the forms that ``kink=`` takes all over the table.

A kink, here, is any place where an operation is not smooth: a corner, a jump, a pole, the end of a domain, a matrix
that loses its rank. What these functions return are distances in the maximum norm: no element moves farther than that.
They are lower bounds; wherever the exact distance has a simple formula, they are exact. What a difference or a
quotient of infinities makes of them (NaN) stands for infinity: nothing finite moves it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_np.rules.tools import gather_axes


def fixed(x: Any) -> bool:
    """Whether an operand cannot move: Python's numbers, integers, truth values."""
    dtype = getattr(x, "dtype", None)
    return dtype is None or dtype.kind not in "fc"


def nearest(*distances: Any) -> Any:
    """The least of several distances, element by element; NaN does not count."""
    return reduce(np.fmin, distances)


# --- ties and zeros
def to_zero(x: Any) -> Any:
    """Distance to 0."""
    return np.abs(x)


def apart(*operands: Any) -> Any:
    """Distance to where two of the operands are equal: where both can move, they meet in the middle."""
    distances = [
        np.abs(x - y) / (1 if fixed(x) or fixed(y) else 2)
        for x, y in combinations(operands, 2)
        if not (fixed(x) and fixed(y))
    ]
    return nearest(np.inf, *distances)


def untied(*operands: Any) -> Any:
    """Distance to where the order of the operands changes. That of complex numbers is the order of their real parts."""
    return apart(*map(np.real, operands))


def from_zero(*operands: Any) -> Any:
    """Distance to where one of the operands is 0."""
    return nearest(*(apart(x, 0) for x in operands))


def overtaken(a: Any, axis: Any) -> Any:
    """Half of what the largest element is ahead of the second, along axes that stay with length one."""
    a, _, kept = gather_axes(np.real(a), axis)
    if fixed(a) or a.shape[-1] < 2:
        return np.inf
    top = np.partition(a, -2, -1)
    return ((top[..., -1] - top[..., -2]) / 2).reshape(kept)


def neighbours(a: Any, axis: int | None) -> Any:
    """Half of the least distance between neighbours in order along an axis, which stays with length one."""
    if fixed(a):
        return np.inf
    gaps = np.diff(np.sort(np.real(a), axis), axis=-1 if axis is None else axis)
    return np.fmin.reduce(gaps, axis=-1 if axis is None else axis, keepdims=axis is not None, initial=np.inf) / 2


def between(x: Any, points: Any) -> Any:
    """The least distance of any element of one array to any of another: :func:`apart`, over all pairs."""
    return np.fmin.reduce(apart(np.reshape(x, (-1, 1)), np.reshape(points, -1)), axis=None, initial=np.inf)


def one_value(a: Any, axis: Any, where: Any = True) -> Any:
    """Distance to where all elements along an axis are equal: to the middle between the least and the largest."""
    spans = [
        np.max(part, axis, keepdims=True, initial=-np.inf, where=where)
        - np.min(part, axis, keepdims=True, initial=np.inf, where=where)
        for part in (np.real(a), np.imag(a))
    ]
    several = np.sum(np.broadcast_to(where, a.shape), axis, keepdims=True) > 1  # a single one always equals itself
    return np.where(several, np.maximum(*spans) / 2, np.inf)


# --- lattices
def to_multiple(x: Any, step: Any = 1.0, offset: float = 0.0) -> Any:
    """Distance to ``offset`` plus a multiple of ``step``."""
    return np.abs(x - offset - step * np.rint(np.real(x - offset) / step))


def to_whole(x: Any) -> Any:
    """Distance to an integer other than 0: ``trunc`` does not jump there."""
    return np.where(np.abs(x) < 1, 1 - np.abs(x), to_multiple(x))


def to_pole_of_tan(x: Any) -> Any:
    """Distance to an odd multiple of a quarter turn."""
    return to_multiple(x, math.pi, math.pi / 2)


def to_pole_of_gamma(x: Any) -> Any:
    """Distance to 0, -1, -2 ..."""
    return np.abs(x - np.minimum(np.rint(np.real(x)), 0))


def to_ratio(x: Any, y: Any, zero: bool = True) -> Any:
    """Distance to where ``x`` is a multiple of ``y``; without ``zero``, of 0 * y it does not count."""
    below = np.floor(x / y)
    return nearest(
        *(
            np.where((k == 0) & (not zero), np.inf, np.abs(x - k * y) / (1 if fixed(y) else 1 + np.abs(k)))
            for k in (below, below + 1)
        )
    )


def to_power_of_two(x: Any) -> Any:
    """Distance to 0, or to where ``abs(x)`` is a power of two."""
    size, power = np.abs(x), np.ldexp(1.0, np.frexp(x)[1])
    return nearest(size, np.abs(size - power), np.abs(size - power / 2))


# --- ends of domains, branch cuts
def to_cut(x: Any) -> Any:
    """Distance to the end of the logarithm's domain: 0, and of complex numbers the negative real axis."""
    return np.where(np.real(x) > 0, np.abs(x), np.abs(np.imag(x))) if np.iscomplexobj(x) else np.abs(x)


def to_ends(x: Any, *ends: float) -> Any:
    """Distance to the nearest of some points."""
    return nearest(*(np.abs(x - end) for end in ends))


def to_unit(x: Any) -> Any:
    """Distance to the ends of the domain of ``arcsin``: -1 and 1, and of complex numbers the real axis beyond them."""
    return to_cut(1 - np.abs(np.real(x)) - (1j * np.imag(x) if np.iscomplexobj(x) else 0))


def turned(kink: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The kink of ``f(1j * x)``: hyperbolic functions of real numbers are smooth, of complex ones they need not be."""
    return lambda x: kink(1j * x) if np.iscomplexobj(x) else np.inf


def of_power(x: Any, y: Any) -> Any:
    """Distance to ``x = 0``, unless the exponent is a natural number and stays one."""
    if fixed(x):
        return np.inf
    whole = fixed(y) & (y == np.rint(y))
    return np.where(whole & (np.real(y) >= 0), np.inf, np.where(whole, np.abs(x), to_cut(x)))


# --- matrices: if elements move by up to d, singular values move by up to d * sqrt(rows * columns)
def moved(a: Any) -> float:
    """How much farther than the elements the singular values of a matrix may move."""
    return math.sqrt(np.shape(a)[-1] * np.shape(a)[-2])


def as_matrix(distance: Any) -> Any:
    """One distance for each matrix of a stack, so that it broadcasts against these."""
    return np.asarray(distance)[..., None, None]


def least_gap(values: Any) -> Any:
    """Half of the least distance between any two of the values along the last axis, which may be complex."""
    pairs = np.abs(values[..., :, None] - values[..., None, :])
    return np.min(np.where(np.eye(values.shape[-1], dtype=bool), np.inf, pairs), (-2, -1), initial=np.inf) / 2


def to_singular(a: Any) -> Any:
    """Distance to a matrix whose rows or columns, whichever are fewer, are not independent."""
    return as_matrix(np.min(np.linalg.svd(a, compute_uv=False), -1, initial=np.inf) / moved(a))


def to_other_rank(a: Any, relative: Any, absolute: Any = 0.0, hermitian: bool = False) -> Any:
    """Distance to where a singular value passes the cutoff below which it counts as 0.

    The cutoff is relative to the largest one, or absolute. Without any, it is NumPy's for the rank.
    """
    relative = max(a.shape[-2:]) * np.finfo(np.float64).eps if relative is None else relative
    relative, absolute = np.asarray(relative)[..., None], np.asarray(absolute)[..., None]
    size = np.abs(np.linalg.eigvalsh(a)) if hermitian else np.linalg.svd(a, compute_uv=False)
    cutoff = relative * np.max(size, -1, keepdims=True, initial=0) + absolute
    return as_matrix(np.min(np.abs(size - cutoff) / (1 + relative), -1, initial=np.inf) / moved(a))
