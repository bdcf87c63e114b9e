"""Rows: arithmetic, elementary functions, choice; comparison, logic and bits, which are piecewise constant."""

from __future__ import annotations

import operator

import numpy as np
from hypothesis import strategies as st

from rows.adapters import as_tensor, method
from rows.calls import one_array
from rows.case import flat, row
from rows.domains import (
    any_real,
    between,
    booleans,
    inside,
    integers,
    lattice,
    nonzero,
    not_powers_of_two,
    positive,
    powers_of_two,
    reals,
    with_zeros,
)
from tinygrad_np.rules import elementwise

# --- arithmetic
row(np.add, any_real, any_real, spellings=(operator.add,))
row(np.subtract, any_real, any_real, spellings=(operator.sub,))
row(np.multiply, any_real, any_real, spellings=(operator.mul,))
row(np.divide, any_real, nonzero, spellings=(operator.truediv,))
row(np.positive, any_real, spellings=(operator.pos,))
row(np.negative, any_real, spellings=(operator.neg,))
row(np.reciprocal, nonzero)
row(np.absolute, nonzero, spellings=(operator.abs,))
row(np.fabs, nonzero)
row(np.conjugate, any_real)
row(np.remainder, between, powers_of_two, spellings=(operator.mod,))
row(np.fmod, between, powers_of_two)
row(np.divmod, between, powers_of_two, spellings=(divmod,))
row(np.modf, between, integers=False)
row(np.frexp, not_powers_of_two, of=(np.frexp, elementwise.exponent), integers=False)
row(np.ldexp, any_real, integers(-3, 3), scalars=False)
row(np.copysign, nonzero, nonzero, wrt=(0,))
row(np.nextafter, nonzero, nonzero, wrt=(0,))
row(np.hypot, nonzero, any_real)
row(elementwise.quotient, with_zeros, nonzero, reference=np.divide, integers=False, special=False)

# --- powers, roots, exponentials, logarithms
row(np.power, positive, any_real, spellings=(operator.pow,))
row(np.power, nonzero, integers(-3, 3), name="power of a negative number", integers=False)
row(np.float_power, positive, any_real)
for exponent in (-2, -1, 0, 1, 2, 3, 0.5, 2.0, 2.5):
    domain = any_real if isinstance(exponent, int) and exponent >= 0 else positive
    row(lambda x, p=exponent: x**p, domain, of=np.power, name=f"x**{exponent}", integers=False)
row(np.square, any_real)
row(np.sqrt, positive)
row(np.cbrt, nonzero)
for ufunc in (np.exp, np.exp2, np.expm1):
    row(ufunc, any_real)
for ufunc in (np.log, np.log2, np.log10):
    row(ufunc, positive)
row(np.log1p, inside)
row(np.logaddexp, any_real, any_real)
row(np.logaddexp2, any_real, any_real)

# --- trigonometric and hyperbolic
for ufunc in (np.sin, np.cos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh):
    row(ufunc, any_real)
for ufunc in (np.degrees, np.rad2deg, np.radians, np.deg2rad):
    row(ufunc, any_real)
for ufunc in (np.tan, np.arcsin, np.arccos, np.arctanh):
    row(ufunc, inside)
row(np.arccosh, reals(1.4, 3))
row(np.arctan2, any_real, nonzero)

# --- choice
row(np.maximum, between, lattice(0))
row(np.minimum, between, lattice(0))
row(np.fmax, between, lattice(0))
row(np.fmin, between, lattice(0))
row(np.heaviside, nonzero, any_real, wrt=(1,))
row(np.heaviside, integers(-1, 1), any_real, name="heaviside at 0", scalars=False)
row(np.where, booleans, any_real, any_real, of=(np.where, elementwise.where), scalars=True)
flat(lambda a: np.where(a), integers(0, 1), of=np.where, calls=one_array(min_dims=1), name="where of a condition")
row(np.clip, lattice(0), lattice(1 / 3), lattice(2 / 3), of=(np.clip, elementwise.clip), scalars=True)
row(lambda a, low: np.clip(a, low, None), lattice(0), between, of=np.clip, name="clip from below",
    spellings=(lambda a, low: as_tensor(a).clip(min=low),))  # fmt: skip
row(lambda a, high: np.clip(a, None, high), lattice(0), between, of=np.clip, name="clip from above",
    spellings=(lambda a, high: as_tensor(a).clip(max=high),))  # fmt: skip
flat(np.clip, booleans, booleans, booleans, name="clip of booleans")
flat(lambda a, low: np.clip(a, low, None), booleans, booleans, of=np.clip, name="clip of booleans from below")
flat(lambda a, high: np.clip(a, None, high), booleans, booleans, of=np.clip, name="clip of booleans from above")

# --- rounding, comparison, logic, bits: piecewise constant
for ufunc in (np.floor, np.ceil, np.trunc, np.rint, np.sign, np.signbit, np.isnan, np.isinf, np.isfinite,
              np.logical_not, np.spacing):  # fmt: skip
    flat(ufunc, between)
flat(np.round, lattice(0.02), calls=one_array(decimals=st.integers(0, 1)), spellings=(method("round"),))
flat(np.around, lattice(0.02), calls=one_array(decimals=st.integers(0, 1)))
flat(np.fix, between)
flat(np.floor_divide, between, powers_of_two, spellings=(operator.floordiv,))
for ufunc, spelling in ((np.equal, operator.eq), (np.not_equal, operator.ne), (np.less, operator.lt),
                        (np.less_equal, operator.le), (np.greater, operator.gt),
                        (np.greater_equal, operator.ge)):  # fmt: skip
    flat(ufunc, lattice(0), between, spellings=(spelling,))
    flat(ufunc, integers(-1, 1), integers(-1, 1), name=f"{ufunc.__name__} of integers", spellings=(spelling,))
for ufunc in (np.logical_and, np.logical_or, np.logical_xor):
    flat(ufunc, booleans, booleans)
for ufunc, spelling in ((np.bitwise_and, operator.and_), (np.bitwise_or, operator.or_), (np.bitwise_xor, operator.xor)):
    flat(ufunc, integers(-5, 5), integers(-5, 5), spellings=(spelling,))
for ufunc in (np.left_shift, np.right_shift):
    flat(ufunc, integers(-5, 5), integers(0, 3))
for ufunc in (np.gcd, np.lcm):
    flat(ufunc, integers(-6, 6), integers(-6, 6))
flat(np.invert, integers(-5, 5), spellings=(operator.invert,))
flat(np.bitwise_count, integers(-5, 5))

# --- facts
for function in (np.array2string, np.array_repr, np.array_str, np.min_scalar_type, np.isneginf, np.isposinf):
    flat(function, integers(-3, 3), integers=False)
flat(np.common_type, any_real)
flat(np.packbits, booleans, calls=one_array(min_dims=1), integers=False)
flat(lambda a: np.unpackbits(a.astype(np.uint8)), integers(0, 9), of=np.unpackbits, integers=False)
flat(np.diag_indices_from, any_real, calls=st.just((((3, 3),), {})))
flat(lambda a: np.ravel_multi_index((a, a), (4, 4)), integers(0, 3), of=np.ravel_multi_index, integers=False)
flat(np.unravel_index, integers(0, 5), calls=one_array(shape=st.just((2, 3))), integers=False)
for function in (np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj):
    flat(lambda a, f=function: f(a * 1j), booleans, of=function, integers=False)
