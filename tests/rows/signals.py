"""Rows: interpolation, convolution and polynomials."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from rows.calls import along_axis, one_array, shape, two_vectors
from rows.case import row
from rows.domains import any_real, between, distinct, increasing, nonzero, positive, reals
from tinygrad_np.rules import polynomials, signal

MODES = st.sampled_from(["full", "same", "valid"])

# --- signals
row(np.interp, between, increasing, any_real, exact=False, calls=st.sampled_from([(((*s,), (k,), (k,)),
    {}) for s in ((), (3,), (2, 2)) for k in (2, 4)]), of=(np.interp, signal._segment))  # fmt: skip
row(np.interp, between, increasing, any_real, exact=False, of=(), name="interp beyond",
    calls=st.sampled_from([2, 3]).map(lambda k: (((4,), (k,), (k,)), {"left": 2.0, "right": -1.0})))  # fmt: skip
row(lambda x, xp, fp: np.interp(x + 0.5, xp, fp, period=-3.35), increasing, increasing, any_real,
    exact=False, calls=st.just((((3,), (3,), (3,)), {})), name="interp of a period", of=(), integers=False)  # fmt: skip
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
for function in (np.polyadd, np.polysub):
    row(function, any_real, calls=two_vectors(), integers=False)
row(np.polymul, nonzero, calls=two_vectors(), integers=False, special=False)  # NumPy drops leading zeros
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
