"""Threads and tasks: nobody sees another's modes, and side by side comes out what comes out one after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from tinygrad_np import AnomalyError, Tensor, compile, detect_anomaly, grad, nn, optim
from tinygrad_np import functional as F

COUNT = 4


def side_by_side(functions: list[Callable[[], Any]]) -> list[Any]:
    """Run functions at the same time, each in a thread of its own; all begin together."""
    barrier = Barrier(len(functions), timeout=20)

    def run(function: Callable[[], Any]) -> Any:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [job.result(timeout=60) for job in [pool.submit(run, f) for f in functions]]


def trained(seed: int, compiled: bool) -> list[bytes]:
    """The weights after some steps with dropout and Adam."""
    rng = np.random.default_rng(seed)
    model = nn.MLP([5, 16, 3], "tanh", dropout=0.3, rng=seed)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    x, y = rng.standard_normal((20, 5), dtype=np.float32), rng.integers(0, 3, 20)

    def step(x: Any, y: Any) -> Any:
        loss = F.softmax_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step = compile(step) if compiled else step
    for _ in range(60):
        step(x, y)
    return [value.tobytes() for value in model.state_dict().values()]


@pytest.mark.parametrize("compiled", [False, True])
def test_models_that_train_side_by_side_get_the_bits_of_one_after_the_other(compiled):
    alone = [trained(seed, compiled) for seed in range(COUNT)]
    assert side_by_side([lambda seed=seed: trained(seed, compiled) for seed in range(COUNT)]) == alone


def test_one_model_serves_many_threads():
    """Forward and backward through shared parameters; the gradients are taken, not accumulated."""
    model = nn.MLP([5, 32, 3], "gelu", dtype=np.float64, rng=0)
    model.eval()
    inputs = [np.random.default_rng(i).standard_normal((30, 5)) for i in range(COUNT)]

    def slopes(x: Any) -> bytes:
        return grad(lambda x: np.sum(model(x) ** 2))(x).detach().numpy().tobytes()

    def many(x: Any) -> list[bytes]:
        return [model(x).detach().numpy().tobytes() + slopes(x) for _ in range(25)]

    alone = [many(x) for x in inputs]
    assert side_by_side([lambda x=x: many(x) for x in inputs]) == alone


def test_one_compiled_function_serves_many_threads():
    """Its buffers are shared, its results are not."""
    f = compile(lambda x: np.tanh(x * 2) @ np.sin(x))
    inputs = [np.random.default_rng(i).standard_normal((20, 20)) for i in range(COUNT)]
    expected = [np.tanh(x * 2) @ np.sin(x) for x in inputs]

    def many(x: Any, result: Any) -> bool:
        return all(np.allclose(f(x), result, rtol=1e-12) for _ in range(200))

    assert all(side_by_side([lambda x=x, y=y: many(x, y) for x, y in zip(inputs, expected, strict=True)]))


def test_anomaly_mode_is_ones_own():
    def watched() -> str:
        with detect_anomaly(), np.errstate(invalid="ignore"):
            for _ in range(200):
                np.log(Tensor([1.0], requires_grad=True))
            try:
                np.log(Tensor([-1.0], requires_grad=True))
            except AnomalyError:
                return "seen"
        return "missed"

    def unwatched() -> str:
        with np.errstate(invalid="ignore"):
            for _ in range(200):
                np.log(Tensor([-1.0], requires_grad=True))
        return "left alone"

    found = side_by_side([watched, unwatched, watched, unwatched])
    assert found == ["seen", "left alone", "seen", "left alone"]


def test_a_copied_context_brings_its_modes():
    """As asyncio does for each task."""
    with detect_anomaly(), np.errstate(invalid="ignore"):
        context = copy_context()
    with pytest.raises(AnomalyError):
        context.run(lambda: np.log(Tensor([-1.0], requires_grad=True)))
    with np.errstate(invalid="ignore"):
        np.log(Tensor([-1.0], requires_grad=True))
