"""One implementation at one task, in a process of its own: with its own threads, memory and garbage.

:class:`Worker` starts the process, which does the first steps and then waits to be told how many more to time. So
libraries take turns without sharing anything but the machine, and one that crashes or never ends hurts nobody.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import ONE_THREAD
from benchmarks.implementations import implementation
from benchmarks.tasks import Task, Training

__all__ = ["First", "Here", "Unable", "Worker", "environment_of"]

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_STEPS = 5  # whose results must agree before anything is measured


class Unable(Exception):
    """An implementation takes no part, and why."""


@dataclass
class First:
    """What came of the first steps.

    Attributes
    ----------
    outcome : list
        What must be the same for all: losses, or two numbers per array.
    start, work : float
        Seconds until then, after the import, and of them those of this process at work: for libraries that compile,
        mostly that.
    memory : float or None
        By how many bytes the process had grown at its peak, where the system tells.
    """

    outcome: list[Any]
    start: float
    work: float
    memory: float | None
    step: Callable[[], Any] = field(repr=False, compare=False, default=lambda: None)


def first_steps(name: str, task: Task) -> First:
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
    np.random.default_rng(0).random((64, 64)) @ np.ones(
        (64, 64)
    )  # NumPy loads and makes things when they are first used
    with _growth() as grown:
        begin, at_work = time.perf_counter(), time.process_time()
        try:
            step = _repeated(method, task)
        except NotImplementedError as error:
            raise Unable(str(error)) from None
        results = [step() for _ in range(_STEPS)]
        start, work = time.perf_counter() - begin, time.process_time() - at_work
    outcome = results if isinstance(task, Training) else [_fingerprint(array) for array in results[-1]]
    return First(outcome, start, work, grown(), step)


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


class Here:
    """The same in this process: for a quick look, since nothing has to be started."""

    def __init__(self, name: str, task: Task, threads: int, limit: float) -> None:
        self.name, self.threads = name, threads
        self.first = first_steps(name, task)

    def seconds(self, calls: int) -> float:
        """Return the seconds per call."""
        return _timed(self.first.step, calls, self.threads)

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
    limit : float
        Seconds until the first steps must have been done.

    Raises
    ------
    Unable
        If the implementation cannot do the task, fails, or takes too long.
    ModuleNotFoundError
        If it is not installed.
    """

    def __init__(self, name: str, task: Task, threads: int, limit: float) -> None:
        self.name, self.threads = name, threads
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, name, task, threads), daemon=True)
        with environment_of(threads):
            self._process.start()
        theirs.close()
        try:
            if not self._pipe.poll(limit):
                raise Unable(f"no result within {limit:.0f} s")
            first = self._answer()
        except BaseException:
            self.stop()
            raise
        self.first: First = first

    def seconds(self, calls: int) -> float:
        """Let it work; return the seconds per call."""
        self._pipe.send(calls)
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


@contextmanager
def environment_of(threads: int) -> Iterator[None]:
    """Let processes that are started inside of the ``with`` block have so many threads."""
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


def _work(pipe: Connection, name: str, task: Task, threads: int) -> None:
    """What happens in the process."""
    if hasattr(os, "sched_setaffinity"):  # some libraries have as many threads as they have processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        first = first_steps(name, task)
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
            pipe.send(_timed(step, pipe.recv(), threads))


def _timed(step: Callable[[], Any], calls: int, threads: int) -> float:
    clock = ONE_THREAD if threads == 1 else time.perf_counter
    begin = clock()
    for _ in range(calls):
        step()
    return (clock() - begin) / calls
