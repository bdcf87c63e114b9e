"""Loops over turns against the same programs without them: bit for bit."""

from __future__ import annotations

import operator
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Builder

from tinygrad_np import compile, grad, nn, optim, value_and_grad
from tinygrad_np.compiler import plan as plans
from tinygrad_np.compiler import repeats, rolling
from tinygrad_np.compiler.interpret import interpret
from tinygrad_np.compiler.passes import optimized
from tinygrad_np.compiler.periods import repetitions
from tinygrad_np.compiler.plan import build
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.roll import Roll
from tinygrad_np.compiler.rolling import rolled
from tinygrad_np.tree import flatten

Draw = Any
FUNCTIONS = [
    (np.add, 2), (np.multiply, 2), (np.subtract, 2), (np.maximum, 2), (np.matmul, 2), (np.tanh, 1), (np.negative, 1),
    (np.transpose, 1), ("total", 1), ("where", 2), ("number", 1), ("part", 1), ("reshaped", 1),
]  # fmt: skip
ELEMENTWISE = [(np.add, 2), (np.multiply, 2), (np.subtract, 2), (np.maximum, 2), (np.tanh, 1), ("number", 1)]
N = 3


def one_step(build: Builder, function: Any, args: list[Value], number: float) -> Value:
    """A step of a body: all are of the same shape, so that each can be the operand of each."""
    if function == "total":
        return build(np.add, args[0], build(np.add.reduce, args[0], axis=1, keepdims=True))
    if function == "where":
        return build(np.where, build(np.greater, args[0], 0), *args)
    if function == "number":
        return build(np.maximum, args[0], number)
    if function == "part":
        return build(np.multiply, build(operator.getitem, args[0], 1), args[0])
    if function == "reshaped":
        return build(np.reshape, build(np.negative, build(np.reshape, args[0], (N * N,))), (N, N))
    return build(function, *args)


@st.composite
def periodic(draw: Draw, functions: Any = tuple(FUNCTIONS)) -> Builder:
    """Turns that compute the same, from what is the same in each or another for each, or what others have computed."""
    rng, build = np.random.default_rng(draw(st.integers(0, 99))), Builder()

    def array(*shape: int) -> Any:
        return rng.uniform(-1, 1, (*shape, N, N))

    fixed = [build.input(array(), "a"), build.state(array(), "s"), build.constant(array())]
    columns: list[list[Value]] = []
    for _ in range(draw(st.integers(1, 2))):
        columns.append(_turns(draw, build, functions, fixed, columns, array, rng))
    made = [value for column in columns for value in column]
    last = [column[-1] for column in columns]
    some = st.sampled_from([*made, *last, *last, *last])
    build.program.results = draw(st.lists(some, min_size=1, max_size=4))
    if draw(st.booleans()):
        build.program.updates[fixed[1]] = draw(some)
    return build


def _turns(
    draw: Draw, build: Builder, functions: Any, fixed: list[Value], old: list[list[Value]], array: Any, rng: Any
) -> list[Value]:
    turns = draw(st.integers(4, 9))
    stack = build.input(array(turns))
    rows = [build(operator.getitem, stack, turn) for turn in range(turns)]
    own = [build.state(array(), f"w{len(old)}{turn}") for turn in range(turns)]
    constants = [build.constant(array()) for _ in range(turns)]
    outside = [[value] * turns for value in fixed] + [rows, rows[::-1], own, constants]
    outside += [(column * turns)[:turns] for column in old] + [(column[::-1] * turns)[:turns] for column in old]
    first = [draw(st.sampled_from(fixed)) for _ in range(2)]
    body = []
    for i in range(draw(st.integers(1, 6))):
        function, n = draw(st.sampled_from(functions))
        roles = [draw(st.tuples(st.sampled_from("hbbo"), st.integers(0, 99), st.integers(1, 2))) for _ in range(n)]
        body.append((function, [role if i or role[0] != "h" else ("b", *role[1:]) for role in roles]))
    odd = draw(st.integers(-20, turns - 1))  # one turn may do something else
    number = 0.5 if draw(st.booleans()) else None
    done: list[list[Value]] = []
    for turn in range(turns):
        here: list[Value] = []
        for function, roles in body:
            args = []
            for kind, which, lag in roles:
                if kind == "h":
                    args.append(here[which % len(here)])
                elif kind == "o":
                    args.append(outside[which % len(outside)][turn])
                else:
                    args.append(done[-lag][which % len(body)] if lag <= turn else first[lag - 1])
            other = np.multiply if function is np.add else np.add if len(args) == 2 else np.sin
            chosen = other if turn == odd else function
            here.append(one_step(build, chosen, args, number if number is not None else float(rng.uniform())))
        done.append(here)
    return [value for here in done for value in here if draw(st.booleans()) or here is done[-1]]


