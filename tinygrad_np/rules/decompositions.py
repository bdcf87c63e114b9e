"""Factorizations of one matrix or of stacks of them: triangular factors, eigenvalues, singular values.

None of them is analytic, so the formulas are written for the cotangents as the papers have them, the conjugates of the
engine's: they are conjugated on entry and on exit. Functions that read one triangle of a Hermitian matrix get the
gradient among Hermitian matrices, which is itself Hermitian.

Factors are unique only up to a sign or a phase each, and where eigenvalues or singular values coincide, up to a
rotation of their space. A loss that does not depend on that choice has a gradient, and gets it: pairs that coincide
contribute nothing (:func:`over`). What cannot be told from eigenvectors and coinciding eigenvalues together is an error
(:func:`undetermined`). See docs/derivatives.md.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.kinks import as_matrix, least_gap, moved, nearest, to_singular
from tinygrad_np.rules.linalg import adjoint, conj, hermitian_part

_SVDResult = type(np.linalg.svd(np.eye(1)))


# --- triangular factors -------------------------------------------------------------------------------------------
def _lower(x: Any) -> Any:
    """The lower triangle, with half of the diagonal."""
    return (np.tril(x) + np.tril(x, -1)) / 2


def _cholesky_vjp(g: Any, out: Any, upper: bool) -> Any:
    """Murray (2016), "Differentiation of the Cholesky decomposition", eq. 10."""
    bar, factor = (g.mT, adjoint(out)) if upper else (conj(g), out)
    inverse = np.linalg.inv(factor)
    return conj(hermitian_part(adjoint(inverse) @ _lower(adjoint(factor) @ bar) @ inverse))


@primitive(np.linalg.cholesky, a=_cholesky_vjp, kink=lambda a, upper: _to_indefinite(a, upper))
def cholesky(a: Any, *, upper: bool = False) -> Any:
    """Cholesky factor of a Hermitian positive definite matrix."""
    return np.linalg.cholesky(a, upper=upper)


def _to_indefinite(a: Any, upper: bool) -> Any:
    least = np.min(np.linalg.eigvalsh(a, "U" if upper else "L"), -1, initial=np.inf)
    return as_matrix(np.maximum(least, 0) / moved(a))


def _qr_vjp(g: Any, a: Any, out: Any) -> Any:
    """Walter and Lehmann (2010), Roberts and Roberts (2020) for ``m < n``.

    What completes the columns to a basis is arbitrary, but moves against them: see :func:`_without_completion`.
    """
    q, r = out
    gq, gr = map(conj, g.filled(out))
    m, n = a.shape[-2:]
    q, gq = _without_completion(q, gq, n)
    r, gr = r[..., :n, :], gr[..., :n, :]
    r, gr, rest = r[..., :m], gr[..., :m], gr[..., m:]  # r goes on to the right with the adjoint of q, times a
    gq = gq + a[..., m:] @ adjoint(rest)
    inner = _lower(r @ adjoint(gr) - adjoint(gq) @ q)
    inner = gq + q @ (inner + adjoint(inner))
    found = adjoint(np.linalg.solve(r, adjoint(inner)))
    return conj(np.concatenate([found, q @ rest], -1))


def _without_completion(q: Any, gq: Any, k: int) -> tuple[Any, Any]:
    """Keep ``k`` orthonormal columns and their cotangent, into which goes that of the columns that complete the basis.

    Those are determined up to a rotation among themselves. A loss that does not depend on it sees only that they stay
    orthogonal to the others: ``d rest = -q @ dq.H @ rest``.
    """
    if q.shape[-1] == k:
        return q, gq
    q, rest, gq, grest = q[..., :k], q[..., k:], gq[..., :k], gq[..., k:]
    return q, gq - rest @ (adjoint(grest) @ q)


def _to_other_factors(a: Any, r: Any) -> Any:
    """To dependent columns, or to where LAPACK (``larfg``) changes the sign of a row of ``r`` and of a column of ``q``.

    A column is reflected so that it does not get shorter: the sign changes with that of its first element (``first``),
    and where all others (``rest``) are zero, it stays as it is. How much farther than the matrix they move is bounded
    by the condition number, to first order (Sun 1991).
    """
    k = min(a.shape[-2:])
    s = np.linalg.svd(a[..., :k], compute_uv=False)
    size, tau = np.abs(np.diagonal(r, axis1=-2, axis2=-1)), np.linalg.qr(a, "raw")[1].real
    first, rest = size * np.abs(1 - tau), size * np.sqrt(np.abs(tau * (2 - tau)))
    if k == a.shape[-2] and a.dtype.kind != "c":  # a single number is not reflected
        rest[..., -1:] = np.inf
    longest, least = np.max(s, -1, initial=0), np.min(s, -1, initial=np.inf)
    turn = np.min(nearest(first, rest), -1, initial=np.inf) / (1 + 2 * longest / least)
    return as_matrix(np.fmin(turn, least) / moved(a))


@primitive(a=_qr_vjp, kink=lambda a, out: _to_other_factors(a, out[1]))
def qr(a: Any, *, mode: str = "reduced") -> Any:
    """Orthonormal columns times an upper triangle, for a matrix whose first columns are independent."""
    return np.linalg.qr(a, mode)


@composite(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    if mode in ("raw", "economic", "e", "full", "f"):
        raise NotImplementedError(f"qr with mode={mode!r} has no derivative here; 'reduced', 'complete' and 'r' have")
    return qr(a, mode="reduced").R if mode == "r" else qr(a, mode=mode)


# --- eigenvalues and singular values ------------------------------------------------------------------------------
def _apart(d: Any, values: Any) -> Any:
    """Whether differences ``d`` of ``values`` (or sums) are more than rounding errors. All values are in one row."""
    size = np.max(np.absolute(values), axis=-1, initial=0, keepdims=True)
    return np.absolute(d) > 64 * float(np.finfo(values.dtype).eps) * size


@primitive(
    x=lambda g, d, values: over(g, d, values),
    d=lambda g, d, values, out: -over(g * out, d, values),
    values=None,
    kink=lambda d: np.abs(d),
)
def over(x: Any, d: Any, values: Any) -> Any:
    """``x / d``, and 0 where ``d``, a difference or a sum of ``values``, is zero but for rounding errors.

    In the latter case a gradient is defined only if ``x`` is zero as well. All the ``values`` are in one row.
    """
    shape = np.broadcast_shapes(x.shape, d.shape)
    return np.divide(x, d, out=np.zeros(shape, np.result_type(x, d)), where=_apart(d, values))


@primitive(by_values=None, by_vectors=None, values=None)
def undetermined(by_values: Any, by_vectors: Any, values: Any, *, among: str, and_zero: bool = False) -> Any:
    """Raise an error if a loss depends on coinciding values, and on their vectors.

    A matrix function ``u @ diag(f(w)) @ u.mT`` does. Where ``w[i] == w[j]``, its gradient has the entry
    ``f'(w[i]) * (u.mT @ g @ u)[i, j]``, as the limit of a quotient of differences of ``f``; but of ``f`` the cotangents
    tell only its values there. A wrong zero, or a 0/0, is what one would get.

    Parameters
    ----------
    by_values
        Cotangent of the values: a row.
    by_vectors
        How the loss depends on turning vectors ``i`` and ``j`` into each other: a matrix.
    values
        A row.
    and_zero
        There are more vectors, which complete a basis; their value is 0, and the loss does not depend on it.
    """
    if and_zero:
        one = [(0, 0)] * (values.ndim - 1) + [(0, 1)]
        both = [*one[:-2], (0, 1), (0, 1)]
        values, by_values, by_vectors = np.pad(values, one), np.pad(by_values, one), np.pad(by_vectors, both)
    size, turns = np.absolute(by_values), np.absolute(by_vectors)
    small = math.sqrt(np.finfo(values.dtype).eps)
    most = small * size.max(-1, keepdims=True, initial=0)
    most_turns = small * turns.max((-2, -1), keepdims=True, initial=0)
    differ = np.absolute(by_values.mT - by_values) > most
    both, size = turns + turns.mT, size + size.mT
    mixed = (both >= most_turns) & (size > most)  # 0 >= 0, if f(w) is 0
    on = np.diagonal(turns, 0, -2, -1)[..., None, :]
    blind = (both > 0) & (size <= most) & (on + on.mT <= most_turns)  # neither f nor f' shows
    found = ~_apart(_gaps(values), values) & (differ | mixed | blind) & ~np.eye(values.shape[-1], dtype=bool)
    if np.any(found):
        *_, first, second = (int(k[0]) for k in np.nonzero(found))
        raise np.linalg.LinAlgError(
            f"{among} {first} and {second} coincide, and the loss depends on them as well as on their vectors: so the "
            f"cotangents of values and vectors do not determine a gradient. If it is a function of the matrix, use it "
            f"(inv, solve, slogdet, pinv, norm, or tinygrad_np.linalg.matrix_function); or keep the {among} apart"
        )
    return np.zeros(())


def _gaps(row: Any) -> Any:
    return row - row.mT


def _eigh_vjp(g: Any, out: Any) -> Any:
    """Giles (2008), section 3.1; Seeger et al. (2017), "Auto-differentiating linear algebra", section 4.4."""
    gw, gu = (None if x is None else conj(x) for x in g)
    w, u = out[0][..., None, :], out[1]
    gw = None if gw is None else gw[..., None, :]
    left = 0 if gw is None else u * gw
    if gu is not None:
        turn = adjoint(u) @ gu
        if gw is not None:
            undetermined(gw, turn, w, among="eigenvalues")
        left = left + u @ over((turn - adjoint(turn)) / 2, _gaps(w), w)
    return conj(left @ adjoint(u))


@primitive(np.linalg.eigh, a=_eigh_vjp, kink=lambda a, out: as_matrix(least_gap(out[0]) / moved(a)))
def eigh(a: Any, *, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a Hermitian matrix."""
    return np.linalg.eigh(a, UPLO)


