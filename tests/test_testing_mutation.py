"""Mutants of rules: which there are, that they run, that tests are found to be weak where they are."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import grad, primitive
from tinygrad_np.primitives import table
from tinygrad_np.rules import neural
from tinygrad_np.testing.mutation import Mutant, mutants, score
from tinygrad_np.testing.mutation.subjects import load, operations_of, subjects

CHANGES = {
    "a product": (lambda g, x: g * x, "-(g * x); 2 * (g * x); g; x"),
    "a sum": (lambda g, x: g + x, "-(g + x); 2 * (g + x); g; x; g - x"),
    "a difference": (lambda g, x: g - x, "-(g - x); 2 * (g - x); g; -x; x - g"),
    "a quotient": (lambda g, x: g / x, "-(g / x); 2 * (g / x); g; 1 / x; x / g"),
    "a minus": (lambda g: -g, "2 * -g; g"),
    "a matrix product": (lambda g, y: g @ y.mT, "-(g @ y.mT); 2 * (g @ y.mT); g; y.mT; y.mT @ g; y"),
    "a power": (lambda g, x: g**x, "-g ** x; 2 * g ** x; g; x ** g"),
    "a mask": (lambda g, x, y: g * (x > y), "-(g * (x > y)); 2 * (g * (x > y)); g; x > y; x >= y"),
    "masks": (lambda x, y: (x == 0) | (y < 0),
              "-((x == 0) | (y < 0)); 2 * ((x == 0) | (y < 0)); x == 0; y < 0; x != 0; 1; y <= 0; 1"),
    "an axis": (lambda g, axis: np.flip(g, axis), "-np.flip(g, axis); 2 * np.flip(g, axis); g; np.flip(g)"),
    "an axis by name": (lambda g: np.max(g, axis=1), "-np.max(g, axis=1); 2 * np.max(g, axis=1); g; np.max(g); 2"),
    "a flag": (lambda g: np.max(g, keepdims=True),
               "-np.max(g, keepdims=True); 2 * np.max(g, keepdims=True); g; np.max(g); False"),
    "a method": (lambda g: g.sum(-1), "-g.sum(-1); 2 * g.sum(-1); g; 2"),
    "branches": (lambda g, x: g if x else 0, "-g; 2 * g; g; 0; 1"),
    "where": (lambda g, x: np.where(x, g, 0), "-np.where(x, g, 0); 2 * np.where(x, g, 0); g; 0; np.where(x, 0, g); 1"),
    "a pole": (lambda quotient, g, x: quotient(g, x),
               "-quotient(g, x); 2 * quotient(g, x); g / x; g; quotient(x, g)"),
    "several": (lambda g, wrt: [g * i for i in wrt], "-(g * i); 2 * (g * i); g; i"),
    "a new axis": (lambda g: g[..., None], "-g[..., None]; 2 * g[..., None]; g"),
    "a type": (lambda g: g if isinstance(g, int | float) else g.shape, "-g; 2 * g; -g.shape; 2 * g.shape; g; g.shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_can_go_wrong(name: str) -> None:
    rule, expected = CHANGES[name]
    assert [after(mutant) for mutant in mutants(rule)] == expected.split("; ")


def after(mutant: Mutant) -> str:
    """What the mutant has in place of the original, without a number."""
    return mutant.change.partition(" -> ")[2].removesuffix(" (2)")


def test_errors_and_their_messages_are_left_alone() -> None:
    def rule(g: Any, n: int = 1) -> Any:
        """Return 1 * g."""
        if n > 3:
            raise ValueError(f"{n + 1}")
        with np.errstate(all="ignore"):
            factor: float = 3.0
        assert n < 3
        return g * factor

    assert [mutant.change for mutant in mutants(rule)] == [
        "g * factor -> -(g * factor)", "g * factor -> 2 * (g * factor)", "3.0 -> 6.0", "g * factor -> g",
        "g * factor -> factor",
    ]  # fmt: skip


def test_a_mutant_runs_in_place_of_the_rule_and_only_then() -> None:
    scale, power = 3.0, 2

    @primitive(x=lambda g, y: g * y**power * scale, y=lambda g, x, y: g * 2 * x * y * scale)  # on one line, with cells
    def op(x: Any, y: Any) -> Any:
        return x * y**power * scale

    def gradient() -> list[float]:
        return [d.item() for d in grad(op, (0, 1))(2.0, 5.0)]

    right = gradient()
    assert right == [75.0, 60.0]
    wrong = {
        "op.x: g * y ** power -> g": [3.0, 60.0],
        "op.x: y ** power -> power ** y": [96.0, 60.0],
        "op.y: g * 2 * x * y -> y": [75.0, 15.0],
    }
    found = [mutant for mutant in mutants(op) if mutant.name.partition(".")[2] in wrong]
    for mutant, gradients in zip(found, wrong.values(), strict=True):
        with mutant.installed():
            assert gradient() == gradients
        assert gradient() == right


def test_one_rule_of_several_operations_is_one_thing_to_break() -> None:
    def shared(g: Any) -> Any:
        return g

    first, second = (primitive(x=shared)(forward) for forward in (lambda x: 1 * x, lambda x: 2 * x))
    (subject,) = subjects([first, second])
    assert len(subject.rule_of) == 2
    with mutants(first)[0].installed():
        assert [grad(op)(1.0).item() for op in (first, second)] == [-1, -1]


def test_what_has_no_source() -> None:
    function = eval("lambda g: -g")
    assert mutants(function) == []
    with pytest.raises(TypeError, match="neither an operation nor a Python function"):
        mutants(3)


def test_all_rules_of_the_table_can_be_broken() -> None:
    load("tinygrad_np.rules")
    operations = operations_of("tinygrad_np.rules")
    assert {table[np.tanh], neural.relu} <= {*operations}
    found = subjects(operations, "tinygrad_np.rules")
    assert all(subject.tree is not None for subject in found)
    names = [subject.name for subject in found]
    assert len(names) == len({*names})
    helpers = {subject.name for subject in found if not subject.rule_of}
    assert {"reductions.unreduce", "linalg._matmul_vjp_x", "neural._gelu_slope"} <= helpers
    assert not helpers & {"linalg.conj", "neural.softmax", "reductions._count"}, "forward computations use these"


# --- the score ----------------------------------------------------------------------------------------------------
@primitive(x=lambda g, x, y: g * (x >= y), y=lambda g, x, y: g * (x < y))
def larger(x: Any, y: Any) -> Any:
    """The first one, where they are equal."""
    return np.maximum(x, y)


def slopes(x: float, y: float) -> list[float]:
    """Its derivatives."""
    return [d.item() for d in grad(lambda x, y: 3 * larger(x, y), (0, 1))(x, y)]


def test_left() -> None:
    assert slopes(2.0, 1.0) == [3, 0]


def test_right() -> None:
    assert slopes(1.0, 2.0) == [0, 3]


def test_tie() -> None:
    assert slopes(1.0, 1.0) == [3, 0]


@pytest.mark.parametrize(
    ("tests", "survivors"),
    [
        ([test_left], ["g * (x >= y) -> g", "x >= y -> x > y", "g * (x < y) -> -(g * (x < y))",
                       "g * (x < y) -> 2 * (g * (x < y))", "g * (x < y) -> x < y", "x < y -> x <= y"]),
        ([test_left, test_right], ["x >= y -> x > y", "x < y -> x <= y"]),
        ([test_left, test_right, test_tie], []),
    ],
)  # fmt: skip
def test_the_survivors_of_weak_tests_are_those_expected(tests: list[Any], survivors: list[str]) -> None:
    found = score(larger, tests=tests)
    assert [mutant.change for mutant in found.survivors] == survivors
    assert len(found.outcomes) == 10
    text = str(found)
    assert f"{10 - len(survivors)} of 10 mutants were noticed" in text
    for change in survivors:
        assert f": {change}  [" in text
    if "x < y -> x <= y" in survivors:
        assert "+ @primitive(x=lambda g, x, y: g * (x >= y), y=lambda g, x, y: g * (x <= y))" in text


def test_equivalent_mutants_are_not_run_and_stale_entries_are_named() -> None:
    equivalent = {
        "test_testing_mutation.larger.y": {"x < y -> x <= y": "a reason", "x -> y": "there is no such mutant"}
    }
    found = score(larger, tests=[test_left, test_right], equivalent=equivalent)
    assert [mutant.change for mutant in found.survivors] == ["x >= y -> x > y"]
    assert [(mutant.change, reason) for mutant, reason in found.equivalent] == [("x < y -> x <= y", "a reason")]
    assert found.stale == ["test_testing_mutation.larger.y: x -> y"]


def test_a_mutant_that_loops_crashes_or_exits_is_noticed() -> None:
    @primitive(x=lambda g, x: _halved(g, 8.0))
    def eighth(x: Any) -> Any:
        return x / 8

    def _halved(g: Any, until: float) -> Any:
        while until > 1:
            g, until = g / 2, until / 2
        return g

    def test() -> None:
        assert grad(eighth)(1.0).item() == 0.125

    found = score(_halved, tests=[test], patience=0.2)
    assert not found.survivors
    assert "took too long" in {outcome.complaint for outcome in found.outcomes}


def test_a_test_that_fails_anyway_takes_no_part() -> None:
    def fails() -> None:
        assert slopes(2.0, 1.0) == [0, 0]

    found = score(larger, tests=[fails, test_left])
    assert list(found.failing) == ["fails"]
    assert len(found.survivors) == 6


def test_an_operation_that_no_test_reaches() -> None:
    found = score(larger, tests=[lambda: None])
    assert not found.outcomes
    assert [subject.name for subject in found.unreached] == [f"test_testing_mutation.larger.{x}" for x in "xy"]
    assert "no test reaches test_testing_mutation.larger.x" in str(found)


# --- the command --------------------------------------------------------------------------------------------------
OPERATIONS = '''
    """Operations of somebody else."""
    from tinygrad_np import primitive

    def twice_of(x):  # only a rule uses it
        return x + x

    @primitive(x=lambda g, x: g * twice_of(x))
    def square(x):
        return x * x

    @primitive(x=lambda g: -g)
    def minus(x):
        return -x
'''
TESTS = """
    from hypothesis import given, strategies as st
    from my_ops import minus, square
    from tinygrad_np import grad

    @given(st.floats(-3, 3))
    def test_square(x):
        assert abs(grad(square)(x).item()) == abs(2 * x)

    def test_value():
        assert square(3.0) == 9

    def test_broken():
        assert not minus(1.0)
