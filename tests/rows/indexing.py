"""Rows: reading and writing of places, selection."""

from __future__ import annotations

import operator
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from rows.adapters import assigning, method, swapped
from rows.calls import along_axis, axis_of, broadcastable, flattened_or_along, lines, one_array, shape
from rows.case import flat, row
from rows.domains import Shape, any_real, booleans, distinct, every_other, integers, nonzero, with_zeros
from tinygrad_np.rules import indexing, selection


@st.composite
def index_for(draw: Any, s: Shape) -> Any:
    """Anything that may stand in the brackets behind an array of this shape."""
    basic = hnp.basic_indices(s, allow_newaxis=True, allow_ellipsis=True)
    if not s or draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(basic, st.sampled_from([np.True_, np.False_, True]) if not s else basic))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    together = draw(st.sampled_from([(), (3,), (1,), (2, 2), (0,)]))
    parts: list[Any] = []
    axis = 0
    while axis < len(s):
        kind = draw(st.sampled_from(["slice", "array", "mask", "int", "list"]))
        if kind == "mask":
            over = draw(st.integers(1, len(s) - axis))
            if any(isinstance(part, np.ndarray | list) for part in parts):
                kind = "slice"  # several masks and arrays must agree in the number of elements
            else:
                parts.append(rng.random(s[axis : axis + over]) < draw(st.sampled_from([0, 0.5, 1])))
                axis += over
                together = None
                continue
        if kind == "int" and s[axis]:
            parts.append(draw(st.sampled_from([int, np.int64, np.asarray]))(draw(axis_of((0,) * s[axis]))))
        elif kind in ("array", "list") and together is not None and (s[axis] or together == (0,)):
            chosen = rng.integers(-s[axis], s[axis], together) if s[axis] else np.zeros(together, int)
            parts.append(chosen.tolist() if kind == "list" and chosen.ndim else chosen.astype(np.int32))
        else:
            parts.append(draw(st.slices(s[axis])))
        axis += 1
    k = draw(st.integers(1, len(parts)))
    parts = draw(st.sampled_from([parts[:k], [*parts[:k], ...], [..., *parts[-k:]]]))
    if draw(st.integers(0, 3)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), None)
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], list) and draw(st.booleans()) else tuple(parts)


@st.composite
def indexed(draw: Any, writing: bool = False) -> Any:
    """One array and an index; for writing, also the shape of a value that fits there."""
    s = draw(shape(max_side=4))
    index = draw(index_for(s))
    if not writing:
        return (s,), {"index": index}
    target = np.zeros(s)[index].shape
    value = tuple(draw(st.sampled_from([1, n])) for n in target)
    return (s, value[draw(st.integers(0, len(value))) :] if draw(st.booleans()) else value), {"index": index}


@st.composite
def taken(draw: Any) -> Any:
    """One array, an axis, and positions along it, possibly outside."""
    s = draw(shape(min_side=1))
    axis = draw(st.none() | axis_of(s)) if s else None
    n = int(np.prod(s)) if axis is None else s[axis]
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    low, high = (-n, n - 1) if mode == "raise" else (-2 * n, 2 * n)
    indices = draw(st.integers(low, high) | hnp.arrays(np.int64, shape(max_dims=2), elements=st.integers(low, high)))
    return (s,), {"indices": indices, "axis": axis, "mode": mode}


@st.composite
def with_indices(draw: Any) -> Any:
    """An array, positions along an axis of it, and the axis."""
    s = draw(shape(min_dims=1, min_side=1))
    axis = draw(axis_of(s))
    k = draw(st.integers(0, 3))
    return (s, tuple(k if i == axis % len(s) else draw(st.sampled_from([n, 1])) for i, n in enumerate(s))), {
        "axis": axis
    }


