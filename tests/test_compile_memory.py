"""What a compiled step holds in arrays: no more than the step that was written by hand."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import pytest

from benchmarks.implementations import TUNED, implementation
from benchmarks.tasks import TASKS, Training
from tinygrad_np import Tensor, compile, nn, optim
from tinygrad_np import functional as F


def _held(step: Callable[[], Any]) -> int:
    """Bytes of the arrays that are there between steps, of those that have been made since tracemalloc began."""
    for _ in range(5):
        step()
    gc.collect()
    arrays = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([arrays]).traces)


def _bytes_of(name: str, task: Any) -> int:
    made = implementation(name)
    given = task.data() if isinstance(task, Training) else []
    data = [made.training(task).batch(x, y) for x, y in given]
    tracemalloc.start()
    try:
        if isinstance(task, Training):
            trainer, batches = made.training(task), cycle(data)
            return _held(lambda: trainer.step(*next(batches)))
        return _held(getattr(made, task.kind)(task))
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["W1", "W2", "W5", "W6", "W8", "W9"])
def test_compiled_steps_hold_no_more_than_those_by_hand(name: str) -> None:
    assert _bytes_of("tinygrad_np, compiled", TASKS[name]) <= _bytes_of(TUNED, TASKS[name])


def test_to_plan_a_step_takes_little_more_memory_than_the_step() -> None:
    model = nn.MLP([64, 512, 512, 10], rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @compile
    def step(x: Any, y: Any) -> Any:
        loss = F.softmax_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x, y = Tensor(np.ones((16, 64), np.float32)), Tensor(np.zeros(16, np.int64))
    for _ in range(2):
        step(x, y)
    parameters = sum(p.data.nbytes for p in model.parameters())
    tracemalloc.start()
    try:
        step(x, y)  # the plan has parameters and gradients of its own
        assert tracemalloc.get_traced_memory()[1] < 3.5 * parameters
    finally:
        tracemalloc.stop()


def test_to_look_at_the_source_makes_no_second_plan() -> None:
    step = compile(lambda x: np.sum(np.tanh(x * 2.0) * np.exp(x)))
    x = np.ones(100_000)
    for _ in range(3):
        step(x)
    tracemalloc.start()
    try:
        assert "tanh" in step.source
        assert tracemalloc.get_traced_memory()[1] < step.memory
    finally:
        tracemalloc.stop()