def loops(program: Program) -> list[Roll]:
    return [step.function for step in program.steps if isinstance(step.function, Roll)]


def assert_same(expected: list[Any], found: list[Any]) -> None:
    for a, b in zip(expected, found, strict=True):
        assert (a.shape, a.dtype) == (np.shape(b), b.dtype)
        np.testing.assert_array_equal(b, a)


@pytest.fixture
def eager_to_roll(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "_SHORT", 2)
    monkeypatch.setattr(repeats, "LEAST", 3)
    monkeypatch.setattr(repeats, "LINES", 2)
    monkeypatch.setattr(rolling, "_LINES_PER_ROW", 0)


def without_loops(program: Program, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "rolled", lambda program, *_: program)
        return build(program, **options)


@pytest.mark.usefixtures("eager_to_roll")
@given(periodic())
def test_loops_compute_what_the_steps_do(built: Builder) -> None:
    inputs, state = built.given()
    program = optimized(built.program)
    loop = rolled(program, 1 << 16, 0)
    for expected, found in zip(interpret(program, inputs, state), interpret(loop, inputs, state), strict=True):
        assert_same(expected, found)
    plain, plan = without_loops(built.program), build(built.program)
    ours, theirs = ([s.copy() for s in state] for _ in range(2))
    for run in range(2):
        inputs = [x + run for x in inputs]
        before = [x.copy() for x in inputs]
        expected, theirs = plain(inputs, theirs)
        found, ours = plan(inputs, ours)
        assert_same([*expected, *theirs, *before], [*found, *ours, *inputs])


@pytest.mark.usefixtures("eager_to_roll")
def test_a_view_that_the_next_turn_reads_too() -> None:
    def f(x: Any) -> Any:
        before = np.sin(x)
        for _ in range(24):
            turned = x.T
            x, before = turned + before, turned
        return x, before

    g, x = compile(f), np.random.default_rng(0).standard_normal((3, 3))
    found = [g(x) for _ in range(3)]
    assert "turns" in g.source
    assert_same(found[-1], f(x))


@pytest.mark.usefixtures("eager_to_roll")
@settings(max_examples=5)
@given(periodic(ELEMENTWISE))
def test_compiled_loops_compute_what_the_steps_do(built: Builder) -> None:
    pytest.importorskip("numba")
    inputs, state = built.given()
    found = build(built.program, "numba")(inputs, [s.copy() for s in state])
    assert_close(found, without_loops(built.program)(inputs, [s.copy() for s in state]))


def assert_close(found: Any, expected: Any) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9 * np.max(np.abs(b), initial=1))


@pytest.mark.usefixtures("eager_to_roll")
@given(periodic())
def test_long_programs_are_rolled_before_they_are_simplified(built: Builder) -> None:
    inputs, state = built.given()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "_LONG", 0)
        found = build(built.program)(inputs, [s.copy() for s in state])
    with np.errstate(all="ignore"):
        expected = interpret(built.program, inputs, state)
    assert_close(found, expected)


# --- what people write -----------------------------------------------------------------------------------------------
def recurrent(x: Any, w: Any, u: Any, b: Any) -> Any:
    """The mean square of the states of a recurrent network, one per row of x."""
    h = np.zeros_like(x[0] @ u)
    total = 0.0
    for row in x:
        h = np.tanh(row @ u + h @ w + b)
        total = total + np.mean(np.square(h))
    return total


def inner_steps(x: Any, w: Any, u: Any, b: Any) -> Any:
    """The loss after some steps of gradient descent."""
    for _ in range(24):
        w = w - 0.1 * grad(lambda w: np.mean(np.square(np.tanh(x[0] @ u @ w + b))))(w)
    return np.sum(np.square(w))


