"""Plans against an interpreter of the program as it stands."""

from __future__ import annotations

import itertools
import operator
import runpy
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import Builder, chain, classifier, programs, tiny

from tinygrad_np.compiler import loops, memory, packing, runtime
from tinygrad_np.compiler.interpret import interpret
from tinygrad_np.compiler.pictures import drawn
from tinygrad_np.compiler.plan import build
from tinygrad_np.compiler.program import Value, written


def assert_equal(expected: list[Any], found: list[Any]) -> None:
    for a, b in zip(expected, found, strict=True):
        assert (a.shape, a.dtype) == (np.shape(b), b.dtype)
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


@given(programs(), st.sampled_from([1, 4, 1 << 16]), st.sampled_from([8, 24, 1 << 16]), st.integers(1, 2))
def test_a_plan_computes_what_its_program_does(built: Builder, large: int, block: int, threads: int) -> None:
    inputs, state = built.given()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_MANY", large)  # few blocks are packed closely, many quickly
        patch.setattr(loops, "_WORTH_A_THREAD", 8)
        patch.setattr(memory, "_LENT", 64 if threads == 1 else 1 << 14)
        plan = build(built.program, large=large, block=block, threads=threads)
    ours = [s.copy() for s in state]
    kept = []
    for run in range(3):
        inputs = [np.asarray(x + run) for x in inputs]
        if block == 24:  # inputs may lie in memory in any way, and be read-only
            inputs = [np.repeat(x[..., None], 2, -1)[..., 0] for x in inputs]
            for x in inputs:
                x.flags.writeable = False
        before = [x.copy() for x in inputs]
        with np.errstate(all="ignore"):
            expected, state = interpret(built.program, inputs, state)
            found, ours = plan(inputs, ours)
        assert_equal([*expected, *state, *before], [*found, *ours, *inputs])
        kept.append((expected, found))
    for expected, found in kept:  # results are the caller's: later runs have not changed them
        assert_equal(expected, found)


def test_streams_of_one_loop_do_not_begin_at_the_same_place_of_a_page() -> None:
    states, results = (
        [packing.Block(n, kind, 0, 1) for n in (12000, 40, 12000, 12000)] for kind in ("state", "results")
    )
    ends = packing.in_a_row(states, 640), packing.in_a_row(results, 256)
    for blocks, end in zip((states, results), ends, strict=True):
        for block, following in itertools.pairwise(blocks):
            assert block.offset % 64 == 0
            assert block.offset + block.nbytes <= following.offset
        assert blocks[-1].offset + blocks[-1].nbytes <= end
    places = [0, *(block.offset % 4096 for block in (*states, *results) if block.nbytes > 4096)]
    assert all(min((a - b) % 4096, (b - a) % 4096) >= 256 for a in places for b in places if a is not b)
    assert runtime.memory(1 << 18).ctypes.data % 4096 == 0


def test_what_is_written_is_a_copy(tmp_path: Any) -> None:
    built = Builder()
    x, mask = built.input(np.arange(6.0), "x"), built.input(np.arange(6) % 2 == 0, "mask")
    y = built(np.negative, x)
    once = built(written, operator.setitem, y, (slice(1, 3),), 7.0)
    shown = built(operator.getitem, built(np.add, x, 0.5, out=built(np.copy, y), where=mask), slice(0, 3))
    twice = built(written, np.add.at, once, [0, 0, 5], shown)
    built.program.results = [y, once, twice]
    expected = [-np.arange(6.0), np.array([0, 7, 7, -3, -4, -5.0])]
    plan = build(built.program)
    plan.save_source(tmp_path / "step.py")
    inputs, _ = built.given()
    reference = interpret(built.program, inputs, [])[0]
    assert_equal(expected, reference[:2])
    for found in (plan(inputs, [])[0], plan(inputs, [])[0], runpy.run_path(str(tmp_path / "step.py"))["step"](*inputs)):
        assert_equal(reference, found)


