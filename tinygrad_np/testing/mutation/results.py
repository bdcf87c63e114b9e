"""What is kept of one run for the next one: which tests reach what, and which mutants have died."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinygrad_np.testing.mutation.mutants import Mutant
from tinygrad_np.testing.mutation.running import Outcome, Test, Trace
from tinygrad_np.testing.mutation.subjects import Subject

__all__ = ["Results"]

_EVERY = 20  # seconds


class Results:
    """A JSON file, or nothing but memory.

    It has three parts: ``"functions"``, names of what can be broken; ``"tests"``, each with its time and the numbers of
    the functions that it reaches; ``"mutants"``, each with its ``"killer"`` (``null``: it survived).
    """

    def __init__(self, file: Path | None = None, fresh: bool = False) -> None:
        self.file = file
        self.data: dict[str, Any] = {"functions": [], "tests": {}, "mutants": {}}
        if file is not None and file.exists() and not fresh:
            self.data = json.loads(file.read_text())
        self.saved = time.monotonic()

    def traces(self, found: Sequence[Subject], tests: Sequence[Test]) -> dict[str, Trace]:
        """What is known about these tests.

        A function that is new since then is taken to be reached by all tests that reach a function for the same
        operations; if there is none, nothing is known.
        """
        names = self.data["functions"]
        kin = {
            s.name: {old.name for old in found if old.name in names and old.concerns & s.concerns}
            for s in found
            if s.name not in names
        }
        if not all(kin.values()):
            return {}
        traces = {
            test.name: Trace(**record | {"reached": [names[i] for i in record["reached"]]})
            for test in tests
            if (record := self.data["tests"].get(test.name)) and record["version"] == test.version
        }
        for trace in traces.values():
            trace.reached += [name for name, others in kin.items() if not others.isdisjoint(trace.reached)]
        return traces

    def keep_traces(self, found: Sequence[Subject], traces: dict[str, Trace]) -> None:
        """Put them in the place of all earlier ones of these tests."""
        numbers = {subject.name: i for i, subject in enumerate(found)}
        others = self.data["tests"] if self.data["functions"] == [*numbers] else {}
        self.data["functions"] = [*numbers]
        self.data["tests"] = others | {
            name: asdict(t) | {"reached": sorted(numbers[r] for r in t.reached if r in numbers)}
            for name, t in traces.items()
        }
        self.save_sometimes()

    def outcome(self, mutant: Mutant) -> Outcome | None:
        """What is known about a mutant, if its function is still the same."""
        record = self.data["mutants"].get(mutant.name)
        if record is None or record["source"] != _digest(mutant.subject):
            return None
        return Outcome(mutant, record["killer"], record["complaint"], record["tests"], record["seconds"])

    def keep_outcome(self, outcome: Outcome) -> None:
        """Note what became of a mutant."""
        mutant = outcome.mutant
        self.data["mutants"][mutant.name] = {
            "function": mutant.subject.name, "kind": mutant.kind, "line": mutant.line, "diff": mutant.diff,
            "source": _digest(mutant.subject), "killer": outcome.killer, "complaint": outcome.complaint,
            "tests": outcome.tests, "seconds": outcome.seconds,
        }  # fmt: skip
        self.save_sometimes()

    def save_sometimes(self) -> None:
        """A run may be interrupted."""
        if time.monotonic() - self.saved > _EVERY:
            self.save()

    def save(self) -> None:
        """Write the file."""
        if self.file is not None:
            self.file.write_text(json.dumps(self.data, indent=1))
        self.saved = time.monotonic()


def _digest(subject: Subject) -> str:
    return hashlib.sha1(subject.source.encode()).hexdigest()[:12]
