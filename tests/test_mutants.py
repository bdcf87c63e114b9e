"""Tests that exist because a mutant of a rule survived the others: each says what would else go unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, special, vjp

Array = np.ndarray


def gradients(function: Callable[..., Any], *xs: Any) -> list[Any]:
    """The gradients of ``function(*xs).sum()``."""
    found = grad(lambda *xs: np.sum(function(*xs)), tuple(range(len(xs))))(*map(np.asarray, xs))
    return [d.numpy() for d in found]


def slope_by_cotangent(function: Callable[..., Any], g: float, *xs: float) -> list[float]:
    """The derivative by ``g`` of ``vjp(function, *xs)(g)``, for each argument: these are linear in ``g``."""

    def pulled(i: int) -> Callable[[Any], Any]:
        return lambda g: vjp(function, *map(Tensor, xs))[1](g)[i]

    return [grad(pulled(i))(Tensor(g)).item() for i in range(len(xs))]


# --- elementwise --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("at", [(a, low, high) for a in range(3) for low in range(3) for high in range(3)])
def test_the_shares_of_clip_sum_to_one(at: Sequence[int]) -> None:
    """``clip(a + t, low + t, high + t)`` is ``clip(a, low, high) + t``, also where some are equal, or crossed."""
    assert sum(gradients(np.clip, *map(float, at))) == 1


def test_the_second_derivative_of_a_complex_size_at_zero_is_zero() -> None:
    first = grad(lambda z: np.sum(np.absolute(z)))
    second = grad(lambda z: np.sum(np.real(first(z) * (1 + 2j))))
    assert second(np.array([0j])).numpy() == 0


@pytest.mark.parametrize("power", [np.power, np.float_power])
def test_a_power_of_zero_still_depends_on_its_exponent(power: Any) -> None:
    """Of ``x**y``, the mixed second derivative is ``x**(y - 1) * (1 + y * log(x))``: 1/x at ``y = 0``."""
    by_x = grad(power)
    assert grad(by_x, 1)(2.0, 0.0).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("x", "y", "by_x"), [(4.0, 0.5, 0.25), (0.0, 2.0, 0.0), (0.0, 1.5, 0.0), (0.0, 1.0, 1.0), (4.0, 1.0, 1.0)]
)
def test_the_derivative_of_a_power_is_linear_in_the_cotangent_at_zero_too(x: float, y: float, by_x: float) -> None:
    assert slope_by_cotangent(lambda x: np.power(x, y), 0.0, x) == [by_x]
    assert slope_by_cotangent(lambda x: np.power(x, y), 3.0, x) == [by_x]


# --- norms, determinants, extrema ---------------------------------------------------------------------------------
@pytest.mark.parametrize("order", [-1, -2.5])
def test_a_norm_of_negative_order_with_a_zero_is_zero_and_stays_it(order: float) -> None:
    with np.errstate(divide="ignore"):  # NumPy's own
        assert gradients(lambda x: np.linalg.norm(x, order), [3.0, 0.0, -4.0])[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("order", [0.5, 1.5, 3])
def test_second_derivatives_of_a_norm_with_a_zero_are_finite(order: float) -> None:
    first = grad(lambda x: np.linalg.norm(x, order))
    with np.errstate(all="raise"):
        second = grad(lambda x: np.sum(first(x) * [1.0, 2.0, 3.0]))(np.array([3.0, 0.0, -4.0]))
    assert np.isfinite(second.numpy()).all()
    assert second.numpy()[1] == 0


def test_the_logarithm_of_a_determinant_has_a_pole_where_that_is_zero() -> None:
    with np.errstate(invalid="ignore", divide="ignore"):
        (found,) = gradients(lambda a: np.linalg.slogdet(a)[1], np.ones((2, 2)))
    assert not np.isfinite(found).any()


@pytest.mark.filterwarnings("ignore:All-NaN")
@pytest.mark.parametrize("function", [np.nanmax, np.nanmin])
def test_where_all_is_nan_there_is_no_gradient(function: Any) -> None:
    rows = [[np.nan, np.nan], [1.0, 1.0]]
    for picked in (1, slice(None)):
        (found,) = gradients(lambda x, picked=picked: function(x, axis=1)[picked], rows)
        assert found.tolist() == [[0, 0], [0.5, 0.5]]


def test_a_simple_root_has_a_gradient_next_to_a_double_one() -> None:
    """``x**3 - x**2``: by the theorem on implicit functions, ``-root**k / p'(root)`` at 1."""
    (found,) = gradients(lambda p: np.max(np.roots(p)), [1.0, -1.0, 0.0, 0.0])
    np.testing.assert_allclose(found, -np.ones(4), 1e-12)


