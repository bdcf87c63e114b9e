"""What ``import tinygrad_np`` costs, in fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import OURS, Effort, Times
from benchmarks.report import Goal, Result, report_times

__all__ = ["startup"]


def startup(effort: Effort) -> Result:
    """``import tinygrad_np`` against ``import numpy``, which it contains."""
    statements = {"numpy": "import numpy", OURS: f"import {OURS}"}
    rounds: dict[str, list[float]] = {name: [] for name in statements}
    with TemporaryDirectory() as cache:
        for statement in statements.values():
            _seconds(statement, cache)  # compiles, and writes what Python caches
        for _ in range(min(effort.rounds, 15)):
            for name, statement in statements.items():
                rounds[name].append(_seconds(statement, cache))
    times = Times(rounds)
    ratio = times.ratio(OURS, "numpy")
    goal = Goal("`import tinygrad_np`", "1.3 x `import numpy`", f"{ratio:.2f} x", ratio <= 1.3)
    return report_times("Import, in a fresh interpreter", times, "numpy", [goal])


def _seconds(statement: str, cache: str) -> float:
    """How long a fresh interpreter takes for the statement, without its own start.

    Bytecode is cached in a folder of its own, for all modules alike, whatever the settings of this process are.
    """
    code = f"from time import perf_counter; t = perf_counter(); {statement}; print(perf_counter() - t)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env=environment | {"PYTHONPYCACHEPREFIX": cache},
        check=True,
        capture_output=True,
    )
    return float(run.stdout)
