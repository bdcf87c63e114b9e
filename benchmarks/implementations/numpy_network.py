"""A training step as an expert writes it by hand, with all that makes NumPy fast: what compiled steps are held against.

Every array is made once and every call is told where its result goes (by position, which is faster than by name); rows
are summed by BLAS. Since nothing but the batch is new in a step, all other calls are bound to their arrays beforehand.
It shares no code with the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy import absolute, add, divide, dot, exp, greater, log, log1p, maximum, multiply, negative, square, subtract

from benchmarks.implementations.optimizers import Call, Optimizer, straight
from benchmarks.tasks import Training

__all__ = ["Network"]

Array = Any


class Network:
    """A multilayer perceptron in training."""

    def __init__(self, task: Training) -> None:
        self.optimizer = Optimizer(task.optimizer, task.parameters(), task.lr)
        p, g = self.optimizer.parameters, self.optimizer.gradients
        self.w, self.b, self.dw, self.db = p[::2], p[1::2], g[::2], g[1::2]
        f, m = p[0].dtype, task.batch
        self.a, self.d = ([np.empty((m, w.shape[1]), f) for w in self.w] for _ in range(2))
        self.ones, self.one, self.tanh = np.ones(m, f), np.array(1, f), task.activation == "tanh"
        widest = m * max(w.shape[1] for w in self.w)
        self.zeros, self.mask = np.zeros(widest, f), np.empty(widest, bool)  # of one layer after the other
        loss = (_YesOrNo if task.binary else _Classes)(self.a[-1], self.d[-1])
        calls = [*self._forward(), *loss.calls, *self._backward(), *self.optimizer.calls]
        self.run, self.loss = straight(calls, "x, y"), loss.value

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y

    def step(self, x: Array, y: Array) -> float:
        """Forward, backward, update; return the loss."""
        self.optimizer.prepare()
        self.run(x, y)
        return float(self.loss(y))

    def parameters(self) -> list[Array]:
        return self.optimizer.parameters

    def _forward(self) -> Iterator[Call]:
        below: Array = "x"
        for w, b, a in zip(self.w, self.b, self.a, strict=True):
            yield dot, (below, w, a)
            yield add, (a, b, a)
            if a is not self.a[-1]:
                zeros = self.zeros[: a.size].reshape(a.shape)
                yield (np.tanh, (a, a)) if self.tanh else (maximum, (a, zeros, a))  # it is slower with a number
            below = a

    def _backward(self) -> Iterator[Call]:
        """From the gradient by the last layer's result on."""
        for i in range(len(self.w) - 1, -1, -1):
            delta = self.d[i]
            yield dot, (self.a[i - 1].T if i else "x.T", delta, self.dw[i])
            yield dot, (self.ones, delta, self.db[i])
            if i:
                a, below = self.a[i - 1], self.d[i - 1]
                yield dot, (delta, self.w[i].T, below)
                if self.tanh:
                    yield square, (a, a)
                    yield subtract, (self.one, a, a)
                    yield multiply, (below, a, below)
                else:
                    zeros, mask = (flat[: a.size].reshape(a.shape) for flat in (self.zeros, self.mask))
                    yield greater, (a, zeros, mask)
                    yield multiply, (below, mask, below)


class _Classes:
    """Softmax cross-entropy of ``z``; its gradient comes into ``d``."""

    def __init__(self, z: Array, d: Array) -> None:
        f, (m, k) = z.dtype, z.shape
        self.z, self.rows, self.ones, self.inverse = z, np.arange(m), np.ones(m, f), np.array(1 / m, f)
        column, total, logs = (np.empty((m, 1), f) for _ in range(3))
        self.logs = logs.reshape(-1)
        self.calls: list[Call] = [
            (maximum.reduce, (z, 1, "None", column, "True")),
            (subtract, (z, column, z)),
            (exp, (z, d)),
            (dot, (d, np.ones(k, f), total.reshape(-1))),
            (log, (total, logs)),
            (divide, (d, total, d)),
            (self.less_one_hot, (d, "y")),
            (multiply, (d, self.inverse, d)),
        ]

    def less_one_hot(self, d: Array, labels: Array) -> None:
        d[self.rows, labels] -= 1

    def value(self, labels: Array) -> Array:
        return (dot(self.ones, self.logs) - dot(self.ones, self.z[self.rows, labels])) * self.inverse


class _YesOrNo:
    """Sigmoid cross-entropy of ``z``, ``log(1 + exp(-abs(z))) + max(z, 0) - z y``; its gradient comes into ``d``."""

    def __init__(self, z: Array, d: Array) -> None:
        f, m = z.dtype, len(z)
        self.ones, self.inverse, one = np.ones(m, f), np.array(1 / m, f), np.array(1, f)
        t, u = np.empty((2, m, 1), f)
        self.losses = t.reshape(-1)
        self.calls: list[Call] = [
            (absolute, (z, t)),
            (negative, (t, t)),
            (exp, (t, t)),
            (log1p, (t, t)),
            (maximum, (z, np.zeros_like(z), u)),
            (add, (t, u, t)),
            (multiply, (z, "y", u)),
            (subtract, (t, u, t)),
            (negative, (z, d)),
            (exp, (d, d)),
            (add, (d, one, d)),
            (divide, (one, d, d)),
            (subtract, (d, "y", d)),
            (multiply, (d, self.inverse, d)),
        ]

    def value(self, y: Array) -> Array:
        return dot(self.ones, self.losses) * self.inverse
