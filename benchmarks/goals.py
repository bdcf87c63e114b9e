"""What is to be reached: the time of ours at most so many times the time of theirs."""

from __future__ import annotations

from benchmarks.harness import OURS, Times
from benchmarks.implementations import TUNED
from benchmarks.report import Goal

__all__ = ["MODES", "goals_of", "limit"]

#: Our ways to run, as they are called here -> the name of the implementation.
MODES = {mode: f"{OURS}, {mode}" for mode in ("eager", "compiled", "numba")}

#: Peer -> limits of our modes, in order.
_LIMITS: dict[str, tuple[float | None, float | None, float | None]] = {
    TUNED: (1.5, 1.0, 0.9),
    "PyTorch": (0.8, 0.5, 0.45),
    "torch.compile": (None, 0.5, None),
    "JAX, jit": (None, 1.0, 0.8),
    "HIPS autograd": (0.5, 0.25, None),
    "MyGrad": (0.5, 0.25, None),
    "scikit-learn": (0.6, 0.3, None),
}

#: What is particular to a workload, instead.
_PARTICULAR: dict[tuple[str, str, str], float] = {
    ("W8", "numba", "PyTorch"): 0.2,
    ("adam-235k", "numba", "PyTorch"): 0.4,
    ("adam-10M", "numba", "PyTorch"): 0.8,
}


def limit(workload: str, mode: str, peer: str) -> float | None:
    """Return how many times the peer's time ours may be, or ``None`` where nothing is asked."""
    if (workload, mode, peer) in _PARTICULAR:
        return _PARTICULAR[workload, mode, peer]
    recording, chain = workload.startswith("W11"), workload.startswith("W7")
    if (
        peer not in _LIMITS
        or workload.startswith(("adam", "W12"))
        or (peer == TUNED and chain)
        or (recording and peer not in ("HIPS autograd", "MyGrad"))
    ):
        return None
    return _LIMITS[peer][list(MODES).index(mode)]


def goals_of(workload: str, times: Times) -> list[Goal]:
    """Return the goals of a workload, and whether they are reached."""
    goals = []
    for mode, ours in MODES.items():
        for peer in times.medians():
            if ours in times.rounds and (most := limit(workload, mode, peer)) is not None:
                ratio, what = times.ratio(ours, peer), f"{workload} {mode} / {peer}"
                cell = (mode, workload, peer)
                goals.append(Goal(what, f"{most:.3g}", f"{ratio:.2f}", ratio <= most, cell))
    return goals
