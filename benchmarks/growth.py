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

#: What grows -> the shape in words, the sizes, and the network of such a size.
GROWTH: dict[str, tuple[str, tuple[int, ...], Callable[[int], Training]]] = {
    "width": ("n-n-n-10, batch 64", (8, 64, 512, 2048), lambda n: Training((n, n, n, 10), 64, "sgd")),
    "depth": ("n layers of 64 and one of 10, batch 64", (1, 4, 16, 64),
              lambda n: Training((64,) * (n + 1) + (10,), 64, "sgd")),
    "batch": ("64-64-64-10, batch n", (1, 16, 256, 4096), lambda n: Training((64, 64, 64, 10), n, "sgd")),
}  # fmt: skip


def growth(what: str, effort: Effort) -> Result:
    """Steps of one thread, since small networks have no use for two."""
    shape, sizes, network = GROWTH[what]
    names = [TUNED, *MODES.values(), "PyTorch", "JAX, jit"]
    rows, notes = {}, {}
    for size in sizes if effort.processes else sizes[:1]:
        compared = side_by_side(network(size), names, replace(effort, threads=1))
        rows[str(size)] = {name: compared.times.median(name) for name in names if name in compared.tried}
        notes |= dict.fromkeys(compared.left_out)
    title = f"Growth with the {what}: step of {shape}, sgd, one thread"
    return Result(title, [], notes=list(notes), rows=rows, over=what)
