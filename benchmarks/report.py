"""What the measurements say: goals and whether they are met, as Markdown and as JSON."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Times

__all__ = ["Goal", "Result", "environment", "load_average", "report_times", "to_json", "to_markdown"]

_PEERS = ("torch", "jax", "autograd", "mygrad")


@dataclass(frozen=True)
class Goal:
    """One number to reach.

    Attributes
    ----------
    what, limit, measured : str
        In words.
    met : bool or None
        ``None`` where it could not be measured.
    """

    what: str
    limit: str
    measured: str
    met: bool | None


@dataclass(frozen=True)
class Result:
    """What a workload measured.

    Attributes
    ----------
    title : str
    goals : list of Goal
    times : dict of str to float
        Seconds (median), by contender.
    baseline : str
        The contender that the others are compared with.
    ratios : dict of str to float
        Relative to the baseline.
    notes : list of str
    rows : dict of str to dict of str to float
        Of a workload of many small comparisons: the seconds by what is computed, and by contender.
    """

    title: str
    goals: list[Goal]
    times: dict[str, float] = field(default_factory=dict)
    baseline: str = ""
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)


def report_times(title: str, times: Times, baseline: str, goals: list[Goal], missing: Iterable[str] = ()) -> Result:
    """Return the result of a comparison."""
    medians = times.medians()
    ratios = {name: times.ratio(name, baseline) for name in medians}
    notes = [f"not installed: {', '.join(missing)}"] if missing else []
    return Result(title, goals, medians, baseline, ratios, notes)


def to_markdown(results: Iterable[Result], facts: dict[str, str]) -> str:
    """Return the report: all goals in one table, then the times of each comparison."""
    results = list(results)
    lines = [f"- {key}: {value}" for key, value in facts.items()]
    goals = [goal for result in results for goal in result.goals]
    rows = [[goal.what, goal.limit, goal.measured, {True: "yes", False: "NO", None: "?"}[goal.met]] for goal in goals]
    lines += ["", *_table(["goal", "limit", "measured", "met"], rows)]
    for result in results:
        lines += ["", f"**{result.title}**", ""]
        rows = [
            [f"**{name}**" if name == OURS else name, in_words(seconds), f"{result.ratios[name]:.2f}"]
            for name, seconds in result.times.items()
        ]
        lines += _table(["", "median", f"{result.baseline} = 1"], rows) if rows else []
        lines += _side_by_side(result.rows) if result.rows else []
        lines += ["", *[f"- {note}" for note in result.notes]] if result.notes else []
    return "\n".join(lines) + "\n"


def _side_by_side(rows: dict[str, dict[str, float]]) -> list[str]:
    """One line per comparison: the time of the first contender, and the others' relative to it."""
    first, *others = dict.fromkeys(name for times in rows.values() for name in times)
    lines = [
        [what, in_words(times[first]), *(f"{times[o] / times[first]:.2f}" if o in times else "-" for o in others)]
        for what, times in rows.items()
    ]
    return _table(["", f"{first} = 1", *others], lines)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    line = "| {} |".format
    ruler = ["-" * max(width, 3) for width in widths]
    return [line(" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))) for row in (head, ruler, *rows)]


def in_words(seconds: float) -> str:
    """Return a duration in a unit that fits: ``"1.25 µs"``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def to_json(results: Iterable[tuple[str, Result]], facts: dict[str, str]) -> dict[str, Any]:
    """Return the same as plain data, by workload."""
    return {"environment": facts, "workloads": {name: asdict(result) for name, result in results}}


def environment() -> dict[str, str]:
    """Return what the numbers depend on: versions, processor, the BLAS kernel and its threads."""
    facts = {"Python": platform.python_version(), "NumPy": np.__version__}
    for package in _PEERS:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} logical processors"
    facts["BLAS"] = _blas()
    if "torch" in sys.modules:
        facts["PyTorch threads"] = str(sys.modules["torch"].get_num_threads())
    return facts


def load_average() -> dict[str, str]:
    """Return how busy the machine is, where it tells: to be asked before the measurements add to it."""
    return {"load before": f"{os.getloadavg()[0]:.1f}"} if hasattr(os, "getloadavg") else {}


def _blas() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return "unknown: install threadpoolctl"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
    facts = "{internal_api} {version}, kernel {architecture}, {num_threads} threads".format
    return "; ".join(facts(**{"architecture": "unknown", **pool}) for pool in pools) or "unknown"
