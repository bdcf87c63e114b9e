"""Split labelled examples into training, validation and test parts that look alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.data.dataset import Dataset

__all__ = ["hold_out", "split"]


def split(
    data: Dataset,
    validation: float = 0.15,
    test: float = 0.15,
    *,
    rng: np.random.Generator | int | None = None,
) -> tuple[Dataset, Dataset, Dataset]:
    """Split ``data`` at random into training, validation and test parts with the same mix of classes.

    Where ``y`` is not the number of a class, the split is at random alone.

    Parameters
    ----------
    data : Dataset
        Is left alone; the parts are copies.
    validation, test : float
        The fractions of the examples that these parts get, each rounded to a whole number of examples.
        Training gets the rest.
    rng : Generator or int, optional
        The source of randomness. One seed gives one split.

    Returns
    -------
    training, validation, test : Dataset
        Their examples are disjoint, together all of ``data``, and in the order of ``data``.

    Raises
    ------
    ValueError
        If a fraction is negative, or a part would get no example.

    Notes
    -----
    The classes share the places of a part as parties share the seats of a parliament by Webster's method:
    after a shuffle, the i-th example of a class of n stands at (i + 1/2) / n, and the part takes the examples
    that stand first. So a part gets exactly its number of examples, each class within rounding of its
    share of them, and a class of one example goes to training.

    Examples
    --------
    >>> data = Dataset(np.arange(20.0)[:, None], np.arange(20) % 2)
    >>> for part in split(data, 0.2, 0.3, rng=0):
    ...     print(part, np.bincount(part.y))
    Dataset 'training': 10 examples of shape (1,), 2 classes [5 5]
    Dataset 'validation': 4 examples of shape (1,), 2 classes [2 2]
    Dataset 'test': 6 examples of shape (1,), 2 classes [3 3]
    """
    if not (validation >= 0 and test >= 0 and validation + test < 1):
        raise ValueError(f"validation={validation} and test={test} must be fractions whose sum is below 1")
    n_test, n_validation = round(test * data.size), round(validation * data.size)
    sizes = {"training": data.size - n_test - n_validation, "validation": n_validation, "test": n_test}
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(
                f"the {name} part of {data.size} examples would be empty: give more data, or other fractions"
            )
    order = _stratified_order(_classes(data), np.random.default_rng(rng))
    chosen = np.split(order, [n_test, n_test + n_validation])
    by_name = dict(zip(("test", "validation", "training"), chosen, strict=True))
    training, validation_part, test_part = (data.take(np.sort(by_name[name]), name) for name in sizes)
    return training, validation_part, test_part


def hold_out(
    data: Dataset, fraction: float, name: str, *, rng: np.random.Generator | int | None = None
) -> tuple[Dataset, Dataset]:
    """Split ``data`` in two: the training part, and a part called ``name`` with this fraction; see :func:`split`.

    Examples
    --------
    >>> data = Dataset(np.arange(20.0)[:, None], np.arange(20) % 2)
    >>> hold_out(data, 0.2, "test", rng=0)[1]
    Dataset 'test': 4 examples of shape (1,), 2 classes
    """
    n = round(fraction * data.size)
    if not 0 < n < data.size:
        raise ValueError(f"{fraction} of {data.size} examples are {n}: both parts need some")
    order = _stratified_order(_classes(data), np.random.default_rng(rng))
    return data.take(np.sort(order[n:]), "training"), data.take(np.sort(order[:n]), name)


def _classes(data: Dataset) -> NDArray[np.integer[Any]]:
    """What the parts are to have the same mix of; one class, where ``y`` is something else."""
    return data.y if data.y.ndim == 1 and data.class_names else np.zeros(data.size, np.int64)


def _stratified_order(y: NDArray[np.integer[Any]], rng: np.random.Generator) -> NDArray[np.intp]:
    """A random order of the examples in which every prefix has nearly the mix of classes of the whole."""
    shuffled = rng.permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    counts = np.bincount(y)
    of_class = y[by_class]
    first = np.cumsum(counts) - counts
    stands_at = (np.arange(len(y)) - first[of_class] + 0.5) / counts[of_class]
    # Examples of two classes may stand at the same place: a second shuffle keeps ties from going by label.
    mixed = rng.permutation(len(y))
    return by_class[mixed[np.argsort(stands_at[mixed], kind="stable")]]
