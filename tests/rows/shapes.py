"""Rows: functions that arrange elements in another shape, and that make arrays."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from rows.adapters import as_tensor, method
from rows.calls import along_axis, axes_of, axis_of, broadcastable, joined, one_array, reshaped, shape
from rows.case import flat, row
from rows.domains import any_real, booleans, inside, integers, positive
from tinygrad_np import Tensor
from tinygrad_np.rules import ranges, shapes


@st.composite
def squeezed(draw: Any) -> Any:
    """One array with axes of length one, and some of these."""
    s = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=2))
    ones = [i for i, n in enumerate(s) if n == 1]
    some = st.lists(st.sampled_from(ones), unique=True).map(tuple) if ones else st.just(())
    return (s,), {"axis": draw(st.none() | some)}


@st.composite
def stretched(draw: Any) -> Any:
    """One array, and a shape that it broadcasts to."""
    found = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3))
    return found.input_shapes[:1], {"shape": found.result_shape}


@st.composite
def split_at(draw: Any, even: bool, axis: int | None = None) -> Any:
    """One array, an axis and places to cut it: a number of equal pieces, or positions."""
    s = draw(shape(min_dims=1 if axis is None else max(2, axis + 1), max_side=4))
    at = draw(axis_of(s)) if axis is None else axis
    if draw(st.booleans()):
        pieces: Any = draw(st.sampled_from([k for k in range(1, 5) if not even or s[at] % k == 0]))
    else:
        pieces = draw(st.lists(st.integers(-1, 5), max_size=3).map(sorted))
    return (s,), {"indices_or_sections": pieces} | ({"axis": at} if axis is None else {})


@st.composite
def rolled(draw: Any) -> Any:
    """One array, shifts, and the axes to shift along."""
    s = draw(shape())
    axis = draw(st.none() | axes_of(s)) if s else None
    some = st.integers(-4, 4)
    return (s,), {"axis": axis, "shift": draw(some) if axis is None else tuple(draw(some) for _ in axis)}


@st.composite
def repeated(draw: Any) -> Any:
    """One array, an axis, and how often to repeat each element."""
    s = draw(shape(min_side=0))
    axis = draw(st.none() | axis_of(s)) if s else None
    n = int(np.prod(s)) if axis is None else s[axis]
    each = st.lists(st.integers(0, 2), min_size=n, max_size=n)
    return (s,), {"axis": axis, "repeats": draw(st.integers(0, 3) | each)}


@st.composite
def padded(draw: Any, *modes: str, **options: Any) -> Any:
    """One array, and how much to surround it with."""
    s = draw(shape(min_side=0 if modes == ("constant",) else 1))
    width = st.integers(0, 2)
    pair = st.tuples(width, width)
    widths = [width, pair, st.tuples(*(pair for _ in s))] if s else [width]
    if s:
        widths += [st.fixed_dictionaries({0: width, -1: pair})] * (np.lib.NumpyVersion(np.__version__) >= "2.2.0")
    mode = draw(st.sampled_from(modes))
    return (s,), {"pad_width": draw(st.one_of(widths)), "mode": mode} | {k: draw(o) for k, o in options.items()}


def _filled(a: Any, v: Any) -> Any:
    return np.full_like(as_tensor(a) if isinstance(v, Tensor) else a, v)


# --- shapes
row(np.reshape, any_real, calls=reshaped(), of=(np.reshape, shapes.reshape),
    spellings=(lambda a, shape: a.reshape(shape), lambda a, shape: a.reshape(*shape)))  # fmt: skip
row(np.ravel, any_real, spellings=(method("ravel"), method("flatten")))
row(np.squeeze, any_real, calls=squeezed(), spellings=(method("squeeze"),))
row(np.expand_dims, any_real, calls=one_array(axis=lambda s: st.sampled_from([0, -1, (0, 1), (-1, 0)])))
row(
    np.transpose, any_real,
    spellings=(lambda a, axes: a.transpose(axes and tuple(axes)), lambda a, axes: a.transpose(*axes or ())),
    calls=one_array(axes=lambda s: st.none() | st.permutations([i - len(s) * (i % 2) for i in range(len(s))])),
)  # fmt: skip
row(lambda a: a.T, any_real, of=shapes.transpose, name=".T", reference=np.transpose)
for function in (np.matrix_transpose, np.linalg.matrix_transpose):
    row(function, any_real, calls=one_array(min_dims=2), spellings=(lambda x: x.mT,))
row(np.swapaxes, any_real, calls=one_array(min_dims=1, axis1=axis_of, axis2=axis_of), spellings=(method("swapaxes"),))
row(np.moveaxis, any_real, calls=one_array(min_dims=1, source=axis_of, destination=axis_of))
row(np.moveaxis, any_real, calls=st.permutations(range(3)).flatmap(
    lambda order: one_array(min_dims=3, source=st.just(order), destination=st.permutations(range(3)))))  # fmt: skip
row(np.broadcast_to, any_real, calls=stretched())
for function in (np.atleast_1d, np.atleast_2d):
    row(function, any_real)
    row(lambda *arrays, f=function: f(*arrays), any_real, calls=joined(0, new_axis=True).map(lambda c: (c[0], {})),
        of=function)  # fmt: skip
row(lambda *arrays, axis: np.concatenate(arrays, axis), any_real, calls=joined(flat=True),
    of=(np.concatenate, shapes.concatenate))  # fmt: skip
row(lambda *arrays, axis: np.stack(arrays, axis), any_real, calls=joined(0, new_axis=True),
    of=(np.stack, shapes.stack))  # fmt: skip
row(lambda *arrays: np.vstack(arrays), any_real, calls=joined(axis=0, min_dims=2), of=np.vstack)
row(lambda *arrays: np.hstack(arrays), any_real, calls=joined(axis=1), of=np.hstack)
row(lambda *arrays: np.dstack(arrays), any_real, calls=joined(axis=2, min_dims=3), of=np.dstack)
row(lambda x, y: np.column_stack([x, y]), any_real, of=np.column_stack,
    calls=st.integers(0, 3).flatmap(lambda n: st.sampled_from([((n,), (n, 2)), ((n, 1), (n,)), ((n,), (n,))])).map(
        lambda s: (s, {})))  # fmt: skip
row(lambda x, y, z: [np.vstack([x, y]), np.hstack([x, y]), np.dstack([x, z])], any_real,
    calls=st.integers(0, 3).map(lambda n: (((n,), (n,), (1, n)), {})), of=(np.vstack, np.hstack, np.dstack),
    name="stacks of vectors")  # fmt: skip
row(np.split, any_real, calls=split_at(even=True))
row(np.array_split, any_real, calls=split_at(even=False))
row(np.vsplit, any_real, calls=split_at(even=True, axis=0))
row(np.hsplit, any_real, calls=split_at(even=True, axis=1))
row(np.dsplit, any_real, calls=split_at(even=True, axis=2))
row(np.hsplit, any_real, calls=st.just((((4,),), {"indices_or_sections": 2})))
row(np.flip, any_real, calls=one_array(axis=lambda s: st.none() | axes_of(s)))
row(np.flipud, any_real, calls=one_array(min_dims=1))
row(np.fliplr, any_real, calls=one_array(min_dims=2))
row(np.roll, any_real, calls=rolled())
row(np.repeat, any_real, calls=repeated(), spellings=(method("repeat"),))
row(np.tile, any_real, calls=one_array(reps=st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=4)))
row(np.pad, any_real, calls=padded("constant", constant_values=st.integers(0, 2)), of=(np.pad, shapes.pad))
row(np.pad, any_real, calls=padded("edge", "reflect", "symmetric", "wrap"))
row(np.copy, any_real, spellings=(method("copy"),))
row(method("astype"), any_real, calls=one_array(dtype=st.just(np.float64)), of=shapes.astype, name="astype")
row(shapes.alias, any_real, reference=np.positive, integers=False)
for function in (np.zeros_like, np.ones_like):
    flat(function, any_real)
flat(lambda a: np.zeros_like(np.empty_like(a)), any_real, of=np.empty_like)
row(_filled, any_real, any_real, of=np.full_like, wrt=(1,), calls=shape().map(lambda s: ((s, ()), {})))
flat(np.shape, any_real)
flat(np.ndim, any_real)
flat(np.size, any_real)
flat(np.result_type, any_real, any_real)
flat(np.can_cast, any_real, calls=one_array(to=st.just(np.float32)))
for function in (np.may_share_memory, np.shares_memory):
    flat(function, any_real, any_real)

# --- arranging
row(lambda a: np.astype(a, np.float64), any_real, of=np.astype)
row(np.atleast_3d, any_real)
row(np.rot90, any_real, calls=one_array(min_dims=2, k=st.integers(-2, 4),
    axes=st.sampled_from([(0, 1), (1, 0), (-1, 0)])))  # fmt: skip
row(np.rollaxis, any_real, calls=one_array(min_dims=1, axis=axis_of, start=lambda s: st.integers(-len(s), len(s))))
row(lambda a, b, c: np.block([[a, b], [c]]), any_real, calls=st.tuples(*[st.integers(0,
    3)] * 3).map(lambda n: (((2, n[0]), (2, n[1]), (n[2], n[0] + n[1])), {})), of=np.block)  # fmt: skip
row(lambda a, b: [np.block([a, b, 1.0]), np.block([[a], [b]]), np.block(a)], any_real, of=(),
    name="block of vectors", calls=st.integers(0, 3).map(lambda n: (((n,), (n,)), {})), integers=False)  # fmt: skip
row(np.broadcast_arrays, any_real, calls=broadcastable(3))
row(np.meshgrid, any_real, calls=st.tuples(st.lists(st.sampled_from([(), (0,), (2,), (3,)]), min_size=1,
    max_size=3), st.fixed_dictionaries({"sparse": st.booleans(),
    "indexing": st.sampled_from(["xy", "ij"])})))  # fmt: skip
row(np.ix_, any_real, calls=st.lists(st.sampled_from([(2,), (3,)]), min_size=1,
    max_size=3).map(lambda s: (s, {})), integers=False)  # fmt: skip
flat(np.ix_, booleans, integers(0, 3), calls=st.just((((4,), (2,)), {})), integers=False)
for function in (np.tril, np.triu):
    row(function, any_real, calls=one_array(min_dims=1, k=st.integers(-2, 2)))
for function in (np.tril_indices_from, np.triu_indices_from):
    flat(function, any_real, calls=one_array(min_dims=2, max_dims=2))

# --- ranges
row(np.linspace, any_real, exact=False, integers=False, of=(np.linspace, ranges.linspace),
    calls=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3,
    min_side=0).flatmap(lambda s: st.tuples(st.just(s.input_shapes),
    st.fixed_dictionaries({"num": st.integers(0, 4), "endpoint": st.booleans(),
    "axis": st.integers(-1, len(s.result_shape)),
    "retstep": st.just(True)})).filter(lambda c: c[1]["num"] - c[1]["endpoint"] > 0)))  # fmt: skip
row(np.linspace, any_real, exact=False, integers=False, calls=st.tuples(st.just(((), ())),
    st.fixed_dictionaries({"num": st.integers(0, 4), "endpoint": st.booleans()})))  # fmt: skip
row(lambda a, b, base: np.logspace(a, b, 3, base=base), any_real, any_real, positive, exact=False,
    integers=False, calls=broadcastable(3), of=np.logspace)  # fmt: skip
row(lambda a, b: np.logspace(a, b, 4, endpoint=False), inside, inside, of=(),
    name="logspace to the base 10", exact=False, integers=False)  # fmt: skip
row(np.geomspace, positive, exact=False, integers=False, calls=broadcastable(2).map(lambda c: (c[0], {"num": 5})))
row(lambda a, b: np.geomspace(-a, -b, 3, endpoint=False, axis=-1), positive, positive, of=(),
    name="geomspace below 0", exact=False, integers=False)  # fmt: skip

# --- calling
row(lambda a, axis: np.apply_along_axis(lambda v, k: np.outer(v, v[:2]) * k, axis, a, k=2), any_real,
    integers=False, calls=along_axis(), of=np.apply_along_axis)  # fmt: skip
row(lambda a, axis: np.apply_along_axis(np.sum, axis, a), any_real, of=(),
    name="apply_along_axis to a number", calls=along_axis())  # fmt: skip
row(lambda a: np.apply_over_axes(np.sum, a, [0, -1]), any_real, calls=one_array(min_dims=2), of=np.apply_over_axes)
