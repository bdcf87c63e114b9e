"""Rows: reductions, their options, and those that skip NaN."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from rows.adapters import method, reduce
from rows.calls import along_axis, masked, one_array, reduced, shape
from rows.case import flat, row
from rows.domains import (
    any_real,
    between,
    booleans,
    distinct,
    distinct_sizes,
    every_other,
    graded,
    integers,
    lattice,
    nonzero,
    reals,
    with_infinity,
    with_nan,
    with_zeros,
)
from tinygrad_np.rules import nan, norms, options, reductions

# --- reductions
row(np.sum, any_real, calls=reduced(), spellings=(method("sum"), reduce(np.add)))
row(np.mean, any_real, calls=reduced(1), spellings=(method("mean"),))
for extremum, alias, ufunc in ((np.max, np.amax, np.maximum), (np.min, np.amin, np.minimum)):
    row(extremum, distinct, calls=reduced(1), spellings=(method(extremum.__name__), reduce(ufunc)))
    row(alias, distinct, calls=reduced(1))
row(np.prod, with_zeros, calls=reduced(), spellings=(method("prod"), reduce(np.multiply)))
row(np.var, any_real, calls=reduced(2, ddof=st.sampled_from([0, 1])), spellings=(method("var"),))
row(np.std, distinct, calls=reduced(2, ddof=st.sampled_from([0, 1])), spellings=(method("std"),))
row(
    reductions.logsumexp, any_real, calls=reduced(1), integers=False, exact=False,
    reference=lambda a, **options: np.log(np.sum(np.exp(a), **options)),
)  # fmt: skip
row(np.linalg.norm, nonzero, calls=reduced(1, "one"), of=(np.linalg.norm, norms.norm), exact=False)
row(np.linalg.norm, nonzero, calls=reduced(1, "two", ord=st.sampled_from(["fro", None])), exact=False)
row(
    np.linalg.norm, distinct_sizes, exact=False,
    calls=reduced(1, "one", ord=st.sampled_from([2, 1, 3, 2.5, -1, np.inf, -np.inf])),
    of=(np.linalg.norm, norms.norm_of_order), name="norm of an order",
)  # fmt: skip
row(
    np.linalg.norm, graded, exact=False,
    calls=reduced(1, "two", ord=st.sampled_from([1, -1, np.inf, -np.inf])), name="norm of a matrix",
)  # fmt: skip
for function in (np.all, np.any, np.count_nonzero):
    flat(function, booleans, calls=reduced())
for function in (np.argmax, np.argmin):
    flat(function, distinct, calls=along_axis(), spellings=(method(function.__name__),))
flat(np.argsort, distinct, calls=along_axis(0))
for function in (np.nonzero, np.flatnonzero):
    flat(function, nonzero, calls=one_array(min_dims=1))
    flat(function, integers(0, 1), calls=one_array(min_dims=1))
flat(np.isclose, lattice(0), between)
for function in (np.allclose, np.array_equal, np.array_equiv):
    flat(function, lattice(0), between)
    flat(function, integers(0, 1), integers(0, 1), name=f"{function.__name__} of integers")
flat(np.searchsorted, lambda rng, s: np.sort(distinct(rng, s)), reals(-10, -9), reals(9, 10),
     calls=shape(1, 1).map(lambda s: ((s, (2,)), {})))  # fmt: skip

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
    calls=masked(1, filled=True, initial=st.sampled_from([-9.0, 9.0])),
    name="max and min of some", integers=False)  # fmt: skip
row(lambda a, m: np.var(a, -1, mean=m[..., None], ddof=1), any_real, any_real, of=(), integers=False,
    exact=False, calls=shape(min_side=2, min_dims=1).map(lambda s: ((s, s[:-1]), {})),
    name="var about a mean")  # fmt: skip
row(lambda a: np.sum(a, dtype=np.float64, initial=1.5) + np.mean(a, dtype=np.float64), any_real, of=(),
    calls=one_array(1), name="dtype of a reduction", exact=False)  # fmt: skip

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
