"""Operations of your own: ``primitive``, ``custom_vjp``, and ``check_primitive``, which tests them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import (
    Tensor,
    custom_vjp,
    grad,
    hessian,
    jacobian,
    jvp,
    no_grad,
    primitive,
    value_and_grad,
    vjp,
    vmap,
)
from tinygrad_np.testing import check_primitive


@custom_vjp
def marked(tree: Any, scale: Any, power: int) -> Any:
    """A product, whose derivative is marked by a factor of 3 and so cannot be taken for that of the code."""
    e = np.exp(tree["x"])
    return {"product": (e * scale) ** power, "name": "it"}, (e, scale, power)


@marked.backward
def _(residuals: Any, g: Any) -> Any:
    e, scale, power = residuals
    slope = 3 * g["product"] * power * (e * scale) ** (power - 1)
    return {"x": slope * e * scale}, slope * e, None


# --- primitive ----------------------------------------------------------------------------------------------------
@primitive(
    x=lambda g, y, power: g * power * y,
    y=lambda g, x, power: g * power * x,
)
def scaled_product(x: Any, y: Any, *, power: float = 1.0) -> Any:
    """A product."""
    return power * x * y


def test_primitive() -> None:
    check_primitive(scaled_product, np.arange(3.0), np.ones((2, 1)), power=2.5)
    assert grad(scaled_product)(3.0, 4.0).item() == 4
    assert scaled_product.__name__ == "scaled_product"
    assert scaled_product.__doc__ == "A product."


def test_arrays_of_a_primitive_by_keyword() -> None:
    """They must not slip past the rules into the forward function."""
    t = Tensor(3.0, requires_grad=True)
    for y in (scaled_product(x=t, y=4.0), scaled_product(t, y=4.0, power=1.0), scaled_product(y=4.0, x=t)):
        assert y.node.primitive is scaled_product
        assert y.item() == 12


def test_a_primitive_needs_a_word_on_each_argument() -> None:
    for rules in ({"x": None}, {"x": None, "z": None}, {"y": None, "x": None}, {}):
        with pytest.raises(TypeError, match="f takes the arrays x, y, but rules are given for"):

            @primitive(**rules)
            def f(x: Any, y: Any) -> Any:
                return x + y

    with pytest.raises(TypeError, match="keyword-only"):

        @primitive(x=None)
        def g(x: Any, axis: int = 0) -> Any:
            return x

    with pytest.raises(TypeError, match="a rule takes g"):

        @primitive(x=lambda x, g: g)
        def h(x: Any) -> Any:
            return x


# --- custom_vjp: what it computes -----------------------------------------------------------------------------------
@custom_vjp
def log1pexp(x: Any) -> Any:
    """The example of JAX's documentation."""
    return np.log(1 + np.exp(x)), x


@log1pexp.backward
def _(x: Any, g: Any) -> Any:
    return g * (1 - 1 / (1 + np.exp(x)))


@custom_vjp
def dot_and_norm(parameters: dict[str, Any], x: Any, name: str, scale: float, *, shift: float = 0.0) -> Any:
    """Arguments and results of all kinds."""
    assert name == "name"
    inner = np.sum(parameters["w"] * x)
    length = np.sqrt(np.sum(x * x))
    return {"inner": scale * inner + shift, "length": (length, "text", 7)}, [parameters, x, {"length": length}, scale]


@dot_and_norm.backward
def _(residuals: Any, g: Any) -> Any:
    parameters, x, own, scale = residuals
    by_inner, (by_length, text, seven) = g["inner"], g["length"]
    assert (text, seven) == ("text", 7)
    dx = by_inner * scale * parameters["w"] + by_length * x / own["length"]
    return {"w": by_inner * scale * x, "unused": None}, dx, None, None


@custom_vjp
def saves_an_intermediate(x: Any) -> Any:
    """The derivative of a residual that is no argument and no result must not get lost."""
    e = np.exp(np.sin(x))
    return e * e, (e, np.cos(x))


@saves_an_intermediate.backward
def _(residuals: Any, g: Any) -> Any:
    e, c = residuals
    return (2 * g * e * e * c,)


def test_value_gradient_and_second_derivative() -> None:
    for function in (log1pexp, saves_an_intermediate):
        check_primitive(function, np.array([0.3, -1.2, 2.0]))
    check_primitive(
        lambda w, x: dot_and_norm({"w": w, "unused": np.ones(2)}, x, "name", 2.5, shift=1.0), [1.0, 2.0], [3.0, -1.0]
    )
    assert grad(grad(grad(saves_an_intermediate)))(0.3).item() == pytest.approx(
        grad(grad(grad(lambda x: np.exp(2 * np.sin(x)))))(0.3).item(), rel=1e-12
    )


