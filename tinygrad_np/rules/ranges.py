"""Ranges between ends that may be Tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_np.primitive import composite


@composite(np.linspace)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """Evenly spaced numbers."""
    start, stop, steps, part = _spaced(start, stop, num, endpoint)
    found = np.moveaxis(np.where(part == 1, stop, start + part * (stop - start)), 0, axis)
    if dtype is not None:
        found = (np.floor(found) if np.dtype(dtype).kind in "iu" else found).astype(dtype)
    step = (stop - start) / steps if steps > 0 else np.nan
    return (found, step) if retstep else found


def _spaced(start: Any, stop: Any, num: int, endpoint: bool, *dtypes: Any) -> tuple[Any, Any, int, Any]:
    """Both ends in one inexact dtype, the number of steps, and which part of the way each number lies at."""
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"there cannot be {num} numbers in a range")
    start, stop = (a if hasattr(a, "ndim") else np.asarray(a) for a in (start, stop))
    dtype = np.result_type(start, stop, float(num), *dtypes)
    steps = num - 1 if endpoint else num
    part = np.reshape(np.arange(num) / max(steps, 1), (num, *(1,) * max(start.ndim, stop.ndim)))
    return start.astype(dtype), stop.astype(dtype), steps, part.astype(np.finfo(dtype).dtype)


@composite(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """Powers of ``base`` with evenly spaced exponents."""
    if np.ndim(base):  # it then takes part in what the axes mean
        ndim = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (np.reshape(a, (1,) * (ndim - np.ndim(a)) + np.shape(a)) for a in (start, stop, base))
        base = np.expand_dims(base, axis)
    found = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return found if dtype is None else found.astype(dtype)


@composite(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers with one ratio; complex ones go along a spiral."""
    given, dtype = dtype, np.zeros((), dtype).dtype
    start, stop, _, part = _spaced(start, stop, num, endpoint, dtype)
    if np.any(start == 0) or np.any(stop == 0):
        raise ValueError("geomspace: no ratio leads to zero or from it")
    found = np.where(part == 0, start, np.where(part == 1, stop, start * (stop / start) ** part))
    found = np.moveaxis(found, 0, axis)
    return found if given is None else found.astype(dtype)