def test_moments_of_complex_numbers() -> None:
    """``sum(abs(z - mean)**2) / n``, and its root."""
    z = np.array([1 + 2j, -3 + 0.5j, 0.25 - 1j, 2j])
    apart = z - z.mean()
    np.testing.assert_allclose(gradients(np.var, z)[0], 2 * apart / 4, 1e-13)
    np.testing.assert_allclose(gradients(np.std, z)[0], apart / (4 * np.std(z)), 1e-13)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e10 + 0.3])
@pytest.mark.parametrize("n", [3, 7, 10])
def test_std_of_a_constant_has_no_gradient_though_its_mean_is_rounded(value: float, n: int) -> None:
    (found,) = gradients(np.std, np.full(n, value))
    np.testing.assert_allclose(found, 0, atol=1e-12)


def test_many_equal_elements_are_sorted_in_their_order() -> None:
    """More than a dozen: below, any sort is stable."""
    x, weights = np.arange(300.0) % 3, np.arange(300.0)
    (found,) = gradients(lambda x: np.sort(x) * weights, x)
    np.testing.assert_array_equal(found, weights.reshape(3, 100).T.ravel())


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value", "ignore:divide by zero")
@pytest.mark.parametrize("function", [np.nanvar, np.nanstd])
def test_too_few_numbers_for_a_variance(function: Any) -> None:
    """Where nothing depends on it there is no gradient; where something does, it is not a number."""
    rows = [[1.0, np.nan, np.nan], [1.0, 3.0, np.nan]]
    (found,) = gradients(lambda x: function(x, axis=1, ddof=1)[1], rows)
    np.testing.assert_allclose(found, [[0, 0, 0], np.array([-1, 1, 0]) * found[1, 1]])
    for where, ddof in (([True, False, False], 1), ([True, True, False], 2), ([True, True, False], 3)):
        (found,) = gradients(lambda x, w=where, ddof=ddof: np.var(x, where=w, ddof=ddof), [1.0, 3.0, 5.0])
        assert (np.isfinite(found) == [not w for w in where]).all()


