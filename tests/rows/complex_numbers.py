"""Rows: functions of complex numbers, taken apart into real and imaginary parts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.adapters import apart
from rows.case import row
from rows.domains import Shape, nonzero
from tinygrad_np.rules.complex import direction


def three(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers near 0.5, -1.2 and 2.1."""
    return np.array([0.5, -1.2, 2.1]) + rng.uniform(-0.2, 0.2, shape)


def complex_row(function: Any, name: str = "", of: Any = ()) -> None:
    """Enter a function of three complex numbers, by its real and its imaginary part."""

    row(apart(function), three, nonzero, calls=st.just((((3,), (3,)), {})), integers=False, exact=False, of=of,
        name=f"complex {name or function.__name__}")  # fmt: skip


for function in (np.real, np.imag, np.angle, np.real_if_close):
    complex_row(function, of=function)
complex_row(np.sign, of=direction)
for function in (np.cumsum, np.cumprod, np.sort, np.average, np.gradient, np.poly, np.sinc):
    complex_row(function)
for function in (np.nansum, np.nanmean, np.nanvar, np.nan_to_num):
    complex_row(function)
complex_row(np.divide.accumulate, "divide.accumulate")
complex_row(lambda z: np.var(z, where=[True, False, True]), "var of some")
complex_row(lambda z: np.convolve(z, z[::-1] * z[0]), "convolve")
complex_row(lambda z: np.correlate(z, z, "same"), "correlate")
complex_row(lambda z: np.cov([1j, 2, 3] * z[:, None] + z * z[0]), "cov")
complex_row(lambda z: np.corrcoef(z[:, None] * z + z), "corrcoef")
complex_row(lambda z: np.interp([0.3, 1.6], [0, 1, 2], z), "interp")
complex_row(lambda z: np.polyval(z, z), "polyval")
complex_row(lambda z: np.sum(np.roots(z) ** 3), "roots")
complex_row(lambda z: np.histogram([0, 0, 1], 2, weights=z.astype(np.complex128))[0], "histogram")
complex_row(lambda z: np.take_along_axis(z, np.array([0, 0, 2]), 0), "take_along_axis")
complex_row(lambda z: np.geomspace(z[0], z[1], 4), "geomspace")
complex_row(lambda z: np.select([[True, False, True]], [z], z * z), "select")
