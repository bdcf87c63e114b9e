"""Calls for ``test_kinks.py``: operands that the rows of ``rows`` do not have, and kinks that few lines meet."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.rules import neural, norms

try:
    import scipy.special as sc
except ModuleNotFoundError:
    sc = None

Array = np.ndarray

COMPLEX = np.array([1.1 - 0.4j, -0.9 + 1.7j, 0.3 - 1.2j])
REALS = np.array([[0.7, -1.3, 2.6], [-0.2, 1.9, 0.45]])

#: An operation, operands and options.
FURTHER: list[tuple[Any, list[Array], dict[str, Any]]] = [
    *((f, [COMPLEX], {}) for f in (
        np.log, np.log1p, np.sqrt, np.reciprocal, np.absolute, np.sign, np.tan, np.tanh, np.arcsin, np.arccos,
        np.arctan, np.arcsinh, np.arctanh, np.iscomplex, np.isreal,
    )),
    *((f, [REALS], {}) for f in (
        np.all, np.any, np.count_nonzero, np.argwhere, neural.relu, np.logical_xor.reduce, np.fmin.accumulate,
        np.floor_divide.reduce, lambda x: np.any(x, 0), lambda x: np.round(x, -1), lambda x: x.astype(int),
        lambda x: x.astype(bool), lambda x: 3 / x, lambda x: x // 0.5, lambda x: 1.0 % x, lambda x: x % -0.7,
        lambda x: 2.0**x, lambda x: x**3, lambda x: x**-2, lambda x: x**1.5, lambda x: np.where(x, 1.0, 2.0),
        lambda x: np.unwrap(x * 2, discont=4.0), lambda x: np.searchsorted([-1.0, 0.5, 2.0], x),
        lambda x: np.unique(x, axis=1, return_inverse=True)[1], lambda x: np.lexsort((x[0], x[1])),
        lambda x: np.linalg.matrix_rank(x, tol=0.5), lambda x: np.linalg.pinv(x, rcond=0.1),
        lambda x: np.histogram(x, [-1.0, 0.0, 1.0])[0],
        lambda x: np.quantile(x[0], np.abs(x[1]) / 3, method="closest_observation"),
    )),
    *((f, [REALS, REALS[::-1] * 1.1], {}) for f in (
        np.logical_and, np.logical_or, np.logical_xor, np.copysign, np.equal, np.isclose, np.array_equal, np.arctan2,
        np.hypot,
    )),
    *((norms.norm_of_order, [REALS], {"ord": p, "axis": 0}) for p in (3, 1.5, -1)),
]  # fmt: skip
if sc:
    FURTHER += [(f, [COMPLEX], {}) for f in (sc.gamma, sc.loggamma, sc.exp1, sc.wrightomega, sc.spence, sc.log1p)]
    FURTHER += [(lambda z, f=f: f(0.5, z), [np.abs(REALS)], {}) for f in (sc.jv, sc.iv, sc.struve, sc.modstruve)]


# --- how near a kink is
def without_least(a: Array) -> Array:
    """The nearest singular matrix."""
    u, s, vh = np.linalg.svd(a)
    return a - s[-1] * np.outer(u[:, -1], vh[-1])


MATRIX = np.array([[1.3, 0.2, -0.4], [0.5, -0.9, 0.3], [0.1, 0.7, 2.0]])
NEARLY_SINGULAR = np.array([[2.0, 0.1], [0.1, 0.3]])
DEFINITE = np.array([[1.0, 0.4], [0.4, 1.5]])
SLOPE = float(np.linalg.eigvalsh(DEFINITE)[0])
AWAY = np.linalg.eigh(DEFINITE)[1][:, 0]
#: An operation, its operands, those at the nearest kink, and how many times farther than the margin that may be.
NEAREST: list[tuple[Any, list[Any], list[Any], float]] = [
    # corners, jumps, poles, ends of domains
    (np.absolute, [[0.3, -2.0]], [[0.0, -2.0]], 1),
    (neural.relu, [[-0.3, 2.0]], [[0.0, 2.0]], 1),
    (np.sign, [-0.2], [0.0], 1),
    (np.floor, [1.3], [1.0], 1),
    (np.round, [1.4], [1.5], 1),
    (np.trunc, [0.4], [1.0], 1),
    (np.frexp, [1.1], [1.0], 1),
    (np.remainder, [2.3, 1.0], [2.2, 1.1], 1),
    (lambda x: x % 1.0, [2.3], [2.0], 1),
    (np.divide, [3.0, 0.2], [3.0, 0.0], 1),
    (lambda x: x**-2, [0.2], [0.0], 1),
    (np.sqrt, [0.2], [0.0], 1),
    (np.cbrt, [0.2], [0.0], 1),
    (np.log1p, [-0.8], [-1.0], 1),
    (np.arcsin, [0.7], [1.0], 1),
    (np.tan, [1.2], [np.pi / 2], 1),
    (np.hypot, [0.3, -0.4], [0.0, 0.0], 1),
    (np.arctan2, [0.2, -1.0], [0.0, -1.0], 1),
    (np.arctan2, [0.2, 0.5], [0.0, 0.0], 1),
    (np.unwrap, [[0.0, 3.0]], [[1.5 - np.pi / 2, 1.5 + np.pi / 2]], 1),
    # of complex numbers: branch cuts, too
    (np.sign, [0.3 + 0.4j], [0.0j], 1),
    (np.log, [-1.5 + 0.3j], [-1.5], 1),
    (np.arctan, [0.2 + 1.5j], [1.5j], 1),
    (np.arcsinh, [0.2 - 1.5j], [-1.5j], 1),
    (np.tanh, [0.3 + 1.5j], [np.pi / 2 * 1j], 1.1),
    # ties
    (np.maximum, [0.2, 0.5], [0.35, 0.35], 1),
    (lambda x: np.maximum(x, 0.5), [0.2], [0.5], 1),
    (lambda x: np.clip(x, 0, 1), [[0.3, -9.0]], [[0.0, -9.0]], 1),
    (lambda x: x > 0, [0.3], [0.0], 1),
    (np.equal, [0.2, 0.5], [0.35, 0.35], 1),
    (np.count_nonzero, [[0.3]], [[0.0]], 1),
    (np.any, [[0.0, 0.3]], [[0.0, 0.0]], 1),
    (np.max, [[1.0, 3.0, 2.4]], [[1.0, 2.7, 2.7]], 1),
    (np.argmin, [[1.0, 3.0, 1.4]], [[1.2, 3.0, 1.2]], 1),
    (np.nanmax, [[1.0, np.nan, 3.0, 2.4]], [[1.0, np.nan, 2.7, 2.7]], 1),
    (np.nanmin, [[1.0, np.nan, 3.0, 1.4]], [[1.2, np.nan, 3.0, 1.2]], 1),
    (np.nanargmax, [[1.0, np.nan, 3.0, 2.4]], [[1.0, np.nan, 2.7, 2.7]], 1),
    (np.isin, [[0.2, 3.0], [1.0, 0.5]], [[0.35, 3.0], [1.0, 0.35]], 1),
    (np.sort, [[1.0, 3.0, 2.4]], [[1.0, 2.7, 2.7]], 1),
    (np.median, [[1.0, 3.0, 2.4]], [[1.0, 2.7, 2.7]], 1),
    (np.maximum.accumulate, [[3.0, 1.0, 2.6]], [[2.8, 1.0, 2.8]], 1),
    (np.interp, [0.8, [0.0, 1.0, 2.0], [1.0, 3.0, 2.0]], [0.9, [0.0, 0.9, 2.0], [1.0, 3.0, 2.0]], 1),
    (np.std, [[1.0, 2.0, 5.0]], [[3.0, 3.0, 3.0]], 1),
    (lambda x: np.std(x, where=[True, False, True]), [[1.0, 9.0, 2.0]], [[1.5, 9.0, 1.5]], 1),
    (np.linalg.norm, [[0.3, -0.4]], [[0.0, 0.0]], 1),
    # matrices
    (np.linalg.inv, [MATRIX], [without_least(MATRIX)], 3),
    (np.linalg.solve, [MATRIX, MATRIX[0]], [without_least(MATRIX), MATRIX[0]], 3),
    (np.linalg.slogdet, [MATRIX], [without_least(MATRIX)], 3),
    (np.linalg.svdvals, [NEARLY_SINGULAR], [without_least(NEARLY_SINGULAR)], 2),
    (np.linalg.cholesky, [DEFINITE], [DEFINITE - SLOPE * np.outer(AWAY, AWAY)], 2),
    (np.linalg.eigvalsh, [DEFINITE], [1.25 * np.eye(2)], 2),
    (np.linalg.eigvals, [[[1.0, 0.2], [0.1, 2.0]]], [[[1.3, -0.1], [0.4, 1.7]]], 2),
    (np.linalg.qr, [[[0.2, 1.0], [1.0, -0.2]]], [[[0.0, 1.0], [1.0, -0.2]]], 6.1),
    (np.roots, [[1.0, -3.0, 2.0]], [np.array([1.0, -3.0, 2.0]) + (np.sqrt(336) - 18) / 6], 3),
]
if sc:
    NEAREST += [
        (sc.gamma, [-1.7], [-2.0], 1),
        (sc.erfinv, [0.9], [1.0], 1),
        (lambda x: sc.hyp2f1(1.0, 1.0, 2.0, x), [0.7], [1.0], 1),
        (sc.tandg, [80.0], [90.0], 1),
        (sc.wrightomega, [-3.0 + 3.0j], [-3.0 + np.pi * 1j], 1),
    ]
