"""SciPy's special functions. They are ufuncs, so they come to the table by NumPy's dispatch.

This module is the only one of the table that needs SciPy, and nobody has to import it: the dispatch does, when the
first ufunc arrives that is not NumPy's (so ``import tinygrad_np`` imports no SciPy).

Formulas: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov (chapters 4-8, 10-13), in the
form that stays accurate: scaled functions in place of quotients of tiny numbers, contiguous functions in place of
quotients that are 0/0 at the origin. Most functions of two arguments have no closed derivative by the first one (order,
shape parameter): asking for it is an error, never a silent zero.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_np._extras import require
from tinygrad_np.primitives import define, primitive, refuse
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.kinks import apart, from_zero, nearest, to_cut, to_ends, to_multiple, to_pole_of_gamma, to_zero

scipy = require("scipy.special", "scipy")


class _Ufuncs:
    """SciPy's ufuncs themselves: with ``SCIPY_ARRAY_API=1`` it puts functions around them."""

    def __getattr__(self, name: str) -> Any:
        found = inspect.unwrap(getattr(scipy._ufuncs if name.startswith("_") else scipy, name))
        setattr(self, name, found)
        return found


sc = _Ufuncs()

_SQRT_PI, _SQRT_2PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)


# --- tools
@primitive(x=lambda g, y: product(g, y),
           y=lambda g, x: product(x, g))  # fmt: skip
def product(x: Any, y: Any) -> Any:
    """``x * y``, and 0 wherever ``x`` is 0, even if ``y`` is infinite. The twin of ``elementwise.quotient``."""
    shape = np.broadcast_shapes(np.shape(x), np.shape(y))
    return np.multiply(x, y, out=np.zeros_like(x, np.result_type(x, y), shape=shape), where=x != 0)


def unknown(function: str, argument: str) -> Callable[[Any], Any]:
    """The rule of an argument by which no derivative is known."""

    def rule(g: Any) -> Any:
        raise NotImplementedError(
            f"scipy.special.{function} has no derivative in its argument {argument!r} here; "
            f"if it is to be a constant, pass {argument}.detach()"
        )

    return rule


def _paired(g: Any, slopes: Any) -> Any:
    """The cotangents of several results, each times the slope of its result; ``None`` stands for zeros."""
    return reduce(np.add, [product(g_i, slope) for g_i, slope in zip(g, slopes, strict=True) if g_i is not None])


# fmt: off
# --- gamma and its kin
define(sc.gamma,        x=lambda g, x, out: product(product(g, out), sc.psi(x)), kink=to_pole_of_gamma)
define(sc.gammaln,      x=lambda g, x: product(g, sc.psi(x)), kink=to_pole_of_gamma)
define(sc.loggamma,     x=lambda g, x: product(g, sc.psi(x)), kink=to_cut)
define(sc.psi,          x=lambda g, x: product(g, sc.zeta(2, x)), kink=to_pole_of_gamma)
define(sc.rgamma,       x=lambda g, x: g * _slope_of_rgamma(x))
define(sc.gammasgn,     x=None, kink=to_pole_of_gamma)
define(sc.beta,         a=lambda g, a, b, out: product(g, out * (sc.psi(a) - sc.psi(a + b))),
                        b=lambda g, a, b, out: product(g, out * (sc.psi(b) - sc.psi(a + b))),
                        kink=lambda a, b: _to_pole_of_beta(a, b))
define(sc.betaln,       a=lambda g, a, b: product(g, sc.psi(a) - sc.psi(a + b)),
                        b=lambda g, a, b: product(g, sc.psi(b) - sc.psi(a + b)),
                        kink=lambda a, b: _to_pole_of_beta(a, b))
define(sc.poch,         z=lambda g, z, m, out: product(g, out * (sc.psi(z + m) - sc.psi(z))),
                        m=lambda g, z, m, out: product(g, out * sc.psi(z + m)),
                        kink=lambda z, m: nearest(to_pole_of_gamma(z), to_pole_of_gamma(z + m) / 2))
define(sc.binom,        n=lambda g, n, k, out: product(g, out * (sc.psi(n + 1) - sc.psi(n - k + 1))),
                        k=lambda g, n, k, out: product(g, out * (sc.psi(n - k + 1) - sc.psi(k + 1))),
                        kink=lambda n, k: nearest(to_pole_of_gamma(n + 1), _to_pole_of_beta(k + 1, n - k + 1)))
