"""Slopes that know their error, and the order of the Taylor remainder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np.testing.convergence import taylor_remainder
from tinygrad_np.testing.elements import inner
from tinygrad_np.testing.slopes import QUICK, THOROUGH, Line, differences, random_direction, scales

FUNCTIONS = {
    "exp": (np.exp, np.exp, 0.7),
    "steep": (lambda x: np.exp(300 * x), lambda x: 300 * np.exp(300 * x), 0.3),
    "near a pole": (np.log, lambda x: 1 / x, 1e-7),
    "wavy": (lambda x: np.sin(1e4 * x), lambda x: 1e4 * np.cos(1e4 * x), 0.5),
    "large offset": (lambda x: 1e8 + np.sin(x), np.cos, 0.3),
    "cancellation": (lambda x: (1 - np.cos(x)) / x**2, lambda x: np.sin(x) / x**2 - 2 * (1 - np.cos(x)) / x**3, 1e-3),
    "tiny": (lambda x: 1e-200 * x**3, lambda x: 3e-200 * x**2, 2.0),
    "linear": (lambda x: 3 * x - 1, lambda x: 3 + 0 * x, 0.1),
    "single precision inside": (lambda x: np.tanh(x.astype(np.float32)), lambda x: 1 - np.tanh(x) ** 2, 0.4),
}


def line(function, x, weights=None):
    x = np.asarray(x)
    return Line(lambda at: [function(at[0])], [x], [scales(x)], weights)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_error_is_known(name):
    """The estimate is right to within a few of the errors that it claims, and these are small where they can be."""
    function, derivative, x = FUNCTIONS[name]
    found = line(function, x).slope(THOROUGH)
    expected = derivative(np.asarray(x)) * scales(np.asarray(x))
    assert abs(found.value - expected) <= 8 * found.error
    accuracy = {"large offset": 1e-5, "cancellation": 0.1, "single precision inside": 1e-4, "wavy": 1e-7}
    assert found.error <= accuracy.get(name, 1e-9) * abs(expected)


@given(st.integers(0, 2**32 - 1))
def test_the_error_is_known_for_random_polynomials(seed):
    rng = np.random.default_rng(seed)
    p = np.polynomial.Polynomial(rng.normal(size=6))
    x = rng.normal()
    for steps in (QUICK, THOROUGH):
        found = line(p, x).slope(steps)
        assert abs(found.value - p.deriv()(x) * scales(np.asarray(x))) <= 4 * found.error


def test_a_jump_of_the_slope():
    kinked = line(lambda x: np.abs(x - 1) + 2 * x, 1.0)
    assert kinked.slope(THOROUGH).value == pytest.approx(2)
    assert kinked.jump(THOROUGH).value == pytest.approx(2)
    smooth = line(np.exp, 1.0).jump(THOROUGH)
    assert abs(smooth.value) <= 4 * smooth.error < 1e-6


def test_what_cannot_be_compared_has_no_slope():
    """At the edge of a domain, and where the shape depends on the values."""
    with np.errstate(all="ignore"):
        assert line(np.log, 0.0).slope(THOROUGH).error == np.inf
    ragged = Line(lambda at: [at[0][at[0] >= 1]], [np.array([0.5, 1.0])], [np.ones(2)])
    assert ragged.slope(QUICK).error == np.inf


def test_derivatives_by_complex_numbers():
    z, w = np.array([1 + 2j, 0.5 - 1j]), np.array([0.7, -0.4, 1.0, 0.3])  # the cotangents, as pairs of reals
    c = w[::2] + 1j * w[1::2]
    found = differences(lambda at: [at[0] ** 2], [z], 0, (1,), w)
    assert found.value == pytest.approx(c[1] * np.conj(2 * z[1]))


def test_direction():
    x, z = np.array([0.0, np.nan, 3e5, -2e-5]), np.array(1e-3 + 1e-3j)
    v, u = random_direction([x, z], np.random.default_rng(0))
    assert v[1] == 0
    assert np.all(v[[0, 2, 3]] != 0)
    assert 0.1 < abs(v[2]) / 3e5 < 1
    assert 1e-4 < abs(u) < 2e-3
    large = np.random.default_rng(0).normal(size=100_000)
    (v,) = random_direction([large], np.random.default_rng(0))
    assert 0.3 < np.linalg.norm(v) < 2  # all of them together move by about one
    assert inner([np.array([1.0, np.nan])], [np.array([2.0, 0.0])]) == 2


# --- the Taylor remainder -----------------------------------------------------------------------------------------
STEPS = [2.0**-k for k in range(3, 16)]


@pytest.mark.parametrize(
    ("slope", "curvature", "order"), [(1.0, 0.0, 2), (1.0, 1.0, 3), (1.01, 0.0, 1), (0.99, 1.0, 1), (1.0, 1.1, 2)]
)
def test_order_of_the_remainder(slope, curvature, order):
    weighted = Line(lambda at: [np.exp(at[0])], [np.array(0.0)], [np.array(1.0)], np.ones(1))
    found = taylor_remainder(weighted, slope, STEPS, curvature)
    assert found.order == pytest.approx(order, abs=0.1)
    assert str(found) == f"h^{found.order:.1f}"


def test_the_floor_of_rounding():
    weighted = Line(lambda at: [3 * at[0] + 100], [np.array(1.0)], [np.array(1.0)], np.ones(1))
    assert taylor_remainder(weighted, 3.0, STEPS).order is None
    assert taylor_remainder(weighted, 3.0 + 1e-14, STEPS).order is None
    assert taylor_remainder(weighted, 3.1, STEPS).order == pytest.approx(1)
    assert taylor_remainder(weighted, 3.1, STEPS, uncertainty=0.2).order is None
