"""``check_gradients``: what it takes, what it finds, and how it says so."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tinygrad_np import Tensor, jvp, nn, primitive
from tinygrad_np import functional as F
from tinygrad_np.graph import walk
from tinygrad_np.testing import GradientError, check_gradients, properties, unpacked, with_gradient

RNG = np.random.default_rng(0)
X = np.array([0.5, -1.5, 2.0])
MODES = pytest.mark.parametrize("mode", ["fast", "full"])


def caught(*args, **options):
    """The report of a check that has to fail."""
    with pytest.raises(GradientError) as error:
        check_gradients(*args, **options)
    assert str(error.value) == str(error.value.report)
    return error.value.report


# --- what it takes --------------------------------------------------------------------------------------------------
@MODES
@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (np.tanh, (X,)),
        (np.tanh, (0.3,)),
        (np.tanh, ([0.3, 1.0],)),
        (np.tanh, (Tensor(X, requires_grad=True),)),
        (lambda x, i: x[i], (X, np.array([2, 2, 0]))),
        (lambda x, n, word: x**n, (X, 3, "word")),
        (lambda tree: tree["w"] @ tree["b"][0] + tree["b"][1], ({"w": RNG.normal(size=(2, 3)), "b": [X, 1.0]},)),
        (lambda x: (np.sin(x), {"sum": np.sum(x), "place": np.argmax(x)}), (X,)),
        (lambda z, x: z * np.conj(z) * x, (RNG.normal(size=3) + 1j * RNG.normal(size=3), X)),
        (lambda z: np.fft.fft(np.exp(z)), (RNG.normal(size=3) + 1j * RNG.normal(size=3),)),
        (lambda x: np.fft.rfft(x), (X,)),
        (np.sum, (np.zeros((0, 3)),)),
        (lambda x: x * 2, (np.zeros((0, 3)),)),
        (lambda x, y: x + y, (X, np.zeros((2, 1)))),
        (lambda x: np.sum(np.exp(x)), (X.astype(np.float32),)),
        (lambda x: np.exp(x) / np.sum(np.exp(x)), (X.astype(np.float16),)),
        (lambda x, y: x * y, (X.astype(np.float32), X)),
        (lambda z: z * z, (X.astype(np.complex64),)),
        (lambda x: 1e12 + x, (X,)),
        (lambda x: 1e-250 * x * x, (X,)),
        (lambda x: np.exp(200 * x), (X,)),
        (np.log, ([1e-5, 1e3, 1.0],)),
        (lambda x: np.tanh(x.astype(np.float32)), (X,)),
        (lambda x: np.nansum(x * x), ([1.0, np.nan],)),
        (np.ones_like, (X,)),
        (lambda x, y: x, (X, X)),
    ],
)
def test_right_gradients(function, inputs, mode):
    report = check_gradients(function, *inputs, mode=mode)
    assert report.passed
    assert report.disagreements == []
    assert report.mistake is None
    assert "\n" not in str(report)
    assert ": gradient right (" in str(report)
    assert report.evaluations["gradients"] >= 2


def test_what_it_does_not_take():
    with pytest.raises(TypeError, match="no input is of floating-point dtype"):
        check_gradients(np.tanh, 3)
    with pytest.raises(TypeError, match="no result is of floating-point dtype"):
        check_gradients(np.argmax, X)
    with pytest.raises(ValueError, match="mode is 'fast' or 'full'"):
        check_gradients(np.tanh, X, mode="slow")
    with pytest.raises(ValueError, match=r"wrt='y': .* has the arguments \['x'\], and 'y' is none of them"):
        check_gradients(lambda x: x, X, wrt="y")


def test_some_of_the_inputs():
    def wrong(g, x, y):
        return g * y, -g * x

    pair = (lambda x, y: x * y, wrong)
    assert check_gradients(pair, X, X + 1, wrt="x").passed
    assert check_gradients(pair, X, X + 1, wrt=0).passed
    assert caught(pair, X, X + 1, wrt=["y"]).disagreements[0].argument == 1
    assert caught(pair, X, X + 1, wrt=-1).mistake == "sign"


def test_orders():
    """Evidence: 2 for a right gradient, 3 with its derivative, 1 for a wrong one."""
    assert check_gradients(lambda x: np.sum(np.exp(x)), X).order == pytest.approx(2, abs=0.1)
    assert check_gradients(lambda x: np.sum(np.exp(x)), X, order=2).order == pytest.approx(3, abs=0.2)
    assert check_gradients(lambda x: 3 * x, X).order is None
    report = caught((np.exp, lambda g, x: 1.01 * g * np.exp(x)), X)
    assert report.order == pytest.approx(1, abs=0.05)
    assert "the Taylor remainder falls as h^1.0 where a right gradient gives 2" in str(report)


@pytest.mark.parametrize("off", [1e-3, 1e-5, 1e-7])
def test_small_errors_are_errors(off):
    """Few differences show an error of 1e-6, many one of 1e-7, and full mode shows it in one element of many."""
    wrong = (np.exp, lambda g, x: (1 + off) * g * np.exp(x))
    for seed in range(10):
        assert caught(wrong, X, mode="fast" if off > 1e-6 else "full", rng=seed).mistake == "factor"
    bump = off * np.eye(1, 20, 7)[0]
    report = caught((np.exp, lambda g, x: (1 + bump) * g * np.exp(x)), np.linspace(-1, 1, 20), mode="full")
    assert [d.element for d in report.disagreements] == [(7,)]


def test_long_steps_may_leave_the_domain():
    """There the function raises, or is NaN: short steps have to do."""
    nearly_singular = np.array([[1.0, 0.97], [0.97, 1.0]])
    for seed in range(8):
        assert check_gradients(lambda a: np.linalg.cholesky((a + a.mT) / 2), nearly_singular, rng=seed).passed
    lower = caught((lambda a: np.linalg.cholesky((a + a.mT) / 2), lambda g, a: 0 * a), nearly_singular)
    assert lower.mistake == "input ignored"


def test_rounding_is_no_error():
    """Neither an ill-conditioned gradient, nor a noisy function, is a wrong one."""
    hilbert = 1 / (np.arange(6)[:, None] + np.arange(6) + 1.0)
    assert check_gradients(lambda a, b: np.linalg.solve(a, b), hilbert, np.ones(6)).passed
    assert check_gradients(lambda x: (1 - np.cos(x)) / x**2, [1e-3, 2e-3]).passed
    assert check_gradients(lambda x: (x + 1e9) - 1e9, X).passed


@pytest.mark.parametrize("gap", [1e-6, 1e-9, 1e-10, 1e-11])
def test_an_ill_conditioned_gradient_is_not_wrong(gap):
    """This is the identity, by way of singular vectors of which two are hardly determined, and the gradient by them."""
    q, p = (np.linalg.qr(RNG.normal(size=(3, 3)))[0] for _ in range(2))

    def identity(a):
        u, s, vt = np.linalg.svd(a)
        return u * s @ vt

    assert check_gradients(identity, q * [1, 1 + gap, 2] @ p).passed


# --- what it says ---------------------------------------------------------------------------------------------------
def test_the_text():
    report = caught((lambda weights, x: weights @ x, lambda g, weights, x: (np.outer(g, x) / 2, weights.T @ g)),
                    np.eye(2) + 1, [1.0, 2.0], name="dense")  # fmt: skip
    first, *rest = str(report).splitlines()
    assert first.startswith("dense, first derivative: argument 0 'weights' is wrong at [")
    assert first.endswith("(ratio 0.5)")
    assert any(line.startswith("  guess     factor: found is 0.5 times what it should be, everywhere") for line in rest)
    assert any("finite differences" in line and "its own gradient" in line and "(disagrees)" in line for line in rest)
    worst = report.disagreements[0]
    assert (worst.argument, worst.name, worst.oracle, worst.mistake) == (
        0, "argument 0 'weights'", "its own gradient", "factor",
    )  # fmt: skip
    assert worst.ratio == pytest.approx(0.5)
    assert len(report.disagreements) == 4


def test_names_of_inputs():
    def model(params, *rest):
        return np.sum(params["w"][0] * rest[0])

    wrong = with_gradient(model, lambda g, params, x: ({"w": [g * x * 3]}, None))
    names = {d.name for d in caught(wrong, {"w": [X]}, X + 1).disagreements}
    assert names <= {"argument 0 params['w'][0]", "argument 1 '*rest'"}
    module = nn.MLP([3, 4, 1], activation="tanh", rng=0, dtype=np.float64)
    weight = module.layers[0].weight
    report = caught(lambda x: module(x) + np.sum(weight.detach() * weight), np.ones((2, 3)), parameters=module)
    assert report.disagreements[0].name == "parameter 'layers.0.weight'"


def test_reproduction():
    def cube(x, n):
        return x**n

    wrong = with_gradient(cube, lambda g, x, n: 2 * g * x**2)
    report = caught(wrong, X, 3, rng=5)
    assert report.reproduce == "check_gradients(cube, np.array([0.5, -1.5, 2.0], np.float64), 3, rng=5)"
    report = caught(
        np.exp, X, wrt=[0], mode="full", rng=np.random.default_rng(0), formula=exp_rule, reference=wrong_exp
    )
    assert re.search(r"formula=exp_rule, reference=\w+, mode='full', wrt=\[0\], rng=\d+\)$", report.reproduce)
    large = RNG.normal(size=(5, 20)).astype(np.float32)
    report = caught(wrong, large, 3)
    inputs = eval(
        report.reproduce.replace("check_gradients(cube, ", "(").removesuffix(", 3)") + ",)", {"unpacked": unpacked}
    )
    np.testing.assert_array_equal(inputs[0], large)
    assert inputs[0].dtype == np.float32


def exp_rule(g, x):
    return g * np.exp(x)


wrong_exp = with_gradient(np.exp, lambda g, x: g * x, "wrong_exp")


def test_three_oracles():
    """It is the formula, the reference, or the function itself that disagrees with the rest."""
    right, wrong = (lambda x: 2 * x), (lambda x: x)
    square = lambda x: np.sum(x * x)  # noqa: E731
    reference = with_gradient(square, right)
    assert check_gradients(square, X, formula=right, reference=reference).passed
    report = caught(square, X, formula=wrong, reference=reference)
    assert "the formula disagrees with the rest: argument 0 'x'" in str(report)
    assert {d.oracle for d in report.disagreements} == {"the formula"}
    report = caught(square, X, formula=right, reference=with_gradient(square, wrong, "other"))
    assert {d.oracle for d in report.disagreements} == {"the reference 'other'"}
    report = caught((square, wrong), X, formula=right, reference=reference)
    assert {d.oracle for d in report.disagreements} == {"its own gradient"}
    report = caught(square, X, reference=with_gradient(lambda x: np.sum(x * x) + 1e-6, right, "other"))
    assert "the reference 'other' computes another value" in str(report)


def test_formulas():
    assert check_gradients(lambda x, y: x * y, X, X + 1, formula=lambda g, x, y: (g * y, g * x)).passed
    assert check_gradients(lambda x, y: np.sum(x * y), X, X + 1, formula=lambda x, y: (y, x)).passed
    assert check_gradients(lambda x, y: np.sum(x * y), X, X + 1, wrt=1, formula=lambda x, y: x).passed
    assert check_gradients(lambda x, y: x * y, X, X + 1, wrt=[1], formula=lambda g, x, y: (g * x,)).passed
    assert check_gradients(np.exp, X, mode="full", formula=lambda g, x: g * np.exp(x)).passed
    assert "the formula" in str(caught(np.exp, X, formula=lambda g, x: g * np.exp(2 * x)))
    assert "the formula gives a gradient of shape (3, 1)" in str(caught(np.exp, X, formula=lambda g, x: g[:, None]))


# --- precision ------------------------------------------------------------------------------------------------------
@primitive(x=lambda g, x: g * ((x + 1e6) - 1e6))
def half_square(x):
    return x * x / 2


def test_single_precision_is_judged_by_double_precision():
    assert check_gradients(lambda x: np.sum(x * x / 2), X.astype(np.float32)).passed
    report = caught(half_square, (X / 7).astype(np.float32))
    assert report.mistake == "dtype"
    assert "in float32" in str(report)
    assert check_gradients(half_square, X).passed  # in double precision it is good enough
    assert caught(half_square, X / 7, mode="full").mistake == "dtype"
    wrong = with_gradient(np.exp, lambda g, x: np.float32(1.001) * g * np.exp(x))
    assert caught(wrong, X.astype(np.float32)).mistake == "factor"


def test_dtypes_and_shapes():
    report = caught((np.exp, lambda g, x: np.float64(1) * g * np.exp(x)), X.astype(np.float32))
    assert report.mistake == "dtype"
    assert "argument 0 'x' is float32, but its gradient is float64" in str(report)
    assert caught((lambda x: x * 1j, lambda g, x: -1j * g), X).mistake == "dtype"  # by a real input it is real
    bias = (lambda x, b: x + b, lambda g, x, b: (g, g))
    report = caught(bias, np.ones((4, 3)), X)
    assert report.mistake == "broadcast not summed"
    assert "argument 1 'b' has shape (3,), its gradient (4, 3)" in str(report)
    assert caught((lambda x: x * 2, lambda g, x: 2 * g.T), np.ones((4, 3))).mistake == "transpose"
    assert caught((lambda x: x * 2, lambda g, x: 2 * g.reshape(-1)), np.ones((4, 3))).mistake == "shape"


# --- properties -----------------------------------------------------------------------------------------------------
def test_properties_in_fast_mode():
    def scaled(g, x):
        g *= 2
        return g

    def destructive(x):
        x -= 1
        return x

    state = iter(range(100))
    assert caught((lambda x: 2 * x, scaled), X).mistake == "input mutated"
    assert caught((destructive, lambda g, x: g), X).mistake == "input mutated"
    assert caught((lambda x: 2 * x, lambda g, x: 2 + 0 * g), X).mistake == "not linear in the cotangent"
    assert caught((lambda x: 2 * x, lambda g, x: 2 * np.abs(g)), X).mistake == "not linear in the cotangent"
    assert caught((lambda x: 2 * x, lambda g, x: 2 * g + 1e-6), X).mistake == "not linear in the cotangent"
    assert caught((lambda x: 2 * x, lambda g, x: 2 * g * (1 + 1e-6 * next(state))), X).mistake == "not deterministic"
    assert caught((lambda x: x + next(state), lambda g, x: g), X).mistake == "not deterministic"
    np.testing.assert_array_equal(X, [0.5, -1.5, 2.0])


def test_additivity():
    """A rule of degree one, right at each unit vector and at the cotangent that it meets first, and at no sum."""
    seen = []

    def rule(g, x):
        seen.append(g)
        known = np.count_nonzero(g) <= 1 or np.ptp(g / seen[0]) < 1e-9
        return 2 * g if known else 2 * g[::-1]

    report = caught((lambda x: 2 * x, rule), X, mode="full")
    assert report.mistake == "not linear in the cotangent"
    assert "the gradient of a sum is not the sum of gradients" in str(report)
    seen.clear()
    assert check_gradients((lambda x: 2 * x, rule), X).passed


def test_accumulation(monkeypatch):
    backward = Tensor.backward

    def overwriting(self, gradient, **how):
        for node in walk(self.node):
            node.grad = None
        backward(self, gradient, **how)

    monkeypatch.setattr(Tensor, "backward", overwriting)
    report = caught(np.tanh, X, mode="full")
    assert report.mistake == "missing accumulation"
    assert "after two backward passes" in str(report)


def test_forward_mode(monkeypatch):
    def doubled(function, at, along):
        value, products = jvp(function, at, along)
        return value, [2 * p for p in products]

    monkeypatch.setattr(properties, "jvp", doubled)
    assert "forward mode and reverse mode differ" in str(caught(np.tanh, X, mode="full"))
    assert check_gradients(np.tanh, X, mode="full", order=1).passed  # forward mode is a second derivative


def test_second_derivatives():
    @primitive(
        x=lambda g, x: g * 3 * Tensor(x).detach().numpy() ** 2 if isinstance(x, np.ndarray) else g * 3 * x.detach() ** 2
    )
    def cube(x):
        return x**3

    assert check_gradients(cube, X).passed
    report = caught(cube, X, order=2)
    assert report.mistake == "second derivative"
    assert "cube, second derivative: no gradient comes to argument 0 'x'" in str(report)


# --- the price ------------------------------------------------------------------------------------------------------
def test_fast_mode_takes_two_gradients_and_four_values():
    """Of an MLP for MNIST, that is: once to compute, once to see that it is linear."""
    x, y = RNG.normal(size=(64, 784)), RNG.integers(0, 10, 64)
    model = nn.MLP([784, 128, 10], rng=0, dtype=np.float64)

    def loss(x, y):
        return F.softmax_cross_entropy(model(x), y)

    report = check_gradients(loss, x, y, parameters=model)
    assert report.evaluations == {"gradients": 2, "values": 4}
    report = check_gradients(loss, x, y, parameters=model, wrt=[])
    assert report.evaluations == {"gradients": 2, "values": 4}
