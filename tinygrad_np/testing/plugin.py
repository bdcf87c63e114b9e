"""The pytest plugin: ``pytest --gradcheck=fast|full|nightly`` and ``@pytest.mark.gradcheck``.

It is there as soon as tinygrad_np is installed. Every call of :func:`tinygrad_np.testing.check_gradients` in a test
follows the option ``--gradcheck``. A test that is marked may return what is to be checked::

    @pytest.mark.gradcheck(order=1)
    def test_swish():
        return swish, np.array([-1.0, 0.5])       # check_gradients(swish, np.array([-1.0, 0.5]), order=1)

The summary tells how near the checks came to kinks and which of them took longest, and for each failure a line that
reproduces it when it is pasted into a Python prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isinf
from time import perf_counter
from typing import Any

import pytest

from tinygrad_np.testing.gradients import check_gradients
from tinygrad_np.testing.settings import listener, settings

__all__ = ["pytest_addoption", "pytest_configure", "pytest_pyfunc_call", "pytest_runtest_call"]

#: What ``--gradcheck`` means: the mode of check_gradients, and how many examples hypothesis draws.
LEVELS = {"fast": ("fast", 25), "full": ("full", 100), "nightly": ("full", 1000)}

_PROPERTY = "gradcheck"  # under this name the reports travel with the test's result, between processes, too
_SHOWN = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``--gradcheck``."""
    group = parser.getgroup("gradcheck", "gradient checks of tinygrad_np")
    group.addoption(
        "--gradcheck",
        choices=LEVELS,
        help="how thorough: 'fast', one random direction; 'full', every element; 'nightly', full and 1000 examples of "
        "hypothesis. Without this option, as each test says.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, and load the hypothesis profile that goes with the level."""
    config.addinivalue_line(
        "markers",
        "gradcheck(**options): options of tinygrad_np.testing.check_gradients for the checks in this test; what the "
        "test returns, a function and its inputs, is checked",
    )
    level = config.getoption("--gradcheck")
    if level is not None and config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings as profiles

        name = f"gradcheck-{level}"
        profiles.register_profile(name, profiles(), max_examples=LEVELS[level][1])
        if config.getoption("--hypothesis-profile", None) is None:
            profiles.load_profile(name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Set the options of the checks in this test, and take down what they find."""
    level = item.config.getoption("--gradcheck")
    mark = item.get_closest_marker("gradcheck")
    options = {} if level is None else {"mode": LEVELS[level][0]}
    options |= dict(mark.kwargs) if mark else {}
    found: list[dict[str, Any]] = []
    began = perf_counter()

    def take_down(report: Any) -> None:
        nonlocal began
        now = perf_counter()
        found.append(_summary(report, item.nodeid, now - began))
        began = now

    token = listener.set(take_down)
    try:
        with settings(**options):
            return (yield)
    finally:
        listener.reset(token)
        if found:
            item.user_properties.append((_PROPERTY, _worth_telling(found)))


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Check what a marked test returns."""
    if pyfuncitem.get_closest_marker("gradcheck") is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    returned = pyfuncitem.obj(**arguments)
    if returned is not None:
        if not isinstance(returned, tuple):
            raise TypeError(
                f"{pyfuncitem.name} is marked gradcheck and returned {type(returned).__name__}; it has to return "
                f"(function, *inputs), or nothing"
            )
        check_gradients(*returned)
    return True


def _summary(report: Any, test: str, seconds: float) -> dict[str, Any]:
    """What the terminal needs of a report, in plain types that travel between processes."""
    margin = report.margin
    return {
        "test": test,
        "name": report.name,
        "seconds": seconds,
        "passed": report.passed,
        "margin": None if margin is None or isinf(margin.distance) else (float(margin.distance), margin.operation),
        "reproduce": "" if report.passed else report.reproduce,
    }


def _worth_telling(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Of the many checks of one test: how many, the nearest kink, the slowest, the last failure."""
    return {
        "checks": len(found),
        "tightest": min((f for f in found if f["margin"]), key=lambda f: f["margin"], default=None),
        "slowest": max(found, key=lambda f: f["seconds"]),
        "failure": next((f for f in reversed(found) if not f["passed"]), None),
    }


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the section on gradient checks, if there were any."""
    told = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    if not told:
        return
    write = terminalreporter.write_line
    terminalreporter.section("gradient checks")
    write(f"{sum(t['checks'] for t in told)} checks in {len(told)} tests")
    margins = sorted((t["tightest"] for t in told if t["tightest"]), key=lambda f: f["margin"])
    for f in margins[:_SHOWN]:
        distance, operation = f["margin"]
        write(f"  nearest kink: {distance:.2g} in {operation}, {f['test']}")
    for f in sorted((t["slowest"] for t in told), key=lambda f: -f["seconds"])[:_SHOWN]:
        write(f"  slowest: {f['seconds']:.2f} s for {f['name']}, {f['test']}")
    for f in (t["failure"] for t in told if t["failure"]):
        write(f"  to reproduce {f['test']}:", red=True)
        write(f"    {f['reproduce']}")