def test_it_is_one_node() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = log1pexp(x)
    assert y.node.primitive.name == "log1pexp"
    assert y.node.parents == (x.node,)
    assert repr(y).endswith("made by log1pexp)")


def test_the_rule_is_what_counts() -> None:
    """Not the derivative of the code: here the code's would be NaN, or another one on purpose."""
    with np.errstate(over="ignore"):
        assert grad(log1pexp)(1000.0).item() == 1

    @custom_vjp
    def reversal(x: Any) -> Any:
        return x, ()

    @reversal.backward
    def _(residuals: Any, g: Any) -> Any:
        return -g

    assert grad(lambda x: reversal(x) * x)(3.0).item() == 3 - 3
    assert grad(grad(lambda x: reversal(x) ** 3))(2.0).item() == 12  # through the reversal twice


def test_on_arrays_alone_it_is_the_function() -> None:
    def forward(x: Any) -> Any:
        assert type(x) is np.ndarray
        return x * 2, None

    out = custom_vjp(forward)(np.ones(2))
    assert type(out) is np.ndarray


def test_arrays_among_tensors_are_differentiable_arguments_too() -> None:
    @custom_vjp
    def product(x: Any, y: Any) -> Any:
        return x * y, (x, y)

    @product.backward
    def _(residuals: Any, g: Any) -> Any:
        x, y = residuals
        return g * y, g * x

    batch = np.array([1.0, 2.0])
    x = Tensor([3.0, 4.0], requires_grad=True)
    y = product(x, batch)
    batch[:] = 99  # what was saved must not rot
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad.numpy(), [1, 2])
    check_primitive(product, np.ones((2, 3)), np.arange(3.0))  # broadcasting is undone


def test_single_precision_and_complex_numbers() -> None:
    @custom_vjp
    def square(z: Any) -> Any:
        return z * z, z

    @square.backward
    def _(z: Any, g: Any) -> Any:
        return g * np.conj(2 * z)  # in the convention of .grad

    check_primitive(square, np.array([1.0 + 2j, -0.5j]))
    z = Tensor(np.array([1 + 2j], np.complex64), requires_grad=True)
    y = square(z)
    np.sum(np.abs(y) ** 2).backward()
    assert z.grad.dtype == np.complex64
    np.testing.assert_allclose(z.grad.numpy(), 4 * 5 * (1 + 2j), rtol=1e-6)


def test_forward_is_recorded_only_where_it_has_to_be() -> None:
    """A residual that is an argument or a result has a derivative that is known; others need the steps."""
    calls = []

    @custom_vjp
    def root(a: Any) -> Any:
        calls.append(a)
        return Tensor(np.sqrt(a.detach().numpy())), (a,)

    @root.backward
    def _(residuals: Any, g: Any) -> Any:
        (a,) = residuals
        return g / (2 * root(a))

    assert grad(grad(root))(4.0).item() == -1 / 32
    assert len(calls) == 3  # forward, in backward, and in its own

    calls.clear()

    @custom_vjp
    def other_root(a: Any) -> Any:
        calls.append(a)
        x = Tensor(np.sqrt(a.detach().numpy()))
        return {"x": x}, {"x": x}

    @other_root.backward
    def _(residuals: Any, g: Any) -> Any:
        return g["x"] / (2 * residuals["x"])

    assert grad(grad(lambda a: other_root(a)["x"]))(4.0).item() == -1 / 32
    assert len(calls) == 1


def test_transforms() -> None:
    x = np.array([0.3, -1.0])
    plain = jacobian(lambda x: np.log1p(np.exp(x)))
    np.testing.assert_allclose(jacobian(log1pexp)(x).numpy(), plain(x).numpy(), rtol=1e-14)
    np.testing.assert_allclose(
        hessian(lambda x: np.sum(log1pexp(x)))(x).numpy(), hessian(lambda x: np.sum(np.log1p(np.exp(x))))(x).numpy(),
        rtol=1e-13,
    )  # fmt: skip
    _, tangent = jvp(log1pexp, (x,), (np.array([1.0, 2.0]),))
    np.testing.assert_allclose(tangent.numpy(), np.diag(plain(x).numpy()) * [1, 2], rtol=1e-14)
    np.testing.assert_allclose(vmap(grad(log1pexp))(x).numpy(), np.diag(plain(x).numpy()), rtol=1e-14)
    np.testing.assert_allclose(vmap(log1pexp)(x).numpy(), np.log1p(np.exp(x)), rtol=1e-14)
    _, pullback = vjp(log1pexp, x)
    assert len(pullback(np.ones(2))) == 1
    value, _ = value_and_grad(log1pexp)(1.0)
    assert value.item() == pytest.approx(np.log1p(np.e))


