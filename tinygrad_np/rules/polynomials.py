"""Polynomials as vectors of coefficients, the highest power first."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.tools import as_array, known


def _vector(p: Any) -> Any:
    return np.atleast_1d(as_array(p))


def _derivative(p: Any) -> Any:
    return p[:-1] * np.arange(len(p) - 1, 0, -1).astype(p.dtype)  # np.polyder would widen single precision


def _powers(x: Any, n: int) -> Any:
    return np.reshape(x, (-1, 1)) ** np.arange(n - 1, -1, -1).astype(x.dtype)  # and so would np.vander


@primitive(
    p=lambda g, x, p_shape: np.matmul(np.reshape(g, -1), _powers(x, p_shape[0])),
    x=lambda g, p, x: g * np.polyval(_derivative(p), x),
)
def polyval(p: Any, x: Any) -> Any:
    """Value of a polynomial."""
    return np.polyval(p, x)


@composite(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    x = as_array(x)
    if np.ndim(p) == 1:
        return polyval(p, x)
    y = np.zeros_like(x)
    for coefficient in p:
        y = y * x + coefficient
    return y


@composite(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """Sum."""
    a1, a2 = _vector(a1), _vector(a2)
    n = max(len(a1), len(a2))
    return _lengthened(a1, n) + _lengthened(a2, n)


@composite(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """Difference."""
    a1, a2 = _vector(a1), _vector(a2)
    n = max(len(a1), len(a2))
    return _lengthened(a1, n) - _lengthened(a2, n)


def _lengthened(a: Any, n: int) -> Any:
    return a if len(a) == n else np.concatenate([np.zeros_like(a, shape=(n - len(a),)), a])


@composite(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """Product."""
    return np.convolve(_vector(a1), _vector(a2))


@composite(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """Quotient and remainder."""
    u, v = _vector(u) + 0.0, _vector(v) + 0.0
    rest = u.astype(np.result_type(u, v))
    found: list[Any] = []
    gone: list[Any] = []
    while len(rest) >= len(v):
        found.append(1.0 / v[0] * rest[:1])
        rest = np.concatenate([rest[: len(v)] - found[-1] * v, rest[len(v) :]])
        gone, rest = [*gone, rest[:1]], rest[1:]
    rest = np.concatenate([*gone, rest])  # what is gone is zero, but for rounding, which NumPy forgives up to here
    while len(rest) > 1 and np.allclose(rest[0], 0, rtol=1e-14):
        rest = rest[1:]
    return np.concatenate(found) if found else np.zeros_like(rest, shape=(1,)), rest


@composite(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """Derivative of order ``m``."""
    if m < 0:
        raise ValueError(f"polyder: an order of derivative is not negative, unlike {m}; see polyint")
    p = _vector(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composite(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Antiderivative of order ``m``, with constants of integration ``k``."""
    if m < 0:
        raise ValueError(f"polyint: an order of integration is not negative, unlike {m}; see polyder")
    p, k = _vector(p), _vector(0.0 if k is None else k)
    k = np.broadcast_to(k, (m,)) if len(k) == 1 else k
    if len(k) < m:
        raise ValueError(f"polyint: {m} integrations have {m} constants, but {len(k)} are given")
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), k[i : i + 1]])
    return p


@composite(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The polynomial with these zeros, or the characteristic polynomial of a matrix."""
    zeros = _vector(seq_of_zeros)
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] > 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError(f"poly takes a vector of zeros or a square matrix, not an array of shape {zeros.shape}")
    if not zeros.size:
        return 1.0
    a = np.ones_like(zeros[:1])
    zeros = zeros.astype(np.mintypecode(zeros.dtype.char))
    for i in range(len(zeros)):
        a = np.convolve(a, np.concatenate([np.ones_like(zeros[:1]), -zeros[i : i + 1]]))
    pairs = zeros.dtype.kind == "c" and np.all(np.sort(zeros) == np.sort(np.conj(zeros)))
    return np.real(a) if pairs else a


@primitive(
    p=lambda g, p, out: np.matmul(-quotient(g, np.polyval(_derivative(p), out)), _powers(out, len(p))),
    kink=lambda p, out: _to_multiple_root(p, out),
)
def roots(p: Any) -> Any:
    """Zeros. By the implicit function theorem, ``d root / d p[k] = -root**(n-k) / p'(root)``, if it is a simple one."""
    return np.roots(p)


def _to_multiple_root(p: Any, out: Any) -> Any:
    """By Rouché's theorem, a circle around one root still has one in it while what is added there is less than ``p``.

    The circles go half of the way to the next root.
    """
    if out.size < p.size - 1:  # leading zeros: there are more roots at once
        return 0.0
    away = np.abs(out[:, None] - out)
    radius = np.min(np.where(np.eye(out.size, dtype=bool), 2 + 2 * np.abs(out), away), -1, initial=np.inf) / 2
    others = np.where(np.eye(out.size, dtype=bool), radius[:, None], away - radius[:, None])
    there = np.abs(p[0]) * np.prod(others, -1)
    return np.min(there / np.sum((np.abs(out) + radius)[:, None] ** np.arange(p.size), -1), initial=np.inf)


@composite(np.roots)
def _roots(p: Any) -> Any:
    return roots(_vector(p))


@composite(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    """Least-squares fit."""
    x, y, order = _vector(x) + 0.0, _vector(y) + 0.0, int(deg) + 1
    if order < 1 or x.ndim != 1 or x.size == 0 or y.ndim > 2 or y.shape[0] != x.shape[0]:
        raise ValueError(
            f"polyfit takes places of shape (n,), values of shape (n,) or (n, k), and a degree from 0 on; "
            f"not {x.shape}, {y.shape} and {deg}"
        )
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = np.vander(x, order), y
    if w is not None:
        w = _vector(w) + 0.0
        left = (left * w[:, None]).astype(left.dtype)
        right = (right * (w[:, None] if right.ndim == 2 else w)).astype(right.dtype)
    scale = np.sqrt(np.sum(left * left, 0))
    left = left / scale
    c, residuals, rank, s = np.linalg.lstsq(left, right, rcond)
    c = (c.T / scale).T
    if full:
        return c, residuals, rank, s, rcond
    if known(rank != order):
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    if not cov:
        return c
    spread = np.linalg.inv(np.matmul(left.T, left)) / np.outer(scale, scale)
    if cov != "unscaled":
        if len(x) <= order:
            raise ValueError(f"polyfit: the covariance of {order} coefficients takes more than {len(x)} values")
        factor = residuals / (len(x) - order)
        spread = spread[:, :, None] * factor if y.ndim == 2 else spread * factor
    return c, spread


@composite(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Powers of each element, from the highest to the lowest: a Vandermonde matrix."""
    if x.ndim != 1:
        raise ValueError(f"vander is for one axis, but the shape is {x.shape}")
    powers = np.arange(len(x) if N is None else N)
    wide = x.astype(np.promote_types(x.dtype, int))  # as NumPy has it: float32 becomes float64
    return wide[:, None] ** (powers if increasing else powers[::-1])
