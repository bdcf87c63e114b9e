"""Real faults: each is caught and classified, and the same functions with right gradients raise no alarm."""

from __future__ import annotations

import numpy as np
import pytest
from faults import FAULTS
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np.testing import GradientError, check_gradients
from tinygrad_np.testing.diagnosis import MISTAKES, diagnose_shape

every = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=max(2, settings().max_examples // 10))
#: Of a factor of 2, nobody can tell whether it is an axis of length 2.
ALIKE = {"1/N": {"1/N", "factor"}}


@every
@few
@given(data=st.data(), seed=seeds)
def test_faults_are_caught_and_classified(fault, data, seed):
    inputs = data.draw(fault.inputs)
    how = {"rng": seed, "at_kinks": "interval" if fault.kink else "move"}
    with pytest.raises(GradientError) as error:
        check_gradients((fault.value, fault.wrong), *inputs, **how)
    assert error.value.report.mistake in ALIKE.get(fault.mistake, {fault.mistake}), error.value
    assert error.value.report.mistake in MISTAKES


@every
@few
@given(data=st.data(), seed=seeds)
def test_no_alarm_at_right_gradients(fault, data, seed):
    inputs = data.draw(fault.inputs)
    how = {"rng": seed, "at_kinks": "interval" if fault.kink else "move"}
    mode = data.draw(st.sampled_from(["fast", "full"]))
    assert check_gradients((fault.value, fault.right), *inputs, mode=mode, **how).passed
    if fault.engine:
        reference = (fault.value, fault.right)
        assert check_gradients(fault.value, *inputs, reference=reference, mode=mode, **how).passed


# --- classes that are told apart --------------------------------------------------------------------------------------
RNG = np.random.default_rng(0)
A, B, SQUARE = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=(3, 3))


@pytest.mark.parametrize(
    ("mistake", "words", "value", "wrong", "inputs"),
    [
        ("sign", "minus", np.exp, lambda g, x: -g * np.exp(x), (A,)),
        ("factor", "0.5 times", np.square, lambda g, x: g * x, (A,)),
        ("1/N", "divide by it", np.mean, lambda g, x: g * np.ones_like(x), (A,)),
        ("1/N", "do not divide", np.sum, lambda g, x: g * np.ones_like(x) / 4, (A,)),
        ("transpose", "axes", lambda x: x.T * 2, lambda g, x: 2 * g, (SQUARE,)),
        ("transpose", "'y' is to be transposed", lambda x, y: x @ y,
         lambda g, x, y: (g @ y, x.T @ g), (SQUARE, SQUARE + 1)),
        ("swapped arguments", "'x' and argument 1 'y'", lambda x, y: x**2 * y,
         lambda g, x, y: (g * x**2, g * 2 * x * y), (A, B)),
        ("missing factor", "1 / (1 - the result**2)", np.tanh, lambda g, x: g, (A,)),
        ("missing factor", "expected is x", lambda x: x**2 / 2, lambda g, x: g * x * x, (A,)),
        ("missing term", "only the diagonal", lambda x: x * np.sum(x), lambda g, x: g * (np.sum(x) + x), (A[0],)),
        ("missing term", "goes through", lambda x: x * np.sin(x), lambda g, x: g * np.sin(x), (A,)),
        ("missing accumulation", "used several times", lambda x: x * B + x * A, lambda g, x: g * B, (A,)),
        ("missing accumulation", "np.add.at", lambda x, i: x[i],
         lambda g, x, i: np.bincount(i[1:], g[1:], len(x)), (A[0], np.array([1, 1, 2]))),
        ("input ignored", "zero or None", lambda x, y: x * y, lambda g, x, y: (g * y, None), (A, B)),
        ("result ignored", "result 1", lambda x: (np.sin(x), np.cos(x)), lambda g, x: g[0] * np.cos(x), (A,)),
        ("conjugate", "conjugated", lambda z: z**3, lambda g, z: g * 3 * z**2, (A + 1j * B,)),
        ("wrong axis", "should keep", lambda x: x * 2.0, lambda g, x: np.full_like(x, 2 * np.sum(g)), (A,)),
        ("permuted", "wrong places", lambda x: 3.0 * x, lambda g, x: 3 * g[::-1, ::-1], (A,)),
        ("unknown", "no simple change", lambda x: np.sin(x), lambda g, x: g * np.cos(x + 0.1), (A,)),
    ],
)  # fmt: skip
def test_classes(mistake, words, value, wrong, inputs):
    with pytest.raises(GradientError) as error:
        check_gradients((value, wrong), *inputs)
    assert error.value.report.mistake == mistake, error.value
    assert words in error.value.report.guess.text


def test_large_arguments_are_looked_at_here_and_there():
    """One wrong element among 10,000: found by halving."""
    x = RNG.normal(size=(100, 100))
    for factor in (3.0, 0.0):  # a large gradient is looked at, a missing one has to be searched for
        bump = np.ones_like(x)
        bump[47, 11] = factor
        with pytest.raises(GradientError) as error:
            check_gradients((np.exp, lambda g, x, bump=bump: g * np.exp(x) * bump), x)
        assert [d.element for d in error.value.report.disagreements] == [(47, 11)]
    with pytest.raises(GradientError) as error:
        check_gradients((np.exp, lambda g, x: -g * np.exp(x)), x)
    assert error.value.report.mistake == "sign"


def test_shapes():
    right = RNG.normal(size=(1, 4))
    assert diagnose_shape(np.stack([right / 2, right / 2]), right).kind == "broadcast not summed"
    assert diagnose_shape(np.concatenate([right, 0 * right]), right).kind == "broadcast not summed"
    assert diagnose_shape(np.concatenate([right, right]), right).kind == "shape"
    assert diagnose_shape(right.T, right).kind == "transpose"
    assert diagnose_shape(right[0], right).kind == "shape"
