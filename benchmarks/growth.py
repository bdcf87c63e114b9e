"""How the time of a training step grows with the width, the depth and the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from benchmarks.goals import MODES
from benchmarks.harness import Effort
from benchmarks.implementations import TUNED
from benchmarks.peers import side_by_side
from benchmarks.report import Result
from benchmarks.tasks import Training

__all__ = ["GROWTH", "growth"]

#: What grows -> its sizes, and the network of such a size.
GROWTH: dict[str, tuple[tuple[int, ...], Callable[[int], Training]]] = {
    "width": ((8, 64, 512, 2048), lambda n: Training((n, n, n, 10), 64, "sgd")),
    "depth": ((1, 4, 16, 64), lambda n: Training((64,) * (n + 1) + (10,), 64, "sgd")),
    "batch": ((1, 16, 256, 4096), lambda n: Training((64, 64, 64, 10), n, "sgd")),
}


def growth(what: str, effort: Effort) -> Result:
    """One thread, since small networks have no use for two."""
    sizes, network = GROWTH[what]
    names = [TUNED, MODES["eager"], MODES["compiled"], "PyTorch", "JAX, jit"]
    rows, notes = {}, {}
    for size in sizes if effort.processes else sizes[:1]:
        times, _, missing = side_by_side(network(size), names, replace(effort, threads=1))
        rows[f"{what} {size}"] = {name: times.median(name) for name in names if name in times.rounds}
        notes |= dict.fromkeys(missing)
    shape = {"width": "n-n-n-10, batch 64", "depth": "n layers of 64, and 10, batch 64", "batch": "64-64-64-10"}[what]
    return Result(f"Growth with the {what}: step of {shape}, sgd", [], notes=list(notes), rows=rows)
