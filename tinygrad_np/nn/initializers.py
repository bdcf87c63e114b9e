"""Initial weights: functions from a shape to an array of random numbers.

They sample in float64 and then cast: models of any dtype start from the same numbers, given the same seed. What to
take: He for relu and its kin, Glorot for tanh, sigmoid and no activation at all.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "Initializer", "by_name", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "normal", "scaled_normal",
    "uniform", "zeros",
]  # fmt: skip

Shape = tuple[int, ...]
RNG = np.random.Generator | int | None


class Initializer(Protocol):
    """What the functions of this module have in common."""

    def __call__(self, shape: Shape, /, *, rng: RNG = None, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Return an array of this shape and dtype."""


def he_normal(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Normal, with variance ``2 / n_in`` (He et al., 2015), which keeps the scale of what passes through relus."""
    n_in, _ = _fans(shape)
    return normal(shape, rng=rng, dtype=dtype, std=math.sqrt(2 / n_in))


def he_uniform(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Uniform, with variance ``2 / n_in``: within ``sqrt(6 / n_in)`` of 0."""
    n_in, _ = _fans(shape)
    return uniform(shape, rng=rng, dtype=dtype, limit=math.sqrt(6 / n_in))


def glorot_normal(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Normal, with variance ``2 / (n_in + n_out)`` (Glorot and Bengio, 2010)."""
    n_in, n_out = _fans(shape)
    return normal(shape, rng=rng, dtype=dtype, std=math.sqrt(2 / (n_in + n_out)))


def glorot_uniform(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Uniform, with variance ``2 / (n_in + n_out)``: within ``sqrt(6 / (n_in + n_out))`` of 0."""
    n_in, n_out = _fans(shape)
    return uniform(shape, rng=rng, dtype=dtype, limit=math.sqrt(6 / (n_in + n_out)))


def normal(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32, std: float = 1.0) -> NDArray[Any]:
    """Normal, with mean 0.

    Parameters
    ----------
    shape : tuple of int
    rng : Generator or int, optional
    dtype : dtype
    std : float
        The standard deviation.
    """
    return np.asarray(std * np.random.default_rng(rng).standard_normal(shape)).astype(dtype)


def scaled_normal(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32, scale: float = 0.01) -> NDArray[Any]:
    """Normal, with mean 0 and the small standard deviation ``scale``: fine for one or two layers."""
    return normal(shape, rng=rng, dtype=dtype, std=scale)


def uniform(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32, limit: float = 0.05) -> NDArray[Any]:
    """Uniform between ``-limit`` and ``limit``."""
    return np.asarray(np.random.default_rng(rng).uniform(-limit, limit, shape)).astype(dtype)


def zeros(shape: Shape, *, rng: RNG = None, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Zeros: right for biases. Hidden units whose weights all begin at zero stay alike, and learn nothing."""
    return np.zeros(shape, dtype)


_NAMES: dict[str, Initializer] = {
    "he": he_normal, "he_normal": he_normal, "he_uniform": he_uniform,
    "glorot": glorot_uniform, "glorot_normal": glorot_normal, "glorot_uniform": glorot_uniform,
    "normal": normal, "scaled_normal": scaled_normal, "uniform": uniform, "zeros": zeros,
}  # fmt: skip


#: What they are called in options.
NAMES = tuple(_NAMES)


def by_name(name: str | Initializer) -> Initializer:
    """Return the initializer called ``name``; a function stands for itself.

    Raises
    ------
    ValueError
        If there is none.

    Examples
    --------
    >>> by_name("he")((2, 3), rng=0).shape
    (2, 3)
    """
    if callable(name):
        return name
    if name not in _NAMES:
        raise ValueError(f"there is no initializer {name!r}; there are {', '.join(_NAMES)}, or pass a function")
    return _NAMES[name]


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) != 2:
        raise ValueError(f"this initializer is for weights of shape (n_in, n_out), not {shape}; see normal and uniform")
    n_in, n_out = shape
    return n_in, n_out
