"""Rows for the main namespace of NumPy beyond arithmetic: see ``cases.py``."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from cases import (
    Domain,
    Shape,
    along_axis,
    any_real,
    axes_of,
    axis_of,
    between,
    booleans,
    broadcastable,
    distinct,
    flat,
    inside,
    integers,
    joined,
    nonzero,
    one_array,
    positive,
    reals,
    reduced,
    row,
    shape,
    with_zeros,
)  # fmt: skip
from hypothesis import strategies as st

from tinygrad_np import Tensor
from tinygrad_np.rules import (
    cumulative,
    differences,
    nan,
    options,
    polynomials,
    quantiles,
    ranges,
    selection,
    signal,
    sorting,
    statistics,
    ufuncs,
)  # fmt: skip
from tinygrad_np.rules.complex import direction


# --- domains
def with_nan(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Distinct numbers; along each axis, every other one is NaN, from the second on."""
    return np.where(np.indices(shape).sum(0) % 2 == 1, np.nan, distinct(rng, shape)) if shape else distinct(rng, shape)


def spaced(offset: float) -> Domain:
    """Numbers no two of which are close, nor close to any with another offset."""
    return lambda rng, shape: (
        0.4 * rng.permutation(np.arange(-4, 5))[: int(np.prod(shape))].reshape(shape)
        + offset
        + rng.uniform(-0.05, 0.05, shape)
    )


