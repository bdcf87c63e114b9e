"""Transforms against formulas derived by hand, against each other, and against the complex step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tinygrad_np import Tensor, grad, hessian, hvp, jacobian, jvp, no_grad, value_and_grad, vjp
from tinygrad_np.testing import strategies as gs

vectors = gs.arrays(st.tuples(st.integers(2, 5)))


def rosenbrock(x):
    """Smooth, not quadratic, with known derivatives; NumPy code that knows nothing of Tensors."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    g = np.zeros_like(x)
    g[:-1] += -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return g


def rosenbrock_hessian(x):
    H = np.zeros((x.size, x.size))
    for i in range(x.size - 1):
        H[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        H[i + 1, i + 1] += 200
        H[i, i + 1] -= 400 * x[i]
        H[i + 1, i] -= 400 * x[i]
    return H


@given(vectors)
def test_first_and_second_derivatives_equal_the_formulas(x):
    value, gradient = value_and_grad(rosenbrock)(x)
    assert_allclose(value, rosenbrock(x), rtol=1e-13)
    scale = 1e-12 * 1e4
    assert_allclose(gradient, rosenbrock_gradient(x), atol=scale)
    assert_allclose(grad(rosenbrock)(x), rosenbrock_gradient(x), atol=scale)
    assert_allclose(hessian(rosenbrock)(x), rosenbrock_hessian(x), atol=scale)


@given(vectors, st.data())
def test_products_equal_the_matrices(x, data):
    v = data.draw(gs.arrays(x.shape))
    (product,) = hvp(rosenbrock, (x,), (v,))
    assert_allclose(product, rosenbrock_hessian(x) @ v, atol=1e-7)
    assert_allclose(jvp(rosenbrock, (x,), (v,))[1], rosenbrock_gradient(x) @ v, atol=1e-7)
    assert_allclose(vjp(rosenbrock, x)[1](3.0)[0], 3 * rosenbrock_gradient(x), atol=1e-7)


def layers(x, w):
    """From a vector and a matrix to a vector; analytic, so that the complex step applies to its NumPy form."""
    return np.tanh(w @ x) * np.exp(np.sin(x[0])) + np.sqrt(1 + np.sum(x * x))


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_forward_mode_equals_the_complex_step_and_reverse_mode(n, m, data):
    x, w, dx, dw, u = (data.draw(gs.arrays(s)) for s in ((n,), (m, n), (n,), (m, n), (m,)))
    value, tangent = jvp(layers, (x, w), (dx, dw))
    h = 1e-150  # exact to the last place: nothing is subtracted
    exact = np.imag(layers(x + 1j * h * dx, w + 1j * h * dw)) / h
    assert_allclose(value, layers(x, w), rtol=1e-14)
    assert_allclose(tangent, exact, rtol=1e-11, atol=1e-12)
    gx, gw = vjp(layers, x, w)[1](u)
    assert_allclose(np.sum(gx * dx) + np.sum(gw * dw), u @ exact, rtol=1e-11, atol=1e-12)
    assert_allclose(np.tensordot(jacobian(layers, 1)(x, w), dw, 2) + jacobian(layers)(x, w) @ dx, exact, atol=1e-11)


class Parameters(NamedTuple):
    w: object
    b: object


def test_gradients_have_the_structure_of_the_arguments():
    def f(parameters, scale, layers):
        return np.sum(parameters.w * scale["s"]) + parameters.b * layers[0][1] * 2

    args = Parameters(np.array([1.0, 2.0]), 3.0), {"s": np.array([4.0, 5.0])}, [(None, 7.0), []]
    p, s, (inner, empty) = grad(f, (0, 1, 2))(*args)
    assert isinstance(p, Parameters)
    assert_allclose(p.w, [4, 5])
    assert_allclose(p.b, 14)
    assert_allclose(s["s"], [1, 2])
    assert inner[0] is None
    assert empty == []
    assert_allclose(inner[1], 6)
    assert_allclose(grad(f, -2)(*args)["s"], [1, 2])


def test_nested_transforms_do_not_confuse_their_variables():
    # Siskind and Pearlmutter (2005): d/dx [x * d/dy (x + y)] = 1, and not 2
    confused = grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0)
    assert confused.item() == 1
    assert not confused.requires_grad
    assert grad(lambda x: grad(lambda y: x * x * y * y)(x))(3.0).item() == 6 * 3.0**2
    third = grad(grad(grad(lambda x: x**4)))
    assert third(2.0).item() == 48
    # forward over reverse, reverse over forward
    f = lambda x: np.exp(2 * x)  # noqa: E731
    assert_allclose(jvp(grad(f), (0.3,), (1.0,))[1], 4 * np.exp(0.6), rtol=1e-14)
    assert_allclose(grad(lambda x: jvp(f, (x,), (1.0,))[1])(0.3), 4 * np.exp(0.6), rtol=1e-14)
    assert_allclose(grad(lambda v: jvp(f, (0.3,), (v,))[1] ** 2)(1.5), 2 * 1.5 * 4 * np.exp(1.2), rtol=1e-14)