@st.composite
def inserted(draw: Any) -> Any:
    """An array, what is put into it, where, and the axis."""
    (s,), options = draw(flattened_or_along())
    if options["axis"] is None:
        s_flat: Shape = (int(np.prod(s)),)
        axis = 0
    else:
        s_flat, axis = s, options["axis"] % len(s)
    n = s_flat[axis]
    place = st.integers(-n, n)
    obj = draw(place | st.lists(place, min_size=2, max_size=3) | st.just(slice(0, n, 2)))
    new = len(range(n)[obj]) if isinstance(obj, slice) else np.size(obj)
    target = tuple(new if i == axis else m for i, m in enumerate(s_flat))
    value = () if np.ndim(obj) == 0 and not isinstance(obj, slice) else draw(st.sampled_from([(), target]))
    return (s, value), options | {"obj": obj}


@st.composite
def deleted(draw: Any) -> Any:
    """An array, what to leave out, and the axis."""
    (s,), options = draw(flattened_or_along(min_side=1))
    n = int(np.prod(s)) if options["axis"] is None else s[options["axis"]]
    place = st.integers(-n, n - 1)
    mask = st.lists(st.booleans(), min_size=n, max_size=n).map(np.array)
    return (s,), options | {"obj": draw(place | st.lists(place, max_size=3) | mask | st.just(slice(None, None, 2)))}


# --- indexing
row(lambda a, index: a[index], any_real, calls=indexed(), of=indexing.getitem)
row(
    assigning(lambda a, v, index: operator.setitem(a, index, v)),
    any_real,
    any_real,
    calls=indexed(writing=True),
    of=indexing.setitem,
)
row(
    lambda x, weights: np.bincount(x, weights, minlength=3), integers(0, 4), any_real, of=np.bincount,
    calls=shape(1, 1, 1).map(lambda s: ((s, s), {})),
)  # fmt: skip
flat(np.bincount, integers(0, 4), calls=one_array(min_dims=1, max_dims=1))
row(np.unique, distinct, of=(np.unique, indexing._unique),
    calls=one_array(axis=lambda s: st.none() | axis_of(s) if s else st.none()))  # fmt: skip
flat(lambda a: np.unique(a, True, True, True)[1:], with_zeros, of=np.unique, calls=one_array(), name="unique places")
row(np.take, any_real, calls=taken(), spellings=(method("take"),))
row(
    lambda a, rows: indexing.scatter_add(a, rows, index=(indexing.ARRAY,), shape=(4, *a.shape[1:])), any_real,
    integers(-4, 3), calls=shape(1).map(lambda s: ((s, s[:1]), {})), of=indexing.scatter_add, integers=False,
    reference=lambda a, rows: np.tensordot(np.eye(4, dtype=a.dtype)[rows], a, (0, 0)), exact=False,
)  # fmt: skip

# --- selection
row(np.take_along_axis, any_real, integers(-1, 0), calls=with_indices(),
    of=(np.take_along_axis, selection.take_along_axis))  # fmt: skip
row(lambda a, indices, axis: selection.add_along_axis(np.broadcast_to(a,
    np.broadcast_shapes(a.shape, indices.shape)), indices, axis=axis,
    shape=tuple((2 if i == axis % a.ndim else n for i, n in enumerate(np.broadcast_shapes(a.shape,
    indices.shape))))), any_real, integers(-1, 0), of=selection.add_along_axis, integers=False,
    calls=with_indices().map(lambda c: ((c[0][1], c[0][1]), c[1])), exact=False, reference=lambda a,
    indices, axis: np.concatenate([np.sum(np.where(indices % 2 == k, a, 0), axis,
    keepdims=True) for k in (0, 1)], axis))  # fmt: skip
row(assigning(lambda a, v, i, axis: np.put_along_axis(a, i, v, axis)), any_real, any_real, integers(0, 0),
    of=np.put_along_axis, calls=with_indices().map(lambda c: ((c[0][0], (), c[0][1]), c[1])),
    integers=False)  # fmt: skip
row(lambda i, *choices: np.choose(i, choices, mode="wrap"), integers(-3, 5), any_real, of=(np.choose, selection.choose),
    calls=shape(min_side=1, min_dims=1).map(lambda s: ((s, s, s[1:]), {})))  # fmt: skip
row(lambda i, choices: np.choose(i, choices), integers(0, 2), any_real, of=(), name="choose rows",
    calls=shape(max_dims=2).map(lambda s: ((s, (3, *s)), {})))  # fmt: skip
