"""What is in an array, in a few words: small ones in full, large ones as statistics."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Numbers", "numbers_of"]

_FULL = 9  # an array of that many elements is shown in full


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is in an array.

    Attributes
    ----------
    data : nested list, or None
        All elements of an array of up to 9.
    min, mean, max, norm : float or None
        Of those elements that are finite; ``None`` if there are none. Of complex numbers, of their sizes.
    zeros : float
        The share of elements that are zero.
    nans, infs : int
        How many elements are NaN, or infinite.
    """

    data: Any = None
    min: float | None = None
    mean: float | None = None
    max: float | None = None
    norm: float | None = None
    zeros: float = 0.0
    nans: int = 0
    infs: int = 0

    def __str__(self) -> str:
        if self.data is not None:
            return _written(self.data)
        if self.min is None:
            parts = []
        elif self.min == self.max:
            parts = [f"all {self.min:.4g}"]
        else:
            parts = [f"{self.min:.3g} to {self.max:.3g}, mean {self.mean:.3g}, norm {self.norm:.3g}"]
        parts += [f"{self.zeros:.0%} zeros"] * (0 < self.zeros < 1)
        parts += [f"{n:,} {what}" for n, what in ((self.nans, "NaN"), (self.infs, "infinite")) if n]
        return ", ".join(parts)

    def told(self) -> dict[str, Any]:
        """It as JSON has it: without NaN and infinities, for which there are no numbers there."""
        return {key: _finite(value) for key, value in asdict(self).items() if value is not None}


def numbers_of(array: Any) -> Numbers:
    """Return what is in an array.

    Examples
    --------
    >>> print(numbers_of(np.array([1.0, 0.0])))
    [1, 0]
    >>> print(numbers_of(np.linspace(-1, 1, 101, dtype=np.float32)))
    -1 to 1, mean 0, norm 5.86, 1% zeros
    """
    array = np.asarray(array)
    sizes = np.abs(array) if array.dtype.kind == "c" else array
    finite = sizes[np.isfinite(sizes)] if array.dtype.kind in "fc" else sizes
    found: dict[str, Any] = {"data": array.tolist()} if array.size <= _FULL else {}
    if finite.size:
        exact = finite.astype(np.float64)  # the sum of many float16 is more than they can hold
        ends = {"min": exact.min(), "max": exact.max(), "mean": exact.mean(), "norm": np.linalg.norm(exact)}
        found |= {key: float(value) + 0.0 for key, value in ends.items()}  # no "-0"
    if array.size:
        found["zeros"] = float(np.count_nonzero(array == 0) / array.size)
    if array.dtype.kind in "fc":
        found |= {"nans": int(np.isnan(array).sum()), "infs": int(np.isinf(array).sum())}
    return Numbers(**found)


def _written(data: Any) -> str:
    if isinstance(data, list):
        return f"[{', '.join(map(_written, data))}]"
    return f"{data + 0:.4g}" if isinstance(data, float | complex) else str(data)


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, complex):
        return str(value)
    return str(value) if isinstance(value, float) and not np.isfinite(value) else value