define(sc.gammainc,     a=unknown("gammainc", "a"),
                        x=lambda g, a, x: product(g, _gamma_density(a, x)),
                        kink=to_zero)
define(sc.gammaincc,    a=unknown("gammaincc", "a"),
                        x=lambda g, a, x: -product(g, _gamma_density(a, x)),
                        kink=to_zero)
define(sc.gammaincinv,  a=unknown("gammaincinv", "a"),
                        y=lambda g, a, out: quotient(g, _gamma_density(a, out)),
                        kink=lambda y: to_ends(y, 0, 1))
define(sc.gammainccinv, a=unknown("gammainccinv", "a"),
                        y=lambda g, a, out: -quotient(g, _gamma_density(a, out)),
                        kink=lambda y: to_ends(y, 0, 1))
define(sc.betainc,      a=unknown("betainc", "a"), b=unknown("betainc", "b"),
                        x=lambda g, a, b, x: product(g, _beta_density(a, b, x)),
                        kink=lambda x: to_ends(x, 0, 1))
define(sc.betaincc,     a=unknown("betaincc", "a"), b=unknown("betaincc", "b"),
                        x=lambda g, a, b, x: -product(g, _beta_density(a, b, x)),
                        kink=lambda x: to_ends(x, 0, 1))
define(sc.betaincinv,   a=unknown("betaincinv", "a"), b=unknown("betaincinv", "b"),
                        y=lambda g, a, b, out: quotient(g, _beta_density(a, b, out)),
                        kink=lambda y: to_ends(y, 0, 1))
define(sc.betainccinv,  a=unknown("betainccinv", "a"), b=unknown("betainccinv", "b"),
                        y=lambda g, a, b, out: -quotient(g, _beta_density(a, b, out)),
                        kink=lambda y: to_ends(y, 0, 1))

# --- error function, normal distribution
define(sc.erf,          x=lambda g, x: g * (2 / _SQRT_PI) * np.exp(-x * x))
define(sc.erfc,         x=lambda g, x: g * (-2 / _SQRT_PI) * np.exp(-x * x))
define(sc.erfcx,        x=lambda g, x, out: g * (2 * x * out - 2 / _SQRT_PI))
define(sc.erfi,         x=lambda g, x: g * (2 / _SQRT_PI) * np.exp(x * x))
define(sc.erfinv,       y=lambda g, out: product(g, _exp_of_square(out, scale=1.0)) * (_SQRT_PI / 2),
                        kink=lambda y: to_ends(y, -1, 1))
define(sc.erfcinv,      y=lambda g, out: product(g, _exp_of_square(out, scale=1.0)) * (-_SQRT_PI / 2),
                        kink=lambda y: to_ends(y, 0, 2))
define(sc.dawsn,        x=lambda g, x, out: g * (1 - 2 * x * out))
define(sc.wofz,         z=lambda g, z, out: g * (2j / _SQRT_PI - 2 * z * out))
define(sc.ndtr,         x=lambda g, x: g * (1 / _SQRT_2PI) * np.exp(-0.5 * x * x))
define(sc.ndtri,        y=lambda g, out: product(g, _exp_of_square(out, scale=0.5)) * _SQRT_2PI,
                        kink=lambda y: to_ends(y, 0, 1))
define(sc.log_ndtr,     x=lambda g, x: g * _inverse_mills_ratio(x))
define(sc.ndtri_exp,    y=lambda g, out: quotient(g, _inverse_mills_ratio(out)), kink=lambda y: np.abs(y))
define(sc.owens_t,      h=lambda g, h, a: g * np.exp(-0.5 * h * h) * sc.erf(a * h * 0.5**0.5) * (-0.5 / _SQRT_2PI),
                        a=lambda g, h, a: g * np.exp(-0.5 * h * h * (1 + a * a)) / ((2 * np.pi) * (1 + a * a)))

