"""Ranges between ends that may be Tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.tools import as_array, known


def _parts(num: int, endpoint: bool, like: Any) -> Any:
    """Which part of the way each number lies at, along the first axis of an array ``like`` all of them."""
    parts = np.arange(num) / max(num - endpoint, 1)
    return np.reshape(parts.astype(np.finfo(like.dtype).dtype), (num, *(1,) * (like.ndim - 1)))


def _linspace_vjp(g: Any, num: int, endpoint: bool, axis: int, of_stop: bool) -> Any:
    g = np.moveaxis(g, axis, 0)
    parts = _parts(num, endpoint, g)
    return g * (parts if of_stop else 1 - parts)  # the engine sums over the axis that start and stop do not have


@primitive(
    start=lambda g, num, endpoint, axis: _linspace_vjp(g, num, endpoint, axis, of_stop=False),
    stop=lambda g, num, endpoint, axis: _linspace_vjp(g, num, endpoint, axis, of_stop=True),
)
def linspace(start: Any, stop: Any, *, num: int, endpoint: bool = True, axis: int = 0) -> Any:
    """Evenly spaced numbers."""
    return np.linspace(start, stop, num, endpoint, axis=axis)


@composite(np.linspace)
def _linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    found = linspace(start, stop, num=operator.index(num), endpoint=endpoint, axis=axis)
    if dtype is not None:
        found = (np.floor(found) if np.dtype(dtype).kind in "iu" else found).astype(dtype)
    steps = num - bool(endpoint)
    return (found, np.subtract(stop, start) / steps if steps > 0 else np.nan) if retstep else found


@composite(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    """Powers of ``base`` with evenly spaced exponents."""
    if np.ndim(base):  # it then takes part in what the axes mean
        ndim = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (np.reshape(a, (1,) * (ndim - np.ndim(a)) + np.shape(a)) for a in (start, stop, base))
        base = np.expand_dims(base, axis)
    found = np.power(base, _linspace(start, stop, num, endpoint, axis=axis))
    return found if dtype is None else found.astype(dtype)


@composite(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Numbers with one ratio; complex ones go along a spiral."""
    kind = np.result_type(start, stop, float(num), np.zeros((), dtype))
    start, stop = (as_array(a).astype(kind) for a in (start, stop))
    if known(start == 0) or known(stop == 0):
        raise ValueError("geomspace: no ratio leads to zero or from it")
    parts = _parts(operator.index(num), endpoint, (start / stop)[None])
    found = np.where(parts == 0, start, np.where(parts == 1, stop, start * (stop / start) ** parts))
    found = np.moveaxis(found, 0, axis)
    return found if dtype is None else found.astype(dtype)
