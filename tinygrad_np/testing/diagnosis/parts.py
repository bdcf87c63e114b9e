"""Only some of the shares of which a gradient is the sum."""

from __future__ import annotations

import numpy as np

from tinygrad_np.testing.calls import Array
from tinygrad_np.testing.diagnosis.evidence import Evidence
from tinygrad_np.testing.diagnosis.shares import without_an_edge
from tinygrad_np.testing.report import Mistake
from tinygrad_np.testing.slopes import differences, flat

__all__ = ["missing_accumulation", "missing_edge", "missing_term", "only_the_diagonal", "result_ignored"]


def result_ignored(e: Evidence, suspects: list[int]) -> Mistake | None:
    for k in range(len(e.outs) if len(e.outs) > 1 else 0):
        other = e.gradient(cotangents=[c * (j != k) for j, c in enumerate(e.cotangents)])
        if all(e.explains(i, other[i]) for i in suspects):
            return Mistake("result ignored", f"the cotangent of result {k} goes nowhere")
    return None


def missing_accumulation(e: Evidence, suspects: list[int]) -> Mistake | None:
    """Elements that went to several places of the result, and got the gradient of some of them only."""
    text = "elements that are used several times get some of their shares only: add them up, as np.add.at does"
    checked = 0
    for i in suspects:
        for place in np.argwhere(e.expected[i].wrong(e.found[i]))[:8]:
            index = tuple(int(k) for k in place)
            column = differences(e.call.value, e.point, i, index, None, e.outs).value
            if column.ndim > 1:
                return None
            column = np.where(np.abs(column) > 1e-7 * np.max(np.abs(column)), column, 0)
            shares = (flat(e.cotangents) * column)[column != 0]
            alike = np.ptp(column[column != 0]) <= 1e-6 * np.max(np.abs(column))
            if not alike or not 2 <= shares.size <= 12 or not _is_partial_sum(float(e.found[i][index]), shares):
                return None
            checked += 1
    return Mistake("missing accumulation", text) if checked else None


def _is_partial_sum(found: float, shares: Array) -> bool:
    size = float(np.sum(np.abs(shares)))
    sums = np.zeros(1)
    for share in shares:
        sums = np.concatenate([sums, sums + share])
    return bool(np.any(np.abs(sums[1:-1] - found) <= 1e-7 * size))


def only_the_diagonal(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The derivative of each element of the result by its own element of the input, and by no other."""
    for i in suspects:
        x = e.point[i]
        if len(e.outs) != 1 or e.outs[0].shape != x.shape or x.dtype.kind == "c" or e.outs[0].dtype.kind == "c":
            return None
        own = [differences(e.call.value, e.point, i, index, None, e.outs).value[k]
               for k, index in enumerate(np.ndindex(x.shape))]  # fmt: skip
        if not e.explains(i, e.cotangents[0] * np.reshape(own, x.shape)):
            return None
    return Mistake("missing term", "only the diagonal of the Jacobian is there, as if the function was elementwise")


def missing_edge(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The backward pass without one edge of the graph."""
    for cut in without_an_edge(e.call, e.point, e.cotangents):
        if all(e.explains(i, cut.gradients[i]) for i in suspects):
            if cut.alike:
                text = f"it is used several times, and the share through {cut.text} is missing"
                return Mistake("missing accumulation", text)
            return Mistake("missing term", f"the share that goes through {cut.text} is missing")
        if all(_turned(e.found[i] - cut.gradients[i], e.expected[i].value - cut.gradients[i]) for i in suspects):
            return Mistake(
                "wrong axis", f"in the share that goes through {cut.text}, a row stands for a column: keepdims?"
            )
    return None


def _turned(found: Array, right: Array) -> bool:
    """Whether ``found[i, j] / right[i, j] = v[j] / v[i]``: a vector was laid along the wrong axis."""
    if right.ndim != 2 or right.shape[0] != right.shape[1] or right.shape[0] < 2:
        return False
    with np.errstate(all="ignore"):
        ratio = found / right
        guess = ratio[:1] / ratio[:1].T
    return bool(np.all(np.abs(ratio - guess) <= 1e-5 * np.abs(guess)))


def missing_term(e: Evidence, suspects: list[int]) -> Mistake | None:
    """What is missing is constant along an axis, or a multiple of something that is known."""
    texts = []
    for i in suspects:
        missing = e.expected[i].value - e.found[i]
        size = np.max(np.abs(missing))
        flat_axes = [
            a for a in range(missing.ndim) if missing.shape[a] > 1 and np.max(np.ptp(missing, axis=a)) <= 1e-6 * size
        ]
        names = [name for name, array in e.named() if _is_proportional(missing, array)]
        if flat_axes:
            texts.append(
                f"expected - found is constant along axis {flat_axes[0]}: a sum over it is missing, or too many"
            )
        elif names:
            texts.append(f"expected - found is a multiple of {names[0]}")
        else:
            return None
    return Mistake("missing term", texts[0]) if texts else None


def _is_proportional(missing: Array, array: Array) -> bool:
    if array.shape != missing.shape or missing.size < 3 or array.dtype.kind != "f":
        return False
    factor = np.vdot(array, missing) / np.vdot(array, array)
    return bool(np.max(np.abs(missing - factor * array)) <= 1e-6 * np.max(np.abs(missing)))
