"""Rules that take a faster way for large arrays: there, too, they compute what the definition says.

The drawn arrays of the other tests are small, and never go that way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad
from tinygrad_np.rules import cumulative, einsum, indexing

rng = np.random.default_rng(20261120)


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, 0, 1e-10 * np.abs(expected).max())


@pytest.mark.parametrize(
    "subscripts",
    ["ij,jk->ik", "ji,jk->ki", "nij,njk->nik", "inj,jkn->kni", "ij,j->i", "j,ij->i", "hqnd,hknd->hnqk", "abc,cb->a"],
)
def test_einsum_of_two_is_a_matrix_product(subscripts: str) -> None:
    inputs, output = subscripts.split("->")
    size = dict(zip(sorted(set(output) | set(inputs) - {","}), (11, 13, 12, 14, 10), strict=False))
    scale = 400 // len(size) ** 3  # enough for all of them
    x, y = (rng.normal(size=[scale * size[label] for label in term]) for term in inputs.split(","))
    assert einsum._as_matrix_product(x, y, subscripts) is not None
    out = np.einsum(subscripts, x, y)
    close(einsum.einsum(x, y, subscripts=subscripts), out)
    w = rng.normal(size=out.shape)
    first, second = inputs.split(",")
    for operand, place, spelled, other in (
        (x, 0, f"{output},{second}->{first}", y),
        (y, 1, f"{output},{first}->{second}", x),
    ):
        found = grad(lambda t: np.sum(np.einsum(subscripts, *((t, y) if place == 0 else (x, t))) * w))(operand)  # noqa: B023
        close(found.numpy(), np.einsum(spelled, w, other))


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("dtypes", [("f", "f"), ("f", "d")])
def test_einsum_keeps_the_dtype(dtypes: tuple[str, str], complex_: bool) -> None:
    x, y = (rng.normal(size=(40, 40)).astype(np.dtype(d.upper() if complex_ else d)) for d in dtypes)
    found, expected = einsum.einsum(x, y, subscripts="ij,jk->ik"), np.einsum("ij,jk->ik", x, y)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, 0, 1e-4)


@pytest.mark.parametrize(("shape", "count"), [((30, 70), 1), ((30, 40), 2), ((9, 8, 40), 2), ((9, 8, 7), 3)])
def test_adding_at_rows_that_repeat(shape: tuple[int, ...], count: int) -> None:
    indices = [rng.integers(-n, n, size=(300, 1) if i else (1, 20)) for i, n in enumerate(shape[:count])]
    expected = np.zeros(shape)
    a = rng.normal(size=expected[tuple(indices)].shape)
    np.add.at(expected, tuple(indices), a)
    for cotangent in (a, np.asfortranarray(a), a[::-1, ::-1][::-1, ::-1]):
        found = indexing.scatter_add(cotangent, *indices, index=(indexing.ARRAY,) * count, shape=shape)
        close(found, expected)


def test_rows_with_a_mask_among_the_indices() -> None:
    mask, x = rng.random(100) < 0.5, rng.normal(size=(100, 50, 60))
    columns = rng.integers(50, size=mask.sum())
    expected = np.zeros(x.shape)
    np.add.at(expected, (mask, columns), 1.0)
    np.testing.assert_array_equal(grad(lambda t: np.sum(t[mask, columns]))(x).numpy(), expected)


@pytest.mark.parametrize("axis", [0, 1])
def test_sort_leaves_equal_elements_in_order(axis: int) -> None:
    """Many ties in some lines, none in others: the gradient is that of a stable sort."""
    x = np.concatenate([rng.integers(5, size=(20, 40)), rng.normal(size=(20, 40))]).astype(float)
    x, w = (x if axis else x.T), rng.normal(size=(40, 40))
    order = np.argsort(x, axis, kind="stable")
    expected = np.empty_like(x)
    np.put_along_axis(expected, order, w, axis)
    np.testing.assert_array_equal(grad(lambda t: np.sum(np.sort(t, axis) * w))(x).numpy(), expected)


@pytest.mark.parametrize("shape", [(2, 100), (7, 100), (7, 3), (1, 80), (50, 8, 8)])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_recurrence_is_solved_step_by_step(shape: tuple[int, ...], axis: int) -> None:
    b = np.moveaxis(rng.normal(size=shape), 0, axis)
    a = np.moveaxis(rng.normal(size=(shape[0] - 1, *shape[1:])), 0, axis)
    x = cumulative.recurrence(a, b, axis=axis)
    previous = 0.0
    for i in range(shape[0]):
        term = np.take(a, i - 1, axis) * previous if i else 0.0
        previous = np.take(x, i, axis)
        close(previous, np.take(b, i, axis) + term)


def test_cumprod_of_many_lines_with_zeros() -> None:
    x, w = rng.normal(size=(5, 200)), rng.normal(size=(5, 200))
    x[2, ::3] = 0
    x[4, ::7] = 0
    t = Tensor(x, requires_grad=True)
    np.sum(np.cumprod(t, 0) * w).backward()
    expected = np.zeros_like(x)
    for i in range(5):
        for k in range(i, 5):
            expected[i] += w[k] * np.prod(np.delete(x[: k + 1], i, 0), axis=0)
    close(t.grad.numpy(), expected)
