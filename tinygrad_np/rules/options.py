"""What reductions can be told besides the axis: ``dtype=``, ``initial=`` and ``where=``.

The reductions themselves (:mod:`tinygrad_np.rules.reductions`) know nothing of these. An element that is left out is
replaced by what changes nothing; moments count what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.primitives import Primitive, composite, primitive, table
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.kinks import one_value
from tinygrad_np.rules.reductions import Axis, unreduce

_UNSET: Any = np._NoValue
_sum, _prod, _mean, _max, _min, _var, _std = (
    table[f] for f in (np.sum, np.prod, np.mean, np.max, np.min, np.var, np.std)
)


@composite(np.sum)
def sum(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET,
    where: Any = True,
) -> Any:  # fmt: skip
    """Sum."""
    a = a if where is True else np.where(where, a, 0)
    total = _sum(a if dtype is None else a.astype(dtype), axis=axis, keepdims=keepdims)
    total = total if dtype is None else total.astype(dtype)  # small integers have been added up as large ones
    return total if initial is _UNSET else total + initial


@composite(np.prod)
def prod(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET,
    where: Any = True,
) -> Any:  # fmt: skip
    """Product."""
    a = a if where is True else np.where(where, a, 1)
    product = _prod(a if dtype is None else a.astype(dtype), axis=axis, keepdims=keepdims)
    product = product if dtype is None else product.astype(dtype)
    return product if initial is _UNSET else product * initial


@composite(np.max, np.amax)
def max(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET, where: Any = True
) -> Any:
    """Maximum; ``initial`` takes part in it."""
    return _extremum(_max, np.maximum, a, axis, keepdims, initial, where)


@composite(np.min, np.amin)
def min(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = _UNSET, where: Any = True
) -> Any:
    """Minimum; ``initial`` takes part in it."""
    return _extremum(_min, np.minimum, a, axis, keepdims, initial, where)


def _extremum(
    reduction: Primitive, choose: Callable[..., Any], a: Any, axis: Axis, keepdims: bool, initial: Any, where: Any
) -> Any:
    if initial is _UNSET:
        if where is not True:
            raise ValueError(f"np.{reduction.name} of some elements (where=) may be one of none: pass initial=")
        return reduction(a, axis=axis, keepdims=keepdims)
    a = a if where is True else np.where(where, a, initial)
    if a.size == 0:  # the reduction of nothing, which NumPy's maximum itself refuses
        shape = np.add.reduce(np.broadcast_to(np.empty((), np.bool_), a.shape), axis=axis, keepdims=keepdims).shape
        return np.full_like(a, initial, shape=shape)
    return choose(reduction(a, axis=axis, keepdims=keepdims), initial)


# --- moments
def _count(where: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool) -> Any:
    return np.sum(np.broadcast_to(where, shape), axis=axis, keepdims=keepdims)


def _share(g: Any, where: Any, shape: tuple[int, ...], axis: Axis, keepdims: bool, ddof: float = 0) -> Any:
    """The cotangent of a mean, for each element that takes part in it."""
    share = quotient(g, np.maximum(_count(where, shape, axis, keepdims) - ddof, 0).astype(g.dtype))
    return np.where(where, unreduce(share, shape, axis, keepdims), 0)


def _deviation(a: Any, where: Any, axis: Axis) -> Any:
    return np.conj(np.where(where, a - np.mean(a, axis, keepdims=True, where=where), 0))


@primitive(
    a=lambda g, where, a_shape, axis, keepdims: _share(g, where, a_shape, axis, keepdims),
    where=None,
)
def mean_of_some(a: Any, where: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean of the elements where a mask is true."""
    return np.mean(a, axis, keepdims=keepdims, where=where)


@primitive(
    a=lambda g, a, where, axis, ddof, keepdims: (
        _share(2 * g, where, a.shape, axis, keepdims, ddof) * _deviation(a, where, axis)
    ),
    where=None,
)
def var_of_some(a: Any, where: Any, *, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Variance of the elements where a mask is true."""
    return np.var(a, axis, ddof=ddof, keepdims=keepdims, where=where)


@primitive(
    a=lambda g, a, where, out, axis, ddof, keepdims: quotient(
        _share(g, where, a.shape, axis, keepdims, ddof) * _deviation(a, where, axis),
        unreduce(out, a.shape, axis, keepdims),
    ),
    where=None,
    kink=lambda a, where, axis: one_value(a, axis, where),
)
def std_of_some(a: Any, where: Any, *, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Standard deviation of the elements where a mask is true."""
    return np.std(a, axis, ddof=ddof, keepdims=keepdims, where=where)


@composite(np.mean)
def mean(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = True
) -> Any:
    """Arithmetic mean."""
    a = a if dtype is None else a.astype(dtype)
    if where is True:
        return _mean(a, axis=axis, keepdims=keepdims)
    return mean_of_some(a, where, axis=axis, keepdims=keepdims)


@composite(np.var)
def var(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = _UNSET, correction: Any = _UNSET,
) -> Any:  # fmt: skip
    """Variance; where ``mean`` is given, about that."""
    ddof = _either(ddof, correction)
    a = a if dtype is None else a.astype(dtype)
    if mean is not _UNSET:
        size = np.absolute(np.where(where, a - mean, 0))
        count = _count(where, a.shape, axis, keepdims)
        return sum(size * size, axis, keepdims=keepdims) / np.maximum(count - ddof, 0).astype(size.dtype)
    if where is True:
        return _var(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return var_of_some(a, where, axis=axis, ddof=ddof, keepdims=keepdims)


@composite(np.std)
def std(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False, *,
    where: Any = True, mean: Any = _UNSET, correction: Any = _UNSET,
) -> Any:  # fmt: skip
    """Standard deviation; of a constant, the zero subgradient."""
    ddof = _either(ddof, correction)
    a = a if dtype is None else a.astype(dtype)
    if mean is not _UNSET:
        square = var(a, axis, None, None, ddof, keepdims, where=where, mean=mean)
        return np.where(square == 0, 0, np.sqrt(np.where(square == 0, 1, square)))
    if where is True:
        return _std(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return std_of_some(a, where, axis=axis, ddof=ddof, keepdims=keepdims)


def _either(ddof: float, correction: Any) -> Any:
    if correction is _UNSET:
        return ddof
    if ddof != 0:
        raise ValueError("ddof= and correction= are two names of one thing: pass one of them")
    return correction