@pytest.mark.parametrize("shapes", [((3,), (2, 3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 2, 3, 4))])
def test_a_vector_and_a_stack_of_matrices(shapes: Sequence[tuple[int, ...]]) -> None:
    """The product is linear in each of them, so it is its own derivative."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=shape) for shape in shapes)
    weights = rng.normal(size=(x @ y).shape)
    dx, dy = gradients(lambda x, y: (x @ y) * weights, x, y)
    u, v = (rng.normal(size=shape) for shape in shapes)
    np.testing.assert_allclose(np.sum(dx * u), np.sum((u @ y) * weights))
    np.testing.assert_allclose(np.sum(dy * v), np.sum((x @ v) * weights))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_third_derivative_of_a_determinant(n: int) -> None:
    """Of a matrix that is not symmetric. Central differences are exact: the second one is quadratic at most."""
    rng = np.random.default_rng(n)
    a, g, h, k = rng.normal(size=(4, n, n))
    first = grad(np.linalg.det)
    second = grad(lambda a: np.sum(first(a) * h))
    third = grad(lambda a: np.sum(second(a) * g))
    step = 2.0**-7
    expected = (np.sum(second(a + step * k) * g) - np.sum(second(a - step * k) * g)).item() / (2 * step)
    assert np.sum(third(a).numpy() * k) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("rows", "value", "rcond", "kept"),
    [(1000, 1e-14, None, False), (2, 1e-14, None, True), (2, 0.05, 0.1, False), (2, 0.05, 0.01, True),
     (2, 0.0, -1, False), (2, 1e-14, -1, True), (2, 1e-18, 0, False),
     (2, 0.5, 1.5, True)],
)  # fmt: skip
def test_least_squares_leave_out_what_lapack_leaves_out(rows: int, value: float, rcond: Any, kept: bool) -> None:
    """The derivative by the right side is the transposed pseudo-inverse, of a matrix with the values 1 and another."""
    a, b, weights = np.zeros((rows, 2)), np.ones(rows), np.array([2.0, 3.0])
    a[0, 0], a[1, 1] = 1, value
    assert np.linalg.lstsq(a, b, rcond)[2] == 1 + kept
    (found,) = gradients(lambda b: np.linalg.lstsq(a, b, rcond)[0] * weights, b)
    expected = np.zeros(rows)
    expected[:2] = 2, 3 / value if kept else 0
    np.testing.assert_allclose(found, expected, 1e-12)


@pytest.mark.parametrize("n", range(5))
def test_repeated_differences(n: int) -> None:
    """They are linear: the gradient is the transposed matrix, times the weights."""
    weights = np.arange(1.0, 8 - n)
    (found,) = gradients(lambda x: np.diff(x, n) * weights, np.ones(7))
    np.testing.assert_allclose(found, np.diff(np.eye(7), n, axis=0).T @ weights)


# --- decompositions -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (1, 1), (-1, 1), (1, -1)])
def test_coinciding_singular_values_and_either_kind_of_vectors_are_an_error(left: int, right: int) -> None:
    """Values 1 and 2 coincide; the loss depends on turning their vectors, and on turning vectors 0 and 1."""
    at = np.diag([2.0, 1.0, 1.0])
    u0, _, vh0 = np.linalg.svd(at)

    def loss(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a)
        turned, other = u0.T @ u, vh0 @ vh.mT
        return np.sum(s**2) + left * turned[1, 2] + right * other[1, 2] + 2 * turned[0, 1] + other[0, 1]

    with pytest.raises(np.linalg.LinAlgError, match="singular values 1 and 2 coincide"):
        grad(loss)(at)


@pytest.mark.parametrize("side", [0, 2])
def test_so_are_vectors_of_one_kind_alone(side: int) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="singular values 0 and 1 coincide"):
        grad(lambda a: (lambda r: np.sum(r[side] * [[1, 2], [3, 4]]) + np.sum(r[1] ** 2))(np.linalg.svd(a)))(np.eye(2))


def test_a_loss_of_eigenvectors_alone() -> None:
    a = np.array([[1.0, 0.3, 0.2], [0.1, 2.0, 0.4], [0.5, 0.2, 4.0]])

    def loss(a: Any) -> Any:
        return np.sum(np.linalg.eig(a)[1] ** 2 * np.arange(9.0).reshape(3, 3))

    (found,) = gradients(loss, a)
    h = 1e-6
    for place in np.ndindex(a.shape):
        step = np.zeros_like(a)
        step[place] = h
        assert found[place] == pytest.approx((loss(a + step) - loss(a - step)) / (2 * h), abs=1e-7)


def random_orthogonal(n: int, seed: int) -> Array:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n))).Q


@pytest.mark.parametrize("part", [0, 2])
def test_vectors_of_a_tiny_singular_value_are_as_exact_as_the_others(part: int) -> None:
    """Projectors on all left (or right) vectors of a square matrix sum to one, so their gradients sum to zero."""
    weights = np.arange(9.0).reshape(3, 3)
    a = random_orthogonal(3, 0) @ np.diag([1, 0.5, 1e-11]) @ random_orthogonal(3, 1)

    def projected(a: Any, columns: slice) -> Any:
        found = np.linalg.svd(a)[part]
        vectors = (found if part == 0 else found.mT)[:, columns]
        return np.sum(vectors @ vectors.mT * weights)

    one, others = (grad(lambda a, c=c: projected(a, c))(a).numpy() for c in (slice(2, 3), slice(2)))
    np.testing.assert_allclose(one, -others, 0, 1e-12)


# --- special functions --------------------------------------------------------------------------------------------
def test_a_zero_cotangent_of_a_product_does_not_meet_infinity() -> None:
    special_functions()
    from tinygrad_np.rules.special import product

    _, pulled = vjp(product, Tensor(2.0), Tensor(np.inf))
    assert [d.item() for d in pulled(0.0)] == [0, 0]
    _, pulled = vjp(product, Tensor(0.0), Tensor(2.0))
    assert [d.item() for d in pulled(np.inf)] == [np.inf, 0]


def special_functions() -> Any:
    return pytest.importorskip("scipy.special")


POLES: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    "loggamma": (lambda sc, x: sc.loggamma(x), 0), "betaln": (lambda sc, x: sc.betaln(x, 1.5), 0),
    "betaln, b": (lambda sc, x: sc.betaln(1.5, x), 0), "gammaincc": (lambda sc, x: sc.gammaincc(0.5, x), 0),
    "gammaincinv": (lambda sc, y: sc.gammaincinv(2.0, y), 0),
    "gammainccinv": (lambda sc, y: sc.gammainccinv(2.0, y), 1), "betaincc": (lambda sc, x: sc.betaincc(0.5, 0.5, x), 0),
    "betaincinv": (lambda sc, y: sc.betaincinv(2.0, 2.0, y), 0),
    "betainccinv": (lambda sc, y: sc.betainccinv(2.0, 2.0, y), 1), "erfcinv": (lambda sc, x: sc.erfcinv(x), 0),
    "ndtri_exp": (lambda sc, x: sc.ndtri_exp(-x), 0), "y0": (lambda sc, x: sc.y0(x), 0),
    "k1": (lambda sc, x: sc.k1(x), 0),
    "k0e": (lambda sc, x: sc.k0e(x), 0), "k1e": (lambda sc, x: sc.k1e(x), 0), "yv": (lambda sc, x: sc.yv(1.5, x), 0),
    "yn": (lambda sc, x: sc.yn(2, x), 0), "kv": (lambda sc, x: sc.kv(1.5, x), 0), "kn": (lambda sc, x: sc.kn(2, x), 0),
    "kve": (lambda sc, x: sc.kve(1.5, x), 0), "rel_entr, y": (lambda sc, y: sc.rel_entr(1.0, y), 0),
    "kl_div, x": (lambda sc, x: sc.kl_div(x, 1.0), 0), "kl_div, y": (lambda sc, y: sc.kl_div(1.0, y), 0),
    "xlog1py": (lambda sc, x: sc.xlog1py(1.0, x - 1), 0), "inv_boxcox": (lambda sc, x: sc.inv_boxcox(x, 2.0), -0.5),
    "log1p": (lambda sc, x: sc.log1p(x - 1), 0), "cbrt": (lambda sc, x: sc.cbrt(x), 0),
    "expi": (lambda sc, x: sc.expi(x), 0), "sici": (lambda sc, x: sc.sici(x)[1], 0),
    "shichi": (lambda sc, x: sc.shichi(x)[1], 0), "zeta": (lambda sc, q: special.zeta(2.0, q), 0),
    "polygamma": (lambda sc, x: special.polygamma(1, x), 0), "hankel1": (lambda sc, x: np.imag(sc.hankel1(0.5, x)), 0),
    "hankel2": (lambda sc, x: np.imag(sc.hankel2(0.5, x)), 0),
}  # fmt: skip
#: Of these, the second derivative is NaN there.
POLES_OF_THE_FIRST_DERIVATIVE: dict[str, tuple[Callable[[Any, Any], Any], float]] = {
    "beta": (lambda sc, x: sc.beta(x, 1.5), 0), "beta, b": (lambda sc, x: sc.beta(1.5, x), 0),
    "poch": (lambda sc, z: sc.poch(z, 1.5), -1.5), "poch, m": (lambda sc, m: sc.poch(1.5, m), -1.5),
    "binom": (lambda sc, n: sc.binom(n, 1.3), -1), "binom, k": (lambda sc, k: sc.binom(-1.0, k), 1.3),
    "expn": (lambda sc, x: sc.expn(1, x), 0), "spence": (lambda sc, z: sc.spence(z), 0),
    "lambertw": (lambda sc, z: np.real(special.lambertw(z)), -np.exp(-1)),
}  # fmt: skip


@pytest.mark.parametrize("name", POLES | POLES_OF_THE_FIRST_DERIVATIVE)
def test_a_zero_cotangent_stays_zero_through_the_pole_of_a_special_function(name: str) -> None:
    function, pole = (POLES | POLES_OF_THE_FIRST_DERIVATIVE)[name]
    sc = special_functions()
    x = Tensor([float(pole), 0.6], requires_grad=True)
    with np.errstate(all="ignore"):
        np.sum(np.where(x == pole, 0, function(sc, x))).backward(create_graph=True)
        first, x.grad = x.grad, None
        np.sum(first).backward()
    assert first.detach().numpy()[0] == 0
    assert name in POLES_OF_THE_FIRST_DERIVATIVE or x.grad.numpy()[0] == 0


def test_derivatives_where_a_formula_is_zero_over_zero() -> None:
    """``sinh(x) / x`` is ``1 + x**2 / 6 + ...`` at 0; ``log(z) / (1 - z)`` is ``-1 + (z - 1) / 2 - ...`` at 1."""
    sc = special_functions()
    first = grad(lambda x: sc.shichi(x)[0])
    second = grad(first)
    with np.errstate(divide="ignore"):  # of the other result
        assert [first(0.0).item(), second(0.0).item(), grad(second)(0.0).item()] == [1, 0, pytest.approx(1 / 3)]
    first = grad(sc.spence)
    second = grad(first)
    assert [first(1.0).item(), second(1.0).item(), grad(second)(1.0).item()] == [-1, 0.5, pytest.approx(-2 / 3)]
    around = 1 + np.array([-0.501, -0.499, -1e-9, 1e-9, 0.499, 0.501])
    (found,) = gradients(sc.spence, around)
    np.testing.assert_allclose(found, -np.log1p(around - 1) / (around - 1), 1e-14)


def test_a_zero_cotangent_stays_zero_where_an_exponential_overflows() -> None:
    sc = special_functions()
    with np.errstate(over="ignore"):
        (found,) = gradients(lambda x: np.where(x > 700, 0, sc.expi(x)), [1000.0, 1.0])
        (complexes,) = gradients(lambda z: np.where(np.real(z) < -700, 0, sc.exp1(z)).real, [-1000 + 1j, 1 + 1j])
    assert found[0] == complexes[0] == 0
    assert found[1] == pytest.approx(np.e)


@pytest.mark.parametrize(("density", "at"), [("_gamma_density", [2.0, 0.0]), ("_beta_density", [2.0, 2.0, 0.0]),
                                             ("_beta_density", [2.0, 2.0, 1.0])])  # fmt: skip
def test_a_zero_cotangent_of_a_density_stays_zero_at_the_end_of_its_range(density: str, at: Sequence[float]) -> None:
    special_functions()
    from tinygrad_np.rules import special as rules

    with np.errstate(all="ignore"):
        _, pulled = vjp(getattr(rules, density), *map(Tensor, at))
        assert [d.item() for d in pulled(0.0)] == [0] * len(at)