# --- Bessel functions, in their argument
define(sc.j0,           x=lambda g, x: -g * sc.j1(x))
define(sc.j1,           x=lambda g, x: g * 0.5 * (sc.j0(x) - sc.jv(2, x)))
define(sc.y0,           x=lambda g, x: -product(g, sc.y1(x)), kink=to_zero)
define(sc.y1,           x=lambda g, x: product(g, 0.5 * (sc.y0(x) - sc.yv(2, x))), kink=to_zero)
define(sc.i0,           x=lambda g, x: g * sc.i1(x))
define(sc.i1,           x=lambda g, x: g * 0.5 * (sc.i0(x) + sc.iv(2, x)))
define(sc.i0e,          x=lambda g, x, out: g * (sc.i1e(x) - np.sign(x) * out), kink=to_zero)
define(sc.i1e,          x=lambda g, x, out: g * (0.5 * (sc.i0e(x) + sc.ive(2, x)) - np.sign(x) * out),
                        kink=to_zero)
define(sc.k0,           x=lambda g, x: -product(g, sc.k1(x)), kink=to_zero)
define(sc.k1,           x=lambda g, x: -product(g, 0.5 * (sc.k0(x) + sc.kv(2, x))), kink=to_zero)
define(sc.k0e,          x=lambda g, x, out: product(g, out - sc.k1e(x)), kink=to_zero)
define(sc.k1e,          x=lambda g, x, out: product(g, out - 0.5 * (sc.k0e(x) + sc.kve(2, x))),
                        kink=to_zero)
define(sc.jv,           v=unknown("jv", "v"),
                        z=lambda g, v, z: g * 0.5 * (sc.jv(v - 1, z) - sc.jv(v + 1, z)),
                        kink=lambda v, z: _of_order(v, z))
define(sc.yv,           v=unknown("yv", "v"),
                        z=lambda g, v, z: product(g, 0.5 * (sc.yv(v - 1, z) - sc.yv(v + 1, z))),
                        kink=lambda z: to_cut(z))
define(sc.yn,           n=None,
                        x=lambda g, n, x: product(g, 0.5 * (sc.yv(n - 1, x) - sc.yv(n + 1, x))),
                        kink=to_zero)
define(sc.iv,           v=unknown("iv", "v"),
                        z=lambda g, v, z: g * 0.5 * (sc.iv(v - 1, z) + sc.iv(v + 1, z)),
                        kink=lambda v, z: _of_order(v, z))
define(sc.kv,           v=unknown("kv", "v"),
                        z=lambda g, v, z: -product(g, 0.5 * (sc.kv(v - 1, z) + sc.kv(v + 1, z))),
                        kink=lambda z: to_cut(z))
define(sc.kn,           n=None,
                        x=lambda g, n, x: -product(g, 0.5 * (sc.kv(n - 1, x) + sc.kv(n + 1, x))),
                        kink=to_zero)
define(sc.ive,          v=unknown("ive", "v"),
                        z=lambda g, v, z, out: (
                            g * (0.5 * (sc.ive(v - 1, z) + sc.ive(v + 1, z)) - _of_real("ive", np.sign(z)) * out)),
                        kink=lambda v, z: nearest(np.abs(np.real(z)), _of_order(v, z)))
define(sc.kve,          v=unknown("kve", "v"),
                        z=lambda g, v, z, out: product(g, out - 0.5 * (sc.kve(v - 1, z) + sc.kve(v + 1, z))),
                        kink=lambda z: to_cut(z))
define(sc.hankel1,      v=unknown("hankel1", "v"),
                        z=lambda g, v, z: product(g, 0.5 * (sc.hankel1(v - 1, z) - sc.hankel1(v + 1, z))),
                        kink=lambda z: to_cut(z))
define(sc.hankel2,      v=unknown("hankel2", "v"),
                        z=lambda g, v, z: product(g, 0.5 * (sc.hankel2(v - 1, z) - sc.hankel2(v + 1, z))),
                        kink=lambda z: to_cut(z))
define(sc.airy,         z=lambda g, z, out: _paired(g, (out[1], z * out[0], out[3], z * out[2])))