def test_as_a_method() -> None:
    class Layer:
        factor = 3.0

        @custom_vjp
        def __call__(self, x: Any) -> Any:
            return self.factor * x, self.factor

        @__call__.backward
        def _(factor: Any, g: Any) -> Any:
            return None, factor * g

    assert grad(Layer())(2.0).item() == 3


def test_several_results_of_which_one_is_used() -> None:
    @custom_vjp
    def both(x: Any) -> Any:
        return (np.sin(x), np.cos(x)), x

    @both.backward
    def _(x: Any, g: Any) -> Any:
        assert [part.shape for part in g] == [x.shape, x.shape]
        return g[0] * np.cos(x) - g[1] * np.sin(x)

    x = np.array([0.3, 0.4])
    for i in range(2):
        np.testing.assert_allclose(
            grad(lambda x, i=i: np.sum(both(x)[i]))(x).numpy(), [np.cos(x), -np.sin(x)][i], rtol=1e-15
        )
    check_primitive(both, x)


def test_no_grad() -> None:
    x = Tensor(1.0, requires_grad=True)
    with no_grad():
        assert not log1pexp(x).requires_grad
    assert not log1pexp(Tensor(1.0)).requires_grad


# --- custom_vjp: errors -------------------------------------------------------------------------------------------
def forward_only(x: Any, y: Any) -> Any:
    return x * y, (x, y)


def with_backward(backward: Any) -> Any:
    function = custom_vjp(forward_only)
    function.backward(backward)
    return function


@pytest.mark.parametrize(
    ("backward", "error", "message"),
    [
        (lambda r, g: g, TypeError, r"tuple with the cotangents of its 2 arguments .* returned Tensor"),
        (lambda r, g: (g, g, g), TypeError, "returned 3 of them"),
        (lambda r, g: ([g], g), ValueError, r"cotangent of shape \(1, 2\)|shape"),
        (lambda r, g: (np.ones(3), g), ValueError, r"cotangent of shape \(3,\) for an argument of shape \(2,\)"),
    ],
)
def test_errors_of_backward(backward: Any, error: type[Exception], message: str) -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    if "1, 2" in message:  # a broadcast cotangent is summed, so [g] is one
        np.sum(with_backward(backward)(x, x)).backward()
        return
    with pytest.raises(error, match=message):
        np.sum(with_backward(backward)(x, x)).backward()


def test_errors_of_use() -> None:
    x, w = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"no derivative yet: .*@forward_only.backward"):
        custom_vjp(forward_only)(x, x)
    with pytest.raises(TypeError, match=r"return \(out, residuals\), but it returned Tensor"):
        custom_vjp(lambda x: x)(x)
    with pytest.raises(TypeError, match="no argument, and its gradient would be lost"):
        custom_vjp(lambda x: (x * w, None))(x)
    function = custom_vjp(lambda tree: (tree["a"] * tree["b"], tree))
    function.backward(lambda tree, g: {"a": g})
    with pytest.raises(TypeError, match="structure"):
        function({"a": x, "b": x}).sum().backward()
    with pytest.raises(ZeroDivisionError):  # an error of the user's own comes as it is
        custom_vjp(lambda x: 1 / 0)(x)


# --- check_primitive: it sees what is wrong -----------------------------------------------------------------------
def faulty(**rules: Any) -> Any:
    @primitive(**rules)
    def product(x: Any, y: Any) -> Any:
        return x * x * y

    return product


