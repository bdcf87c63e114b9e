"""Medians, percentiles, quantiles: with every method that NumPy knows, with weights, and with NaN left out.

A quantile lies at a position between two elements in order, and is interpolated between them. So it has a derivative by
these two elements and, where the method is continuous, by ``q``. Elements that it does not read get zero. NaN in the
argument makes the result NaN, and leaves no derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.kinks import nearest, neighbours, to_ends, to_multiple
from tinygrad_np.rules.reductions import Axis
from tinygrad_np.rules.selection import take_along_axis
from tinygrad_np.rules.statistics import aligned_weights
from tinygrad_np.rules.tools import as_array, gather_axes, known

#: Plotting positions (alpha, beta) of the continuous methods: Hyndman and Fan, The American Statistician 50 (1996) 361.
_CONTINUOUS = {
    "interpolated_inverted_cdf": (0, 1), "hazen": (1 / 2, 1 / 2), "weibull": (0, 0), "linear": (1, 1),
    "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}  # fmt: skip

#: The methods that pick an element and interpolate nothing.
_PICKING = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")


# --- positions
def _position(n: Any, q: Any, method: str) -> Any:
    """Where the quantiles ``q`` of ``n`` elements lie, counted from the least element."""
    if method not in _CONTINUOUS:
        return _step(n, q, method=method)
    alpha, beta = _CONTINUOUS[method]
    at = (n - 1) * q if method == "linear" else n * q + (alpha + q * (1 - alpha - beta)) - 1
    return np.minimum(np.maximum(at, 0), np.maximum(n - 1, 0)) if method != "linear" else at


@primitive(n=None, q=None, kink=lambda n, q, method: _to_next_step(n, q, method))
def _step(n: Any, q: Any, *, method: str) -> Any:
    """Positions by a method that is piecewise constant in ``q``: the quantiles of 0, 1, 2 ... are positions."""
    found = np.zeros(())
    for count in np.unique(n):
        found = np.where(n == count, np.quantile(np.arange(max(count, 1)), q, method=method), found)
    return found


def _to_next_step(n: Any, q: Any, method: str) -> Any:
    n = n if method in ("inverted_cdf", "averaged_inverted_cdf", "closest_observation") else n - 1
    steps = to_multiple(n * q, 1.0, 0.5 if method in ("nearest", "closest_observation") else 0.0) / n
    return nearest(steps, to_ends(q, 0, 1))


@primitive(a=None, weights=None, q=None, kink=lambda a, weights, q: _to_other_element(a, weights, q))
def _weighted_position(a: Any, weights: Any, q: Any) -> Any:
    """Positions by ``inverted_cdf`` with weights: the weighted quantiles of the ranks, along the last axis."""
    ranks = np.argsort(np.argsort(a, -1, kind="stable"), -1).astype(np.float64)
    ranks = np.where(np.isnan(a), np.nan, ranks)
    return np.nan_to_num(np.moveaxis(np.nanquantile(ranks, q, -1, method="inverted_cdf", weights=weights), 0, -1))


def _to_other_element(a: Any, weights: Any, q: Any) -> Any:
    """To a tie, or to where the sum of the first weights is the part ``q`` of all: both sums and ``q`` can move.

    Weights do not get negative; one that is 0 leaves an element out, and stays so.
    """
    least = np.min(np.where(weights == 0, np.inf, weights), -1, keepdims=True, initial=np.inf)
    weights = np.take_along_axis(np.where(np.isnan(a), 0, weights), np.argsort(a, -1, kind="stable"), -1)[..., None]
    so_far, total = np.cumsum(weights, -2), np.sum(weights, -2, keepdims=True)
    count = np.arange(1, a.shape[-1] + 1)[:, None]
    steps = np.abs(so_far - q * total) / (count + q * a.shape[-1] + total)
    return nearest(np.min(steps, (-2, -1), initial=np.inf)[..., None], neighbours(a, -1), least)


@primitive(a=None, ranks=None, kink=lambda a, ranks: _to_other_place(a, ranks))
def _places(a: Any, ranks: Any, *, sparse: bool) -> Any:
    """Where along the last axis the elements of these ranks stand. Few ranks can be found without sorting all."""
    order = np.argpartition(a, np.unique(ranks), -1) if sparse else np.argsort(a, -1)
    return np.take_along_axis(order, np.broadcast_to(ranks, (*a.shape[:-1], ranks.shape[-1])), -1)


def _to_other_place(a: Any, ranks: Any) -> Any:
    gaps = np.diff(np.sort(a, -1), axis=-1, prepend=-np.inf, append=np.inf)
    ranks = np.broadcast_to(ranks, (*a.shape[:-1], ranks.shape[-1]))
    both = [np.take_along_axis(gaps, ranks + side, -1) for side in (0, 1)]
    return np.fmin.reduce(nearest(*both), -1, keepdims=True, initial=np.inf) / 2


# --- order statistics
def _read(a: Any, ranks: Any) -> Any:
    """The elements of these ranks along the last axis."""
    sparse = isinstance(ranks, np.ndarray) and ranks.size <= 8
    return take_along_axis(a, _places(a, ranks.astype(np.intp), sparse=sparse), axis=-1)


def _valid(a: Any, skip_nan: bool) -> tuple[Any, Any]:
    """How many elements along the last axis are to be ordered, and whether the result is to be NaN."""
    nans = np.isnan(a)
    if skip_nan:
        return a.shape[-1] - np.sum(nans, -1, keepdims=True), False
    return a.shape[-1], np.any(nans, -1, keepdims=True)


def _quantile(
    a: Any, q: Any, axis: Axis, method: str, keepdims: bool, weights: Any, skip_nan: bool, percent: bool = False
) -> Any:
    a = as_array(a)
    if a.dtype.kind == "c":
        raise TypeError("a quantile of complex numbers is not defined: they have no order")
    if weights is not None and method != "inverted_cdf":
        raise ValueError(f"only method='inverted_cdf' knows weights, not {method!r}")
    weak = isinstance(q, int | float)
    q = as_array(q) / (100 if percent else 1)
    if q.ndim > 2 or known((q < 0) | (q > 1)):
        raise ValueError(f"quantiles lie between 0 and {100 if percent else 1}, in an array of two axes at most")
    flat = np.reshape(q, -1)
    data, shape, kept_dims = gather_axes(a, axis)
    n, is_nan = _valid(data, skip_nan)
    if weights is None:
        position = _position(n, flat, method)
    else:
        weights = np.broadcast_to(aligned_weights(weights, a, axis), a.shape)
        position = _weighted_position(data, gather_axes(weights, axis)[0], flat)
    position = np.reshape(position, (1,) * (data.ndim - position.ndim) + position.shape)
    lower = np.floor(position)
    if method in _PICKING:
        found = _read(data, lower)
    else:
        both = _read(data, np.concatenate([lower, np.minimum(lower + 1, np.maximum(n - 1, 0))], -1))
        low, high = both[..., : q.size], both[..., q.size :]
        part = (position - lower).astype(a.dtype if weak and a.dtype.kind == "f" else q.dtype)
        found = low + (high - low) * part
    found = np.where(is_nan, np.nan, found) if is_nan is not False and a.dtype.kind == "f" else found
    return np.reshape(np.moveaxis(found, -1, 0), (*q.shape, *(kept_dims if keepdims else shape)))


def _percentile(a: Any, q: Any, axis: Axis, method: str, keepdims: bool, weights: Any, skip_nan: bool) -> Any:
    return _quantile(a, q, axis, method, keepdims, weights, skip_nan, percent=True)


def _median(a: Any, axis: Axis, keepdims: bool, skip_nan: bool) -> Any:
    data, shape, kept_dims = gather_axes(a, axis)
    n, is_nan = _valid(data, skip_nan)
    ranks = [n // 2] if not skip_nan and n % 2 else [(n - 1) // 2, n // 2] if data.shape[-1] else []
    ranks = [np.reshape(np.maximum(rank, 0), (1,) * (data.ndim - np.ndim(rank)) + np.shape(rank)) for rank in ranks]
    middle = np.mean(_read(data, np.concatenate(ranks, -1)) if ranks else data, -1)
    middle = np.where(is_nan[..., 0], np.nan, middle) if is_nan is not False else middle
    return np.reshape(middle, kept_dims if keepdims else shape)


# --- the functions of NumPy
@composite(np.median)
def median(a: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    """The middle element, or the mean of the two in the middle."""
    return _median(a, axis, keepdims, skip_nan=False)


@composite(np.nanmedian)
def nanmedian(
    a: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    """Median of what is not NaN."""
    return _median(a, axis, keepdims, skip_nan=True)


def _enter(function: Any, compute: Any, skip_nan: bool) -> None:
    @composite(function)
    def quantile(
        a: Any, q: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
        keepdims: bool = False, *, weights: Any = None,
    ) -> Any:  # fmt: skip
        return compute(a, q, axis, method, keepdims, weights, skip_nan)


_enter(np.quantile, _quantile, skip_nan=False)
_enter(np.percentile, _percentile, skip_nan=False)
_enter(np.nanquantile, _quantile, skip_nan=True)
_enter(np.nanpercentile, _percentile, skip_nan=True)