@composite(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of a Hermitian matrix; the derivative needs the vectors, so these are computed with them."""
    return np.linalg.eigh(a, UPLO)[0]


def _eig_vjp(g: Any, out: Any) -> Any:
    """Giles (2008), section 3.1; NumPy's vectors have length one, so what would change that is taken out."""
    gw, gv = (None if x is None else conj(x) for x in g)
    w, v = out[0][..., None, :], out[1]
    gw = None if gw is None else gw[..., None, :]
    vh = adjoint(v)
    inner = 0 if gw is None else gw.mT * vh
    if gv is not None:
        turn = vh @ gv
        turn = turn - (vh @ v) * np.sum(conj(v) * gv, -2, keepdims=True)
        if gw is not None:
            undetermined(gw, turn, w, among="eigenvalues")
        inner = inner + over(turn, conj(_gaps(w)), w) @ vh
    return conj(np.linalg.solve(vh, inner))


def _to_multiple_eigenvalue(a: Any, w: Any, v: Any) -> Any:
    """Bauer and Fike (1960): eigenvalues move by up to the condition number of the vectors, times the matrix's norm."""
    return as_matrix(least_gap(w) / np.linalg.cond(v)) / moved(a) if w.size else np.inf


@primitive(np.linalg.eig, a=_eig_vjp, kink=lambda a, out: _to_multiple_eigenvalue(a, *out))
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of a matrix that has a basis of these."""
    return np.linalg.eig(a)


@composite(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues; the derivative needs the vectors, so these are computed with them."""
    return np.linalg.eig(a)[0]


def _svd_vjp(g: Any, out: Any, a_shape: tuple[int, ...]) -> Any:
    """Townsend (2016), "Differentiating the singular value decomposition"; Seeger et al. (2017); for complex ones Wan
    and Zhang (2019), "Automatic differentiation for complex valued SVD".

    Their quotients by ``s[j]**2 - s[i]**2`` fall apart into one by the difference and one by the sum. Where singular
    values coincide the latter stays, so a function like the polar factor ``u @ vh`` has its gradient there.
    """
    s, k = out[1][..., None, :], out[1].shape[-1]
    m, n = a_shape[-2:]
    if g[0] is None and g[2] is None:  # at s = 0 the kink of a norm: no share
        return conj((out[0][..., :k] * np.where(s > 0, g[1][..., None, :], 0)) @ out[2][..., :k, :])
    gu, gs, gvh = g.filled(out)
    gs = gs[..., None, :]
    u, gu = _without_completion(out[0], conj(gu), k)
    v, gv = _without_completion(adjoint(out[2]), gvh.mT, k)
    turn, other = adjoint(u) @ gu, adjoint(v) @ gv
    if g[1] is not None:
        both = np.absolute(turn) + np.absolute(other)
        undetermined(gs, both, s, among="singular values", and_zero=m != n)
    p, q = turn - adjoint(turn), other - adjoint(other)
    inner = (over(p + q, _gaps(s), s) + over(p - q, s + s.mT, s)) / 2
    left = u @ inner + u * gs
    if m > k:
        left = left + over(gu - u @ turn, s, s)
    found = left @ adjoint(v)
    if n > k:
        found = found + u @ adjoint(over(gv - v @ other, s, s))
    return conj(found)


@primitive(a=_svd_vjp, kink=lambda a, out: np.fmin(as_matrix(least_gap(out[1]) / moved(a)), to_singular(a)))
def svd(a: Any, *, full_matrices: bool = True) -> Any:
    """Singular value decomposition."""
    return np.linalg.svd(a, full_matrices)


@composite(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not hermitian:
        return svd(a, full_matrices=full_matrices) if compute_uv else svd(a, full_matrices=False).S
    w, u = np.linalg.eigh(a)
    order = np.argsort(np.absolute(w))[..., ::-1]
    w, u = np.take_along_axis(w, order, -1), np.take_along_axis(u, order[..., None, :], -1)
    s = np.absolute(w)
    return _SVDResult(u, s, adjoint(u * np.copysign(1, w)[..., None, :])) if compute_uv else s


@composite(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """Singular values; the derivative needs the vectors, so these are computed with them."""
    return svd(x, full_matrices=False).S
