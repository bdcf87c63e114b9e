"""Functions that call a function: piece by piece, line by line, axis by axis. Gradients flow through what it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite
from tinygrad_np.rules.indexing import setitem, split_index


@composite(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    """A function by cases; each piece sees only the elements that it is for."""
    listed = isinstance(condlist, list | tuple) or np.ndim(condlist)
    if not listed or (not isinstance(condlist[0], list) and np.ndim(condlist[0]) == 0 and np.ndim(x)):
        condlist = [condlist]
    conditions = [np.asarray(c, bool) if isinstance(c, list | bool) else c for c in condlist]
    if len(conditions) == len(funclist) - 1:
        conditions.append(np.logical_not(reduce(np.logical_or, conditions)))
    if len(conditions) != len(funclist):
        raise ValueError(f"piecewise: {len(conditions)} conditions for {len(funclist)} functions; at most one more")
    y = np.zeros_like(x)
    for condition, piece in zip(conditions, funclist, strict=True):
        index, arrays = split_index(condition)
        value = piece
        if callable(piece):
            part = x[condition]
            if part.size == 0:
                continue
            value = piece(part, *args, **kwargs)
        y = setitem(y, value, *arrays, index=index)
    return y


@composite(np.apply_along_axis)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """Apply a function to each line along an axis; what it returns takes the place of that axis."""
    axis %= arr.ndim
    lines = np.moveaxis(arr, axis, -1)
    places = list(np.ndindex(lines.shape[:-1]))
    if not places:
        raise ValueError("apply_along_axis: there are no lines to apply it to")
    results = [func1d(lines[place], *args, **kwargs) for place in places]
    ndim = np.ndim(results[0])
    found = np.reshape(np.stack(results), (*lines.shape[:-1], *np.shape(results[0])))
    return np.moveaxis(found, range(found.ndim - ndim, found.ndim), range(axis, axis + ndim))


@composite(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """Apply a function over one axis after the other; an axis that it drops is put back."""
    for axis in np.atleast_1d(axes).tolist():
        axis = axis % a.ndim
        found = func(a, axis)
        found = np.expand_dims(found, axis) if found.ndim == a.ndim - 1 else found
        if found.ndim != a.ndim:
            raise ValueError(f"apply_over_axes: a function may drop one axis, this one made {found.ndim} of {a.ndim}")
        a = found
    return a
