"""The numba backend: its functions against extended precision, its plans against the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs import Builder, chain, classifier, tiny

from tinygrad_np import compile
from tinygrad_np.compiler.interpret import interpret
from tinygrad_np.compiler.plan import build

pytest.importorskip("numba")

RNG = np.random.default_rng(0)
ARGUMENTS = {
    "exp": np.concatenate([RNG.uniform(-87, 88, 20000), RNG.uniform(-1, 1, 20000)]),
    "tanh": np.concatenate([RNG.uniform(-10, 10, 20000), np.geomspace(1e-30, 1, 20000)]),
    "log": np.concatenate([np.geomspace(1e-37, 1e37, 20000), RNG.uniform(0.5, 2, 20000)]),
    "log1p": np.concatenate([RNG.uniform(-0.999, 1, 20000), np.geomspace(1e-30, 1e30, 20000)]),
}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, -2.0, 1e38, 1e-40, -1000.0, 1000.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_functions(name: str, dtype: str) -> None:
    from tinygrad_np.compiler.vectorizable import compiled, functions

    function, exact = functions(dtype)[f"{name}_{dtype}"], getattr(np, name)

    @compiled
    def each(x: Any, out: Any) -> None:
        for i in range(len(x)):
            out[i] = function(x[i])

    x = ARGUMENTS[name].astype(dtype)
    found, reference = np.empty_like(x), exact(x.astype(np.longdouble))
    each(x, found)
    assert np.max(np.abs(found - reference) / np.spacing(np.abs(reference).astype(dtype))) < (
        2.6 if name == "tanh" else 1.1
    )
    x = np.array(SPECIAL, dtype)
    found = np.empty_like(x)
    each(x, found)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found, exact(x), rtol=3 * np.finfo(dtype).eps, atol=0)


def test_division_by_a_root_and_a_number() -> None:
    from tinygrad_np.compiler.vectorizable import compiled, functions

    function = functions("float32")["over_root_float32"]

    @compiled
    def each(a: Any, root: Any, b: Any, out: Any) -> None:
        for i in range(len(a)):
            out[i] = function(a[i], root[i], b)

    def compare(a: Any, root: Any, b: Any, ulps: float) -> None:
        a, root, b = a.astype(np.float32), root.astype(np.float32), np.float32(b)
        out = np.empty_like(a)
        each(a, root, b, out)
        with np.errstate(all="ignore"):
            exact = a / (root + b)
            wrong = np.abs(out - exact) / np.spacing(np.abs(exact)) > ulps
            np.testing.assert_array_equal(np.isfinite(out), np.isfinite(exact))
            np.testing.assert_array_equal(np.where(np.isfinite(out), 0, out), np.where(np.isfinite(exact), 0, exact))
        assert not wrong.any(), (a[wrong], root[wrong], b)

    n = 200_000
    a, root = RNG.standard_normal(n) * 10.0 ** RNG.uniform(-9, 9, n), 10.0 ** RNG.uniform(-19, 19, n)
    for b in (1e-8, 1e-3, 1.0, 1e15):
        compare(a, root, b, 4)
    roots = [0.0, -0.0, 1e-22, 1e-10, 1.0, 1.8e19, np.inf, np.nan]
    corners = np.array([(a, root) for a in SPECIAL for root in roots]).T
    for b in (0.0, -1.0, 1e-45, 1e-8, 1.0, 1e18, 3e38, np.inf, np.nan):
        compare(*corners, b, 4)


@pytest.mark.parametrize(
    "built", [tiny(dtype=np.float64), classifier([7, 6, 5, 3], 4, dtype=np.float64), chain(1000, np.float64)]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_whole_steps(built: Builder, threads: int, monkeypatch: Any) -> None:
    monkeypatch.setattr("tinygrad_np.compiler.loops._WORTH_A_THREAD", 0)
    plan = build(built.program, "numba", large=16, block=256, threads=threads)
    assert "@compiled" in plan.source
    inputs, state = built.given()
    ours = [s.copy() for s in state]
    for _ in range(3):
        expected, state = interpret(built.program, inputs, state)
        found, ours = plan(inputs, ours)
        for a, b in zip([*expected, *state], [*found, *ours], strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("number_first", [True, False])
def test_what_is_divided_by_a_root_and_something(number_first: bool) -> None:
    built = Builder()
    x, number = (built.input(RNG.random(shape, np.float32), "x") for shape in (999, ()))
    root = built(np.sqrt, x)
    for other in (number, 0.5, x, built(np.square, x)):
        below = built(np.add, *((other, root) if number_first else (root, other)))
        built.program.results.append(built(np.divide, built(np.subtract, x, 0.25), below))
    plan = build(built.program, "numba", large=100)
    assert plan.source.count("over_root_float32(") == 2
    inputs, _ = built.given()
    for expected, found in zip(interpret(built.program, inputs, [])[0], plan(inputs, [])[0], strict=True):
        np.testing.assert_array_max_ulp(expected, found, 4)


@pytest.mark.parametrize(("n", "name"), [(1 << 12, "region"), (1 << 16, "loop")])
def test_few_steps_are_worth_a_call(n: int, name: str) -> None:
    built = Builder()
    x = built.input(RNG.standard_normal(n), "x")
    built.program.results = [built(np.multiply, x, built(np.ndarray.astype, built(np.greater, x, 0.0), np.dtype("f8")))]
    plan = build(built.program, "numba")
    assert f"def {name}(" in plan.source
    inputs, _ = built.given()
    np.testing.assert_array_equal(plan(inputs, [])[0][0], np.where(inputs[0] > 0, inputs[0], 0.0))


def test_steps_that_numba_cannot_do_are_loops_of_their_own() -> None:
    built = Builder()
    x = built.input(RNG.standard_normal(1 << 16), "x")
    y = built(np.tanh, built(np.square, built(np.exp, x)))
    z = built(np.sin, built(np.cos, built(np.multiply, y, x)))
    total = built(np.add.reduce, built(np.multiply, built(np.tanh, built(np.add, z, y)), x), axis=None)
    built.program.results = [built(np.subtract, z, x), total]
    plan = build(built.program, "numba")
    assert plan.source.count("@compiled") == 2
    inputs, _ = built.given()
    for expected, found in zip(interpret(built.program, inputs, [])[0], plan(inputs, [])[0], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("seed", range(4))
def test_random_groups(seed: int) -> None:
    rng, build_ = np.random.default_rng(seed), Builder()
    dtype = np.dtype(["float64", "float32"][seed % 2])
    x = rng.standard_normal(3000).astype(dtype)
    x[:5] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    values = [build_.input(x, "x"), build_.state(rng.standard_normal(3000).astype(dtype), "s")]
    unary = [
        np.tanh, np.exp, np.negative, np.absolute, np.square, np.sqrt, np.log, np.log1p,
        np.sign, np.floor, np.ceil, np.rint,
    ]  # fmt: skip
    binary = [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum]
    comparisons = [np.greater, np.less_equal, np.equal, np.not_equal, np.less, np.greater_equal]
    with np.errstate(all="ignore"):
        for _ in range(14):
            a, b = rng.choice(np.array(values, object), 2)
            kind = rng.integers(4)
            if kind == 0:
                values.append(build_(unary[rng.integers(len(unary))], a))
            elif kind == 1:
                values.append(build_(binary[rng.integers(len(binary))], a, b))
            elif kind == 2:
                values.append(build_(binary[rng.integers(len(binary))], a, 0.5))
            else:
                mask = build_(comparisons[rng.integers(len(comparisons))], a, b)
                other = build_(np.logical_not, build_(comparisons[rng.integers(len(comparisons))], b, a))
                mask = build_([np.logical_and, np.bitwise_or][rng.integers(2)], mask, other)
                values.append(build_(np.ndarray.astype, mask, dtype))
        build_.program.results = [*values[-4:], build_(np.add.reduce, build_(np.tanh, values[-1]), axis=None)]
        build_.program.updates = {values[1]: values[-3]}
        plan = build(build_.program, "numba", large=100)
        assert "@compiled" in plan.source
        inputs, state = build_.given()
        expected, new = interpret(build_.program, inputs, state)
        found, ours = plan(inputs, state)
    for a, b in zip([*expected, *new], [*found, *ours], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e4 * np.finfo(dtype).eps, atol=1e4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("n", [9, 3000, 100_000])
@pytest.mark.parametrize("kind", [np.float32, "float32", float, np.dtype(np.float64), int])
def test_dtypes_come_in_many_forms(kind: Any, n: int) -> None:
    def f(x: Any) -> Any:
        above = (x > 0).astype(kind)
        return np.tanh(x.astype(kind) * 2 + above), above + 1

    compiled = compile(f, backend="numba")
    for x in np.random.default_rng(0).normal(size=(3, n)).astype(np.float32):
        for found, expected in zip(compiled(x), f(x), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-5)
