"""Drawings of what failed: up to there, with the failing operation marked, on the error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, detect_anomaly, nn
from tinygrad_np import functional as F
from tinygrad_np.draw import draw
from tinygrad_np.errors import AxisError, DtypeError, OperandIndexError, OperationError, ShapeError


class Net(nn.Module):
    def __init__(self) -> None:
        self.layers = [nn.Linear(4, 8, rng=0), nn.Linear(9, 3, rng=0)]

    def forward(self, x: Any) -> Any:
        return self.layers[1](F.relu(self.layers[0](x)))


X = np.ones((2, 4), np.float32)


def test_a_shape_error_inside_of_a_model() -> None:
    with pytest.raises(ShapeError) as caught:
        Net()(X)
    outline = caught.value.graph.outline
    assert [box.title for box in outline.boxes if box.operation] == ["linear", "relu", "linear"]
    (failed,) = (box for box in outline.boxes if box.marked)
    assert failed is outline.boxes[-1]
    assert failed.lines == ("the last axis of x has 8, but", "layers.1.weight takes 9")
    inflow = [outline.boxes[a.tail] for a in outline.arrows if outline.boxes[a.head] is failed]
    assert [(box.title, box.shape) for box in inflow] == [("relu", (2, 8)), ("weight", (9, 3)), ("bias", (3,))]
    assert {outline.groups[box.group].path for box in inflow if box.group is not None} == {"layers.1"}
    assert "#ffd3cf" in caught.value.graph.source
    assert caught.value.graph is caught.value.graph, "drawn once"


def test_a_model_that_fails_while_it_is_drawn(tmp_path: Any) -> None:
    with pytest.raises(ShapeError) as caught:
        draw(Net(), X)
    outline = caught.value.graph.outline
    assert [group.title for group in outline.groups] == ["layers.0: Linear", "layers.1: Linear"]
    assert [(box.title, box.group) for box in outline.boxes if box.marked] == [("linear", 1)]
    assert outline.boxes[0].title == "x"
    assert "error.graph.save" in caught.value.__notes__[0]
    assert caught.value.graph.save(tmp_path / "failed.dot").stat().st_size


@pytest.mark.parametrize(
    ("compute", "kind", "titles"),
    [
        (lambda x: np.exp(x) + np.ones(5), ShapeError, ["x", "exp", "np.ones(5)", "add"]),
        (lambda x: np.sum(np.exp(x), axis=3), AxisError, ["x", "exp", "sum"]),
        (lambda x: np.exp(x)[7], OperandIndexError, ["x", "exp", "getitem"]),
        (lambda x: np.tanh(x) @ 2.0, ShapeError, ["x", "tanh", "matmul"]),
        (lambda x: np.dot(np.tanh(x), x), ShapeError, ["x", "tanh", "dot"]),
        (lambda x: np.ldexp(np.sin(x), 1.5), DtypeError, ["x", "sin", "ldexp"]),
    ],
)
def test_errors_of_operations(compute: Any, kind: Any, titles: list[str]) -> None:
    x = Tensor(np.ones((2, 3)), requires_grad=True, name="x")
    with pytest.raises(kind) as caught:
        compute(x)
    assert isinstance(caught.value, OperationError)
    boxes = caught.value.graph.outline.boxes
    assert [box.title for box in boxes] == titles
    assert [box.marked for box in boxes] == [False] * (len(titles) - 1) + [True]


def test_any_other_error() -> None:
    class Bad(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(4, 4, rng=0)

        def forward(self, x: Any) -> Any:
            np.tanh(self.inner(x))
            raise KeyError("no such thing")

    with pytest.raises(KeyError) as caught:
        draw(Bad(), X)
    boxes = caught.value.graph.outline.boxes  # type: ignore[attr-defined]
    assert [(box.title, box.marked) for box in boxes[-2:]] == [("tanh", False), ("KeyError", True)]
    with pytest.raises(ZeroDivisionError) as early:
        draw(lambda: 1 / 0)
    assert [box.title for box in early.value.graph.outline.boxes] == ["ZeroDivisionError"]  # type: ignore[attr-defined]


def test_a_nan_inside_of_a_model() -> None:
    class Bad(nn.Module):
        def forward(self, x: Any) -> Any:
            return np.sum(np.log(np.tanh(x) - 1))

    with pytest.raises(FloatingPointError) as caught, detect_anomaly(), np.errstate(all="ignore"):
        draw(nn.Sequential(Bad()), np.full((2, 3), 40.0))
    outline = caught.value.graph.outline  # type: ignore[attr-defined]
    (box,) = (box for box in outline.boxes if box.marked)
    assert (box.title, box.lines) == ("log", ("log made -inf (6 of 6 elements) of finite", "numbers:"))
    assert [group.title for group in outline.groups] == ["layers.0: Bad"]
    assert box.group == 0
