"""NumPy with all that an expert knows: what each task takes, by hand. It shares no code with the package."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import add, divide, dot, exp, greater, maximum, multiply, negative, square, subtract, tanh

from benchmarks.implementations import Step
from benchmarks.implementations.numpy_network import Network
from benchmarks.implementations.optimizers import BLOCK, Optimizer
from benchmarks.tasks import Chain, Elementwise, HessianVector, Training, Update

__all__ = ["Tuned"]

Array = Any


class Tuned:
    """Every array is made once."""

    arrays_are_numpys = True

    def training(self, task: Training) -> Network:
        return Network(task)

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
        """Block by block, so that what is between stays in the cache."""
        (x, w, b), n = task.arrays(), task.elements
        f = x.dtype
        gx, gw, gb = (np.empty(n, f) for _ in range(3))
        t, q, s, r, o = (np.empty(min(BLOCK, n), f) for _ in range(5))
        one, c, c2 = (np.array(value, f) for value in (1, 1 / n, 2 / n))

        def step() -> list[Array]:
            total = 0.0
            for i in range(0, n, BLOCK):
                j = min(i + BLOCK, n)
                xb, wb, k = x[i:j], w[i:j], j - i
                tb, qb, sb, rb, ob, gb_ = t[:k], q[:k], s[:k], r[:k], o[:k], gb[i:j]
                multiply(xb, wb, tb)
                add(tb, b[i:j], tb)
                tanh(tb, tb)
                square(tb, qb)
                negative(xb, sb)
                exp(sb, sb)
                add(sb, one, sb)
                divide(one, sb, sb)
                multiply(qb, sb, rb)
                total += add.reduce(rb)
                subtract(one, sb, ob)
                multiply(rb, ob, rb)
                multiply(rb, c, rb)
                multiply(sb, tb, tb)
                subtract(one, qb, qb)
                multiply(tb, qb, tb)
                multiply(tb, c2, gb_)
                multiply(gb_, wb, tb)
                add(rb, tb, gx[i:j])
                multiply(gb_, xb, gw[i:j])
            return [total / n, gx, gw, gb]

        return step

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
        h1, h2, t2, d1, d2 = (np.empty_like(p) for p in (w1, w2, w2, b1, b2))

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
            maximum.reduce(z, 1, None, column, True)
            subtract(z, column, z)
            exp(z, z)
            dot(z, ones_k, column[:, 0])
            divide(z, column, z)  # softmax
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
        p, g = task.arrays()
        adam = Optimizer("adam", [p], task.lr)
        adam.gradients[0][...] = g

        def step() -> list[Array]:
            adam()
            return adam.parameters

        return step
