"""Regions: their text as Python runs it, against the interpreter; and as numba compiles it, against the function."""

from __future__ import annotations

import ctypes
import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from programs import Builder, classifier, programs, tiny

from tinygrad_np import Tensor, compile, nn, optim
from tinygrad_np import functional as F
from tinygrad_np.compiler.interpret import interpret
from tinygrad_np.compiler.plan import Plan, build

KINDS = {
    "float32": ctypes.c_float, "float64": ctypes.c_double, "int64": ctypes.c_int64, "int32": ctypes.c_int32,
    "uint8": ctypes.c_uint8,
}  # fmt: skip


class Pointer:
    """What ``float32_at(address, offset)`` is to numba."""

    def __init__(self, dtype: str, address: int) -> None:
        self.kind, self.at = np.dtype(dtype).type, ctypes.cast(address, ctypes.POINTER(KINDS[dtype]))

    def __getitem__(self, i: int) -> Any:
        assert i >= 0
        return self.kind(self.at[int(i)])

    def __setitem__(self, i: int, x: Any) -> None:
        assert isinstance(x, self.kind), (x, self.kind)
        self.at[int(i)] = x


def in_python() -> dict[str, Any]:
    """Stand-ins for what numba compiles."""
    names: dict[str, Any] = {"compiled": lambda f: f, "exactly": lambda f: f}
    names["contiguous"] = lambda a: np.array(a, order="C")
    names |= {"plus": operator.add, "maximum": np.maximum, "minimum": np.minimum}
    for dtype in KINDS:
        names[f"{dtype}_at"] = lambda address, offset, dtype=dtype: Pointer(dtype, address + offset)
    return names | {f"{f.__name__}_{dtype}": f for f in (np.exp, np.tanh, np.log, np.log1p) for dtype in KINDS}


def assert_right(built: Builder, plan: Plan, rtol: float = 1e-11) -> None:
    inputs, state = built.given()
    ours = [s.copy() for s in state]
    with np.errstate(all="ignore"):
        for _ in range(3):
            expected, state = interpret(built.program, inputs, state)
            found, ours = plan(inputs, ours)
            for a, b in zip([*expected, *state], [*found, *ours], strict=True):
                np.testing.assert_allclose(b, a, rtol=rtol, atol=rtol / 100, strict=True)


@given(built=programs())
def test_random_programs(built: Builder) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinygrad_np.compiler.plan._numba_functions", in_python)
        patch.setattr("tinygrad_np.compiler.regions._LEAST", 1)
        assert_right(built, build(built.program, "numba"))


@pytest.mark.parametrize("built", [tiny(5, np.float64), classifier([7, 6, 5, 3], 4, dtype=np.float64)])
def test_steps(built: Builder, monkeypatch: Any) -> None:
    monkeypatch.setattr("tinygrad_np.compiler.plan._numba_functions", in_python)
    plan = build(built.program, "numba")
    assert plan.source.count("@compiled") == 1
    assert "dot(" not in plan.source
    assert_right(built, plan)


@pytest.mark.parametrize("shape", [(3000,), (3, 1700), (5, 7, 11)])
@pytest.mark.parametrize("ufunc", [np.add, np.maximum, np.minimum, np.multiply])
def test_reductions(ufunc: Any, shape: tuple[int, ...], monkeypatch: Any) -> None:
    monkeypatch.setattr("tinygrad_np.compiler.plan._numba_functions", in_python)
    built, rng = Builder(), np.random.default_rng(0)
    x = built(np.tanh, built.input(1 + rng.random(shape) / math.prod(shape)))
    turned = built(np.transpose, x)
    axes = [None, 0, len(shape) - 1, tuple({0, len(shape) - 1})]
    for array in (x, turned):
        built.program.results += [built(ufunc.reduce, array, axis=axis, keepdims=len(shape) == 3) for axis in axes]
    plan = build(built.program, "numba")
    assert "_reduce(" not in plan.source
    assert_right(built, plan)


def test_views(monkeypatch: Any) -> None:
    monkeypatch.setattr("tinygrad_np.compiler.plan._numba_functions", in_python)
    built, rng = Builder(), np.random.default_rng(0)
    given, own = built.input(rng.standard_normal((6, 7))), built.state(rng.standard_normal((6, 7)))
    computed = built(np.tanh, own)
    indices: list[Any] = [
        (slice(1, 3),),
        (slice(None), slice(5, 1, -2)),
        (slice(None, None, -1), 3),
        (..., None, 2),
        (5, 6),
    ]
    for x in (given, own, computed):
        for index in indices:
            view = built(operator.getitem, x, index)
            turned = built(np.transpose, view) if len(view.shape) > 1 else view
            copied = built(np.reshape, turned, (-1,))
            built.program.results += [built(np.add, turned, 1.0), built(np.multiply, copied, copied)]
            if len(view.shape) == 2:
                built.program.results.append(built(np.add.reduce, view, axis=0, keepdims=False))
                built.program.results.append(built(np.matmul, turned, view))
    plan = build(built.program, "numba")
    assert plan.source.count("@compiled") == 1
    assert "dot(" not in plan.source
    assert_right(built, plan)


