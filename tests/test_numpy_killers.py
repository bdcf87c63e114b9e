"""The main namespace of NumPy where it bends or breaks: kinks, ties, zeros, NaN, options, what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from derivatives import gradient, numeric_gradient

from tinygrad_np import Tensor, grad
from tinygrad_np.rules.cumulative import recurrence

Array = np.ndarray


def leaf(*values: Any, dtype: Any = np.float64) -> Tensor:
    """A Tensor that requires a gradient."""
    return Tensor(values[0] if len(values) == 1 else values, requires_grad=True, dtype=dtype)


# --- sinc and i0: every derivative, also where the formula is 0 / 0
def derivatives(function: Callable[[Any], Any], x: float, order: int) -> list[float]:
    """Value and derivatives at a point."""
    found = []
    for _ in range(order + 1):
        found.append(float(function(Tensor(x))))
        function = grad(function)
    return found


def test_sinc_at_zero() -> None:
    expected = [1, 0, -(math.pi**2) / 3, 0, math.pi**4 / 5, 0, -(math.pi**6) / 7]
    np.testing.assert_allclose(derivatives(np.sinc, 0.0, 6), expected, rtol=1e-14)
    np.testing.assert_array_equal(gradient(np.sinc, [0.0, -0.0]), [0, 0])


@pytest.mark.parametrize("x", [1e-12, -1e-4, 0.3, 0.636, 0.637, 1.0, -2.5, 40.25])
def test_sinc_between_its_series_and_its_formula(x: float) -> None:
    """Against the integral of cos(pi x t) over t in (0, 1), differentiated under the sign, by Gauss's rule."""
    t, w = np.polynomial.legendre.leggauss(150)
    t, w = (t + 1) / 2, w / 2
    expected = [np.sum(w * (np.pi * t) ** k * np.cos(np.pi * x * t + k * np.pi / 2)) for k in range(6)]
    np.testing.assert_allclose(derivatives(np.sinc, x, 5), expected, rtol=1e-11, atol=1e-12)


def test_i0_and_its_derivatives() -> None:
    special = pytest.importorskip("scipy.special")
    for x in (0.0, 1e-9, -0.5, 3.0, 40.0, 600.0):
        expected = [special.iv(0, x), special.iv(1, x), (special.iv(0, x) + special.iv(2, x)) / 2]
        np.testing.assert_allclose(derivatives(np.i0, x, 2), expected, rtol=1e-13)


# --- running products
def products_of_others(a: Array, g: Array) -> Array:
    """The gradient of ``sum(g * cumprod(a))``, straight from the definition."""
    found = np.zeros_like(a)
    for j in range(len(a)):
        for i in range(j + 1):
            found[i] += g[j] * np.prod(np.delete(a[: j + 1], i))
    return found


@pytest.mark.parametrize("zeros", [[], [0], [3], [6], [1, 4], [2, 3], [0, 1, 2, 3, 4, 5, 6]])
def test_cumprod_with_zeros(zeros: list[int]) -> None:
    rng = np.random.default_rng(0)
    a, g = rng.uniform(-2, 2, 7), rng.uniform(-1, 1, 7)
    a[zeros] = 0
    found = gradient(lambda x: g * np.cumprod(x), a)
    np.testing.assert_allclose(found, products_of_others(a, g), rtol=1e-13, atol=1e-15)
    v = rng.uniform(-1, 1, 7)
    second = gradient(lambda x: v * grad(lambda y: np.sum(g * np.cumprod(y)))(x), a)
    expected = numeric_gradient(lambda x: v * products_of_others(x, g), a)
    np.testing.assert_allclose(second, expected, atol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 64, 100])