def test_loops_of_different_lengths_share_memory() -> None:
    built = Builder()
    xs = [built.input(np.arange(float(n)), "x") for n in (1 << 17, 1 << 18)]  # blocks of one length, for the default
    built.program.results = [built(np.multiply, built(np.add, x, 1.0), 2.0) for x in xs]
    inputs, _ = built.given()
    assert_equal([2 * (x + 1) for x in inputs], build(built.program)(inputs, [])[0])


def test_the_same_limit_twice_in_one_loop() -> None:
    built = Builder()
    x = built.input(np.linspace(-1.0, 1.0, 9), "x")
    low = built(np.minimum, x, 0.5)
    high = built(np.multiply, built(np.add, x, low), 3.0)  # of which the memory is asked for between the two
    built.program.results = [built(np.add, built(np.minimum, high, 0.5), low)]
    reference, _ = interpret(built.program, *built.given())
    assert_equal(reference, build(built.program, large=2, block=64)(*built.given())[0])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("names", ["x_all x", "i s0", "list zip", "end total", "results range"])
def test_arrays_may_have_any_names(backend: str, names: str) -> None:
    """Also those that the code around them uses otherwise."""
    if backend == "numba":
        pytest.importorskip("numba")
    built = Builder()
    x, y = (built.input(np.linspace(-i, 2.0, 3000), name) for i, name in enumerate(names.split(), start=1))
    a = built(np.add, built(np.tanh, built(np.multiply, x, y)), y)
    built.program.results = [built(np.add, built(np.multiply, a, a), x), built(np.add.reduce, a, axis=0)]
    reference, _ = interpret(built.program, *built.given())
    blocks = build(built.program, backend, large=2, block=1 << 10)
    assert_equal(reference, blocks(*built.given())[0])


def test_plans_do_not_warn_in_either_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinygrad_np.compiler.loops._WORTH_A_THREAD", 0)
    built = Builder()
    x = built.input(np.zeros(64), "x")
    built.program.results = [built(np.multiply, built(np.exp, x), 2.0)]
    plan = build(built.program, large=2, block=64, threads=2)
    assert "both(" in plan.source
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert np.isinf(plan([np.full(64, 1000.0)], [])[0][0]).all()


def test_an_error_in_the_other_thread_is_raised_in_this_one() -> None:
    done = []

    def loop(rows: list[float]) -> None:
        done.extend(1 / row for row in rows)

    with pytest.raises(ZeroDivisionError):
        runtime.both(loop, [1.0, 2.0, 4.0, 0.0])
    runtime.both(loop, [1.0, 2.0, 8.0])
    assert sorted(done) == sorted([1.0, 0.5, 0.25, 1.0, 0.5, 0.125])


def test_results_are_used_again_when_nobody_holds_them() -> None:
    built = chain(10000)
    plan = build(built.program)
    inputs, _ = built.given()
    first, second = plan(inputs, [])[0], plan(inputs, [])[0]
    assert not any(np.may_share_memory(a, b) for a in first for b in second)
    address = second[1].ctypes.data
    view = first[1][::2]
    del first, second
    assert plan(inputs, [])[0][1].ctypes.data == address  # a view of the first ones is still there
    view[...] = 7
    for _ in range(3):
        plan(inputs, [])
    assert (view == 7).all()


def test_a_plan_takes_states_from_anywhere() -> None:
    built = Builder()
    a, b = built.state(np.zeros(3), "a"), built.state(np.ones(3), "b")
    built.program.updates = {a: b, b: built(np.add, a, 2.0)}
    plan = build(built.program)
    assert_equal([np.ones(3), np.full(3, 2.0)], plan([], [np.zeros(3), np.ones(3)])[1])
    assert_equal([np.full(3, 2.0), np.full(3, 3.0)], plan([], plan.state)[1])
    assert_equal([np.full(3, 2.0), np.full(3, 5.0)], plan([], plan.state[::-1])[1])  # the same arrays, exchanged
    other = plan.again()
    assert_equal([np.full(3, 5.0), np.full(3, 4.0)], other([], plan.state)[1])
    assert_equal([np.full(3, 2.0), np.full(3, 5.0)], plan.state)


