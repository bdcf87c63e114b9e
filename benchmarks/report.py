"""What the measurements say: goals and whether they are met, as Markdown and as JSON."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from statistics import mode
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Times

__all__ = [
    "Goal", "Result", "busyness", "environment", "load_average", "report_times", "to_json", "to_markdown",
]  # fmt: skip

_PEERS = ("torch", "jax", "autograd", "mygrad", "scikit-learn", "numba")


@dataclass(frozen=True)
class Goal:
    """One number to reach.

    Attributes
    ----------
    what, limit, measured : str
        In words.
    met : bool or None
        ``None`` where it could not be measured.
    cell : (str, str, str), optional
        Table, row and column, of a goal that stands in a table of many.
    """

    what: str
    limit: str
    measured: str
    met: bool | None
    cell: tuple[str, str, str] | None = None


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
    details : dict of str to dict of str to float
        What else is known, by contender: "threads", "start" (seconds until it had done its first steps), "memory".
    """

    title: str
    goals: list[Goal]
    times: dict[str, float] = field(default_factory=dict)
    baseline: str = ""
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    details: dict[str, dict[str, float]] = field(default_factory=dict)


def report_times(title: str, times: Times, baseline: str, goals: list[Goal], missing: Iterable[str] = ()) -> Result:
    """Return the result of a comparison."""
    medians = times.medians()
    ratios = {name: times.ratio(name, baseline) for name in medians}
    notes = [f"not installed: {', '.join(missing)}"] if missing else []
    return Result(title, goals, medians, baseline, ratios, notes)


def to_markdown(results: Iterable[Result], facts: dict[str, str]) -> str:
    """Return the report: all goals first, then the times of each comparison."""
    results = list(results)
    lines = [f"- {key}: {value}" for key, value in facts.items()]
    goals = [goal for result in results for goal in result.goals]
    rows = [[goal.what, goal.limit, goal.measured, _REACHED[goal.met]] for goal in goals if goal.cell is None]
    lines += ["", *_table(["goal", "limit", "measured", ""], rows)] if rows else []
    lines += _matrices([goal for goal in goals if goal.cell is not None])
    for result in results:
        lines += ["", f"**{result.title}**", ""]
        lines += _times(result) if result.times else []
        lines += _side_by_side(result.rows) if result.rows else []
        lines += ["", *[f"- {note}" for note in result.notes]] if result.notes else []
    return "\n".join(lines) + "\n"


def _matrices(goals: list[Goal]) -> list[str]:
    """Goals that are ratios, in one table for each of our modes: workloads by peers, the usual limit at the top."""
    lines: list[str] = []
    for table in dict.fromkeys(goal.cell[0] for goal in goals if goal.cell):
        cells = {goal.cell[1:]: goal for goal in goals if goal.cell and goal.cell[0] == table}
        rows, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
        columns.sort(key=lambda column: -sum(key[1] == column for key in cells))
        usual = {c: mode(goal.limit for key, goal in cells.items() if key[1] == c) for c in columns}

        def cell(row: str, column: str, cells: Any = cells, usual: Any = usual) -> str:
            if (goal := cells.get((row, column))) is None:
                return ""
            bound = "" if goal.limit == usual[column] else f" (≤ {goal.limit})"
            return f"{goal.measured}{bound} {_REACHED[goal.met]}"

        met = sum(goal.met is True for goal in cells.values())
        lines += ["", f"**{table}: time ours / theirs, and whether the limit is kept ({met} of {len(cells)})**", ""]
        head = ["", *(f"{column} ≤ {usual[column]}" for column in columns)]
        lines += _table(head, [[row, *(cell(row, column) for column in columns)] for row in rows])
    return lines


_REACHED = {True: "reached", False: "MISSED", None: "?"}


def _times(result: Result) -> list[str]:
    """One line per contender: its time, that relative to the baseline, and what else is known of it."""
    known = {
        "threads": lambda details: f"{details['threads']}",
        "start": lambda details: in_words(details["start"]),
        "memory": lambda details: f"{details['memory'] / 1e6:.1f} MB",
        "disk": lambda details: f"{details['disk'] / 1e6:.0f} MB",
    }
    heads = {"threads": "threads", "start": "first steps", "memory": "memory", "disk": "on disk"}
    keys = [key for key in known if any(key in details for details in result.details.values())]
    rows = []
    for name, seconds in result.times.items():
        details = result.details.get(name, {})
        ratio = f"{result.ratios[name]:.2f}" if name in result.ratios else ""
        more = [known[key](details) if key in details else "" for key in keys]
        rows.append([f"**{name}**" if name.startswith(OURS) else name, in_words(seconds), ratio, *more])
    return _table(["", "median", f"{result.baseline} = 1", *(heads[key] for key in keys)], rows)


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


def load_average() -> float:
    """Return how many processes want to work, where the system tells."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def busyness(before: float, after: float) -> dict[str, str]:
    """Return whether others were at work, too: the measurements themselves add one or two."""
    processors = os.cpu_count() or 1
    busy = (
        ", so the machine was busy: trust the ratios of what has one thread, no others" if before > processors else ""
    )
    return {"load": f"{before:.1f} before, {after:.1f} after, on {processors} processors{busy}"}


def _blas() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return "unknown: install threadpoolctl"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
    facts = "{internal_api} {version}, kernel {architecture}, {num_threads} threads".format
    return "; ".join(facts(**{"architecture": "unknown", **pool}) for pool in pools) or "unknown"