"""


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Call the command in a folder."""
    (folder / "my_ops.py").write_text(textwrap.dedent(OPERATIONS))
    tests = folder / "test_my_ops.py"
    tests.write_text(tests.read_text() if tests.exists() else textwrap.dedent(TESTS))
    command = [sys.executable, "-m", "tinygrad_np.testing", "mutate", "--module", "my_ops", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_command_on_operations_and_tests_of_ones_own(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    status, text, progress = run(tmp_path, "--json", str(kept), "--jobs", "2")
    assert status == 1
    assert [line for line in text.splitlines() if line.startswith("survived")] == [
        "survived: my_ops.square.x: g * twice_of(x) -> -(g * twice_of(x))  [sign]",
        "survived: my_ops.square.x: g * twice_of(x) -> twice_of(x)  [factor]",
        "survived: my_ops.twice_of: x + x -> -(x + x)  [sign]",
    ]
    assert "no test reaches my_ops.minus.x" in text
    assert "fails without mutants, and was left out: test_my_ops.py::test_broken" in text
    assert "test_my_ops.py::test_square" in progress
    assert "test_value" not in progress.partition("1/")[2].rpartition("without mutants")[2], "it reaches no rule"

    killed = {name for name, record in json.loads(kept.read_text())["mutants"].items() if record["killer"]}
    assert killed
    reasons = tmp_path / "equivalent.toml"
    reasons.write_text('["my_ops.twice_of"]\n"x + x -> -(x + x)" = "for the sake of it"\n')
    status, text, progress = run(
        tmp_path, "--json", str(kept), "--equivalent", str(reasons), "--only", "twice_of", "--only", "square"
    )
    assert status == 1
    assert not any(f"{name}: test_my_ops" in progress for name in killed), "what has died is not run again"
    assert "without mutants" not in progress, "nor are the tests traced that have not changed"
    assert "1 more are equivalent" in text

    tests = tmp_path / "test_my_ops.py"
    tests.write_text(
        tests.read_text()
        .replace("abs(grad(square)(x)", "(grad(lambda x: -square(x))(x)")
        .replace("abs(2 * x)", "-2 * x")
    )
    status, text, _ = run(tmp_path, "--json", str(kept), "--only", "square", "--only", "twice_of")
    assert (status, "survived" in text) == (0, False), text


def test_the_command_lists(tmp_path: Path) -> None:
    status, text, _ = run(tmp_path, "--list", "--only", "minus")
    assert (status, text.splitlines()) == (
        0, ["factor     my_ops.minus.x: -g -> 2 * -g", "sign       my_ops.minus.x: -g -> g"],
    )  # fmt: skip


def test_the_command_shows_why_pytest_cannot_collect(tmp_path: Path) -> None:
    (tmp_path / "test_my_ops.py").write_text("import nothing_of_this_name")
    status, _, text = run(tmp_path)
    assert status != 0
    assert "nothing_of_this_name" in text
