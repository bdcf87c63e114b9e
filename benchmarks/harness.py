"""Measuring contenders side by side: first whether they agree, then in turns, and the medians of that."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any

import numpy as np

__all__ = [
    "ONE_THREAD",
    "OURS",
    "Clock",
    "Contender",
    "Effort",
    "Times",
    "check_agreement",
    "compare",
    "gather",
    "measure",
]

OURS = "tinygrad_np"

Clock = Callable[[], float]

#: For work that one thread does: processor time, so that the turns of other programs do not count. (It is too coarse
#: for that on Windows.)
ONE_THREAD: Clock = time.process_time if time.get_clock_info("process_time").resolution < 1e-6 else time.perf_counter


@dataclass(frozen=True)
class Effort:
    """How much time to spend.

    Attributes
    ----------
    rounds : int
        How often each contender gets its turn.
    seconds : float
        Length of one turn.
    chain : tuple of int
        Numbers of operations, from the shortest to the longest chain.
    threads : int, optional
        How many threads BLAS and PyTorch are limited to, if they are.
    elements : int
        Of the arrays that rules are measured on.
    turns, turn : int, float
        Of whole tasks in other libraries: how many turns, of how many seconds.
    patience : float
        Seconds after which a library that has not done the first steps is left out.
    processes : bool
        Whether each library works in a process of its own; otherwise all work here, at tasks in little.
    data : Path, optional
        A folder with MNIST's files, or others like them, for the whole run.
    """

    rounds: int
    seconds: float
    chain: tuple[int, ...]
    threads: int | None = None
    elements: int = 1_000_000
    turns: int = 9
    turn: float = 0.05
    patience: float = 120.0
    processes: bool = True
    data: Path | None = None


@dataclass(frozen=True)
class Contender:
    """One implementation.

    Attributes
    ----------
    work : str or callable
        What is timed. A statement with the variables in ``names`` spares the call of a function, which matters where
        the work takes less than a microsecond.
    outcome : callable
        Returns what it computes, as arrays or numbers: all contenders must agree. Called once, before the timing.
    """

    work: str | Callable[[], object]
    outcome: Callable[[], Sequence[Any]]
    names: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Times:
    """Seconds per call: for each contender, one number per round."""

    rounds: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """Return the median over the rounds."""
        return median(self.rounds[name])

    def ratio(self, name: str, to: str) -> float:
        """Return the median of the ratios within each round: what slows a whole round down cancels out.

        The slower one may have taken part in fewer rounds, the first ones.
        """
        return median(a / b for a, b in zip(self.rounds[name], self.rounds[to], strict=False))

    def medians(self) -> dict[str, float]:
        """Return the median of each contender, the fastest first."""
        return dict(sorted(((name, self.median(name)) for name in self.rounds), key=lambda item: item[1]))


def gather(builders: Mapping[str, Callable[[], Contender]]) -> tuple[dict[str, Contender], list[str]]:
    """Build the contenders, and return those that could be built and the names of those that are not installed."""
    built, missing = {}, []
    for name, build in builders.items():
        try:
            built[name] = build()
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.partition(".")[0] in ("numpy", "tinygrad_np"):
                raise
            missing.append(name)
    return built, missing


def compare(
    contenders: Mapping[str, Contender], effort: Effort, *, tolerance: float = 1e-12, clock: Clock = time.perf_counter
) -> Times:
    """Check that the contenders agree, and measure them."""
    check_agreement({name: contender.outcome() for name, contender in contenders.items()}, tolerance)
    return measure(contenders, effort, clock)


def check_agreement(outcomes: Mapping[str, Sequence[Any]], tolerance: float) -> None:
    """Compare every outcome with the first one.

    Raises
    ------
    AssertionError
        If one differs by more than ``tolerance``, relative to its largest element, or in its shape; the message names
        it.
    """
    reference, *_ = outcomes
    for name, outcome in outcomes.items():
        for actual, expected in zip(outcome, outcomes[reference], strict=True):
            message = f"{name} does not compute what {reference} does"
            expected = np.asarray(expected)
            scale = tolerance * np.abs(expected).max(initial=0)
            np.testing.assert_allclose(np.asarray(actual), expected, 0, scale, err_msg=message)


def measure(contenders: Mapping[str, Contender], effort: Effort, clock: Clock = time.perf_counter) -> Times:
    """Time the contenders in turns; in each round another one goes first.

    Turns are short, so that the medians are of turns that no other program has interrupted. Python's garbage collector
    runs as it does in any program: a library that makes work for it pays for it, but not for what others have loaded.
    """
    timers = {
        name: Timer(contender.work, "import gc; gc.enable()", clock, globals=dict(contender.names))
        for name, contender in contenders.items()
    }
    calls = {name: _calls(timer, effort.seconds) for name, timer in timers.items()}
    rounds: dict[str, list[float]] = {name: [] for name in timers}
    order = list(timers)
    gc.collect()
    gc.freeze()
    try:
        for _ in range(effort.rounds):
            for name in order:
                gc.collect()
                rounds[name].append(timers[name].timeit(calls[name]) / calls[name])
            order.append(order.pop(0))
    finally:
        gc.unfreeze()
    return Times(rounds)


def _calls(timer: Timer, seconds: float) -> int:
    """How many calls take about so many seconds; warms up on the way."""
    calls = 1
    while True:
        taken = timer.timeit(calls)
        if taken >= seconds / 2 or calls >= 10**7:
            return max(1, round(calls * min(2.0, seconds / taken)))
        calls = max(calls + 1, min(calls * 10, round(calls * seconds / taken)))
