"""What training leaves behind: nothing; and what a step needs: no more than a step written by hand."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, compile, nn, optim
from tinygrad_np import functional as F


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def training() -> Callable[[], Any]:
    rng = np.random.default_rng(0)
    model = nn.MLP([4, 8, 3], "tanh", dropout=0.2, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    x, y = rng.standard_normal((16, 4), dtype=np.float32), rng.integers(0, 3, 16)

    def step() -> Any:
        loss = F.softmax_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def resident() -> int:
    """Bytes of memory that the process has in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("compiled", [False, True])
def test_ten_thousand_steps_leave_nothing_behind(no_collector, compiled):
    step = training()
    step = compile(step) if compiled else step
    for _ in range(500):  # caches fill, the allocator finds its size
        step()
    objects = len(gc.get_objects())
    try:
        before = resident()
    except OSError:  # not Linux: the objects have to do
        before = 0
    for _ in range(10_000):
        step()
    assert len(gc.get_objects()) <= objects + 10
    if before:
        assert resident() - before < 2**20  # 100 bytes a step would be more


def peak(function: Callable[[], Any]) -> int:
    """Bytes of arrays that a call has at most at a time, besides those that were there before it."""
    function()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_step_needs_the_memory_of_one_written_by_hand(activation):
    """By hand: activations are kept, everything else goes as soon as it has been used. Nothing is done in place."""
    rng = np.random.default_rng(0)
    model = nn.MLP([256, 512, 256, 10], activation, rng=0)
    x, y = rng.standard_normal((2048, 256), dtype=np.float32), rng.integers(0, 10, 2048)
    data = Tensor(x)  # of an ndarray, each step keeps a copy: its owner may write to it
    parameters = model.parameters()

    def ours() -> None:
        F.softmax_cross_entropy(model(data), y).backward()

    def by_hand() -> None:
        arrays = [p.detach().numpy() for p in parameters]
        weights, biases = arrays[0::2], arrays[1::2]
        kept = [x]
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            z = kept[-1] @ w + b
            kept.append(np.tanh(z) if activation == "tanh" else np.maximum(z, 0))
            del z
        z = kept[-1] @ weights[-1] + biases[-1]
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(y)), y] -= 1
        p /= np.float32(len(y))
        gradients, dz = [], p
        for w in reversed(weights):
            a = kept.pop()
            gradients += [dz.sum(axis=0), a.T @ dz]
            if kept:
                dz = dz @ w.T
                dz = dz * (1 - a * a if activation == "tanh" else a > 0)
        for parameter, g in zip(reversed(parameters), gradients, strict=True):
            parameter.grad = Tensor(g)

    ours()
    mine = [p.grad.numpy() for p in parameters]
    by_hand()
    for p, g in zip(parameters, mine, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), g, rtol=1e-3, atol=1e-5)
    needed, limit = peak(ours), peak(by_hand)
    assert needed <= 1.1 * limit, f"{needed / limit:.3f}"


FAULTS = """
import resource
import numpy as np
from tinygrad_np import value_and_grad

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

gradient = value_and_grad(lambda x: np.mean(np.tanh(x * x) ** 2))
x = np.zeros(2**20)
for _ in range(3):
    gradient(x)
before = faults()
for _ in range(10):
    gradient(x)
print((faults() - before) / 10)
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", {}), reason="glibc's malloc")
def test_steps_use_the_memory_of_the_steps_before():
    """Arrays of 8 MiB have 2048 pages each. Without a hint, glibc asks for all of them again in each step."""
    environment = {name: value for name, value in os.environ.items() if "MALLOC" not in name and "GLIBC" not in name}
    run = subprocess.run([sys.executable, "-c", FAULTS], env=environment, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 100
