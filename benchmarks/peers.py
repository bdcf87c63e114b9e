"""The tasks in all libraries, side by side: whether they agree, what each takes, and how ours compare."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.goals import MODES, goals_of, limit
from benchmarks.harness import Effort, Times, check_agreement
from benchmarks.implementations import IMPLEMENTATIONS, LIMITS, SGEMM, TRAFFIC, TUNED
from benchmarks.implementations.limits import Sgemm
from benchmarks.report import Goal, Result
from benchmarks.tasks import TASKS, Chain, Elementwise, Task, Training, Update
from benchmarks.worker import Here, TooSlow, Unable, Worker

__all__ = ["Compared", "peers", "side_by_side"]

Contender = Worker | Here
_TOLERANCE = 1e-3
_SLOW = 2.0  # seconds; who takes longer gets one turn

_gave_up: dict[str, Chain] = {}  # who was waited for in vain, and where: longer chains need not be tried


@dataclass(frozen=True)
class Compared:
    """What came of a comparison.

    Attributes
    ----------
    times : Times
        Of each implementation, with its better number of threads.
    tried : dict of str to dict of int to float
        The median seconds of each, by the number of threads.
    known : dict of str to dict
        What else is known of each, for :attr:`.Result.details`.
    left_out : list of str
        Who took no part, and why.
    """

    times: Times
    tried: dict[str, dict[int, float]]
    known: dict[str, dict[str, Any]]
    left_out: list[str]


def peers(name: str, effort: Effort) -> Result:
    """One task, in every implementation, with one thread and with all: the better one counts."""
    task = TASKS[name] if effort.processes else TASKS[name].small()
    compared = side_by_side(task, list(IMPLEMENTATIONS), effort)
    times, known = compared.times, compared.known
    goals = [*goals_of(name, times), *_goals_of_compiling(name, known), *_goal_of_the_machine(name, task, times)]
    medians = {other: seconds for other, seconds in times.medians().items() if other != SGEMM}
    ratios = {other: times.ratio(other, TUNED) for other in medians}
    notes = compared.left_out
    details = {other: known[other] for other in medians}
    if told := _machine(task, compared):
        what, note, work = told
        notes.insert(0, note)
        for other, seconds in medians.items():
            details[other][what] = work / seconds
    notes += _out_of_reach(name, details)
    return Result(f"{name}: {task}", goals, medians, TUNED, ratios, notes, details=details)


def side_by_side(task: Task, names: list[str], effort: Effort) -> Compared:
    """Compare implementations at a task, in rounds in which each has a turn with each number of threads.

    Raises
    ------
    AssertionError
        If one computes something else.
    """
    contenders, left_out = _started(task, names, effort)
    memory: dict[str, float] = {}
    try:
        first = {f"{name}, {threads} threads": c.first.outcome for (name, threads), c in contenders.items()
                 if name not in LIMITS}  # fmt: skip
        check_agreement(first, _TOLERANCE)
        rounds = _in_turns(contenders, effort)
        for (name, _), contender in contenders.items():
            if name not in memory and (arrays := contender.array_memory()) is not None:
                memory[name] = arrays
    finally:
        for contender in contenders.values():
            contender.stop()
    tried: dict[str, dict[int, float]] = {}
    for (name, threads), seconds in rounds.items():
        tried.setdefault(name, {})[threads] = median(seconds)
    best = {name: min(counts, key=counts.__getitem__) for name, counts in tried.items()}
    times = Times({name: rounds[name, threads] for name, threads in best.items()})
    known = {name: _known(tried[name], contenders[name, best[name]], memory.get(name)) for name in tried}
    return Compared(times, tried, known, left_out)


def _known(tried: dict[int, float], contender: Contender, memory: float | None) -> dict[str, Any]:
    first = contender.first
    known = {"seconds": {str(threads): seconds for threads, seconds in tried.items()}, "threads": contender.threads,
             "start": first.start, "arrays": memory, "growth": first.growth, "pools": first.pools}  # fmt: skip
    return {what: value for what, value in known.items() if value is not None}


def _started(task: Task, names: list[str], effort: Effort) -> tuple[dict[tuple[str, int], Contender], list[str]]:
    counts = effort.counts[:1] if isinstance(task, Chain) else effort.counts  # a chain is nothing for two
    contenders: dict[tuple[str, int], Contender] = {}
    left_out, kind = {}, Worker if effort.processes else Here
    for name in names:
        for threads in counts:
            if isinstance(task, Chain) and name in _gave_up and _gave_up[name].operations < task.operations:
                left_out[f"{name}: not tried, after {_gave_up[name].operations:,} operations were too many"] = None
                break
            print(f"    {name}, {threads} threads", file=sys.stderr, flush=True)
            try:
                contenders[name, threads] = kind(name, task, threads, effort)
            except Unable as reason:
                if isinstance(task, Chain) and isinstance(reason, TooSlow):
                    _gave_up[name] = task
                if name not in LIMITS:
                    left_out[f"{name}: {reason}"] = None
                break
            except ModuleNotFoundError as error:
                if error.name is not None and error.name.partition(".")[0] in ("numpy", "tinygrad_np", "benchmarks"):
                    raise
                left_out[f"{name}: not installed"] = None
                break
    return contenders, list(left_out)


def _in_turns(contenders: dict[tuple[str, int], Contender], effort: Effort) -> dict[tuple[str, int], list[float]]:
    """Time them in turns. The slow ones get fewer: as many as their time lasts, at least three, but one of seconds."""
    once = {key: contender.seconds(1) for key, contender in contenders.items()}
    calls = {key: max(1, round(effort.turn / max(seconds, 1e-9))) for key, seconds in once.items()}
    rounds = {key: [seconds] if seconds > _SLOW else [] for key, seconds in once.items()}
    order = [key for key, seconds in once.items() if seconds <= _SLOW]
    for turn in range(effort.turns):
        for key in order:
            spent = sum(rounds[key]) * calls[key]
            if turn < 3 or spent < effort.turn * effort.turns:
                time.sleep(effort.rest)
                rounds[key].append(contenders[key].seconds(calls[key]))
        order.append(order.pop(0))
    return rounds


# --- what is concluded ------------------------------------------------------------------------------------------------
def _goals_of_compiling(workload: str, known: dict[str, dict[str, Any]]) -> list[Goal]:
    """The goals of compiled steps that are not about their time."""
    goals, ours, tuned = [], known.get(MODES["compiled"], {}), known.get(TUNED, {})
    if "arrays" in ours and "arrays" in tuned and limit(workload, "compiled", TUNED):
        ratio = ours["arrays"] / tuned["arrays"]
        cell = ("compiled", workload, f"memory, {TUNED}")
        goals.append(Goal(f"{workload} compiled, memory of arrays / {TUNED}", "1", f"{ratio:.2f}", ratio <= 1, cell))
    if ours and workload == "W2":
        seconds = ours["start"]
        goals.append(Goal("W2: capture, passes and 5 steps", "0.3 s", f"{seconds:.2f} s", seconds <= 0.3))
    return goals


def _goal_of_the_machine(workload: str, task: Task, times: Times) -> list[Goal]:
    ours = MODES["compiled"]
    if workload != "W4" or not isinstance(task, Training) or not {ours, SGEMM} <= set(times.rounds):
        return []
    share = task.flops() / Sgemm.flops * times.ratio(SGEMM, ours)
    return [Goal("W4 compiled: share of the SGEMM rate", "at least 90%", f"{share:.0%}", share >= 0.9)]


def _machine(task: Task, compared: Compared) -> tuple[str, str, float] | None:
    """What the task needs most of; how fast the machine is at that; and the seconds that it takes for the task."""
    if isinstance(task, Training) and SGEMM in compared.tried:
        what, who, unit, did, work = "sgemm", SGEMM, "GFLOP/s", Sgemm.flops, task.flops()
        told = "SGEMM, of 1024 x 1024, runs at"
    elif isinstance(task, Elementwise | Update) and TRAFFIC in compared.tried:
        what, who, unit = "traffic", TRAFFIC, "GB/s"
        did = work = 4 * (6 * task.elements if isinstance(task, Elementwise) else 7 * task.parameters)
        told = "memory is read and written at"
    else:
        return None
    rates = {threads: did / seconds for threads, seconds in compared.tried[who].items()}
    counts = ", ".join(f"{rate / 1e9:.3g} {unit} with {_threads(threads)}" for threads, rate in rates.items())
    return what, f"{told} {counts}", work / max(rates.values())


def _threads(n: int) -> str:
    return f"{n} thread{'s' * (n > 1)}"


def _out_of_reach(workload: str, details: dict[str, dict[str, Any]]) -> list[str]:
    """Which goals nobody can reach who uses this BLAS."""
    told = []
    for peer, known in details.items():
        most, share = limit(workload, "compiled", peer), known.get("sgemm", 0.0)
        if most is not None and share > most:
            told.append(
                f"≤ {most} is out of reach against {peer}: at the full rate of SGEMM, the matrix products alone would "
                f"take {share:.2f} of its time"
            )
    return told
