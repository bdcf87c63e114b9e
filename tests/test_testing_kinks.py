"""Kinks: how far they are, whether a step crosses one, and what a gradient may be at one."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import functional as F
from tinygrad_np import primitive
from tinygrad_np.testing import GradientError, KinkError, check_gradients
from tinygrad_np.testing.calls import Call
from tinygrad_np.testing.functions import engine
from tinygrad_np.testing.kinks import crosses_no_kink, moved, outside_of_interval, smallest, steps_of

KINKED = np.array([0.0, 1.0, -2.0])
TIED = np.array([1.0, 3.0, 3.0, 2.0])


def max_rule(shares):
    return (np.max, lambda g, x: g * shares(x == np.max(x)))


EQUAL, FIRST, ALL = (
    max_rule(lambda tied: tied / np.sum(tied)),
    max_rule(lambda tied: np.eye(len(tied))[np.argmax(tied)]),
    max_rule(lambda tied: tied * 1.0),
)


@pytest.mark.parametrize("seed", range(20))
def test_at_a_kink_a_gradient_lies_between_the_slopes_around(seed):
    """Whatever the choice; but shares that add up to two are none."""
    for at_kinks in ("move", "interval"):
        for right in (EQUAL, FIRST):
            assert check_gradients(right, TIED, at_kinks=at_kinks, rng=seed).passed
        with pytest.raises(GradientError) as error:
            check_gradients(ALL, TIED, at_kinks=at_kinks, rng=seed)
        assert error.value.report.mistake == "tie"
        assert {d.element for d in error.value.report.disagreements} == {(1,), (2,)}
    assert check_gradients(ALL, [1.0, 3.0, 3.1]).passed
    for choice in (0.0, 1.0, -1.0, 0.3):
        pair = (np.abs, lambda g, x, choice=choice: g * np.where(x == 0, choice, np.sign(x)))
        assert check_gradients(pair, KINKED, rng=seed).passed
    with pytest.raises(GradientError):
        check_gradients((np.abs, lambda g, x: g * np.where(x == 0, 2.5, np.sign(x))), KINKED, rng=seed)


def test_move_tests_the_gradient_nearby_too():
    """At the kink itself, anything between -1 and 1 is right."""
    pair = (np.abs, lambda g, x: g * np.sign(x) * 0.5)
    assert check_gradients(pair, [0.0], at_kinks="interval").passed
    with pytest.raises(GradientError) as error:
        check_gradients(pair, [0.0])
    assert error.value.report.mistake == "factor"
    assert any("a point nearby was tested" in note for note in error.value.report.notes)


def test_reject():
    with pytest.raises(KinkError, match="the slope jumps") as error:
        check_gradients(np.abs, KINKED, at_kinks="reject")
    assert error.value.report.margin.distance == 0
    assert error.value.report.margin.operation == "absolute"
    with pytest.raises(KinkError, match="the value is not finite"):
        check_gradients(np.log, [0.0, 1.0], at_kinks="reject")
    assert check_gradients(np.abs, [1e-3, 1.0], at_kinks="reject").passed


def test_poles():
    """Of an infinite value, or slope, nothing can be tested; a little further on it can."""
    for function in (np.log, np.sqrt, np.reciprocal):
        report = check_gradients(function, [0.0, 1.0])
        assert any("a point nearby" in note for note in report.notes)
    with pytest.raises(KinkError, match="nowhere near this point"):
        check_gradients(np.log, [-1.0])
    nan = (lambda x: np.sqrt(np.sum(x * x)), lambda g, x: g * x / np.sqrt(np.sum(x * x)))
    with pytest.raises(GradientError) as error:
        check_gradients(nan, np.zeros(3))
    assert error.value.report.mistake == "singular point"
    assert check_gradients(nan, np.ones(3)).passed


def test_the_smallest_margin_of_all_steps():
    """Inner ones, too: the result of this function is nowhere near 0."""

    def function(x):
        inner = np.abs(np.sin(x) - 0.5)  # margin 0.02 at x = 0.5
        return np.exp(inner) + np.abs(x + 10)

    report = check_gradients(function, [0.5])
    assert report.margin.distance == pytest.approx(0.5 - np.sin(0.5))
    assert report.margin.operation == "absolute"
    assert report.margin.where.file == __file__
    assert f"{report.margin.distance:.1g} away, of absolute" in str(report)


def call_of(function, *inputs):
    return Call(engine(function), [np.asarray(x) for x in inputs])


def test_the_certificate():
    call = call_of(lambda x: np.sum(np.abs(2 * x)), [1.0, -1.0])
    at = call.at
    assert smallest(steps_of(call, at)).distance == 2
    assert crosses_no_kink(call, at, [x * 1.5 for x in at])
    assert crosses_no_kink(call, at, [x * 0.5 for x in at])
    assert not crosses_no_kink(call, at, [np.array([1.0, 1.0])])
    assert not crosses_no_kink(call, at, [np.array([-0.1, -1.0])])
    branch = call_of(lambda x: np.abs(x) if x > 0 else np.exp(x), 0.5)
    assert not crosses_no_kink(branch, branch.at, [np.array(-0.1)])  # another way through the code


def test_kinks_that_cancel_are_no_alarm():
    """This is x, smooth at 0, but the two have to choose; that each choice is sound is all that can be asked."""
    report = check_gradients(lambda x: F.relu(x) - F.relu(-x), KINKED)
    assert "an operation inside is at a kink" in report.notes[0]

    @primitive(x=lambda g, x: g * np.where(x == 0, 5.0, np.sign(x)), kink=lambda x: np.abs(x))
    def wrong_at_0(x):
        return np.abs(x)

    with pytest.raises(GradientError) as error:
        check_gradients(lambda x: wrong_at_0(x) + np.abs(x), KINKED)
    assert error.value.report.location.operation == "wrong_at_0"
    assert error.value.report.mistake == "tie"


def test_moved_points():
    rng = np.random.default_rng(0)
    x = np.array([0.0, 0.0, 100.0], np.float32)
    for attempt in range(8):
        (y,) = moved([x], rng, attempt)
        assert y.dtype == np.float32
        assert np.all(y != x)
        assert np.all(np.abs(y - x) <= 0.1 * np.array([10, 10, 128]))
    assert np.all(moved([x], rng, 1)[0] > x)
    assert np.all(moved([x], rng, 2)[0] < x)


def test_intervals_of_many_kinks_at_once():
    """A hundred relus at 0, with coefficients of both signs, each of which may choose."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=100)
    for choice in (0.0, 0.5, 1.0):
        value = lambda at: [np.maximum(at[0], 0)]  # noqa: E731
        assert outside_of_interval(value, [np.zeros(100)], a, [choice * a], rng) is None
    assert outside_of_interval(value, [np.zeros(100)], a, [4 * a], rng) is not None
