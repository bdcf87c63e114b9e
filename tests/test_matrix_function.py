"""Functions of Hermitian matrices: exact gradients of every order, also where eigenvalues coincide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from derivatives import numeric_gradient

from tinygrad_np import Tensor, grad, hessian, jvp, vmap
from tinygrad_np.linalg import matrix_function

Array = np.ndarray
L = np.linalg
rng = np.random.default_rng(20261120)
G, V, W = rng.normal(size=(3, 4, 4))

VALUES = {
    "apart": (0.7, 1.1, 2.0, 3.5),
    "equal": (2.0, 2.0, 2.0, 2.0),
    "in pairs": (1.0, 1.0, 3.0, 3.0),
    "nearly equal": (1.0, 1.0 + 1e-9, 3.0, 3.0 + 1e-4),
    "three of a kind": (0.5, 2.0, 2.0, 2.0 + 1e-13),
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh, "1 / w": lambda w: 1 / w, "w**3": lambda w: w**3,
    "exp(iw)": lambda w: np.exp(1j * w), "cos": np.cos,
}  # fmt: skip


def with_values(values: tuple[float, ...], complex_: bool = False) -> Array:
    x, y = rng.normal(size=(2, 4, 4))
    q = L.qr(x + 1j * y if complex_ else x).Q
    a = (q * np.array(values)) @ q.conj().T
    return (a + a.conj().T) / 2


def by_numpy(function: Callable[[Any], Any], a: Array) -> Array:
    w, u = L.eigh((a + a.conj().T) / 2)
    return (u * function(w)) @ u.conj().T


def weighed(out: Any) -> Any:
    return np.sum(np.real(out) * G) + np.sum(np.imag(out) * V)


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_first_and_second_derivative(name: str, values: str) -> None:
    function, a = FUNCTIONS[name], with_values(VALUES[values])
    np.testing.assert_allclose(matrix_function(function, a), by_numpy(function, a), atol=1e-13)
    gradient = grad(lambda x: weighed(matrix_function(function, x)))
    expected = numeric_gradient(lambda x: weighed(by_numpy(function, x)), a)
    np.testing.assert_allclose(gradient(a).numpy(), expected, 0, 1e-8)
    h = V + V.T
    second = np.sum(grad(lambda x: np.sum(gradient(x) * W))(a).numpy() * h)
    expected = numeric_gradient(lambda t: np.sum(gradient(a + t * h).numpy() * W), np.zeros(()))
    np.testing.assert_allclose(second, expected, 1e-8, 1e-8)


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("name", ["log", "exp(iw)"])
def test_hermitian_matrices(name: str, values: str) -> None:
    function, a = FUNCTIONS[name], with_values(VALUES[values], complex_=True)
    found = grad(lambda x: weighed(matrix_function(function, x)))(a).numpy()
    zero = np.zeros((4, 4))
    np.testing.assert_allclose(
        found.real, numeric_gradient(lambda x: weighed(by_numpy(function, a + x)), zero), 0, 1e-8
    )
    np.testing.assert_allclose(
        found.imag, numeric_gradient(lambda x: weighed(by_numpy(function, a + 1j * x)), zero), 0, 1e-8
    )


@pytest.mark.parametrize("values", VALUES)
def test_third_derivative_of_the_inverse_and_of_a_power(values: str) -> None:
    """These two can be written without eigenvalues."""
    a = with_values(VALUES[values])

    def third(function: Callable[[Any], Any]) -> Array:
        def first(x: Any) -> Any:
            return np.sum(grad(lambda y: np.sum(function((y + y.T) / 2) * G))(x) * V)

        return grad(lambda x: np.sum(grad(first)(x) * W))(a).numpy()

    for eigenvalues, matrix in ((lambda w: 1 / w, L.inv), (lambda w: w**4, lambda x: L.matrix_power(x, 4))):
        expected = third(matrix)
        found = third(lambda x: matrix_function(eigenvalues, x))  # noqa: B023
        np.testing.assert_allclose(found, expected, 0, 1e-9 * np.abs(expected).max())


def test_stacks_examples_and_directions() -> None:
    stack = np.stack([with_values(values) for values in VALUES.values()])
    gradient = grad(lambda a: np.sum(matrix_function(np.sqrt, a) * G))
    one_by_one = np.stack([gradient(a).numpy() for a in stack])
    np.testing.assert_array_equal(gradient(stack).numpy(), one_by_one)
    np.testing.assert_allclose(vmap(gradient)(stack).numpy(), one_by_one, 0, 1e-14)
    found = grad(lambda stack: np.sum(vmap(lambda a: matrix_function(np.sqrt, a) * G)(stack)))(stack)
    np.testing.assert_allclose(found.numpy(), one_by_one, 0, 1e-14)
    h = V + V.T
    _, found = jvp(lambda a: matrix_function(np.sqrt, a), (stack[1],), (h,))
    np.testing.assert_allclose(found.numpy(), h / (2 * np.sqrt(2)), 0, 1e-13)  # at 2 I


def test_the_polar_factor_of_a_matrix_with_equal_singular_values() -> None:
    """A function of singular values is one of the eigenvalues of ``[[0, a], [a.T, 0]]``: see docs/derivatives.md."""
    a, zero = L.qr(G).Q * 1.5, np.zeros((4, 4))

    def cubed(x: Any) -> Any:
        return matrix_function(lambda s: s**3, np.block([[zero, x], [x.T, zero]]))[:4, 4:]

    found = grad(lambda x: np.sum(cubed(x) * V))(a)
    expected = grad(lambda x: np.sum((x @ x.T @ x) * V))(a)  # u @ diag(s**3) @ vh
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 0, 1e-12)


@pytest.mark.parametrize("values", [(-1.0, 1.0, -2.0, 2.0), (-1.0, -1.0, 1.0, 1.0), (-1e-3, 1e-3, 1.0, -1.0)])
@pytest.mark.parametrize("function", [np.sign, np.abs])
def test_a_function_with_a_jump_between_eigenvalues(function: Callable[[Any], Any], values: tuple[float, ...]) -> None:
    a = with_values(values)
    found = grad(lambda x: np.sum(matrix_function(function, x) * G))(a).numpy()
    expected = numeric_gradient(lambda x: np.sum(by_numpy(function, x) * G), a)
    np.testing.assert_allclose(found, expected, 0, 1e-7 * np.abs(expected).max())


def test_dtypes_and_sizes() -> None:
    a = Tensor(with_values((1, 1, 2, 2)).astype(np.float32), requires_grad=True)
    out = matrix_function(np.log, a)
    out.sum().backward()
    assert out.dtype == a.grad.dtype == np.float32
    np.testing.assert_allclose(
        hessian(lambda x: matrix_function(np.exp, x)[0, 0])(np.zeros((1, 1))).numpy(), [[[[1.0]]]]
    )
    assert grad(lambda x: np.sum(matrix_function(np.exp, x)))(np.zeros((0, 0))).shape == (0, 0)
    assert not grad(lambda x: np.sum(matrix_function(np.ones_like, x)))(np.eye(3)).numpy().any()


def test_a_gradient_that_would_be_lost_is_an_error() -> None:
    power = Tensor(2.0, requires_grad=True)
    for a in (np.eye(2), Tensor(np.eye(2), requires_grad=True)):
        with pytest.raises(TypeError, match="uses a Tensor, whose gradient would be lost"):
            matrix_function(lambda w: w**power, a)
