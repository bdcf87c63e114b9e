"""What the engine says: how Tensors look, and what errors inside of it tell. Mistakes are in test_mistakes.py."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import Tensor
from tinygrad_np import functional as F
from tinygrad_np.primitives import primitive

W = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True, name="W")
X = Tensor([1.0, 2.0, 3.0], requires_grad=True)


LOOKS = [
    (Tensor(1.5), "Tensor(1.5, dtype=float64)"),
    (Tensor([1, 2]), "Tensor([1, 2], dtype=int64)"),
    (Tensor([True, False]), "Tensor([ True, False], dtype=bool)"),
    (Tensor([0.1], dtype=np.float32), "Tensor([0.1], dtype=float32)"),
    (Tensor(1 + 2j), "Tensor(1.+2.j, dtype=complex128)"),
    (Tensor([]), "Tensor([], dtype=float64)"),
    (Tensor(np.zeros((0, 3))), "Tensor([], shape=(0, 3), dtype=float64)"),
    (X, "Tensor([1., 2., 3.], dtype=float64, requires_grad=True)"),
    (W, "Tensor([[1., 2.],\n        [3., 4.]], dtype=float64, name='W', requires_grad=True)"),
    (X * 2, "Tensor([2., 4., 6.], dtype=float64, made by multiply)"),
    (X.sum(), "Tensor(6., dtype=float64, made by sum)"),
    (F.relu(X[:1] - 5), "Tensor([0.], dtype=float64, made by relu)"),
    (X.detach(), "Tensor([1., 2., 3.], dtype=float64)"),
    (X > 1, "Tensor([False,  True,  True], dtype=bool)"),
    (Tensor(np.arange(1000.0)), "Tensor([  0.,   1.,   2., ..., 997., 998., 999.], dtype=float64)"),
    (F.linear(np.ones((1, 2)), W, np.zeros(2)), "Tensor([[4., 6.]], dtype=float64, made by linear)"),
]


@pytest.mark.parametrize(("tensor", "text"), LOOKS, ids=[text for _, text in LOOKS])
def test_repr(tensor, text):
    assert repr(tensor) == text
    assert str(tensor) == text
    assert f"{tensor}" == text


def test_format_of_one_number():
    assert f"{Tensor(np.pi):.3f} {Tensor(7):03d}" == "3.142 007"


def test_nodes_say_what_made_them():
    y = X * 2
    assert repr(y.node).endswith(": multiply float64[3]>")
    assert repr(X.node).endswith(": leaf float64[3]>")
    assert repr(W.node).endswith(": W float64[2, 2]>")


def test_an_error_inside_of_a_rule_names_the_operation_and_its_operands():
    @primitive(x=lambda g, x: g.reshape(7))
    def broken(x):
        return x * 1

    with pytest.raises(ValueError, match="cannot reshape") as error:
        np.sum(broken(W)).backward()
    (note,) = error.value.__notes__
    assert note.startswith("raised by the derivative of <Node ")
    assert "broken float64[2, 2]" in note
    assert "W float64[2, 2]" in note


def test_an_error_shows_no_second_traceback_of_numpy():
    with pytest.raises(ValueError, match="add") as error:
        X + np.ones(4)
    assert error.value.__suppress_context__