# --- logistic function, entropies, and kin
define(sc.expit,        x=lambda g, x, out: g * out * sc.expit(-x))
define(sc.logit,        x=lambda g, x: quotient(g, x * (1 - x)), kink=lambda x: to_ends(x, 0, 1))
define(sc.log_expit,    x=lambda g, x: g * sc.expit(-x))
define(sc.entr,         x=lambda g, x: -sc.xlogy(g, x) - g, kink=to_zero)
define(sc.rel_entr,     x=lambda g, x, y: sc.xlogy(g, x / y) + g,
                        y=lambda g, x, y: -quotient(g * x, y),
                        kink=lambda x, y: from_zero(x, y))
define(sc.kl_div,       x=lambda g, x, y: sc.xlogy(g, x / y),
                        y=lambda g, x, y: g - quotient(g * x, y),
                        kink=lambda x, y: from_zero(x, y))
define(sc.xlogy,        x=lambda g, y: sc.xlogy(g, y),
                        y=lambda g, x, y: quotient(g * x, y),
                        kink=lambda y: to_cut(y))
define(sc.xlog1py,      x=lambda g, y: sc.xlog1py(g, y),
                        y=lambda g, x, y: quotient(g * x, 1 + y),
                        kink=lambda y: to_cut(1 + y))
define(sc.huber,        delta=lambda g, delta, r: g * np.maximum(np.absolute(r) - delta, 0),
                        r=lambda g, delta, r: g * np.clip(r, -delta, delta),
                        kink=lambda delta, r: nearest(from_zero(delta), apart(np.abs(r), delta)))
define(sc.pseudo_huber, delta=lambda g, delta, r, out: g * (2 * out - r * r / np.sqrt(1 + (r / delta) ** 2)) / delta,
                        r=lambda g, delta, r: g * r / np.sqrt(1 + (r / delta) ** 2),
                        kink=lambda delta: from_zero(delta))
define(sc.boxcox,       x=lambda g, x, lmbda: g * x ** (lmbda - 1),
                        lmbda=lambda g, x, lmbda: g * _slope_of_boxcox(np.log(x), lmbda),
                        kink=to_zero)
define(sc.boxcox1p,     x=lambda g, x, lmbda: g * (1 + x) ** (lmbda - 1),
                        lmbda=lambda g, x, lmbda: g * _slope_of_boxcox(np.log1p(x), lmbda),
                        kink=lambda x: np.abs(1 + x))
define(sc.inv_boxcox,   x=lambda g, x, lmbda, out: g * quotient(out, 1 + lmbda * x),
                        lmbda=unknown("inv_boxcox", "lmbda"),
                        kink=lambda x, lmbda: np.abs(x + 1 / np.asarray(lmbda)))

# --- exponentials, powers, degrees
define(sc.exprel,       x=lambda g, x: g * 0.5 * sc.hyp1f1(2, 3, x))
define(sc.exp2,         x=lambda g, out: g * out * math.log(2))
define(sc.exp10,        x=lambda g, out: g * out * math.log(10))
define(sc.expm1,        x=lambda g, out: g * (out + 1))
define(sc.log1p,        x=lambda g, x: quotient(g, 1 + x), kink=lambda x: to_cut(1 + x))
define(sc.powm1,        x=lambda g, x, y: g * y * x ** (y - 1),
                        y=lambda g, x, out: g * (out + 1) * np.log(x),
                        kink=lambda x: from_zero(x))
define(sc.cbrt,         x=lambda g, out: quotient(g, 3 * out * out), kink=to_zero)
define(sc.cosm1,        x=lambda g, x: -g * np.sin(x))
define(sc.sindg,        x=lambda g, x: g * sc.cosdg(x) * (math.pi / 180))
define(sc.cosdg,        x=lambda g, x: g * sc.sindg(x) * (-math.pi / 180))
define(sc.tandg,        x=lambda g, out: g * (1 + out * out) * (math.pi / 180), kink=lambda x: to_multiple(x, 180, 90))
define(sc.cotdg,        x=lambda g, out: g * (1 + out * out) * (-math.pi / 180), kink=lambda x: to_multiple(x, 180))
define(sc.round,        x=None, kink=lambda x: to_multiple(x, 1.0, 0.5))

# --- integrals
define(sc.expi,         x=lambda g, x: product(quotient(g, x), np.exp(x)), kink=to_cut)
define(sc.exp1,         z=lambda g, z: -product(quotient(g, z), np.exp(-z)), kink=lambda z: to_cut(z))
define(sc.expn,         n=None,
                        x=lambda g, n, x: -product(g, _expn_below(n, x)),
                        kink=to_zero)
