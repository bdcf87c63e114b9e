"""What the measurements say: goals and whether they are met, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from statistics import mode as most_common
from typing import Any

from benchmarks.harness import OURS, Times

__all__ = [
    "Goal", "Result", "facts_list", "from_json", "goals_table", "in_words", "matrices", "report_times", "section",
    "table", "to_json", "to_markdown",
]  # fmt: skip


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
    over : str
        What the names of the rows are values of: ``"width"``.
    details : dict of str to dict
        What else is known, by contender: "threads" (the better number) and "seconds" by number of threads; "start"
        (seconds until it had done its first steps), "arrays" (bytes in a step), "growth" (of the process, in bytes),
        "sgemm" and "traffic" (share of what the machine can do), "pools" (as threadpoolctl finds them), "disk" (bytes),
        "epochs", "accuracy".
    """

    title: str
    goals: list[Goal]
    times: dict[str, float] = field(default_factory=dict)
    baseline: str = ""
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, float]] = field(default_factory=dict)
    over: str = ""
    details: dict[str, dict[str, Any]] = field(default_factory=dict)


def report_times(title: str, times: Times, baseline: str, goals: list[Goal], missing: Iterable[str] = ()) -> Result:
    """Return the result of a comparison."""
    medians = times.medians()
    ratios = {name: times.ratio(name, baseline) for name in medians}
    notes = [f"not installed: {', '.join(missing)}"] if missing else []
    return Result(title, goals, medians, baseline, ratios, notes)


def to_markdown(results: Iterable[Result], facts: dict[str, str]) -> str:
    """Return the report: all goals first, then the times of each comparison."""
    results = list(results)
    goals = [goal for result in results for goal in result.goals]
    parts = [facts_list(facts), goals_table(goals), *matrices(goals).values(), *map(section, results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def facts_list(facts: dict[str, str]) -> str:
    """Return one line for each fact."""
    return "\n".join(f"- {key}: {value}" for key, value in facts.items())


def goals_table(goals: Iterable[Goal]) -> str:
    """Return a line for each goal that is not in a table of many."""
    rows = [[goal.what, goal.limit, goal.measured, _REACHED[goal.met]] for goal in goals if goal.cell is None]
    return table(["goal", "limit", "measured", ""], rows) if rows else ""


def section(result: Result) -> str:
    """Return what a workload measured: its title, its table and its notes."""
    rows = _side_by_side(result) if result.rows else _times(result) if result.times else ""
    notes = "\n".join(f"- {note}" for note in result.notes)
    return "\n\n".join(part for part in (f"**{result.title}**", rows, notes) if part)


def matrices(goals: Iterable[Goal]) -> dict[str, str]:
    """Return goals that are ratios, in one table for each of our modes: workloads by peers, the usual limit on top."""
    goals, made = list(goals), {}
    for mode in dict.fromkeys(goal.cell[0] for goal in goals if goal.cell):
        cells = {goal.cell[1:]: goal for goal in goals if goal.cell and goal.cell[0] == mode}
        rows, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
        columns.sort(key=lambda column: -sum(key[1] == column for key in cells))
        usual = {c: most_common(goal.limit for key, goal in cells.items() if key[1] == c) for c in columns}

        def cell(row: str, column: str, cells: Any = cells, usual: Any = usual) -> str:
            if (goal := cells.get((row, column))) is None:
                return ""
            bound = "" if goal.limit == usual[column] else f" (≤ {goal.limit})"
            return f"{goal.measured}{bound} {_REACHED[goal.met]}"

        met = sum(goal.met is True for goal in cells.values())
        head = ["", *(f"{column} ≤ {usual[column]}" for column in columns)]
        lines = table(head, [[row, *(cell(row, column) for column in columns)] for row in rows])
        made[mode] = f"**{mode}: time ours / theirs, and whether the limit is kept ({met} of {len(cells)})**\n\n{lines}"
    return made


_REACHED = {True: "reached", False: "MISSED", None: "?"}


def _times(result: Result) -> str:
    """One line per contender: its time, that relative to the baseline, and what else is known of it."""
    told: dict[str, tuple[str, Callable[[Any], str]]] = {
        "sgemm": ("of SGEMM", "{:.0%}".format), "traffic": ("of memory", "{:.0%}".format),
        "start": ("first steps", in_words), "arrays": ("arrays", _bytes), "growth": ("process", _bytes),
        "disk": ("on disk", _bytes), "epochs": ("epochs", str), "accuracy": ("accuracy", "{:.2%}".format),
    }  # fmt: skip
    keys = [key for key in told if any(key in details for details in result.details.values())]
    counts = list(dict.fromkeys(n for details in result.details.values() for n in details.get("seconds", ())))
    rows = []
    for name, seconds in result.times.items():
        details = result.details.get(name, {})
        tried = details.get("seconds", {})
        medians = [in_words(tried[n]) if n in tried else "-" for n in counts] or [in_words(seconds)]
        ratio = f"{result.ratios[name]:.2f}" if name in result.ratios else ""
        more = [told[key][1](details[key]) if key in details else "" for key in keys]
        rows.append([f"**{name}**" if name.startswith(OURS) else name, ratio, *medians, *more])
    heads = [f"{n} thread{'s' * (n != '1')}" for n in counts] or ["median"]
    return table(["", f"{result.baseline} = 1", *heads, *(told[key][0] for key in keys)], rows)


def _side_by_side(result: Result) -> str:
    """One line per comparison: the time of the first contender, and the others' relative to it."""
    first, *others = dict.fromkeys(name for times in result.rows.values() for name in times)
    lines = [
        [what, in_words(times[first]), *(f"{times[o] / times[first]:.2f}" if o in times else "-" for o in others)]
        for what, times in result.rows.items()
    ]
    return table([result.over, f"{first} = 1", *others], lines)


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    widths = [max(3, *map(len, column)) for column in zip(head, *rows, strict=True)]
    line = "| {} |".format
    ruler = ["-" * width for width in widths]
    return "\n".join(
        line(" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))) for row in (head, ruler, *rows)
    )


def in_words(seconds: float) -> str:
    """Return a duration in a unit that fits: ``"1.25 µs"``."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _bytes(size: float) -> str:
    return f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.3g} kB"


def to_json(results: Iterable[tuple[str, Result]], facts: dict[str, str]) -> dict[str, Any]:
    """Return the same as plain data, by workload."""
    return {"environment": facts, "workloads": {name: asdict(result) for name, result in results}}


def from_json(report: dict[str, Any]) -> dict[str, Result]:
    """Return the results that :func:`to_json` has written."""
    results = {}
    for name, fields in report["workloads"].items():
        goals = [Goal(**goal | {"cell": goal["cell"] and tuple(goal["cell"])}) for goal in fields["goals"]]
        results[name] = Result(**fields | {"goals": goals})
    return results