def test_recurrence_of_any_length(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.uniform(-1, 1, (n - 1, 2)), rng.uniform(-1, 1, (n, 2))
    x = [b[0]]
    for i in range(1, n):
        x.append(b[i] + a[i - 1] * x[-1])
    np.testing.assert_allclose(recurrence(a, b, axis=0), x, rtol=1e-12, atol=1e-14)


def test_a_million_elements_go_back_in_linear_time() -> None:
    """Quadratic, each of these would take a terabyte, or hours."""
    n = 10**6
    x = np.linspace(-1e-6, 1e-6, n) + 1
    for function in (np.cumsum, np.cumprod, np.sort, np.maximum.accumulate, np.median, np.diff, np.unwrap):
        assert np.all(np.isfinite(gradient(function, x)))
    np.testing.assert_array_equal(gradient(np.cumsum, x), np.arange(n, 0, -1))


# --- ties
def test_running_maximum_shares_equally_among_ties() -> None:
    a = [1.0, 3.0, 3.0, 2.0, 3.0, 5.0, 5.0]
    g = np.arange(1.0, 8.0)
    #    out:  1    3    3    3    3    5    5;  who attains it: 0 | 1 | 1, 2 | 1, 2 | 1, 2, 4 | 5 | 5, 6
    shares = [1, 2 + 3 / 2 + 4 / 2 + 5 / 3, 3 / 2 + 4 / 2 + 5 / 3, 0, 5 / 3, 6 + 7 / 2, 7 / 2]
    np.testing.assert_allclose(gradient(lambda x: g * np.maximum.accumulate(x), a), shares)
    np.testing.assert_allclose(gradient(lambda x: -g * np.minimum.accumulate(-x), a), shares)
    np.testing.assert_allclose(gradient(lambda x: np.maximum.accumulate(x)[-1], [2.0] * 4), [1 / 4] * 4)


def test_extrema_share_with_their_initial_value() -> None:
    np.testing.assert_array_equal(gradient(lambda x: np.max(x, initial=3.0), [3.0, 1.0]), [1 / 2, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.min(x, initial=0.0), [3.0, 1.0]), [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.nanmax(x), [3.0, np.nan, 3.0, 1.0]), [1 / 2, 0, 1 / 2, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.nanmax(x), [-np.inf, np.nan]), [1, 0])


def test_equal_elements_keep_their_order() -> None:
    g = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(gradient(lambda x: g * np.sort(x), [2.0, 1.0, 2.0, 2.0]), [2, 1, 3, 4])
    found = gradient(lambda x: g * np.partition(x, 1), [2.0, 1.0, 2.0, 2.0])
    assert found[1] == 1
    assert sorted(found) == [1, 2, 3, 4]
    for function in (np.median, np.nanmedian, lambda x: np.quantile(x, 0.3), lambda x: np.percentile(x, 80)):
        found = gradient(function, [2.0] * 5)
        assert found.sum() == pytest.approx(1)
        assert found.min() >= 0


# --- singular points
def test_deviation_of_a_constant() -> None:
    some = np.array([True, False, True, True])
    for function in (
        lambda x: np.std(x, where=some), lambda x: np.std(x[some], mean=np.mean(x[some])),
        lambda x: np.nanstd(np.where(some, x, np.nan)),
    ):  # fmt: skip
        x = [1.5, 7.0, 1.5, 1.5]
        np.testing.assert_array_equal(gradient(function, x), [0] * 4)
        second = gradient(lambda x, f=function: grad(f)(x), x)
        assert np.all(np.isfinite(second))


def test_sign_of_complex_numbers() -> None:
    z = Tensor([3 + 4j, 0, -2j, 5], requires_grad=True)
    out = np.sign(z)
    np.testing.assert_allclose(out.detach().numpy(), [0.6 + 0.8j, 0, -1j, 1])
    np.sum(out.real + 2 * out.imag).backward()
    # the gradient of Re((1 - 2i) z / |z|) is (1 + 2i) / |z|, without its part along z
    across = (1 + 2j) - np.real((1 - 2j) * np.array([0.6 + 0.8j, 0, -1j, 1])) * np.array([0.6 + 0.8j, 0, -1j, 1])
    np.testing.assert_allclose(z.grad.numpy(), [across[0] / 5, 0, across[2] / 2, across[3] / 5], atol=1e-15)
    assert not np.sign(leaf(2.0, -1.0)).requires_grad


@pytest.mark.parametrize("function", [
    np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian, np.nancumsum,
    np.nancumprod, np.nan_to_num, lambda x: np.nanquantile(x, 0.3), lambda x: np.nanpercentile(x, [20, 70]),
])  # fmt: skip
def test_what_is_nan_gets_a_zero(function: Callable[..., Any]) -> None:
    x = np.array([0.5, np.nan, -1.0, 2.0, np.nan, 0.25])
    found = gradient(function, x)
    assert np.all(found[[1, 4]] == 0)
    rest = numeric_gradient(lambda v: function(np.insert(v, [1, 3], np.nan)), np.delete(x, [1, 4]))
    np.testing.assert_allclose(np.delete(found, [1, 4]), rest, atol=1e-8)


def test_nan_spreads_through_what_does_not_pass_over_it() -> None:
    x = leaf(1.0, np.nan, 2.0)
    for out in (np.median(x), np.quantile(x, 0.5), np.percentile(x, 10)):
        assert np.isnan(out.item())
        out.backward()
        np.testing.assert_array_equal(x.grad.numpy(), [0, 0, 0])


# --- interpolation
def test_interp_at_a_knot_takes_the_slope_on_its_right() -> None:
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 3.0])
    at = [-1.0, 0.0, 0.5, 1.0, 3.0, 4.0]
    np.testing.assert_array_equal(np.interp(leaf(at), xp, fp).detach().numpy(), np.interp(at, xp, fp))
    np.testing.assert_array_equal(gradient(lambda x: np.interp(x, xp, fp), at), [0, 2, 2, 0.5, 0.5, 0])


