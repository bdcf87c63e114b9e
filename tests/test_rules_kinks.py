"""Kinks and singular points, each by name: ties, poles, products with zeros, empty arrays, and what is far out."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from derivatives import Array, derivatives, inner, like
from rows.adapters import assigning

from tinygrad_np import Tensor
from tinygrad_np.rules import elementwise, neural, reductions

ZEROS = np.zeros((2, 3))
KINKS: dict[str, tuple[Callable[..., Any], Sequence[Any]]] = {
    "absolute": (np.absolute, [0.0]),
    "fabs": (np.fabs, [0.0]),
    "relu": (neural.relu, [0.0]),
    "leaky_relu": (neural.leaky_relu, [0.0]),
    "hypot": (np.hypot, [0.0, 0.0]),
    "norm": (np.linalg.norm, [np.zeros(3)]),
    "norm over an axis": (lambda x: np.linalg.norm(x, axis=1).sum(), [np.array([[0.0, 0.0], [3.0, 4.0]])]),
    "norm, Frobenius": (lambda x: np.linalg.norm(x, "fro"), [ZEROS]),
    **{
        f"norm, order {p}": (lambda x, p=p: np.linalg.norm(x, p), [np.zeros(3)])
        for p in (1, 2, 2.5, 3, np.inf, -np.inf)
    },
    "norm, order 3, one zero": (lambda x: np.linalg.norm(x, 3), [np.array([0.0, 2.0])]),
    "norm, order 1, one zero": (lambda x: np.linalg.norm(x, 1), [np.array([0.0, 2.0])]),
    "norm of a matrix, order 1": (lambda x: np.linalg.norm(x, 1), [ZEROS]),
    "norm of a matrix, order inf": (lambda x: np.linalg.norm(x, np.inf), [ZEROS]),
    "std": (np.std, [np.full(4, 2.0)]),
    "std, ddof": (lambda x: np.std(x, ddof=1), [np.full(3, 2.0)]),
    "a std that is 0 but for rounding": (np.std, [np.full(3, 0.1)]),
    "std over an axis": (lambda x: np.std(x, axis=0).sum(), [np.array([[1.0, 5.0], [1.0, 2.0]])]),
    "var": (np.var, [np.full(4, 3.0)]),
    "maximum": (np.maximum, [2.0, 2.0]),
    "minimum": (np.minimum, [2.0, 2.0]),
    "fmax": (np.fmax, [2.0, 2.0]),
    "fmin": (np.fmin, [2.0, 2.0]),
    "max": (np.max, [np.array([1.0, 3.0, 3.0])]),
    "min": (np.min, [np.array([[1.0, 1.0], [3.0, 1.0]])]),
    "clip at the lower limit": (lambda x: np.clip(x, 1.0, 2.0), [1.0]),
    "clip at the upper limit": (lambda x: np.clip(x, 1.0, 2.0), [2.0]),
    "clip at the lower limit, of limits that move": (np.clip, [1.0, 1.0, 2.0]),
    "clip at the upper limit, of limits that move": (np.clip, [2.0, 1.0, 2.0]),
    "clip, all equal": (np.clip, [1.0, 1.0, 1.0]),
    "clip, limits equal, below": (np.clip, [0.0, 1.0, 1.0]),
    "clip, limits equal, above": (np.clip, [2.0, 1.0, 1.0]),
    "clip at the upper limit, limits crossed": (np.clip, [1.0, 2.0, 1.0]),
    "copysign": (lambda x: np.copysign(x, -1.0), [0.0]),
    "remainder": (np.remainder, [4.0, 2.0]),
    "fmod": (np.fmod, [-4.0, 2.0]),
    "fractional part": (lambda x: np.modf(x)[0], [2.0]),
    "fractional part of 0": (lambda x: np.modf(x)[0], [0.0]),
    "mantissa": (lambda x: np.frexp(x)[0], [2.0]),
    "x * |x|": (lambda x: x * np.abs(x), [0.0]),
    "power, 1": (lambda x: x**1.0, [0.0]),
    "cube root of a cube": (lambda x: np.cbrt(x**3), [0.5]),
    "sum of squares under a root": (lambda x: np.sqrt(np.sum(x * x)), [np.array([3.0, 4.0])]),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_kinks(name: str) -> None:
    """Between the one-sided derivatives along each axis and all together; second derivatives finite."""
    function, at = KINKS[name]
    with np.errstate(all="raise"):
        first, second = derivatives(function, *at)
    points = [np.asarray(x) for x in at]
    h = 1e-6
    directions = [[np.ones_like(p) for p in points]]
    for i, gradient in enumerate(first):
        assert np.isfinite(second[i]).all()
        for place in np.ndindex(gradient.shape):
            along = [np.zeros_like(p) for p in points]
            along[i][place] = 1
            directions.append(along)
    for along in directions:

        def moved(t: float, along: list[Array] = along) -> Any:
            return float(np.sum(function(*(p + t * d for p, d in zip(points, along, strict=True)))))

        sides = (moved(2 * h) - moved(h)) / h, (moved(-h) - moved(-2 * h)) / h
        assert min(sides) - 1e-4 <= inner(first, along) <= max(sides) + 1e-4


@pytest.mark.parametrize("name", [n for n in KINKS if n.startswith(("abs", "fabs", "relu", "hypot", "norm", "std"))])
def test_the_subgradient_at_a_singular_point_is_zero(name: str) -> None:
    function, at = KINKS[name]
    for x, gradient, second in zip(at, *derivatives(function, *at), strict=True):
        singular = np.asarray(x) == (1 if name == "std over an axis" else 2 if "std" in name else 0)
        assert not np.any(gradient[singular])
        assert not np.any(second[singular])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("extremum", "sign"), [(np.max, 1), (np.min, -1), (np.amax, 1), (np.amin, -1)])
def test_ties_share_equally(extremum: Any, sign: int, dtype: Any) -> None:
    x = sign * np.array([[3.0, 1.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    (found,), (second,) = derivatives(lambda x: extremum(x, axis=1), x, dtype=dtype)
    assert found.dtype == dtype
    assert found.tolist() == [[0.5, 0, 0.5, 0], [0.25] * 4]
    assert not second.any()
    (found,), _ = derivatives(lambda x: extremum(x, axis=(0, 1)), np.full((2, 2), 7.0), dtype=dtype)
    assert found.tolist() == [[0.25, 0.25], [0.25, 0.25]]
    (found,), _ = derivatives(extremum, np.array([1.0, np.nan, 2.0, np.nan]), dtype=dtype)
    assert found.tolist() == [0, 0.5, 0, 0.5]  # NaN is what the extremum is


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("choice", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_two_equal_operands_share(choice: Any, dtype: Any) -> None:
    found, second = derivatives(choice, [1.0, -2.0], [1.0, -2.0], dtype=dtype)
    assert [f.tolist() for f in found] == [[0.5, 0.5], [0.5, 0.5]]
    assert not np.any(second)


def test_what_fmax_and_fmin_ignore_gets_nothing() -> None:
    for choice in (np.fmax, np.fmin):
        found, _ = derivatives(choice, [np.nan, 1.0], [1.0, np.nan])
        assert [f.tolist() for f in found] == [[0, 1], [1, 0]]


def test_a_product_with_zeros_is_exact() -> None:
    x = np.array([[2.0, 3, 5, 7], [2, 0, 5, 7], [2, 0, 5, 0], [0, 0, 0, 7]])

    def leave_out(row: Array, *places: int) -> float:
        return float(np.prod(np.delete(row, places))) if len(set(places)) == len(places) else 0.0

    leaf = Tensor(x, requires_grad=True)
    np.prod(leaf, axis=1).backward(np.ones(4), create_graph=True)
    gradient, leaf.grad = leaf.grad, None
    assert gradient.detach().tolist() == [[leave_out(row, i) for i in range(4)] for row in x]
    for j in range(4):
        gradient[:, j].backward(np.ones(4), retain_graph=True)
        assert leaf.grad.tolist() == [[leave_out(row, i, j) for i in range(4)] for row in x]
        leaf.grad = None


MASKED: dict[str, tuple[Callable[..., Any], float, float, float, float]] = {
    # function, singular point, regular point, and there the first and second derivative
    "sqrt": (np.sqrt, 0, 4, 1 / 4, -1 / 32),
    "x ** 0.5": (lambda x: x**0.5, 0, 4, 1 / 4, -1 / 32),
    "power 0.5": (lambda x: np.power(x, 0.5), 0, 4, 1 / 4, -1 / 32),
    "power -1": (lambda x: np.power(x, -1.0), 0, 2, -1 / 4, 1 / 4),
    "float_power": (lambda x: np.float_power(x, 0.5), 0, 4, 1 / 4, -1 / 32),
    "cbrt": (np.cbrt, 0, 8, 1 / 12, -1 / 144),
    "log": (np.log, 0, 2, 1 / 2, -1 / 4),
    "log2": (lambda x: np.log2(x) * np.log(2), 0, 2, 1 / 2, -1 / 4),
    "log10": (lambda x: np.log10(x) * np.log(10), 0, 2, 1 / 2, -1 / 4),
    "log1p": (np.log1p, -1, 1, 1 / 2, -1 / 4),
    "1 / x": (lambda x: 1 / x, 0, 2, -1 / 4, 1 / 4),
    "reciprocal": (np.reciprocal, 0, 2, -1 / 4, 1 / 4),
    "x / x": (lambda x: x / x, 0, 2, 0, 0),
    "arcsin": (np.arcsin, 1, 0.6, 1.25, 0.6 * 1.25**3),
    "arccos": (np.arccos, -1, 0.6, -1.25, -0.6 * 1.25**3),
    "arctanh": (np.arctanh, 1, 0.5, 4 / 3, 16 / 9),
    "arccosh": (np.arccosh, 1, 1.25, 4 / 3, -1.25 * (4 / 3) ** 3),
    "arctan2": (lambda x: np.arctan2(x, x), 0, 2, 0, 0),
    "hypot": (lambda x: np.hypot(x, 0), 0, 2, 1, 0),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_pole_that_where_hides_does_no_harm(name: str) -> None:
    """``np.where(regular, f(x), 0)``: the gradient is that of ``f``, and 0 at the pole; so are its derivatives."""
    function, pole, regular, slope_there, curvature = MASKED[name]
    with np.errstate(all="ignore"):  # the forward pass does meet the pole
        x = Tensor([pole, regular], requires_grad=True, dtype=float)
        np.where(x._data == regular, function(x), 0).backward(np.ones(2), create_graph=True)
        first, x.grad = x.grad, None
        if first.requires_grad:
            first.backward(np.ones(2), create_graph=True)
    np.testing.assert_allclose(first.detach().numpy(), [0, slope_there], rtol=1e-14, atol=1e-16)
    second = np.zeros(2) if x.grad is None else x.grad.detach().numpy()
    np.testing.assert_allclose(second, [0, curvature], rtol=1e-13, atol=1e-15)


def test_an_open_pole_is_infinite() -> None:
    with np.errstate(all="ignore"):
        for function, at in ((np.sqrt, 0.0), (np.log, 0.0), (np.arctanh, 1.0), (lambda x: x**0.25, 0.0)):
            (dx,), _ = derivatives(function, at)
            assert dx == np.inf
        first, second = derivatives(elementwise.quotient, 1.0, 0.0)
        assert first == [np.inf, -np.inf]
        assert not np.isfinite(second).any()


def test_powers_at_their_special_points() -> None:
    with np.errstate(all="raise"):
        for power in (np.power, np.float_power):
            first, second = derivatives(lambda x, power=power: power(x, 0.0), [0.0, -1.0, 2.0])
            assert not np.any(first + second)
            assert derivatives(lambda x, power=power: power(x, 2.5), 0.0) == ([0], [0])
            (dx,), _ = derivatives(lambda x, power=power: power(x, 1.0), [0.0, -1.0, 2.0])
            assert dx.tolist() == [1, 1, 1]
            (dx,), (ddx,) = derivatives(lambda x, power=power: power(x, 2.0), [-3.0, 0.0, 1.0])
            assert dx.tolist() == [-6, 0, 2]
            assert np.abs(ddx / like([np.zeros(3)], 5)[0]).round(12).tolist() == [2, 2, 2]
            (dy,), (ddy,) = derivatives(lambda y, power=power: power(0.0, y), [0.0, 0.5, 2.0])
            assert not np.any([dy, ddy])
            (dx, dy), second = derivatives(power, [0.0, 0.0, 0.0], [0.0, 1.0, 2.0])
            assert dx.tolist() == [0, 1, 0]
            assert dy.tolist() == [0, 0, 0]
            assert np.isfinite(second).all()
            with np.errstate(divide="ignore"):  # how the slope depends on a cotangent that is 0 is the slope itself
                x, g = Tensor(np.zeros(4), requires_grad=True), Tensor(np.zeros(4), requires_grad=True)
                power(x, np.array([1.0, 1.5, 2.0, 3.0])).backward(g, create_graph=True)
                x.grad.backward(np.ones(4))
                assert g.grad.tolist() == [1, 0, 0, 0]
    for k in (2, 3, 4):
        (dx,), _ = derivatives(lambda x, k=k: x**k, [-3.0, 0.0])
        assert dx.tolist() == [k * (-3.0) ** (k - 1), 0]


_written = assigning(lambda a, index, v: operator.setitem(a, index, v))


def test_indices_that_repeat() -> None:
    (found,), _ = derivatives(lambda t: t[[0, 2, 0, -3, 1]], [1.0, 2.0, 3.0])
    assert found.tolist() == [3, 1, 1]
    (found,), _ = derivatives(lambda t: t[np.array([[0, 0], [1, 0]]), [1, 1]], np.ones((2, 2)))
    assert found.tolist() == [[0, 3], [0, 1]]
    (a, v), _ = derivatives(lambda a, v: _written(a, [0, 1, 0], v), [1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert a.tolist() == [0, 0, 1]
    assert v.tolist() == [0, 1, 1], "of two values written to one place, the last is there"


def test_indices_of_every_kind() -> None:
    x = np.arange(6.0).reshape(2, 3)
    for index, expected in (
        (np.zeros((2, 3), bool), np.zeros((2, 3))),
        (np.zeros(2, bool), np.zeros((2, 3))),
        ([], np.zeros((2, 3))),
        (None, np.ones((2, 3))),
        (..., np.ones((2, 3))),
        ((..., None, 0), np.array([[1, 0, 0], [1, 0, 0]])),
        ((None, 1, ..., [0, 0]), np.array([[0, 0, 0], [2, 0, 0]])),
        (x > 3, (x > 3).astype(float)),
        ((), np.ones((2, 3))),
        (True, np.ones((2, 3))),
        (False, np.zeros((2, 3))),
    ):
        (found,), _ = derivatives(lambda t, index=index: t[index], x)
        assert found.tolist() == expected.tolist(), index
        (found, v), _ = derivatives(lambda t, v, index=index: _written(t, index, v), x, 5.0)
        assert found.tolist() == (expected == 0).astype(float).tolist(), index
        assert v == np.count_nonzero(expected)


def test_a_diagonal_by_labels() -> None:
    w = np.arange(1.0, 4)
    for function, expected in (
        (lambda t: np.einsum("ii->i", t) * w, np.diag(w)),
        (lambda t: np.einsum("ii", t), np.eye(3)),
        (lambda t: np.einsum("ii,i->", t, w), np.diag(w)),
        (lambda t: np.einsum(t, [0, 0], [0]) * w, np.diag(w)),
    ):
        (found,), _ = derivatives(function, np.ones((3, 3)))
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("subscripts", "shape"),
    [("ii->i", (1, 3)), ("ii", (2, 3)), ("...i->i", (2, 3)), ("ij->ijk", (2, 3)), ("ij->ii", (2, 3)), ("i", (2, 3)),
     ("ij,jk", (2, 3))],
)  # fmt: skip
def test_labels_that_numpy_refuses(subscripts: str, shape: Any) -> None:
    with pytest.raises(ValueError, match=r"einstein|operand"):
        np.einsum(subscripts, np.ones(shape))
    with pytest.raises(ValueError, match="einsum"):
        np.einsum(subscripts, Tensor(np.ones(shape)))


def test_broadcasting_an_empty_array() -> None:
    for function in (np.add, np.multiply, np.divide, np.maximum, lambda x, y: np.where(True, x, y), np.hypot):
        for shape_x, shape_y in (((0, 3), (3,)), ((0, 3), (1, 3)), ((0, 3), ()), ((1, 3), (0, 1))):
            (dx, dy), _ = derivatives(function, np.ones(shape_x), np.ones(shape_y))
            assert (dx.shape, dy.shape) == (shape_x, shape_y)
            assert not dx.any()
            assert not dy.any()


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod, "var": np.var, "std": np.std,
    "logsumexp": reductions.logsumexp, "norm": np.linalg.norm,
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_keeps_float32(name: str, dtype: Any) -> None:
    x = Tensor(np.linspace(0.98, 1.02, 600).reshape(2, 300), requires_grad=True, dtype=dtype)
    for axis in (None, 0, -1):
        out = REDUCTIONS[name](x, axis=axis)
        assert out.dtype == dtype
        if name != "logsumexp":
            assert out.tolist() == REDUCTIONS[name](x._data, axis=axis).tolist()
        out.backward(np.ones(out.shape), create_graph=True)
        assert x.grad.dtype == dtype
        x.grad = None


def test_a_variance_of_too_few_elements() -> None:
    """NaN forward, as NumPy has it, is no reason for an error in the backward pass."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for function in (np.var, np.std):
            (found,), _ = derivatives(lambda x, f=function: f(x, ddof=1), [2.0])
            assert found.shape == (1,)
            (found,), _ = derivatives(lambda x, f=function: f(x, axis=0), np.ones((0, 3)))
            assert found.shape == (0, 3)
        (found,), _ = derivatives(lambda x: np.mean(x, axis=0), np.ones((0, 3)))
        assert found.shape == (0, 3)


