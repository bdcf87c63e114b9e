"""Training from the first step to an accuracy, as one does it: how long until the network is good."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.goals import goals_of
from benchmarks.harness import ONE_THREAD, Effort, Times
from benchmarks.implementations import IMPLEMENTATIONS, PRODUCTS, TUNED, implementation
from benchmarks.report import Result
from benchmarks.tasks import Training
from benchmarks.worker import environment_of
from tinygrad_np import data

__all__ = ["whole_run"]

Array = Any
_NETWORK = Training((784, 128, 64, 10), 64, "adam")
_ACCURACY, _EPOCHS = 0.975, 20


def whole_run(effort: Effort) -> Result:
    """Each library once, one after the other; compiling is part of it, looking at the test data is not."""
    threads, runs, notes = effort.threads or 1, {}, []
    for name in IMPLEMENTATIONS:
        if name == PRODUCTS:
            continue
        try:
            if effort.processes:
                with environment_of(threads), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                    runs[name] = pool.submit(train, name, effort.data, threads).result()
            else:
                runs[name] = train(name, None, threads, examples=640, most=1)
        except ModuleNotFoundError:
            notes.append(f"{name}: not installed")
    times = Times({name: [seconds] for name, (seconds, _, _) in runs.items()})
    where = effort.data.name if effort.data else "synthetic images of MNIST's size"
    notes += [f"{name}: {epochs} epochs to {accuracy:.2%}" for name, (_, epochs, accuracy) in runs.items()]
    return Result(
        f"W12: {'-'.join(map(str, _NETWORK.sizes))}, batch {_NETWORK.batch}, trained to {_ACCURACY:.1%} on {where}",
        goals_of("W12", times),
        times.medians(),
        TUNED,
        {name: times.ratio(name, TUNED) for name in runs},
        notes,
        details={name: {"threads": threads} for name in runs},
    )


def train(
    name: str, folder: Path | None, threads: int, examples: int = 60_000, most: int = _EPOCHS
) -> tuple[float, int, float]:
    """Return the seconds in training, the epochs, and the accuracy at the end of the last one."""
    x, y, x_test, y_test = _images(examples) if folder is None else _loaded(folder)
    trainer = implementation(name).training(_NETWORK)
    rng, size = np.random.default_rng(0), _NETWORK.batch
    clock = ONE_THREAD if threads == 1 else time.perf_counter
    seconds, epoch, accuracy = 0.0, 0, 0.0
    while epoch < most and accuracy < _ACCURACY:
        order = rng.permutation(len(x))
        begin = clock()
        for i in range(0, len(x) - size + 1, size):
            rows = order[i : i + size]
            trainer.step(*trainer.batch(x[rows], y[rows]))
        seconds += clock() - begin
        epoch, accuracy = epoch + 1, _accuracy(trainer.parameters(), x_test, y_test)
    return seconds, epoch, accuracy


def _accuracy(parameters: list[Array], x: Array, y: Array) -> float:
    for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = np.maximum(x @ w + b, 0)
    return float(np.mean(np.argmax(x @ parameters[-2] + parameters[-1], axis=1) == y))


def _loaded(folder: Path) -> tuple[Array, Array, Array, Array]:
    examples = data.load(folder)
    assert examples.test is not None, "a folder with the four files of MNIST"
    train, test = examples.dataset(), examples.test.dataset()
    return train.x, train.y, test.x, test.y


def _images(examples: int) -> tuple[Array, Array, Array, Array]:
    """Ten classes of smooth blots, each in many forms, under noise: about as hard as handwritten digits."""
    rng, forms = np.random.default_rng(0), 30
    coarse = rng.standard_normal((10, forms, 7, 7), np.float32)
    blots = np.kron(coarse, np.ones((1, 1, 4, 4), np.float32)).reshape(10, forms, 784)
    tests = examples // 6
    y = rng.integers(10, size=examples + tests)
    x = blots[y, rng.integers(forms, size=len(y))]
    x += 1.6 * rng.standard_normal(x.shape, np.float32)
    x = np.clip((x + 1) / 4, 0, 1)
    return x[:examples], y[:examples], x[examples:], y[examples:]
