"""NumPy with all that an expert knows; see :mod:`benchmarks.hand_tuned`. And the least that any network needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import add, dot, exp, greater, multiply, subtract

from benchmarks.hand_tuned import Classifier, Tiny, gradient_of_chain
from benchmarks.implementations import Step
from benchmarks.implementations.optimizers import optimizer
from benchmarks.tasks import Chain, Elementwise, HessianVector, Training, Update

__all__ = ["Network", "Products", "Tuned"]

Array = Any
_BLOCK = 32768  # elements that fit into a second-level cache, with all that an update touches


class Tuned:
    """What each task takes, written out by hand."""

    def training(self, task: Training) -> Any:
        """The network as a class of its own where there is one, or the general one."""
        parameters = task.parameters()
        if (task.activation, task.binary, task.optimizer) == ("relu", False, "adam"):
            return _Classifier(task, Classifier(parameters, task.batch))
        if (task.activation, task.binary, task.optimizer, len(task.sizes)) == ("tanh", True, "sgd", 4):
            return _Tiny(task, Tiny(parameters, task.batch))
        return Network(task, parameters)

    def chain(self, task: Chain) -> Step:
        """All values and all cotangents are kept, so that the sums over them are one call each."""
        n = task.operations // 2
        x, b = task.arrays()
        values, cotangents = np.empty((n + 1, len(x)), x.dtype), np.empty((n + 1, len(x)), x.dtype)
        forward, backward = list(values), list(cotangents)[::-1]

        def step() -> list[Array]:
            y = forward[0]
            y[...] = x
            for z in forward[1:]:
                multiply(y, x, z)
                add(z, b, z)
                y = z
            g = backward[0]
            g[...] = 1
            for h in backward[1:]:
                multiply(g, x, h)
                g = h
            by_x = np.einsum("ij,ij->j", cotangents[1:], values[:-1])
            return [add.reduce(y), add(by_x, g, by_x), add.reduce(cotangents[1:], 0)]

        return step

    def elementwise(self, task: Elementwise) -> Step:
        """Block by block."""
        arrays, gradient = task.arrays(), gradient_of_chain(task.elements)
        return lambda: gradient(*arrays)

    def hessian_vector(self, task: HessianVector) -> Step:
        """Pearlmutter's R operator (1994): forward, its derivative along the vector, and both of them backward."""
        w1, b1, w2, b2 = task.network.parameters()
        v1, c1, v2, c2 = task.vector()
        (x, labels), *_ = task.network.data()
        m, hidden, k = task.network.batch, *w2.shape
        f = np.float32
        a, ra, da, ta = (np.empty((m, hidden), f) for _ in range(4))
        z, rz, t = (np.empty((m, k), f) for _ in range(3))
        mask, zeros = np.empty((m, hidden), bool), np.zeros((m, hidden), f)
        ones, ones_k, rows, column, inverse = np.ones(m, f), np.ones(k, f), np.arange(m), np.empty((m, 1), f), f(1 / m)
        h1, h2, t2, d1, d2 = (
            np.empty_like(w1),
            np.empty_like(w2),
            np.empty_like(w2),
            np.empty_like(b1),
            np.empty_like(b2),
        )

        def step() -> list[Array]:
            dot(x, w1, a)
            add(a, b1, a)
            greater(a, zeros, mask)
            multiply(a, mask, a)
            dot(a, w2, z)
            add(z, b2, z)
            dot(x, v1, ra)
            add(ra, c1, ra)
            multiply(ra, mask, ra)
            dot(ra, w2, rz)
            dot(a, v2, t)
            add(rz, t, rz)
            add(rz, c2, rz)
            np.maximum.reduce(z, 1, None, column, True)
            subtract(z, column, z)
            exp(z, z)
            dot(z, ones_k, column[:, 0])
            np.divide(z, column, z)  # softmax
            multiply(z, rz, t)
            dot(t, ones_k, column[:, 0])
            subtract(rz, column, rz)
            multiply(rz, z, rz)
            multiply(rz, inverse, rz)  # the derivative of softmax / m
            z[rows, labels] -= 1
            multiply(z, inverse, z)
            dot(ra.T, z, h2)
            dot(a.T, rz, t2)
            add(h2, t2, h2)
            dot(ones, rz, d2)
            dot(rz, w2.T, da)
            dot(z, v2.T, ta)
            add(da, ta, da)
            multiply(da, mask, da)
            dot(x.T, da, h1)
            dot(ones, da, d1)
            return [h1, d1, h2, d2]

        return step

    def update(self, task: Update) -> Step:
        """In blocks."""
        p, g = task.arrays()
        update = optimizer("adam", _blocks(p), task.lr)
        gradients = _blocks(g)

        def step() -> list[Array]:
            update(gradients)
            return [p]

        return step


def _blocks(flat: Array) -> list[Array]:
    return [flat[i : i + _BLOCK] for i in range(0, flat.size, _BLOCK)]


class _Given:
    """What the trainers share: they take arrays as they are."""

    def batch(self, x: Array, y: Array) -> tuple[Array, Array]:
        return x, y


