"""Small tools that rules of several families share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def as_array(a: Any) -> Any:
    """A Tensor or an array, of what may also be a list or a number."""
    return a if hasattr(a, "ndim") else np.asarray(a)


def known(condition: Any) -> bool:
    """Whether a condition is known to hold somewhere. Inside of vmap, where values are not at hand, it is not."""
    try:
        return bool(np.any(condition))
    except TypeError:
        return False


def cut(a: Any, start: int | None, stop: int | None, axis: int) -> Any:
    """Return ``a[start:stop]``, along any axis."""
    return a[(*(slice(None),) * (axis % a.ndim), slice(start, stop))]


def gather_axes(a: Any, axis: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """Make one axis, the last, of those of a reduction. Also return the shape of its result, and that with keepdims."""
    axes = range(a.ndim) if axis is None else [i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    kept = [i for i in range(a.ndim) if i not in axes]
    shape = tuple(a.shape[i] for i in kept)
    gathered = np.reshape(np.transpose(a, (*kept, *axes)), (*shape, math.prod(a.shape[i] for i in axes)))
    return gathered, shape, tuple(1 if i in axes else n for i, n in enumerate(a.shape))
