"""Training from the first step to an accuracy, as one does it: how long until the network is good."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.goals import goals_of
from benchmarks.harness import Effort, Times, environment_of
from benchmarks.implementations import IMPLEMENTATIONS, LIMITS, TUNED, implementation
from benchmarks.implementations.formulas import network
from benchmarks.report import Result
from benchmarks.tasks import Training
from tinygrad_np import data

__all__ = ["whole_run"]

Array = Any
Images = tuple[Array, Array, Array, Array]  # examples and labels, to train with and to test with

_NETWORK = Training((784, 128, 64, 10), 64, "adam")
_ACCURACY, _EPOCHS = 0.975, 20


def whole_run(effort: Effort) -> Result:
    """Each library with each number of threads, one after the other; compiling counts, looking at the test data not."""
    examples, most = (60_000, _EPOCHS) if effort.processes else (640, 1)
    images = _loaded(effort.data) if effort.data else synthetic(examples)
    seconds: dict[str, dict[int, float]] = {}
    details: dict[str, dict[str, Any]] = {}
    missing = []
    for name in IMPLEMENTATIONS:
        if name in LIMITS:
            continue
        try:
            for threads in effort.counts:
                taken, epochs, accuracy = _in_a_process(name, images, threads, effort, most)
                seconds.setdefault(name, {})[threads] = taken
                details[name] = {"epochs": epochs, "accuracy": accuracy}
        except ModuleNotFoundError:
            missing.append(f"{name}: not installed")
    for name, tried in seconds.items():
        details[name] |= {
            "seconds": {str(n): taken for n, taken in tried.items()},
            "threads": min(tried, key=tried.get),
        }  # type: ignore[arg-type]
    times = Times({name: [min(tried.values())] for name, tried in seconds.items()})
    notes = [f"the images are {effort.data.name if effort.data else 'synthetic, and as many as those of MNIST'}"]
    return Result(
        f"W12: training of {'-'.join(map(str, _NETWORK.sizes))}, batch {_NETWORK.batch}, adam, to {_ACCURACY:.1%}",
        goals_of("W12", times),
        times.medians(),
        TUNED,
        {name: times.ratio(name, TUNED) for name in times.medians()},
        [*notes, *missing],
        details=details,
    )


def _in_a_process(name: str, images: Images, threads: int, effort: Effort, most: int) -> tuple[float, int, float]:
    if not effort.processes:
        return train(name, images, effort, most)
    with environment_of(threads), ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(train, name, images, effort, most).result()


def train(name: str, images: Images, effort: Effort, most: int) -> tuple[float, int, float]:
    """Return the seconds in training, the epochs, and the accuracy at the end of the last one."""
    x, y, x_test, y_test = images
    begin = effort.clock()
    trainer = implementation(name).training(_NETWORK)
    rng, size = np.random.default_rng(0), _NETWORK.batch
    seconds, epoch, accuracy = effort.clock() - begin, 0, 0.0
    while epoch < most and accuracy < _ACCURACY:
        begin = effort.clock()
        order = rng.permutation(len(x))
        for i in range(0, len(x) - size + 1, size):
            rows = order[i : i + size]
            trainer.step(*trainer.batch(x[rows], y[rows]))
        seconds += effort.clock() - begin
        probabilities = network(trainer.parameters(), x_test, partial(np.maximum, 0))
        epoch, accuracy = epoch + 1, float(np.mean(np.argmax(probabilities, axis=1) == y_test))
    return seconds, epoch, accuracy


def _loaded(folder: Path) -> Images:
    examples = data.load(folder)
    assert examples.test is not None, "a folder with the four files of MNIST"
    train, test = examples.dataset(), examples.test.dataset()
    return train.x, train.y, test.x, test.y


def synthetic(examples: int) -> Images:
    """Return ten classes of smooth blots, each in many forms, under noise: about as hard as handwritten digits."""
    rng, forms = np.random.default_rng(0), 30
    coarse = rng.standard_normal((10, forms, 7, 7), np.float32)
    blots = np.kron(coarse, np.ones((1, 1, 4, 4), np.float32)).reshape(10, forms, 784)
    tests = examples // 6
    y = rng.integers(10, size=examples + tests)
    x = blots[y, rng.integers(forms, size=len(y))]
    x += 1.6 * rng.standard_normal(x.shape, np.float32)
    x = np.clip((x + 1) / 4, 0, 1)
    return x[:examples], y[:examples], x[examples:], y[examples:]
