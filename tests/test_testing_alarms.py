"""No false alarms: all operations of the table, at inputs of all kinds, as compositions and with formulas."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import CASES

from tinygrad_np.testing import check_gradients

#: A determinant that holds for matrices of rank 1 only: along no direction are there any others.
ROWS = [case for case in CASES if not case.flat and case.name != "det_of_rank_1"]


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
@settings(max_examples=max(1, settings().max_examples // 20))
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_no_alarm_at_operations(case, data, seed):
    arrays, options = data.draw(case.examples())
    try:
        case.reference(*arrays, **options)
    except (TypeError, ValueError, IndexError):
        return  # NumPy does not do it, either
    wrt = case.differentiable(arrays)
    small = sum(arrays[i].size for i in wrt) <= 20
    mode = data.draw(st.sampled_from(["fast", "fast", "fast", "full"])) if small else "fast"
    assert check_gradients(lambda *a: case.op(*a, **options), *arrays, wrt=wrt, mode=mode, rng=seed).passed


@given(st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_no_alarm_at_networks(seed, dtype):
    """Whose kinks are everywhere."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, 4)
    weights = [rng.normal(size=shape).astype(dtype) for shape in pairwise(sizes)]
    x = rng.normal(size=(rng.integers(1, 5), sizes[0])).astype(dtype)

    def network(weights, x):
        for w in weights:
            x = np.maximum(x @ w, 0) + np.abs(x @ w) / 4
        return np.sum(np.tanh(x))

    assert check_gradients(network, weights, x, rng=seed).passed


@given(st.integers(0, 2**32 - 1))
def test_no_alarm_at_extreme_sizes(seed):
    """Arguments of very different magnitudes, and results far from 1."""
    rng = np.random.default_rng(seed)
    a, b, c = (10.0 ** rng.integers(-12, 12) * rng.normal(size=3) for _ in range(3))
    assert check_gradients(lambda a, b, c: a * b / c + a, a, b, c, rng=seed).passed
    assert check_gradients(lambda a, b, c: np.hypot(a, b) * np.cbrt(c), a, b, c, rng=seed).passed
