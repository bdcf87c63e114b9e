"""One implementation at one task, in a process of its own: with its own threads, memory and garbage.

:class:`Worker` starts the process, which does the first steps and then waits to be told how many more to time. So
libraries take turns without sharing anything but the machine, and one that crashes or never ends hurts nobody.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Clock, Effort, environment_of
from benchmarks.implementations import implementation
from benchmarks.tasks import Chain, Task, Training

__all__ = ["First", "Here", "TooSlow", "Unable", "Worker", "array_memory", "first_steps"]

_STEPS = 5  # whose results must agree before anything is measured


class Unable(Exception):
    """An implementation takes no part, and why."""


class TooSlow(Unable):
    """There was no patience left."""


@dataclass
class First:
    """What came of the first steps.

    Attributes
    ----------
    outcome : list
        What must be the same for all: losses, or two numbers per array.
    start : float
        Seconds until then, after the import: for libraries that compile, mostly that.
    growth : float or None
        By how many bytes the process had grown at its peak, where the system tells.
    pools : list of str
        The threads of BLAS and OpenMP, as threadpoolctl finds them.
    """

    outcome: list[Any]
    start: float
    growth: float | None
    pools: list[str]
    step: Callable[[], Any] = field(repr=False, compare=False, default=lambda: None)


def first_steps(name: str, task: Task, clock: Clock = time.perf_counter) -> First:
    """Prepare a task and do it a few times.

    Raises
    ------
    ModuleNotFoundError
        If the implementation is not installed.
    Unable
        If it cannot do such a task.
    """
    method = getattr(implementation(name), task.kind, None)
    if method is None:
        raise Unable("cannot do this")
    np.random.default_rng(0).random((64, 64)) @ np.ones((64, 64))  # NumPy loads things when they are first used
    with _growth() as grown:
        begin = clock()
        try:
            step = _repeated(method, task)
        except NotImplementedError as error:
            raise Unable(str(error)) from None
        results, start = [step()], clock() - begin
        # A long chain takes its time; but compiled functions are captured in the first two calls.
        while len(results) < _STEPS and (not isinstance(task, Chain) or len(results) < 3 or start < 5):
            results.append(step())
            start = clock() - begin
    outcome = results if isinstance(task, Training) else [_fingerprint(array) for array in results[-1]]
    return First(outcome, start, grown(), _pools(), step)


def _repeated(method: Callable[[Any], Any], task: Task) -> Callable[[], Any]:
    made = method(task)
    if not isinstance(task, Training):
        return made  # type: ignore[no-any-return]
    data = cycle([made.batch(x, y) for x, y in task.data()])
    return lambda: made.step(*next(data))


def _fingerprint(array: Any) -> list[float]:
    """The norm of an array, and its product with random numbers: if these agree, all elements do."""
    flat = np.asarray(array, np.float64).reshape(-1)
    return [float(np.linalg.norm(flat)), float(flat @ np.random.default_rng(0).standard_normal(flat.size))]


def _pools() -> list[str]:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return []
    told = "{internal_api} {architecture} {num_threads}".format
    return sorted({told(**{"architecture": "", **pool}).replace("  ", " ") for pool in threadpool_info()})


# --- memory -----------------------------------------------------------------------------------------------------------
@contextmanager
def _growth() -> Iterator[Callable[[], float | None]]:
    """Measure by how much the process grows at its peak (Linux tells, and lets one start anew)."""
    status, clear = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def kilobytes(key: str) -> int:
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(key))

    try:
        clear.write_text("5")
        before = kilobytes("VmRSS")
    except OSError:
        yield lambda: None
    else:
        yield lambda: 1024.0 * (kilobytes("VmHWM") - before)


def array_memory(name: str, task: Task) -> float | None:
    """Return the bytes of arrays that a step takes at its peak, besides those that the task gives.

    NumPy tells tracemalloc of each array. Those are counted that are alive after the first steps, of whatever the
    implementation has made, and to them is added by how much Python's memory grows within a step. Nothing is timed
    here, for all is slower under tracemalloc. ``None`` where arrays are not NumPy's, and for chains, of objects.
    """
    made = implementation(name)
    if not made.arrays_are_numpys or isinstance(task, Chain):
        return None
    given = sum(array.nbytes for array in task.given())
    gc.collect()
    tracemalloc.start()
    try:
        step = _repeated(getattr(made, task.kind), task)
        for _ in range(_STEPS):
            step()
        gc.collect()
        arrays = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)])
        alive = sum(trace.size for trace in arrays.traces)
        now, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return alive + (peak - now) - given


# --- where it happens -------------------------------------------------------------------------------------------------
class Here:
    """In this process: for a quick look, since nothing has to be started."""

    def __init__(self, name: str, task: Task, threads: int, effort: Effort) -> None:
        self.name, self.task, self.threads, self.clock = name, task, threads, effort.clock
        self.first = first_steps(name, task, effort.clock)

    def seconds(self, calls: int) -> float:
        """Return the seconds per call."""
        return _timed(self.first.step, calls, self.clock)

    def array_memory(self) -> float | None:
        """Return :func:`array_memory`."""
        return array_memory(self.name, self.task)

    def stop(self) -> None:
        """Nothing to do."""


class Worker:
    """A process that does a task in one implementation.

    Parameters
    ----------
    name : str
        Of the implementation.
    task : Task
    threads : int
        For BLAS and for the library's own work.
    effort : Effort
        Whose patience and clock count.

    Raises
    ------
    Unable
        If the implementation cannot do the task, fails, or takes too long.
    ModuleNotFoundError
        If it is not installed.
    """

    def __init__(self, name: str, task: Task, threads: int, effort: Effort) -> None:
        self.name, self.threads = name, threads
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, name, task, threads, effort), daemon=True)
        with environment_of(threads):
            self._process.start()
        theirs.close()
        try:
            if not self._pipe.poll(effort.patience):
                raise TooSlow(f"no result within {effort.patience:.0f} s")
            first = self._answer()
        except BaseException:
            self.stop()
            raise
        self.first: First = first

    def seconds(self, calls: int) -> float:
        """Let it work; return the seconds per call."""
        self._pipe.send(calls)
        return self._answer()  # type: ignore[no-any-return]

    def array_memory(self) -> float | None:
        """Let it measure the memory of its arrays, in an instance of its own."""
        self._pipe.send(0)
        return self._answer()  # type: ignore[no-any-return]

    def _answer(self) -> Any:
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise Unable("its process has died") from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.kill()
        self._process.join()


def _work(pipe: Connection, name: str, task: Task, threads: int, effort: Effort) -> None:
    """What happens in the process."""
    if hasattr(os, "sched_setaffinity"):  # some libraries have as many threads as they have processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        first = first_steps(name, task, effort.clock)
    except (Unable, ModuleNotFoundError) as error:
        pipe.send(error)
        return
    except Exception as error:
        pipe.send(Unable(f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.100}"))
        return
    step, first.step = first.step, None  # type: ignore[assignment]
    pipe.send(first)
    with suppress(EOFError):
        while True:
            calls = pipe.recv()
            pipe.send(_timed(step, calls, effort.clock) if calls else array_memory(name, task))


def _timed(step: Callable[[], Any], calls: int, clock: Clock) -> float:
    if calls > 1:
        step()  # others have been at the machine, and in its caches
    begin = clock()
    for _ in range(calls):
        step()
    return (clock() - begin) / calls