def increasing(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers near 0, 1, 2 ... along the last axis."""
    return np.arange(shape[-1]) + rng.uniform(-0.2, 0.2, shape)


def steps(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers near 0, 1, 2 ... along the first axis."""
    return np.arange(shape[0]).reshape(-1, *(1,) * (len(shape) - 1)) + rng.uniform(-0.05, 0.05, shape)


def between_positions(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Quantiles that are not those of any element of up to four, by the method "linear"."""
    return rng.choice([0.15, 0.28, 0.42, 0.58, 0.72, 0.85], shape) + rng.uniform(-0.04, 0.04, shape)


# --- shapes and options
@st.composite
def flattened_or_along(draw: Any, min_side: int = 0, min_dims: int = 0, **options: Any) -> Any:
    """One array, and an axis or None."""
    s = draw(shape(min_side=min_side, min_dims=min_dims))
    axis = draw(st.none() | axis_of(s)) if s else None
    return (s,), {"axis": axis, **{key: draw(option) for key, option in options.items()}}


def filled(calls: Any) -> Any:
    """Reductions of something: not over no axes, nor of an empty array."""
    return calls.filter(lambda call: 0 not in call[0][0] and call[1]["axis"] != ())


@st.composite
def lines(draw: Any, *others: str, min_side: int = 1, max_side: int = 5, **options: Any) -> Any:
    """Several arrays of one shape, and an axis: of ``others``, "line" is a vector of the length of the axis."""
    s = draw(shape(min_dims=1, min_side=min_side, max_side=max_side))
    axis = draw(axis_of(s))
    kinds = {"same": s, "line": (s[axis],), "scalar": ()}
    found = (s, *(kinds[other] for other in others))
    return found, {"axis": axis, **{key: draw(option) for key, option in options.items()}}


@st.composite
def partitioned(draw: Any) -> Any:
    """One array, an axis, and a position along it, or several."""
    (s,), options = draw(st.one_of(flattened_or_along(min_side=1), st.just((((50,),), {"axis": 0}))))
    n = int(np.prod(s)) if options["axis"] is None else s[options["axis"]]
    kth = st.integers(-n, n - 1)
    return (s,), options | {"kth": draw(kth | st.lists(kth, min_size=1, max_size=2))}


@st.composite
def masked(draw: Any, min_count: int = 0, full: bool = False, **options: Any) -> Any:
    """A reduction, and a mask of its shape; without ``full``, one that broadcasts."""
    (s,), found = draw(reduced(min_count))
    return (s, s if full else s[draw(st.integers(0, len(s))) :]), found | {
        key: draw(option) for key, option in options.items()
    }


def _partition(a: Any, kth: Any, axis: Any) -> Any:
    """What of a partition does not depend on how NumPy goes about it."""
    found = np.partition(a, kth, axis)
    return np.take(found, kth, axis or 0), np.sum(found * found * found, axis or 0)


def every_other(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Masks that are true at every other element, at least; at the first in any case."""
    return np.array((np.indices(shape).sum(0) if shape else 0) % 2 == 0) | (rng.random(shape) > 0.5)


def with_infinity(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers, some of which are infinite."""
    return rng.choice([1.0, 1.0, np.inf, -np.inf], shape) * nonzero(rng, shape)


@st.composite
def with_indices(draw: Any) -> Any:
    """An array, positions along an axis of it, and the axis."""
    s = draw(shape(min_dims=1, min_side=1))
    axis = draw(axis_of(s))
    k = draw(st.integers(0, 3))
    return (s, tuple(k if i == axis % len(s) else draw(st.sampled_from([n, 1])) for i, n in enumerate(s))), {
        "axis": axis
    }


@st.composite
def inserted(draw: Any) -> Any:
    """An array, what is put into it, where, and the axis."""
    (s,), options = draw(flattened_or_along())
    if options["axis"] is None:
        s_flat: Shape = (int(np.prod(s)),)
        axis = 0
    else:
        s_flat, axis = s, options["axis"] % len(s)
    n = s_flat[axis]
    place = st.integers(-n, n)
    obj = draw(place | st.lists(place, min_size=2, max_size=3) | st.just(slice(0, n, 2)))
    new = len(range(n)[obj]) if isinstance(obj, slice) else np.size(obj)
    target = tuple(new if i == axis else m for i, m in enumerate(s_flat))
    value = () if np.ndim(obj) == 0 and not isinstance(obj, slice) else draw(st.sampled_from([(), target]))
    return (s, value), options | {"obj": obj}


@st.composite
def deleted(draw: Any) -> Any:
    """An array, what to leave out, and the axis."""
    (s,), options = draw(flattened_or_along(min_side=1))
    n = int(np.prod(s)) if options["axis"] is None else s[options["axis"]]
    place = st.integers(-n, n - 1)
    mask = st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
    return (s,), options | {"obj": draw(place | st.lists(place, max_size=3) | mask | st.just(slice(None, None, 2)))}


@st.composite
def two_vectors(draw: Any, low: int = 1, **options: Any) -> Any:
    """Two vectors, and options."""
    found = tuple((draw(st.integers(low, 5)),) for _ in range(2))
    return found, {key: draw(option) for key, option in options.items()}


@st.composite
def observed(draw: Any, second: bool = False, **options: Any) -> Any:
    """A matrix of variables, or one variable; with ``second``, another one."""
    n = draw(st.integers(3, 5))
    rowvar = draw(st.booleans())
    found = [draw(st.sampled_from([(n,), (2, n) if rowvar else (n, 2)])) for _ in range(1 + second)]
    return found, {"rowvar": rowvar, **{key: draw(option) for key, option in options.items()}}


def assigning(write: Any) -> Any:
    """A function that writes into its first argument, as one that returns it."""

    def op(a: Any, *args: Any, **options: Any) -> Any:
        a = np.copy(a) if isinstance(a, Tensor) else Tensor(a) if any(isinstance(x, Tensor) for x in args) else a.copy()
        write(a, *args, **options)
        return a

    return op


def swapped(function: Any) -> Any:
    """A function with its first two arguments exchanged."""
    return lambda a, b, **options: function(b, a, **options)


# --- running sums and products
for function, part in ((np.cumsum, cumulative.cumsum), (np.cumprod, cumulative.accumulate)):
    row(function, with_zeros, calls=flattened_or_along(), of=(function, part))
for function in (np.nancumsum, np.nancumprod):
    row(function, with_nan, calls=flattened_or_along(), integers=False)
for function in (np.cumulative_sum, np.cumulative_prod):
    row(function, with_zeros, calls=along_axis(0, include_initial=st.booleans()))
for ufunc, domain in ((np.add, any_real), (np.subtract, any_real), (np.multiply, with_zeros),
    (np.divide, nonzero), (np.maximum, distinct), (np.minimum, distinct), (np.hypot, nonzero),
    (np.logaddexp, any_real), (np.power, positive)):  # fmt: skip
    row(lambda a, axis, f=ufunc: f.accumulate(a, axis), domain, calls=along_axis(0),
        of=cumulative.accumulate, name=f"{ufunc.__name__}.accumulate", integers=False)  # fmt: skip
    if ufunc not in (np.add, np.multiply, np.maximum, np.minimum):
        if ufunc is np.power:
            continue  # NumPy's own power.reduce of a vector is wrong on some processors
        row(lambda a, axis, keepdims, f=ufunc: f.reduce(a, axis=axis, keepdims=keepdims), domain, of=(),
            calls=along_axis(1, keepdims=st.booleans()), name=f"{ufunc.__name__}.reduce", integers=False,
            exact=False)  # fmt: skip
row(lambda a, axis: np.fmax.reduce(a, axis=axis), with_nan, calls=along_axis(2), of=(), name="fmax.reduce",
    integers=False)  # fmt: skip
row(lambda a, axis, initial: np.hypot.reduce(a, axis=axis, initial=initial), nonzero, of=(),
    integers=False, exact=False, calls=along_axis(0, initial=st.sampled_from([1.0, 3.0])),
    name="reduce from an initial value")  # fmt: skip
row(lambda a, axis: np.hypot.reduce(a, axis=axis), nonzero, of=(), integers=False, exact=False,
    calls=one_array(axis=axes_of), name="reduce over several axes")  # fmt: skip
flat(lambda a, axis: [np.logical_xor.reduce(a, axis=axis), np.greater.accumulate(a, axis)], booleans,
    calls=along_axis(1), of=ufuncs.constant_method)  # fmt: skip
row(lambda a, indices, axis: np.add.reduceat(a, indices, axis), any_real, integers(0, 2),
    of=ufuncs.add_reduceat, calls=along_axis(3).flatmap(lambda c: st.integers(1,
    4).map(lambda k: ((*c[0], (k,)), c[1]))), exact=False)  # fmt: skip
row(lambda a, axis: np.add.reduceat(a, [1, 2], axis), any_real, of=(), calls=along_axis(3), name="reduceat in order")
row(lambda a, axis: np.multiply.reduceat(a, [0, 2, 1, 1], axis), with_zeros, of=(), calls=along_axis(3),
    name="reduceat of products", integers=False)  # fmt: skip
row(lambda x, y: np.hypot.outer(x, y), nonzero, of=(), name="outer", integers=False,
    calls=st.tuples(shape(max_dims=2), shape(max_dims=2)).map(lambda s: (s, {})))  # fmt: skip
row(assigning(lambda a, b, i: np.subtract.at(a, i, b.astype(a.dtype))), any_real, any_real,
    integers(-1, 0), of=(), name="subtract.at", calls=st.integers(1,
    3).map(lambda k: (((2, 3), (k, 1), (k,)), {})), integers=False, exact=False)  # fmt: skip
row(assigning(lambda a, b: np.multiply.at(a, ([1, 0], [0, 2]), b.astype(a.dtype))), any_real, any_real, of=(),
    name="multiply.at", calls=st.just((((2, 3), (2,)), {})), integers=False, exact=False)  # fmt: skip
row(assigning(lambda a: np.sin.at(a, [-1, 0])), any_real, of=(), name="sin.at", calls=one_array(2, 1),
    integers=False)  # fmt: skip


def _recurrence(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    x = [b[(slice(None),) * (axis % b.ndim) + (i,)] for i in range(b.shape[axis])]
    for i in range(1, len(x)):
        x[i] = x[i] + a[(slice(None),) * (axis % b.ndim) + (i - 1,)] * x[i - 1]
    return np.stack(x, axis)


row(cumulative.recurrence, any_real, any_real, integers=False, exact=False, reference=_recurrence,
    calls=lines(max_side=9).map(lambda c: ((tuple((n - (i == c[1]["axis"] % len(c[0][0])) for i,
    n in enumerate(c[0][0]))), *c[0]), c[1])))  # fmt: skip

# --- differences
row(np.diff, any_real, calls=along_axis(0, n=st.integers(0, 4)), of=(np.diff, differences.diff), integers=False)
row(np.diff, any_real, calls=along_axis(1, prepend=st.just(2.0), append=st.just(1.0)), integers=False)
row(lambda a, b: np.diff(a, append=b), any_real, calls=shape(1).map(lambda s: ((s, s), {})),
    integers=False, name="diff with more behind", of=())  # fmt: skip
row(lambda a, b, c: np.ediff1d(a, b, c), any_real, calls=st.tuples(shape(), shape(),
    shape()).map(lambda s: (s, {})), of=np.ediff1d, integers=False)  # fmt: skip
row(np.gradient, any_real, integers=False, exact=False, calls=one_array(min_side=3, min_dims=1,
    axis=lambda s: st.none() | axis_of(s), edge_order=st.sampled_from([1, 2])))  # fmt: skip
row(np.gradient, any_real, increasing, exact=False, integers=False,
    calls=lines("line", min_side=3, edge_order=st.sampled_from([1, 2])))  # fmt: skip
row(lambda f, h, k: np.gradient(f, h, k), any_real, positive, increasing, exact=False, integers=False,
    of=(), calls=st.integers(2, 4).map(lambda n: (((3, n), (), (n,)), {})), name="gradient of a matrix")  # fmt: skip
row(np.trapezoid, any_real, calls=along_axis(0, dx=st.sampled_from([1.0, 0.5])), integers=False)
row(np.trapezoid, any_real, increasing, calls=lines("line"), integers=False)
row(np.trapezoid, any_real, any_real, calls=lines("same"), integers=False)

# --- options of reductions
row(lambda a, w, axis, keepdims: np.sum(a, axis, keepdims=keepdims, where=w), any_real, booleans, of=(),
    exact=False, calls=masked(), name="sum of some")  # fmt: skip
row(lambda a, w, axis, keepdims: np.prod(a, axis, keepdims=keepdims, where=w, initial=2), with_zeros,
    booleans, of=(), calls=masked(), name="prod of some", integers=False, exact=False)  # fmt: skip
for function, part in ((np.mean, options.mean_of_some), (np.var, options.var_of_some), (np.std, options.std_of_some)):
    row(lambda a, w, axis, keepdims, f=function: f(a, axis, keepdims=keepdims, where=w), distinct,
        every_other, of=part, calls=masked(3, full=True), name=f"{function.__name__} of some", exact=False,
        integers=False)  # fmt: skip
row(lambda a, w, axis, keepdims, initial: [np.max(a, axis, keepdims=keepdims, where=w, initial=initial),
    np.min(a, axis, keepdims=keepdims, where=w, initial=initial)], distinct, booleans, of=(),
    calls=masked(1, initial=st.sampled_from([-9.0, 9.0])).filter(lambda c: 0 not in c[0][0]),
    name="max and min of some", integers=False)  # fmt: skip
row(lambda a, m: np.var(a, -1, mean=m[..., None], ddof=1), any_real, any_real, of=(), integers=False,
    exact=False, calls=shape(min_side=2, min_dims=1).map(lambda s: ((s, s[:-1]), {})),
    name="var about a mean")  # fmt: skip
row(lambda a: np.sum(a, dtype=np.float64, initial=1.5) + np.mean(a, dtype=np.float64), any_real, of=(),
    calls=one_array(1), name="dtype of a reduction", exact=False)  # fmt: skip

# --- order
row(np.sort, distinct, calls=flattened_or_along(kind=st.sampled_from([None, "stable"])), of=(np.sort, sorting.sort))
row(_partition, distinct, calls=partitioned(), of=(np.partition, sorting.partition), integers=False, exact=False)
row(lambda x: np.real(np.sort_complex(x)), distinct, of=np.sort_complex, calls=one_array(min_dims=1), integers=False)
for function in (np.argsort, np.argpartition):
    flat(function, distinct, calls=along_axis(1, **{} if function is np.argsort else {"kth": st.just(0)}))
flat(lambda *keys: np.lexsort(keys), distinct, calls=joined(new_axis=True).map(lambda c: (c[0], {})), of=np.lexsort)
flat(np.digitize, between, increasing, calls=shape().map(lambda s: ((s, (3,)), {})), integers=False)
for function in (np.nanargmax, np.nanargmin):
    flat(function, with_nan, calls=along_axis(2), integers=False)
flat(np.argwhere, booleans)

for function in (np.unique_values, np.unique_counts, np.unique_inverse, np.unique_all):
    row(function, distinct, integers=False)  # NumPy returns integers in no order
row(np.union1d, spaced(0.0), spaced(0.2), calls=two_vectors(0))
row(lambda a, b: np.intersect1d(a, np.concatenate([a[:2], b])), spaced(0.0), spaced(0.2),
    calls=two_vectors(), wrt=(0,), of=(np.intersect1d, sorting._common), integers=False)  # fmt: skip
for function in (np.setdiff1d, np.setxor1d):
    row(function, spaced(0.0), spaced(0.2), calls=two_vectors(), wrt=(0,) if function is np.setdiff1d else None)
    row(lambda a, i, f=function: f(a, a[i]), distinct, integers(0, 1), of=(),
        calls=st.just((((4,), (2,)), {})), name=f"{function.__name__} of a part")  # fmt: skip
flat(np.isin, integers(0, 3), integers(0, 3), calls=st.tuples(shape(), shape()).map(lambda s: (s, {})))

# --- quantiles
METHODS = (
    "linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
    "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased",
)  # fmt: skip
QUANTILES = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0, [0.2, 0.7], [[0.1, 0.3], [0.5, 1.0]], []])
for function, domain, least in ((np.median, distinct, 1), (np.nanmedian, with_nan, 2)):
    row(function, domain, calls=filled(reduced(least)), exact=False, integers=function is np.median)
for function, domain, least, scale in ((np.quantile, distinct, 1, 1), (np.percentile, distinct, 1, 100),
    (np.nanquantile, with_nan, 2, 1), (np.nanpercentile, with_nan, 2, 100)):  # fmt: skip
    row(function, domain, exact=False, integers=False, calls=filled(reduced(least,
        method=st.sampled_from(METHODS), q=QUANTILES.filter(lambda q,
        n=least: np.ndim(q) <= 3 - n).map(lambda q, s=scale: (np.array(q) * s).tolist()))))  # fmt: skip
row(swapped(np.quantile), between_positions, distinct, exact=False, integers=False,
    name="quantile by its position", calls=st.tuples(shape(max_dims=1),
    st.integers(1, 4)).map(lambda s: ((s[0], (2, s[1])), {"axis": 1})), of=())  # fmt: skip
row(lambda a, w, axis: np.quantile(a, [0.2, 0.6], axis, method="inverted_cdf", weights=w), distinct,
    positive, calls=lines("line"), name="weighted quantile", exact=False, integers=False, wrt=(0,),
    of=(quantiles._weighted_position, quantiles._places, quantiles._step))  # fmt: skip
row(lambda a, w: np.nanpercentile(a, 40, weights=w, method="inverted_cdf"), with_nan, positive, wrt=(0,),
    of=(), calls=shape(min_dims=1, min_side=1).map(lambda s: ((s, s), {})), name="weighted nanpercentile",
    exact=False, integers=False)  # fmt: skip

# --- NaN
for function, least in ((np.nansum, 2), (np.nanprod, 2), (np.nanmean, 2), (np.nanmax, 2), (np.nanmin, 2)):
    more = {np.nanmax: (nan.nanmax,), np.nanmin: (nan.nanmin,)}.get(function, ())
    row(function, with_nan, calls=reduced(least), of=(function, *more), exact=False, integers=False)
for function in (np.nanvar, np.nanstd):
    row(function, with_nan, calls=reduced(4, ddof=st.sampled_from([0, 1])), exact=False, integers=False)
row(lambda a, w, axis, keepdims: [np.nansum(a, axis, where=w), np.nanmean(a, axis, where=w),
    np.nanmax(a, axis, where=w, initial=-1.1)], with_nan, every_other, calls=masked(2, full=True), of=(),
    name="NaN and some", integers=False, exact=False)  # fmt: skip
row(np.nan_to_num, with_nan, calls=one_array(nan=st.sampled_from([0.0, 2.5])), integers=False)
row(np.nan_to_num, with_infinity, calls=one_array(posinf=st.sampled_from([None, 1.0]),
    neginf=st.just(-3.0)), name="nan_to_num of infinity", integers=False)  # fmt: skip

# --- statistics
row(np.ptp, distinct, calls=reduced(1), integers=False)
row(np.average, any_real, calls=filled(reduced(1)), exact=False)
row(lambda a, weights, axis: np.average(a, axis, weights, keepdims=True), any_real, positive, exact=False,
    of=(), calls=lines("line"), name="average by weights of a line", integers=False)  # fmt: skip
row(lambda a, weights, axis: np.average(a, axis, weights, returned=True), any_real, positive, exact=False,
    of=(), calls=lines("same"), name="average by weights", integers=False)  # fmt: skip
row(lambda a, weights: np.average(a, (2, 0), weights), any_real, positive, exact=False, of=(),
    integers=False, calls=st.just((((2, 3, 4), (4, 2)), {})), name="average over two axes")  # fmt: skip
row(np.cov, any_real, calls=observed(bias=st.booleans()), exact=False, integers=False)
row(lambda x, y, rowvar: np.cov(x, y, rowvar), any_real, calls=observed(True), name="cov of two",
    exact=False, of=(), integers=False)  # fmt: skip
row(lambda x, w, v: np.cov(x, fweights=w, aweights=v), any_real, integers(1, 3), positive, exact=False,
    of=(), calls=st.sampled_from([(4,), (3, 4)]).map(lambda s: ((s, (4,), (4,)), {})), name="weighted cov",
    integers=False)  # fmt: skip
row(np.corrcoef, any_real, calls=observed(), exact=False, integers=False)
row(lambda a, bins: np.histogram(a, bins, density=True)[1:], distinct,
    of=(np.histogram, statistics._cells), integers=False, calls=one_array(1, 1,
    bins=st.sampled_from([3, "sturges"])))  # fmt: skip
row(lambda i, w, density: np.histogram(i, [0, 2, 3, 9], weights=w, density=density)[0], integers(0, 9),
    positive, name="histogram of weights", exact=False, of=(), integers=False,
    calls=shape(1, min_side=1).map(lambda s: ((s, s), {"density": True})))  # fmt: skip
row(lambda a, w: np.histogramdd(a, [2, 4], weights=w), steps, positive, integers=False,
    calls=st.just((((4, 2), (4,)), {})), of=np.histogramdd, exact=False)  # fmt: skip
row(lambda a, b, w: np.histogram2d(a, b, 2, weights=w, density=True)[0], steps, steps, positive,
    integers=False, calls=st.just((((4,),) * 3, {})), of=np.histogram2d, exact=False)  # fmt: skip
row(np.histogram_bin_edges, distinct, calls=one_array(1, 1, bins=st.sampled_from([3, "sturges"])),
    integers=False, of=(np.histogram_bin_edges, statistics._bin_count))  # fmt: skip

# --- signals
row(np.interp, between, increasing, any_real, exact=False, calls=st.sampled_from([(((*s,), (k,), (k,)),
    {}) for s in ((), (3,), (2, 2)) for k in (2, 4)]), of=(np.interp, signal._segment))  # fmt: skip
row(np.interp, between, increasing, any_real, exact=False, of=(), name="interp beyond",
    calls=st.sampled_from([2, 3]).map(lambda k: (((4,), (k,), (k,)), {"left": 2.0, "right": -1.0})))  # fmt: skip
row(lambda x, xp, fp: np.interp(x + 0.5, xp, fp, period=-3.35), increasing, increasing, any_real,
    exact=False, calls=st.just((((3,), (3,), (3,)), {})), name="interp of a period", of=(), integers=False)  # fmt: skip
MODES = st.sampled_from(["full", "same", "valid"])
row(np.convolve, any_real, calls=two_vectors(mode=MODES), of=(np.convolve, signal.convolve))
row(np.correlate, any_real, calls=two_vectors(mode=MODES))
row(lambda p, axis: np.unwrap(p * 4, axis=axis), between, calls=along_axis(0), of=np.unwrap, integers=False)
row(np.sinc, reals(-3, 3), of=(np.sinc, signal.sinc), integers=False)
row(lambda x: np.sinc(x / 4), any_real, name="sinc near 0", of=(), integers=False)
row(np.i0, reals(-3, 3), of=(np.i0, signal.i0), integers=False)

# --- polynomials
row(np.polyval, any_real, any_real, of=(np.polyval, polynomials.polyval), integers=False,
    calls=st.tuples(st.integers(2, 4), shape(max_dims=2)).map(lambda s: (((s[0],), s[1]), {})))  # fmt: skip
row(np.polyval, any_real, any_real, calls=st.just((((3, 2), (2,)), {})), integers=False)
for function in (np.polyadd, np.polysub, np.polymul):
    row(function, any_real, calls=two_vectors(), integers=False)
row(lambda u, v: np.polydiv(u, v)[0], any_real, nonzero, of=np.polydiv,
    calls=st.sampled_from([(5, 2), (4, 4), (3, 1)]).map(lambda n: (((n[0],), (n[1],)), {})), exact=False,
    integers=False)  # fmt: skip
row(np.polyder, any_real, calls=one_array(1, 1, 1, m=st.integers(0, 3)), integers=False)
row(np.polyint, any_real, calls=one_array(0, 1, 1, m=st.integers(0, 3)), integers=False)
row(lambda p: np.polyint(p, 2, [0.5, 2.0]), any_real, calls=one_array(1, 1, 1), of=(),
    name="polyint with constants", integers=False)  # fmt: skip
row(np.poly, distinct, calls=one_array(1, 1, 1), exact=False, integers=False)
row(lambda z: np.real(np.roots(np.poly(z))), increasing, calls=st.integers(1,
    3).map(lambda n: (((n,),), {})), integers=False, of=(np.roots, polynomials.roots), exact=False)  # fmt: skip
row(lambda x, y, w: np.polyfit(x.astype(float), y.astype(float), 2, w=w, full=True)[:2], increasing, any_real, positive,
    integers=False, exact=False, of=np.polyfit, calls=st.sampled_from([(5,),
    (5, 2)]).map(lambda s: (((5,), s, (5,)), {})))  # fmt: skip
row(lambda x, y: np.polyfit(x.astype(float), y.astype(float), 1, cov=True), increasing, any_real,
    integers=False, exact=False, of=(), calls=st.just((((5,), (5,)), {})), name="polyfit with covariance")  # fmt: skip

# --- selection
row(np.take_along_axis, any_real, integers(-1, 0), calls=with_indices(),
    of=(np.take_along_axis, selection.take_along_axis))  # fmt: skip
row(lambda a, indices, axis: selection.add_along_axis(np.broadcast_to(a,
    np.broadcast_shapes(a.shape, indices.shape)), indices, axis=axis,
    shape=tuple((2 if i == axis % a.ndim else n for i, n in enumerate(np.broadcast_shapes(a.shape,
    indices.shape))))), any_real, integers(-1, 0), of=selection.add_along_axis, integers=False,
    calls=with_indices().map(lambda c: ((c[0][1], c[0][1]), c[1])), exact=False, reference=lambda a,
    indices, axis: np.concatenate([np.sum(np.where(indices % 2 == k, a, 0), axis,
    keepdims=True) for k in (0, 1)], axis))  # fmt: skip
row(assigning(lambda a, v, i, axis: np.put_along_axis(a, i, v, axis)), any_real, any_real, integers(0, 0),
    of=np.put_along_axis, calls=with_indices().map(lambda c: ((c[0][0], (), c[0][1]), c[1])),
    integers=False)  # fmt: skip
row(lambda i, *choices: np.choose(i, choices, mode="wrap"), integers(-3, 5), any_real, of=(np.choose, selection.choose),
    calls=shape(min_side=1, min_dims=1).map(lambda s: ((s, s, s[1:]), {})))  # fmt: skip
row(lambda i, choices: np.choose(i, choices), integers(0, 2), any_real, of=(), name="choose rows",
    calls=shape(max_dims=2).map(lambda s: ((s, (3, *s)), {})))  # fmt: skip
row(lambda c, d, x, y: np.select([c, d], [x, y], 1.5), booleans, booleans, any_real, any_real,
    of=np.select, calls=broadcastable(4), integers=False)  # fmt: skip
row(lambda x: np.piecewise(x, [x < 0, x > 5], [np.exp, 2.0, lambda v: v * v]), nonzero, of=np.piecewise,
    integers=False, calls=one_array(1))  # fmt: skip
row(lambda x: np.piecewise(x, [x < 0], [lambda v, p, k: v * p * k, lambda v, p, k: v * v], 2.0, k=3),
    nonzero, of=(), calls=one_array(1), name="piecewise with parameters", integers=False)  # fmt: skip
row(swapped(np.compress), any_real, every_other, of=np.compress,
    calls=st.one_of(lines("line"), shape(1, min_side=1).map(lambda s: ((s, (1,)), {"axis": None}))))  # fmt: skip
row(swapped(np.extract), any_real, every_other, of=np.extract, calls=shape(min_side=1).map(lambda s: ((s, s), {})))
row(lambda a, v, obj, axis: np.insert(a, obj, v, axis), any_real, calls=inserted(),
    of=(np.insert, selection._mixed), integers=False)  # fmt: skip
row(lambda a, v: np.insert(a, 1, v, -1), any_real, calls=st.sampled_from([(((2, 3), (2,)), {}),
    (((2, 3), (4, 2)), {}), (((3,), (2,)), {})]), of=(), name="insert columns", integers=False)  # fmt: skip
row(np.delete, any_real, calls=deleted(), of=(np.delete, selection._kept))
row(np.append, any_real, calls=st.one_of(st.tuples(shape(), shape()).map(lambda s: (s, {"axis": None})),
    shape(1).map(lambda s: ((s, s), {"axis": 0}))))  # fmt: skip
row(np.resize, any_real, calls=one_array(1, new_shape=st.sampled_from([0, 3, (2, 3), (0, 2), ()])))
row(lambda a, filled, trim: np.trim_zeros(a * filled, trim), nonzero, booleans, of=np.trim_zeros,
    calls=shape(1).flatmap(lambda s: st.sampled_from(["fb", "f", "b"]).map(lambda trim: ((s, s),
    {"trim": trim}))))  # fmt: skip
row(np.unstack, any_real, calls=along_axis())

# --- writing
row(assigning(lambda a, v, i: np.put(a, i, v)), any_real, any_real, integers(-2, 1), of=np.put,
    integers=False, calls=st.tuples(shape(2, min_side=2), st.integers(1, 3),
    st.integers(1, 3)).map(lambda s: ((s[0], s[1:2], s[2:]), {})))  # fmt: skip
row(assigning(lambda a, v, i: np.put(a, i, v, mode="clip")), any_real, any_real, integers(-9, 9), of=(),
    integers=False, calls=st.just((((2, 2), (), (3,)), {})), name="put and clip")  # fmt: skip
row(assigning(lambda a, v, m: np.putmask(a, m, v.astype(a.dtype))), any_real, any_real, booleans,
    of=np.putmask, integers=False, calls=st.tuples(shape(), st.integers(1,
    4)).map(lambda s: ((s[0], (s[1],), s[0]), {})))  # fmt: skip
row(assigning(lambda a, v, m: np.place(a, m, v.astype(a.dtype))), any_real, any_real, every_other,
    of=np.place, integers=False, calls=st.tuples(shape(min_side=1),
    st.integers(1, 4)).map(lambda s: ((s[0], (s[1],), s[0]), {})))  # fmt: skip
row(assigning(lambda a, v, m: np.copyto(a, v, where=m)), any_real, any_real, booleans, of=np.copyto,
    integers=False, calls=shape(1, min_side=1).map(lambda s: ((s, s[1:], s[-1:]), {})))  # fmt: skip
row(assigning(lambda a, v, wrap: np.fill_diagonal(a, v, wrap)), any_real, of=np.fill_diagonal,
    integers=False, calls=st.tuples(st.sampled_from([(2, 2), (5, 2), (2, 3), (3, 3, 3)]),
    st.sampled_from([(), (2,), (4,)])).map(lambda s: (s, {"wrap": True})))  # fmt: skip

# --- arranging
row(lambda a: np.astype(a, np.float64), any_real, of=np.astype)
row(np.atleast_3d, any_real)
row(np.rot90, any_real, calls=one_array(min_dims=2, k=st.integers(-2, 4),
    axes=st.sampled_from([(0, 1), (1, 0), (-1, 0)])))  # fmt: skip
row(np.rollaxis, any_real, calls=one_array(min_dims=1, axis=axis_of, start=lambda s: st.integers(-len(s), len(s))))
row(lambda a, b, c: np.block([[a, b], [c]]), any_real, calls=st.tuples(*[st.integers(0,
    3)] * 3).map(lambda n: (((2, n[0]), (2, n[1]), (n[2], n[0] + n[1])), {})), of=np.block)  # fmt: skip
row(lambda a, b: [np.block([a, b, 1.0]), np.block([[a], [b]]), np.block(a)], any_real, of=(),
    name="block of vectors", calls=st.integers(0, 3).map(lambda n: (((n,), (n,)), {})), integers=False)  # fmt: skip
row(np.broadcast_arrays, any_real, calls=broadcastable(3))
row(np.meshgrid, any_real, calls=st.tuples(st.lists(st.sampled_from([(), (0,), (2,), (3,)]), min_size=1,
    max_size=3), st.fixed_dictionaries({"sparse": st.booleans(),
    "indexing": st.sampled_from(["xy", "ij"])})))  # fmt: skip
row(np.ix_, any_real, calls=st.lists(st.sampled_from([(2,), (3,)]), min_size=1,
    max_size=3).map(lambda s: (s, {})), integers=False)  # fmt: skip
flat(np.ix_, booleans, integers(0, 3), calls=st.just((((4,), (2,)), {})), integers=False)
for function in (np.tril, np.triu):
    row(function, any_real, calls=one_array(min_dims=1, k=st.integers(-2, 2)))
for function in (np.tril_indices_from, np.triu_indices_from):
    flat(function, any_real, calls=one_array(min_dims=2, max_dims=2))

# --- ranges
row(np.linspace, any_real, exact=False, integers=False, of=(np.linspace, ranges.linspace),
    calls=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3,
    min_side=0).flatmap(lambda s: st.tuples(st.just(s.input_shapes),
    st.fixed_dictionaries({"num": st.integers(0, 4), "endpoint": st.booleans(),
    "axis": st.integers(-1, len(s.result_shape)),
    "retstep": st.just(True)})).filter(lambda c: c[1]["num"] - c[1]["endpoint"] > 0)))  # fmt: skip
row(np.linspace, any_real, exact=False, integers=False, calls=st.tuples(st.just(((), ())),
    st.fixed_dictionaries({"num": st.integers(0, 4), "endpoint": st.booleans()})))  # fmt: skip
row(lambda a, b, base: np.logspace(a, b, 3, base=base), any_real, any_real, positive, exact=False,
    integers=False, calls=broadcastable(3), of=np.logspace)  # fmt: skip
row(lambda a, b: np.logspace(a, b, 4, endpoint=False), inside, inside, of=(),
    name="logspace to the base 10", exact=False, integers=False)  # fmt: skip
row(np.geomspace, positive, exact=False, integers=False, calls=broadcastable(2).map(lambda c: (c[0], {"num": 5})))
row(lambda a, b: np.geomspace(-a, -b, 3, endpoint=False, axis=-1), positive, positive, of=(),
    name="geomspace below 0", exact=False, integers=False)  # fmt: skip

# --- facts
for function in (np.array2string, np.array_repr, np.array_str, np.min_scalar_type, np.isneginf, np.isposinf):
    flat(function, integers(-3, 3), integers=False)
flat(np.common_type, any_real)
flat(np.packbits, booleans, calls=one_array(min_dims=1), integers=False)
flat(lambda a: np.unpackbits(a.astype(np.uint8)), integers(0, 9), of=np.unpackbits, integers=False)
flat(np.diag_indices_from, any_real, calls=st.just((((3, 3),), {})))
flat(lambda a: np.ravel_multi_index((a, a), (4, 4)), integers(0, 3), of=np.ravel_multi_index, integers=False)
flat(np.unravel_index, integers(0, 5), calls=one_array(shape=st.just((2, 3))), integers=False)
for function in (np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj):
    flat(lambda a, f=function: f(a * 1j), booleans, of=function, integers=False)

# --- calling
row(lambda a, axis: np.apply_along_axis(lambda v, k: np.outer(v, v[:2]) * k, axis, a, k=2), any_real,
    integers=False, calls=along_axis(), of=np.apply_along_axis)  # fmt: skip
row(lambda a, axis: np.apply_along_axis(np.sum, axis, a), any_real, of=(),
    name="apply_along_axis to a number", calls=along_axis())  # fmt: skip
row(lambda a: np.apply_over_axes(np.sum, a, [0, -1]), any_real, calls=one_array(min_dims=2), of=np.apply_over_axes)


# --- complex numbers, taken apart
def three(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers near 0.5, -1.2 and 2.1."""
    return np.array([0.5, -1.2, 2.1]) + rng.uniform(-0.2, 0.2, shape)


def complex_row(function: Any, name: str = "", of: Any = ()) -> None:
    """Enter a function of three complex numbers, by its real and its imaginary part."""

    def apart(x: Any, y: Any) -> Any:
        out = function(x + y * 1j)
        return (out.real, out.imag) if out.dtype.kind == "c" else out

    row(apart, three, nonzero, calls=st.just((((3,), (3,)), {})), integers=False, exact=False, of=of,
        name=f"complex {name or function.__name__}")  # fmt: skip


for function in (np.real, np.imag, np.angle, np.real_if_close):
    complex_row(function, of=function)
complex_row(np.sign, of=direction)
for function in (np.cumsum, np.cumprod, np.sort, np.average, np.gradient, np.poly, np.sinc):
    complex_row(function)
for function in (np.nansum, np.nanmean, np.nanvar, np.nan_to_num):
    complex_row(function)
complex_row(np.divide.accumulate, "divide.accumulate")
complex_row(lambda z: np.var(z, where=[True, False, True]), "var of some")
complex_row(lambda z: np.convolve(z, z[::-1] * z[0]), "convolve")
complex_row(lambda z: np.correlate(z, z, "same"), "correlate")
complex_row(lambda z: np.cov([1j, 2, 3] * z[:, None] + z * z[0]), "cov")
complex_row(lambda z: np.corrcoef(z[:, None] * z + z), "corrcoef")
complex_row(lambda z: np.interp([0.3, 1.6], [0, 1, 2], z), "interp")
complex_row(lambda z: np.polyval(z, z), "polyval")
complex_row(lambda z: np.sum(np.roots(z) ** 3), "roots")
complex_row(lambda z: np.histogram([0, 0, 1], 2, weights=z.astype(np.complex128))[0], "histogram")
complex_row(lambda z: np.take_along_axis(z, np.array([0, 0, 2]), 0), "take_along_axis")
complex_row(lambda z: np.geomspace(z[0], z[1], 4), "geomspace")
complex_row(lambda z: np.select([[True, False, True]], [z], z * z), "select")
