"""``copy.deepcopy`` and ``pickle`` of Tensors, modules, optimizers and functions work, or refuse with a reason.

A copy computes and trains as the original does, bit for bit, shares no memory with it, and keeps no graph alive.
"""

from __future__ import annotations

import copy
import gc
import operator
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import Tensor, compile, custom_vjp, nn, optim, primitive
from tinygrad_np import functional as F
from tinygrad_np.draw import draw


def by_pickle(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


COPIES = [pytest.param(copy.deepcopy, id="deepcopy"), pytest.param(by_pickle, id="pickle")]


@primitive(x=lambda g, x: g * 3 * x * x)
def cube(x: Any) -> Any:
    return x * x * x


@custom_vjp
def halved(x: Any) -> Any:
    return x / 2, None


@halved.backward
def _(residuals: Any, g: Any) -> Any:
    return g / 2


class Net(nn.Module):
    """All that a model may have for attributes."""

    def __init__(self) -> None:
        self.first = nn.Linear(3, 4, rng=0)
        self.blocks = [nn.Linear(4, 4, rng=1), {"drop": nn.Dropout(0.3, rng=2), "also first": self.first}]
        self.scale = Tensor(np.float32(2.0), requires_grad=True, name="scale")
        self.again = (self.scale, Tensor(np.ones(4, np.float32)))
        self.activation, self.cube, self.halved, self.head = F.gelu, cube, halved, np.tanh
        self.last: Tensor | None = None

    def forward(self, x: Any) -> Tensor:
        h = self.blocks[1]["drop"](self.activation(self.blocks[0](self.first(x)))) * self.scale
        self.last = self.head(self.halved(self.cube(h * self.again[1])))
        return self.last


def train(model: Net, optimizer: Any, steps: int) -> list[float]:
    losses = []
    for _ in range(steps):
        loss = F.mse(model(np.ones((2, 3), np.float32)), np.zeros((2, 4), np.float32))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: optim.SGD(p, 0.1, momentum=0.9),
    "RMSProp": lambda p: optim.RMSProp(p, 0.01),
    "Adam": lambda p: optim.Adam([{"params": p[:1], "lr": 0.1}, {"params": p[1:]}], 0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_trains_as_the_original_does(copied: Any, name: str) -> None:
    model = Net()
    optimizer = OPTIMIZERS[name](model.parameters())
    train(model, optimizer, 3)
    twin, twin_optimizer = copied((model, optimizer))
    assert twin.first is twin.blocks[1]["also first"]
    assert twin.again[0] is twin.scale
    assert list(twin.state_dict()) == [*model.state_dict(), "last"]  # a result has become a leaf
    ours, theirs = ([p._data for p in m.parameters()] for m in (model, twin))
    assert not any(np.shares_memory(a, b) for a in ours for b in theirs)
    before = model.state_dict()
    found = train(twin, twin_optimizer, 3)
    assert all(np.array_equal(before[n], a) for n, a in model.state_dict().items())
    assert found == train(model, optimizer, 3)
    assert all(np.array_equal(a, twin.state_dict()[n]) for n, a in model.state_dict().items())


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_keeps_no_graph_alive(copied: Any) -> None:
    model = Net()
    model(np.ones((2, 3), np.float32)).sum().backward(retain_graph=True)
    nodes = [weakref.ref(model.last.node), weakref.ref(model.first.weight.node)]
    twin = copied(model)
    assert twin.last.is_leaf
    gc.disable()
    try:
        del model
        gc.collect()
        assert all(node() is None for node in nodes)
    finally:
        gc.enable()
    assert twin.last.shape == (2, 4)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3), max_size=3), st.sampled_from([np.float32, np.float64, np.complex64]), st.booleans())
def test_a_tensor(shape: Any, dtype: Any, recorded: bool) -> None:
    array = np.random.default_rng(0).standard_normal(shape).astype(dtype).T
    x = Tensor(array, requires_grad=True, name="x")
    tensor = x * 1 if recorded else x
    for copied in (copy.deepcopy, by_pickle):
        twin = copied(tensor)
        assert (twin.dtype, twin.shape, twin.is_leaf, twin.requires_grad) == (tensor.dtype, tensor.shape, True, True)
        np.testing.assert_array_equal(twin.detach().numpy(), tensor.detach().numpy())
        assert not np.shares_memory(twin._data, tensor._data)
        (twin * 2).sum().backward(np.ones((), dtype))
        assert x.grad is None


@pytest.mark.parametrize("copied", [*COPIES, pytest.param(copy.copy, id="copy")])
def test_functions_are_themselves(copied: Any) -> None:
    assert copied(cube) is cube
    assert copied(halved) is halved


@pytest.mark.parametrize("copied", [*COPIES, pytest.param(copy.copy, id="copy")])
def test_a_graph_is_not_copied(copied: Any) -> None:
    y = Tensor(np.ones(3), requires_grad=True)
    for _ in range(10_000):
        y = y + 1
    with pytest.raises(TypeError, match="neither copied nor pickled"):
        copied(y.node)
    if copied is not copy.copy:
        with pytest.raises(
            (TypeError, pickle.PicklingError), match=r"neither copied nor pickled|Can't pickle <primitive"
        ):
            copied(draw(y * 2))


def test_a_copy_of_a_compiled_function_captures_anew() -> None:
    w = Tensor(np.ones(3), requires_grad=True)
    step = compile(operator.methodcaller("sum"))
    step(w), step(w)
    for twin in (copy.deepcopy(step), by_pickle(step)):
        assert (twin.captures, twin.backend) == (0, step.backend)
        assert twin(w).item() == 3