define(sc.sici,         x=lambda g, x: _paired(g, (np.sinc(x * (1 / math.pi)), np.cos(x) / x)), kink=to_cut)
define(sc.shichi,       x=lambda g, x: _paired(g, (_sinhc(x), np.cosh(x) / x)), kink=to_cut)
define(sc.fresnel,      z=lambda g, z: _paired(g, (np.sin((math.pi / 2) * z * z), np.cos((math.pi / 2) * z * z))))
define(sc.spence,       z=lambda g, z: product(g, _slope_of_spence(z)), kink=lambda z: to_cut(z))
define(sc.struve,       v=unknown("struve", "v"),
                        x=lambda g, v, x: g * 0.5 * (sc.struve(v - 1, x) - sc.struve(v + 1, x) + _struve_term(v, x)),
                        kink=lambda v, x: _of_order(v, x))
define(sc.modstruve,    v=unknown("modstruve", "v"),
                        x=lambda g, v, x: g * 0.5 * (
                            sc.modstruve(v - 1, x) + sc.modstruve(v + 1, x) + _struve_term(v, x)),
                        kink=lambda v, x: _of_order(v, x))

# --- hypergeometric functions, in their argument; Lambert's function
define(sc.hyp0f1,       v=unknown("hyp0f1", "v"),
                        z=lambda g, v, z: g * sc.hyp0f1(v + 1, z) / v)
define(sc.hyp1f1,       a=unknown("hyp1f1", "a"), b=unknown("hyp1f1", "b"),
                        x=lambda g, a, b, x: g * (a / b) * sc.hyp1f1(a + 1, b + 1, x))
define(sc.hyp2f1,       a=unknown("hyp2f1", "a"), b=unknown("hyp2f1", "b"), c=unknown("hyp2f1", "c"),
                        z=lambda g, a, b, c, z: g * (a * b / c) * sc.hyp2f1(a + 1, b + 1, c + 1, z),
                        kink=lambda z: to_cut(1 - z))
define(sc.wrightomega,  z=lambda g, out: g * out / (1 + out), kink=lambda z: _to_cut_of_omega(z))

# --- ufuncs behind functions: these hand their arguments on, so Tensors come to the ufunc
define(sc._zeta,          x=unknown("zeta", "x"),
                                  q=lambda g, x, q: -product(g, x * sc.zeta(x + 1, q)),
                          kink=lambda q: to_pole_of_gamma(q))
define(sc._lambertw,      z=lambda g, out: quotient(g, np.exp(out) * (1 + out)),
                                  k=None, tol=None,
                          kink=lambda z, k: _to_branch_point(z, k))
# fmt: on
refuse("no derivative of Riemann's zeta function is known here; zeta(x, q) has one in q", sc._riemann_zeta)


# --- what these rules use
def _slope_of_rgamma(x: Any) -> Any:
    """The derivative of ``1 / gamma(x)`` is finite everywhere. Left of 1/2 by Euler's reflection formula."""
    left = x < 0.5
    low, high = np.where(left, x, 0), np.where(left, 1, x)
    angle = low * math.pi
    reflected = np.cos(angle) - np.sin(angle) * (sc.psi(1 - low) * (1 / math.pi))
    return np.where(left, reflected * sc.gamma(1 - low), -sc.psi(high) * sc.rgamma(high))


@primitive(a=lambda g, a, x, out: product(g, out * (np.log(x) - sc.psi(a))),
           x=lambda g, a, x, out: product(g, out * ((a - 1) / x - 1)),
           kink=lambda a, x: nearest(to_pole_of_gamma(a), np.abs(x)))  # fmt: skip
def _gamma_density(a: Any, x: Any) -> Any:
    """``x**(a - 1) exp(-x) / gamma(a)``."""
    return np.exp(sc.xlogy(a - 1, x) - x - sc.gammaln(a))


@primitive(a=lambda g, a, b, x, out: product(g, out * (np.log(x) + sc.psi(a + b) - sc.psi(a))),
           b=lambda g, a, b, x, out: product(g, out * (np.log1p(-x) + sc.psi(a + b) - sc.psi(b))),
           x=lambda g, a, b, x, out: product(g, out * ((a - 1) / x - (b - 1) / (1 - x))),
           kink=lambda a, b, x: nearest(_to_pole_of_beta(a, b), to_ends(x, 0, 1)))  # fmt: skip
