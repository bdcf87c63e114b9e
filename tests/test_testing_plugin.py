"""The pytest plugin: what it checks, what its option does, what its summary says; alone and with xdist."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest

pytest_plugins = "pytester"

TESTS = """
    import numpy as np
    import pytest
    from hypothesis import given, settings, strategies as st
    from tinygrad_np import primitive
    from tinygrad_np.testing import check_gradients
    from tinygrad_np.testing.settings import defaults

    @primitive(x=lambda g, x: g * 2 * x * x)
    def cube(x):
        return x**3

    @pytest.mark.gradcheck
    def test_right():
        return np.tanh, np.array([0.5, -1.0])

    @pytest.mark.gradcheck(order=1)
    def test_wrong():
        return cube, np.array([1.0, 2.0])

    def test_near_a_kink():
        check_gradients(lambda x: np.abs(x).sum(), np.array([0.125, 3.0]), name="size")

    def test_options():
        print("options:", dict(defaults()), "examples:", settings().max_examples)

    @pytest.mark.gradcheck
    @given(st.floats(0.5, 2))
    def test_drawn(x):
        check_gradients(np.log, x)

    @pytest.mark.gradcheck
    def test_returns_nonsense():
        return 1
"""


def run(pytester: pytest.Pytester, *arguments: str) -> Any:
    pytester.makepyfile(TESTS)
    installed = any(point.name == "tinygrad_np" for point in entry_points(group="pytest11"))
    plugin = [] if installed else ["-p", "tinygrad_np.testing.plugin"]
    return pytester.runpytest_subprocess(*plugin, "-p", "no:cacheprovider", "-rP", *arguments)


@pytest.mark.parametrize("processes", ["0", "2"])
def test_marked_tests_and_the_summary(pytester: pytest.Pytester, processes: str) -> None:
    if processes != "0":
        pytest.importorskip("xdist")
    result = run(pytester, "-n", processes) if processes != "0" else run(pytester)
    result.assert_outcomes(passed=4, failed=2)
    lines = result.stdout
    lines.fnmatch_lines(["*GradientError: cube, first derivative: argument 0 'x' is wrong*"])
    lines.fnmatch_lines(["*it has to return (function, *inputs), or nothing"])
    lines.fnmatch_lines(["*= gradient checks =*"])
    lines.fnmatch_lines(["  nearest kink: 0.12 in absolute, *::test_near_a_kink"])
    lines.fnmatch_lines(["  slowest: * s for *"])
    lines.fnmatch_lines(["  to reproduce *::test_wrong:", "    check_gradients(cube, np.array(*order=1)"])


@pytest.mark.parametrize(("level", "options"), [("fast", "fast"), ("full", "full"), ("nightly", "full")])
def test_the_option_sets_the_mode_and_the_number_of_examples(
    pytester: pytest.Pytester, level: str, options: str
) -> None:
    examples = {"fast": 25, "full": 100, "nightly": 1000}[level]
    result = run(pytester, f"--gradcheck={level}", "-k", "options or right")
    result.assert_outcomes(passed=2, deselected=4)
    result.stdout.fnmatch_lines([f"options: {{'mode': '{options}'}} examples: {examples}"])


def test_without_checks_there_is_no_section(pytester: pytest.Pytester) -> None:
    result = run(pytester, "-k", "options")
    result.stdout.no_fnmatch_line("*gradient checks*")
