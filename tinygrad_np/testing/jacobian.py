"""The whole Jacobian: each derivative of each result by each input, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.testing.calls import Array, double
from tinygrad_np.testing.elements import Elements
from tinygrad_np.testing.slopes import THOROUGH, differences
from tinygrad_np.testing.verdict import DOUBLE, Oracle, Verdict

if TYPE_CHECKING:
    from tinygrad_np.testing.check import Check

__all__ = ["check_every_element"]


def check_every_element(check: Check) -> None:
    """Compare all rows, which reverse mode gives one by one, with all columns, which differences give."""
    count = check.weights.size
    every = _columns(check, count)
    pull = check.call.linearize(check.point)[1] if check.low else check.pull
    for k in range(count + 1):
        if k < count:
            cotangents = _one_hot(check, k)
            row = [double(g) for g in check.filled(pull(cotangents))]
        else:
            row = list(check.oracles[0].gradients)
        if any(_surely_wrong(e, g) for g, e in zip(row, every[k], strict=True)):
            if k < count:
                check.weights, check.cotangents = np.eye(count)[k], cotangents
            verdict = Verdict(check, check.line())
            verdict.truth = verdict.line.slope(THOROUGH)
            check.oracles = [Oracle(check.owner, row, check.along, DOUBLE)]
            verdict.denounce(check.oracles)


def _columns(check: Check, count: int) -> list[list[Elements]]:
    """The expected gradients of all real numbers of the results, and of their weighted sum."""
    every = [[Elements(x, 1e3 * DOUBLE) for x in check.point] for _ in range(count + 1)]
    for i, x in enumerate(check.point):
        for index in np.ndindex(x.shape):
            if not np.isfinite(x[index]):
                continue
            found = differences(check.call.value, check.point, i, index, None, check.start)
            two = x.dtype.kind == "c"
            values = found.value[0] + 1j * found.value[1] if two else found.value
            errors = np.hypot(*found.error) if two else found.error
            for k in range(count):
                every[k][i].value[index], every[k][i].error[index] = values[k], errors[k]
            every[-1][i].value[index] = check.weights @ values
            every[-1][i].error[index] = np.abs(check.weights) @ errors
    return every


def _surely_wrong(expected: Elements, found: Array) -> bool:
    """Whether something is wrong where differences converge."""
    size = np.max(np.abs(expected.value), where=np.isfinite(expected.value), initial=0)
    return bool(np.any(expected.wrong(found) & (expected.error <= 1e-3 * size + expected.floor)))


def _one_hot(check: Check, k: int) -> list[Array]:
    """The cotangents that pick the real number ``k`` among all results."""
    found, first = [], 0
    for out in check.start:
        width = 2 if out.dtype.kind == "c" else 1
        numbers = np.zeros(out.size * width)
        if first <= k < first + numbers.size:
            numbers[k - first] = 1
        first += numbers.size
        found.append((numbers.reshape(-1, 2) @ [1, 1j] if width == 2 else numbers).reshape(out.shape))
    return found
