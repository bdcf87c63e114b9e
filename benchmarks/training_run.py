"""Whole training runs: what they cost beside their steps, and how long they take to the accuracy of a naive loop.

``python -m benchmarks.training_run`` measures the first, on random numbers of the shape of MNIST. With
``--data FOLDER``, the folder of MNIST's four IDX files, it also measures the second: the time until 97.76% of the test
images are right, of :class:`FromScratch` (784-300-10, batches of 512, the loop that from-scratch projects write; one
such reached 97.76% in 277 s, of 30 epochs) and of ``train.fit`` with 784-128-64-10; and the accuracy of the default
options in 30 epochs. BLAS has one thread, and times are those of the processor, so that other programs do not count.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import limited
from tinygrad_np import compile as tinygrad_compile
from tinygrad_np import data as loading
from tinygrad_np import functional as F
from tinygrad_np import nn, optim, train
from tinygrad_np.data import Dataset

__all__ = ["FromScratch", "main", "overhead", "time_to_accuracy"]

Array = NDArray[Any]

TARGET = 0.9776
SIZES = [784, 128, 64, 10]
EPOCHS = 30


# --- what is compared ------------------------------------------------------------------------------------------------
class FromScratch:
    """A network as from-scratch projects write it: one hidden layer, float64, one-hot labels, plain SGD."""

    def __init__(self, sizes: tuple[int, int, int] = (784, 300, 10), lr: float = 0.5, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        n_in, n_hidden, n_out = sizes
        self.W1 = rng.standard_normal((n_in, n_hidden)) * np.sqrt(2 / n_in)
        self.b1 = np.zeros((1, n_hidden))
        self.W2 = rng.standard_normal((n_hidden, n_out)) * np.sqrt(2 / n_hidden)
        self.b2 = np.zeros((1, n_out))
        self.lr = lr

    def forward(self, X: Array) -> Array:
        """The probabilities of the classes."""
        self.Z1 = np.dot(X, self.W1) + self.b1
        self.A1 = np.maximum(0, self.Z1)
        Z2 = np.dot(self.A1, self.W2) + self.b2
        exps = np.exp(Z2 - np.max(Z2, axis=1, keepdims=True))
        return np.asarray(exps / np.sum(exps, axis=1, keepdims=True))

    def step(self, X: Array, Y: Array) -> float:
        """One step of gradient descent; returns the cost."""
        m = X.shape[0]
        A2 = self.forward(X)
        cost = -np.sum(Y * np.log(A2 + 1e-12)) / m
        dZ2 = A2 - Y
        dW2 = np.dot(self.A1.T, dZ2) / m
        db2 = np.sum(dZ2, axis=0, keepdims=True) / m
        dA1 = np.dot(dZ2, self.W2.T)
        dZ1 = dA1 * (self.Z1 > 0)
        dW1 = np.dot(X.T, dZ1) / m
        db1 = np.sum(dZ1, axis=0, keepdims=True) / m
        self.W1 = self.W1 - self.lr * dW1
        self.b1 = self.b1 - self.lr * db1
        self.W2 = self.W2 - self.lr * dW2
        self.b2 = self.b2 - self.lr * db2
        return float(cost)

    def fit(self, training: Dataset, test: Dataset, epochs: int, batch: int = 512) -> Reached:
        """Train; the data are shuffled whole, as such projects do."""
        X, Y = training.x.astype(np.float64), np.eye(10)[training.y]
        X_test, rng, seconds, best = test.x.astype(np.float64), np.random.default_rng(0), 0.0, 0.0
        taken = 0
        for _ in range(epochs):
            began = time.process_time()
            order = rng.permutation(len(X))
            X_shuffled, Y_shuffled = X[order], Y[order]
            for start in range(0, len(X), batch):
                self.step(X_shuffled[start : start + batch], Y_shuffled[start : start + batch])
            seconds += time.process_time() - began
            best = max(best, float(np.mean(np.argmax(self.forward(X_test), axis=1) == test.y)))
            taken += 1
            if best >= TARGET:
                break
        return Reached(best, taken, seconds)


@dataclass
class Reached:
    """The best accuracy on test data, and after how many epochs and seconds of training."""

    accuracy: float
    epochs: int
    seconds: float


def time_to_accuracy(training: Dataset, test: Dataset, epochs: int) -> dict[str, Reached]:
    """Both until they reach the target, or for so many epochs."""
    return {"from scratch": FromScratch().fit(training, test, epochs), "train.fit": ours(training, test, epochs)}


def ours(training: Dataset, test: Dataset, epochs: int) -> Reached:
    """The same with train.fit: mini-batches of 128, Adam, float32; compilation counts."""
    reached = Reached(0.0, 0, 0.0)
    began, watching = time.process_time(), 0.0

    def watch(epoch: train.Epoch) -> None:
        nonlocal reached, watching
        now = time.process_time()
        accuracy = max(reached.accuracy, train.evaluate(model, test).accuracy)
        reached = Reached(accuracy, epoch.epoch, now - began - watching)
        watching += time.process_time() - now
        if accuracy >= TARGET:
            raise train.StopTraining

    model = nn.MLP(SIZES, rng=0)
    optimizer = optim.Adam(model.parameters(), 0.002)
    train.fit(
        model, training, optimizer=optimizer, epochs=epochs, batch_size=128, rng=0, callbacks=[watch],
        schedule=optim.exponential(0.8),
    )  # fmt: skip
    return reached


# --- what training costs beside its steps ----------------------------------------------------------------------------
def overhead(data: Dataset, rounds: int = 7, epochs: int = 2, batch: int = 64) -> tuple[float, float, float]:
    """Processor time of a step of the bare loop, in µs, and what fit takes of it, without and with validation."""
    validation = data.take(np.arange(data.size // 6))
    steps = -(-data.size // batch) * epochs

    def bare() -> None:
        model = nn.MLP(SIZES, rng=0)
        optimizer = optim.Adam(model.parameters(), 0.001)

        @tinygrad_compile
        def step(x: Array, y: Array) -> Any:
            cost = F.softmax_cross_entropy(model(x), y)
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            return cost

        rng = np.random.default_rng(0)
        for _ in range(epochs):
            order = rng.permutation(data.size)
            for start in range(0, data.size, batch):
                chosen = order[start : start + batch]
                step(data.x[chosen], data.y[chosen])

    def whole(validation: Dataset | None) -> None:
        model = nn.MLP(SIZES, rng=0)
        optimizer = optim.Adam(model.parameters(), 0.001)
        train.fit(model, data, validation, optimizer=optimizer, epochs=epochs, batch_size=batch, rng=0)

    runs: list[Callable[[], None]] = [bare, lambda: whole(None), lambda: whole(validation)]
    times: list[list[float]] = []
    for turn in range(rounds):
        taken = [0.0] * len(runs)
        for i in range(len(runs)) if turn % 2 else reversed(range(len(runs))):
            began = time.process_time()
            runs[i]()
            taken[i] = time.process_time() - began
        times.append(taken)
    per_step = median(taken[0] for taken in times) / steps * 1e6
    return per_step, median(t[1] / t[0] for t in times), median(t[2] / t[0] for t in times)


def _random(m: int = 12_800) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(rng.random((m, 784), dtype=np.float32), rng.integers(0, 10, m))


def main(argv: list[str] | None = None) -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_run", description=__doc__)
    parser.add_argument("--data", metavar="FOLDER", help="the folder with MNIST's four IDX files")
    arguments = parser.parse_args(argv)
    with limited(1):
        _measure(parser, arguments.data)


def _measure(parser: argparse.ArgumentParser, folder: str | None) -> None:
    per_step, alone, validated = overhead(_random())
    print(f"bare loop over compiled steps, 784-128-64-10, batch 64, Adam: {per_step:.0f} µs a step")
    print(f"train.fit: {alone:.2f} times that; with a sixth of the data for validation {validated:.2f}")
    if folder is None:
        return
    found = loading.load(folder)
    if found.test is None:
        parser.error(f"there is no test set in {folder}")
    training, test = found.dataset(), found.test.dataset()
    reached = time_to_accuracy(training, test, EPOCHS)
    for name, result in reached.items():
        print(f"{name}: {result.accuracy:.2%} of test images after {result.epochs} epochs, {result.seconds:.1f} s")
    scratch, fitted = reached.values()
    print(f"train.fit takes {fitted.seconds / scratch.seconds:.3f} of the time")
    began = time.process_time()
    run = train.run(train.Config(layers=tuple(SIZES), epochs=EPOCHS), (training, test))
    score = run.scores["test"].accuracy
    print(f"default options, {EPOCHS} epochs: {score:.2%} of test images, {time.process_time() - began:.1f} s")


if __name__ == "__main__":
    main()