def test_a_tensor_from_outside_stays_differentiable_through_a_transform():
    w = Tensor(3.0, requires_grad=True)
    slope = grad(lambda x: w * w * x * x)(2.0)  # 2 w^2 x
    assert slope.requires_grad
    slope.backward()
    assert w.grad.item() == 4 * 3 * 2
    with no_grad():  # but not if nothing is to be recorded
        assert not grad(lambda x: w * w * x * x)(2.0).requires_grad
    assert not grad(lambda x: x * x)(2.0).requires_grad
    assert Tensor(2.0, requires_grad=True).grad is None


def test_arguments_keep_their_value_their_gradient_and_their_dtype():
    x = Tensor(np.float32([1, 2]), requires_grad=True)
    gradient = grad(lambda x, y: np.sum(x * y), (0, 1))(x, np.float64([3, 4]))
    assert [g.dtype for g in gradient] == [np.float32, np.float64]
    assert x.grad is None
    assert x.is_leaf
    unused, _ = grad(lambda x, y: np.sum(y), (0, 1))(np.float32([1, 2]), 1.0)
    assert unused.dtype == np.float32
    assert not np.any(unused)


def test_jacobians_of_nested_and_empty_results():
    J = jacobian(lambda x: {"square": x * x, "sum": [np.sum(x)]})(np.array([1.0, 2.0]))
    assert_allclose(J["square"], [[2, 0], [0, 4]])
    assert_allclose(J["sum"][0], [1, 1])
    assert jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    (xx, xy), (yx, yy) = hessian(lambda x, y: np.sum(x * y) ** 2, (0, 1))(np.array([1.0, 2.0]), np.array([3.0]))
    assert_allclose(xx, 2 * 3.0**2 * np.ones((2, 2)))  # f = (x0 + x1)^2 y^2
    assert_allclose(xy, 4 * 3.0 * 3.0 * np.ones((2, 1)))
    assert_allclose(yx, 4 * 3.0 * 3.0 * np.ones((1, 2)))
    assert_allclose(yy, 2 * 3.0**2 * np.ones((1, 1)))


def test_a_pullback_can_be_called_again():
    value, pullback = vjp(lambda x, y: (x * y, x), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert_allclose(value[0], [3, 8])
    for scale in (1.0, 2.0):
        gx, gy = pullback((scale * np.array([1.0, 0]), np.array([0, 1.0])))
        assert_allclose(gx, [3 * scale, 1])
        assert_allclose(gy, [1 * scale, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grad(lambda x: x)(np.ones(3)), r"differentiates functions with a scalar result.*\(3,\).*jacobian"),
        (lambda: grad(lambda x: np.sum(x))(3), r"dtype int64; write 3.0 for 3"),
        (lambda: grad(lambda x: 1.0)(3.0), r"returned float where a Tensor was expected"),
        (lambda: grad(lambda x: x, 1)(3.0), r"argnums=1, but <lambda> was called with 1 positional"),
        (lambda: jvp(np.tanh, np.ones(2), np.ones(2)), r"jvp takes tuples"),
        (lambda: jvp(np.tanh, (np.ones(2),), (np.ones(3),)), r"the tangent has shape \(3,\)"),
        (lambda: hvp(lambda x: np.sum(x), (np.ones(2),), ()), r"1 arrays to differentiate by, but 0 tangents"),
        (
            lambda: hvp(lambda x: np.sum(x * x), (np.ones(2),), (np.ones(3),)),
            r"gradient has shape \(3,\), but .* \(2,\)",
        ),
        (lambda: vjp(np.tanh, np.ones(2))[1](np.ones(3)), r"the cotangent of tanh has shape \(3,\)"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_jvp_where_one_cotangent_comes_to_several_arguments() -> None:
    """The pullback of a sum is the same Tensor for both summands: their tangents add up."""
    _, product = jvp(lambda x, y: x + y, (1.0, 2.0), (3.0, 4.0))
    assert product.item() == 7
    _, product = jvp(lambda x, y: x + y + x, (np.ones(2), np.ones(2)), (np.array([3.0, 1.0]), np.array([4.0, 2.0])))
    np.testing.assert_array_equal(product.numpy(), [10, 4])


def test_a_hessian_product_of_complex_numbers_is_the_slope_of_the_gradient():
    def function(z):
        return np.sum(np.real(z**3 * z[::-1]) + np.abs(z) ** 2 * np.imag(z))

    z, v = np.array([[1 + 2j, -0.5 + 0.3j], [0.7 - 1j, 2 - 0.1j]])
    (product,) = hvp(function, (z,), (v,))
    ahead, behind = (grad(function)(z + step * v).numpy() for step in (1e-6, -1e-6))
    assert_allclose(product, (ahead - behind) / 2e-6, rtol=1e-7)
