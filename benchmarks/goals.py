"""What is to be reached: the time of ours at most so many times the time of theirs."""

from __future__ import annotations

from benchmarks.implementations import PRODUCTS, TUNED

__all__ = ["MODES", "limit"]

#: Our ways to run, as they are called here -> the name of the implementation.
MODES = {mode: f"tinygrad_np, {mode}" for mode in ("eager", "compiled", "numba")}

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
    ("W4", "compiled", PRODUCTS): 1 / 0.9,
    ("W8", "numba", "PyTorch"): 0.2,
    ("adam-235k", "numba", "PyTorch"): 0.4,
    ("adam-10M", "numba", "PyTorch"): 0.8,
}


def limit(workload: str, mode: str, peer: str) -> float | None:
    """Return how many times the peer's time ours may be, or ``None`` where nothing is asked."""
    if (workload, mode, peer) in _PARTICULAR:
        return _PARTICULAR[workload, mode, peer]
    if peer not in _LIMITS or workload.startswith("adam") or (peer == TUNED and workload.startswith("W7")):
        return None
    return _LIMITS[peer][list(MODES).index(mode)]
