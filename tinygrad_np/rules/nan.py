"""Functions that pass over NaN: what is NaN has no share in the result, and its derivative is zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.kinks import overtaken
from tinygrad_np.rules.reductions import Axis, unreduce

_UNSET: Any = np._NoValue


@composite(np.nansum)
def nansum(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET,
    where: Any = True,
) -> Any:  # fmt: skip
    """Sum, NaN counting as 0."""
    return np.sum(np.where(np.isnan(a), 0, a), axis, dtype, keepdims=keepdims, initial=initial, where=where)


@composite(np.nanprod)
def nanprod(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET,
    where: Any = True,
) -> Any:  # fmt: skip
    """Product, NaN counting as 1."""
    return np.prod(np.where(np.isnan(a), 1, a), axis, dtype, keepdims=keepdims, initial=initial, where=where)


@composite(np.nanmean)
def nanmean(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    """Mean of what is not NaN."""
    return np.mean(a, axis, dtype, keepdims=keepdims, where=_numbers(a, where))


@composite(np.nanvar)
def nanvar(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = _UNSET, correction: Any = _UNSET,
) -> Any:  # fmt: skip
    """Variance of what is not NaN."""
    return _moment(np.var, a, axis, dtype, ddof, keepdims, where, mean, correction)


@composite(np.nanstd)
def nanstd(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = _UNSET, correction: Any = _UNSET,
) -> Any:  # fmt: skip
    """Standard deviation of what is not NaN; of a constant, the zero subgradient."""
    return _moment(np.std, a, axis, dtype, ddof, keepdims, where, mean, correction)


def _numbers(a: Any, where: Any) -> Any:
    numbers = np.logical_not(np.isnan(a))
    return numbers if where is True else numbers & where


def _moment(
    function: Any, a: Any, axis: Axis, dtype: Any, ddof: float, keepdims: bool, where: Any, mean: Any, correction: Any
) -> Any:
    numbers = _numbers(a, where)
    found = function(a, axis, dtype, None, ddof, keepdims, where=numbers, mean=mean, correction=correction)
    freedom = np.sum(numbers, axis, keepdims=keepdims) - (ddof if correction is _UNSET else correction)
    return np.where(freedom <= 0, np.nan, found)


def _share_among_ties(g: Any, a: Any, out: Any, axis: Axis, keepdims: bool) -> Any:
    ties = (a == unreduce(out, a.shape, axis, keepdims)).astype(g.dtype)
    return unreduce(g, a.shape, axis, keepdims) * quotient(ties, np.add.reduce(ties, axis=axis, keepdims=True))


@primitive(a=_share_among_ties, kink=lambda a, axis: overtaken(np.where(np.isnan(a), -np.inf, a), axis))
def nanmax(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Maximum of what is not NaN; equal shares to all elements that attain it."""
    return np.nanmax(a, axis, keepdims=keepdims)


@primitive(a=_share_among_ties, kink=lambda a, axis: overtaken(np.where(np.isnan(a), -np.inf, -a), axis))
def nanmin(a: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Minimum of what is not NaN; equal shares to all elements that attain it."""
    return np.nanmin(a, axis, keepdims=keepdims)


@composite(np.nanmax)
def _nanmax(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET, where: Any = True
) -> Any:
    a = a if where is True else np.where(where, a, np.nan if initial is _UNSET else initial)
    found = nanmax(a, axis=axis, keepdims=keepdims)
    return found if initial is _UNSET else np.fmax(found, initial)


@composite(np.nanmin)
def _nanmin(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET, where: Any = True
) -> Any:
    a = a if where is True else np.where(where, a, np.nan if initial is _UNSET else initial)
    found = nanmin(a, axis=axis, keepdims=keepdims)
    return found if initial is _UNSET else np.fmin(found, initial)


@composite(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Numbers in place of NaN and infinities, whose derivative is zero."""
    if x.dtype.kind == "c":
        parts = [nan_to_num(part(x), copy, nan, posinf, neginf) for part in (np.real, np.imag)]
        return parts[0] + parts[1] * 1j
    if x.dtype.kind != "f":
        return x
    largest = float(np.finfo(x.dtype).max)
    x = np.where(x == np.inf, largest if posinf is None else posinf, x)
    x = np.where(x == -np.inf, -largest if neginf is None else neginf, x)
    return np.where(np.isnan(x), nan, x)
