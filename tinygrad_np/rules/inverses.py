"""Inverses, linear systems and determinants, of one matrix or of stacks of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.kinks import to_other_rank, to_singular
from tinygrad_np.rules.linalg import adjoint, conj, cross_of_three, hermitian_part
from tinygrad_np.rules.reductions import products_of_others
from tinygrad_np.rules.tools import known

# --- inverses and linear systems ----------------------------------------------------------------------------------
inv = primitive(np.linalg.inv, a=lambda g, out: -(out.mT @ g @ out.mT), kink=lambda a: to_singular(a))(np.linalg.inv)


def _solve_transposed(a: Any, g: Any, vector: bool) -> Any:
    return np.linalg.solve(a.mT, g[..., None])[..., 0] if vector else np.linalg.solve(a.mT, g)


def _solve_vjp_a(g: Any, a: Any, out: Any, vector: bool) -> Any:
    y = _solve_transposed(a, g, vector)
    return -(y[..., :, None] * out[..., None, :]) if vector else -(y @ out.mT)


@primitive(
    np.linalg.solve,
    a=lambda g, a, out, b_shape: _solve_vjp_a(g, a, out, len(b_shape) == 1),
    b=lambda g, a, b_shape: _solve_transposed(a, g, len(b_shape) == 1),
    kink=lambda a: to_singular(a),
)
def solve(a: Any, b: Any) -> Any:
    """Solve ``a @ x = b``; one-dimensional ``b`` is a vector, any other a stack of matrices."""
    return np.linalg.solve(a, b)


def _product(x: Any, y: Any, z: Any) -> Any:
    """``x @ y @ z`` for matrices of which each has the shape of the one before, transposed: the small product first."""
    return (x @ y) @ z if x.shape[-2] < x.shape[-1] else x @ (y @ z)


def _cutoff(rcond: Any, rtol: Any) -> Any:
    return (1e-15 if rtol is np._NoValue else rtol) if rcond is None else rcond


def _pinv_vjp(g: Any, a: Any, out: Any, hermitian: bool) -> Any:
    """Golub and Pereyra (1973), eq. 4.12; ``h`` is the adjoint of the paper's cotangent, and has the shape of ``a``."""
    h, p, ph = g.mT, out, adjoint(out)
    outside, inside = h - _product(a, p, h), h - _product(h, p, a)  # of the range of a, and of that of its adjoint
    found = _product(outside, p, ph) + _product(ph, p, inside) - _product(ph, adjoint(h), ph)
    return conj(hermitian_part(found) if hermitian else found)


@primitive(
    np.linalg.pinv,
    a=_pinv_vjp,
    kink=lambda a, rcond, hermitian, rtol: to_other_rank(a, _cutoff(rcond, rtol), 0.0, hermitian),
)
def pinv(a: Any, *, rcond: Any = None, hermitian: bool = False, rtol: Any = np._NoValue) -> Any:
    """Pseudo-inverse. The derivative is that among matrices of the same rank: across ranks it jumps."""
    return np.linalg.pinv(a, rcond=rcond, hermitian=hermitian, rtol=rtol)


def _lstsq_vjp_a(g: Any, a: Any, b: Any, out: Any, rcond: Any) -> Any:
    """As for ``x = pinv(a) @ b``, from right to left; then the residuals, and the singular values."""
    gx, gr, _, gs = g
    x = out[0] if b.ndim == 2 else out[0][:, None]
    r = (b if b.ndim == 2 else b[:, None]) - a @ x
    found = np.zeros_like(a)
    if gx is not None:
        gx, p = conj(gx if b.ndim == 2 else gx[:, None]), _pinv_for(a, rcond)
        y = adjoint(p) @ gx
        found = found - y @ adjoint(x) + r @ adjoint(p @ y) + (adjoint(p) @ x) @ adjoint(gx - p @ (a @ gx))
    if gr is not None and gr.size:
        found = found - 2 * (r * gr) @ adjoint(x)
    if gs is not None:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        found = found + (u * gs) @ vh
    return conj(found)


def _lstsq_vjp_b(g: Any, a: Any, b: Any, out: Any, rcond: Any) -> Any:
    gx, gr, _, _ = g
    found = np.zeros_like(b) if gx is None else _pinv_for(a, rcond).mT @ gx
    if gr is not None and gr.size:
        found = found + 2 * gr * conj(b - a @ out[0])
    return found