# --- far out ------------------------------------------------------------------------------------------------------
FAR: dict[str, tuple[Callable[..., Any], Sequence[float], Sequence[float]]] = {
    # at -1e4, 0, 1e4: the result, and the gradient of its sum
    "relu": (neural.relu, [0, 0, 1e4], [0, 0, 1]),
    "sigmoid": (neural.sigmoid, [0, 0.5, 1], [0, 0.25, 0]),
    "softplus": (neural.softplus, [0, np.log(2), 1e4], [0, 0.5, 1]),
    "silu": (neural.silu, [0, 0, 1e4], [0, 0.5, 1]),
    "gelu": (neural.gelu, [0, 0, 1e4], [0, 0.5, 1]),
    "softmax": (neural.softmax, [0, 0, 1], [0, 0, 0]),
    "log_softmax": (neural.log_softmax, [-2e4, -1e4, 0], [1, 1, -2]),
    "logsumexp": (lambda x: reductions.logsumexp(x), [1e4], [0, 0, 1]),
    "softmax_cross_entropy": (lambda x: neural.softmax_cross_entropy(x, np.array(0)), [2e4], [-1, 0, 1]),
    "sigmoid_cross_entropy": (
        lambda x: neural.sigmoid_cross_entropy(x, np.array([1, 0, 0], "f")), [1e4, np.log(2), 1e4], [-1, 0.5, 1],
    ),
    "tanh": (np.tanh, [-1, 0, 1], [0, 1, 0]),
    "logaddexp": (lambda x: np.logaddexp(x, 0), [0, np.log(2), 1e4], [0, 0.5, 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR)
def test_no_overflow_far_out(name: str) -> None:
    function, expected, slopes = FAR[name]
    x = Tensor([-1e4, 0.0, 1e4], requires_grad=True, dtype=np.float32)
    with np.errstate(invalid="raise", divide="raise", over="raise"):
        out = function(x)
        out.backward(np.ones(out.shape, "f"), create_graph=True)
    np.testing.assert_allclose(out.detach().numpy().ravel(), expected, 1e-6)
    np.testing.assert_allclose(x.grad.detach().numpy(), slopes, 1e-6)
    first, x.grad = x.grad, None
    if first.requires_grad:
        first.backward(np.ones(3, "f"))
        assert np.isfinite(x.grad.numpy()).all()


def test_minus_infinity_is_a_logarithm_too() -> None:
    for function in (np.logaddexp, np.logaddexp2, lambda x, y: reductions.logsumexp(np.stack([x, y]), axis=0)):
        (dx, dy), second = derivatives(function, [-np.inf, -np.inf, 0.0], [-np.inf, 0.0, -np.inf])
        assert dx.tolist() == [0, 0, 1]
        assert dy.tolist() == [0, 1, 0]
        assert np.isfinite(second).all()
