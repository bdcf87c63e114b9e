"""Each pass of the compiler alone: it keeps what a program computes, and it does what it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Builder, chain, classifier, networks, programs, tiny

from tinygrad_np.compiler.interpret import interpret
from tinygrad_np.compiler.passes.algebra import simplified
from tinygrad_np.compiler.passes.biases import with_biases_in_products
from tinygrad_np.compiler.passes.canonical import in_canonical_form
from tinygrad_np.compiler.passes.casts import with_casts_apart
from tinygrad_np.compiler.passes.common import without_repetitions
from tinygrad_np.compiler.passes.dead_code import without_dead_code
from tinygrad_np.compiler.passes.factors import with_factors_gathered
from tinygrad_np.compiler.passes.flat import join, with_flat_updates
from tinygrad_np.compiler.passes.folding import with_constants_folded
from tinygrad_np.compiler.passes.selection import with_bits_selected
from tinygrad_np.compiler.passes.sums import with_sums_as_products
from tinygrad_np.compiler.plan import build
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands

Pass = Callable[[Program], Program]
EXACT: list[Pass] = [
    in_canonical_form, without_dead_code, without_repetitions, with_constants_folded, with_casts_apart,
    with_flat_updates,
]  # fmt: skip
ROUNDED: list[Pass] = [simplified, with_factors_gathered, with_sums_as_products, with_biases_in_products]


def outcome(program: Program, built: Builder) -> list[Any]:
    with np.errstate(all="ignore"):
        results, state = interpret(program, *built.given())
    return [*results, *state]


@given(programs(), st.sampled_from([*EXACT, *ROUNDED]))
def test_a_pass_keeps_what_is_computed(built: Builder, apply: Pass) -> None:
    program = in_canonical_form(built.program)
    before, size = outcome(built.program, built), len(program.steps)
    rewritten = apply(program)
    assert len(program.steps) == size  # the program that it was given is as it was
    for a, b in zip(before, outcome(rewritten, built), strict=True):
        assert (np.shape(a), a.dtype) == (np.shape(b), b.dtype)
        if apply in EXACT:
            np.testing.assert_array_equal(a, b, strict=True)
        else:
            np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-11)


@settings(max_examples=40)
@given(networks())
def test_networks_with_biases_in_products(built: Builder) -> None:
    before = outcome(built.program, built)
    rewritten = with_biases_in_products(with_flat_updates(in_canonical_form(built.program)))
    plan = build(built.program)
    inputs, state = built.given()
    for found in (outcome(rewritten, built), [a for part in plan(inputs, state) for a in part]):
        for a, b in zip(before, found, strict=True):
            assert (np.shape(a), a.dtype) == (np.shape(b), b.dtype)
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


def test_biases_become_part_of_products() -> None:
    program = build(tiny().program).program
    biases = {state for state in program.state if len(state.shape) == 1}
    products = [step for step in program.steps if step.function is np.matmul]
    readers = {step.function for step in program.steps if biases.intersection(operands(step))}
    assert readers == {join}
    assert len(products) == 3 + 3 + 2 + 1  # forward, gradients of the parameters, those of the layers, the loss
    small, large = (build(classifier([100, 16, 10], batch).program) for batch in (8, 2048))
    assert sum(step.function is join and len(step.args) == 2 for step in small.program.steps) == 2  # W2 and b2, h and 1
    assert sum(step.function is join and len(step.args) == 2 for step in large.program.steps) == 0


def calls(program: Program) -> Counter[str]:
    """How often each function is called."""
    names = (getattr(step.function, "__self__", step.function) for step in program.steps)
    return Counter(getattr(name, "__name__", str(name)) for name in names)


X = np.linspace(-2, 2, 12).reshape(3, 4)


def applied(write: Callable[[Builder, Value], Value], *passes: Pass) -> Counter[str]:
    """What is left of a function of one array after some passes."""
    build = Builder()
    build.program.results = [write(build, build.input(X, "x"))]
    program = build.program
    for each in [*passes, without_dead_code]:
        program = each(program)
    np.testing.assert_allclose(interpret(program, [X], [])[0][0], interpret(build.program, [X], [])[0][0], rtol=1e-12)
    return calls(program)


@pytest.mark.parametrize("write", [
    lambda b, x: b(np.multiply, x, 1),
    lambda b, x: b(np.multiply, 1.0, x),
    lambda b, x: b(np.divide, b(np.add, x, 0), 1),
    lambda b, x: b(np.subtract, b(np.positive, x), 0),
    lambda b, x: b(np.negative, b(np.negative, x)),
    lambda b, x: b(np.transpose, b(np.transpose, x, (1, 0)), (1, 0)),
    lambda b, x: b(np.reshape, b(np.reshape, x, (12,)), (3, 4)),
    lambda b, x: b(np.ndarray.astype, x, np.dtype(float)),
    lambda b, x: b(np.add.reduce, x, axis=(), keepdims=False),
    lambda b, x: b(np.broadcast_to, x, (3, 4)),
])  # fmt: skip
def test_what_changes_nothing_is_left_out(write: Any) -> None:
    assert not applied(write, simplified, simplified, simplified)


def test_signs_merge() -> None:
    assert applied(lambda b, x: b(np.add, x, b(np.negative, b(np.tanh, x))), simplified) == {"tanh": 1, "subtract": 1}
    assert applied(lambda b, x: b(np.subtract, 0, x), simplified) == {"negative": 1}


def test_operations_are_done_before_broadcasting() -> None:
    def write(b: Builder, x: Value) -> Value:
        return b(np.exp, b(np.tanh, b(np.broadcast_to, b(np.add.reduce, x, axis=0), (3, 4))))

    build = Builder()
    build.program.results = [write(build, build.input(X))]
    program = simplified(in_canonical_form(build.program))
    assert next(step.shape for step in program.steps if step.function is np.exp) == (4,)


def test_a_broadcast_sum_is_a_product() -> None:
    left = applied(
        lambda b, x: b(np.add.reduce, b(np.broadcast_to, x, (5, 3, 4)), axis=0), in_canonical_form, simplified
    )
    assert left["add"] == 0
    assert left["multiply"] == 1


def test_repetitions_and_dead_code() -> None:
    def write(b: Builder, x: Value) -> Value:
        b(np.exp, x)
        return b(np.add, b(np.tanh, x), b(np.tanh, x))

    assert applied(write, without_repetitions) == {"tanh": 1, "add": 1}


def test_random_draws_are_neither_left_out_nor_merged() -> None:
    rng, build = np.random.default_rng(0), Builder()
    build(rng.random, 3)
    a, b = build(rng.random, 3), build(rng.random, 3)
    build.program.results = [build(np.add, a, b)]
    program = without_dead_code(without_repetitions(with_constants_folded(build.program)))
    assert len(program.steps) == 4


def test_constants_fold() -> None:
    def write(b: Builder, x: Value) -> Value:
        ones = b(np.broadcast_to, b(np.divide, b(np.ones, ()), 4), (3, 4))
        return b(np.multiply, x, b(np.add, ones, ones))

    assert applied(write, with_constants_folded, simplified, with_constants_folded) == {"multiply": 1}


def test_factors_wait_for_the_sum() -> None:
    def write(b: Builder, x: Value) -> Value:
        return b(np.add.reduce, b(np.multiply, b(np.multiply, b(np.tanh, x), 0.5), x), axis=(0, 1), keepdims=False)

    build = Builder()
    build.program.results = [write(build, build.input(X))]
    program = without_dead_code(with_factors_gathered(build.program))
    assert program.steps[-1].function is np.multiply
    assert program.steps[-1].shape == ()
    assert len(program.steps) == 4


def test_factors_do_not_grow() -> None:
    def write(b: Builder, x: Value) -> Value:
        return b(np.matmul, b(np.transpose, x, (1, 0)), b(np.multiply, x, 0.5))  # (4, 4) has more elements than (3, 4)

    build = Builder()
    build.program.results = [write(build, build.input(X))]
    assert without_dead_code(with_factors_gathered(build.program)).steps[-1].function is np.matmul


def test_sums_over_the_batch_are_products() -> None:
    left = applied(lambda b, x: b(np.add.reduce, x, axis=0), in_canonical_form, with_sums_as_products)
    assert left == {"matmul": 1}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_all_parameters_are_updated_as_one(optimizer: str) -> None:
    built = classifier([7, 6, 5, 3], 4, optimizer)
    program = with_flat_updates(in_canonical_form(built.program))
    n = 7 * 6 + 6 + 6 * 5 + 5 + 5 * 3 + 3
    joined = [step for step in program.steps if step.function is join]
    assert len(joined) == (4 if optimizer == "adam" else 2)
    assert all(step.shape == (n,) for step in joined)
    assert sum(step.function is np.subtract and step.shape == (n,) for step in program.steps) == 1


def test_parameters_with_different_updates_stay_apart() -> None:
    build = Builder()
    a, b, c = (build.state(np.ones(3), name) for name in "abc")
    for state, factor in ((a, 0.5), (b, 0.5), (c, 0.25)):
        build.program.updates[state] = build(np.multiply, state, factor)
    program = with_flat_updates(build.program)
    assert [step.args[:2] for step in program.steps if step.function is join] == [(a, b)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("choices", ["ab", "a0", "0b", "01"])
def test_where_selects_bits(dtype: str, choices: str) -> None:
    rng, built = np.random.default_rng(0), Builder()
    x, y = (built.input(rng.standard_normal((80, 70)).astype(dtype), name) for name in "xy")
    built.arrays[x][0, :4] = [np.nan, -np.nan, np.inf, -0.0]
    args = [{"a": x, "b": built(np.tanh, y), "0": 0.0, "1": built.constant(np.array(1, dtype))}[c] for c in choices]
    where = built(np.where, built(np.greater, x, y), *args)
    built.program.results = [where, built(np.multiply, where, 2.0)]
    rewritten = with_bits_selected(built.program)
    assert not any(step.function is np.where for step in rewritten.steps)
    expected = outcome(built.program, built)
    for found in (outcome(rewritten, built), plan_of(built, 1 << 16), plan_of(built, 1000)):
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_array_equal(a.view(f"i{a.itemsize}"), b.view(f"i{a.itemsize}"), strict=True)


def plan_of(built: Builder, large: int) -> list[Any]:
    """The results of the whole plan."""
    return build(built.program, large=large)(*built.given())[0]


def test_passes_are_deterministic() -> None:
    for make in (tiny, lambda: classifier([7, 6, 3], 4), lambda: chain(100)):
        assert build(make().program, large=16).source == build(make().program, large=16).source


@pytest.mark.parametrize("write", [
    lambda b, x: b(np.multiply, x, 0),
    lambda b, x: b(np.multiply, 0.0, x),
    lambda b, x: b(np.divide, 1, x),
    lambda b, x: b(np.subtract, 1, b(np.subtract, x, 1)),
    lambda b, x: b(np.square, b(np.multiply, x, 0.5)),
    lambda b, x: b(np.multiply, b(np.multiply, x, 0.5), b(np.divide, b(np.tanh, x), 3.0)),
    lambda b, x: b(np.add, b(np.multiply, x, 0.5), b(np.multiply, b(np.tanh, x), 0.5)),
    lambda b, x: b(np.subtract, b(np.multiply, x, 0.5), b(np.multiply, b(np.tanh, x), 0.25)),
    lambda b, x: b(np.negative, b(np.negative, b(np.multiply, x, 3.0))),
    lambda b, x: b(np.matmul, b(np.transpose, b(np.multiply, x, 0.5), (1, 0)), b(np.multiply, x, 3.0)),
    lambda b, x: b(np.add.reduce, b(np.reshape, b(np.multiply, x, 0.5), (2, 6)), axis=1),
    lambda b, x: b(np.add.reduce, b(np.broadcast_to, b(np.multiply, x, 0.5), (2, 3, 4)), axis=(0, 2)),
    lambda b, x: b(np.transpose, b(np.transpose, b(np.reshape, x, (2, 3, 2)), (1, 0, 2)), (1, 2, 0)),
    lambda b, x: b(np.maximum.reduce, b(np.broadcast_to, x, (2, 3, 4)), axis=(0, 1)),
])  # fmt: skip
def test_rewriting_keeps_values(write: Any) -> None:
    rounds = [simplified, with_factors_gathered, simplified, with_sums_as_products]
    applied(write, in_canonical_form, with_constants_folded, *rounds)
