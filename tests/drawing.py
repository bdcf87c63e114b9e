"""Operands of an operation: Tensors that require a gradient, others, arrays and scalars, anywhere in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derivatives import Array
from hypothesis import strategies as st
from rows import Case

from tinygrad_np.testing.strategies import laid_out, layouts, tensor_of


@st.composite
def operands(draw: Any, case: Case, arrays: Sequence[Array]) -> tuple[list[Any], list[int]]:
    """The operands, and the positions of those that require a gradient."""
    candidates = case.differentiable(arrays)
    wrt = sorted(draw(st.sets(st.sampled_from(candidates), min_size=1)))
    found: list[Any] = []
    for i, array in enumerate(arrays):
        array = laid_out(array, draw(layouts()))
        kinds = ["Tensor", "ndarray"] + ["scalar"] * (case.scalars and array.ndim == 0)
        kind = "leaf" if i in wrt else draw(st.sampled_from(kinds))
        found.append(
            array if kind == "ndarray" else array.item() if kind == "scalar" else tensor_of(array, kind == "leaf")
        )
    return found, wrt
