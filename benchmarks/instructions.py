"""Instructions per training step, which no other program can disturb: ``python -m benchmarks.instructions [WORKLOAD]``.

It needs valgrind, and takes a minute or two. What Python and the libraries do when they start cancels out: the counts
of two runs that differ in their steps are subtracted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from benchmarks.harness import environment_of
from benchmarks.implementations import TUNED

__all__ = ["instructions"]

_STEPS = 100, 300
_CODE = """
from benchmarks.tasks import TASKS
from benchmarks.worker import first_steps
step = first_steps({name!r}, TASKS[{workload!r}]).step
for _ in range({steps}):
    step()
"""


def instructions(name: str, workload: str) -> float:
    """Return the instructions that an implementation takes for a step, counted by callgrind, with one thread."""
    counts = []
    for steps in _STEPS:
        code = _CODE.format(name=name, workload=workload, steps=steps)
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-c", code]
        with environment_of(1):
            environment = os.environ | {"PYTHONHASHSEED": "0"}
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        counts.append(int(re.search(r"Collected : (\d+)", run.stderr)[1]))  # type: ignore[index]
    return (counts[1] - counts[0]) / (_STEPS[1] - _STEPS[0])


if __name__ == "__main__":
    for contender in (TUNED, "tinygrad_np, compiled", "tinygrad_np, eager"):
        print(
            f"{contender}: {instructions(contender, *(sys.argv[1:] or ['W1'])):,.0f} instructions per step", flush=True
        )
