"""Rows: one operand twice; both shares of the cotangent must arrive."""

from __future__ import annotations

import operator

import numpy as np
from hypothesis import strategies as st

from rows.adapters import assigning
from rows.calls import one_array
from rows.case import row
from rows.domains import any_real, nonzero, positive

_overwritten = assigning(lambda a, v: operator.setitem(a, slice(None), v))

for name, twice, domain, calls in (
    ("add", lambda x: x + x, any_real, None),
    ("subtract", lambda x: x - x, any_real, None),
    ("multiply", lambda x: x * x, any_real, None),
    ("divide", lambda x: x / x, nonzero, None),
    ("power", lambda x: x**x, positive, None),
    ("hypot", lambda x: np.hypot(x, x), nonzero, None),
    ("arctan2", lambda x: np.arctan2(x, x), nonzero, None),
    ("logaddexp", lambda x: np.logaddexp(x, x), any_real, None),
    ("where", lambda x: np.where(x > 0, x, x), nonzero, None),
    ("concatenate", lambda x: np.concatenate([x, x, x]), any_real, one_array(min_dims=1)),
    ("stack", lambda x: np.stack([x, x], -1), any_real, None),
    ("matmul", lambda x: x @ x, any_real, st.integers(0, 3).map(lambda n: (((2, n, n),), {}))),
    ("einsum", lambda x: np.einsum("ij,jk,ki->j", x, x, x), any_real, st.integers(0, 3).map(lambda n: (((n, n),), {}))),
    ("tensordot", lambda x: np.tensordot(x, x, (0, -1)), any_real, st.integers(0, 3).map(lambda n: (((n, n),), {}))),
    ("outer", lambda x: np.outer(x, x), any_real, None),
    ("setitem", lambda x: _overwritten(x, x[::-1]), any_real, one_array(min_dims=1)),
    ("sums", lambda x: x * x.sum(-1, keepdims=True) + x.mean(), any_real, one_array(min_dims=1, min_side=1)),
):  # fmt: skip
    row(twice, domain, calls=calls, name=f"{name} of x and x", exact=False, integers=False, of=())
