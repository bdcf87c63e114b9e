"""Training steps as an expert writes them by hand, with all that makes NumPy fast.

Every array is allocated once and every result is told where to go (by position, which is faster than by name);
parameters, gradients and moments are one flat vector each, updated block by block; rows are summed by BLAS. It shares
no code with the package, and is what compiled steps are measured against.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import add, divide, dot, exp, greater, multiply, sqrt, square, subtract, tanh

__all__ = ["Classifier", "Tiny", "gradient_of_chain"]

Array = Any
_BLOCK = 32768  # elements of float32 in half of a second-level cache, with all that an update touches


def _views(flat: Array, shapes: list[tuple[int, ...]]) -> list[Array]:
    views, offset = [], 0
    for shape in shapes:
        n = int(np.prod(shape))
        views.append(flat[offset : offset + n].reshape(shape))
        offset += n
    return views


class Classifier:
    """A relu network with softmax cross-entropy; a step of Adam.

    Parameters
    ----------
    parameters : list of arrays
        ``W1, b1, W2, b2, ...``; copied.
    batch : int
    """

    def __init__(self, parameters: list[Array], batch: int) -> None:
        f = parameters[0].dtype
        shapes = [p.shape for p in parameters]
        n = sum(p.size for p in parameters)
        self.p = np.concatenate([p.reshape(-1) for p in parameters])
        self.g, self.m, self.v, self.t1, self.t2 = (np.zeros(n, f) for _ in range(5))
        p, g = _views(self.p, shapes), _views(self.g, shapes)
        self.w, self.b, self.dw, self.db = p[::2], p[1::2], g[::2], g[1::2]
        self.wt = [w.T for w in self.w]
        sizes = [w.shape[1] for w in self.w]
        self.a = [np.empty((batch, k), f) for k in sizes]
        self.at = [a.T for a in self.a]
        self.d = [np.empty((batch, k), f) for k in sizes]
        self.mask = [np.empty((batch, k), bool) for k in sizes]
        self.zeros = [np.zeros((batch, k), f) for k in sizes]
        self.ones, self.classes = np.ones(batch, f), np.arange(sizes[-1])
        self.ones_k, self.rows = np.ones(sizes[-1], f), np.arange(batch)
        self.col, self.total, self.log = np.empty((batch, 1), f), np.empty((batch, 1), f), np.empty((batch, 1), f)
        self.total_flat = self.total.reshape(-1)
        self.e = np.empty((batch, sizes[-1]), f)
        self.inverse = np.array(1 / batch, f)
        self.numbers = [np.array(x, f) for x in (0.9, 0.1, 0.999, 0.001)]
        pieces = [slice(i, min(i + _BLOCK, n)) for i in range(0, n, _BLOCK)]
        cut = [(self.p[i], self.g[i], self.m[i], self.v[i], i.stop - i.start) for i in pieces]
        self.blocks = [(p, g, m, v, self.t1[:k], self.t2[:k]) for p, g, m, v, k in cut]

    def __call__(self, x: Array, labels: Array, scale: Array, eps: Array) -> Array:
        """One step; returns the loss."""
        w, b, a, d, last = self.w, self.b, self.a, self.d, len(self.w) - 1
        h = x
        for i in range(last):
            z = a[i]
            dot(h, w[i], z)
            add(z, b[i], z)
            h = np.maximum(z, self.zeros[i], out=z)
        z, e = a[last], self.e
        dot(h, w[last], z)
        add(z, b[last], z)
        np.maximum.reduce(z, 1, None, self.col, True)
        subtract(z, self.col, z)
        exp(z, e)
        dot(e, self.ones_k, self.total_flat)
        np.log(self.total, self.log)
        loss = (dot(self.ones, self.log[:, 0]) - dot(self.ones, z[self.rows, labels])) * self.inverse
        divide(e, self.total, e)
        e[self.rows, labels] -= 1
        delta = multiply(e, self.inverse, e)
        for i in range(last, 0, -1):
            dot(self.at[i - 1], delta, self.dw[i])
            dot(self.ones, delta, self.db[i])
            below = d[i - 1]
            dot(delta, self.wt[i], below)
            greater(a[i - 1], self.zeros[i - 1], self.mask[i - 1])
            delta = multiply(below, self.mask[i - 1], below)
        dot(x.T, delta, self.dw[0])
        dot(self.ones, delta, self.db[0])
        beta1, one_beta1, beta2, one_beta2 = self.numbers
        for p, g, m, v, t, u in self.blocks:
            multiply(m, beta1, m)
            multiply(g, one_beta1, t)
            add(m, t, m)
            multiply(v, beta2, v)
            square(g, u)
            multiply(u, one_beta2, u)
            add(v, u, v)
            sqrt(v, u)
            add(u, eps, u)
            divide(m, u, u)
            multiply(u, scale, u)
            subtract(p, u, p)
        return loss


class Tiny:
    """A tanh network with sigmoid cross-entropy; a step of gradient descent."""

    def __init__(self, parameters: list[Array], batch: int) -> None:
        f = parameters[0].dtype
        shapes = [p.shape for p in parameters]
        n = sum(p.size for p in parameters)
        self.p = np.concatenate([p.reshape(-1) for p in parameters])
        self.g = np.zeros(n, f)
        (self.w1, self.b1, self.w2, self.b2, self.w3, self.b3) = _views(self.p, shapes)
        self.dw1, self.db1, self.dw2, self.db2, self.dw3, self.db3 = _views(self.g, shapes)
        self.w2t, self.w3t = self.w2.T, self.w3.T
        k = self.w1.shape[1]
        self.h1, self.h2, self.d1, self.d2 = (np.empty((batch, k), f) for _ in range(4))
        self.h1t, self.h2t = self.h1.T, self.h2.T
        self.z, self.t, self.u, self.s = (np.empty((batch, 1), f) for _ in range(4))
        self.tf, self.ones, self.zeros = self.t.reshape(-1), np.ones(batch, f), np.zeros((batch, 1), f)
        self.one, self.inverse = np.array(1, f), np.array(1 / batch, f)

    def __call__(self, x: Array, y: Array, lr: Array) -> Array:
        """One step; returns the loss."""
        h1, h2, z, t, u, s, d1, d2, one, ones = (
            self.h1, self.h2, self.z, self.t, self.u, self.s, self.d1, self.d2, self.one, self.ones,
        )  # fmt: skip
        dot(x, self.w1, h1)
        add(h1, self.b1, h1)
        tanh(h1, h1)
        dot(h1, self.w2, h2)
        add(h2, self.b2, h2)
        tanh(h2, h2)
        dot(h2, self.w3, z)
        add(z, self.b3, z)
        np.absolute(z, t)
        np.negative(t, t)
        exp(t, t)
        np.log1p(t, t)
        np.maximum(z, self.zeros, out=u)
        add(t, u, t)
        multiply(z, y, u)
        subtract(t, u, t)
        loss = dot(ones, self.tf) * self.inverse
        np.negative(z, s)
        exp(s, s)
        add(s, one, s)
        divide(one, s, s)
        subtract(s, y, s)
        multiply(s, self.inverse, s)
        dot(self.h2t, s, self.dw3)
        dot(ones, s, self.db3)
        dot(s, self.w3t, d2)
        square(h2, h2)
        subtract(one, h2, h2)
        multiply(d2, h2, d2)
        dot(self.h1t, d2, self.dw2)
        dot(ones, d2, self.db2)
        dot(d2, self.w2t, d1)
        square(h1, h1)
        subtract(one, h1, h1)
        multiply(d1, h1, d1)
        dot(x.T, d1, self.dw1)
        dot(ones, d1, self.db1)
        multiply(self.g, lr, self.g)
        subtract(self.p, self.g, self.p)
        return loss


def gradient_of_chain(n: int, dtype: Any = np.float32) -> Any:
    """Return a function of x, w, b: ``mean(tanh(x * w + b)**2 * sigmoid(x))`` and its gradients, in fixed arrays."""
    gx, gw, gb = (np.empty(n, dtype) for _ in range(3))
    t, q, s, r, o = (np.empty(_BLOCK, dtype) for _ in range(5))
    one, c, c2 = (np.array(value, dtype) for value in (1, 1 / n, 2 / n))

    def gradient(x: Array, w: Array, b: Array) -> tuple[Array, ...]:
        total = 0.0
        for i in range(0, n, _BLOCK):
            j = min(i + _BLOCK, n)
            xb, wb, k = x[i:j], w[i:j], j - i
            tb, qb, sb, rb, ob, gb_ = t[:k], q[:k], s[:k], r[:k], o[:k], gb[i:j]
            multiply(xb, wb, tb)
            add(tb, b[i:j], tb)
            tanh(tb, tb)
            square(tb, qb)
            np.negative(xb, sb)
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
        return total / n, gx, gw, gb

    return gradient
