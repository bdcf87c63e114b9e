"""How an operation is called: strategies for the shapes of its operands and for options that fit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from rows.domains import Shape

Calls = st.SearchStrategy[tuple[Sequence[Shape], dict[str, Any]]]


def shape(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> st.SearchStrategy[Shape]:
    """The shape of one array."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable(n: int) -> Calls:
    """Shapes of ``n`` arrays that broadcast against each other."""
    if n == 1:
        return shape().map(lambda s: ((s,), {}))
    return hnp.mutually_broadcastable_shapes(num_shapes=n, min_side=0, max_side=3, max_dims=3).map(
        lambda found: (found.input_shapes, {})
    )


@st.composite
def one_array(draw: Any, min_side: int = 0, min_dims: int = 0, max_dims: int = 3, **options: Any) -> Any:
    """One array, and each option drawn by a function of its shape (or simply drawn)."""
    s = draw(shape(min_dims, max_dims, min_side))
    return (s,), {key: draw(option(s) if callable(option) else option) for key, option in options.items()}


def axis_of(s: Shape) -> st.SearchStrategy[int]:
    """One axis, counted from either end."""
    return st.integers(-len(s), len(s) - 1)


def axes_of(s: Shape, min_size: int = 0) -> st.SearchStrategy[Any]:
    """Several axes, each counted from either end."""
    chosen = st.lists(st.sampled_from(range(len(s))), unique=True, min_size=min_size) if s else st.just([])
    return chosen.flatmap(lambda axes: st.tuples(*(st.sampled_from([i, i - len(s)]) for i in axes)))


@st.composite
def reduced(draw: Any, min_count: int = 0, axes: str = "any", filled: bool = False, **options: Any) -> Any:
    """One array, axis and keepdims, so that a reduction puts at least ``min_count`` elements together.

    With ``filled``, the array is not empty, and the axes are not none at all.
    """
    s = draw(shape({"any": int(min_count > 1), "one": 1, "two": 2}[axes], min_side=int(filled)))
    kinds = [st.none()] if axes == "any" or len(s) == {"one": 1, "two": 2}[axes] else []
    if axes != "two" and s:
        kinds += [axis_of(s), axis_of(s).map(np.int64)]
    if axes == "any":
        kinds += [axes_of(s, min_size=int(min_count > 1 or filled))] * (len(s) >= filled)
    if axes == "two":
        kinds.append(axes_of(s, min_size=2).map(lambda found: found[:2]))
    axis = draw(st.one_of(kinds)) if kinds else None
    over = range(len(s)) if axis is None else [i % len(s) for i in np.atleast_1d(axis).astype(int)]
    s = tuple(max(n, min_count) if i in over else n for i, n in enumerate(s))
    drawn = {key: draw(option) for key, option in ({"keepdims": st.booleans()} | options).items()}
    drawn |= {} if axis is None and draw(st.booleans()) else {"axis": axis}
    return (s,), {key: x for key, x in drawn.items() if x is not False or draw(st.booleans())}


@st.composite
def along_axis(draw: Any, min_side: int = 1, **options: Any) -> Any:
    """One array and an axis."""
    s = draw(shape(min_dims=1, min_side=min_side))
    return (s,), {"axis": draw(axis_of(s)), **{key: draw(option) for key, option in options.items()}}


@st.composite
def joined(draw: Any, min_dims: int = 1, flat: bool = False, axis: int | None = None, new_axis: bool = False) -> Any:
    """Several arrays to be joined along an axis."""
    s = draw(shape(min_dims=min_dims, max_dims=3))
    n = draw(st.integers(1, 3))
    if flat and draw(st.booleans()):
        return [draw(shape()) for _ in range(n)], {"axis": None}
    if new_axis:
        return [s] * n, {"axis": draw(st.integers(-len(s) - 1, len(s)))}
    at = draw(axis_of(s)) if axis is None else min(axis, len(s) - 1)
    lengths = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    found = [tuple(length if i == at % len(s) else m for i, m in enumerate(s)) for length in lengths]
    return found, {"axis": at} if axis is None else {}


@st.composite
def reshaped(draw: Any) -> Any:
    """One array, and another shape for as many elements."""
    s = draw(shape())
    size = int(np.prod(s))
    factors = [(size,), (1, size), (size, 1, 1)] + [(k, size // k) for k in range(1, size) if size % k == 0]
    new = draw(st.sampled_from(factors + ([s] if s else [()])))
    if size and new and draw(st.booleans()):
        new = (*new[:-1], -1)
    return (s,), {"shape": new}


def generalized(signature: str, **options: Any) -> Calls:
    """Shapes for a generalized ufunc."""
    return hnp.mutually_broadcastable_shapes(signature=signature, min_side=0, max_side=3, max_dims=2).map(
        lambda found: (found.input_shapes, {})
    )


@st.composite
def flattened_or_along(draw: Any, min_side: int = 0, min_dims: int = 0, **options: Any) -> Any:
    """One array, and an axis or None."""
    s = draw(shape(min_side=min_side, min_dims=min_dims))
    axis = draw(st.none() | axis_of(s)) if s else None
    return (s,), {"axis": axis, **{key: draw(option) for key, option in options.items()}}


@st.composite
def lines(draw: Any, *others: str, min_side: int = 1, max_side: int = 5, **options: Any) -> Any:
    """Several arrays of one shape, and an axis: of ``others``, "line" is a vector of the length of the axis."""
    s = draw(shape(min_dims=1, min_side=min_side, max_side=max_side))
    axis = draw(axis_of(s))
    kinds = {"same": s, "line": (s[axis],), "scalar": ()}
    found = (s, *(kinds[other] for other in others))
    return found, {"axis": axis, **{key: draw(option) for key, option in options.items()}}


@st.composite
def masked(draw: Any, min_count: int = 0, full: bool = False, filled: bool = False, **options: Any) -> Any:
    """A reduction, and a mask of its shape; without ``full``, one that broadcasts."""
    (s,), found = draw(reduced(min_count, filled=filled))
    return (s, s if full else s[draw(st.integers(0, len(s))) :]), {"axis": None, "keepdims": False} | found | {
        key: draw(option) for key, option in options.items()
    }


@st.composite
def two_vectors(draw: Any, low: int = 1, **options: Any) -> Any:
    """Two vectors, and options."""
    found = tuple((draw(st.integers(low, 5)),) for _ in range(2))
    return found, {key: draw(option) for key, option in options.items()}
