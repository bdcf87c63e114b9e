"""Long graphs: whether time and memory per operation stay what they are, and whether a graph can be freed."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness import Contender, Effort, compare
from benchmarks.report import Goal, Result, in_words
from tinygrad_np import Tensor
from tinygrad_np.graph import Node

__all__ = ["chain"]

_WIDTH = 3


def chain(effort: Effort) -> Result:
    """``y = y * x``, many times over: forward and backward."""
    effort = replace(effort, rounds=min(effort.rounds, 3))  # the longest chain takes seconds
    times = compare({f"{n:,} operations": _contender(n) for n in effort.chain}, effort)
    per_node = {name: times.median(name) / n for name, n in zip(times.rounds, effort.chain, strict=True)}
    shortest, longest = effort.chain[0], effort.chain[-1]
    first, last = f"{shortest:,} operations", f"{longest:,} operations"
    growth = times.ratio(last, first) * shortest / longest
    held, left = _memory(shortest)
    freed = _freed_without_a_crash(longest)
    goals = [
        Goal(f"time per node of {longest:,} against {shortest:,}", "1.3 x", f"{growth:.2f} x", growth <= 1.3),
        Goal("memory per node, besides the arrays", "600 bytes", f"{held:.0f} bytes", held < 600),
        Goal(f"graph of {longest:,} nodes is freed", "no crash", "freed" if freed else "CRASHED", freed),
        Goal("nodes left behind, without the garbage collector", "0", str(left), left == 0),
    ]
    return Result(
        "Chain of `y = y * x` on 3 elements, forward and backward: time per node",
        goals,
        per_node,
        first,
        {name: seconds / per_node[first] for name, seconds in per_node.items()},
        [f"{name}: {in_words(times.median(name))} in all" for name in per_node],
    )


def _build(n: int) -> tuple[Tensor, Tensor]:
    x = y = Tensor(np.ones(_WIDTH), requires_grad=True)
    for _ in range(n):
        y = y * x
    return x, y


def _contender(n: int) -> Contender:
    def forward_and_backward() -> list[object]:
        x, y = _build(n)
        y.backward(np.ones(_WIDTH))
        assert x.grad is not None
        return [x.grad.numpy() / (n + 1)]  # the derivative of x ** (n + 1) at 1, over n + 1

    return Contender(forward_and_backward, forward_and_backward)


def _memory(n: int) -> tuple[float, int]:
    """Bytes per node that a graph holds besides its arrays, and how many nodes outlive it."""
    gc.collect()
    gc.disable()  # reference counts alone must do
    tracemalloc.start()
    try:
        nodes = _nodes()
        before, _ = tracemalloc.get_traced_memory()
        graph = _build(n)
        after, _ = tracemalloc.get_traced_memory()
        del graph
        left = _nodes() - nodes
    finally:
        tracemalloc.stop()
        gc.enable()
    return (after - before) / n - sys.getsizeof(np.ones(_WIDTH)), left


def _nodes() -> int:
    return sum(type(thing) is Node for thing in gc.get_objects())  # isinstance would look into proxies


def _freed_without_a_crash(n: int) -> bool:
    """Build and drop a graph in a process of its own, since an overflow of the stack would end this one."""
    code = f"import gc; gc.disable(); from benchmarks.chain import _build; graph = _build({n}); del graph"
    return subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False).returncode == 0
