"""Rows: averages, covariances and histograms."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.calls import lines, one_array, reduced, shape
from rows.case import row
from rows.domains import any_real, distinct, integers, positive, steps
from tinygrad_np.rules import statistics


@st.composite
def observed(draw: Any, second: bool = False, **options: Any) -> Any:
    """A matrix of variables, or one variable; with ``second``, another one."""
    n = draw(st.integers(3, 5))
    rowvar = draw(st.booleans())
    found = [draw(st.sampled_from([(n,), (2, n) if rowvar else (n, 2)])) for _ in range(1 + second)]
    return found, {"rowvar": rowvar, **{key: draw(option) for key, option in options.items()}}


# --- statistics
row(np.ptp, distinct, calls=reduced(1), integers=False)
row(np.average, any_real, calls=reduced(1, filled=True), exact=False)
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
