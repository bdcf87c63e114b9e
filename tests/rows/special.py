"""Rows of the table of cases: SciPy's special functions. Without SciPy there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.adapters import apart, single
from rows.calls import one_array
from rows.case import flat, row
from rows.domains import Domain, any_real, integers, lattice, nonzero, positive, reals

try:
    import scipy.special as sc
except ModuleNotFoundError:
    OWN = ()
else:
    from tinygrad_np.rules import special

    OWN = (special,)  # modules whose operations have rows here

unit = reals(0.2, 0.8)
far = reals(1.5, 4)


def between(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Positive numbers, and negative ones that are not near an integer: away from the poles of gamma."""
    return np.where(rng.random(shape) < 0.5, lattice(0.5)(rng, shape), positive(rng, shape))


def family(name: str, ufuncs: Sequence[Any], *domains: Domain, wrt: tuple[int, ...] | None = None) -> None:
    """One row for functions of the same operands: all of their results together."""
    of = tuple(getattr(sc._ufuncs, f"_{u.__name__}", u) for u in ufuncs)  # zeta and lambertw wrap ufuncs
    row(single(lambda *x: tuple(u(*x) for u in ufuncs)), *domains, of=of, name=name, wrt=wrt, exact=False)


def _rows() -> None:
    family("gamma", (sc.gamma, sc.gammaln, sc.psi), between)
    family("gamma of positive numbers", (sc.loggamma, sc.rgamma, sc.gammasgn), positive)
    family("rgamma", (sc.rgamma,), reals(-3.2, 3.2))
    family("erf", (sc.erf, sc.erfc, sc.erfcx, sc.erfi, sc.dawsn, sc.ndtr, sc.log_ndtr), any_real)
    family("inverses of erf", (sc.erfinv, sc.erfcinv, sc.ndtri), unit)
    family("tails of the normal distribution", (sc.log_ndtr, sc.ndtri_exp), reals(-9, -0.4))
    family("Bessel, entire", (sc.j0, sc.j1, sc.i0, sc.i1, sc.airy), any_real)
    family("Bessel, scaled", (sc.i0e, sc.i1e), nonzero)
    family("Bessel, singular at 0", (sc.y0, sc.y1, sc.k0, sc.k1, sc.k0e, sc.k1e), far)
    of_an_order = (sc.jv, sc.yv, sc.iv, sc.kv, sc.ive, sc.kve, sc.yn, sc.kn, sc.expn)
    family("Bessel of an order", of_an_order, integers(0, 3), far, wrt=(1,))
    family("Struve", (sc.struve, sc.modstruve), integers(0, 3), far, wrt=(1,))
    family("logistic", (sc.expit, sc.log_expit, sc.exprel, sc.wrightomega), any_real)
    family("of probabilities", (sc.logit, sc.entr, sc.spence), unit)
    family("entropy", (sc.rel_entr, sc.kl_div, sc.xlogy, sc.xlog1py), positive, positive)
    family("powers", (sc.boxcox, sc.boxcox1p, sc.powm1, sc.pseudo_huber), positive, any_real)
    family("inv_boxcox", (sc.inv_boxcox,), positive, integers(1, 2), wrt=(0,))
    family("huber", (sc.huber,), lambda rng, shape: np.abs(lattice(0.5)(rng, shape)), lattice(0))
    family("elementary", (sc.exp2, sc.exp10, sc.expm1, sc.cosm1, sc.sindg, sc.cosdg, sc.tandg, sc.fresnel), any_real)
    family("integrals", (sc.expi, sc.exp1, sc.sici, sc.shichi, sc.cbrt, sc.log1p, sc.cotdg), far)
    family("beta", (sc.beta, sc.betaln, sc.poch), positive, positive)
    family("of two reals", (sc.owens_t,), any_real, any_real)
    family("binom", (sc.binom,), far, unit)
    family("gammainc", (sc.gammainc, sc.gammaincc, sc.hyp0f1), integers(1, 3), positive, wrt=(1,))
    family("inverse of gammainc", (sc.gammaincinv, sc.gammainccinv), integers(1, 3), unit, wrt=(1,))
    family("betainc", (sc.betainc, sc.betaincc), integers(1, 3), integers(1, 3), unit, wrt=(2,))
    family("inverse of betainc", (sc.betaincinv, sc.betainccinv), integers(2, 3), integers(2, 3), unit, wrt=(2,))
    family("hyp1f1", (sc.hyp1f1,), integers(-2, 3), integers(1, 3), any_real, wrt=(2,))
    family("hyp2f1", (sc.hyp2f1,), integers(-2, 3), integers(-2, 3), integers(1, 3), reals(-0.6, 0.6), wrt=(3,))
    family("zeta", (sc.zeta,), integers(2, 4), positive, wrt=(1,))
    row(apart(sc.lambertw, real_operands=True), reals(-0.2, 2), of=sc._ufuncs._lambertw, name="lambertw", exact=False)
    for ufunc in (sc.wofz, sc.erf):
        row(apart(ufunc), positive, positive, of=ufunc, name=f"{ufunc.__name__} of complex numbers", exact=False)
    row(
        lambda z, n: apart(lambda z: sc.hankel1(n, z) + sc.hankel2(n + 1, z) * 2j, real_operands=True)(z), far,
        calls=one_array(n=st.integers(0, 2)), of=(sc.hankel1, sc.hankel2), name="hankel", exact=False,
    )  # fmt: skip
    flat(sc.round, lattice(0.2))

    row(special.product, any_real, any_real, reference=np.multiply, integers=False, special=False)
    row(special._exp_of_square, any_real, calls=one_array(scale=st.sampled_from([0.5, 1.0])), integers=False,
        reference=lambda x, scale: np.exp(scale * x * x))  # fmt: skip
    for density, domains in ((special._gamma_density, (positive, positive)),
                             (special._beta_density, (positive, positive, unit))):  # fmt: skip
        row(single(density), *domains, of=density, integers=False, exact=False,
            reference=single(density.forward))  # fmt: skip
    row(special._inverse_mills_ratio, reals(-5, 3), integers=False, exact=False,
        reference=lambda x: float(np.sqrt(2 / np.pi)) / sc.erfcx(x * -float(np.sqrt(0.5))))  # fmt: skip
    row(single(special.polygamma), positive, of=special.polygamma,
        calls=one_array(n=st.integers(0, 3)), integers=False, exact=False,
        reference=single(lambda x, n: np.asarray(sc.polygamma(n, x)).astype(x.dtype)))  # fmt: skip


if OWN:
    _rows()
