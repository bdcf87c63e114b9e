"""Which operation is guilty, and where it was called."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from tinygrad_np import custom_vjp, draw, primitive
from tinygrad_np.testing import GradientError, check_gradients

X, W = np.array([[0.5, -1.5], [2.0, 1.0]]), np.array([[1.0, 2.0], [3.0, -1.0]])


@primitive(x=lambda g, out: g * out * (1 + out))  # the minus is a plus
def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@custom_vjp
def square(x):
    return x * x, x


@square.backward
def _(x, g):
    return g * x  # the 2 is missing


def layer(weights, x):
    hidden = np.tanh(x @ weights)
    return sigmoid(hidden)


def caught(*args, **options):
    with pytest.raises(GradientError) as error:
        check_gradients(*args, **options)
    return error.value.report


def test_the_operation_and_its_line():
    report = caught(lambda w, x: np.sum(layer(w, x) ** 2), W, X)
    lines, first = inspect.getsourcelines(layer)
    expected = next(first + i for i, line in enumerate(lines) if "sigmoid" in line)
    found = report.location
    assert (found.operation, found.file, found.line, found.function) == ("sigmoid", __file__, expected, "layer")
    assert f"sigmoid, called at {__file__}:{expected} in layer" in str(report)
    assert report.mistake == found.report.mistake == "missing factor"  # of the operation, not of the composition
    assert "(1 + the result) / (1 - the result)" in str(report)


def test_the_drawing():
    graph = caught(lambda w, x: np.sum(layer(w, x) ** 2), W, X).graph
    marked = [box for box in graph.outline.boxes if box.marked]
    assert [box.operation for box in marked] == ["sigmoid"]
    assert graph.source.count("#c0182b") == 1
    assert {"w", "x"} <= {box.title for box in graph.outline.boxes}


def test_marks_in_drawings():
    from tinygrad_np import Tensor

    x = Tensor(1.0, requires_grad=True)
    y = np.sin(x)
    assert "#c0182b" not in draw.draw(y * 2).source
    assert [box.title for box in draw.draw(y * 2, mark=[y]).outline.boxes if box.marked] == ["sin"]
    with pytest.raises(TypeError, match="mark is a Tensor or a Node"):
        draw.draw(y, mark=[3])


def test_custom_vjp():
    report = caught(lambda x: np.exp(square(x)), X)
    assert report.location.operation == "square"
    assert report.mistake == "factor"


def test_an_argument_that_a_rule_forgets():
    @primitive(x=lambda g, y: g * y, y=None)
    def product(x, y):
        return x * y

    report = caught(lambda x: np.sum(product(np.sin(x), np.cos(x))), X)
    assert report.location.operation == "product"
    assert "no gradient comes to argument 1 'y'" in report.location.report.headline
    report = caught(lambda x: product(2.0, np.cos(x)) + x, X)  # its result does not even require a gradient
    assert report.location.operation == "product"


def test_no_operation_is_guilty():
    report = caught(lambda x: x * x.detach(), X)
    assert report.location is None
    assert report.graph is None
    assert any("each operation is right by itself; is a value taken out of the graph" in note for note in report.notes)


def test_wrong_only_at_the_inputs_it_really_saw():
    """Elsewhere this rule is right; the check of it alone, at random inputs, would pass."""

    @primitive(x=lambda g, x: g * np.cos(x) * np.where(x > 30, 2, 1))
    def sine(x):
        return np.sin(x)

    assert check_gradients(sine, X).passed
    report = caught(lambda x: np.sum(sine(np.exp(x) * 5)), X)
    assert report.location.operation == "sine"
    assert "[1, 0]" in report.location.report.headline