def test_interp_by_its_ends_and_its_period() -> None:
    x, xp, fp = np.array([-1.0, 0.4, 1.7, 5.0]), np.array([0.0, 1.0, 2.5]), np.array([1.0, -1.0, 0.5])
    ends = np.array([0.3, 0.7])
    found = gradient(lambda v, e: np.interp(v, xp, fp, e[0], e[1]), x, ends)
    np.testing.assert_array_equal(found[1], [1, 1])
    period = np.array(3.1)
    found = gradient(lambda v, p: np.interp(v, xp, fp, period=p), x, period)
    np.testing.assert_allclose(found[1], numeric_gradient(lambda p: np.interp(x, xp, fp, period=p), period), atol=1e-8)


def test_interp_of_one_knot_and_of_equal_knots() -> None:
    np.testing.assert_array_equal(gradient(lambda fp: np.interp([0.0, 1.0, 2.0], [1.0], fp), [5.0]), [3])
    xp, fp, x = [0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 5.0, 6.0], [0.5, 1.0, 1.5, 2.0]
    np.testing.assert_allclose(np.interp(leaf(x), xp, fp).detach().numpy(), np.interp(x, xp, fp))
    np.testing.assert_array_equal(gradient(lambda v: np.interp(v, xp, fp), x), [1, 1, 1, 1])


@pytest.mark.parametrize(
    "function",
    [
        lambda a, t: np.interp(a, [0.0, 1.0], [0.0, 1.0], left=t),
        lambda a, t: np.interp(a, [0.0, 1.0], [0.0, 1j], t),
        lambda a, t: np.sum(a, initial=t),
        lambda a, t: np.max(a, initial=t),
    ],
)
def test_an_option_of_plain_arrays_does_not_lose_its_gradient(function: Callable[..., Any]) -> None:
    """NumPy does not ask an option whether it is a Tensor, and takes its number."""
    a, option = np.array([-1.0, 0.5, 2.0]), Tensor(3.0, requires_grad=True)
    with pytest.raises((RuntimeError, ValueError)) as error:  # reductions raise an error of their own, with this cause
        function(a, option)
    assert "an option of a function of NumPy" in str(error.value.__cause__ or error.value)
    function(Tensor(a), option).sum().real.backward()  # the way that the error tells
    assert option.grad is not None
    option.grad = None
    assert np.all(function(a, option.detach()) == function(a, 3.0))
    assert float(option) == complex(option) == 3  # for those who ask themselves


# --- quantiles
METHODS = ("linear", "hazen", "weibull", "median_unbiased", "normal_unbiased", "interpolated_inverted_cdf")


@pytest.mark.parametrize("method", METHODS)
def test_quantile_by_q(method: str) -> None:
    a, q = np.array([3.0, -1.0, 2.5, 0.5, 7.0]), np.array([0.0, 0.03, 0.27, 0.62, 0.97, 1.0])
    found = gradient(lambda p: np.quantile(a, p, method=method), q[1:-1])
    np.testing.assert_allclose(found, numeric_gradient(lambda p: np.quantile(a, p, method=method), q[1:-1]), atol=1e-7)
    out = np.quantile(leaf(a), leaf(q), method=method)
    np.testing.assert_allclose(out.detach().numpy(), np.quantile(a, q, method=method), rtol=1e-14)


