"""Rows: sorting, sets and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.adapters import swapped
from rows.calls import along_axis, flattened_or_along, joined, lines, one_array, reduced, shape, two_vectors
from rows.case import flat, row
from rows.domains import (
    between,
    between_positions,
    booleans,
    distinct,
    increasing,
    integers,
    positive,
    spaced,
    with_nan,
)
from tinygrad_np.rules import quantiles, sorting


@st.composite
def partitioned(draw: Any) -> Any:
    """One array, an axis, and a position along it, or several."""
    (s,), options = draw(st.one_of(flattened_or_along(min_side=1), st.just((((50,),), {"axis": 0}))))
    n = int(np.prod(s)) if options["axis"] is None else s[options["axis"]]
    kth = st.integers(-n, n - 1)
    return (s,), options | {"kth": draw(kth | st.lists(kth, min_size=1, max_size=2))}


def _partition(a: Any, kth: Any, axis: Any) -> Any:
    """What of a partition does not depend on how NumPy goes about it."""
    found = np.partition(a, kth, axis)
    return np.take(found, kth, axis or 0), np.sum(found * found * found, axis or 0)


METHODS = (
    "linear", "lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf", "closest_observation",
    "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased", "normal_unbiased",
)  # fmt: skip
QUANTILES = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0, [0.2, 0.7], [[0.1, 0.3], [0.5, 1.0]], []])

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
    row(function, distinct, integers=False, special=False)  # NumPy returns integers, and several NaN, in no order
row(np.union1d, spaced(0.0), spaced(0.2), calls=two_vectors(0))
row(lambda a, b: np.intersect1d(a, np.concatenate([a[:2], b])), spaced(0.0), spaced(0.2),
    calls=two_vectors(), wrt=(0,), of=(np.intersect1d, sorting._common), integers=False)  # fmt: skip
for function in (np.setdiff1d, np.setxor1d):
    row(function, spaced(0.0), spaced(0.2), calls=two_vectors(), wrt=(0,) if function is np.setdiff1d else None)
    row(lambda a, i, f=function: f(a, a[i]), distinct, integers(0, 1), of=(),
        calls=st.just((((4,), (2,)), {})), name=f"{function.__name__} of a part")  # fmt: skip
flat(np.isin, integers(0, 3), integers(0, 3), calls=st.tuples(shape(), shape()).map(lambda s: (s, {})))

# --- quantiles
for function, domain, least in ((np.median, distinct, 1), (np.nanmedian, with_nan, 2)):
    row(function, domain, calls=reduced(least, filled=True), exact=False, integers=function is np.median)
for function, domain, least, scale in ((np.quantile, distinct, 1, 1), (np.percentile, distinct, 1, 100),
    (np.nanquantile, with_nan, 2, 1), (np.nanpercentile, with_nan, 2, 100)):  # fmt: skip
    row(function, domain, exact=False, integers=False, calls=reduced(least, filled=True,
        method=st.sampled_from(METHODS), q=QUANTILES.filter(lambda q,
        n=least: np.ndim(q) <= 3 - n).map(lambda q, s=scale: (np.array(q) * s).tolist())))  # fmt: skip
row(swapped(np.quantile), between_positions, distinct, exact=False, integers=False,
    name="quantile by its position", calls=st.tuples(shape(max_dims=1),
    st.integers(1, 4)).map(lambda s: ((s[0], (2, s[1])), {"axis": 1})), of=())  # fmt: skip
row(lambda a, w, axis: np.quantile(a, [0.2, 0.6], axis, method="inverted_cdf", weights=w), distinct,
    positive, calls=lines("line"), name="weighted quantile", exact=False, integers=False, wrt=(0,),
    of=(quantiles._weighted_position, quantiles._places, quantiles._step))  # fmt: skip
row(lambda a, w: np.nanpercentile(a, 40, weights=w, method="inverted_cdf"), with_nan, positive, wrt=(0,),
    of=(), calls=shape(min_dims=1, min_side=1).map(lambda s: ((s, s), {})), name="weighted nanpercentile",
    exact=False, integers=False)  # fmt: skip