class _Tiny(_Given):
    def __init__(self, task: Training, network: Tiny) -> None:
        self.network, self.lr = network, np.array(task.lr, np.float32)

    def step(self, x: Array, y: Array) -> float:
        return float(self.network(x, y, self.lr))


class _Classifier(_Given):
    def __init__(self, task: Training, network: Classifier) -> None:
        self.network, self.lr, self.steps = network, task.lr, 0

    def step(self, x: Array, y: Array) -> float:
        self.steps += 1
        root = (1 - 0.999**self.steps) ** 0.5
        scale = np.array(self.lr * root / (1 - 0.9**self.steps), np.float32)
        return float(self.network(x, y, scale, np.array(1e-8 * root, np.float32)))

    def parameters(self) -> list[Array]:
        return [p for pair in zip(self.network.w, self.network.b, strict=True) for p in pair]


class Network(_Given):
    """Any multilayer perceptron, with any optimizer: every array made once, the parameters one vector."""

    def __init__(self, task: Training, parameters: list[Array]) -> None:
        f, m = parameters[0].dtype, task.batch
        ends = np.cumsum([p.size for p in parameters])
        self.p = np.concatenate([p.reshape(-1) for p in parameters])
        self.g = np.zeros_like(self.p)
        p, g = ([a.reshape(q.shape) for a, q in zip(np.split(flat, ends[:-1]), parameters, strict=True)]
                for flat in (self.p, self.g))  # fmt: skip
        self.w, self.b, self.dw, self.db = p[::2], p[1::2], g[::2], g[1::2]
        self.a, self.d, self.zeros = ([np.zeros((m, w.shape[1]), f) for w in self.w] for _ in range(3))
        self.mask = [np.zeros(a.shape, bool) for a in self.a]
        self.ones, self.rows, self.column = np.ones(m, f), np.arange(m), np.empty((m, 1), f)
        self.one, self.inverse = np.array(1, f), np.array(1 / m, f)
        self.tanh, self.loss = task.activation == "tanh", self._yes_or_no if task.binary else self._classes
        self.update, self.gradients = optimizer(task.optimizer, _blocks(self.p), task.lr), _blocks(self.g)

    def step(self, x: Array, y: Array) -> float:
        last = len(self.w) - 1
        h = x
        for i, (w, b, a) in enumerate(zip(self.w, self.b, self.a, strict=True)):
            dot(h, w, a)
            h = add(a, b, a)
            if i < last:
                h = np.tanh(a, a) if self.tanh else np.maximum(a, self.zeros[i], out=a)
        loss = self.loss(h, y, self.d[last])
        for i in range(last, -1, -1):
            below, delta = self.a[i - 1] if i else x, self.d[i]
            dot(below.T, delta, self.dw[i])
            dot(self.ones, delta, self.db[i])
            if i and self.tanh:
                dot(delta, self.w[i].T, self.d[i - 1])
                multiply(below, below, below)
                subtract(self.one, below, below)
                multiply(self.d[i - 1], below, self.d[i - 1])
            elif i:
                dot(delta, self.w[i].T, self.d[i - 1])
                greater(below, self.zeros[i - 1], self.mask[i - 1])
                multiply(self.d[i - 1], self.mask[i - 1], self.d[i - 1])
        self.update(self.gradients)
        return float(loss)

    def _classes(self, z: Array, labels: Array, delta: Array) -> Array:
        np.maximum.reduce(z, 1, None, self.column, True)
        subtract(z, self.column, z)
        true = add.reduce(z[self.rows, labels])
        exp(z, delta)
        add.reduce(delta, 1, None, self.column, True)
        np.divide(delta, self.column, delta)
        delta[self.rows, labels] -= 1
        multiply(delta, self.inverse, delta)
        return (add.reduce(np.log(self.column, self.column), None) - true) * self.inverse

    def _yes_or_no(self, z: Array, y: Array, delta: Array) -> Array:
        loss = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))  # one number per example: not worth buffers
        np.negative(z, delta)
        exp(delta, delta)
        add(delta, self.one, delta)
        np.divide(self.one, delta, delta)
        subtract(delta, y, delta)
        multiply(delta, self.inverse, delta)
        return add.reduce(loss, None) * self.inverse

    def parameters(self) -> list[Array]:
        return [p for pair in zip(self.w, self.b, strict=True) for p in pair]


class Products:
    """The matrix products of a training step and nothing else: what no implementation on this BLAS can go below."""

    def training(self, task: Training) -> Any:
        return _Products(task)


class _Products(_Given):
    def __init__(self, task: Training) -> None:
        self.w = task.parameters()[::2]
        self.dw = [np.empty_like(w) for w in self.w]
        self.a, self.d = ([np.ones((task.batch, w.shape[1]), w.dtype) for w in self.w] for _ in range(2))

    def step(self, x: Array, y: Array) -> float:
        h = x
        for w, a in zip(self.w, self.a, strict=True):
            h = dot(h, w, a)
        for i in range(len(self.w) - 1, -1, -1):
            dot((self.a[i - 1] if i else x).T, self.d[i], self.dw[i])
            if i:
                dot(self.d[i], self.w[i].T, self.d[i - 1])
        return float("nan")  # it computes nothing that could be compared
