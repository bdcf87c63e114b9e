"""The user's button: gradients of this model on these data, against the formula and finite differences."""

import numpy as np
import pytest

from tinygrad_np import Tensor, nn, primitive, train
from tinygrad_np.data import Dataset
from tinygrad_np.nn import Module

RNG = np.random.default_rng(0)
X = RNG.standard_normal((20, 5)).astype(np.float32)
LABELS = {
    "binary": np.arange(20) % 2,
    "multiclass": np.arange(20) % 3,
    "multilabel": RNG.integers(0, 2, (20, 3)),
    "regression": RNG.standard_normal((20, 2)),
}
ACTIVATIONS = ["relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "softplus"]


@pytest.mark.parametrize("name", train.TASKS)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_all_three_agree_on_every_task_and_activation(name, dropout):
    data = Dataset(X, LABELS[name])
    layers = [5, *[6] * len(ACTIVATIONS), train.TASKS[name].n_outputs(data)]
    model = nn.MLP(layers, ACTIVATIONS, dropout=dropout, rng=0)
    before, masks = model.state_dict(), None if not dropout else model.dropout.rng.bit_generator.state
    verdict = train.check_gradients(model, data, l2=0.7)
    assert verdict.right, str(verdict)
    assert max(each.formula for each in verdict.parameters) < 1e-12
    assert verdict.cost == pytest.approx(verdict.cost_by_hand, rel=1e-12)
    assert [each.name for each in verdict.parameters] == list(before)
    assert "the gradients are right" in str(verdict)
    assert all(np.array_equal(array, before[path]) for path, array in model.state_dict().items())
    assert all(array.dtype == np.float32 for array in model.state_dict().values())
    assert not dropout or model.dropout.rng.bit_generator.state == masks


@primitive(x=lambda g, out: g * (1 - out))
def wrong_tanh(x):
    """Its derivative lacks a factor."""
    return np.tanh(x)


def test_a_wrong_derivative_is_found_and_the_parameters_before_it_are_named():
    model = nn.MLP([5, 4, 4, 3], [np.tanh, wrong_tanh], rng=0)
    verdict = train.check_gradients(model, Dataset(X, LABELS["multiclass"]))
    assert not verdict
    assert [each.right for each in verdict.parameters] == [False] * 4 + [True] * 2
    assert "WRONG gradients of layers.0.weight, layers.0.bias, layers.1.weight, layers.1.bias" in str(verdict)


@pytest.mark.parametrize("wrong", ["backward", "cost"])
def test_a_wrong_formula_is_found(wrong, monkeypatch):
    """As when the engine is the one that is wrong, and differences are with it."""
    model, data = nn.MLP([5, 4, 3], "sigmoid", rng=0), Dataset(X, LABELS["multiclass"])
    if wrong == "backward":
        monkeypatch.setitem(train.by_hand.g_prime, "sigmoid", lambda Z: 0.25 + 0 * Z)
    else:
        monkeypatch.setattr(train.by_hand, "cost", lambda net, Z, Y: 1.0)
    verdict = train.check_gradients(model, data)
    assert not verdict.right
    assert "WRONG gradients of " + ("layers.0.weight" if wrong == "backward" else "the cost") in str(verdict)


class Squares(Module):
    def __init__(self):
        self.w = Tensor(np.full((5, 1), 0.5, np.float32), requires_grad=True)

    def forward(self, x):
        return (x @ self.w) ** 2


def test_where_there_is_no_formula_differences_are_enough():
    data = Dataset(X, LABELS["regression"][:, 0])
    for model, options in [
        (Squares(), {}),
        (nn.MLP([5, 3, 1], rng=0), {"loss": lambda z, y: np.abs(z[:, 0] - y)}),
        (nn.MLP([5, 3, 1], np.sin, rng=0), {}),
    ]:
        verdict = train.check_gradients(model, data, **options)
        assert verdict.right, str(verdict)
        assert {each.formula for each in verdict.parameters} == {None}
    weighted = Dataset(X, data.y, weights=np.arange(20.0))
    assert train.check_gradients(nn.MLP([5, 3, 1], rng=0), weighted).right


def test_it_takes_the_first_examples_and_prints_numbers():
    verdict = train.check_gradients(nn.MLP([5, 4, 2], rng=0), Dataset(X, LABELS["regression"]), examples=7)
    assert verdict.n_examples == 7
    text = str(verdict).splitlines()
    assert text[0].split() == ["parameter", "shape", "by", "the", "formula", "by", "differences"]
    assert text[1].split()[:4] == ["layers.0.weight", "5", "x", "4"]
    assert all(float(line.split()[-1]) < 1e-6 for line in text[1:5])
