"""Shapes that do not broadcast."""

from __future__ import annotations

import numpy as np

from tinygrad_np.errors.cases import Array, Case, Diagnosis, Shape, hollow
from tinygrad_np.record import Recorded

__all__ = ["clash", "on_axis", "swapped", "unbroadcastable"]


def unbroadcastable(case: Case) -> Diagnosis | None:
    """Name the axis on which two operands differ, and what makes one fit the other."""
    arrays = case.arrays
    found = clash([a.shape for a in arrays])
    if found is None or "broadcast" not in str(case.error):
        return None
    axis, i, j = found
    a, b = arrays[i], arrays[j]
    problem = (
        f"{on_axis(axis)}, {a.name} has {a.shape[axis]} and {b.name} has {b.shape[axis]}, so they do not broadcast"
    )
    return problem, [*_mends(a, b), *_mends(b, a)][:1] if len(arrays) == 2 else []


def clash(shapes: list[Shape]) -> tuple[int, int, int] | None:
    """Return the last axis, counted from the end, on which two shapes differ, and which two; ``None`` if none do."""
    for axis in range(-1, -1 - max(map(len, shapes), default=0), -1):
        lengths = [(i, s[axis]) for i, s in enumerate(shapes) if len(s) >= -axis and s[axis] != 1]
        for i, length in lengths[1:]:
            if length != lengths[0][1]:
                return axis, lengths[0][0], i
    return None


def on_axis(axis: int) -> str:
    """Say which axis is meant."""
    return "on the last axis" if axis == -1 else f"on axis {axis}"


def swapped(shape: Shape) -> Shape:
    """Return the shape of the matrix transpose."""
    return (*shape[:-2], shape[-1], shape[-2]) if len(shape) > 1 else shape


def _mends(a: Array, b: Array) -> list[str]:
    """What makes ``a`` broadcast to the shape of ``b``."""
    mends = []
    node = a.operand.value._node if isinstance(a.operand.value, Recorded) else None
    axis = None if node is None else node.metadata.get("axis")
    if node is not None and node.primitive and node.metadata.get("keepdims") is False and axis is not None:
        kept = np.add.reduce(hollow(node.parents[0].shape), axis=axis, keepdims=True).shape
        if _fits(kept, b.shape):
            mends.append(f"{node.primitive.name}(..., axis={axis}, keepdims=True) gives {a.name} the shape {kept}")
    column = (*a.shape, 1)
    if a.ndim == 1 and b.ndim == 2 and _fits(column, b.shape):
        mends.append(f"{a.code}[:, np.newaxis] has shape {column}")
    if a.ndim > 1 and _fits(swapped(a.shape), b.shape):
        mends.append(f"{a.code}.mT has shape {swapped(a.shape)}")
    return mends


def _fits(shape: Shape, target: Shape) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
