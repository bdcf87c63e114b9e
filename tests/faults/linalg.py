"""Matrices: not transposed, not conjugated, one of them forgotten."""

import numpy as np

from .domains import complex_numbers, invertible, normal
from .fault import drawn, fault


@fault("tile-ai/TileOPs#54", "transpose", drawn(lambda rng, n: (normal(rng, n, n), normal(rng, n, n)), n=(2, 3)))
class product_of_untransposed_matrices:
    """The gradient is multiplied by the other matrix itself, which no shape tells where both are square."""

    def value(x, y):
        return x @ y

    def wrong(g, x, y):
        return g @ y, x @ g

    def right(g, x, y):
        return g @ y.T, x.T @ g


@fault("apache/mxnet#18102", "transpose", drawn(lambda rng, n: (normal(rng, n, n), normal(rng, n, n)), n=(2, 3)))
class einsum_with_swapped_letters:
    """An einsum has another gradient than matmul; here that of the second operand has its axes exchanged."""

    def value(x, y):
        return np.einsum("ij,jk->ik", x, y)

    def wrong(g, x, y):
        return np.einsum("ik,jk->ij", g, y), np.einsum("ij,ik->kj", x, g)

    def right(g, x, y):
        return np.einsum("ik,jk->ij", g, y), np.einsum("ij,ik->jk", x, g)


@fault("pytorch/pytorch.github.io#2135", "transpose", drawn(invertible, n=(2, 3)))
class inverse_not_transposed:
    """A method that transposes in PyTorch does not in NumPy: the formula uses the inverse itself."""

    def value(x):
        return np.linalg.inv(x)

    def wrong(g, x):
        inverse = np.linalg.inv(x)
        return -inverse.transpose(-2, -1) @ g @ inverse.transpose(-2, -1)

    def right(g, x):
        inverse = np.linalg.inv(x)
        return -inverse.T @ g @ inverse.T


@fault(
    "tensor4all/tenferro-rs#772", "input ignored", drawn(lambda rng, n: (invertible(rng, n), normal(rng, n)), n=(1, 3))
)
class solution_independent_of_its_matrix:
    """Solving a linear system passes a gradient to the right side only."""

    def value(a, b):
        return np.linalg.solve(a, b)

    def wrong(g, a, b):
        return None, np.linalg.solve(a.T, g)

    def right(g, a, b):
        by_b = np.linalg.solve(a.T, g)
        return -np.outer(by_b, np.linalg.solve(a, b)), by_b


@fault("pymc-devs/pytensor#1230", "no dependence", drawn(lambda rng, n: (normal(rng, n, n), normal(rng, n)), n=(2, 3)))
class gradient_by_an_ignored_diagonal:
    """A triangular solve that takes the diagonal for 1 has a gradient by that diagonal."""

    def value(a, b):
        return np.linalg.solve(np.tril(a, -1) + np.eye(len(a)), b)

    def wrong(g, a, b):
        lower = np.tril(a, -1) + np.eye(len(a))
        by_b = np.linalg.solve(lower.T, g)
        return -np.tril(np.outer(by_b, np.linalg.solve(lower, b))), by_b

    def right(g, a, b):
        lower = np.tril(a, -1) + np.eye(len(a))
        by_b = np.linalg.solve(lower.T, g)
        return -np.tril(np.outer(by_b, np.linalg.solve(lower, b)), -1), by_b


def positive_definite(rng, n):
    """A symmetric matrix with eigenvalues from 1 on."""
    x = normal(rng, n, n)
    return x @ x.T + np.eye(n)


def by_symmetric(g, a):
    """The gradient of the Cholesky factor, as a symmetric matrix (Murray, arXiv:1602.07527, eq. 8)."""
    factor = np.linalg.cholesky(a)
    inner = np.tril(factor.T @ np.tril(g))
    inner -= np.diag(np.diag(inner)) / 2
    inverse = np.linalg.inv(factor)
    outer = inverse.T @ inner @ inverse
    return (outer + outer.T) / 2


@fault("pytorch/pytorch#18825", "not symmetric", drawn(positive_definite, n=(2, 3)))
class cholesky_in_one_triangle:
    """Both halves of a symmetric gradient are put into the lower triangle: twice there, nothing above."""

    def value(a):
        return np.linalg.cholesky((a + a.T) / 2)

    def wrong(g, a):
        symmetric = by_symmetric(g, a)
        return np.tril(symmetric) + np.tril(symmetric, -1)

    def right(g, a):
        return by_symmetric(g, a)


@fault("tensorflow/tensorflow#4859", "conjugate", drawn(
    lambda rng, n, m: (complex_numbers(rng, n, m), complex_numbers(rng, m, n)), n=(1, 3), m=(1, 3)
))  # fmt: skip
class complex_product_not_conjugated:
    """The other matrix is transposed, but not conjugated."""

    def value(x, y):
        return x @ y

    def wrong(g, x, y):
        return g @ y.T, x.T @ g

    def right(g, x, y):
        return g @ y.conj().T, x.conj().T @ g


@fault("HIPS/autograd#185", "conjugate", drawn(complex_numbers, n=(3, 6)))
class fourier_transform_of_the_gradient:
    """The gradient is transformed forth and not back: the matrix is symmetric, but not real."""

    def value(z):
        return np.fft.fft(z)

    def wrong(g, z):
        return np.fft.fft(g)

    def right(g, z):
        return np.fft.ifft(g) * len(z)


@fault("HIPS/autograd#401", "sign", drawn(
    lambda rng, n: (normal(rng, n), positive_definite(rng, n)), n=(1, 3)
))  # fmt: skip
class density_by_its_covariance:
    """The gradient of the multivariate normal density by the covariance has the wrong sign."""

    def value(x, covariance):
        return -0.5 * (x @ np.linalg.solve(covariance, x) + np.linalg.slogdet(covariance)[1])

    def wrong(g, x, covariance):
        u = np.linalg.solve(covariance, x)
        return -g * u, 0.5 * g * (np.linalg.inv(covariance) - np.outer(u, u))

    def right(g, x, covariance):
        u = np.linalg.solve(covariance, x)
        return -g * u, -0.5 * g * (np.linalg.inv(covariance) - np.outer(u, u))
