"""The tasks in all libraries, side by side: whether they agree, what each takes, and how ours compare."""

from __future__ import annotations

import os
import sys
from statistics import median
from typing import Any

from benchmarks.goals import MODES, goals_of, limit
from benchmarks.harness import Effort, Times, check_agreement
from benchmarks.implementations import IMPLEMENTATIONS, PRODUCTS, TUNED
from benchmarks.report import Goal, Result
from benchmarks.tasks import TASKS, Chain, Task, Training
from benchmarks.worker import Here, Unable, Worker

__all__ = ["peers", "side_by_side"]

Contender = Worker | Here
_TOLERANCE = 1e-3


def peers(name: str, effort: Effort) -> Result:
    """One task, in every implementation, with one thread and with two: the better one counts."""
    task = TASKS[name] if effort.processes else TASKS[name].small()
    times, contenders, notes = side_by_side(task, list(IMPLEMENTATIONS), effort)
    medians = times.medians()
    goals = goals_of(name, times)
    goals += _others(name, task, contenders)
    details = {
        other: {"threads": contenders[other].threads, "start": contenders[other].first.start}
        | ({"memory": grown} if (grown := contenders[other].first.memory) is not None else {})
        for other in medians
    }
    if isinstance(task, Training) and PRODUCTS in medians:
        rate = 2 * task.multiplications() / medians[PRODUCTS] / 1e9
        notes.append(f"the matrix products alone run at {rate:.0f} GFLOP/s")
        for peer in medians:
            share, most = times.ratio(PRODUCTS, peer), limit(name, "compiled", peer)
            if most is not None and share > most:
                notes.append(
                    f"≤ {most} is out of reach for {peer}: the matrix products alone take {share:.2f} of its time"
                )
    ratios = {other: times.ratio(other, TUNED) for other in medians}
    return Result(f"{name}: {task}", goals, medians, TUNED, ratios, notes, details=details)


def side_by_side(task: Task, names: list[str], effort: Effort) -> tuple[Times, dict[str, Contender], list[str]]:
    """Return the times of each implementation with its better number of threads, and who was left out.

    Raises
    ------
    AssertionError
        If one computes something else.
    """
    contenders, notes = _started(task, names, effort)
    try:
        first = {f"{name}, {threads} threads": c.first.outcome for (name, threads), c in contenders.items()
                 if name != PRODUCTS}  # fmt: skip
        check_agreement(first, _TOLERANCE)
        rounds = _in_turns(contenders, effort)
    finally:
        for contender in contenders.values():
            contender.stop()
    best: dict[str, tuple[str, int]] = {}
    for key in sorted(rounds, key=lambda key: median(rounds[key])):
        best.setdefault(key[0], key)
    return (
        Times({name: rounds[key] for name, key in best.items()}),
        {name: contenders[key] for name, key in best.items()},
        notes,
    )


def _started(task: Task, names: list[str], effort: Effort) -> tuple[dict[tuple[str, int], Contender], list[str]]:
    counts = [1] if isinstance(task, Chain) else sorted({1, os.cpu_count() or 1})  # a chain is nothing for two
    if effort.threads is not None or not effort.processes:
        counts = [effort.threads or 1]
    contenders: dict[tuple[str, int], Contender] = {}
    notes, kind = {}, Worker if effort.processes else Here
    for name in names:
        for threads in counts:
            print(f"    {name}, {threads} threads", file=sys.stderr, flush=True)
            try:
                contenders[name, threads] = kind(name, task, threads, effort.patience)
            except Unable as reason:
                notes[f"{name}: {reason}"] = None
                break
            except ModuleNotFoundError as error:
                if error.name is not None and error.name.partition(".")[0] in ("numpy", "tinygrad_np", "benchmarks"):
                    raise
                notes[f"{name}: not installed"] = None
                break
    return contenders, list(notes)


def _in_turns(contenders: dict[tuple[str, int], Contender], effort: Effort) -> dict[tuple[str, int], list[float]]:
    """Time them in turns. The slow ones get fewer: from the third turn on, only as long as their time lasts."""
    rounds: dict[tuple[str, int], list[float]] = {key: [] for key in contenders}
    calls = {key: max(1, round(effort.turn / max(c.seconds(1), 1e-9))) for key, c in contenders.items()}
    order = list(contenders)
    for turn in range(effort.turns):
        for key in order:
            spent = sum(rounds[key]) * calls[key]
            if turn < 3 or spent < effort.turn * effort.turns:
                rounds[key].append(contenders[key].seconds(calls[key]))
        order.append(order.pop(0))
    return rounds


def _others(workload: str, task: Task, contenders: dict[str, Any]) -> list[Goal]:
    """The goals of compiled steps that are not about their time."""
    goals, ours, tuned = [], contenders.get(MODES["compiled"]), contenders.get(TUNED)
    if ours and tuned and ours.first.memory and tuned.first.memory and limit(workload, "compiled", TUNED):
        ratio = ours.first.memory / tuned.first.memory
        cell = ("compiled", workload, f"memory, {TUNED}")
        goals.append(Goal(f"{workload} compiled, memory / {TUNED}", "1", f"{ratio:.2f}", ratio <= 1, cell))
    if ours and workload == "W2":
        seconds = ours.first.work
        goals.append(
            Goal("W2: capture, passes and 5 steps, processor time", "0.3 s", f"{seconds:.2f} s", seconds <= 0.3)
        )
    return goals
