"""Rows: running sums and products, methods of ufuncs, differences."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from rows.adapters import assigning
from rows.calls import along_axis, axes_of, axis_of, flattened_or_along, lines, one_array, shape
from rows.case import flat, row
from rows.domains import any_real, booleans, distinct, increasing, integers, nonzero, positive, with_nan, with_zeros
from tinygrad_np.rules import cumulative, differences, ufuncs


def _recurrence(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    x = [b[(slice(None),) * (axis % b.ndim) + (i,)] for i in range(b.shape[axis])]
    for i in range(1, len(x)):
        x[i] = x[i] + a[(slice(None),) * (axis % b.ndim) + (i - 1,)] * x[i - 1]
    return np.stack(x, axis)


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