def test_quantile_by_a_position_that_jumps_has_no_derivative() -> None:
    q = leaf(0.3, 0.6)
    for method in ("lower", "higher", "nearest", "midpoint", "inverted_cdf"):
        assert not np.quantile(np.arange(5.0), q, method=method).requires_grad


def test_quantile_complains_as_numpy_does() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        np.quantile(leaf(1.0, 2.0), 1.5)
    with pytest.raises(ValueError, match="between 0 and 100"):
        np.percentile(leaf(1.0, 2.0), -1)
    with pytest.raises(ValueError, match="inverted_cdf"):
        np.quantile(leaf(1.0, 2.0), 0.5, weights=[1, 2])
    with pytest.raises(TypeError, match="complex"):
        np.quantile(Tensor([1j, 2]), 0.5)


# --- polynomials
@pytest.mark.parametrize("p", [[1.0, -3.0, 2.0], [2.0, 0.0, 1.0, 5.0], [0.0, 1.0, 2.0, 10.0], [1.0, -1.0, 0.0]])
def test_roots_move_with_the_coefficients(p: list[float]) -> None:
    def off(x: Any) -> Any:
        roots = np.roots(x)
        return np.sum(np.exp(-np.imag(roots)) * np.cos(np.real(roots)))

    inner = np.array(p) != 0  # where the first or the last coefficient is 0, one root more appears beside it
    found, expected = gradient(off, p), numeric_gradient(off, p)
    np.testing.assert_allclose(found[inner], expected[inner], rtol=1e-6, atol=1e-7)


def test_quotient_and_remainder_make_the_polynomial_again() -> None:
    u, v = [1.0, 2.0, -3.0, 0.5, 4.0], [2.0, -1.0, 0.5]

    def again(a: Any, b: Any) -> Any:
        quotient, remainder = np.polydiv(a, b)
        return np.cumsum(np.polyadd(np.polymul(quotient, b), remainder))

    by_u, by_v = gradient(again, u, v)
    np.testing.assert_allclose(by_u, [5, 4, 3, 2, 1], atol=1e-12)
    np.testing.assert_allclose(by_v, [0, 0, 0], atol=1e-12)


# --- statistics
def test_a_variable_is_fully_correlated_with_itself() -> None:
    x = np.random.default_rng(0).normal(size=(3, 6))
    found = gradient(lambda a: np.corrcoef(a)[np.arange(3), np.arange(3)], x)
    np.testing.assert_allclose(found, 0, atol=1e-14)


def test_density_integrates_to_one() -> None:
    a, w = np.array([0.0, 0.4, 1.3, 2.0]), np.array([1.0, 2.0, 0.5, 3.0])

    def integral(x: Any, weights: Any) -> Any:
        density, edges = np.histogram(x, 3, weights=weights, density=True)
        return np.sum(density * np.diff(edges))

    for found in gradient(integral, a, w):
        np.testing.assert_allclose(found, 0, atol=1e-14)


def test_weights_that_sum_to_zero() -> None:
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        np.average(leaf(1.0, 2.0), weights=[1, -1])


# --- what is given besides the array may be a Tensor, too
def test_gradients_of_parameters() -> None:
    assert gradient(lambda x, d: np.select([x > 1], [x], d[0]), [0.0, 2.0, 0.5], [5.0])[1] == 2
    assert gradient(lambda x, p: np.piecewise(x, [x > 0], [lambda v: p[0] * v, p[0]]), [1.0, -1.0, 4.0], [2.0])[1] == 6
    np.testing.assert_array_equal(gradient(lambda p, k: np.polyint(p, 2, k), [1.0, 2.0], [3.0, 4.0])[1], [1, 1])
    np.testing.assert_array_equal(gradient(lambda a, e: np.ediff1d([1.0, 2.0], e, a), [3.0], [4.0, 5.0])[1], [1, 1])
    np.testing.assert_array_equal(gradient(lambda a, h: np.gradient(a, h[0]), [0.0, 1.0, 4.0], [2.0])[1], [-1.5])
    np.testing.assert_array_equal(gradient(lambda a, m: np.var(a, mean=m), [0.0, 4.0], [1.0])[1], [-2])
    np.testing.assert_array_equal(gradient(lambda v: np.insert([1.0, 2.0], [0, 1], v), [3.0, 4.0]), [1, 1])


