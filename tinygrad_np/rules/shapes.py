"""Operations that move elements without changing them: reshaping, joining, repeating, padding."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable, primitive
from tinygrad_np.rules.kinks import fixed, from_zero, to_whole
from tinygrad_np.rules.tools import cut


@primitive(a=lambda g: g, kink=lambda a, dtype: _to_another_number(a, np.dtype(dtype)))
def astype(a: Any, *, dtype: Any) -> Any:
    """Cast. The engine casts the cotangent back, as it does for every operation."""
    return a.astype(dtype)


def _to_another_number(a: Any, dtype: np.dtype[Any]) -> Any:
    """Casts to integers jump."""
    return from_zero(a) if dtype.kind == "b" else to_whole(a) if dtype.kind in "iu" and not fixed(a) else np.inf


@primitive(a=lambda g: g)
def alias(a: Any) -> Any:
    """The same value as a variable of its own: transforms differentiate with respect to it."""
    return a


@primitive(np.copy, a=lambda g: g)
def copy(a: Any) -> Any:
    """Copy."""
    return a.copy()


@primitive(a=lambda g, a_shape: g.reshape(a_shape))
def reshape(a: Any, *, shape: Any) -> Any:
    """Arrange the same elements in another shape."""
    return a.reshape(shape)


@composite(np.reshape)
def _reshape(a: Any, /, shape: Any, order: str = "C", *, copy: Any = None) -> Any:
    if order != "C":
        raise NotImplementedError(f"reshape of a Tensor with order={order!r}; transpose before and after instead")
    return reshape(a, shape=shape)


@composite(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """Flatten."""
    return np.reshape(a, -1, order)


@composite(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """Drop axes of length one."""
    return reshape(a, shape=np.squeeze(_hollow(a.shape), axis).shape)


@composite(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """Insert axes of length one."""
    return reshape(a, shape=np.expand_dims(_hollow(a.shape), axis).shape)


def _hollow(shape: tuple[int, ...]) -> Any:
    """An array of this shape without memory: NumPy itself then tells what an operation does to shapes."""
    return np.broadcast_to(np.empty((), np.bool_), shape)


@primitive(np.transpose, a=lambda g, axes: np.transpose(g, _inverse(axes)))
def transpose(a: Any, *, axes: Any = None) -> Any:
    """Permute the axes."""
    return a.transpose(axes)


def _inverse(axes: Any) -> Any:
    return None if axes is None else tuple(int(i) for i in np.argsort([axis % len(axes) for axis in axes]))


@composite(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Transpose the last two axes."""
    return np.swapaxes(x, -1, -2)