RIGHT_X, RIGHT_Y = (lambda g, x, y: 2 * g * x * y), (lambda g, x: g * x * x)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"x": lambda g, x, y: g * x * y, "y": RIGHT_Y}, r"first derivative: argument 0 'x' .* \(ratio 0\.5\)"),
        ({"x": RIGHT_X, "y": lambda g, x: -g * x * x}, r"argument 1 'y' .* \(ratio -1\)"),
        ({"x": RIGHT_X, "y": None}, "first derivative: no gradient comes to argument 1 'y'"),
        (
            {"x": lambda g, x, y: 2 * g * x * getattr(y, "_data", y), "y": RIGHT_Y},
            "second derivative: no gradient comes to argument 1 'y'",
        ),
        ({"x": lambda g, x, y: 2 * x * y + 0 * g, "y": RIGHT_Y}, "'x' is not linear in the cotangent"),
        ({"x": lambda g, x, y: 2 * np.abs(g) * x * y, "y": RIGHT_Y}, "'x' is not linear in the cotangent"),
    ],
)
def test_check_primitive_sees(rules: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_primitive(faulty(**rules), [1.0, -2.0], [0.5, 1.5])
    check_primitive(faulty(x=RIGHT_X, y=RIGHT_Y), [1.0, -2.0], [0.5, 1.5])


def test_check_primitive_sees_rules_that_cannot_be_differentiated() -> None:
    def rule(g: Any, x: Any, y: Any) -> Any:
        return 2 * np.asarray(g) * x * y

    with pytest.raises(RuntimeError) as error:
        check_primitive(faulty(x=rule, y=RIGHT_Y), [1.0, -2.0], [0.5, 1.5])
    assert "order=1 leaves this test out" in error.value.__notes__[-1]
    check_primitive(faulty(x=rule, y=RIGHT_Y), [1.0, -2.0], [0.5, 1.5], order=1)


def test_check_primitive_sees_what_single_precision_loses() -> None:
    @primitive(x=lambda g, x: g * ((x + 1e8) - 1e8))
    def half_square(x: Any) -> Any:
        return x * x / 2

    with pytest.raises(AssertionError, match="single precision"):
        check_primitive(half_square, [1.0, -2.0])


def test_check_primitive_sees_more() -> None:
    @primitive(x=lambda g: g)
    def in_place(x: Any) -> Any:
        x += 1
        return x

    with pytest.raises(AssertionError, match="in place"):
        check_primitive(in_place, [1.0])
    with pytest.raises(AssertionError, match="gradient is lost"):
        check_primitive(lambda x: np.sin(getattr(x, "_data", x)), [1.0])
    with pytest.raises(AssertionError, match="there is a kink"):
        check_primitive(np.abs, [1.0, 0.0], at_kinks="reject")
    check_primitive(np.abs, [1.0, 0.001])
    with pytest.raises(TypeError, match="floating-point"):
        check_primitive(np.abs, [1, 2])
    with pytest.raises(AssertionError, match="another value"):
        check_primitive(lambda x: x * (2 if isinstance(x, Tensor) else 1), [1.0])


def test_check_primitive_on_numpys_functions() -> None:
    rng = np.random.default_rng(0)
    check_primitive(np.linalg.solve, rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 2)))
    check_primitive(np.fft.fft, rng.normal(size=5) + 1j * rng.normal(size=5), n=7)
    check_primitive(np.where, np.array([True, False]), [1.0, 2.0], [3.0, 4.0])
    check_primitive(np.sum, rng.normal(size=(2, 3)), axis=1, keepdims=True)


# --- inside of vmap, differentiated outside -----------------------------------------------------------------------
X, SCALE = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]), np.array([1.0, 2.0, -3.0])


def product(x: Any, scale: Any) -> Any:
    return marked({"x": x}, scale, 2)["product"]


def test_the_derivative_of_all_examples_is_the_custom_one() -> None:
    by_x, by_scale = grad(lambda x, s: np.sum(vmap(product)(x, s) * X), (0, 1))(X, np.stack([SCALE, SCALE]))
    np.testing.assert_allclose(by_x.numpy(), 6 * X * np.exp(2 * X) * SCALE**2, rtol=1e-14)
    np.testing.assert_allclose(by_scale.numpy(), 6 * X * np.exp(2 * X) * SCALE, rtol=1e-14)


def test_what_the_examples_share_gets_the_sum() -> None:
    found = grad(lambda x, s: np.sum(vmap(product, (0, None))(x, s) * X), (0, 1))(X, SCALE)
    np.testing.assert_allclose(found[0].numpy(), 6 * X * np.exp(2 * X) * SCALE**2, rtol=1e-14)
    np.testing.assert_allclose(found[1].numpy(), np.sum(6 * X * np.exp(2 * X) * SCALE, 0), rtol=1e-14)
    found = grad(lambda s: np.sum(vmap(lambda x: np.sum(product(x, s)))(X)))(SCALE[0])  # one for all elements, too
    np.testing.assert_allclose(found.item(), np.sum(6 * np.exp(2 * X)), rtol=1e-14)


def test_derivatives_of_examples_within_examples() -> None:
    def total(x: Any) -> Any:
        return np.sum(vmap(lambda x: product(x, x))(x))

    expected = 6 * X**2 * np.exp(2 * X) + 6 * X * np.exp(2 * X)
    np.testing.assert_allclose(vmap(grad(total))(X).numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(grad(lambda x: np.sum(vmap(total)(x)))(X).numpy(), expected, rtol=1e-14)


def test_second_derivatives_of_all_examples() -> None:
    def slope(x: Any) -> Any:
        return np.sum(grad(lambda x: np.sum(vmap(log1pexp)(x)))(x))

    plain = np.exp(X) / (1 + np.exp(X)) ** 2
    np.testing.assert_allclose(grad(slope)(X).numpy(), plain, rtol=1e-12)


def test_examples_of_a_function_without_a_derivative() -> None:
    function = custom_vjp(lambda x: (x * x, x))
    with pytest.raises(TypeError, match="no derivative yet"):
        grad(lambda x: np.sum(vmap(function)(x)))(SCALE)
