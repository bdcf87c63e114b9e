"""Real faults: the right gradients are right, the wrong ones wrong, and ``check_gradients`` knows which is which."""

from __future__ import annotations

import numpy as np
import pytest
from faults import FAULTS
from faults.slopes import central_differences, cotangent, one_sided, paired
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import vjp
from tinygrad_np.testing import GradientError, check_gradients

every = pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
seeds = st.integers(0, 2**32 - 1)
_often = settings.default.max_examples
some, few = (settings(max_examples=_often if _often >= 1000 else _often // n) for n in (3, 6))  # at night, all of them


def other(seed):
    """A generator of other numbers than the inputs are made of, should both have the same seed."""
    return np.random.default_rng([seed, 1])


def size(gradients):
    """The largest element of all of them."""
    return max(np.abs(x).max(initial=0) for x in gradients if x is not None)


def furthest(found, expected):
    """The largest difference of two gradients, infinite where one is not finite or has another shape."""
    errors = [0.0]
    for f, e in zip(found, expected, strict=True):
        if e is None:
            continue
        if np.shape(f) != e.shape:
            return np.inf
        error = np.abs(f - e)
        errors.append(np.where(np.isfinite(error), error, np.inf).max(initial=0))
    return max(errors)


@every
@few
@given(data=st.data(), seed=seeds)
def test_right_gradients_are_right(fault, data, seed):
    inputs = data.draw(fault.inputs)
    rng = other(seed)
    g = cotangent(fault, inputs, rng)
    right = fault.right(g, *inputs)
    for x, gradient in zip(inputs, right, strict=True):
        assert gradient is None or (gradient.dtype, gradient.shape) == (x.dtype, x.shape)
    if not fault.kink:
        expected = central_differences(fault, g, inputs)
        precision = 1e-5 if any(x.dtype == np.float32 for x in inputs) else 1e-8
        assert furthest(right, expected) <= precision * max(size(expected), 1e-5 * size([g]))
        return
    for v in directions(inputs, rng):
        low, high = sorted(one_sided(fault, g, inputs, v))
        assert low - 1e-5 <= slope(right, v) <= high + 1e-5


def directions(inputs, rng):
    """Some random ones, and that of 1 everywhere, which keeps ties."""
    ones = [np.ones_like(x) for x in inputs]
    return [ones, *([rng.standard_normal(x.shape).astype(x.dtype) for x in inputs] for _ in range(5))]


def slope(gradients, direction):
    return sum(paired(d, v) for d, v in zip(gradients, direction, strict=True) if d is not None)


@every
@few
@given(data=st.data(), seed=seeds)
def test_wrong_gradients_are_wrong(fault, data, seed):
    inputs = data.draw(fault.inputs)
    rng = other(seed)
    g = cotangent(fault, inputs, rng)
    right = fault.right(g, *inputs)
    wrong = fault.wrong(g, *inputs)
    if fault.differs:
        assert furthest(wrong, right) > 1e-4 * size(right)
    else:
        assert furthest(wrong, right) == 0


@pytest.mark.parametrize("fault", [f for f in FAULTS.values() if f.engine], ids=lambda fault: fault.name)
@few
@given(data=st.data(), seed=seeds)
def test_the_engine_agrees(fault, data, seed):
    inputs = data.draw(fault.inputs)
    g = cotangent(fault, inputs, other(seed))
    floating = [i for i, x in enumerate(inputs) if x.dtype.kind in "fc"]

    def f(*variables):
        arguments = list(inputs)
        for i, variable in zip(floating, variables, strict=True):
            arguments[i] = variable
        return fault.value(*arguments)

    _, pull_back = vjp(f, *(inputs[i] for i in floating))
    found = iter(pull_back(g))
    found = [next(found).numpy() if i in floating else None for i in range(len(inputs))]
    right = fault.right(g, *inputs)
    assert furthest(found, right) <= (1e-5 if inputs[0].dtype == np.float32 else 1e-10) * max(
        size(right), 1e-5 * size([g])
    )


@every
@some
@given(data=st.data(), seed=seeds, mode=st.sampled_from(["fast", "full"]))
def test_no_right_gradient_is_called_wrong(fault, data, seed, mode):
    inputs = data.draw(fault.inputs)
    report = check_gradients((fault.value, fault.right), *inputs, mode=mode, rng=seed)
    assert report.passed


@every
@few
@given(data=st.data(), seed=seeds, mode=st.sampled_from(["fast", "full"]))
def test_every_wrong_gradient_is_caught_and_classified(fault, data, seed, mode):
    inputs = data.draw(fault.inputs)
    with pytest.raises(GradientError) as error:
        check_gradients((fault.value, fault.wrong), *inputs, mode=mode, rng=seed)
    assert error.value.report.mistake == fault.mistake
