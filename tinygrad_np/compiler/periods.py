"""Periods: where a sequence repeats itself, found by comparing it with itself, some places further on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Repetition", "repetitions"]

_OCCURRENCES = 16  # a period is found if one of its keys comes up so often in it, or less
_CANDIDATES = 100  # lengths that are looked at closely
_AS_GOOD = 0.9  # two periods are one as well, and may cover a little more


class Repetition(NamedTuple):
    """``keys[i] == keys[i + period]`` for all ``i`` from ``start`` on, as long as both are before ``stop``."""

    start: int
    period: int
    stop: int


def repetitions(keys: Any, least: int) -> list[Repetition]:
    """Return stretches of a sequence of whole numbers that repeat at least ``least`` times; they do not overlap.

    Where there is a choice, the period that covers most of the sequence is taken, and the shortest of several.

    Examples
    --------
    >>> repetitions([7, 1, 2, 1, 2, 1, 2, 1, 5], least=3)
    [Repetition(start=1, period=2, stop=8)]
    """
    keys = np.asarray(keys, np.int64)
    free = np.ones(len(keys), bool)
    found = []
    for period in _candidates(keys, least):
        end = 0
        for begin, stop in _stretches(keys, free, period, least):
            start = max(begin, end)  # the next one may begin in what the last one has repeated
            if stop - start < least * period:
                continue
            end = stop
            free[start:stop] = False
            found.append(Repetition(start, _shortest(keys[start:stop], period), stop))
    return sorted(found)


def _candidates(keys: Any, least: int) -> list[int]:
    """Lengths that may be periods: distances between equal keys that come up often. The most promising one first."""
    order = np.argsort(keys, kind="stable")
    sequence = keys[order]
    counts = np.zeros(len(keys) // least + 1, np.int64)
    for k in range(1, min(_OCCURRENCES, len(keys) - 1) + 1):
        distances = (order[k:] - order[:-k])[sequence[k:] == sequence[:-k]]
        counts += np.bincount(distances[distances < len(counts)], minlength=len(counts))
    often = np.flatnonzero(counts >= least - 1)
    most = sorted(often[np.argsort(-counts[often], kind="stable")][:_CANDIDATES].tolist())
    free = np.ones(len(keys), bool)
    covered = {p: sum(stop - start for start, stop in _stretches(keys, free, p, least)) for p in most}
    found = []
    while covered and (best := max(covered.values())):
        found.append(next(p for p in covered if covered[p] >= _AS_GOOD * best))
        del covered[found[-1]]
    return found


def _stretches(keys: Any, free: Any, period: int, least: int) -> list[tuple[int, int]]:
    """Where keys equal those one period later, for long enough."""
    equal = np.zeros(len(keys) - period + 2, np.int8)
    equal[1:-1] = (keys[:-period] == keys[period:]) & free[:-period] & free[period:]
    edges = np.flatnonzero(np.diff(equal))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, stop + period) for start, stop in pairs if stop - start >= (least - 1) * period]


def _shortest(keys: Any, period: int) -> int:
    """The shortest period of what has this one: it divides it."""
    return next(p for p in range(1, period + 1) if period % p == 0 and (keys[:-p] == keys[p:]).all())
