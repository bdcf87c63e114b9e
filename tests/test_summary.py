"""Summaries of models: counts that follow from the definition, and the layer that failed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np import Tensor, nn
from tinygrad_np.draw import summary


class Twice(nn.Module):
    """Two calls of one layer, inside of a block."""

    def __init__(self) -> None:
        self.inner = nn.Linear(4, 4, rng=0)
        self.scale = Tensor(np.ones(4, np.float32), requires_grad=True)

    def forward(self, x: Any) -> Any:
        return np.tanh(self.inner(np.tanh(self.inner(x)))) * self.scale


class Model(nn.Module):
    def __init__(self, width: int = 4) -> None:
        self.blocks = [Twice(), Twice()]
        self.last = nn.Linear(width, 2, rng=0)

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.last(x)


def test_rows_and_counts() -> None:
    model, x = Model(), np.ones((3, 4), np.float32)
    found = summary(model, x)
    assert [(r.path, r.kind, r.depth, r.shape) for r in found.rows] == [
        ("", "Model", 0, (3, 2)),
        ("blocks.0", "Twice", 1, (3, 4)),
        ("blocks.0.inner", "Linear", 2, (3, 4)),
        ("blocks.0.inner", "Linear", 2, (3, 4)),
        ("blocks.1", "Twice", 1, (3, 4)),
        ("blocks.1.inner", "Linear", 2, (3, 4)),
        ("blocks.1.inner", "Linear", 2, (3, 4)),
        ("last", "Linear", 1, (3, 2)),
    ]
    assert [r.parameters for r in found.rows] == [58, 24, 20, 0, 24, 20, 0, 10]
    assert found.rows[0].parameters == sum(p.size for p in model.parameters())
    one = 3 * 4 * 4
    assert [r.multiply_adds for r in found.rows] == [4 * one + 3 * 4 * 2, 2 * one, one, one, 2 * one, one, one, 24]
    # the block allocates four results and the product with the scale, each of 3 x 4 numbers of 4 bytes
    assert [r.result_bytes for r in found.rows[1:4]] == [5 * 48, 48, 48]
    # it keeps its input, the result of each tanh (of which the first is the second layer's input, once)
    assert found.rows[1].saved_bytes == 3 * 48
    assert found.error is None


def test_what_fails_is_the_last_row() -> None:
    found = summary(Model(width=5), np.ones((3, 4), np.float32))
    assert (found.rows[-1].path, found.rows[-1].shape) == ("last", None)
    assert isinstance(found.error, ValueError)
    assert "\nfailed in last: ShapeError: linear: the last axis of x has 4, but last.weight takes 5\n" in str(found)


def test_it_changes_nothing() -> None:
    model, x = nn.MLP([4, 8, 2], dropout=0.0, rng=0), np.ones((3, 4), np.float32)
    before = model(x).detach().numpy().copy()
    summary(model, x)
    np.testing.assert_array_equal(model(x).detach().numpy(), before)
    assert all(p.grad is None for p in model.parameters())


def test_multiply_adds_of_products() -> None:
    x = np.ones((2, 3, 4))

    class Products(nn.Module):
        def __init__(self) -> None:
            self.w = Tensor(np.ones((2, 4, 5)), requires_grad=True)

        def forward(self, x: Any, product: Any) -> Any:
            return product(x, self.w)

    def count(product: Any) -> int:
        return summary(Products(), x, product).rows[0].multiply_adds

    assert count(lambda x, w: x @ w) == 2 * 3 * 4 * 5
    assert count(lambda x, w: np.einsum("bij, bjk -> bik", x, w)) == 2 * 3 * 4 * 5
    assert count(lambda x, w: np.tensordot(x, w, ((2,), (1,)))) == 2 * 3 * 4 * 2 * 5
    assert count(lambda x, w: np.convolve(x[0, 0], w[0, :, 0])) == 4 * 4
    assert count(lambda x, w: x * w[:, :3, :4]) == 0


def test_what_repeats_is_printed_once() -> None:
    model = nn.Sequential(*[Twice() for _ in range(12)], nn.Linear(4, 2, rng=0))
    found = summary(model, np.ones((3, 4), np.float32))
    assert len(found.rows) == 1 + 12 * 3 + 1
    assert [line.strip().split("  ")[0] for line in str(found).splitlines()[2:]] == [
        "Sequential", "layers.0: Twice ×12", "inner: Linear", "inner: Linear", "layers.12: Linear",
    ]  # fmt: skip
    same = nn.Sequential(*[nn.Linear(4, 4, rng=0) for _ in range(3)], nn.Linear(4, 5, rng=0))
    assert "layers.0: Linear ×3" in str(summary(same, np.ones((3, 4), np.float32)))
    twice = nn.Sequential(*[nn.Linear(4, 4, rng=0) for _ in range(2)])
    assert "×" not in str(summary(twice, np.ones((3, 4), np.float32)))
