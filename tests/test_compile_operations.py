"""Every operation of the table, compiled, with its derivative: what it computes, or that it says why it cannot."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from derivatives import flattened
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rows import CASES, Case

from tinygrad_np import Tensor, compile, vjp
from tinygrad_np.compiler.recording import CaptureError

#: Operations whose results have shapes that depend on numbers, or that look at numbers in Python.
REFUSED = {
    "add_reduceat", "arange", "argwhere", "array2string", "array_repr", "array_str", "bincount",
    "complex roots", "compress", "delete", "det_of_rank_1", "extract", "flatnonzero", "histogram",
    "histogram2d", "histogram_bin_edges", "histogramdd", "intersect1d", "ix_", "linspace", "logspace", "lstsq",
    "min_scalar_type", "nanpercentile", "nanquantile", "nonzero", "percentile", "piecewise", "place", "polyfit",
    "quantile", "roots", "setdiff1d", "setxor1d", "trim_zeros", "union1d", "unique", "unique_all",
    "unique_counts", "unique_inverse", "unique_values", "where",
}  # fmt: skip


def numbers(result: Any) -> Any:
    return result._data if isinstance(result, Tensor) else result


def assert_agree(found: Any, expected: Any, exact: bool) -> None:
    ours, theirs = flattened(found), flattened(expected)
    assert [type(a) for a in ours] == [type(b) for b in theirs]
    for a, b in zip(map(numbers, ours), map(numbers, theirs), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.shape(a) == np.shape(b)
        if np.asarray(a).dtype.kind in "biufc":
            tolerance = 0.0 if exact else 1e-9
            np.testing.assert_allclose(a, b, tolerance, tolerance)


def pulled_back(case: Case, options: Any, wrt: list[int]) -> Callable[..., Any]:
    """The operation's vector-Jacobian product with ones."""

    def function(*arrays: Any) -> Any:
        def of_some(*some: Any) -> Any:
            args = [Tensor(a) for a in arrays]
            for i, x in zip(wrt, some, strict=True):
                args[i] = x
            return [out for out in flattened(case.op(*args, **options)) if isinstance(out, Tensor)]

        out, pull_back = vjp(of_some, *(arrays[i] for i in wrt))
        return out, pull_back([np.ones_like(o.detach()) for o in out])

    return function


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=1, phases=[Phase.generate])
@given(data=st.data())
def test_operations(case: Case, data: st.DataObject) -> None:
    warnings.simplefilter("ignore", RuntimeWarning)
    backend = data.draw(st.sampled_from(["interpreter", "numpy"]))
    shapes, options = data.draw(case.calls)
    domains = [case.domains[min(k, len(case.domains) - 1)] for k in range(len(shapes))]
    calls = [
        [np.asarray(domain(data.draw, shape)) for domain, shape in zip(domains, shapes, strict=True)] for _ in range(4)
    ]
    wrt = [] if case.flat else case.differentiable(calls[0])
    function = pulled_back(case, options, wrt) if wrt else lambda *a: case.op(*map(Tensor, a), **options)
    compiled = compile(function, backend=backend)
    try:
        for arrays in calls:
            found, expected = compiled(*arrays), function(*arrays)
            # bit for bit; but NumPy multiplies complex scalars, and raises scalars to powers, otherwise than arrays
            assert_agree(found, expected, backend == "interpreter" and all(map(len, shapes)))
    except CaptureError:
        if not any(case.name.startswith(name) for name in REFUSED):
            raise
