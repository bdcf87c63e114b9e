"""The compiler behind capture: each pass alone and the whole plan against an interpreter of the program as it stands."""

from __future__ import annotations

import operator
import runpy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import Builder, chain, classifier, tiny

from tinygrad_np.compiler.plan import build
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.interpret import interpret

Draw = Any
SIDES = (1, 2, 3, 5)
UNARY = [np.tanh, np.exp, np.negative, np.absolute, np.square, np.sin, np.sign]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.greater, np.arctan2]


@st.composite
def programs(draw: Draw) -> Builder:
    """Programs of all kinds of steps, with states that some of the values replace."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    build, n = Builder(), draw(st.sampled_from(SIDES))
    shapes = [(n,), (n, 3), (3, n), (n, n), (), (2, 3, n), (4 * n, n)]
    values = []
    for i in range(draw(st.integers(1, 3))):
        values.append(build.input(rng.standard_normal(draw(st.sampled_from(shapes))), f"x{i}"))
    for i in range(draw(st.integers(0, 4))):
        values.append(build.state(rng.standard_normal(draw(st.sampled_from(shapes))), f"state.{i}"))
    values.append(build.constant(draw(st.sampled_from([np.ones(n), rng.standard_normal(n), np.array(2.0), np.zeros(n)]))))
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["unary", "binary", "number", "reduce", "matmul", "view", "index", "cast", "other"]))
        a, b = (draw(st.sampled_from(values)) for _ in range(2))
        step = _step(draw, build, kind, a, b)
        if step is not None and np.size(build.arrays[step]) < 500:
            values.append(step)
    steps = [v for v in values if v.function is not None]
    build.program.results = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    for state in build.program.state:
        fitting = [v for v in [*steps, *build.program.state] if (v.shape, v.dtype) == (state.shape, state.dtype)]
        if fitting and draw(st.booleans()):
            build.program.updates[state] = draw(st.sampled_from(fitting))
    return build


def _step(draw: Draw, build: Builder, kind: str, a: Value, b: Value) -> Value | None:
    x, y = build.arrays.get(a, a.array), build.arrays.get(b, b.array)
    rank = np.ndim(x)
    if kind == "unary" and x.dtype.kind == "f":
        function = draw(st.sampled_from(UNARY))
        return build(np.tanh, a) if function in (np.exp, np.square) and np.max(np.abs(x), initial=0) > 5 else build(function, a)
    if kind == "binary":
        try:
            np.broadcast_shapes(np.shape(x), np.shape(y))
        except ValueError:
            return None
        function = draw(st.sampled_from(BINARY))
        return None if function is np.subtract and x.dtype == y.dtype == bool else build(function, a, b)
    if kind == "number" and x.dtype.kind == "f":
        number = draw(st.sampled_from([0, 1, 0.5, 3, -1.0]))
        function = draw(st.sampled_from([np.add, np.subtract, np.multiply, np.maximum, np.divide]))
        swapped = draw(st.booleans()) and function is not np.divide
        if function is np.divide and number == 0:
            return None
        return build(function, number, a) if swapped else build(function, a, number)
    if kind == "reduce" and rank and np.size(x):
        axis = draw(st.sampled_from([None, 0, -1, tuple(range(rank))]))
        ufunc = np.add if x.dtype == bool else draw(st.sampled_from([np.add, np.maximum]))
        return build(ufunc.reduce, a, axis=axis, keepdims=draw(st.booleans()))
    if kind == "matmul" and rank == 2 and np.ndim(y) in (1, 2) and np.shape(x)[1] == np.shape(y)[0]:
        return build(np.matmul, a, b) if {x.dtype, y.dtype} == {np.dtype(float)} else None
    if kind == "view" and rank:
        shape = np.shape(x)
        function, args = draw(st.sampled_from([
            (np.transpose, ()), (np.reshape, ((-1,),)), (np.broadcast_to, ((2, *shape),)), (np.swapaxes, (0, -1)),
            (np.expand_dims, (0,)), (operator.getitem, ((..., None),)), (operator.getitem, (slice(None, None, -1),)),
            (operator.getitem, (slice(0, 2),)), (operator.getitem, (0,)),
        ]))  # fmt: skip
        return build(function, a, *args)
    if kind == "index" and rank:
        return build(operator.getitem, a, (build.constant(np.array([0, -1, 0])),))
    if kind == "cast":
        return build(np.ndarray.astype, a, np.dtype(float))
    if kind == "other" and rank == 1:
        return build(np.where, build(np.greater, a, 0), a, draw(st.sampled_from([a, 0.0])))
    if kind == "other" and rank:
        return build(draw(st.sampled_from([np.cumsum, np.flip, np.real])), a)
    return None


def assert_equal(expected: list[Any], found: list[Any]) -> None:
    for a, b in zip(expected, found, strict=True):
        assert (a.shape, a.dtype) == (np.shape(b), b.dtype)
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


@given(programs(), st.sampled_from([1, 4, 1 << 16]), st.sampled_from([8, 24, 1 << 16]), st.integers(1, 2))
def test_a_plan_computes_what_its_program_does(built: Builder, large: int, block: int, threads: int) -> None:
    inputs, state = built.given()
    plan = build(built.program, large=large, block=block, threads=threads)
    ours = [s.copy() for s in state]
    kept = []
    for run in range(3):
        inputs = [np.asarray(x + run) for x in inputs]
        before = [x.copy() for x in inputs]
        with np.errstate(all="ignore"):
            expected, state = interpret(built.program, inputs, state)
            found, ours = plan(inputs, ours)
        assert_equal([*expected, *state, *before], [*found, *ours, *inputs])
        kept.append((expected, found))
    for expected, found in kept:  # results are the caller's: later runs have not changed them
        assert_equal(expected, found)


@pytest.mark.parametrize("built", [tiny(dtype=np.float64), classifier([7, 6, 5, 3], 4, dtype=np.float64), chain(1000, np.float64),
                                   classifier([7, 6, 3], 4, "sgd", dtype=np.float64)])  # fmt: skip
@pytest.mark.parametrize("large", [16, 1 << 16])
def test_whole_steps(built: Builder, large: int, tmp_path: Any) -> None:
    plan = build(built.program, large=large, block=256)
    plan.save_source(tmp_path / "step.py")
    alone = runpy.run_path(str(tmp_path / "step.py"))
    inputs, state = built.given()
    ours = [s.copy() for s in state]
    for own, s in zip(alone["STATE"], state, strict=True):
        np.copyto(own, s)
    for _ in range(4):
        expected, state = interpret(built.program, inputs, state)
        found, ours = plan(inputs, ours)
        assert_equal([*expected, *state], [*found, *ours])
        assert_equal(expected, alone["step"](*inputs))
        assert_equal(state, alone["STATE"])
