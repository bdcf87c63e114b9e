"""Rows of the table of cases: Fourier transforms. Complex operands and results are taken apart into real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.adapters import apart
from rows.calls import axes_of, axis_of, one_array, shape
from rows.case import row
from rows.domains import any_real
from tinygrad_np.rules import fft

NORMS = st.sampled_from([None, "backward", "ortho", "forward"])


@st.composite
def along_one(draw: Any, operands: int, inverse: bool = False) -> Any:
    """One signal, its axis, and a length to crop or to pad it to."""
    s = draw(shape(min_dims=1, min_side=1, max_side=5))
    axis = draw(axis_of(s))
    lengths = st.integers(1, 7) | st.none() if s[axis] > inverse else st.integers(1, 7)
    return (s,) * operands, {"axis": axis, "n": draw(lengths), "norm": draw(NORMS)}


@st.composite
def along_several(draw: Any, operands: int, inverse: bool = False, count: int | None = None) -> Any:
    """One signal with several axes, some of these (one may come twice), and lengths."""
    s = draw(shape(min_dims=count or 1, min_side=1, max_side=4))
    if count:
        axes = draw(st.permutations(range(-len(s), 0)))[:count]
    else:
        axes = draw(st.none() | st.lists(axis_of(s), min_size=1, max_size=3))
    options = {"axes": axes, "norm": draw(NORMS)}
    last = s[-1] if axes is None else s[axes[-1]]
    if axes is not None and (draw(st.booleans()) or (inverse and last == 1)):
        options["s"] = [draw(st.integers(1, 5) | st.just(-1)) for _ in axes[:-1]] + [draw(st.integers(1, 5))]
    elif inverse and last == 1:
        s = (*s[:-1], 2)
    return (s,) * operands, options


for function, real_operand, inverse in (
    (np.fft.fft, False, False), (np.fft.fft, True, False), (np.fft.ifft, False, False), (np.fft.ifft, True, False),
    (np.fft.rfft, True, False), (np.fft.ihfft, True, False),
    (np.fft.irfft, False, True), (np.fft.irfft, True, True), (np.fft.hfft, False, True),
):  # fmt: skip
    row(
        apart(function, real_operand), any_real, any_real, of=function, exact=False,
        calls=along_one(1 if real_operand else 2, inverse),
    )  # fmt: skip

for function, real_operand, inverse, count in (
    (np.fft.fftn, False, False, None), (np.fft.ifftn, False, False, None), (np.fft.fft2, False, False, 2),
    (np.fft.ifft2, False, False, 2), (np.fft.rfftn, True, False, None), (np.fft.rfft2, True, False, 2),
    (np.fft.irfftn, False, True, None), (np.fft.irfft2, False, True, 2), (np.fft.fftn, True, False, None),
):  # fmt: skip
    row(
        apart(function, real_operand), any_real, any_real, of=function, exact=False,
        calls=along_several(1 if real_operand else 2, inverse, count),
    )  # fmt: skip

for function in (np.fft.fftshift, np.fft.ifftshift):
    row(function, any_real, calls=one_array(min_dims=1, axes=lambda s: st.none() | axes_of(s, 1) | axis_of(s)))

OWN = (fft,)  # modules whose operations have rows here
