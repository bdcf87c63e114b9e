"""Compiled steps against the same steps tuned by hand: times in turns, and their ratios.

``python -m benchmarks.compiled`` prints a table. Both compute the same losses, or it stops; BLAS has one thread, and
times are those of the processor, so that other programs do not count.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median
from typing import Any

import numpy as np

from benchmarks.hand_tuned import Classifier, Tiny, gradient_of_chain
from tinygrad_np import Tensor, nn, optim, value_and_grad
from tinygrad_np import compile as tinygrad_compile
from tinygrad_np import functional as F

__all__ = ["WORKLOADS", "measured"]

Step = Callable[[], Any]
Steps = tuple[Step, Step]  # compiled, by hand

_LR = 1e-3


def w1(backend: str) -> Steps:
    """2-16-16-1 with tanh, batch 32, sigmoid cross-entropy, SGD."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 16, rng=0), np.tanh, nn.Linear(16, 16, rng=1), np.tanh, nn.Linear(16, 1, rng=2))
    optimizer = optim.SGD(model.parameters(), lr=_LR)
    x, y = rng.standard_normal((32, 2)).astype(np.float32), rng.integers(0, 2, (32, 1)).astype(np.float32)
    by_hand, lr = Tiny([np.array(p) for p in map(_array, model.parameters())], 32), np.array(_LR, np.float32)
    step = _training(lambda x: F.sigmoid_cross_entropy(model(x), y), optimizer, backend)
    return lambda: step(x), lambda: by_hand(x, y, lr)


def classifier(sizes: list[int], batch: int) -> Callable[[str], Steps]:
    """A relu network with softmax cross-entropy and Adam."""

    def build(backend: str) -> Steps:
        rng = np.random.default_rng(0)
        model = nn.MLP(sizes, rng=0)
        optimizer = optim.Adam(model.parameters(), lr=_LR)
        x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
        labels = rng.integers(0, sizes[-1], batch)
        by_hand, count = Classifier([np.array(p) for p in map(_array, model.parameters())], batch), [0]
        step = _training(lambda x: F.softmax_cross_entropy(model(x), labels), optimizer, backend)

        def hand() -> Any:
            count[0] += 1
            root = (1 - 0.999 ** count[0]) ** 0.5
            scale = np.array(_LR * root / (1 - 0.9 ** count[0]), np.float32)
            return by_hand(x, labels, scale, np.array(1e-8 * root, np.float32))

        return lambda: step(x), hand

    return build


def w8(backend: str) -> Steps:
    """The gradient of ``mean(tanh(x * w + b)**2 * sigmoid(x))`` by x, w, b of 1e6 elements."""
    rng, n = np.random.default_rng(0), 1_000_000
    arrays = [rng.standard_normal(n).astype(np.float32) for _ in range(3)]
    gradient = gradient_of_chain(n)

    def loss(x: Any, w: Any, b: Any) -> Any:
        return np.mean(np.tanh(x * w + b) ** 2 * F.sigmoid(x))

    step = tinygrad_compile(lambda x, w, b: value_and_grad(loss, (0, 1, 2))(x, w, b), backend=backend)
    return lambda: step(*arrays)[0], lambda: gradient(*arrays)[0]


def _training(loss: Callable[[Any], Any], optimizer: Any, backend: str) -> Callable[[Any], Any]:
    def step(x: Any) -> Any:
        value = loss(x)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return tinygrad_compile(step, backend=backend)  # type: ignore[no-any-return]


def _array(p: Tensor) -> Any:
    return p.detach().numpy() if hasattr(p, "numpy") else p._data


WORKLOADS: dict[str, Callable[[str], Steps]] = {
    "W1: 2-16-16-1, batch 32, SGD": w1,
    "W2: 784-128-64-10, batch 64, Adam": classifier([784, 128, 64, 10], 64),
    "W3: 784-256-128-10, batch 512, Adam": classifier([784, 256, 128, 10], 512),
    "W6: 784-10, batch 128, Adam": classifier([784, 10], 128),
    "W8: 1e6 elements": w8,
}


def measured(build: Callable[[str], Steps], backend: str, rounds: int, seconds: float) -> tuple[float, float]:
    """Return microseconds of a compiled step, and its ratio to the one by hand."""
    ours, by_hand = build(backend)
    for i in range(5):
        a, b = float(_number(ours())), float(_number(by_hand()))
        assert abs(a - b) < 1e-4 * abs(b), f"losses of step {i} differ: {a} compiled, {b} by hand"
    calls = [_calls(step, seconds) for step in (ours, by_hand)]
    times: list[list[float]] = []
    for turn in range(rounds):
        taken = [0.0, 0.0]
        for i in (0, 1) if turn % 2 else (1, 0):
            step, n = (ours, by_hand)[i], calls[i]
            start = time.process_time()
            for _ in range(n):
                step()
            taken[i] = (time.process_time() - start) / n
        times.append(taken)
    return median(a for a, _ in times) * 1e6, median(a / b for a, b in times)


def _number(loss: Any) -> Any:
    return loss.item() if hasattr(loss, "item") else loss


def _calls(step: Step, seconds: float) -> int:
    start = time.process_time()
    for _ in range(3):
        step()
    return max(1, round(seconds * 3 / (time.process_time() - start)))


def main(backends: list[str]) -> None:
    """Print the table."""
    print(f"| workload | {' | '.join(f'{b}: µs' + ' | / by hand' for b in backends)} |")
    print("|---|" + "---|---|" * len(backends))
    for name, build in WORKLOADS.items():
        cells = []
        for backend in backends:
            taken, ratio = measured(build, backend, 15, 0.03)
            cells += [f"{taken:.0f}", f"{ratio:.2f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:
        threadpool_limits = nullcontext  # type: ignore[assignment]
    with threadpool_limits(1):
        main(sys.argv[1:] or ["numpy"])
