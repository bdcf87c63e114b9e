"""Gradients of the wrong shape."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from tinygrad_np.testing.calls import Array
from tinygrad_np.testing.report import Mistake

__all__ = ["diagnose_shape"]


def diagnose_shape(found: Array, expected: Array) -> Mistake:
    """Return the guess for a gradient of the wrong shape."""
    if found.ndim >= expected.ndim and found.size > expected.size:
        extra = found.ndim - expected.ndim
        stretched = [i for i in range(found.ndim) if i < extra or expected.shape[i - extra] == 1]
        summed = np.sum(found, axis=tuple(stretched), keepdims=True).reshape(-1)
        if summed.size == expected.size and _near(summed.reshape(expected.shape), expected):
            axes = tuple(stretched)
            return Mistake("broadcast not summed", f"the input was broadcast: sum its gradient over axes {axes}")
    orders = [p for p in permutations(range(found.ndim)) if found.transpose(p).shape == expected.shape]
    if any(_near(found.transpose(p), expected) for p in orders):
        return Mistake("transpose", "the axes of the gradient are in the wrong order")
    if found.size == expected.size and _near(found.reshape(expected.shape), expected):
        return Mistake("shape", "the numbers are right: reshape them to the shape of the input")
    return Mistake("shape", "a gradient has the shape of its input")


def _near(a: Array, b: Array) -> bool:
    return bool(np.max(np.abs(a - b), initial=0) <= 1e-6 * np.max(np.abs(b), initial=0))
