"""The mini-batches of one epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["batches", "in_order"]

Array = NDArray[Any]


def batches(
    x: Array,
    y: Array,
    batch_size: int = 64,
    *,
    rng: np.random.Generator | int | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[tuple[Array, Array]]:
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
    order = np.random.default_rng(rng).permutation(m) if shuffle else None
    return in_order((x, y), order, batch_size or max(m, 1), drop_last=drop_last)


def in_order(
    arrays: Sequence[Array | None], order: Array | None, size: int, start: int = 0, *, drop_last: bool = False
) -> Iterator[tuple[Any, ...]]:
    """Yield the batches of arrays of one length, in the order of their indices, from batch ``start`` on.

    Without an order they are views; ``None`` stands for itself in each batch.
    """
    m = len(next(array for array in arrays if array is not None))
    for first in range(start * size, m - m % size if drop_last else m, size):
        here = slice(first, first + size)
        if order is None:
            yield tuple(None if array is None else array[here] for array in arrays)
        else:
            yield tuple(None if array is None else array.take(order[here], axis=0) for array in arrays)
