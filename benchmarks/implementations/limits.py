"""What a task takes without all that is around its arithmetic, and what the machine can do at best."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy import dot

from benchmarks.implementations import Step
from benchmarks.tasks import Elementwise, Training, Update

__all__ = ["Products", "Sgemm", "Traffic"]

Array = Any


class Products:
    """The matrix products of a training step, one call of BLAS each, and nothing else."""

    arrays_are_numpys = False

    def training(self, task: Training) -> Any:
        return _Products(task)


class _Products:
    def __init__(self, task: Training) -> None:
        self.w = task.parameters()[::2]
        self.dw = [np.empty_like(w) for w in self.w]
        self.a, self.d = ([np.ones((task.batch, w.shape[1]), w.dtype) for w in self.w] for _ in range(2))

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def step(self, x: Array, y: Array) -> float:
        h = x
        for w, a in zip(self.w, self.a, strict=True):
            h = dot(h, w, a)
        for i in range(len(self.w) - 1, -1, -1):
            dot((self.a[i - 1] if i else x).T, self.d[i], self.dw[i])
            if i:
                dot(self.d[i], self.w[i].T, self.d[i - 1])
        return float("nan")  # it computes nothing that could be compared


class Sgemm:
    """One product of square matrices: the rate that BLAS reaches where nothing is in its way."""

    arrays_are_numpys = False

    side = 1024
    flops = 2 * side**3

    def training(self, task: Training) -> Any:
        return self

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        a, b = np.random.default_rng(0).random((2, self.side, self.side), np.float32)
        self.out = np.empty_like(a)
        return a, b

    def step(self, x: Array, y: Array) -> float:
        dot(x, y, self.out)
        return float("nan")


class Traffic:
    """Reading and writing, once, the arrays that are too large for the caches: with nothing but products by one number.

    Each thread that there is takes its share of the arrays.
    """

    arrays_are_numpys = False

    def elementwise(self, task: Elementwise) -> Step:
        """It reads x, w and b, and writes three gradients, as if each into the memory of another."""
        return self._traffic(rewritten=task.arrays(), read=[])

    def update(self, task: Update) -> Step:
        """Adam reads and writes the parameters and both moments, and reads the gradients."""
        p, g = task.arrays()
        return self._traffic(rewritten=[p, p.copy(), p.copy()], read=[g])

    def _traffic(self, rewritten: list[Array], read: list[Array]) -> Step:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        shares = [([_share(a, i, threads) for a in rewritten], [_share(a, i, threads) for a in read])
                  for i in range(threads)]  # fmt: skip
        one = np.array(1, np.float32)

        def work(share: tuple[list[Array], list[Array]]) -> None:
            for a in share[0]:
                np.multiply(a, one, a)
            for a in share[1]:
                dot(a, a)

        run: Callable[..., Any] = map if threads == 1 else ThreadPoolExecutor(threads).map

        def step() -> list[Array]:
            list(run(work, shares))
            return []

        return step


def _share(a: Array, i: int, n: int) -> Array:
    return a[len(a) * i // n : len(a) * (i + 1) // n]
