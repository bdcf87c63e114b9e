"""Running tests against mutants: each mutant in a process of its own, a fork of the one that has collected the tests.

So nothing is imported or collected twice, and a mutant that loops, eats memory or crashes does no harm. Of each test it
is first found out, in a run without mutants, which functions it reaches and how long it takes; of these tests, those
go first that have noticed other mutants of the same function, then those that have the operation in their name, then
those that reach little else.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tinygrad_np.testing.mutation.functions import announced, compiled, installed
from tinygrad_np.testing.mutation.mutants import Mutant
from tinygrad_np.testing.mutation.subjects import Subject

__all__ = ["Outcome", "Test", "Trace", "run", "trace"]

_CALL = "__mutation_testing_reached__"
#: A mutant may take so many seconds of the processor (``patience``), and this many times what the test takes otherwise.
_TIMES = 20
_MEMORY = 8 * 2**30  # more than before, in bytes


@dataclass(frozen=True, eq=False)
class Test:
    """A test: ``run`` returns ``None``, or says what it complains of. ``version`` changes when the test does."""

    name: str
    run: Callable[[], str | None]
    version: str = ""

    __test__ = False  # for pytest: this is no class of tests


@dataclass
class Trace:
    """What a test does without mutants."""

    seconds: float
    reached: list[str]  # names of subjects
    failed: str | None
    version: str = ""


@dataclass
class Outcome:
    """What became of a mutant: ``killer`` is the test that noticed it, or ``None``."""

    mutant: Mutant
    killer: str | None
    complaint: str = ""
    tests: int = 0
    seconds: float = 0.0


def trace(subjects: Sequence[Subject], tests: Sequence[Test]) -> Iterator[tuple[str, Trace]]:
    """Run tests without mutants; yield the name of each, and which functions it reaches, and its time."""
    reached: set[int] = set()
    namespaces = [function.__globals__ for subject in subjects for function in subject.functions]
    with ExitStack() as stack:
        for i, subject in enumerate(subjects):
            if subject.tree is not None:
                code = compiled(announced(subject.tree, _CALL, i), subject.functions[0])
                stack.enter_context(installed(subject.functions, code))
        for namespace in namespaces:
            namespace[_CALL] = reached.add
            stack.callback(namespace.pop, _CALL, None)
        for test in tests:
            reached.clear()
            start = time.process_time()
            failed = test.run()
            seconds = round(time.process_time() - start, 4)
            yield test.name, Trace(seconds, [subjects[i].name for i in reached], failed, test.version)


def run(
    mutants: Iterable[Mutant], tests: Sequence[Test], traces: dict[str, Trace], jobs: int = 1, patience: float = 20,
    new: frozenset[str] = frozenset(),
) -> Iterator[Outcome]:  # fmt: skip
    """Yield the outcome of each mutant, as they come; the ``new`` tests are tried before others."""
    if not hasattr(os, "fork"):
        raise NotImplementedError("mutants run in forks of this process, and this system has no os.fork")
    order = _Order(tests, traces, new)
    waiting, running = iter(mutants), dict[int, _Child]()
    gc.collect()
    gc.freeze()  # forks share these pages as long as nobody writes to them
    try:
        while True:
            while len(running) < jobs and (mutant := next(waiting, None)) is not None:
                child = _Child(mutant, order.of(mutant.subject), traces, patience)
                running[child.pipe] = child
            if not running:
                return
            ready, _, _ = select.select(list(running), [], [], 1.0)
            for pipe in list(running):
                if pipe in ready and running[pipe].read():
                    outcome = running.pop(pipe).outcome()
                    if outcome.killer is not None:
                        order.killed[outcome.mutant.subject.name][outcome.killer] += 1
                    yield outcome
                elif pipe not in ready:
                    running[pipe].stop_if_late()
    finally:
        for child in running.values():
            child.stop()
        gc.unfreeze()


class _Order:
    """Which tests to run against the mutants of a function, the most promising first."""

    def __init__(self, tests: Sequence[Test], traces: dict[str, Trace], new: frozenset[str]) -> None:
        self.traces, self.new = traces, new
        self.reaching: dict[str, list[Test]] = {}
        self.killed: dict[str, Counter[str]] = {}
        for test in tests:
            if traces[test.name].failed is None:
                for subject in traces[test.name].reached:
                    self.reaching.setdefault(subject, []).append(test)

    def of(self, subject: Subject) -> list[Test]:
        killed = self.killed.setdefault(subject.name, Counter())

        def key(test: Test) -> tuple[int, bool, bool, bool, int, float]:
            trace, words = self.traces[test.name], subject.concerns
            named = any(test.name.endswith(f"[{word}]") for word in words)
            like = any(word.strip("_") in test.name for word in words if len(word) > 2)
            known = test.name not in self.new
            return -killed[test.name], known, not named, not like, len(trace.reached), trace.seconds

        return sorted(self.reaching.get(subject.name, []), key=key)


class _Child:
    """A fork in which one mutant runs. It tells through a pipe, line by line: a test's number; then its complaint."""

    def __init__(self, mutant: Mutant, tests: list[Test], traces: dict[str, Trace], patience: float) -> None:
        self.mutant, self.tests, self.traces, self.patience = mutant, tests, traces, patience
        self.started = self.last = time.monotonic()
        self.received = b""
        self.pipe, end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.pipe)
                self.run(end)
            finally:
                os._exit(0)
        os.close(end)

    def run(self, end: int) -> None:
        """Be the child."""
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _limit_memory()
        with self.mutant.installed():
            for i, test in enumerate(self.tests):
                os.write(end, f"{i}\n".encode())
                signal.setitimer(signal.ITIMER_PROF, self.patience + _TIMES * self.traces[test.name].seconds)
                complaint = test.run()
                if complaint is not None:
                    os.write(end, json.dumps(complaint[:300]).encode() + b"\n")
                    return
            os.write(end, b"null\n")

    def read(self) -> bool:
        """Take what there is to read, and return whether that was the end."""
        part = os.read(self.pipe, 65536)
        self.received += part
        self.last = time.monotonic()
        return not part

    def stop_if_late(self) -> None:
        """Its time on the processor is limited, but it may also wait for ever."""
        if time.monotonic() - self.last > 15 * self.patience:
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)

    def outcome(self) -> Outcome:
        """What it has told."""
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        seconds = round(time.monotonic() - self.started, 3)
        lines = self.received.decode().splitlines()
        if not lines or lines[-1] == "null":
            return Outcome(self.mutant, None, "", len(self.tests), seconds)
        number, complaint = (lines[-1], "") if lines[-1].isdigit() else (lines[-2], json.loads(lines[-1]))
        if not complaint:
            by = os.waitstatus_to_exitcode(status)
            complaint = "took too long" if by in (-signal.SIGPROF, -signal.SIGKILL) else f"ended the process ({by})"
        return Outcome(self.mutant, self.tests[int(number)].name, complaint, int(number) + 1, seconds)


def _limit_memory() -> None:
    """A mutant may want all there is. Where the system does not tell what is in use, there is no limit."""
    if os.path.exists("/proc/self/statm"):
        import resource

        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def as_test(function: Callable[[], Any]) -> Test:
    """A test of a function that raises an exception where it complains."""

    def run() -> str | None:
        try:
            function()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    return Test(getattr(function, "__name__", repr(function)), run)
