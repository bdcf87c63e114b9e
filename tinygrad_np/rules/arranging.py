"""Arranging whole arrays: turning, stacking in blocks, spreading over grids, cutting triangles out of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable


@composite(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Cast."""
    return x.astype(dtype)


@composite(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    """View as arrays of three dimensions or more: a vector gets axes on both sides, a matrix one behind."""
    new_axes = {0: (0, 1, 2), 1: (0, 2), 2: 2}
    found = tuple(np.expand_dims(a, new_axes[np.ndim(a)]) if np.ndim(a) < 3 else a for a in arys)
    return found if len(found) > 1 else found[0]


@composite(np.rot90)
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Rotate by quarter turns, from the first axis towards the second."""
    first, second = axes
    if m.ndim < 2 or (first - second) % m.ndim == 0:
        raise ValueError(f"rot90: a plane has two different axes, unlike {tuple(axes)} of an array of shape {m.shape}")
    match k % 4:
        case 1:
            return np.swapaxes(np.flip(m, second), first, second)
        case 2:
            return np.flip(m, (first, second))
        case 3:
            return np.flip(np.swapaxes(m, first, second), second)
        case _:
            return m


@composite(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move an axis to before another one."""
    moved = np.rollaxis(np.broadcast_to(np.empty(()), tuple(range(a.ndim))), axis, start)
    return np.transpose(a, moved.shape)


@composite(np.block)
def block(arrays: Any) -> Any:
    """Join nested lists: the innermost along the last axis, those around them along the one before."""
    depth = _depth(arrays)
    return _joined(arrays, -depth, max(depth, *map(np.ndim, _leaves(arrays)), 0))


def _depth(arrays: Any) -> int:
    if isinstance(arrays, tuple):
        raise TypeError("block: only lists are blocks of arrays, a tuple is not")
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(part) for part in arrays}
    if len(depths) != 1:
        raise ValueError(f"block: lists are nested equally deep, and none is empty; found the depths {sorted(depths)}")
    return 1 + depths.pop()


def _leaves(arrays: Any) -> list[Any]:
    return [leaf for part in arrays for leaf in _leaves(part)] if isinstance(arrays, list) else [arrays]


def _joined(arrays: Any, axis: int, ndim: int) -> Any:
    if isinstance(arrays, list):
        return np.concatenate([_joined(part, axis + 1, ndim) for part in arrays], axis)
    return np.reshape(arrays, (1,) * (ndim - np.ndim(arrays)) + np.shape(arrays))


@composite(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """Stretch arrays to their common shape."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@composite(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    """Coordinates of all points of a grid."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    places = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        places[:2] = 1, 0
    shapes = [tuple(-1 if i == place else 1 for i in range(len(xi))) for place in places]
    open_grid = [np.reshape(x, s) for x, s in zip(xi, shapes, strict=True)]
    return tuple(open_grid) if sparse else broadcast_arrays(*open_grid)


@composite(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    """An open grid of positions."""
    found = []
    for i, a in enumerate(args):
        if np.ndim(a) != 1:
            raise ValueError(f"ix_: positions are vectors, but argument {i} has shape {np.shape(a)}")
        a = np.flatnonzero(a) if np.result_type(a) == np.bool_ else a
        found.append(np.reshape(a, (1,) * i + (-1,) + (1,) * (len(args) - i - 1)))
    return tuple(found)


@composite(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """The lower triangle, up to diagonal ``k``, and zeros."""
    return np.where(np.tri(*m.shape[-2:], k=k, dtype=bool), m, np.zeros_like(m, shape=()))


@composite(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """The upper triangle, from diagonal ``k`` on, and zeros."""
    return np.where(np.tri(*m.shape[-2:], k=k - 1, dtype=bool), np.zeros_like(m, shape=()), m)


nondifferentiable(np.tril_indices_from, np.triu_indices_from)