def _pinv_for(a: Any, rcond: Any) -> Any:
    """The pseudo-inverse that LAPACK's ``gelsd`` applies: NumPy computes it in double precision."""
    eps = float(np.finfo(np.float64).eps)
    if rcond is None:
        rcond = eps * max(a.shape)
    return np.linalg.pinv(a, rcond if 0 < rcond < 1 else eps)


@primitive(np.linalg.lstsq, a=_lstsq_vjp_a, b=_lstsq_vjp_b, kink=lambda a, rcond: to_other_rank(a, rcond))
def lstsq(a: Any, b: Any, *, rcond: Any = None) -> Any:
    """Least squares: solution, squared residuals, rank, singular values. For the rank, see :func:`pinv`.

    The kink is that of the solution: singular values by themselves have others, where two of them coincide.
    """
    return np.linalg.lstsq(a, b, rcond)


@composite(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """Inverse with respect to a tensor product over the first ``ind`` axes."""
    if ind <= 0:
        raise ValueError(f"tensorinv: ind is the number of leading axes and positive, not {ind}")
    rows, columns = a.shape[:ind], a.shape[ind:]
    return np.linalg.inv(a.reshape((math.prod(columns), -1))).reshape(columns + rows)


@composite(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """Solve ``a x = b`` for ``x``, summing over all axes of ``x``."""
    if axes is not None:
        last = [axis % np.ndim(a) for axis in axes]
        a = np.transpose(a, [*(i for i in range(np.ndim(a)) if i not in last), *last])
    shape = np.shape(a)[np.ndim(b) :]
    n = math.prod(shape)
    if np.size(a) != n * n:
        raise np.linalg.LinAlgError(
            f"tensorsolve: the axes of a, {np.shape(a)}, behind those of b, {np.shape(b)}, have {n} elements together, "
            f"so a should have {n * n}, but has {np.size(a)}"
        )
    return np.linalg.solve(np.reshape(a, (n, n)), np.ravel(b)).reshape(shape)


# --- determinants -------------------------------------------------------------------------------------------------
# The derivative of the determinant is the matrix of cofactors, and these are polynomials: they do not care whether a
# matrix is singular. So neither do the first three derivatives here; a fourth one needs an inverse.


def regular_ones(a: Any, of: Any) -> Any:
    """The matrices of a stack where ``of`` holds, and the identity in place of the others: it can be inverted."""
    return np.where(of[..., None, None], a, np.eye(a.shape[-1], dtype=a.dtype))


def _in_double(a: Any) -> Any:
    return a.astype(np.result_type(a.dtype, np.float64), copy=False)  # as NumPy does for all of linear algebra


@primitive(a=lambda g, a: second_cofactor(g, a))
def cofactor(a: Any) -> Any:
    """Matrix of cofactors: ``det(a) * inv(a).mT``, and exact where there is no inverse.

    With ``a = u @ diag(s) @ vh``, it is ``det(u) det(vh) conj(u) @ diag(t) @ conj(vh)``, each ``t`` being the product
    of the other singular values, since that of a product is the product of those of the factors. Of a small matrix the
    minors can be written down.
    """
    wide = _in_double(a)
    if a.shape[-1] <= 3:
        return _cofactor_of_small(wide).astype(a.dtype, copy=False)
    det = np.linalg.det(wide)
    regular = det != 0
    out = det[..., None, None] * np.linalg.inv(regular_ones(wide, regular)).mT
    if not np.all(regular):
        u, s, vh = np.linalg.svd(wide[~regular])
        phase = np.linalg.det(u) * np.linalg.det(vh)
        out[~regular] = np.conj((np.conj(phase)[:, None, None] * u * products_of_others(s, -1)[:, None, :]) @ vh)
    return out.astype(a.dtype, copy=False)


def _cofactor_of_small(a: Any) -> Any:
    match a.shape[-1]:
        case 3:
            return cross_of_three(a.take([1, 2, 0], -2), a.take([2, 0, 1], -2))
        case 2:
            return a[..., ::-1, ::-1] * np.array([[1, -1], [-1, 1]])
        case _:
            return np.ones_like(a)


def _third_cofactor(g: Any, h: Any, a: Any) -> Any:
    """The derivative of ``sum(g * second_cofactor(h, a))``: by an inverse, which is cheap, or else by minors."""
    s = np.linalg.svdvals(a)
    singular = np.min(s, axis=-1, initial=np.inf) <= 1e-5 * np.max(s, axis=-1, initial=0)
    found = _third_by_inverse(g, h, regular_ones(a, np.logical_not(singular)))
    return np.where(singular[..., None, None], _third_by_minors(g, h, a), found) if known(singular) else found


def _third_by_inverse(g: Any, h: Any, a: Any) -> Any:
    """The product rule, for ``det(a) * inv(a)``."""
    y = np.linalg.inv(a).mT
    gy, hy = y @ g.mT @ y, y @ h.mT @ y
    by_g, by_h = (np.sum(x * y, (-2, -1), keepdims=True) for x in (g, h))
    both = np.sum(g * hy, (-2, -1), keepdims=True)
    terms = (by_g * by_h - both) * y - by_g * hy - by_h * gy + hy @ g.mT @ y + gy @ h.mT @ y
    return np.linalg.det(a)[..., None, None] * terms


def _third_by_minors(g: Any, h: Any, a: Any) -> Any:
    """As :func:`second_cofactor`, with the minors that lack three rows and columns: time and memory ``n**3``."""
    u, s, vh = np.linalg.svd(a)
    g, h = (adjoint(u) @ x @ adjoint(vh) for x in (g, h))
    one = np.eye(s.shape[-1], dtype=bool)
    # minors[i, j, k] lacks s[i], s[j] and s[k]; where two of these are one, all terms below cancel
    minors = products_of_others(np.where(one[:, None] | one, 1, s[..., None, None, :]), -1)
    on_g, on_h = (np.diagonal(x, 0, -2, -1) for x in (g, h))
    apart = np.einsum("...ijk,...j,...k->...i", minors, on_g, on_h)
    crossed = np.einsum("...ijk,...jk,...kj->...i", minors, g, h)
    found = np.where(one, (apart - crossed)[..., None, :], 0)
    for x, y, on_y in ((g, h, on_h), (h, g, on_g)):
        turned = np.einsum("...ijk,...jk,...ki->...ij", minors, x, y)
        found = found + turned - x.mT * (minors @ on_y[..., None, :, None])[..., 0]
    phase = np.linalg.det(u) * np.linalg.det(vh)
    return phase[..., None, None] * (np.conj(u) @ found @ np.conj(vh))


@primitive(h=lambda g, a: second_cofactor(g, a), a=lambda g, h, a: _third_cofactor(g, h, a))
def second_cofactor(h: Any, a: Any) -> Any:
    """The derivative of ``sum(h * cofactor(a))``; symmetric in ``h``, as second derivatives are.

    Between the singular vectors, where :func:`cofactor` has its formula from, the matrix is diagonal, and the minors
    that lack two rows and columns can be read off. Inverses would lose all digits near a singular matrix.
    """
    u, s, vh = np.linalg.svd(_in_double(a))
    inner = adjoint(u) @ h @ adjoint(vh)
    one = np.eye(s.shape[-1], dtype=bool)
    minors = np.where(one, 0, products_of_others(np.where(one, 1, s[..., None, :]), -1))
    on_diagonal = np.einsum("...ij,...jj->...i", minors, inner)
    found = np.where(one, on_diagonal[..., None, :], -minors * inner.mT)
    phase = np.linalg.det(u) * np.linalg.det(vh)
    return (phase[..., None, None] * (np.conj(u) @ found @ np.conj(vh))).astype(np.result_type(h, a), copy=False)


det = primitive(np.linalg.det, a=lambda g, a: g[..., None, None] * cofactor(a))(np.linalg.det)


def _slogdet_vjp(g: Any, a: Any, out: Any) -> Any:
    by_sign, by_log = g
    sign = out[0]
    if a.dtype.kind == "c" and by_sign is not None:  # an imaginary change of log(det) turns the sign
        turn = np.imag(by_sign * sign) * 1j
        by_log = turn if by_log is None else by_log + turn
    if by_log is None:
        return np.zeros_like(a)
    regular = np.absolute(sign) > 0
    return quotient(by_log, regular)[..., None, None] * np.linalg.inv(regular_ones(a, regular)).mT


@primitive(np.linalg.slogdet, a=_slogdet_vjp, kink=lambda a: to_singular(a))
def slogdet(a: Any) -> Any:
    """Sign and logarithm of the absolute value of the determinant."""
    return np.linalg.slogdet(a)
