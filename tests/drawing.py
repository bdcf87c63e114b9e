"""Operands of an operation: where their elements lie in memory, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from derivatives import Array, tensor
from hypothesis import strategies as st
from rows import Case

LAYOUTS = ("C", "transposed", "reversed", "sliced", "readonly")


def laid_out(array: Array, layout: str) -> Array:
    """The same values in other places of memory."""
    if layout == "transposed":
        return array.T.copy().T
    if layout == "reversed" and array.ndim:
        return np.flip(np.flip(array).copy())
    if layout == "sliced" and array.ndim:
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 99, array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    array = np.array(array)
    array.flags.writeable = layout != "readonly"
    return array


@st.composite
def operands(draw: Any, case: Case, arrays: Sequence[Array]) -> tuple[list[Any], list[int]]:
    """Tensors that require a gradient, others, ndarrays and Python scalars; and the positions of the first of these."""
    candidates = case.differentiable(arrays)
    wrt = sorted(draw(st.sets(st.sampled_from(candidates), min_size=1)))
    found: list[Any] = []
    for i, array in enumerate(arrays):
        array = laid_out(array, draw(st.sampled_from(LAYOUTS)))
        kinds = ["Tensor", "ndarray"] + ["scalar"] * (case.scalars and array.ndim == 0)
        kind = "leaf" if i in wrt else draw(st.sampled_from(kinds))
        found.append(
            array if kind == "ndarray" else array.item() if kind == "scalar" else tensor(array, kind == "leaf")
        )
    return found, wrt