row(lambda c, d, x, y: np.select([c, d], [x, y], 1.5), booleans, booleans, any_real, any_real,
    of=np.select, calls=broadcastable(4), integers=False)  # fmt: skip
row(lambda x: np.piecewise(x, [x < 0, x > 5], [np.exp, 2.0, lambda v: v * v]), nonzero, of=np.piecewise,
    integers=False, calls=one_array(1))  # fmt: skip
row(lambda x: np.piecewise(x, [x < 0], [lambda v, p, k: v * p * k, lambda v, p, k: v * v], 2.0, k=3),
    nonzero, of=(), calls=one_array(1), name="piecewise with parameters", integers=False)  # fmt: skip
row(swapped(np.compress), any_real, every_other, of=np.compress,
    calls=st.one_of(lines("line"), shape(1, min_side=1).map(lambda s: ((s, (1,)), {"axis": None}))))  # fmt: skip
row(swapped(np.extract), any_real, every_other, of=np.extract, calls=shape(min_side=1).map(lambda s: ((s, s), {})))
row(lambda a, v, obj, axis: np.insert(a, obj, v, axis), any_real, calls=inserted(),
    of=(np.insert, selection._mixed), integers=False)  # fmt: skip
row(lambda a, v: np.insert(a, 1, v, -1), any_real, calls=st.sampled_from([(((2, 3), (2,)), {}),
    (((2, 3), (4, 2)), {}), (((3,), (2,)), {})]), of=(), name="insert columns", integers=False)  # fmt: skip
row(np.delete, any_real, calls=deleted(), of=(np.delete, selection._kept))
row(np.append, any_real, calls=st.one_of(st.tuples(shape(), shape()).map(lambda s: (s, {"axis": None})),
    shape(1).map(lambda s: ((s, s), {"axis": 0}))))  # fmt: skip
row(np.resize, any_real, calls=one_array(1, new_shape=st.sampled_from([0, 3, (2, 3), (0, 2), ()])))
row(lambda a, filled, trim: np.trim_zeros(a * filled, trim), nonzero, booleans, of=np.trim_zeros,
    calls=shape(1).flatmap(lambda s: st.sampled_from(["fb", "f", "b"]).map(lambda trim: ((s, s),
    {"trim": trim}))))  # fmt: skip
row(np.unstack, any_real, calls=along_axis())

# --- writing
row(assigning(lambda a, v, i: np.put(a, i, v)), any_real, any_real, integers(-2, 1), of=np.put,
    integers=False, calls=st.tuples(shape(2, min_side=2), st.integers(1, 3),
    st.integers(1, 3)).map(lambda s: ((s[0], s[1:2], s[2:]), {})))  # fmt: skip
row(assigning(lambda a, v, i: np.put(a, i, v, mode="clip")), any_real, any_real, integers(-9, 9), of=(),
    integers=False, calls=st.just((((2, 2), (), (3,)), {})), name="put and clip")  # fmt: skip
row(assigning(lambda a, v, m: np.putmask(a, m, v.astype(a.dtype))), any_real, any_real, booleans,
    of=np.putmask, integers=False, calls=st.tuples(shape(), st.integers(1,
    4)).map(lambda s: ((s[0], (s[1],), s[0]), {})))  # fmt: skip
row(assigning(lambda a, v, m: np.place(a, m, v.astype(a.dtype))), any_real, any_real, every_other,
    of=np.place, integers=False, calls=st.tuples(shape(min_side=1),
    st.integers(1, 4)).map(lambda s: ((s[0], (s[1],), s[0]), {})))  # fmt: skip
row(assigning(lambda a, v, m: np.copyto(a, v, where=m)), any_real, any_real, booleans, of=np.copyto,
    integers=False, calls=shape(1, min_side=1).map(lambda s: ((s, s[1:], s[-1:]), {})))  # fmt: skip
row(assigning(lambda a, v, wrap: np.fill_diagonal(a, v, wrap)), any_real, of=np.fill_diagonal,
    integers=False, calls=st.tuples(st.sampled_from([(2, 2), (5, 2), (2, 3), (3, 3, 3)]),
    st.sampled_from([(), (2,), (4,)])).map(lambda s: (s, {"wrap": True})))  # fmt: skip
