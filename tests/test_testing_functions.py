"""Other people's functions, through one protocol: all adapters agree, on real and complex numbers."""

import numpy as np
import pytest

from tinygrad_np import Tensor, nn
from tinygrad_np.testing import GradientError, autograd, check_gradients, engine, jax, pytorch, with_gradient
from tinygrad_np.testing.functions import differentiable

RNG = np.random.default_rng(0)
X, Z = np.array([1.0, -2.0]), np.array([1 + 2j, 3 - 1j])
TREE = {"a": np.array([2.0, 3.0]), "labels": np.array([1, 2])}
COTANGENTS = (np.array([0.3 - 1j, 2 + 0.5j]), np.array(2.0))


def of(library):
    """One function, written for each of them."""
    return lambda x, z, tree: (library.sin(z * x) * tree["a"], library.sum(x * x))


def adapted(name):
    module = {"pytorch": "torch", "jax": "jax.numpy", "autograd": "autograd.numpy", "engine": "numpy"}[name]
    library = pytest.importorskip(module)
    return {"pytorch": pytorch, "jax": jax, "autograd": autograd, "engine": engine}[name](of(library))


def test_by_hand():
    """What the adapters are compared with."""
    function = with_gradient(of(np), by_hand)
    (c, d), inner = COTANGENTS, np.conj(np.cos(Z * X)) * TREE["a"]
    by_x, by_z, by_tree = function.vjp(COTANGENTS, X, Z, TREE)
    np.testing.assert_allclose(by_x, np.real(c * inner * np.conj(Z)) + 2 * d * X)
    np.testing.assert_allclose(by_z, c * inner * X)
    np.testing.assert_allclose(by_tree["a"], np.real(c * np.conj(np.sin(Z * X))))


def by_hand(cotangents, x, z, tree):
    c, d = cotangents
    inner = c * np.conj(np.cos(z * x)) * tree["a"]
    return (
        np.real(inner * np.conj(z)) + 2 * d * x,
        inner * x,
        {"a": np.real(c * np.conj(np.sin(z * x))), "labels": None},
    )


@pytest.mark.parametrize("name", ["engine", "pytorch", "jax", "autograd"])
def test_adapters_agree(name):
    function = adapted(name)
    for found, expected in zip(function.value(X, Z, TREE), of(np)(X, Z, TREE), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    by_x, by_z, by_tree = function.vjp(COTANGENTS, X, Z, TREE)
    expected = by_hand(COTANGENTS, X, Z, TREE)
    for found, right in zip((by_x, by_z, by_tree["a"]), (*expected[:2], expected[2]["a"]), strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-13)
        assert found.dtype == right.dtype  # in double precision, JAX included
    assert by_tree["labels"] is None


@pytest.mark.parametrize("name", ["pytorch", "jax", "autograd"])
def test_as_reference_and_under_test(name):
    function = adapted(name)
    assert check_gradients(of(np), X, Z, TREE, reference=function).passed
    assert check_gradients(function, X, Z, TREE, mode="full").passed
    wrong = with_gradient(of(np), lambda c, *inputs: (*by_hand(c, *inputs)[:2], {"a": -by_hand(c, *inputs)[2]["a"]}))
    with pytest.raises(
        GradientError, match=r"the reference .* disagrees with the rest: argument 2 tree\['a'\].*ratio -1"
    ):
        check_gradients(of(np), X, Z, TREE, reference=wrong)


def test_a_function_class_of_pytorch():
    torch = pytest.importorskip("torch")

    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 2 * x * x  # instead of 3

    with pytest.raises(GradientError, match=r"Cube, first derivative: .*ratio 0\.666667") as error:
        check_gradients(pytorch(Cube), [1.0, 2.0])
    assert error.value.report.mistake == "factor"


def test_what_is_not_used_has_no_gradient():
    torch = pytest.importorskip("torch")
    assert pytorch(lambda x, y: torch.sin(x)).vjp(np.ones(2), X, X)[1] is None
    check_gradients(pytorch(lambda x, y: torch.sin(x)), X, X)


def test_engine_with_hidden_parameters():
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    model = nn.MLP([2, 3, 1], activation="tanh", rng=0, dtype=np.float64)
    before = [p._data for p in model.parameters()]
    for function, values in (
        (engine(lambda x: w * x, parameters=[w]), {"w": np.array([5.0, 7.0])}),
        (engine(lambda x: w * x, parameters={"w": w}), {"w": np.array([5.0, 7.0])}),
    ):
        np.testing.assert_array_equal(function.value(X, values), [5, -14])
        np.testing.assert_array_equal(function.vjp(np.ones(2), X, values)[1]["w"], X)
        np.testing.assert_array_equal(w.numpy() if not w.requires_grad else w.detach().numpy(), [1, 2])
    assert list(engine(model).parameters) == [name for name, _ in model.named_parameters()]
    report = check_gradients(model, RNG.normal(size=(4, 2)), mode="full")
    assert report.passed
    assert all(now._data is was for now, was in zip(model.parameters(), before, strict=True))


def test_pairs():
    """A tuple is taken as it is; of a real scalar, the gradient may be given without a cotangent."""
    assert check_gradients((np.tanh, lambda g, x: g / np.cosh(x) ** 2), [0.3, -1.0]).passed
    assert check_gradients((lambda x: np.sum(x**2), lambda x: 2 * x), [0.3, -1.0]).passed
    assert check_gradients(
        (lambda x, i: x[i], lambda g, x, i: np.bincount(i, g, len(x))), X, np.array([1, 1, 0])
    ).passed
    with pytest.raises(TypeError, match="one part for each of the 3 inputs, not 2"):
        check_gradients((lambda x, y, z: x + y + z, lambda g, x, y, z: (g, g)), X, X, X)


def test_what_is_no_function():
    with pytest.raises(TypeError, match="an object with 'value' and 'vjp'"):
        differentiable(3)
    with pytest.raises(TypeError, match="so the gradient is lost"):
        check_gradients(lambda x: np.sin(x.detach().numpy()), [1.0])


def test_a_missing_package(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"tinygrad_np\[bench\]"):
        pytorch(np.sin)


def test_a_wrong_gradient_of_pytorch_that_no_simple_mistake_explains():
    """The diagnosis tries what it can with Tensors; a function that takes none is no reason to crash."""
    torch = pytest.importorskip("torch")

    class Softmax(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = torch.softmax(x, -1)
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx, g):
            return ctx.saved_tensors[0] * g

    with pytest.raises(GradientError, match="wrong at"):
        check_gradients(pytorch(Softmax.apply), np.array([[0.1, -0.4, 0.6], [0.3, 0.2, -1.0]]))
