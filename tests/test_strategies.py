"""The public strategies: that they draw what they promise, all of it, and what they shrink to."""

from __future__ import annotations

from collections import Counter
from functools import partial

import hypothesis
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import Tensor
from tinygrad_np import functional as F
from tinygrad_np.testing import strategies as gs

#: The simplest example that satisfies a condition, the same one each time.
simplest = partial(hypothesis.find, settings=settings(derandomize=True, database=None, max_examples=1000))


def drawn(strategy, count=300):
    """Several examples of a strategy."""
    found = []

    @settings(derandomize=True, database=None, max_examples=count)
    @given(strategy)
    def collect(example):
        found.append(example)

    collect()
    return found


# --- what they shrink to --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("strategy", "condition", "expected"),
    [
        (gs.arrays(), lambda x: True, 0.0),
        (gs.arrays(), lambda x: x.ndim == 1, [0.0]),
        (gs.arrays(), lambda x: x.size == 0, []),
        (gs.arrays(), lambda x: np.any(x < 0), -1.0),
        (gs.arrays(), lambda x: x.size > 1 and np.any(x > 0.9), [1.0, 0.0]),
        (gs.arrays((2, 3)), lambda x: x[1, 2] != 0, [[0, 0, 0], [0, 0, 1]]),
        (gs.arrays((2, 3)), lambda x: x[0, 1] < 0, [[0, -1, 0], [0, 0, 0]]),
        (gs.arrays((3,), domain=gs.reals(0.4, 2)), lambda x: x[1] > 1.2, [1, 2, 1]),
        (gs.arrays((2,), domain=gs.avoiding([0, 1])), lambda x: True, [-1, -1]),
        (gs.arrays((2,), domain=gs.avoiding([0, 1])), lambda x: x[0] > 0, [2, -1]),
        (gs.arrays((2,), domain=gs.near([3, 5])), lambda x: x[1] > 4, [3, 5]),
        (gs.arrays((4,), domain=gs.separated(0.5)), lambda x: True, [-2, -1, 0, 1]),
        (gs.arrays((2,), domain=gs.integers(-9, 9)), lambda x: x[0] < -3, [-4, 0]),
        (gs.arrays((2,), domain=gs.booleans(), dtype=bool), lambda x: x[0], [True, False]),
        (gs.arrays((2,), domain=gs.extreme()), lambda x: x[0] > 1e10, [2.0**34, 0]),
        (gs.arrays((2,), domain=gs.extreme(finite=False)), lambda x: np.isnan(x).any(), [np.nan, 0]),
        (gs.arrays((), dtype=np.complex128), lambda x: x.imag < 0, -1j),
    ],
)
def test_the_simplest_array(strategy, condition, expected):
    found = simplest(strategy, condition)
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous
    assert found.flags.writeable


def test_a_failing_test_ends_at_the_smallest_tensor_that_tells_the_fault():
    """A mean over all axes instead of the last one: two rows, of which one element is not zero."""
    found = simplest(
        gs.tensors(gs.shapes(min_dims=1)),
        lambda x: x.size and not np.allclose(np.mean(x.detach(), -1), np.mean(x.detach())),
    )
    np.testing.assert_array_equal(found.detach(), [[1.0], [0.0]])


def test_the_layout_shrinks_to_c_and_only_then_the_values():
    strided = simplest(gs.arrays((2, 2)), lambda x: min(x.strides) < 0)
    assert strided.strides == (-16, -8)
    assert not strided.any()


def test_the_report_of_a_failing_test_tells_the_layout():
    @settings(derandomize=True, database=None)
    @given(gs.tensors((2, 3)))
    def needs_c_order(x):
        assert x._data.flags.c_contiguous

    with pytest.raises(AssertionError) as error:
        needs_c_order()
    assert "lies in memory as: Fortran" in "\n".join(error.value.__notes__)


# --- what they draw -------------------------------------------------------------------------------------------------
def test_shapes_are_of_all_kinds():
    found = drawn(gs.shapes())
    assert {len(s) for s in found} == {0, 1, 2, 3}
    assert sum(0 in s for s in found) > 15
    assert sum(1 in s for s in found) > 30
    assert sum(min(s, default=0) > 1 for s in found) > 40
    assert all(0 not in s and len(s) > 1 for s in drawn(gs.shapes(2, min_side=1), 50))


def test_layouts_are_of_all_kinds_and_keep_the_values():
    array = np.arange(24.0).reshape(2, 3, 4)
    seen = Counter()
    for name in drawn(gs.layouts()):
        found = gs.laid_out(array, name)
        assert np.array_equal(found, array)
        assert not np.shares_memory(found, array)
        seen[found.strides, found.flags.writeable] += 1
    c, fortran, transposed = (96, 32, 8), (8, 16, 48), (8, 16, 48)
    assert {(c, True), (c, False), (fortran, True), ((-96, -32, -8), True), ((192, 64, 16), True)} <= set(seen)
    assert transposed
    for name in gs.LAYOUTS:
        for a in (np.array(1.0), np.zeros((0, 2)), np.ones(3)):
            found = gs.laid_out(a, name)
            assert isinstance(found, np.ndarray)
            assert found.shape == a.shape
    assert any(0 in x.strides and x.size > 2 for x in drawn(gs.arrays(layout="broadcast")))
    assert {x.shape for x in drawn(gs.arrays((2, 0, 3), layout="broadcast"), 30)} == {(2, 0, 3)}


