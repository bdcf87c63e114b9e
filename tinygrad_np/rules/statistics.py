"""Statistics: weighted means, covariances, histograms.

Counts are piecewise constant, but sums of weights and the edges of evenly spaced bins have derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.kinks import apart, one_value
from tinygrad_np.rules.reductions import Axis
from tinygrad_np.rules.tools import as_array, known


@composite(np.ptp)
def ptp(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Any:
    """Range: maximum minus minimum."""
    return np.max(a, axis, keepdims=keepdims) - np.min(a, axis, keepdims=keepdims)


def aligned_weights(weights: Any, a: Any, axis: Axis) -> Any:
    """Weights of the shape of ``a``, or of its axes that are averaged over, so that they broadcast against ``a``."""
    weights = as_array(weights)
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError(f"weights of shape {weights.shape} belong to some axes of {a.shape}: pass axis=")
    axes = [i % a.ndim for i in (axis if isinstance(axis, tuple) else (axis,))]
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError(f"weights of shape {weights.shape} do not belong to the axes {axes} of {a.shape}")
    weights = np.transpose(weights, sorted(range(len(axes)), key=axes.__getitem__))
    return np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


@composite(np.average)
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """Weighted mean."""
    a = as_array(a)
    if weights is None:
        mean = np.mean(a, axis, keepdims=keepdims)
        total: Any = np.full_like(mean, np.size(a) / max(mean.size, 1))
    else:
        weights = aligned_weights(weights, a, axis)
        kind = np.result_type(a.dtype, weights.dtype, *([np.float64] if a.dtype.kind in "biu" else []))
        total = np.sum(np.broadcast_to(weights, a.shape), axis, kind, keepdims=keepdims)
        if known(total == 0):
            raise ZeroDivisionError("average: the weights sum to zero")
        mean = np.sum(a.astype(kind) * weights.astype(kind), axis, keepdims=keepdims) / total
    return (mean, total) if returned else mean


@composite(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """Covariance matrix of the rows."""
    if dtype is None:
        dtype = np.result_type(m, np.dtype(np.float64), *([] if y is None else [y]))
    x = _observations(m, rowvar or np.ndim(m) == 1, dtype)
    if x.shape[0] == 0:
        return np.reshape(x, -1)[:0].reshape((0, 0))
    if y is not None:
        x = np.concatenate([x, _observations(y, rowvar or np.ndim(y) < 2 or np.shape(y)[0] == 1, dtype)])
    ddof = int(not bias) if ddof is None else ddof
    n = x.shape[1]
    weights = None
    for given, name in ((fweights, "fweights"), (aweights, "aweights")):
        if given is not None:
            given = _checked_weights(given, name, n)
            weights = given if weights is None else weights * given
    if weights is None:
        total: Any = n
        x = x - np.mean(x, 1, keepdims=True)
        weighted = x
    else:
        total = np.sum(weights)
        x = x - np.reshape(np.matmul(x, weights) / total, (-1, 1))
        weighted = x * weights
    if ddof == 0:
        factor = total
    elif aweights is None:
        factor = total - ddof
    else:
        factor = total - ddof * np.sum(weights * aweights) / total
    product = np.matmul(x, np.conj(weighted).T)
    return np.squeeze(product / (np.maximum(factor, 0) if np.ndim(factor) else max(factor, 0))).astype(dtype)


def _observations(m: Any, rows: bool, dtype: Any) -> Any:
    if np.ndim(m) > 2:
        raise ValueError(f"cov takes one variable or a matrix of several, not an array of shape {np.shape(m)}")
    x = np.atleast_2d(m).astype(dtype)
    return x if rows else x.T


def _checked_weights(weights: Any, name: str, n: int) -> Any:
    weights = as_array(weights).astype(np.float64)
    if weights.ndim > 1 or weights.shape != (n,):
        raise RuntimeError(f"cov: {name} has shape {weights.shape}, but there are {n} observations")
    if known(weights < 0):
        raise ValueError(f"cov: {name} cannot be negative")
    if name == "fweights" and known(weights != np.round(weights)):
        raise TypeError("cov: fweights are counts, so they must be integers")
    return weights


@composite(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """Matrix of correlation coefficients of the rows."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    root = np.sqrt(np.real(c[np.arange(len(c)), np.arange(len(c))]))
    c = c / root[:, None] / root
    return np.clip(c.real, -1, 1) + np.clip(c.imag, -1, 1) * 1j if c.dtype.kind == "c" else np.clip(c, -1, 1)


