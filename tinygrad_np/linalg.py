"""Functions of Hermitian matrices, such as the square root, with derivatives of any order.

``u @ np.diag(f(w)) @ u.mT`` after ``np.linalg.eigh`` computes the same. But where eigenvalues coincide, what reaches
the derivative of ``eigh`` does not determine the gradient (see docs/derivatives.md); here it is known that a function
of the matrix is meant.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product
from typing import Any

import numpy as np

from tinygrad_np.batching.batched import elementwise, family
from tinygrad_np.primitives import primitive
from tinygrad_np.record import Recorded, as_array
from tinygrad_np.rules.linalg import adjoint, hermitian_part
from tinygrad_np.transforms import grad
from tinygrad_np.vectorize import outside_of_vmap

__all__ = ["matrix_function"]

Function = Callable[..., Any]


def matrix_function(function: Function, a: Any) -> Any:
    """Apply a function to a Hermitian matrix: to its eigenvalues, the eigenvectors staying as they are.

    Its derivative in the direction ``h`` is ``u @ (d * (u.mT @ h @ u)) @ u.mT``, where ``d[i, j]`` is the divided
    difference ``(f(w[i]) - f(w[j])) / (w[i] - w[j])``, or ``f'(w[i])`` where they coincide (Daleckii and Krein, 1965;
    Higham, "Functions of Matrices", 2008, theorem 3.11). Derivatives of higher order have divided differences of
    higher order. So the gradient is exact, however close eigenvalues are.

    Parameters
    ----------
    function : callable
        Elementwise, written with NumPy's functions, and differentiable at the eigenvalues. It may be complex.
    a : Tensor or array, shape (..., n, n)
        Hermitian; as with ``np.linalg.eigh``, the lower triangle is read.

    Returns
    -------
    Tensor or ndarray, shape (..., n, n)

    Raises
    ------
    TypeError
        If ``function`` uses a Tensor that requires a gradient, which would be lost.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> a = Tensor([[2.0, 0.0], [0.0, 2.0]], requires_grad=True)
    >>> matrix_function(np.log, a)[0, 1].backward()
    >>> a.grad
    Tensor([[0.  , 0.25],
            [0.25, 0.  ]], dtype=float64)
    """
    return _derivative(a, function=function)


def _by_matrix(g: Any, a: Any, directions: tuple[Any, ...], function: Function) -> Any:
    return hermitian_part(_derivative(a, *directions, g.mT, function=function).mT)


def _by_directions(g: Any, a: Any, directions: tuple[Any, ...], function: Function, wrt: tuple[int, ...]) -> list[Any]:
    """The trace of ``x @ derivative(a, h1, ..., hk)`` is the same whichever of all these is called ``x``."""
    return [_derivative(a, *directions[:i], g.mT, *directions[i + 1 :], function=function).mT for i in wrt]


@primitive(a=_by_matrix, directions=_by_directions)
def _derivative(a: Any, *directions: Any, function: Function) -> Any:
    """The derivative of a matrix function in some directions, of the order of their number; of none, the function."""
    w, u = np.linalg.eigh(a)
    if not directions:
        return (u * _values(function, w)[..., None, :]) @ adjoint(u)
    inner = [adjoint(u) @ h @ u for h in directions]
    order, n = len(directions), w.shape[-1]
    nodes = [w.reshape((*w.shape[:-1], *(n if j == i else 1 for j in range(order + 1)))) for i in range(order + 1)]
    differences = outside_of_vmap(_divided_difference, function, np.broadcast_arrays(*nodes))
    labels = "abcdefghijklmnopqrstuvwxyz"[: order + 1]
    pairs = ",".join(f"...{labels[i : i + 2]}" for i in range(order))
    spelled = f"...{labels},{pairs}->...{labels[0]}{labels[-1]}"
    found = sum(np.einsum(spelled, differences, *chosen, optimize=True) for chosen in permutations(inner))
    return (u @ found @ adjoint(u)).astype(np.result_type(found.dtype, a.dtype), copy=False)


family(_derivative)(elementwise)  # to vmap, the examples are one more stack of matrices


def _values(function: Function, x: Any) -> Any:
    values = function(x)
    if isinstance(values, Recorded):
        raise TypeError(
            "matrix_function: the function uses a Tensor, whose gradient would be lost; let it use numbers, and apply "
            "what has a gradient to the matrix or to the result"
        )
    return as_array(values)


def _slope(function: Function) -> Function:
    """The derivative of an elementwise function, as a Tensor."""

    def slope(x: Any) -> Any:
        if np.result_type(function(x[:1])).kind != "c":
            return grad(lambda t: np.sum(function(t)))(x)
        parts = (grad(lambda t, part=part: np.sum(part(function(t))))(x) for part in (np.real, np.imag))
        return next(parts) + 1j * next(parts)

    return slope


def _divided_difference(function: Function, nodes: Any) -> Any:
    """``f[x0, ..., xk]`` for arrays of nodes, some of which may coincide, exactly or nearly.

    From its neighbours in the table it is a quotient, which loses digits where nodes are close. There it is the
    integral of the derivative of order k over all means of the nodes (Hermite and Genocchi), which is computed by two
    rules of Gauss: their difference tells how good that is. What has the smaller error is taken; but a quotient that
    has lost nothing is right also where the function jumps between two nodes, which the integral may not see.
    """
    x = np.sort(np.stack(nodes), axis=0)
    eps = float(np.finfo(x.dtype).eps)
    row = [_values(function, one.reshape(-1)).reshape(one.shape) for one in x]
    errors = [eps * np.abs(values) for values in row]
    derivative = function
    for order in range(1, len(nodes)):
        derivative = _slope(derivative)
        for i in range(len(nodes) - order):
            width = x[i + order] - x[i]
            with np.errstate(all="ignore"):
                quotient = (row[i + 1] - row[i]) / width
                error = (errors[i + 1] + errors[i]) / width
            coarse, fine = (_mean_over(derivative, x[i : i + order + 1], points) for points in (4, 5))
            uncertain = np.abs(fine - coarse) + eps * np.abs(fine)
            lossy = error > 1e4 * eps * (np.abs(quotient) + np.abs(fine))
            smooth = (lossy & (uncertain < error)) | (width == 0)
            row[i], errors[i] = np.where(smooth, fine, quotient), np.where(smooth, uncertain, error)
    return row[0]


def _mean_over(derivative: Function, x: Any, points: int) -> Any:
    """The integral of a function over the simplex of the weighted means of nodes ``x``."""
    places, weights = np.polynomial.legendre.leggauss(points)
    places, weights = (places + 1) / 2, weights / 2
    order = len(x) - 1
    total: Any = 0
    for chosen in product(range(points), repeat=order):
        mean, t, weight = x[0], 1.0, 1.0
        for i, k in enumerate(chosen):
            weight *= weights[k] * t
            t *= places[k]
            mean = mean + float(t) * (x[i + 1] - x[i])
        total = total + float(weight) * derivative(mean.reshape(-1)).numpy().reshape(mean.shape)
    return total
