"""Values, gradients, colouring by a number, and the backward pass in drawings: compared with what was computed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tinygrad_np import Tensor, grad, nn
from tinygrad_np import functional as F
from tinygrad_np.draw import draw
from tinygrad_np.draw.numbers import numbers_of
from tinygrad_np.draw.words import rules_of
from tinygrad_np.primitives import primitive, table


def neuron(x1: Any, x2: Any, w1: Any, w2: Any, b: Any) -> Any:
    return np.tanh(x1 * w1 + x2 * w2 + b)


AT = (2.0, 0.0, -3.0, 1.0, 6.8813735870195432)  # of Karpathy's lecture on micrograd, where the gradients are round


def test_a_neuron_with_every_number() -> None:
    boxes = draw(neuron, *AT, values=True, grads=True).outline.boxes
    assert [(b.title, b.value and b.value.data, b.grad and b.grad.data) for b in boxes] == [
        (title, pytest.approx(value), pytest.approx(gradient))
        for title, value, gradient in [
            ("x1", 2.0, -1.5), ("w1", -3.0, 1.0), ("multiply", -6.0, 0.5), ("x2", 0.0, 0.5), ("w2", 1.0, 0.0),
            ("multiply", 0.0, 0.5), ("add", -6.0, 0.5), ("b", AT[-1], 0.5), ("add", AT[-1] - 6, 0.5),
            ("tanh", np.sqrt(0.5), 1.0),
        ]
    ]  # fmt: skip
    assert boxes[-1].text == ("scalar float64", "value 0.7071", "grad 1")


@given(arrays(np.float64, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=st.floats(width=32)))
def test_statistics(array: Any) -> None:
    found = numbers_of(array)
    finite = array[np.isfinite(array)]
    assert (found.nans, found.infs) == (np.isnan(array).sum(), np.isinf(array).sum())
    assert found.zeros == np.mean(array == 0)
    assert (found.data is not None) == (array.size <= 9)
    if finite.size:
        assert (found.min, found.max) == (finite.min(), finite.max())
        assert found.norm == pytest.approx(np.sqrt((finite * finite).sum()))
    json.dumps(found.told(), allow_nan=False)
    assert str(found)


def test_statistics_in_words() -> None:
    assert str(numbers_of(np.zeros(10))) == "all 0"
    assert str(numbers_of(np.array([np.nan] * 9 + [np.inf]))) == "9 NaN, 1 infinite"
    assert str(numbers_of(np.arange(10, dtype=np.float16))) == "0 to 9, mean 4.5, norm 16.9, 10% zeros"
    assert str(numbers_of(np.array([[1.5, -2.0], [np.nan, 0.0]]))) == "[[1.5, -2], [nan, 0]]"
    assert str(numbers_of(np.array([True, False]))) == "[True, False]"
    assert str(numbers_of(np.array([-0.0, 1.0]))) == "[0, 1]"
    assert str(numbers_of(np.full(10, -0.0))) == "all 0"
    assert str(numbers_of(np.full(1000, 60000, np.float16))) == "all 6e+04"  # whose sum a float16 cannot hold


def model_and_data() -> tuple[nn.MLP, Any, Any]:
    rng = np.random.default_rng(0)
    return nn.MLP([4, 5, 3], "tanh", rng=0), rng.standard_normal((6, 4)).astype(np.float32), np.arange(6) % 3


def test_of_a_tensor_what_the_graph_has_kept() -> None:
    model, x, y = model_and_data()
    loss = F.softmax_cross_entropy(model(x), y)
    names = dict(model.named_parameters())
    outline = draw(loss, names=names, values=True, grads=True).outline
    assert all(box.value is not None for box in outline.boxes), "the input was saved by linear, the rest follows"
    hidden = next(box for box in outline.boxes if box.operation == "tanh")
    h = np.tanh(x @ model.layers[0].weight.detach().numpy())
    assert hidden.value is not None
    assert hidden.value.norm == pytest.approx(float(np.linalg.norm(h)), rel=1e-5)
    loss.backward()
    again = draw(loss, names=names, values=True, grads=True).outline
    assert "backward() has freed the graph" in " ".join(again.notes)
    assert "not kept" in " ".join(again.notes)
    weight = next(box for box in again.boxes if box.title == "weight")
    assert weight.grad == numbers_of(model.layers[0].weight.grad.numpy())  # type: ignore[union-attr]
    assert {box.title for box in again.boxes if box.value} == {"weight", "bias", "mean"}, "and the result"


def test_values_that_a_leaf_did_not_have_then_are_not_used() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    y = np.sum(w + 1)
    assert draw(y, names={"w": w}, values=True).outline.boxes[1].value == numbers_of(np.array([2.0, 3.0]))
    w.data = np.array([5.0, 6.0])
    outline = draw(y, names={"w": w}, values=True).outline
    assert [box.value and box.value.data for box in outline.boxes] == [None, None, 5.0]


def test_gradients_of_what_is_no_scalar_and_of_what_has_none() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    outline = draw(np.exp(x), grads=True).outline
    assert outline.boxes[0].grad == numbers_of(np.exp([1.0, 2.0]))
    assert outline.notes == ("the gradients are those of the sum of the result",)
    assert draw(Tensor([1.0]), grads=True).outline.notes == ("nothing here has a gradient",)
    assert x.grad is None


def test_a_decomposition_has_values_too() -> None:
    boxes = draw(lambda a: np.sum(np.linalg.svd(a)[1]), np.diag([3.0, 4.0]), values=True, grads=True).outline.boxes
    part = next(box for box in boxes if box.operation == "part")
    assert part.value is not None
    assert part.value.data == pytest.approx([4.0, 3.0])


# --- heat
def test_heat() -> None:
    x = np.array([[-9.0, 0.0, 9.0, 0.1]] * 2)

    def f(x: Any) -> Any:
        return np.sum(F.relu(np.tanh(x) - 0.5))

    def numbers(heat: str) -> dict[str, tuple[Any, str]]:
        boxes = draw(f, x, heat=heat).outline.boxes
        return {box.title: (box.heat, box.lines[-1]) for box in boxes if box.heat is not None}

    assert numbers("saturation") == {"tanh": (0.5, "50% saturated")}
    assert numbers("dead") == {"relu": (0.75, "75% dead")}
    whole = dict.fromkeys(("x", "tanh", "subtract", "relu"), (1.0, "64 B"))
    assert numbers("bytes") == whole | {"sum": (0.125, "8 B")}
    norms = numbers("grad_norm")
    assert norms["relu"] == (1.0, "gradient norm 2.83")
    assert norms["x"][0] == 0.0
    assert norms["tanh"][1] == norms["subtract"][1] == "gradient norm 1.41"
    assert set(numbers("time")) == {"tanh", "subtract", "relu", "sum"}
    with pytest.raises(ValueError, match=r"heat is one of 'grad_norm', .*, not 'cold'"):
        draw(f, x, heat="cold")


def test_heat_of_what_is_folded_is_that_of_all_of_it() -> None:
    y = Tensor(np.ones(2), requires_grad=True)
    for _ in range(60):
        y = np.tanh(y)
    box = draw(y, heat="bytes").outline.boxes[1]
    assert (box.title, box.lines) == ("tanh ×59", (f"{59 * 16} B",))
    assert (draw(y, heat="bytes").source.count('fillcolor="#f4694f"')) == 1


# --- backward
def test_the_backward_pass_has_the_rules_of_the_table() -> None:
    outline = draw(neuron, *AT, backward=True, grads=True).outline
    boxes = outline.boxes
    rules = {(boxes[a.tail].title, boxes[a.head].title, a.label) for a in outline.arrows if a.backward}
    assert rules == {
        ("∂ tanh", "∂ add", "g * (1 - out * out)"), ("∂ add", "∂ add", "g"), ("∂ add", "∂ b", "g"),
        ("∂ add", "∂ multiply", "g"), ("∂ multiply", "∂ x1", "g * y"), ("∂ multiply", "∂ w1", "g * x"),
        ("∂ multiply", "∂ x2", "g * y"), ("∂ multiply", "∂ w2", "g * x"),
    }  # fmt: skip
    for box in boxes:
        if box.of is not None:
            assert box.title == f"∂ {boxes[box.of].title}"
            assert box.grad is not None
            assert boxes[box.of].grad is None, "written once"
    arrows = {(a.tail, a.head) for a in outline.arrows if not a.backward and boxes[a.head].kind != "gradient"}
    assert {(boxes[a.head].of, boxes[a.tail].of) for a in outline.arrows if a.backward} == arrows


def test_only_what_has_a_gradient_gets_one() -> None:
    model, x, y = model_and_data()
    outline = draw(lambda images, labels: F.softmax_cross_entropy(model(images), labels), x, y, backward=True).outline
    gradients = [box.title for box in outline.boxes if box.kind == "gradient"]
    assert not {"∂ images", "∂ labels"} & set(gradients)
    assert gradients.count("∂ weight") == 2
    labels = {arrow.label for arrow in outline.arrows if arrow.backward}
    assert {"dW = x^T dZ", "dz = softmax(z) - y", "g @ weight.mT"} <= labels
    assert [group.title for group in outline.groups][3:] == ["∂ model: MLP", "∂ layers.0: Linear", "∂ layers.1: Linear"]
    assert [group.parent for group in outline.groups] == [None, 0, 0, None, 3, 3]


def test_a_value_that_is_used_twice_gets_a_sum() -> None:
    outline = draw(lambda x: x * np.exp(x), np.array(1.0), backward=True, grads=True).outline
    (box,) = (box for box in outline.boxes if box.title == "∂ x")
    assert box.lines == ("sum of 2",)
    assert box.grad is not None
    assert box.grad.data == pytest.approx(float(grad(lambda x: x * np.exp(x))(1.0)))


def test_rules_as_they_stand_in_the_table() -> None:
    @primitive(x=lambda g, x: g * 2 * x, y=None, z=lambda g: -g)
    def mine(x: Any, y: Any, z: Any) -> Any:
        return x * x - z

    assert rules_of(mine) == (("x", "g * 2 * x"), ("z", "-g"))
    two = [primitive(x=lambda g, x: g * 3 * x, y=lambda g, x: g * 4 * x)(f) for f in (lambda x, y: x,)]  # in one line
    assert rules_of(two[0]) == (("x", "g * 3 * x"), ("y", "g * 4 * x"))
    namespace: dict[str, Any] = {"primitive": primitive, "__name__": "nowhere"}
    exec("@primitive(x=lambda g, x: g * 5)\ndef unseen(x): return 5 * x", namespace)
    assert rules_of(namespace["unseen"]) == (("x", "lambda(g, x)"),)  # there is no source to read
    assert rules_of(table[np.multiply]) == (("x", "g * y"), ("y", "g * x"))