# --- counting
@primitive(sample=None, edges=None, kink=lambda sample, edges: _to_other_cell(sample, edges))
def _cells(sample: Any, *edges: Any) -> Any:
    """Into which cell of a grid each sample falls, counted through; one past the last if into none."""
    cell, inside = np.zeros(len(sample), np.intp), np.ones(len(sample), bool)
    for x, edge in zip(sample.T, edges, strict=True):
        place = np.searchsorted(edge, x, "right") - (x == edge[-1]) - 1
        inside = inside & (place >= 0) & (place < len(edge) - 1)
        cell = cell * (len(edge) - 1) + place
    return np.where(inside, cell, math.prod(len(edge) - 1 for edge in edges))


def _to_other_cell(sample: Any, edges: Sequence[Any]) -> Any:
    """To an edge. An element that is exactly at an end made that end, as a rule: both move together."""
    found = np.inf
    for x, edge in zip(sample.T[..., None], edges, strict=True):
        is_end = (x == edge) & ((edge == edge[0]) | (edge == edge[-1]))
        found = np.fmin(found, np.fmin.reduce(np.where(is_end, np.inf, apart(x, edge)), axis=None, initial=np.inf))
    return found


def _to_another_number(a: Any, bins: Any) -> Any:
    """Of equal elements, all rules make one bin."""
    return 0.0 if bins in _BY_DATA else one_value(a, None) if isinstance(bins, str) else np.inf


#: Rules that make more bins or fewer of some data than of others. At what data the number jumps, NumPy does not tell.
_BY_DATA = ("auto", "doane", "fd", "scott", "stone")


@primitive(a=None, kink=lambda a, bins: _to_another_number(a, bins))
def _bin_count(a: Any, *, bins: Any, range: Any) -> Any:
    """How many bins NumPy makes, which may depend on the data."""
    return len(np.histogram_bin_edges(a, bins, range)) - 1


@composite(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """Edges of the bins: those that are given, or evenly spaced ones from the least element to the largest."""
    a = as_array(a)
    n = int(_bin_count(a, bins=bins, range=range)) if np.ndim(bins) == 0 else 0
    if np.ndim(bins):
        return as_array(bins)
    first, last = range if range is not None else (np.min(a), np.max(a)) if np.size(a) else (0.0, 1.0)
    if first == last:
        first, last = first - 0.5, last + 0.5
    return np.linspace(first, last, n + 1, dtype=np.result_type(first, last, a, *[float] * (a.dtype.kind in "biu")))


@composite(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None) -> Any:
    """How many elements fall into each bin, or the sum of their weights."""
    edges = histogram_bin_edges(a, bins, range)
    hist = _tally(np.reshape(a, (-1, 1)), [edges], weights)
    hist = hist if weights is None else hist.astype(np.result_type(weights))
    return (_density(hist, [edges]) if density else hist), edges


@composite(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> Any:
    """How many points fall into each cell of a grid, or the sum of their weights."""
    sample = sample if getattr(sample, "ndim", 0) == 2 else np.stack(tuple(sample), -1)
    d = sample.shape[1]
    bins, range = [bins] * d if np.ndim(bins) == 0 else bins, [None] * d if range is None else range
    if len(bins) != d or len(range) != d:
        raise ValueError(f"histogramdd: {len(bins)} bins and {len(range)} ranges for {d} coordinates")
    edges = tuple(histogram_bin_edges(sample[:, i], *both) for i, both in enumerate(zip(bins, range, strict=True)))
    hist = _tally(sample, edges, weights) * 1.0
    return (_density(hist, edges) if density else hist), edges


@composite(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> Any:
    """How many points fall into each cell, or the sum of their weights."""
    if not isinstance(bins, int) and len(bins) not in (1, 2):
        bins = [bins, bins]
    hist, edges = histogramdd(np.stack([x, y], -1), bins, range, density, weights)
    return hist, *edges


def _tally(sample: Any, edges: Sequence[Any], weights: Any) -> Any:
    shape = tuple(len(edge) - 1 for edge in edges)
    cells, size = _cells(sample, *edges), math.prod(shape)
    if weights is None:
        return np.reshape(np.bincount(cells, minlength=size + 1)[:size], shape)
    weights = np.reshape(as_array(weights), -1)
    if weights.dtype.kind == "c":
        return _tally(sample, edges, np.real(weights)) + _tally(sample, edges, np.imag(weights)) * 1j
    return np.reshape(np.bincount(cells, weights, minlength=size + 1)[:size], shape)


def _density(hist: Any, edges: Sequence[Any]) -> Any:
    volume: Any = 1
    for edge in edges:
        volume = np.multiply.outer(volume, np.diff(edge))
    return hist / volume / np.sum(hist)
