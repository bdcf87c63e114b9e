"""Measuring contenders side by side: first whether they agree, then in turns, and the medians of that."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any

import numpy as np

from tinygrad_np._extras import require

__all__ = [
    "ONE_THREAD",
    "OURS",
    "Clock",
    "Contender",
    "Effort",
    "Times",
    "check_agreement",
    "compare",
    "environment_of",
    "gather",
    "limited",
    "measure",
]

OURS = "tinygrad_np"

Clock = Callable[[], float]

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

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
    rest : float
        Seconds before a turn, in which the threads of the one before go to sleep, as they wait for more work a while.
    patience : float
        Seconds after which a library that has not done the first steps is left out.
    processes : bool
        Whether each library works in a process of its own; otherwise all work here, at tasks in little.
    clock : callable
        Tells the seconds, for all contenders alike: on the wall or, if all have one thread, of the processor's time.
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
    rest: float = 0.03
    patience: float = 120.0
    processes: bool = True
    clock: Clock = time.perf_counter
    data: Path | None = None

    @property
    def counts(self) -> list[int]:
        """The numbers of threads to try."""
        if self.threads is not None or not self.processes:
            return [self.threads or 1]
        return sorted({1, os.cpu_count() or 1})


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


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Limit the threads of BLAS and OpenMP, of this process and of those that are started inside of the block."""
    with environment_of(threads), require("threadpoolctl", "bench").threadpool_limits(threads):
        yield


@contextmanager
def environment_of(threads: int) -> Iterator[None]:
    """Let what is started or imported inside of the block have so many threads."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


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


def compare(contenders: Mapping[str, Contender], effort: Effort, *, tolerance: float = 1e-12) -> Times:
    """Check that the contenders agree, and measure them."""
    check_agreement({name: contender.outcome() for name, contender in contenders.items()}, tolerance)
    return measure(contenders, effort)


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


def measure(contenders: Mapping[str, Contender], effort: Effort) -> Times:
    """Time the contenders in turns; in each round another one goes first.

    Turns are short, so that the medians are of turns that no other program has interrupted. Python's garbage collector
    runs as it does in any program: a library that makes work for it pays for it, but not for what others have loaded.
    """
    timers = {
        name: Timer(contender.work, "import gc; gc.enable()", effort.clock, globals=dict(contender.names))
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
