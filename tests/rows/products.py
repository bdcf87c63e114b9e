"""Rows: products of arrays."""

from __future__ import annotations

import operator
from itertools import permutations
from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.adapters import method
from rows.calls import generalized, reshaped, shape
from rows.case import row
from rows.domains import Shape, any_real
from tinygrad_np.rules import linalg


@st.composite
def dotted(draw: Any, inner: bool = False) -> Any:
    """Two arrays that ``np.dot`` (or ``np.inner``) accepts."""
    a, b = draw(shape()), draw(shape())
    if a and b:
        axis = -1 if inner else max(-2, -len(b))
        b = (*b[: len(b) + axis], a[-1], *b[len(b) + axis + 1 :])
    return (a, b), {}


@st.composite
def contracted(draw: Any) -> Any:
    """Two arrays and the axes over which ``np.tensordot`` sums."""
    over, rows, columns = (draw(shape(max_dims=2)) for _ in range(3))
    if draw(st.booleans()):
        return (rows + over, over + columns), {"axes": len(over)}

    def placed(kept: Shape) -> tuple[Shape, list[int]]:
        order = draw(st.sampled_from(list(permutations(range(len(kept) + len(over))))))
        lengths = kept + over
        axes = [order.index(i) for i in range(len(kept), len(lengths))]
        return tuple(lengths[i] for i in order), [i - draw(st.sampled_from([0, len(order)])) for i in axes]

    (a, over_a), (b, over_b) = placed(rows), placed(columns)
    return (a, b), {"axes": (over_a[0], over_b[0]) if len(over) == 1 and draw(st.booleans()) else (over_a, over_b)}


SUBSCRIPTS = (
    "i->", "ij->ji", "ij->i", "ii->i", "ii", "iji->j", "iij->ji", "ij,jk->ik", "ij,jk", "ij,ij->", "i,j->ij", "i,i,i",
    "bij,bjk->bik", "ij,jk,kl->il", "ii,i->i", "ab,cd->", "ij,k->j", ",i->i", "ba,b", "...", "...i->...", "i...->...i",
    "...i,...i->...", "...ij,jk...->...ik", "...ij,...jk", "i...,j->j...", "ij -> ji", "ij,ij,ij->j",
)  # fmt: skip


@st.composite
def summed_by_labels(draw: Any, sublists: bool = False) -> Any:
    """Subscripts, and arrays that fit them: a label has one length, but 1 stretches; so does what ... stands for."""
    subscripts = draw(st.sampled_from([s for s in SUBSCRIPTS if not sublists or " " not in s]))
    terms = subscripts.replace(" ", "").partition("->")[0].split(",")
    lengths = {label: draw(st.integers(0, 3)) for label in "".join(terms).replace(".", "")}
    dots = draw(shape(max_dims=2))

    def length(term: str, label: str) -> int:
        return 1 if term.count(label) == 1 and draw(st.integers(0, 5)) == 0 else lengths[label]

    found = []
    for term in terms:
        before, ellipsis, after = term.partition("...")
        middle = dots[draw(st.integers(0, len(dots))) :] if ellipsis and len(terms) > 1 else dots if ellipsis else ()
        found.append((*(length(term, x) for x in before), *middle, *(length(term, x) for x in after)))
    return found, {"subscripts": subscripts, "optimize": draw(st.booleans())}


def _einsum(*operands: Any, subscripts: str, optimize: bool) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum_sublists(*operands: Any, subscripts: str, optimize: bool) -> Any:
    def numbers(term: str) -> list[Any]:
        return [Ellipsis if c == "." else ord(c) - ord("a") for c in term.replace("...", ".")]

    terms, arrow, output = subscripts.partition("->")
    pairs = [x for pair in zip(operands, map(numbers, terms.split(",")), strict=True) for x in pair]
    return np.einsum(*pairs, *([numbers(output)] if arrow else []), optimize=optimize)


# --- products
row(np.matmul, any_real, calls=generalized("(n?,k),(k,m?)->(n?,m?)"), spellings=(operator.matmul,), exact=False)
row(np.vecdot, any_real, calls=generalized("(n),(n)->()"), exact=False)
row(np.dot, any_real, calls=dotted(), spellings=(method("dot"),), exact=False)
row(np.vdot, any_real, calls=reshaped().map(lambda c: ((c[0][0], np.zeros(c[0][0]).reshape(c[1]["shape"]).shape), {})),
    exact=False)  # fmt: skip
row(np.inner, any_real, calls=dotted(inner=True), exact=False)
row(np.outer, any_real, calls=st.tuples(shape(), shape()).map(lambda s: (s, {})))
row(np.linalg.outer, any_real, calls=st.tuples(shape(1, 1), shape(1, 1)).map(lambda s: (s, {})))
for function in (np.tensordot, np.linalg.tensordot):
    row(function, any_real, calls=contracted(), exact=False)
row(_einsum, any_real, calls=summed_by_labels(), of=(np.einsum, linalg.einsum), exact=False)
row(_einsum_sublists, any_real, calls=summed_by_labels(sublists=True), of=np.einsum, name="einsum of sublists",
    exact=False)  # fmt: skip
