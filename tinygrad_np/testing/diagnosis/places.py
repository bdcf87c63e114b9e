"""The right numbers in the wrong places."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np

from tinygrad_np.testing.calls import Array
from tinygrad_np.testing.diagnosis.evidence import Evidence
from tinygrad_np.testing.report import Mistake
from tinygrad_np.testing.slopes import COARSE, Line

__all__ = ["no_dependence", "not_symmetric", "permuted", "swapped_arguments", "transposed", "wrong_axis"]


def swapped_arguments(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i, j in combinations(range(len(e.point)), 2):
        if not {i, j} & set(suspects) or not set(suspects) <= {i, j} or e.point[i].shape != e.point[j].shape:
            continue
        text = f"{e.call.labels[i]} and {e.call.labels[j]} are swapped: in the formula, or in what it returns"
        right = [x.value for x in e.expected]
        if len(suspects) == 2 and e.explains(i, right[j]) and e.explains(j, right[i]):
            return Mistake("swapped arguments", text)
        if e.small and len(suspects) == 2:
            point = list(e.point)
            point[i], point[j] = point[j], point[i]
            other = e.gradient(point)
            if all(e.explains(k, other[k]) for k in (i, j)):
                return Mistake("swapped arguments", text)
    return None


def transposed(e: Evidence, suspects: list[int]) -> Mistake | None:
    """Axes exchanged; a matrix, or the whole Jacobian, in place of its transpose."""
    if all(any(e.explains(i, e.expected[i].value.transpose(p)) for p in _permutations(e.point[i])) for i in suspects):
        return Mistake("transpose", "the axes of the gradient are in the wrong order")
    if len(e.outs) == 1 and e.small:
        for j, x in enumerate(e.point):
            if x.ndim > 1 and x.shape[-1] == x.shape[-2] > 1:
                point = list(e.point)
                point[j] = np.swapaxes(x, -1, -2)
                other = e.gradient(point)
                if all(e.explains(i, other[i]) for i in suspects):
                    return Mistake("transpose", f"on the way back, {e.call.labels[j]} is to be transposed")
        if all(_jacobian_applied(e, i) for i in suspects):
            return Mistake("transpose", "the cotangent was multiplied by the Jacobian, and not by its transpose")
    return None


def _jacobian_applied(e: Evidence, i: int) -> bool:
    if e.outs[0].shape != e.point[i].shape or e.point[i].dtype != e.outs[0].dtype or not e.point[i].ndim:
        return False
    along = [np.zeros_like(x) for x in e.point]
    along[i] = e.cotangents[0]
    found = Line(e.call.value, e.point, along, None, e.outs).slope(COARSE).value
    pairs = found.reshape(-1, 2) @ [1, 1j] if e.outs[0].dtype.kind == "c" else found
    return e.explains(i, pairs.reshape(e.point[i].shape))


def _permutations(x: Array) -> list[tuple[int, ...]]:
    return [p for p in permutations(range(x.ndim)) if p != tuple(range(x.ndim))] if 1 < x.ndim < 6 else []


def wrong_axis(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The sum, over too many axes, of what is right."""
    for i in suspects:
        right = e.expected[i].value
        axes = [a for n in range(1, right.ndim + 1) for a in combinations(range(right.ndim), n)]
        sums = [np.broadcast_to(np.sum(right, axis=a, keepdims=True), right.shape) for a in axes]
        if not any(e.explains(i, s) or e.explains(i, s / max(1, right.size)) for s in sums):
            return None
    return Mistake("wrong axis", "the gradient is summed over axes that it should keep")


def not_symmetric(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i in suspects:
        found, right = e.found[i], e.expected[i].value
        if right.ndim < 2 or len(set(right.shape[-2:])) > 1:
            return None
        both, mirrored = found + np.swapaxes(found, -1, -2), np.swapaxes(right, -1, -2)
        size = 1e-6 * np.max(np.abs(right))
        if np.max(np.abs(right - mirrored)) > size or np.max(np.abs(both - 2 * right)) > 2 * size:
            return None
    return Mistake(
        "not symmetric", "the gradient by a symmetric matrix is to be symmetric: take the mean with its transpose"
    )


def no_dependence(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i in suspects:
        right = np.abs(e.expected[i].value[e.expected[i].wrong(e.found[i])])
        if np.max(right, initial=0) > 1e-7 * np.max(np.abs(e.found[i])):
            return None
    return Mistake(
        "no dependence", "there is a gradient for elements on which the result does not depend: it should be 0"
    )


def permuted(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i in suspects:
        found, right = np.sort_complex(e.found[i].reshape(-1)), np.sort_complex(e.expected[i].value.reshape(-1))
        if found.size < 2 or not np.all(np.abs(found - right) <= 1e-6 * np.max(np.abs(right))):
            return None
    return Mistake("permuted", "these are the right numbers in the wrong places: reversed, or permuted the wrong way")
