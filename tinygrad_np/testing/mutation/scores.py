"""The mutation score: how many mutants of which function are noticed, by what test; and which are not."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType
from typing import Any

from tinygrad_np.primitives import Primitive, table
from tinygrad_np.testing.mutation.mutants import Mutant, mutants_of
from tinygrad_np.testing.mutation.results import Results
from tinygrad_np.testing.mutation.running import Outcome, Test, as_test, run, trace
from tinygrad_np.testing.mutation.subjects import Subject, subjects

__all__ = ["Score", "measure", "read_equivalents", "score"]


@dataclass
class Score:
    """What tests notice.

    Attributes
    ----------
    outcomes : list of Outcome
        One per mutant that was run.
    equivalent : list of (Mutant, str)
        Those that cannot be told from the original, and why.
    unreached : list of Subject
        Functions that no test reaches, or whose source cannot be found.
    stale : list of str
        Entries among the equivalent ones for what is no mutant (any more).
    failing : dict of str to str
        Tests that fail without any mutant, and so take no part; their complaints.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    equivalent: list[tuple[Mutant, str]] = field(default_factory=list)
    unreached: list[Subject] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    failing: dict[str, str] = field(default_factory=dict)

    @property
    def killed(self) -> list[Outcome]:
        """Mutants that some test noticed."""
        return [outcome for outcome in self.outcomes if outcome.killer is not None]

    @property
    def survivors(self) -> list[Mutant]:
        """Mutants that no test noticed."""
        return [outcome.mutant for outcome in self.outcomes if outcome.killer is None]

    def __str__(self) -> str:
        lines = [*self._table(), ""]
        for mutant in self.survivors:
            where = f"{mutant.subject.file}:{mutant.line}"
            lines += [f"survived: {mutant.name}  [{mutant.kind}]", f"  {where}"]
            lines += [f"  {line}" for line in mutant.diff.splitlines()] + [""]
        lines += [f"no test reaches {subject.name}" for subject in self.unreached]
        lines += [f"among the equivalent ones, but no mutant: {name}" for name in self.stale]
        lines += [f"fails without mutants, and was left out: {name}: {text}" for name, text in self.failing.items()]
        n, k = len(self.outcomes), len(self.killed)
        share = f" ({100 * k / n:.1f} %)" if n else ""
        lines.append(f"{k} of {n} mutants were noticed{share}; {len(self.equivalent)} more are equivalent")
        return "\n".join(lines)

    def _table(self) -> list[str]:
        rows = [("function", "mutants", "killed", "equivalent", "survivors", "noticed most often by")]
        by_name: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            by_name.setdefault(outcome.mutant.subject.name, []).append(outcome)
        equivalent = Counter(mutant.subject.name for mutant, _ in self.equivalent)
        for name in dict.fromkeys([*by_name, *equivalent]):
            killers = Counter(outcome.killer for outcome in by_name.get(name, []) if outcome.killer is not None)
            n, k = len(by_name.get(name, [])), killers.total()
            first = killers.most_common(1)[0][0] if killers else ""
            rows.append((name, str(n), str(k), str(equivalent[name] or ""), str(n - k or ""), first))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        return [
            "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in range(1, 5)), row[5]]).rstrip()
            for row in rows
        ]


def score(
    *operations: Any, tests: Sequence[Callable[[], Any]], equivalent: dict[str, dict[str, str]] | None = None,
    jobs: int = 1, patience: float = 20,
) -> Score:  # fmt: skip
    """Break the rules of operations in every way there is, and see which tests notice.

    Parameters
    ----------
    *operations : Primitive or callable
        Operations, NumPy functions that are such, or Python functions.
    tests : sequence of callable
        Each raises an exception if something is wrong. For pytest's tests: ``python -m tinygrad_np.testing mutate``.
    equivalent : dict, optional
        Mutants that nothing can notice: name of the function -> change -> the reason.
    jobs : int
        How many mutants run at a time.
    patience : float
        A mutant may loop: after so many seconds of the processor (and 20 times what the test takes without it), the
        test has noticed.

    Returns
    -------
    Score
        Print it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import grad, primitive
    >>> @primitive(x=lambda g, x: g * 3 * x * x)
    ... def cube(x):
    ...     return x * x * x
    >>> def weak():  # at 0, any multiple of the derivative is right
    ...     assert grad(cube)(0.0).item() == 0
    >>> def strong():
    ...     assert grad(lambda x: 5 * cube(x))(2.0).item() == 60
    >>> [len(score(cube, tests=tests).survivors) for tests in ([weak], [weak, strong])]
    [8, 0]
    """
    entries = [table.get(operation, operation) for operation in operations]
    for entry in entries:
        if not isinstance(entry, Primitive | FunctionType):
            raise TypeError(f"{entry!r} is neither an operation nor a Python function, so there is no rule to break")
    return measure(subjects(entries), [as_test(test) for test in tests], equivalent or {}, jobs=jobs, patience=patience)


def measure(
    found: Sequence[Subject], tests: Sequence[Test], equivalent: dict[str, dict[str, str]], *, jobs: int = 1,
    patience: float = 20, only: Callable[[Subject], bool] = lambda subject: True, results: Results | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Score:  # fmt: skip
    """Run tests against the mutants of ``only`` some subjects (all are traced), and keep the results.

    From what was kept before it knows which tests reach what, as long as their files stay the same; and which mutants
    have died, as long as the function stays the same and there is the test that noticed.
    """
    results = Results() if results is None else results
    traces = results.traces(found, tests)
    missing = [test for test in tests if test.name not in traces]
    for k, (name, what) in enumerate(trace(found, missing)):
        progress(f"{k + 1}/{len(missing)} without mutants: {name} ({what.seconds:.1f} s)")
        traces[name] = what
        if k % 100 == 0 or k + 1 == len(missing):
            results.keep_traces(found, traces)
    new = frozenset(test.name for test in missing)
    reached = {name for t in traces.values() if t.failed is None for name in t.reached}
    broken = [subject for subject in found if only(subject)]
    mutants = [mutant for subject in broken for mutant in mutants_of(subject)]
    score = Score(
        unreached=[s for s in broken if s.name not in reached and any(mutant.subject is s for mutant in mutants)],
        stale=sorted(
            {f"{s.name}: {change}" for s in broken for change in equivalent.get(s.name, {})} - {m.name for m in mutants}
        ),
        failing={name: t.failed for name, t in traces.items() if t.failed is not None},
    )
    waiting = []
    for mutant in mutants:
        if reason := equivalent.get(mutant.subject.name, {}).get(mutant.change):
            score.equivalent.append((mutant, reason))
        elif (known := results.outcome(mutant)) and known.killer in traces:
            score.outcomes.append(known)
        elif mutant.subject.name in reached:
            waiting.append(mutant)
    for k, outcome in enumerate(run(waiting, tests, traces, jobs, patience, new)):
        score.outcomes.append(outcome)
        results.keep_outcome(outcome)
        by = outcome.killer or "SURVIVED"
        progress(f"{k + 1}/{len(waiting)} {outcome.mutant.name}: {by} ({outcome.tests} tests, {outcome.seconds:.1f} s)")
    results.save()
    places = {id(mutant): i for i, mutant in enumerate(mutants)}
    score.outcomes.sort(key=lambda outcome: places[id(outcome.mutant)])
    return score


def read_equivalents(file: Path) -> dict[str, dict[str, str]]:
    """Read a TOML file of mutants that nothing can notice: a table per function, ``"change" = "reason"``."""
    return tomllib.loads(file.read_text())