def test_values_are_spread_over_the_whole_domain():
    values = np.concatenate([x.ravel() for x in drawn(gs.arrays((3, 3), domain=gs.reals(-1, 3)), 100)])
    assert values.min() >= -1
    assert values.max() <= 3
    shares = np.histogram(values, 8, (-1, 3))[0] / values.size
    assert shares.min() > 0.05
    assert len(np.unique(values)) > values.size / 2
    big = drawn(gs.arrays((60, 60)), 20)[-1]
    assert len(np.unique(big)) > 200, "what is not drawn is picked from what is"


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
def test_extremes_are_of_all_magnitudes(dtype):
    limits = np.finfo(dtype)
    values = np.concatenate([x.ravel() for x in drawn(gs.arrays((27,), dtype=dtype, domain=gs.extreme(dtype)), 150)])
    assert values.dtype == dtype
    assert np.isfinite(values).all()
    sizes = np.abs(values[values != 0]).astype(np.longdouble)
    assert (sizes < limits.tiny).any()
    assert (sizes > float(limits.max) / 4).any()
    assert ((sizes != 1) & (np.abs(sizes - 1) <= limits.eps)).any()
    special = np.concatenate([x.ravel() for x in drawn(gs.arrays((9,), domain=gs.extreme(finite=False)), 100)])
    assert np.isnan(special).any()
    assert (special == -np.inf).any()


@given(gs.away_from([0.0, 1.5], 0.25, low=-1, high=2))
def test_away_from_points(x):
    a = x.detach().numpy()
    assert np.all((np.abs(a) >= 0.25) & (np.abs(a - 1.5) >= 0.25) & (a >= -1) & (a <= 2))


@given(gs.well_separated(0.3))
def test_well_separated(x):
    assert np.diff(np.sort(x.detach().numpy(), None)).min(initial=1) >= 0.3 - 1e-12


@given(gs.arrays(domain=gs.near([1, 4], 0.5)), gs.arrays(domain=gs.integers(-3, 2), dtype=np.int64))
def test_near_points_and_integers(x, k):
    assert np.all(np.minimum(np.abs(x - 1), np.abs(x - 4)) <= 0.5)
    assert k.dtype == np.int64
    assert np.all((k >= -3) & (k <= 2))


def test_a_domain_has_to_hold_something():
    with pytest.raises(ValueError, match=r"no number between -1 and 1 is 2 away from all of \[0\]"):
        gs.avoiding(0, 2, -1, 1)
    for domain in (gs.reals, gs.integers):
        with pytest.raises(ValueError, match="above the upper one: 2 and 1"):
            domain(2, 1)
    with pytest.raises(ValueError, match="from 1 to 65,536 numbers to choose from, not 0"):
        gs.among([])
    assert simplest(gs.arrays((), domain=gs.reals(0.3, 0.3)), lambda x: True) == 0.3


@given(gs.tensors(dtype=gs.dtypes(complex_numbers=True)))
def test_tensors_require_a_gradient_that_has_their_dtype_and_shape(x):
    assert x.requires_grad
    np.sum(np.real(x * x)).backward()
    assert (x.grad.dtype, x.grad.shape) == (x.dtype, x.shape)


@given(gs.broadcastable_tensors(3, domain=[gs.reals(), gs.separated(), gs.avoiding(0, 0.5)]))
def test_broadcastable_tensors(found):
    x, y, z = found
    np.broadcast_shapes(x.shape, y.shape, z.shape)
    assert np.all(np.abs(z) >= 0.5)


def test_aliased_tensors_are_one_memory_in_three_ways():
    kinds = Counter()
    for x, y in drawn(gs.aliased_tensors(shape=st.sampled_from([(2, 3), ()]), layout="C"), 100):
        assert np.shares_memory(x._data, y._data)
        kinds["same" if x is y else "alike" if np.array_equal(x._data, y._data) else "view"] += 1
    assert min(kinds.values()) > 10
    assert len(kinds) == 3
    assert all(x is y for x, y in [simplest(gs.aliased_tensors(), lambda pair: True)])


# --- what is learned ------------------------------------------------------------------------------------------------
@given(gs.logits_and_labels(kind=st.sampled_from(["index", "one_hot", "distribution"])))
def test_logits_and_labels_belong_together(pair):
    z, y = pair
    assert z.ndim > 0
    assert y.shape in (z.shape, z.shape[:-1])
    if y.shape == z.shape:
        np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-15)
        assert y.dtype == z.dtype
    loss = F.softmax_cross_entropy(z, y, "sum" if z.size else "none")
    assert np.isfinite(loss.detach()).all()


def test_logits_are_far_out_if_they_may():
    assert any(np.abs(z.detach()).max(initial=0) > 1000 for z in drawn(gs.logits(), 100))
    assert all(np.abs(z.detach()).max(initial=0) <= 4 for z in drawn(gs.logits(far=False), 100))


@given(gs.positive_definite(dtype=gs.dtypes(half=False, complex_numbers=True)))
def test_positive_definite(a):
    a = a.detach().numpy()
    assert np.array_equal(a, np.conj(a.mT))
    assert np.all(np.linalg.eigvalsh(a) > 0)


@pytest.mark.parametrize(("activation", "margin"), [("relu", 0.2), ("leaky_relu", 0.7), ("tanh", 0.2)])
def test_mlps_keep_away_from_kinks(activation, margin):
    partly = 0
    for model, x in drawn(gs.mlps(activations=[activation], margin=margin), 100):
        hidden = Tensor(x)
        for layer, function in zip(model.layers, model.activations, strict=False):
            sums = layer(hidden)
            if activation != "tanh":
                assert np.abs(sums).min() >= margin - 1e-12
            partly += np.any(np.any(sums > 0, 0) & np.any(sums < 0, 0))
            hidden = function(sums)
        model(x).sum().backward()
        assert all(p.grad.shape == p.shape for p in model.parameters())
    assert margin > 0.5 or partly > 5, "some units are active for some of the inputs only"