def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """``x**(a - 1) (1 - x)**(b - 1) / beta(a, b)``."""
    return np.exp(sc.xlogy(a - 1, x) + sc.xlog1py(b - 1, -x) - sc.betaln(a, b))


@primitive(x=lambda g, x, out, scale: product(product(g, out), 2 * scale * x))
def _exp_of_square(x: Any, *, scale: float) -> Any:
    """``exp(scale * x**2)``; where that is infinite, a zero cotangent stays zero."""
    return np.exp(scale * x * x)


@primitive(x=lambda g, x, out: -product(g * out, x + out))
def _inverse_mills_ratio(x: Any) -> Any:
    """``phi(x) / Phi(x)`` of the normal distribution: neither underflows nor cancels in the tails."""
    return math.sqrt(2 / math.pi) / sc.erfcx(x * -(0.5**0.5))


def _of_real(function: str, x: Any) -> Any:
    if x.dtype.kind == "c":
        raise NotImplementedError(f"scipy.special.{function} of complex numbers is not analytic, and has no rule here")
    return x


def _slope_of_boxcox(log_x: Any, lmbda: Any) -> Any:
    """``boxcox(x, lmbda) = log(x) exprel(lmbda log(x))``, differentiated by ``lmbda``: smooth at 0."""
    return 0.5 * log_x * log_x * sc.hyp1f1(2, 3, lmbda * log_x)


def _expn_below(n: Any, x: Any) -> Any:
    """``expn(n - 1, x)``, also at ``n = 0``."""
    first = np.exp(-x) * (1 + 1 / x) / x
    return np.where(n > 0, sc.expn(n - 1, x), first)


def _sinhc(x: Any) -> Any:
    """``sinh(x) / x``, a power series in ``x**2``: also at 0."""
    return sc.hyp0f1(1.5, 0.25 * x * x)


def _slope_of_spence(z: Any) -> Any:
    """``log(z) / (1 - z)``, and near 1, where it is 0/0, as a power series."""
    near = np.absolute(z - 1) < 0.5
    one = np.ones_like(np.real(z))  # of the precision of z: Python's numbers are not weak to this ufunc
    series = -sc.hyp2f1(one, one, 2 * one, np.where(near, 1 - z, 0))
    return np.where(near, series, quotient(np.log(z), np.where(near, 2, 1 - z)))


def _struve_term(v: Any, x: Any) -> Any:
    return (0.5 * x) ** v * (sc.rgamma(v + 1.5) / _SQRT_PI)


# --- where they are not smooth
def _to_pole_of_beta(a: Any, b: Any) -> Any:
    """Poles of gamma, the zeros of its reciprocal among them, where the rules have 0 times infinity."""
    return nearest(to_pole_of_gamma(a), to_pole_of_gamma(b), to_pole_of_gamma(a + b) / 2)


def _of_order(v: Any, x: Any) -> Any:
    """Of a whole order, the functions that are finite at 0 are smooth everywhere."""
    return np.where(v == np.rint(v), np.inf, to_cut(x))


def _to_cut_of_omega(z: Any) -> Any:
    """In the complex plane, there are cuts to the left of ``-1 + pi * 1j`` and ``-1 - pi * 1j``."""
    return to_cut(z + 1 - 1j * np.copysign(math.pi, np.imag(z))) if np.iscomplexobj(z) else np.inf


def _to_branch_point(z: Any, k: Any) -> Any:
    """The main branch ends at ``-1 / e``, all others also at 0."""
    return nearest(to_cut(z + math.exp(-1)), np.where(k == 0, np.inf, to_cut(z)))


# --- functions that are not ufuncs: tinygrad_np.special gives them SciPy's signatures
@primitive(x=lambda g, x, n: product(g, polygamma(x, n=n + 1)), kink=to_pole_of_gamma)
def polygamma(x: Any, *, n: int) -> Any:
    """The ``n``-th derivative of psi."""
    if n == 0:
        return sc.psi(x)
    return (-1.0) ** (n + 1) * math.factorial(n) * sc.zeta(n + 1, x)
