"""Whole training steps of multilayer perceptrons: forward, backward, update."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import numpy as np

from benchmarks import training_peers
from benchmarks.hand_written import Adam, loss_and_gradients
from benchmarks.harness import ONE_THREAD, OURS, Contender, Effort, compare, gather
from benchmarks.report import Goal, Result, report_times
from tinygrad_np import Tensor, nn, optim
from tinygrad_np import functional as F

__all__ = ["Network", "train"]

_LR = 1e-3
_STEPS = 5  # whose losses must agree before anything is measured
_BATCHES = 16

Array = Any
Step = Callable[[], float]
Batches = Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class Network:
    """What to train, in float32, with relu, softmax cross-entropy and Adam.

    Attributes
    ----------
    sizes : tuple of int
        Of the layers, from the input to the output.
    batch : int
        Examples per step.
    limit : float
        The goal: at most so many times the time of the hand-written step.
    """

    sizes: tuple[int, ...]
    batch: int
    limit: float

    def __str__(self) -> str:
        return f"MLP {'-'.join(map(str, self.sizes))}, batch {self.batch}, Adam, float32"


def train(network: Network, effort: Effort) -> Result:
    """One training step."""
    rng = np.random.default_rng(0)
    n_in, *_, n_classes = network.sizes
    batches = [
        (rng.random((network.batch, n_in), np.float32), rng.integers(n_classes, size=network.batch))
        for _ in range(_BATCHES)
    ]
    parameters: list[Array] = []
    for rows, columns in zip(network.sizes, network.sizes[1:]):  # noqa: B905 - pairs of neighbours
        weight = rng.standard_normal((rows, columns), np.float32) * np.float32(np.sqrt(2 / rows))
        parameters += [weight, np.zeros(columns, np.float32)]

    def contender(make: Callable[[list[Array], Batches, float], Step]) -> Callable[[], Contender]:
        def build() -> Contender:
            step = make([p.copy() for p in parameters], batches, _LR)
            return Contender(step, lambda: [step() for _ in range(_STEPS)])

        return build

    implementations = {
        "NumPy by hand": _by_hand,
        OURS: _ours,
        "PyTorch eager": training_peers.pytorch,
        "JAX jit": training_peers.jax,
        "HIPS autograd": training_peers.hips,
        "MyGrad": training_peers.mygrad,
    }
    contenders, missing = gather({name: contender(make) for name, make in implementations.items()})
    in_a_row = replace(effort, seconds=20 * effort.seconds, rounds=-(-effort.rounds // 10))  # caches stay warm
    clock = ONE_THREAD if effort.threads == 1 else time.perf_counter
    times = compare(contenders, in_a_row, tolerance=1e-3, clock=clock)
    ratio = times.ratio(OURS, "NumPy by hand")
    goal = Goal(f"step of {network}", f"{network.limit} x NumPy by hand", f"{ratio:.2f} x", ratio <= network.limit)
    return report_times(f"Training step: {network}", times, "NumPy by hand", [goal], missing)


def _by_hand(parameters: list[Array], batches: Batches, lr: float) -> Step:
    data, optimizer = cycle(batches), Adam(parameters, lr)

    def step() -> float:
        loss, gradients = loss_and_gradients(parameters, *next(data))
        optimizer.step(parameters, gradients)
        return float(loss)

    return step


def _ours(parameters: list[Array], batches: Batches, lr: float) -> Step:
    sizes = [len(w) for w in parameters[::2]] + [len(parameters[-1])]
    model = nn.MLP(sizes, activation="relu", dtype=np.float32, rng=0)
    for tensor, value in zip(model.parameters(), parameters, strict=True):
        tensor.data = value
    data = cycle([(Tensor(x), y) for x, y in batches])
    optimizer = optim.Adam(model.parameters(), lr)

    def step() -> float:
        x, y = next(data)
        loss = F.softmax_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step
