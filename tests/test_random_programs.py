"""Gradients of random programs: recorded, compiled, by complex steps, by PyTorch, and their derivatives in turn.

``HYPOTHESIS_PROFILE=nightly pytest tests/test_random_programs.py`` runs 100,000 programs.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_programs import NEAR, Program, Torch, complex_step, long_programs, on_tensors, programs

from tinygrad_np import Tensor, compile, hvp, jvp, value_and_grad

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
patient = {"deadline": None, "suppress_health_check": list(HealthCheck)}


def many(nightly: int, otherwise: int) -> settings:
    return settings(max_examples=nightly if NIGHTLY else otherwise, **patient)


def direction(program: Program) -> list[np.ndarray]:
    return [np.cos(np.arange(x.size) + i).reshape(x.shape) for i, x in enumerate(program.inputs)]


def recorded(program: Program) -> tuple[float, list[np.ndarray]]:
    """The result and the gradient by ``backward()``."""
    inputs = [Tensor(x, requires_grad=True) for x in program.inputs]
    out = on_tensors(program)(*inputs)
    out.backward()
    return out.item(), [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in inputs]


def inner(gradients: list[np.ndarray], along: list[np.ndarray]) -> float:
    return float(sum(np.sum(g * v) for g, v in zip(gradients, along, strict=True)))


def check_first_derivative(program: Program) -> None:
    along = direction(program)
    value, slope, margin = complex_step(program, program.inputs, along)
    assume(margin > NEAR)
    out, gradients = recorded(program)
    assert out == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert inner(gradients, along) == pytest.approx(slope, rel=1e-8, abs=1e-8)


@many(82_000, 150)
@given(programs)
def test_gradients_are_those_of_complex_steps(program):
    check_first_derivative(program)


@many(4_000, 15)
@given(long_programs)
def test_up_to_two_hundred_operations(program):
    check_first_derivative(program)


@many(6_000, 40)
@given(programs)
def test_derivatives_of_derivatives(program):
    program = program.without_cuts()
    along, h = direction(program), 1e-6
    assume(complex_step(program, program.inputs, along)[2] > 1e-3)
    function, n = on_tensors(program), len(program.inputs)

    def gradient_along(*inputs):
        _, gradients = value_and_grad(function, argnums=tuple(range(n)))(*inputs)
        return sum(np.sum(g * v) for g, v in zip(gradients, along, strict=True))

    slopes = [
        complex_step(program, [x + t * v for x, v in zip(program.inputs, along, strict=True)], along)[1]
        for t in (h, -h)
    ]
    _, second = jvp(gradient_along, tuple(program.inputs), tuple(along))
    assert second.item() == pytest.approx((slopes[0] - slopes[1]) / (2 * h), rel=1e-4, abs=1e-4)
    if n == 1:
        (product,) = hvp(function, (program.inputs[0],), (along[0],))
        assert inner([product.numpy()], along) == pytest.approx(second.item(), rel=1e-9, abs=1e-9)


@many(6_000, 25)
@given(programs, st.integers(0, 9))
def test_compiled_is_recorded(program, seed):
    function = compile(value_and_grad(on_tensors(program), argnums=tuple(range(len(program.inputs)))))
    rng = np.random.default_rng(seed)
    for inputs in (program.inputs, program.inputs, [x + rng.uniform(-0.1, 0.1, x.shape) for x in program.inputs]):
        moved = Program(inputs, program.instructions)
        assume(complex_step(moved, inputs, direction(moved))[2] > NEAR)
        value, gradients = function(*inputs)
        out, expected = recorded(moved)
        assert value.item() == pytest.approx(out, rel=1e-11, abs=1e-11)
        for g, e in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(g.numpy(), e, rtol=1e-9, atol=1e-9)


@many(2_000, 60)
@given(programs)
def test_pytorch_agrees(program):
    torch = pytest.importorskip("torch")
    assume(complex_step(program, program.inputs, direction(program))[2] > NEAR)
    inputs = [torch.tensor(x, requires_grad=True) for x in program.inputs]
    total = program.run(Torch(torch), inputs)
    found = torch.autograd.grad(total, inputs, allow_unused=True) if total.requires_grad else [None] * len(inputs)
    out, gradients = recorded(program)
    assert total.item() == pytest.approx(out, rel=1e-10, abs=1e-10)
    for g, t in zip(gradients, found, strict=True):
        np.testing.assert_allclose(g, 0 * g if t is None else t.numpy(), rtol=1e-8, atol=1e-9)


# --- what they have found -------------------------------------------------------------------------------------------
def test_writing_into_what_has_no_axes():
    """``t[...] = u`` of arrays without axes: the cotangent is a NumPy scalar, which cannot be written to."""
    x = Tensor(np.array([0.5, 2.0]), requires_grad=True)
    total, square = np.sum(x), np.sum(x * x)
    square[...] = total
    (3 * square + total).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [4.0, 4.0])
