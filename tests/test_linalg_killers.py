"""Where derivatives in linear algebra go wrong: each killer has its test.

Singular matrices, matrices whose rank is not full, coinciding eigenvalues and singular values, norms of zero, empty
matrices, and losses whose gradient is not determined. The oracles are formulas, and central differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from derivatives import gradient, numeric_gradient

from tinygrad_np import Tensor, grad, hessian
from tinygrad_np.graph import walk

Array = np.ndarray
L = np.linalg
rng = np.random.default_rng(20240607)


def rotation(n: int) -> Array:
    return L.qr(rng.normal(size=(n, n))).Q


def with_values(*values: float) -> tuple[Array, Array]:
    """A symmetric matrix with these eigenvalues, and its eigenvectors."""
    q = rotation(len(values))
    a = (q * np.array(values)) @ q.T
    return (a + a.T) / 2, q


def symmetric(n: int) -> Array:
    x = rng.normal(size=(n, n))
    return (x + x.T) / 2


def close(found: Any, expected: Any, tolerance: float = 1e-8) -> None:
    expected = np.asarray(expected)
    np.testing.assert_allclose(found, expected, 0, tolerance * (1 + np.abs(expected).max(initial=0)))


# --- determinants -------------------------------------------------------------------------------------------------
def of_rank(n: int, rank: int, how: str) -> Array:
    if how == "diagonal":
        return np.diag([2.0, 3.0, 0.5, 1.5, 4.0][:rank] + [0.0] * (n - rank))
    if how == "integers":
        return np.round(2 * rng.normal(size=(n, rank))) @ np.round(2 * rng.normal(size=(rank, n)))
    return rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))


def cofactors(a: Array) -> Array:
    out = np.empty_like(a)
    for i, j in np.ndindex(a.shape):
        out[i, j] = (-1) ** (i + j) * L.det(np.delete(np.delete(a, i, 0), j, 1))
    return out


@pytest.mark.parametrize("how", ["diagonal", "integers", "reals"])
@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_det_of_a_singular_matrix(rank: int, how: str) -> None:
    """The gradient is the matrix of cofactors, and the Hessian that of the minors: neither needs an inverse."""
    a, v = of_rank(4, rank, how), rng.normal(size=(4, 4))
    close(gradient(L.det, a), cofactors(a))

    def along(x: Any) -> Any:
        return np.sum(grad(L.det)(x) * v)

    close(gradient(along, a), numeric_gradient(lambda x: np.sum(cofactors(x) * v), a), 1e-9)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_det_of_a_singular_complex_matrix(rank: int) -> None:
    a = of_rank(3, rank, "reals") * (1 + 2j) @ (np.eye(3) + 1j * rng.normal(size=(3, 3)))
    v = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    close(gradient(lambda t: np.real(L.det(t)), a), np.conj(cofactors(a)))

    def along(x: Any) -> Any:
        return np.sum(np.real(grad(lambda t: np.imag(L.det(t)))(x) * v))

    found = gradient(along, a)
    close(found.real, numeric_gradient(lambda d: along(Tensor(a + d)).item(), np.zeros((3, 3))))
    close(found.imag, numeric_gradient(lambda d: along(Tensor(a + 1j * d)).item(), np.zeros((3, 3))))


def test_det_of_a_stack_that_is_singular_in_part() -> None:
    a = np.stack([of_rank(3, k, "reals") for k in (3, 2, 1, 0)]).reshape(2, 2, 3, 3)
    g = rng.normal(size=(2, 2))
    expected = np.stack([cofactors(x) for x in a.reshape(4, 3, 3)]).reshape(a.shape)
    close(gradient(lambda t: np.sum(L.det(t) * g), a), g[..., None, None] * expected)


def test_det_of_one_number_that_is_zero() -> None:
    assert grad(lambda x: L.det(x[None, None]))(0.0).item() == 1
    assert hessian(lambda x: L.det((x * x)[None, None]))(Tensor(0.0)).item() == 2


@pytest.mark.parametrize("how", ["diagonal", "integers", "reals"])
@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_third_derivative_of_det(rank: int, how: str) -> None:
    a, u, v = of_rank(4, rank, how), rng.normal(size=(4, 4)), rng.normal(size=(4, 4))

    def second(x: Any) -> Any:
        return np.sum(grad(lambda y: np.sum(grad(L.det)(y) * u))(x) * v)

    close(gradient(second, a), numeric_gradient(lambda x: second(Tensor(x)).item(), a), 1e-9)


def test_third_derivative_of_det_of_a_stack_of_complex_matrices() -> None:
    a = np.stack([of_rank(3, rank, "reals") * (1 + 2j) + 0j for rank in (3, 1, 0)])
    u, v = (rng.normal(size=a.shape) + 1j * rng.normal(size=a.shape) for _ in range(2))

    def second(x: Any) -> Any:
        first = grad(lambda z: np.sum(np.real(L.det(z))))
        return np.sum(np.real(grad(lambda y: np.sum(np.real(first(y) * u)))(x) * v))

    found = gradient(second, a)
    close(found.real, numeric_gradient(lambda x: second(Tensor(a + x)).item(), np.zeros(a.shape)), 1e-9)
    close(found.imag, numeric_gradient(lambda x: second(Tensor(a + 1j * x)).item(), np.zeros(a.shape)), 1e-9)


def test_slogdet_of_a_singular_matrix_with_a_zero_cotangent() -> None:
    a = np.stack([np.eye(2), np.zeros((2, 2)), np.ones((2, 2))])
    with np.errstate(divide="ignore"):  # NumPy's logarithm of 0
        found = gradient(lambda t: np.sum(np.where(L.det(t) > 0, L.slogdet(t).logabsdet, 0)), a)
    close(found, [np.eye(2), np.zeros((2, 2)), np.zeros((2, 2))])


def test_slogdet_where_det_overflows() -> None:
    a = 1e3 * (np.eye(200) + 0.01 * rng.normal(size=(200, 200)))
    with np.errstate(over="ignore"):
        assert np.isinf(L.det(a))
    close(gradient(lambda t: L.slogdet(t).logabsdet, a), L.inv(a).T)


# --- pseudo-inverses ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_pinv_of_a_matrix_without_full_rank(shape: tuple[int, int]) -> None:
    x, y, g = rng.normal(size=(shape[0], 2)), rng.normal(size=(2, shape[1])), rng.normal(size=shape[::-1])

    def loss(x: Any, y: Any) -> Any:
        return np.sum(L.pinv(x @ y, 1e-10) * g)

    by_x, by_y = gradient(loss, x, y)
    close(by_x, numeric_gradient(lambda z: loss(z, y), x), 1e-7)
    close(by_y, numeric_gradient(lambda z: loss(x, z), y), 1e-7)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_lstsq_of_a_matrix_without_full_rank(shape: tuple[int, int]) -> None:
    x, y = rng.normal(size=(shape[0], 2)), rng.normal(size=(2, shape[1]))
    b, g = rng.normal(size=(shape[0], 2)), rng.normal(size=(shape[1], 2))

    def loss(x: Any, y: Any, b: Any) -> Any:
        solution, residuals, rank, _ = L.lstsq(x @ y, b, 1e-10)
        assert rank == 2
        assert residuals.size == 0
        return np.sum(solution * g)

    for i, found in enumerate(gradient(loss, x, y, b)):
        operands = [x, y, b]
        close(found, numeric_gradient(lambda z: loss(*operands[:i], z, *operands[i + 1 :]), operands[i]), 1e-7)  # noqa: B023


def test_lstsq_residuals_and_singular_values() -> None:
    a, b, g = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.normal(size=2)

    def loss(a: Any, b: Any) -> Any:
        _, residuals, _, s = L.lstsq(a, b)
        return np.sum(residuals * g) + np.sum(np.sin(s))

    by_a, by_b = gradient(loss, a, b)
    close(by_a, numeric_gradient(lambda z: loss(z, b), a))
    close(by_b, numeric_gradient(lambda z: loss(a, z), b))


# --- coinciding eigenvalues and singular values -------------------------------------------------------------------
@pytest.mark.parametrize("values", [(1, 1, 1, 1), (1, 1, 2, 2), (3, 3, 3, -1), (0, 0, 0, 1)])
def test_sum_over_coinciding_eigenvalues(values: tuple[float, ...]) -> None:
    a, q = with_values(*values)
    close(gradient(lambda t: np.sum(np.exp(L.eigvalsh(t))), a), (q * np.exp(values)) @ q.T)


@pytest.mark.parametrize("gap", [0, 1e-15])
def test_projector_on_the_space_of_coinciding_eigenvalues(gap: float) -> None:
    """A function of vectors that does not depend on the basis: the pairs within the space contribute nothing."""
    a, q = with_values(1, 1 + gap, 3, 3 - gap)
    g, p = symmetric(4), q[:, :2] @ q[:, :2].T

    def loss(t: Any) -> Any:
        u = L.eigh(t).eigenvectors[:, :2]
        return np.sum((u @ u.mT) * g)

    rest = np.eye(4) - p
    close(gradient(loss, a), (p @ g @ rest + rest @ g @ p) / (1 - 3))


def test_fixed_function_of_coinciding_eigenvalues() -> None:
    """``u @ diag(f) @ u.mT``, where ``f`` has one value for each space."""
    a, q = with_values(2, 2, 2, 5)
    g, f = symmetric(4), np.array([0.3, 0.3, 0.3, -1])

    def loss(t: Any) -> Any:
        u = L.eigh(t).eigenvectors
        return np.sum((u * f @ u.mT) * g)

    inner = q.T @ g @ q
    inner[:3, :3] = inner[3, 3] = 0
    close(gradient(loss, a), q @ (inner * (0.3 + 1) / (2 - 5)) @ q.T)


def test_projector_on_the_null_space_of_a_stack_of_complex_matrices() -> None:
    x = rng.normal(size=(3, 4, 2)) + 1j * rng.normal(size=(3, 4, 2))
    g = np.stack([symmetric(4) for _ in range(3)])

    def loss(x: Any) -> Any:
        u = L.eigh(x @ np.conj(x).mT).eigenvectors[..., :2]  # the eigenvalue 0, twice
        return np.sum(np.real(u @ np.conj(u).mT) * g)

    found = gradient(loss, x)
    close(found.real, numeric_gradient(lambda d: loss(x + d), np.zeros(x.shape)))
    close(found.imag, numeric_gradient(lambda d: loss(x + 1j * d), np.zeros(x.shape)))


def test_complex_eigenvalues_of_a_real_matrix() -> None:
    a = np.array([[1.0, 2.0, 0.5], [-3.0, 1.5, 0.2], [0.3, -0.4, 4.0]])

    def loss(t: Any) -> Any:
        w, v = L.eig(t)
        return np.sum(np.abs(w) ** 3) + np.sum(np.real(v * np.conj(v)) @ np.imag(w) ** 2)

    assert np.iscomplexobj(L.eigvals(a))
    close(gradient(loss, a), numeric_gradient(loss, a))


def test_second_derivative_of_a_projector_where_eigenvalues_coincide_is_an_error() -> None:
    a, _ = with_values(1, 1, 3)
    g = symmetric(3)

    def loss(t: Any) -> Any:
        u = L.eigh(t).eigenvectors[:, :2]
        return np.sum((u @ u.mT) * g)

    with pytest.raises(L.LinAlgError, match="coincide"):
        hessian(loss)(a)


def test_general_eigenvalues_that_coincide() -> None:
    a = np.diag([1.0, 1.0, 2.0])
    close(gradient(lambda t: np.sum(np.real(L.eigvals(t)) ** 3), a), np.diag([3.0, 3.0, 12.0]))


@pytest.mark.parametrize("a", [np.eye(3), 2 * rotation(3), np.diag([3.0, 3.0, 0.5])], ids=["one", "rotation", "two"])
def test_polar_factor_with_coinciding_singular_values(a: Array) -> None:
    """``u @ vh`` is smooth wherever no singular value is zero: the nearest orthogonal matrix."""
    g = rng.normal(size=(3, 3))

    def loss(t: Any) -> Any:
        u, _, vh = L.svd(t)
        return np.sum((u @ vh) * g)

    close(gradient(loss, a), numeric_gradient(loss, a))


def test_nuclear_norm_of_a_rotation() -> None:
    a, v = rotation(3), rng.normal(size=(3, 3))
    close(gradient(lambda t: L.norm(t, "nuc"), a), a)
    along = gradient(lambda t: np.sum(grad(lambda x: L.norm(x, "nuc"))(t) * v), a)
    inner = a.T @ v
    close(along, a @ (inner - inner.T) / 2)


def test_largest_singular_value_attained_twice_is_shared() -> None:
    close(gradient(lambda t: L.norm(t, 2), np.diag([2.0, 2.0, 1.0])), np.diag([0.5, 0.5, 0]))


@pytest.mark.parametrize("shape", [(5, 2), (2, 5)])
def test_what_completes_the_basis(shape: tuple[int, int]) -> None:
    """The projector on the complement, from the columns that only ``full_matrices`` and ``complete`` give."""
    a, g = rng.normal(size=shape), symmetric(5)

    def by_svd(t: Any) -> Any:
        u, _, vh = L.svd(t)
        rest = u[:, 2:] if shape[0] == 5 else vh[2:].mT
        return np.sum((rest @ rest.mT) * g)

    def by_qr(t: Any) -> Any:
        rest = L.qr(t if shape[0] == 5 else t.mT, "complete").Q[:, 2:]
        return np.sum((rest @ rest.mT) * g)

    expected = numeric_gradient(by_svd, a)
    assert np.abs(expected).max() > 0.1
    close(gradient(by_svd, a), expected)
    close(gradient(by_qr, a), expected)


MATRIX_FUNCTIONS = {
    "eigh": lambda w, u: (u * np.exp(w)) @ u.mT,
    "whitening": lambda w, u: (u / np.sqrt(w)) @ u.mT,
    "Gaussian": lambda w, u: np.sum(np.log(w)) + np.sum(np.arange(1.0, 4) @ u * (1 / w) * (np.ones(3) @ u)),
}


@pytest.mark.parametrize("name", MATRIX_FUNCTIONS)
def test_matrix_function_by_eigenvectors_where_eigenvalues_coincide_is_an_error(name: str) -> None:
    """Vectors and values do not tell the derivative of the function of the values: an error instead of a wrong zero."""
    g = rng.normal(size=(3, 3))
    function = MATRIX_FUNCTIONS[name]
    apart, _ = with_values(1, 2, 3)

    def loss(t: Any) -> Any:
        w, u = L.eigh(t)
        return np.sum(function(w, u) * g)

    found = gradient(loss, apart)
    expected = numeric_gradient(lambda x: loss((x + x.T) / 2), apart)
    close(found, expected)
    for coinciding in (np.eye(3), with_values(1, 1, 2)[0]):
        with pytest.raises(L.LinAlgError, match=r"eigenvalues \d and \d coincide"):
            gradient(loss, coinciding)


@pytest.mark.parametrize("a", [np.eye(3), np.zeros((3, 3)), np.ones((4, 2)), np.ones((2, 4))], ids=str)
def test_matrix_put_together_again_where_singular_values_coincide_is_an_error(a: Array) -> None:
    """Also with the zeros that belong to the columns that complete a basis."""

    def loss(t: Any) -> Any:
        u, s, vh = L.svd(t, full_matrices=False)
        return np.sum(np.arange(a.size).reshape(a.shape) ** 2 * (u * s @ vh))

    with pytest.raises(L.LinAlgError, match=r"singular values \d and \d coincide"):
        gradient(loss, a)


@pytest.mark.parametrize("function", [
    lambda t: (lambda w, u: (u * w) @ u.mT)(*L.eigh(t)), lambda t: (lambda u, s, vh: (u * s) @ vh)(*L.svd(t)),
    lambda t: (lambda w, v: np.real((v * w) @ L.inv(v)))(*L.eig(t)),
], ids=["eigh", "svd", "eig"])  # fmt: skip
@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_coinciding_values_with_equal_cotangents_are_no_way_around_the_error(
    function: Callable[[Any], Any], scale: float
) -> None:
    """The sum of all entries: its derivative by each value is the same, but turning the vectors matters."""
    with pytest.raises(L.LinAlgError, match="coincide"):
        gradient(lambda t: np.sum(function(t)), scale * np.eye(2))


def test_second_derivative_by_eigenvalues_where_these_coincide_is_an_error() -> None:
    with pytest.raises(L.LinAlgError, match="coincide"):
        hessian(lambda t: np.sum(L.eigvalsh(t) ** 2))(np.eye(2))


def test_principal_components_do_not_care_about_the_null_space() -> None:
    """The eigenvalue 0 occurs twice, but the loss depends on the others."""
    x, g = rng.normal(size=(4, 2)), symmetric(4)

    def loss(x: Any) -> Any:
        w, u = L.eigh(x @ x.mT)
        top = (u[:, 2:] * w[2:]) @ u[:, 2:].mT
        return np.sum(top * g) / np.sum(w)

    close(gradient(loss, x), numeric_gradient(loss, x))


# --- Hermitian matrices -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("function", [
    lambda t: np.sum(L.eigvalsh(t) ** 2), lambda t: np.sum(L.eigvalsh(t, "U") ** 2), lambda t: L.cholesky(t)[1, 0],
    lambda t: L.cholesky(t, upper=True)[0, 1], lambda t: L.pinv(t, hermitian=True)[0, 1],
    lambda t: L.svd(t, hermitian=True).S[0], lambda t: L.eigh(t).eigenvectors[0, 0] ** 2,
], ids=["eigvalsh", "upper eigvalsh", "cholesky", "upper cholesky", "pinv", "svd", "eigh"])  # fmt: skip
def test_gradient_by_a_hermitian_matrix_is_hermitian(function: Callable[[Any], Any]) -> None:
    """Though NumPy reads only one triangle: half of the slope along ``a[i, j]`` and ``a[j, i]`` together."""
    a, _ = with_values(1, 2, 3.5)
    expected = numeric_gradient(lambda x: function((x + x.T) / 2), a)
    found = gradient(function, a)
    close(found, expected)
    np.testing.assert_allclose(found, found.T, 0, 1e-14)


# --- norms --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [None, 2, 1, 3, 1.5, 0.5, np.inf, -np.inf, -1])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_norm_of_zeros(order: Any, dtype: type) -> None:
    """The zero subgradient, and second derivatives are finite."""
    x = Tensor(np.zeros(3, dtype), requires_grad=True)
    with np.errstate(divide="ignore"):  # NumPy's own, for negative orders
        L.norm(x, order).backward(create_graph=True)
    first, x.grad = x.grad, None
    assert (np.abs(first) == 0).all()
    if first.requires_grad:
        np.sum(np.real(first * (1 + 2j))).backward()
        assert x.grad is None or np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("order", ["fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf])
def test_norm_of_a_zero_matrix(order: Any) -> None:
    assert (gradient(lambda t: np.sum(L.norm(t, order, (1, 2))), np.zeros((2, 2, 3))) == 0).all()


@pytest.mark.parametrize("order", [3, 0.5, -1, -2.5])
def test_norm_of_a_vector_with_a_zero(order: float) -> None:
    x = np.array([3.0, 0.0, -4.0])
    with np.errstate(divide="ignore"):
        found = gradient(lambda t: L.norm(t, order), x)
        if order > 0:  # the zero itself has the zero subgradient
            expected = numeric_gradient(lambda y: L.norm(np.array([y[0], 0, y[1]]), order), x[[0, 2]])
            close(found[[0, 2]], expected)
    assert found[1] == 0
    assert np.isfinite(found).all()


def test_norm_of_order_0_is_piecewise_constant() -> None:
    x = Tensor([3.0, 0.0, 4.0], requires_grad=True)
    assert not L.norm(x, 0).requires_grad
    assert L.norm(x, 0).item() == 2


@pytest.mark.parametrize("p", [None, 2, -2, "fro", 1, np.inf, "nuc"])
def test_cond_of_a_singular_matrix(p: Any) -> None:
    a = np.stack([np.ones((2, 2)), np.eye(2)])
    with np.errstate(divide="ignore"):
        found = L.cond(Tensor(a), p).numpy()
    if p == -2:
        close(found, [0, 1], 1e-15)
    else:
        assert found[0] > 1e15
        close(found[1], L.cond(a[1], p), 1e-15)


# --- sizes, dtypes, errors ----------------------------------------------------------------------------------------
EMPTY: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "inv": (L.inv, (0, 0)), "inv of none": (L.inv, (0, 3, 3)), "det": (L.det, (0, 0)), "pinv": (L.pinv, (0, 3)),
    "cholesky": (L.cholesky, (2, 0, 0)), "svd": (lambda t: L.svd(t).U, (3, 0)), "svdvals": (L.svdvals, (0, 3)),
    "svd of none": (lambda t: L.svd(t).Vh, (0, 2, 3)), "qr": (lambda t: L.qr(t).R, (0, 3)),
    "complete qr": (lambda t: L.qr(t, "complete").Q, (3, 0)), "eigh": (lambda t: L.eigh(t).eigenvectors, (0, 0)),
    "eigvalsh": (L.eigvalsh, (2, 0, 0)), "eig": (lambda t: np.real(L.eig(t).eigenvectors), (0, 0)),
    "slogdet": (lambda t: L.slogdet(t).logabsdet, (0, 0)), "solve": (lambda t: L.solve(t, np.ones((0, 2))), (0, 0)),
    "norm": (L.norm, (0,)), "nuc": (lambda t: L.norm(t, "nuc"), (0, 2)),
    "largest sum": (lambda t: L.norm(t, 1), (2, 0)),
    "lstsq": (lambda t: L.lstsq(t, np.ones(0))[0], (0, 2)), "trace": (np.trace, (0, 3)),
    "kron": (lambda t: np.kron(t, t), (0, 2)),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_empty_matrix(name: str) -> None:
    function, shape = EMPTY[name]
    x = Tensor(np.zeros(shape), requires_grad=True)
    out = function(x)
    np.testing.assert_array_equal(out.detach(), function(np.zeros(shape)))
    np.sum(out).backward(create_graph=True)
    assert x.grad is None or x.grad.shape == shape


ONE_BY_ONE = {
    "inv": (L.inv, -1 / 4), "det": (L.det, 1), "pinv": (L.pinv, -1 / 4), "cholesky": (L.cholesky, 1 / (2 * np.sqrt(2))),
    "svdvals": (L.svdvals, 1), "eigvalsh": (L.eigvalsh, 1), "eigvals": (L.eigvals, 1),
    "nuc": (lambda t: L.norm(t, "nuc"), 1), "slogdet": (lambda t: L.slogdet(t).logabsdet, 1 / 2),
    "power": (lambda t: L.matrix_power(t, 3), 12),
    "inverse power": (lambda t: L.matrix_power(t, -2), -2 / 8), "r": (lambda t: np.abs(L.qr(t, "r")), 1),
    "q": (lambda t: L.qr(t).Q, 0), "cond": (L.cond, 0), "trace": (np.trace, 1), "kron": (lambda t: np.kron(t, t), 4),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_one_by_one(name: str) -> None:
    function, expected = ONE_BY_ONE[name]
    found = gradient(lambda t: np.sum(function(t)), np.array([[2.0]], np.float32))
    assert found.dtype == np.float32
    close(found, [[expected]], 1e-6)


@pytest.mark.parametrize(
    "function", [L.inv, L.det, L.cholesky, lambda a: L.solve(a, np.ones(3)), L.eigh],
    ids=["inv", "det", "cholesky", "solve", "eigh"],
)  # fmt: skip
def test_errors_stay_linalg_errors(function: Callable[[Any], Any]) -> None:
    bad = Tensor(np.full((2, 3), 1.0), requires_grad=True)
    with pytest.raises(L.LinAlgError, match=r"float64\[2, 3\]"):
        function(bad)
    with pytest.raises(L.LinAlgError, match="inv"):
        L.inv(Tensor(np.zeros((2, 2)), requires_grad=True))


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda t: L.qr(t, "raw"), NotImplementedError, "qr with mode='raw' has no derivative"),
    (lambda t: L.qr(t, "none"), ValueError, "none"),
    (lambda t: L.norm(t, "nuc", 0), ValueError, "no norm of order 'nuc' for vectors"),
    (lambda t: L.norm(t, 3), ValueError, "no norm of order 3 for matrices"),
    (lambda t: L.norm(t, 1, (0, 0)), ValueError, "differ"),
    (lambda t: L.multi_dot([t]), ValueError, "two arrays or more"),
    (lambda t: L.multi_dot([t, t[None], t]), L.LinAlgError, "vectors at the ends"),
    (lambda t: L.outer(t, t), ValueError, "two vectors"),
    (lambda t: L.cross(t, t), ValueError, "length 3"),
    (lambda t: L.tensorsolve(t[:, :1], t[0]), L.LinAlgError, "should have"),
    (lambda t: L.tensorinv(t, 0), ValueError, "positive"),
    (lambda t: L.cond(t[:0]), L.LinAlgError, "empty"),
    (lambda t: L.matrix_power(t[:1], 2), L.LinAlgError, "same length"),
    (lambda t: L.matrix_power(t, 0.5), TypeError, "integer"),
    (lambda t: np.diag(t[None]), ValueError, "np.diagonal"),
    (lambda t: np.vander(t), ValueError, "one axis"),
    (lambda t: np.vecdot(t, t, dtype=float), TypeError, "dtype"),
    (lambda t: np.matmul(t, t, axes=[(0, 1)] * 3), TypeError, "axes"),
])  # fmt: skip
def test_what_is_wrong_is_said(call: Callable[[Any], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(Tensor(np.eye(2), requires_grad=True))


def cheapest(sides: tuple[int, ...]) -> int:
    """The fewest multiplications for a chain of matrices, by trying all orders."""
    cuts = range(1, len(sides) - 1)
    costs = (sides[0] * sides[k] * sides[-1] + cheapest(sides[: k + 1]) + cheapest(sides[k:]) for k in cuts)
    return min(costs, default=0)


@pytest.mark.parametrize("sides", [(2, 30, 3, 20), (30, 2, 20, 3), (1, 9, 2, 8, 3, 7, 1), (7, 1, 9, 2, 5, 30, 4)])
def test_multi_dot_takes_the_cheapest_order(sides: tuple[int, ...]) -> None:
    matrices = [Tensor(rng.normal(size=shape), requires_grad=True) for shape in pairwise(sides)]
    product = L.multi_dot(matrices)
    close(product.detach(), L.multi_dot([m.detach().numpy() for m in matrices]), 1e-13)
    made = [node for node in walk(product.node) if node.primitive is not None]
    assert sum(math.prod(node.shape) * node.parents[0].shape[1] for node in made) == cheapest(sides)


def test_broadcast_systems() -> None:
    a, b, g = rng.normal(size=(2, 1, 3, 3)), rng.normal(size=(4, 3, 2)), rng.normal(size=(2, 4, 3, 2))

    def loss(a: Any, b: Any) -> Any:
        return np.sum(L.solve(a, b) * g)

    by_a, by_b = gradient(loss, a, b)
    close(by_a, numeric_gradient(lambda z: loss(z, b), a))
    close(by_b, numeric_gradient(lambda z: loss(a, z), b))


def test_lists_and_arrays_mix_with_tensors() -> None:
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert np.kron([1, 2], t).shape == (2, 4)
    assert L.multi_dot([[1.0, 1.0], t, np.eye(2), [1.0, 1.0]]).item() == 10
    assert np.tensordot([1.0, 1.0], t, 1).tolist() == [4, 6]
    assert L.solve([[2.0, 0], [0, 2.0]], t).tolist() == [[0.5, 1], [1.5, 2]]
    assert np.cross([1.0, 0, 0], Tensor([0.0, 1, 0])).tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (lambda w, u: (u * np.sqrt(w)) @ u.mT)(*L.eigh(x)),
        lambda x: (lambda u, s, vh: (u * s) @ vh)(*L.svd(x)),
    ],
)
def test_a_matrix_function_at_the_identity_is_not_taken_for_a_constant(function: Callable[[Any], Any]) -> None:
    """The cotangents of the values are zero, and those of the vectors have no part that counts: by chance only."""
    with pytest.raises(L.LinAlgError, match="matrix_function"):
        gradient(lambda x: function(x)[0, 1], np.eye(3))


def test_a_projector_beside_a_value_of_another_space() -> None:
    """Here the values that coincide do not matter, and the gradient is that of the projector and of the value."""
    a, _ = with_values(1.0, 1.0, 3.0, 5.0)
    g = symmetric(4)

    def loss(x: Any, eigh: Callable[[Any], Any] = L.eigh) -> Any:
        w, u = eigh(x)
        return np.sum((u[:, :2] @ u[:, :2].T) * g) + w[3]

    close(gradient(loss, a), numeric_gradient(lambda x: loss((x + x.T) / 2), a))
