"""What the engine says: how Tensors look, and errors that tell what was wrong, and one way to mend it."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, no_grad
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


def backward_twice():
    loss = np.sum(np.tanh(X))
    loss.backward()
    loss.backward()


def assign(target, index, value):
    target[index] = value


ERRORS = {  # code, kind, and the whole text; "..." stands for NumPy's own words, which differ between versions
    "shapes that do not broadcast": (
        lambda: X + np.ones(4),
        ValueError,
        "add(x float64[3], y float64[4]): operands could not be broadcast together ...",
    ),
    "shapes that do not match": (
        lambda: Tensor(np.ones((2, 3), np.float32)) @ np.ones((4, 2)),
        ValueError,
        "matmul(x float32[2, 3], y float64[4, 2]): ...",
    ),
    "another number of elements": (
        lambda: X.reshape(2, 2),
        ValueError,
        "reshape(a float64[3], shape=(2, 2)): cannot reshape array of size 3 into shape (2,2)",
    ),
    "an index out of bounds": (
        lambda: X[5],
        IndexError,
        "getitem(a float64[3], index=(5,)): index 5 is out of bounds for axis 0 with size 3",
    ),
    "too many indices": (lambda: X[0, 1], IndexError, "getitem(a float64[3], index=(0, 1)): too many indices ..."),
    "an axis out of bounds": (
        lambda: np.sum(X, axis=3),
        np.exceptions.AxisError,
        "sum(a float64[3], axis=3, keepdims=False): axis 3 is out of bounds for array of dimension 1",
    ),
    "arrays that do not join": (
        lambda: np.concatenate([X, np.ones((2, 2))]),
        ValueError,
        "concatenate(arrays float64[3], ... float64[2, 2], axis=0): all the input arrays ...",
    ),
    "subscripts that do not fit": (
        lambda: np.einsum("ij,j", X, X),
        ValueError,
        "einsum: 'ij,j' gives operand 0 2 axes, but its shape is (3,)",
    ),
    "an operation that dtypes lack": (
        lambda: X & 1,
        TypeError,
        "bitwise_and(x float64[3], y 1): ufunc 'bitwise_and' not supported for the input types, ...",
    ),
    "a function without an entry": (
        lambda: np.frompyfunc(abs, 1, 1)(W),
        NotImplementedError,
        (
            "abs (vectorized) has no entry in the table of derivatives, so it does not take Tensors. If no gradient "
            "is needed through it, pass t.detach().numpy(); to give it a derivative, see tinygrad_np.primitive"
        ),
    ),
    "leaving with a gradient": (
        lambda: np.asarray(X),
        RuntimeError,
        (
            "this Tensor requires a gradient, and an ndarray would lose it without a word: call .detach().numpy() if "
            "that is meant"
        ),
    ),
    "no scalar": (
        lambda: (X * 2).backward(),
        RuntimeError,
        (
            "backward: the gradient of a scalar can be computed, but this tensor has shape (3,); reduce it first "
            "(.sum(), .mean()), or pass gradient=, of the same shape"
        ),
    ),
    "nothing recorded": (
        lambda: Tensor(1.0).backward(),
        RuntimeError,
        (
            "backward: this tensor does not require a gradient; was it computed from a Tensor with requires_grad=True, "
            "outside of no_grad() and without .detach()?"
        ),
    ),
    "a seed of another shape": (
        lambda: X.backward(np.ones(2)),
        ValueError,
        "backward: gradient has shape (2,), but the tensor has shape (3,)",
    ),
    "backward twice": (
        backward_twice,
        RuntimeError,
        (
            "backward has passed through this graph before and freed the arrays that 'sum' had saved; pass "
            "retain_graph=True to the first backward, or compute the result again"
        ),
    ),
    "integers": (
        lambda: Tensor([1, 2], requires_grad=True),
        TypeError,
        (
            "only floating-point tensors can require a gradient, but the dtype is int64; pass dtype=np.float64 (or "
            "np.float32), or write the numbers with a decimal point"
        ),
    ),
    "no numbers": (
        lambda: Tensor(["a", None]),
        TypeError,
        "a Tensor holds numbers, but ['a', None] became an array of dtype object",
    ),
    "neither true nor false": (
        lambda: bool(X),
        ValueError,
        "a Tensor of shape (3,) is neither true nor false: use np.any() or np.all()",
    ),
    "writing to a leaf": (
        lambda: assign(X, 0, 1.0),
        RuntimeError,
        (
            "assigning to elements would turn a leaf that requires a gradient into a result, and its .grad would be "
            "lost; do it under no_grad(), or write t = t + ... to make a new Tensor"
        ),
    ),
    "a gradient of no function": (
        lambda: grad(lambda x: 3.0)(1.0),
        TypeError,
        (
            "<lambda> returned float where a Tensor was expected; if it called .numpy(), .item() or float(), the "
            "derivative was lost there"
        ),
    ),
    "a decorator without parentheses": (
        lambda: no_grad(print),
        TypeError,
        "no_grad takes no arguments; as a decorator it is @no_grad()",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    code, kind, text = ERRORS[name]
    with pytest.raises(kind) as error:
        code()
    found, (start, *rest) = str(error.value), text.split("...") if text.endswith("...") else [text]
    assert found.startswith(start) if rest else found == start
    assert type(error.value) is kind


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
