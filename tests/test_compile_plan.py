"""Plans against an interpreter of the program as it stands."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import Builder, chain, classifier, programs, tiny

from tinygrad_np.compiler.interpret import interpret
from tinygrad_np.compiler.plan import build


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


@pytest.mark.parametrize("built", [
    tiny(dtype=np.float64), classifier([7, 6, 5, 3], 4, dtype=np.float64), chain(1000, np.float64),
    classifier([7, 6, 3], 4, "sgd", dtype=np.float64),
])  # fmt: skip
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