@pytest.mark.parametrize("built", [
    tiny(dtype=np.float64), classifier([7, 6, 5, 3], 4, dtype=np.float64), chain(1000, np.float64),
    classifier([7, 6, 3], 4, "sgd", dtype=np.float64),
])  # fmt: skip
@pytest.mark.parametrize(("large", "block"), [(16, 256), (1 << 16, 256), (2, 8), (2, 40)])
def test_whole_steps(built: Builder, large: int, block: int, tmp_path: Any) -> None:
    plan = build(built.program, large=large, block=block)
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


@given(programs(), st.sampled_from([1, 7, 300]))
def test_a_picture_shows_the_latest_steps_and_folds_the_others(built: Builder, room: int) -> None:
    program = built.program
    picture = drawn(program, room).outline
    of_steps = [box for box in picture.boxes if box.kind in ("operation", "result")]
    folded = [box.stands_for for box in picture.boxes if box.kind == "folded"]
    assert len(of_steps) + sum(folded) == len(program.steps)
    assert len(picture.boxes) <= max(room, 1 + 3) + len(folded)
    n = len(picture.boxes)
    inside = [arrow for arrow in picture.arrows if not folded or arrow.head]  # or used in the fold, too
    assert all(0 <= arrow.tail < arrow.head < n for arrow in inside)  # in the order of time
    if not folded:
        for step, i in zip(program.steps, (i for i, box in enumerate(picture.boxes) if box in of_steps), strict=False):
            expected = [arg for arg in step.args if isinstance(arg, Value)]  # numbers stand in the formula
            inflow = [arrow for arrow in picture.arrows if arrow.head == i]
            assert not isinstance(step.function, np.ufunc) or len(inflow) == len(expected)
        becomes = " ".join(box.title for box in of_steps)
        assert all(f"→ {s.name}" in becomes for s, v in program.updates.items() if s.name and v.function is not None)


def test_results_are_overwritten_only_in_the_places_that_get_the_new_ones() -> None:
    built = Builder()
    x = built.input(np.ones(5000), "x")
    built.program.results = [built(np.add, x, 1.0), built(np.multiply, x, 2.0)]
    plan, ones = build(built.program), np.ones(5000)
    place = dict(enumerate(plan([ones], [])[0]))

    def replace(factor: float, *keys: int) -> bool:
        before = [place[0].ctypes.data, place[1].ctypes.data]
        place.update(enumerate(plan([factor * ones], [], [place[key] for key in keys])[0]))
        np.testing.assert_array_equal(place[0], factor * ones + 1)
        np.testing.assert_array_equal(place[1], factor * ones * 2)
        return before == [place[0].ctypes.data, place[1].ctypes.data]

    replace(1.0, 0, 1)  # by now it knows which these are
    assert replace(2.0, 0, 1)
    kept = place[1]
    assert not replace(3.0, 0, 1)  # somebody else holds one
    np.testing.assert_array_equal(kept, 4 * ones)
    assert not replace(4.0, 1, 0)  # they go elsewhere
    assert replace(5.0, 0, 1)
    assert not replace(6.0, 1)


@pytest.mark.parametrize("read_later", [False, True])
def test_loops_compute_new_states_in_their_places_unless_the_old_ones_are_read_later(read_later: bool) -> None:
    built = Builder()
    m, x = built.state(np.arange(100.0), "m"), built.input(np.ones(100), "x")
    scaled = built(np.multiply, m, 0.5)
    shown = built(np.negative, m if read_later else x)
    built.program.updates = {m: built(np.add, scaled, built(np.multiply, shown, x))}
    plan = build(built.program, large=2, block=64)
    assert ("multiply(m, c_0_5, m)" in plan.source) != read_later
    expected = np.arange(100.0)
    state = [expected]
    for _ in range(2):
        expected = expected / 2 - (expected if read_later else 1)
        _, state = plan([np.ones(100)], state)
        assert_equal([expected], state)
