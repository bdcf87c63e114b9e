"""Rows of the table of cases: linear algebra.

Eigenvalues and singular values are kept apart, matrices that are inverted are far from singular. Vectors are unique up
to a sign or a phase, so the rows for factorizations return what does not depend on it. Complex operands and results
are taken apart into real ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.adapters import apart, single
from rows.calls import axes_of, axis_of, generalized, one_array, reduced, shape
from rows.case import flat, row
from rows.domains import Shape, any_real, distinct_sizes, graded, inside, reals
from tinygrad_np.rules import decompositions, inverses, linalg, parts

L = np.linalg
batches = st.sampled_from([(), (), (2,), (1, 2), (0,)])
sides = st.sampled_from([2, 3, 1, 3, 0])


# --- what values a matrix may have --------------------------------------------------------------------------------
def regular(rng: np.random.Generator, s: Shape) -> np.ndarray:
    """Matrices whose first columns are far from dependent."""
    return 2 * np.eye(*s[-2:]) + rng.uniform(-0.5, 0.5, s)


def orthogonal(rng: np.random.Generator, batch: Shape, n: int) -> np.ndarray:
    """Orthogonal matrices."""
    return L.qr(rng.normal(size=(*batch, n, n))).Q


def separated(rng: np.random.Generator, s: Shape) -> np.ndarray:
    """Numbers near 1, 1.8, 2.6 ..."""
    return 1 + 0.8 * np.arange(s[-1]) + rng.uniform(-0.1, 0.1, s)


def spread(rng: np.random.Generator, s: Shape) -> np.ndarray:
    """Matrices whose singular values are apart from each other, and from 0."""
    *batch, m, n = s
    k = min(m, n)
    left, right = orthogonal(rng, tuple(batch), m), orthogonal(rng, tuple(batch), n)
    return left[..., :k] * separated(rng, (*batch, 1, k)) @ right[..., :k, :]


def spectral(rng: np.random.Generator, s: Shape) -> np.ndarray:
    """Matrices whose Hermitian part has eigenvalues of both signs, apart from each other."""
    q = orthogonal(rng, s[:-2], s[-1])
    x = rng.uniform(-1, 1, s)
    return q * (separated(rng, (*s[:-2], 1, s[-1])) - 1.5) @ q.mT + (x - x.mT)


def diagonalizable(rng: np.random.Generator, s: Shape) -> np.ndarray:
    """Matrices whose eigenvalues are real and apart from each other."""
    v = regular(rng, s)
    return v * separated(rng, (*s[:-2], 1, s[-1])) @ L.inv(v)


# --- shapes -------------------------------------------------------------------------------------------------------
@st.composite
def square(draw: Any, operands: int = 1, min_side: int = 0, **options: Any) -> Any:
    """Stacks of square matrices, all of one shape."""
    n = draw(sides.filter(lambda n: n >= min_side))
    batch = draw(batches.filter(all) if min_side else batches)
    return ((*batch, n, n),) * operands, {key: draw(option) for key, option in options.items()}


@st.composite
def rectangular(draw: Any, operands: int = 1, min_side: int = 0, **options: Any) -> Any:
    """Stacks of matrices, all of one shape."""
    side = sides.filter(lambda n: n >= min_side)
    s = (*draw(batches), draw(side), draw(side))
    return (s,) * operands, {key: draw(option) for key, option in options.items()}


@st.composite
def system(draw: Any, square: bool) -> Any:
    """A matrix and the right-hand sides: a vector, or several."""
    m = draw(sides)
    n = m if square else draw(st.sampled_from([1, 2, 3, 1, 0]))
    right = draw(st.sampled_from([(m,), (m, 2), (m, 1), (m, 0)]))
    if not square:
        return ((m, n), right), {"rcond": draw(st.sampled_from([None, 1e-3]))}
    a, b = draw(generalized("(),()->()"))[0]
    return ((*a, m, n), right if len(right) == 1 else (*b, *right)), {}


@st.composite
def chain(draw: Any) -> Any:
    """Matrices that can be multiplied one after another, perhaps with vectors at the ends."""
    found = list(pairwise(draw(st.lists(sides, min_size=3, max_size=6))))
    if draw(st.booleans()):
        found[0] = found[0][1:]
    if draw(st.booleans()):
        found[-1] = found[-1][:1]
    return found, {}


@st.composite
def crossed(draw: Any, of_three: bool = False) -> Any:
    """Two stacks of vectors with three components (or two), and which axes they lie along."""
    (a, b), _ = draw(generalized("(),()->()"))
    n, m = (3, 3) if of_three else draw(st.sampled_from([(3, 3), (3, 3), (3, 2), (2, 3), (2, 2)]))
    if of_three:
        return ((*a, n), (*b, m)), {"axis": -1}
    axes = [draw(st.integers(-len(s) - 1, len(s))) for s in (a, b)]
    placed = [np.moveaxis(np.empty((*s, k)), -1, i).shape for s, k, i in zip((a, b), (n, m), axes, strict=True)]
    most = max(len(a), len(b))
    return placed, {"axisa": axes[0], "axisb": axes[1], "axisc": draw(st.integers(-most - 1, most))}


@st.composite
def dotted_along(draw: Any) -> Any:
    """Two arrays of one shape and the axis over which to multiply them."""
    s = draw(shape(min_dims=1))
    return (s, s), {"axis": draw(axis_of(s))}


@st.composite
def diagonal_of(draw: Any, **options: Any) -> Any:
    """One array, two of its axes and an offset."""
    s = draw(shape(min_dims=2))
    first, second = draw(axes_of(s, min_size=2))[:2]
    return (s,), {"offset": draw(st.integers(-3, 3)), "axis1": first, "axis2": second}


# --- operations ---------------------------------------------------------------------------------------------------


def adjoint(x: Any) -> Any:
    return np.conj(x).mT


def symmetric(x: Any) -> Any:
    return (x + adjoint(x)) / 2


def _levels(w: Any) -> Any:
    return np.arange(1, w.shape[-1] + 1, dtype=w.real.dtype)  # tells the vectors apart


def _cholesky(x: Any, upper: bool) -> Any:
    return L.cholesky(symmetric(x) + 3 * np.eye(x.shape[-1], dtype=x.real.dtype), upper=upper)


def _pinv_of_symmetric(x: Any, rtol: Any) -> Any:
    return L.pinv(symmetric(x), hermitian=True, rtol=rtol)


def _pinv_of_product(x: Any, y: Any) -> Any:  # the rank cannot change
    return L.pinv(x @ y, 1e-3)


def _unfolded(rng: np.random.Generator, s: Shape) -> np.ndarray:
    return regular(rng, (6, 6)).reshape(s)


def _det_of_rank_1(x: Any) -> Any:
    return L.det(x[..., :, None] * x[..., None, :])


def _eigh(x: Any, UPLO: str = "L") -> Any:
    w, u = L.eigh(symmetric(x), UPLO)
    return w, np.real(u * np.conj(u)), u * (_levels(w) + np.sin(w))[..., None, :] @ adjoint(u)


def _eig(x: Any) -> Any:  # what does not depend on the order of the eigenvalues
    w, v = L.eig(x)
    sizes = np.real(v * np.conj(v)) @ np.cos(w)[..., None]
    return np.sum(L.eigvals(x) ** 3, -1), sizes, v * np.sin(w)[..., None, :] @ L.inv(v)


def _svd(x: Any, full_matrices: bool = False) -> Any:
    u, s, vh = L.svd(x, full_matrices=full_matrices)
    k = s.shape[-1]
    found = u[..., :k] * (_levels(s) + np.sin(s))[..., None, :] @ vh[..., :k, :]
    lost = (u[..., k:] @ adjoint(u[..., k:]), adjoint(vh[..., k:, :]) @ vh[..., k:, :])
    return s, np.real(u[..., :k] * np.conj(u[..., :k])), found, *lost


def _eigvalsh(x: Any, UPLO: str) -> Any:
    return L.eigvalsh(symmetric(x), UPLO)


def _svd_of_symmetric(x: Any) -> Any:
    u, s, vh = L.svd(symmetric(x), hermitian=True)
    return s, u * u, u * _levels(s) @ vh, L.svd(symmetric(x), compute_uv=False, hermitian=True)


def _without(a: np.ndarray, i: int, j: int) -> np.ndarray:
    return np.delete(np.delete(a, i, -2), j, -1)


def _cofactors(a: np.ndarray) -> np.ndarray:
    out = np.empty_like(a)
    for i, j in np.ndindex(a.shape[-2:]):
        out[..., i, j] = (-1) ** (i + j) * L.det(_without(a, i, j))
    return out


def _second_cofactors(h: np.ndarray, a: np.ndarray) -> np.ndarray:
    dtype = np.result_type(h, a)
    h, a, out = h.astype(float), a.astype(float), np.zeros(a.shape)
    for i, j in np.ndindex(a.shape[-2:]):
        rows, columns = (np.delete(np.arange(a.shape[-1]), k) for k in (i, j))
        out[..., rows[:, None], columns] += (-1) ** (i + j) * h[..., i, j, None, None] * _cofactors(_without(a, i, j))
    return out.astype(dtype)


def _row(s: Shape) -> Shape:
    return (*s[:-2], 1, s[-1])


def _gaps(w: Any) -> Any:
    return w - w.mT


def _over_gaps(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    one = np.eye(w.shape[-1], dtype=bool)
    return np.where(one, 0, x) / np.where(one, 1, _gaps(w))


def _qr(x: Any, mode: str) -> Any:
    if mode == "r":
        return L.qr(x, mode)
    q, r = L.qr(x, mode)
    k = min(x.shape[-2:])
    return q[..., :k], r[..., :k, :], q[..., k:] @ adjoint(q[..., k:])


def _norm_by_values(x: Any, axis: Any, **options: Any) -> Any:
    return L.norm(np.moveaxis(x, (-2, -1), axis), axis=axis, **options)


def matrix_row(op: Any, *domains: Any, name: str | None = None, of: Any = (), **more: Any) -> None:
    """Enter a case of an operation that NumPy computes in single or double precision, of floating-point numbers."""
    name = name or getattr(op, "name", None) or op.__name__.strip("_")
    more["reference"] = single(more.get("reference", op))
    of = of or (op if op in linear_algebra else ())
    row(single(op), *domains, name=name, of=of, exact=False, integers=False, **more)


def complex_row(op: Any, *domains: Any, calls: Any, name: str | None = None) -> None:
    """Enter the case of complex operands; twice as many arrays are drawn."""
    name = name or op.__name__.strip("_")
    row(single(apart(op)), *domains, name=f"{name} of complex", of=(), calls=calls, exact=False, integers=False)


linear_algebra = [getattr(L, name) for name in L.__all__]


# --- rows: inverses, systems, determinants
small = reals(-0.1, 0.1)
rcond = st.sampled_from([None, 1e-3])

matrix_row(L.inv, regular, calls=square())
complex_row(L.inv, regular, inside, calls=square(2))
matrix_row(L.solve, regular, any_real, calls=system(square=True))
matrix_row(L.pinv, regular, calls=rectangular(rcond=rcond))
complex_row(L.pinv, regular, inside, calls=rectangular(2))
matrix_row(_pinv_of_symmetric, regular, calls=square(rtol=rcond))
matrix_row(_pinv_of_product, regular, calls=rectangular().map(
    lambda c: ((c[0][0], (*c[0][0][:-2], c[0][0][-1], 3)), {})))  # fmt: skip
matrix_row(L.lstsq, spread, any_real, calls=system(square=False))
matrix_row(L.tensorinv, _unfolded, calls=st.sampled_from(
    [(((6, 2, 3),), {"ind": 1}), (((2, 3, 6),), {}), (((3, 2, 2, 3),), {"ind": 2})]))  # fmt: skip
matrix_row(L.tensorsolve, _unfolded, any_real, calls=st.sampled_from(
    [(((2, 3, 6), (2, 3)), {}), (((3, 6, 2), (6,)), {"axes": (0, 2)})]))  # fmt: skip
matrix_row(L.matrix_power, regular, calls=square(n=st.integers(-3, 5).filter(bool)))
flat(single(L.matrix_power), regular, name="matrix_power 0", of=L.matrix_power, calls=square(n=st.just(0)),
     integers=False)  # fmt: skip
matrix_row(L.det, any_real, calls=square())
matrix_row(_det_of_rank_1, any_real, calls=one_array(min_dims=1))
complex_row(L.det, inside, calls=square(2))
matrix_row(L.slogdet, regular, calls=square())
complex_row(L.slogdet, regular, inside, calls=square(2))
matrix_row(inverses.cofactor, regular, calls=square(), of=inverses.cofactor, reference=_cofactors)
matrix_row(inverses.second_cofactor, small, regular, calls=square(2), of=inverses.second_cofactor,
           reference=_second_cofactors)  # fmt: skip

# --- rows: factorizations
matrix_row(_cholesky, inside, calls=square(upper=st.booleans()), of=L.cholesky)
complex_row(_cholesky, inside, calls=square(2, upper=st.booleans()))
modes = st.sampled_from(["reduced", "complete", "r"])
matrix_row(_qr, regular, calls=rectangular(mode=modes), of=(L.qr, decompositions.qr))
complex_row(_qr, regular, inside, calls=rectangular(2, mode=modes))
matrix_row(_eigh, spectral, calls=square(UPLO=st.sampled_from("LU")), of=L.eigh)
complex_row(_eigh, spectral, small, calls=square(2))
matrix_row(_eigvalsh, spectral, calls=square(UPLO=st.sampled_from("LU")), of=L.eigvalsh)
matrix_row(_eig, diagonalizable, calls=square(), of=(L.eig, L.eigvals, parts.part))
complex_row(_eig, diagonalizable, small, calls=square(2))
matrix_row(_svd, spread, calls=rectangular(full_matrices=st.booleans()), of=(L.svd, decompositions.svd))
complex_row(_svd, spread, small, calls=rectangular(2, full_matrices=st.booleans()))
matrix_row(_svd_of_symmetric, lambda rng, s: spectral(rng, s) + 3 * np.eye(s[-1]), calls=square(), of=L.svd)
matrix_row(L.svdvals, spread, calls=rectangular())
matrix_row(lambda x, w: decompositions.over(x, _gaps(w), w), any_real, separated, of=decompositions.over, name="over",
           calls=square().map(lambda c: ((c[0][0], _row(c[0][0])), {})), reference=_over_gaps)  # fmt: skip
flat(decompositions.undetermined, any_real, spread, separated, of=decompositions.undetermined, integers=False,
    special=False, calls=square().map(lambda c: ((_row(c[0][0]), c[0][0], _row(c[0][0])), {"among": "values"})),
    reference=lambda *arrays, among: np.zeros(()))  # fmt: skip
flat(single(L.matrix_rank), regular, calls=rectangular(), of=L.matrix_rank, integers=False)

# --- rows: norms
flat(L.norm, distinct_sizes, name="norm of order 0", calls=reduced(0, "one", ord=st.just(0)))
matrix_row(_norm_by_values, spread, of=L.norm, calls=rectangular(
    min_side=1, ord=st.sampled_from([2, -2, "nuc"]), keepdims=st.booleans(),
    axis=st.sampled_from([(-2, -1), (-1, -2), (0, 1), (-1, 0)])))  # fmt: skip
row(L.vector_norm, distinct_sizes, of=L.vector_norm, exact=False, calls=reduced(
    1, filled=True, ord=st.sampled_from([2, 1, 3, -1.5, np.inf, -np.inf])))  # fmt: skip
row(L.matrix_norm, graded, of=L.matrix_norm, exact=False, calls=rectangular(
    min_side=1, ord=st.sampled_from(["fro", 1, -1, np.inf, -np.inf]), keepdims=st.booleans(),
).filter(lambda c: len(c[0][0]) < 4))  # fmt: skip
matrix_row(L.cond, spread, calls=square(min_side=1, p=st.sampled_from([None, 2, -2, "fro", "nuc"])))

# --- rows: products and diagonals
row(L.matmul, any_real, calls=st.sampled_from([(((2, 3), (4, 3, 1)), {}), (((3,), (3,)), {})]), exact=False)
row(np.vecdot, any_real, calls=dotted_along(), of=(np.vecdot, linalg.vecdot), exact=False)
row(L.vecdot, any_real, calls=dotted_along(), of=L.vecdot, exact=False)
complex_row(np.vecdot, any_real, calls=generalized("(n),(n),(n),(n)->()"))
if hasattr(np, "matvec"):
    row(np.matvec, any_real, calls=generalized("(m,n),(n)->(m)"), exact=False)
    row(np.vecmat, any_real, calls=generalized("(n),(n,m)->(m)"), exact=False)
    complex_row(lambda a, x: np.vecmat(np.matvec(a, x), a), any_real, name="matvec, vecmat",
                calls=generalized("(m,n),(m,n),(n),(n)->(n)"))  # fmt: skip
row(np.kron, any_real, calls=st.tuples(shape(), shape()).map(lambda s: (s, {})))
row(np.cross, any_real, calls=crossed(), of=(np.cross, linalg.cross_of_three), exact=False)
row(L.cross, any_real, calls=crossed(of_three=True), of=L.cross, exact=False)
row(lambda *arrays: L.multi_dot(arrays), any_real, calls=chain(), of=L.multi_dot, exact=False)
row(np.trace, any_real, calls=diagonal_of())
row(L.trace, any_real, calls=one_array(min_dims=2, offset=st.integers(-3, 3)), of=L.trace)
row(np.diagonal, any_real, calls=diagonal_of(), of=(np.diagonal, linalg.diagonal, linalg.from_diagonal))
row(L.diagonal, any_real, calls=one_array(min_dims=2, offset=st.integers(-3, 3)), of=L.diagonal)
row(np.diag, any_real, calls=one_array(min_dims=1, max_dims=2, k=st.integers(-3, 3)))
row(np.diagflat, any_real, calls=one_array(k=st.integers(-2, 2)))
row(np.vander, any_real, exact=False, integers=False, calls=one_array(
    min_dims=1, max_dims=1, N=st.none() | st.integers(0, 4), increasing=st.booleans()))  # fmt: skip
flat(lambda a, b: np.einsum_path("ij,jk", a, b)[0], any_real, of=np.einsum_path, calls=st.just((((2, 2), (2, 2)), {})))