# --- writing
def test_functions_that_write_bind_the_name_to_a_new_value() -> None:
    x, v = leaf(1.0, 2.0, 3.0), leaf(10.0)
    for write in (
        lambda a: np.put(a, [1], v), lambda a: np.place(a, [False, True, False], v),
        lambda a: np.putmask(a, [False, True, False], v), lambda a: np.copyto(a, v, where=[False, True, False]),
        lambda a: np.put_along_axis(a, np.array([1]), v, 0),
    ):  # fmt: skip
        t = x * 1
        alias, before = t * 1, t.detach()
        assert write(t) is None
        assert t.detach().numpy().tolist() == [1, 10, 3]
        assert alias.detach().numpy().tolist() == before.numpy().tolist() == [1, 2, 3]
        x.grad = v.grad = None
        np.sum(t * [1.0, 2.0, 3.0]).backward()
        assert x.grad.numpy().tolist() == [1, 0, 3]
        assert v.grad.numpy().tolist() == [2] if v.ndim else v.grad.item() == 2
        with pytest.raises(RuntimeError, match="leaf"):
            write(x)
        with pytest.raises((RuntimeError, TypeError), match="gradient"):
            write(np.arange(3.0))


def test_at_adds_as_often_as_a_place_is_named() -> None:
    x, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0])
    t = x * 1
    np.add.at(t, [0, 0], v)
    assert t.detach().numpy().tolist() == [31, 2, 3]
    np.sum(t * t).backward()
    assert x.grad.numpy().tolist() == [62, 4, 6]
    assert v.grad.numpy().tolist() == [62, 62]
    np.multiply.at(t, [0, 2], 2.0)
    assert t.detach().numpy().tolist() == [62, 2, 6]
    with pytest.raises(NotImplementedError, match=r"np\.multiply\.at names a place twice"):
        np.multiply.at(t, [0, 0], v)


def test_values_that_do_not_fit() -> None:
    counts = Tensor([1, 2, 3])
    with pytest.raises(TypeError, match="does not go into int64"):
        np.copyto(counts, np.array([0.5, 1, 2]))
    with pytest.raises(TypeError, match="does not go into int64"):
        np.add.at(counts, [0], 0.5)
    assert counts.tolist() == [1, 2, 3]


# --- options
def test_options_of_reductions_are_numpys() -> None:
    x, some = np.array([[1.0, 5.0, -2.0], [3.0, 0.5, 4.0]]), np.array([True, False, True])
    for function in (np.sum, np.prod, np.mean, np.var, np.std, np.nansum, np.nanmean):
        np.testing.assert_allclose(
            function(leaf(x), axis=1, where=some).detach().numpy(), function(x, axis=1, where=some), rtol=1e-15
        )
    assert np.sum(leaf(x), 1, np.float32).dtype == np.float32
    assert np.mean(Tensor(np.arange(3)), dtype=np.float32).dtype == np.float32
    assert np.std(leaf(x), correction=1).item() == np.std(x, ddof=1)
    with pytest.raises(ValueError, match="initial"):
        np.max(leaf(x), where=some)
    with pytest.raises(ValueError, match="one thing"):
        np.var(leaf(x), ddof=1, correction=1)
    assert np.max(Tensor(np.empty((0, 2))), axis=0, initial=-1.0).tolist() == [-1, -1]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_reductions_with_options_keep_the_dtype(dtype: Any) -> None:
    some = np.array([True, False, True, True])
    for function in (
        lambda x: np.sum(x, where=some, initial=1), lambda x: np.prod(x, where=some, initial=2),
        lambda x: np.max(x, where=some, initial=0), lambda x: np.min(x, where=some, initial=9),
        lambda x: np.mean(x, where=some), lambda x: np.var(x, where=some), lambda x: np.std(x, where=some),
        lambda x: np.quantile(x, 0.3), lambda x: np.nanpercentile(x, 30), np.median, np.nanmedian, np.ptp,
        np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin, np.nanvar, np.nanstd, np.cumsum, np.cumprod,
        np.hypot.reduce, np.logaddexp.reduce, np.fmax.reduce, lambda x: np.average(x, weights=np.ones(4, dtype)),
    ):  # fmt: skip
        x = leaf([0.5, 1.0, 2.0, 1.5], dtype=dtype)
        out = function(x)
        assert out.dtype == dtype
        np.sum(out).backward()
        assert x.grad.dtype == dtype