@composite(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    return np.transpose(a, _permuted(a.ndim, lambda order: order.swapaxes(axis1, axis2)))


@composite(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Move axes to new positions."""
    return np.transpose(a, _permuted(a.ndim, lambda order: np.moveaxis(order, source, destination)))


def _permuted(ndim: int, move: Any) -> tuple[int, ...]:
    """What ``move`` does to the axes, seen from their lengths: axis ``i`` of the probe has length ``i``."""
    return tuple(move(_hollow(tuple(range(ndim)))).shape)


@primitive(np.broadcast_to, array=lambda g: g)
def broadcast_to(array: Any, *, shape: Any, subok: bool = False) -> Any:
    """Stretch. The engine sums the cotangent over the stretched axes, as it does for every operation."""
    return np.broadcast_to(array, shape)


@composite(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    """View as arrays of one dimension or more."""
    found = tuple(np.reshape(a, (1,)) if a.ndim == 0 else a for a in arys)
    return found if len(found) > 1 else found[0]


@composite(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    """View as arrays of two dimensions or more."""
    found = tuple(np.reshape(a, (1, -1)) if a.ndim < 2 else a for a in arys)
    return found if len(found) > 1 else found[0]


def _pieces(g: Any, shapes: list[tuple[int, ...]], wrt: tuple[int, ...], axis: int) -> list[Any]:
    """Cut ``g`` where the arrays had been joined."""
    ends = list(accumulate(shape[axis] for shape in shapes))
    return [cut(g, ends[i] - shapes[i][axis], ends[i], axis) for i in wrt]


@primitive(arrays=_pieces)
def concatenate(*arrays: Any, axis: int = 0) -> Any:
    """Join along an axis."""
    return np.concatenate(arrays, axis)


@composite(np.concatenate)
def _concatenate(arrays: Sequence[Any], axis: int | None = 0, out: None = None, dtype: Any = None) -> Any:
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    joined = concatenate(*arrays, axis=axis)
    return joined if dtype is None else joined.astype(dtype)


@primitive(arrays=lambda g, wrt, axis: [g[(*(slice(None),) * (axis % g.ndim), i)] for i in wrt])
def stack(*arrays: Any, axis: int = 0) -> Any:
    """Join along a new axis."""
    return np.stack(arrays, axis)


@composite(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0, out: None = None, *, dtype: Any = None) -> Any:
    joined = stack(*arrays, axis=axis)
    return joined if dtype is None else joined.astype(dtype)


@composite(np.vstack)
def vstack(tup: Sequence[Any]) -> Any:
    """Join along the first axis, one-dimensional arrays as rows."""
    return np.concatenate([np.atleast_2d(a) for a in tup])


@composite(np.hstack)
def hstack(tup: Sequence[Any]) -> Any:
    """Join along the second axis, one-dimensional arrays along their only one."""
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, 0 if arrays[0].ndim == 1 else 1)


@composite(np.dstack)
def dstack(tup: Sequence[Any]) -> Any:
    """Join along the third axis, one-dimensional arrays as rows of a matrix."""
    return np.concatenate([a if a.ndim > 2 else np.atleast_2d(a)[..., None] for a in tup], 2)


@composite(np.column_stack)
def column_stack(tup: Sequence[Any]) -> Any:
    """Join along the second axis, one-dimensional arrays as columns."""
    return np.concatenate([np.reshape(a, (-1, 1)) if a.ndim < 2 else a for a in tup], 1)


@composite(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into pieces along an axis, as even as can be, or at the given places."""
    n = ary.shape[axis]
    if np.ndim(indices_or_sections):
        cuts = [0, *(int(i) for i in indices_or_sections), n]
    else:
        cuts = [0, *accumulate(len(piece) for piece in np.array_split(np.arange(n), indices_or_sections))]
    return [cut(ary, start, stop, axis) for start, stop in pairwise(cuts)]


@composite(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into equal pieces, or at the given places."""
    if not np.ndim(indices_or_sections) and ary.shape[axis] % indices_or_sections:
        raise ValueError(
            f"split: axis {axis} of length {ary.shape[axis]} does not divide into {indices_or_sections} equal parts; "
            f"np.array_split makes unequal ones"
        )
    return array_split(ary, indices_or_sections, axis)


@composite(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the first of two axes or more."""
    return _split_along(0, ary, indices_or_sections, 2)


@composite(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the second axis; a one-dimensional array along its only one."""
    return _split_along(min(1, ary.ndim - 1), ary, indices_or_sections, 1)


@composite(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the third axis."""
    return _split_along(2, ary, indices_or_sections, 3)


def _split_along(axis: int, ary: Any, indices_or_sections: Any, least: int) -> list[Any]:
    if ary.ndim < least:
        raise ValueError(f"this split needs {least} axes or more, but the shape is {ary.shape}; np.split takes axis=")
    return split(ary, indices_or_sections, axis)


@primitive(np.flip, m=lambda g, axis: np.flip(g, axis))
def flip(m: Any, *, axis: Any = None) -> Any:
    """Reverse the order along axes."""
    return np.flip(m, axis)


@composite(np.flipud)
def flipud(m: Any) -> Any:
    """Reverse the first axis."""
    return np.flip(m, 0)


@composite(np.fliplr)
def fliplr(m: Any) -> Any:
    """Reverse the second axis."""
    return np.flip(m, 1)


@primitive(np.roll, a=lambda g, shift, axis: np.roll(g, tuple(-s for s in shift) if np.ndim(shift) else -shift, axis))
def roll(a: Any, *, shift: Any, axis: Any = None) -> Any:
    """Shift along axes; what leaves at one end comes in at the other."""
    return np.roll(a, shift, axis)


@composite(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each element."""
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)


@composite(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """Repeat the whole array."""
    reps = (reps,) if np.ndim(reps) == 0 else tuple(reps)
    ndim = max(A.ndim, len(reps))
    shape = (1,) * (ndim - A.ndim) + A.shape
    reps = (1,) * (ndim - len(reps)) + reps
    apart = np.reshape(A, [m for n in shape for m in (1, n)])
    stretched = np.broadcast_to(apart, [m for r, n in zip(reps, shape, strict=True) for m in (r, n)])
    return np.reshape(stretched, [r * n for r, n in zip(reps, shape, strict=True)])


@primitive(
    array=lambda g, array_shape, pad_width: g[
        tuple(slice(before, before + n) for n, (before, _) in zip(array_shape, pad_width, strict=True))
    ]
)
def pad(array: Any, *, pad_width: tuple[tuple[int, int], ...], constant_values: Any = 0) -> Any:
    """Surround with a constant."""
    return np.pad(array, pad_width or 0, constant_values=constant_values)  # an array without axes has no widths


@composite(np.pad)
def _pad(
    array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0, reflect_type: str = "even"
) -> Any:
    if isinstance(pad_width, dict):
        by_axis, pad_width = pad_width, [(0, 0)] * array.ndim
        for axis, width in by_axis.items():
            pad_width[axis] = (width, width) if np.ndim(width) == 0 else width
    widths = tuple((int(b), int(a)) for b, a in np.broadcast_to(np.asarray(pad_width, dtype=int), (array.ndim, 2)))
    if mode == "constant":
        return pad(array, pad_width=widths, constant_values=constant_values)
    if mode not in {"edge", "reflect", "symmetric", "wrap"} or reflect_type != "even":
        raise NotImplementedError(
            f"pad with mode={mode!r}, reflect_type={reflect_type!r} has no derivative here; np.concatenate can build it"
        )
    for axis, width in enumerate(widths):  # these modes only copy elements: pad their positions, and take
        if width != (0, 0):
            array = np.take(array, np.pad(np.arange(array.shape[axis]), width, mode), axis)
    return array


nondifferentiable(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like)
nondifferentiable(np.result_type, np.can_cast, np.may_share_memory, np.shares_memory)