def test_products_of_all_layouts(monkeypatch: Any) -> None:
    monkeypatch.setattr("tinygrad_np.compiler.plan._numba_functions", in_python)
    built, rng = Builder(), np.random.default_rng(0)
    for m, n, k in [(3, 5, 40), (1, 6, 7), (6, 1, 7), (1, 1, 9), (4, 3, 1), (2, 20, 24), (17, 2, 33)]:
        for turned in range(4):
            a, b = rng.standard_normal((m, k)), rng.standard_normal((k, n))
            x, y = built.input(a.T if turned & 1 else a), built.input(b.T if turned & 2 else b)
            x, y = (built(np.tanh, value) for value in (x, y))
            product = built(
                np.matmul,
                built(np.transpose, x) if turned & 1 else x,
                built(np.transpose, y) if turned & 2 else y,
            )
            built.program.results.append(built(np.negative, product))
    plan = build(built.program, "numba")
    assert "dot(" not in plan.source
    assert_right(built, plan)


@pytest.mark.parametrize(
    ("sizes", "activation", "optimizer", "dtype"),
    [
        ([2, 16, 16, 1], "tanh", "sgd", np.float32),
        ([5, 7, 3], "relu", "adam", np.float64),
        ([30, 40, 20, 4], "gelu", "momentum", np.float32),
    ],
)
def test_training(sizes: list[int], activation: Any, optimizer: str, dtype: Any) -> None:
    """Equal losses, gradients and weights after twelve steps, to some hundred times the precision."""
    pytest.importorskip("numba")

    def made(compiled: bool) -> Any:
        model = nn.MLP(sizes, activation, dtype=dtype, rng=0)
        optimizers = {
            "sgd": lambda: optim.SGD(model.parameters(), lr=0.3),
            "momentum": lambda: optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3),
            "adam": lambda: optim.Adam(model.parameters(), lr=0.01),
        }
        chosen = optimizers[optimizer]()

        def step(x: Tensor, y: Any) -> Tensor:
            z = model(x)
            loss = F.sigmoid_cross_entropy(z, y) if sizes[-1] == 1 else F.softmax_cross_entropy(z, y)
            chosen.zero_grad()
            loss.backward()
            chosen.step()
            return loss

        return model, compile(step, backend="numba") if compiled else step

    (ours, step), (theirs, eager) = made(True), made(False)
    rng = np.random.default_rng(1)
    for _ in range(12):
        x = Tensor(rng.standard_normal((32, sizes[0])), dtype=dtype)
        y = rng.integers(0, max(sizes[-1], 2), (32, 1) if sizes[-1] == 1 else 32)
        y = Tensor(y, dtype=dtype) if sizes[-1] == 1 else y
        found, expected = step(x, y), eager(x, y)
        close = {"rtol": 2000 * np.finfo(dtype).eps, "atol": 200 * np.finfo(dtype).eps}
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), **close)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), **close)
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), **close)
    assert "region(" in step.source


def test_labels_and_layouts() -> None:
    """Wrong labels raise an error before anything changes; arrays may lie in memory as they like, or be read-only."""
    pytest.importorskip("numba")
    model = nn.MLP([4, 3], dtype=np.float64, rng=0)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @compile(backend="numba")
    def step(x: Any, y: Any) -> Tensor:
        picked = F.log_softmax(model(x))[np.arange(5), y]
        loss = -np.mean(picked)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((5, 4)), np.array([0, -1, 2, -3, 1])
    for _ in range(3):
        step(x, y)
    assert "region(" in step.source

    def weights() -> list[Any]:
        return [p.detach().numpy().copy() for p in model.parameters()]

    before, saved = weights(), {name: a.copy() for name, a in model.state_dict().items()}
    with pytest.raises(IndexError, match="axis 1 with size 3"):
        step(x, np.array([0, 1, 2, 3, 0]))
    assert all(map(np.array_equal, before, weights()))
    read_only, steps = x.copy(), np.zeros((10, 8))
    read_only.flags.writeable = False
    steps[::2, ::-2] = x
    found = []
    for batch in (x, np.asfortranarray(x), read_only, steps[::2, ::-2]):
        model.load_state_dict(saved)
        found.append((step(batch, y).item(), weights()))
    for loss, after in found[1:]:
        assert loss == found[0][0]
        assert all(map(np.array_equal, after, found[0][1]))


def test_the_same_text_is_compiled_once() -> None:
    pytest.importorskip("numba")
    from tinygrad_np.compiler.pointers import functions

    found = []
    for decorator in ("compiled", "compiled", "exactly"):
        scope = dict(functions())
        exec(f"@{decorator}\ndef region(x):\n    return plus(x, 1.0)\n", scope)
        found.append(scope["region"])
    assert found[0] is found[1] is not found[2]