def deep(x: Any, w: Any, u: Any, b: Any) -> Any:
    h = x[0] @ u
    for _ in range(30):
        h = np.maximum(h @ w + b, 0) + h
    return np.mean(np.square(h))


@pytest.mark.parametrize("function", [recurrent, inner_steps, deep])
def test_loops_of_python_become_loops(function: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    arguments = [rng.standard_normal(shape) / 3 for shape in [(30, 4, 3), (5, 5), (3, 5), (5,)]]
    of = value_and_grad(function, (0, 1, 2, 3) if function is recurrent else (1, 2, 3))
    step = compile(of)
    expected, found = of(*arguments), [step(*arguments), step(*arguments)][-1]
    assert_allclose_deep(found, expected)
    assert "turns" in step.source
    monkeypatch.setattr(plans, "rolled", lambda program, *_: program)
    plain = compile(of)
    for a, b in zip(flatten(plain(*arguments))[0], flatten(found)[0], strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert len(plain.source.splitlines()) > len(step.source.splitlines())


def assert_allclose_deep(found: Any, expected: Any) -> None:
    for a, b in zip(flatten(found)[0], flatten(expected)[0], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12)


def test_networks_of_equal_layers_train_to_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def trained() -> tuple[list[Any], str]:
        model = nn.MLP([3, *[6] * 20, 2], "tanh", dtype=np.float64, rng=0)
        optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

        @compile
        def step(x: Any, y: Any) -> Any:
            loss = np.mean(np.square(model(x) - y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        rng = np.random.default_rng(0)
        for _ in range(5):
            step(rng.standard_normal((8, 3)), rng.standard_normal((8, 2)))
        return [p.detach().numpy() for p in model.parameters()], step.source

    ours, source = trained()
    monkeypatch.setattr(plans, "rolled", lambda program, *_: program)
    theirs, plain = trained()
    assert len(source.splitlines()) <= len(plain.splitlines())
    assert_same(theirs, ours)


def gradient_of_chain(n: int) -> Any:
    def end(x: Any, b: Any) -> Any:
        y = x
        for _ in range(n):
            y = y * x + b
        return np.sum(y)

    return value_and_grad(end, (0, 1))


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_chain_is_a_few_lines(backend: str, tmp_path: Path) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    x, b = np.linspace(0.5, 0.9, 10, dtype=np.float32), np.linspace(0, 1, 10, dtype=np.float32)
    of = gradient_of_chain(300)
    step = compile(of, backend=backend)
    for _ in range(3):
        found = flatten(step(x, b))[0]
    assert len(step.source.splitlines()) < 150
    step.save_source(tmp_path / "step.py")
    assert_same([t.numpy() for t in found], runpy.run_path(str(tmp_path / "step.py"))["step"](x, b))
    for ours, theirs in zip(found, flatten(of(x, b))[0], strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4)


def test_the_work_of_compiling_grows_with_the_program_and_no_faster() -> None:
    """Counted in calls of functions, which nothing else on the machine changes."""

    def calls(n: int) -> int:
        count = 0

        def counted(*_: Any) -> None:
            nonlocal count
            count += 1

        x, step = np.linspace(0.5, 0.9, 4), compile(gradient_of_chain(n))
        sys.setprofile(counted)
        try:
            step(x, x)
        finally:
            sys.setprofile(None)
        return count

    first = calls(50)  # what is done once
    assert calls(1600) - first < 2.2 * (calls(800) - first)


# --- periods ---------------------------------------------------------------------------------------------------------
@given(st.lists(st.integers(0, 2), max_size=40), st.integers(2, 4))
def test_repetitions_repeat_often_enough(keys: list[int], least: int) -> None:
    end = 0
    for start, period, stop in repetitions(keys, least):
        assert end <= start
        assert stop - start >= least * period
        assert keys[start : stop - period] == keys[start + period : stop]
        end = stop


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(8, 12))
def test_a_repetition_is_found(body: list[int], turns: int) -> None:
    [(start, period, stop)] = repetitions([-1, *body * turns, -2], 8)
    assert (start, stop) == (1, 1 + turns * len(body))
    assert len(body) % period == 0
