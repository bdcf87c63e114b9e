"""The mini-batches of one epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["batches"]


def batches(
    x: NDArray[Any],
    y: NDArray[Any],
    batch_size: int = 64,
    *,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Iterate over ``x`` and ``y`` in mini-batches, once.

    What is shuffled is the order, not the data: memory holds one batch at a time, never a second data set.
    A generator as ``rng`` gives the next epoch another order; a seed gives every epoch the same.

    Parameters
    ----------
    x, y : arrays of the same length
        Examples and labels, along the first axis.
    batch_size : int
        Examples per batch; 0 means all of them in one.
    rng : Generator or int, optional
        The source of randomness.
    shuffle : bool
        If false, batches come in the order of the data and are views of it.
    drop_last : bool
        Leave out the last batch if it is smaller than the others.

    Yields
    ------
    x_batch, y_batch : arrays

    Raises
    ------
    ValueError
        If the lengths differ, or ``batch_size`` is negative.

    Examples
    --------
    >>> x, y = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> [labels.tolist() for _, labels in batches(x, y, 2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    >>> [labels.tolist() for _, labels in batches(x, y, 2, rng=0, drop_last=True)]
    [[2, 4], [3, 0]]
    """
    m = len(x)
    if len(y) != m:
        raise ValueError(f"x has {m} examples and y has {len(y)}: give both one row per example")
    if batch_size < 0:
        raise ValueError(f"batch_size={batch_size} is negative: give a positive number, or 0 for all in one batch")
    size = batch_size or max(m, 1)
    order = np.random.default_rng(rng).permutation(m) if shuffle else None
    stop = m - m % size if drop_last else m

    def generate() -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        for start in range(0, stop, size):
            here = slice(start, start + size)
            chosen = here if order is None else order[here]
            yield x[chosen], y[chosen]

    return generate()  # so that bad arguments raise at the call, not at the first batch
