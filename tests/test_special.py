"""SciPy's special functions: each derivative against mpmath's, far out and near poles, too; and how they get here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, special

sc = pytest.importorskip("scipy.special")
mp = pytest.importorskip("mpmath")


def scaled(f: Callable[..., Any], sign: int) -> Callable[..., Any]:
    return lambda v, x: f(v, x) * mp.exp(sign * x)


#: name, the same function in mpmath (of the last argument), the other arguments, places
POINTWISE: list[tuple[str, Callable[..., Any], tuple[float, ...], tuple[float, ...]]] = [
    ("gamma", mp.gamma, (), (-2.5, -0.01, 0.3, 4, 20)),
    ("gammaln", lambda x: mp.log(abs(mp.gamma(x))), (), (-2.5, 1e-6, 0.3, 4, 1e5)),
    ("loggamma", mp.loggamma, (), (1e-6, 0.3, 4, 1e5)),
    ("psi", lambda x: mp.psi(0, x), (), (-2.5, 1e-3, 0.3, 4, 1e5)),
    ("rgamma", mp.rgamma, (), (-3, -2.5, -1, 0, 0.3, 0.5, 4)),
    ("beta", mp.beta, (0.3,), (0.2, 2, 30)),
    ("betaln", lambda a, b: mp.log(mp.beta(a, b)), (0.3,), (0.2, 2, 1e3)),
    ("poch", mp.rf, (1.3,), (0.2, 2.5)),
    ("binom", mp.binomial, (5.3,), (0.2, 2.5)),
    ("gammainc", lambda a, x: mp.gammainc(a, 0, x, regularized=True), (2.3,), (1e-3, 2, 30)),
    ("gammaincc", lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True), (2.3,), (1e-3, 2, 30)),
    ("betainc", lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True), (2.3, 0.7), (1e-3, 0.5, 0.999)),
    ("erf", mp.erf, (), (-5, 0, 1e-3, 4)),
    ("erfc", mp.erfc, (), (-5, 0, 4, 20)),
    ("erfcx", lambda x: mp.exp(x * x) * mp.erfc(x), (), (-3, 0, 4)),
    ("erfi", mp.erfi, (), (-3, 0, 4)),
    ("dawsn", lambda x: mp.exp(-x * x) * mp.erfi(x) * mp.sqrt(mp.pi) / 2, (), (-3, 0, 2)),
    ("erfinv", mp.erfinv, (), (-0.9, 0, 0.5, 0.99)),
    ("ndtr", mp.ncdf, (), (-10, 0, 3)),
    ("log_ndtr", lambda x: mp.log(mp.ncdf(x)), (), (-50, -10, -1, 0, 3, 10)),
    ("ndtri", lambda y: mp.sqrt(2) * mp.erfinv(2 * y - 1), (), (1e-3, 0.5, 0.9)),
    ("owens_t", lambda h, a: mp.quad(lambda x: mp.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), [0, a]) / (2 * mp.pi),
     (0.7,), (-1, 0.5)),
    ("j0", mp.j0, (), (-2, 0, 1, 30)), ("j1", mp.j1, (), (-2, 0, 1, 30)),
    ("y0", lambda x: mp.bessely(0, x), (), (0.1, 1, 30)), ("y1", lambda x: mp.bessely(1, x), (), (0.1, 1, 30)),
    ("i0", lambda x: mp.besseli(0, x), (), (-2, 0, 20)), ("i1", lambda x: mp.besseli(1, x), (), (-2, 0, 20)),
    ("i0e", lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), (), (-3, 0.5, 100)),
    ("i1e", lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), (), (-3, 0.5, 100)),
    ("k0", lambda x: mp.besselk(0, x), (), (0.1, 20)), ("k1", lambda x: mp.besselk(1, x), (), (0.1, 20)),
    ("k0e", lambda x: mp.besselk(0, x) * mp.exp(x), (), (0.5, 20)),
    ("k1e", lambda x: mp.besselk(1, x) * mp.exp(x), (), (0.5, 20)),
    ("jv", mp.besselj, (1.3,), (0.5, 20)), ("yv", mp.bessely, (-0.3,), (0.5, 20)),
    ("iv", mp.besseli, (1.3,), (0.5, 20)), ("kv", mp.besselk, (-0.3,), (0.5, 20)),
    ("ive", scaled(mp.besseli, -1), (1.3,), (0.5, 50)), ("kve", scaled(mp.besselk, 1), (-0.3,), (0.5, 20)),
    ("yn", mp.bessely, (2,), (0.5, 20)), ("kn", mp.besselk, (2,), (0.5, 20)),
    ("struve", mp.struveh, (1.3,), (0.5, 5)), ("modstruve", mp.struvel, (1.3,), (0.5, 5)),
    ("expit", lambda x: 1 / (1 + mp.exp(-x)), (), (-40, -3, 0, 30)),
    ("logit", lambda x: mp.log(x / (1 - x)), (), (1e-9, 0.25, 0.999)),
    ("log_expit", lambda x: -mp.log(1 + mp.exp(-x)), (), (-40, -3, 0, 30)),
    ("entr", lambda x: -x * mp.log(x), (), (1e-9, 0.5, 9)),
    ("rel_entr", lambda x, y: x * mp.log(x / y), (0.7,), (1e-3, 0.5, 9)),
    ("kl_div", lambda x, y: x * mp.log(x / y) - x + y, (0.7,), (1e-3, 0.5, 9)),
    ("xlogy", lambda x, y: x * mp.log(y), (0.7,), (1e-3, 0.5, 9)),
    ("xlog1py", lambda x, y: x * mp.log(1 + y), (0.7,), (-0.9, 1e-9, 0.5)),
    ("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1), (0.7,), (-3, 0, 0.5)),
    ("boxcox", lambda x, k: (x**k - 1) / k if k else mp.log(x), (0.7,), (-1, 1e-9, 0.5)),
    ("boxcox1p", lambda x, k: ((1 + x) ** k - 1) / k, (0.7,), (-1, 0.5)),
    ("exprel", lambda x: mp.expm1(x) / x, (), (-30, 1e-9, 3)),
    ("powm1", lambda x, y: x**y - 1, (0.7,), (-1, 0.5)),
    ("cosm1", lambda x: mp.cos(x) - 1, (), (0, 2)),
    ("sindg", lambda x: mp.sin(x * mp.pi / 180), (), (30, 90)),
    ("cotdg", lambda x: mp.cot(x * mp.pi / 180), (), (30, 80)),
    ("expi", mp.ei, (), (-3, 0.1, 5)), ("exp1", mp.e1, (), (0.1, 5)),
    ("expn", mp.expint, (2,), (0.1, 5)), ("expn", mp.expint, (1,), (0.1, 5)), ("expn", mp.expint, (0,), (0.1, 5)),
    ("spence", lambda z: mp.polylog(2, 1 - z), (), (0.2, 0.9, 1.8)),
    ("hyp0f1", mp.hyp0f1, (1.3,), (-2, 0, 5)), ("hyp1f1", mp.hyp1f1, (0.7, 1.3), (-2, 0, 5)),
    ("hyp2f1", mp.hyp2f1, (0.7, 1.3, 2.1), (-2, 0, 0.5)),
    ("zeta", mp.zeta, (2.5,), (0.1, 3, 100)),
    ("polygamma", mp.psi, (2,), (0.1, 3, 100)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "truth", "others", "places"), POINTWISE, ids=[f"{p[0]}-{p[2]}" for p in POINTWISE])
def test_derivatives_are_mpmaths(name: str, truth: Any, others: tuple[float, ...], places: tuple[float, ...]) -> None:
    def function(x: Any) -> Any:
        return getattr(special, name)(*others, x)

    with mp.workdps(40):
        for x in map(float, places):
            for order, derivative in enumerate((grad(function), grad(grad(function))), start=1):
                expected = float(mp.diff(lambda t: truth(*map(mp.mpf, others), t), mp.mpf(x), order))
                found = derivative(x).item()
                assert found == pytest.approx(expected, rel=2e-9, abs=1e-30), (x, order)


def test_lambertw_and_airy() -> None:
    for x in (-0.2, 0.0, 3.0):
        w = sc.lambertw(x).real
        assert grad(lambda x: sc.lambertw(x).real)(x).item() == pytest.approx(1 / ((1 + w) * np.exp(w)), rel=1e-14)
    ai, aip, bi, bip = sc.airy(-1.3)
    found = [grad(lambda x, i=i: sc.airy(x)[i])(-1.3).item() for i in range(4)]
    assert found == pytest.approx([aip, -1.3 * ai, bip, -1.3 * bi], rel=1e-14)
    assert grad(grad(lambda x: sc.airy(x)[0]))(-1.3).item() == pytest.approx(-1.3 * ai, rel=1e-14)


def test_several_results() -> None:
    pi = float(np.pi)
    for ufunc, slopes in (
        (sc.sici, (np.sin(2.0) / 2, np.cos(2.0) / 2)),
        (sc.shichi, (np.sinh(2.0) / 2, np.cosh(2.0) / 2)),
        (sc.fresnel, (np.sin(2 * pi), np.cos(2 * pi))),
    ):
        found = [grad(lambda x, u=ufunc, i=i: u(x)[i])(2.0).item() for i in range(2)]
        assert found == pytest.approx(slopes, rel=1e-13, abs=1e-14)
        assert grad(lambda x, u=ufunc: sum(u(x)))(2.0).item() == pytest.approx(sum(slopes), rel=1e-13)


def test_complex_functions() -> None:
    """The gradient of |f(z)|^2 is 2 f conj(f'), in PyTorch's convention."""
    z = Tensor([0.3 + 0.7j], requires_grad=True)
    for f, slope in (
        (sc.gamma, lambda z: sc.gamma(z) * sc.psi(z)), (sc.loggamma, sc.psi), (sc.wofz, None),
        (sc.erf, lambda z: 2 / np.sqrt(np.pi) * np.exp(-z * z)), (lambda z: sc.jv(1.5, z), None),
    ):  # fmt: skip
        z.grad = None
        y = f(z)
        np.sum(y.real**2 + y.imag**2).backward()
        value, h = z.detach().numpy(), 1e-6
        derivative = slope(value) if slope else (f(value + h) - f(value - h)) / (2 * h)
        np.testing.assert_allclose(z.grad.numpy(), 2 * f(value) * np.conj(derivative), rtol=1e-8)


# --- poles, and what has no derivative here -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("function", "pole"),
    [
        (sc.gammaln, 0), (sc.gamma, 0), (sc.psi, 0), (sc.entr, 0), (sc.logit, 1), (sc.erfinv, 1), (sc.ndtri, 0),
        (sc.k0, 0), (sc.y1, 0), (sc.exp1, 0), (lambda x: sc.xlogy(1, x), 0), (lambda x: sc.rel_entr(x, 1.0), 0),
        (lambda x: sc.betainc(0.5, 0.5, x), 0), (lambda x: sc.gammainc(0.5, x), 0),
    ],
)  # fmt: skip
def test_a_zero_cotangent_stays_zero_through_a_pole(function: Any, pole: float) -> None:
    x = Tensor([float(pole), 0.5], requires_grad=True)
    with np.errstate(all="ignore"):
        y = np.sum(np.where(x == pole, 0, function(x)))
        y.backward(create_graph=True)
        first = x.grad
        x.grad = None
        np.sum(first).backward()
    assert first.detach().numpy()[0] == 0
    assert first.detach().numpy()[1] != 0
    assert x.grad.detach().numpy()[0] == 0


def test_entropy_at_zero_probability() -> None:
    p = Tensor([0.0, 1.0], requires_grad=True)
    np.sum(sc.entr(p) * np.array([0.0, 1.0])).backward()
    np.testing.assert_array_equal(p.grad.numpy(), [0, -1])
    assert grad(lambda x: sc.xlogy(x, 0.5))(0.0).item() == np.log(0.5)


def test_asking_for_an_unknown_derivative_is_an_error() -> None:
    for function, name in (
        (lambda v: sc.jv(v, 2.0), "jv"), (lambda a: sc.betainc(a, 1.0, 0.5), "betainc"),
        (lambda a: sc.gammainc(a, 0.5), "gammainc"), (lambda x: sc.zeta(x, 2.0), "zeta"),
    ):  # fmt: skip
        with pytest.raises(NotImplementedError, match=f"{name} has no derivative in its argument"):
            grad(function)(1.5)
    a = Tensor(1.5, requires_grad=True)
    assert sc.gammainc(a, 0.5).item() == sc.gammainc(1.5, 0.5)  # the value is not refused
    with pytest.raises(NotImplementedError, match="Riemann"):
        grad(sc.zeta)(2.0)
    with pytest.raises(NotImplementedError, match=r"scipy\.special\.ellipk has no entry"):
        sc.ellipk(a)


def test_float32_stays_float32() -> None:
    x = np.array([0.3, 0.6], np.float32)
    for function in (sc.gammaln, sc.erf, sc.j1, sc.log_ndtr, sc.expit, sc.entr, lambda x: special.polygamma(1, x)):
        gradient = grad(lambda x, f=function: np.sum(f(x)))(x)
        assert gradient.dtype == np.float32
        second = grad(lambda x, f=function: np.sum(grad(lambda x: np.sum(f(x)))(x)))(x)
        assert second.dtype == np.float32


# --- functions that are no ufuncs ---------------------------------------------------------------------------------
def test_functions_with_scipys_signatures() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)), rng.uniform(0.1, 1, (3, 4)) * (rng.random((3, 4)) > 0.3)
    for axis in (None, 0, -1, (0, 1)):
        for ours, options in (("logsumexp", {}), ("logsumexp", {"b": b}), ("softmax", {}), ("log_softmax", {})):
            expected = getattr(sc, ours)(a, axis=axis, **options)
            np.testing.assert_allclose(getattr(special, ours)(a, axis=axis, **options), expected, rtol=1e-13)
            found = getattr(special, ours)(Tensor(a, requires_grad=True), axis=axis, **options)
            np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-13)
    for n in (0, 1, 3):
        np.testing.assert_allclose(special.polygamma(n, a + 4), sc.polygamma(n, a + 4), rtol=1e-14)
    np.testing.assert_allclose(special.multigammaln(a + 4, 3), sc.multigammaln(a + 4, 3), rtol=1e-13)
    np.testing.assert_allclose(special.factorial(a + 2), sc.factorial(a + 2), rtol=1e-14)
    with pytest.raises(ValueError, match="order"):
        special.polygamma(-1, a)
    with pytest.raises(ValueError, match="dimension"):
        special.multigammaln(a, 30)


def test_weighted_logsumexp() -> None:
    a, b = np.array([1.0, -2.0, 800.0]), np.array([0.5, 2.0, 0.0])
    da, db = grad(lambda a, b: special.logsumexp(a, b=b), (0, 1))(a, b)
    total = 0.5 * np.exp(1.0) + 2 * np.exp(-2.0)
    np.testing.assert_allclose(da.numpy(), [0.5 * np.exp(1.0) / total, 2 * np.exp(-2.0) / total, 0], rtol=1e-14)
    np.testing.assert_allclose(db.numpy()[:2], np.exp(a[:2]) / total, rtol=1e-14)


def test_scipys_python_functions_say_where_to_look() -> None:
    t = Tensor([1.0, 2.0], requires_grad=True)
    for function in (sc.logsumexp, sc.softmax, lambda t: sc.polygamma(1, t)):
        with pytest.raises(RuntimeError, match=r"tinygrad_np\.special"):
            function(t)


# --- SciPy is an extra --------------------------------------------------------------------------------------------
def run(code: str, **env: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | env, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_imports_no_scipy() -> None:
    code = "import sys, tinygrad_np, tinygrad_np.special; print('scipy' in sys.modules)"
    assert run(code) == "False\n"


def test_without_scipy_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['scipy'] = None\nfrom tinygrad_np import special\n"
    code += "try: special.polygamma(1, 2.0)\nexcept ImportError as error: print(error)\n"
    code += "try: special.gamma\nexcept AttributeError as error: print(error)"
    assert run(code).count("tinygrad_np[scipy]") == 2


def test_scipy_with_the_array_api_comes_to_the_same_table() -> None:
    code = """
import numpy as np, scipy.special as sc
from tinygrad_np import grad
for f in (sc.gammaln, sc.erf, lambda x: sc.betainc(1.0, 2.0, x), lambda x: sc.polygamma(1, x), sc.sinc, sc.logsumexp):
    print(grad(lambda x: np.sum(f(x)))(np.array([0.5])).item())
"""
    plain = [special.psi(0.5), 2 / np.sqrt(np.pi) * np.exp(-0.25), 1.0, special.polygamma(2, 0.5)]
    found = [float(line) for line in run(code, SCIPY_ARRAY_API="1").split()]
    assert found[:4] == pytest.approx(plain)
    assert found[4] == pytest.approx((np.pi * 0.5 * np.cos(np.pi / 2) - np.sin(np.pi / 2)) / (np.pi * 0.25))
    assert found[5] == pytest.approx(1.0)
