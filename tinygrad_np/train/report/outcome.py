"""What a network made of some examples: the one thing that all sections of the page look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.data import Dataset
from tinygrad_np.train.tasks import Task

__all__ = ["Outcome", "interval"]


@dataclass(frozen=True)
class Outcome:
    """Examples, and the logits that a network has for them.

    Attributes
    ----------
    data : Dataset
        As it was before any standardization, so that pictures can be shown.
    logits : array of shape (m, outputs)
    task : Task
    """

    data: Dataset
    logits: NDArray[Any]
    task: Task

    @cached_property
    def predicted(self) -> NDArray[Any]:
        """Classes, labels or numbers, as ``data.y`` has them."""
        return self.task.predict(self.logits)

    @cached_property
    def probabilities(self) -> NDArray[Any]:
        """Of each class, shape (m, classes)."""
        return self.task.proba(self.logits)

    @cached_property
    def wrong(self) -> NDArray[np.intp]:
        """The examples that were not predicted right, the most confident mistakes first."""
        confidence = self.probabilities.max(axis=1)
        mistaken = self.predicted != self.data.y
        order = np.lexsort((-confidence, ~mistaken))
        return order[: np.count_nonzero(mistaken)]

    @property
    def images(self) -> NDArray[Any] | None:
        """The examples as pictures of shape (m, height, width) or (m, height, width, 3), if they are such."""
        shape = self.data.image_shape
        if shape is None or (len(shape) == 3 and shape[2] not in (1, 3)):
            return None
        return self.data.x.reshape(-1, *(shape[:2] if shape[2:] == (1,) else shape))


def interval(right: int, m: int, z: float = 1.96) -> tuple[float, float]:
    """Where the accuracy on all the data of the world may be, of which ``right`` of ``m`` examples were right.

    References
    ----------
    E. B. Wilson, 1927, "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> low, high = interval(264, 270)
    >>> f"{low:.1%} to {high:.1%}"
    '95.2% to 99.0%'
    """
    p = right / m
    middle = (p + z * z / (2 * m)) / (1 + z * z / m)
    half = z / (1 + z * z / m) * math.sqrt(p * (1 - p) / m + z * z / (4 * m * m))
    return middle - half, middle + half
