"""An index into each example, as one into the array of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.batching.operands import bare, batch_size, ours

__all__ = ["parts_of", "places"]

Function = Callable[..., Any]


def parts_of(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def places(array: Any, index: Any) -> tuple[tuple[Any, ...], Function, Function]:
    """Translate an index into each example into one into the array of all.

    Returns the index, the function that puts the axes of what it reads in order, and its inverse for what is written.
    """
    level, parts = array.level, list(parts_of(index))
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    parts[at : at + 1] = [slice(None)] * (array.ndim - taken)
    advanced = [i for i, part in enumerate(parts) if isinstance(part, np.ndarray | list) or ours(part, level)]
    if not advanced:
        return (slice(None), *parts), lambda result: result, lambda value: bare(value, level)
    if any(part.dtype == bool for part in map(parts.__getitem__, advanced) if not isinstance(part, list)):
        raise TypeError("inside of vmap, a mask would select more of one example than of another; use np.where")
    size = batch_size([array, *parts], level)
    advanced = [i for i, part in enumerate(parts) if i in advanced or isinstance(part, int | np.integer)]
    ndim = max(np.ndim(parts[i]) for i in advanced)
    for i in advanced:
        part = parts[i]
        if ours(part, level) and part.mapped:
            parts[i] = part.array.reshape((size, *(1,) * (ndim - part.ndim), *part.shape))
        else:
            parts[i] = bare(part, level)
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    before = advanced[0] if together else 0
    come_first = tuple(range(1, 1 + ndim))  # NumPy puts the axes of the arrays first, behind that of the examples
    belong = tuple(range(1 + before, 1 + before + ndim))
    places = (np.arange(size).reshape((size, *(1,) * ndim)), *parts)
    shape = np.moveaxis(np.broadcast_to(np.empty(()), (size, *array.shape))[places], come_first, belong).shape

    def arranged(value: Any) -> Any:
        value = bare(value, level)
        mapped = np.ndim(value) and not np.isscalar(value)
        return np.moveaxis(np.broadcast_to(value, shape), belong, come_first) if mapped else value

    return places, lambda result: np.moveaxis(result, come_first, belong), arranged
