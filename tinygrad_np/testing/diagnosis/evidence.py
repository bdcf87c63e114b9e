"""What a diagnosis starts from: a wrong gradient, the right one, and experiments with the function."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_np.testing.calls import Array, Call
from tinygrad_np.testing.elements import LIMIT, Elements, expected_gradient
from tinygrad_np.testing.slopes import flat

__all__ = ["Evidence"]


@dataclass
class Evidence:
    """A wrong gradient, and all that is known of the function at that point.

    Attributes
    ----------
    call : Call
    point, outs, cotangents : list of array
        Where, the results there, and what they were paired with; in double precision.
    found : list of array
        The gradient under suspicion.
    expected : list of Elements
        The right one.
    kink : bool
        The slope jumps here.
    """

    call: Call
    point: list[Array]
    outs: list[Array]
    cotangents: list[Array]
    found: list[Array]
    expected: list[Elements]
    kink: bool
    rng: np.random.Generator

    @cached_property
    def wrong(self) -> list[int]:
        """Which gradients are wrong anywhere."""
        return [i for i, (g, e) in enumerate(zip(self.found, self.expected, strict=True)) if np.any(e.wrong(g))]

    @cached_property
    def small(self) -> bool:
        """Whether experiments, each of which takes a whole gradient by differences, are affordable."""
        return sum(x.size for x in self.point) <= LIMIT

    def explains(self, i: int, candidate: Any) -> bool:
        """Whether ``candidate`` is what was found for the argument ``i``, as far as it is known."""
        found, expected = self.found[i], self.expected[i]
        candidate = np.asarray(candidate)
        if candidate.shape != found.shape:
            return False
        known = np.isfinite(expected.value) & np.isfinite(candidate)
        with np.errstate(all="ignore"):
            size = np.max(np.abs(found), where=known, initial=0)
            close = np.abs(found - candidate) <= 1e-6 * size + 30 * expected.error
        return bool(np.all(close[known]) and np.any(known))

    def gradient(
        self, point: Sequence[Array] | None = None, cotangents: Sequence[Array] | None = None, call: Call | None = None
    ) -> list[Array]:
        """Return the right gradient under other circumstances."""
        point = list(self.point if point is None else point)
        call = call or self.call
        outs = call.value(point)
        weights = flat(self.cotangents if cotangents is None else cotangents)
        zeros = [np.zeros_like(x) for x in point]
        return [e.value for e in expected_gradient(call.value, point, weights, outs, zeros, self.rng)]

    def ratios(self, i: int) -> Array:
        """Found / expected, at the wrong elements that have a ratio."""
        bad = self.expected[i].wrong(self.found[i])
        with np.errstate(all="ignore"):
            return np.asarray(self.found[i][bad] / self.expected[i].value[bad])

    def named(self) -> Iterator[tuple[str, Array]]:
        """Yield the inputs, results and cotangents, with what to call them."""
        for label, x in zip(self.call.labels, self.point, strict=True):
            yield label.split(" ", 2)[-1].strip("'"), x
        for k, leaf in enumerate(self.call.leaves):
            if k not in self.call.places and isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biu":
                yield f"an input of dtype {leaf.dtype}", leaf.astype(float)
        for i, out in enumerate(self.outs):
            yield "the result" if len(self.outs) == 1 else f"result {i}", out
        for i, c in enumerate(self.cotangents):
            yield "the cotangent" if len(self.outs) == 1 else f"the cotangent of result {i}", c