# --- shapes without elements
@pytest.mark.parametrize("function", [
    np.cumsum, np.cumprod, np.sort, np.diff, np.unwrap, np.tril, np.rot90, np.nansum, np.nanprod, np.atleast_3d,
    np.nancumsum, np.sinc, np.ravel, np.ediff1d, np.maximum.accumulate, np.nan_to_num, np.unique_values,
    lambda x: np.append(x, x), lambda x: np.delete(x, [], 1), lambda x: np.insert(x, 0, 1.0, 0),
    lambda x: np.take_along_axis(x, np.zeros((0, 1), int), 1), lambda x: np.sum(x, where=False),
    lambda x: np.sum(np.meshgrid(x, x)[0]), lambda x: np.select([x > 0], [x]),
])  # fmt: skip
def test_nothing_has_a_gradient_of_its_shape(function: Callable[..., Any]) -> None:
    x = leaf(np.zeros((0, 3)))
    out = function(x)
    np.testing.assert_array_equal(out.detach().numpy(), function(np.zeros((0, 3))))
    np.sum(out).backward()
    assert x.grad is None or x.grad.shape == (0, 3)


# --- refused
def test_refusals_say_why() -> None:
    with pytest.raises(NotImplementedError, match=r"np\.save does not take Tensors: a file has no gradient"):
        np.save("never.npy", leaf(1.0))
    with pytest.raises(NotImplementedError, match="dates"):
        np.is_busday(Tensor([1.0]))


# --- methods
def test_methods_are_functions() -> None:
    x = leaf([[3.0, 1.0], [2.0, 5.0]])
    for method, expected in (
        (x.cumsum(1), np.cumsum(x, 1)), (x.cumprod(), np.cumprod(x)), (x.trace(), np.trace(x)),
        (x.diagonal(), np.diagonal(x)), (x.compress([True, False], 0), np.compress([True, False], x, 0)),
        (x.sum(0, where=[True, False]), x.sum(0) * [1, 0]), (x.mean(dtype=np.float32), np.mean(x, dtype=np.float32)),
    ):  # fmt: skip
        assert method.requires_grad
        np.testing.assert_array_equal(method.detach(), expected.detach())
    t = x * 1
    t.sort(0)
    assert t.detach().tolist() == [[2, 1], [3, 5]]
    np.sum(t * [[1.0, 2.0], [3.0, 4.0]]).backward()
    assert x.grad.tolist() == [[3, 2], [1, 4]]
    t.fill(7)
    assert t.tolist() == [[7, 7], [7, 7]]
    with pytest.raises(RuntimeError, match="sorting in place would turn a leaf"):
        x.sort()


def test_running_extrema_of_nan() -> None:
    """Once there is a NaN, all NaN so far share it; what is no NaN gets nothing."""
    at = [1.0, np.nan, 2.0, np.nan]
    for extremum in (np.maximum, np.minimum):
        for last, expected in enumerate(([1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0.5, 0, 0.5])):
            x = Tensor(at, requires_grad=True)
            extremum.accumulate(x)[last].backward()
            assert x.grad.tolist() == expected
    x = Tensor(at, requires_grad=True)
    np.fmax.accumulate(x)[3].backward()
    assert x.grad.tolist() == [0, 0, 1, 0]


def test_accumulating_what_has_a_derivative_by_one_operand_only() -> None:
    """``copysign`` steps to |a[0]| with the sign of a[i]; ``heaviside`` to a[i] where the last step came to 0."""
    weights = np.array([2.0, -3.0, 5.0, 7.0])
    for ufunc, at, expected in (
        (np.copysign, [-1.5, 2.0, -3.0, 1.0], [-(-2 - 3 - 5 + 7), 0, 0, 0]),
        (np.heaviside, [0.0, 0.0, 3.0, 2.0], [2, -3, 5, 0]),
    ):
        x = Tensor(at, requires_grad=True)
        np.sum(ufunc.accumulate(x) * weights).backward()
        assert x.grad.tolist() == expected
