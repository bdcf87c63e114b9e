"""A compiled function never silently computes something else: it is captured again, or says what is wrong."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tinygrad_np import Tensor, compile, nn, no_grad, optim, value_and_grad
from tinygrad_np import functional as F
from tinygrad_np.compiler.lending import Lent
from tinygrad_np.compiler.recording import CaptureError

X = np.array([1.0, -2.0, 3.0])
SCALE = 2.0
RNG = np.random.default_rng(0)
SETTINGS = {"power": 2, "names": ["a"], "weights": np.ones(3)}


def agree(function: Callable[..., Any], *calls: Any, backend: str = "numpy") -> Any:
    """Call a function and its compiled twin."""
    compiled = compile(function, backend=backend)
    for args in calls:
        args = args if isinstance(args, tuple) else (args,)
        found, expected = compiled(*args), function(*args)
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), 1e-12)
        assert type(found) is type(expected)
    return compiled


def line_of(function: Callable[..., Any], mark: str) -> str:
    lines, start = inspect.getsourcelines(function)
    return f"{__file__}:{start + next(i for i, line in enumerate(lines) if mark in line)}"


# --- numbers that leave -----------------------------------------------------------------------------------------------
def leave_float(x: Any) -> Any:
    return x * float(x.sum())  # here


def leave_item(x: Any) -> Any:
    return x * x.max().item()  # here


def leave_int(x: Any) -> Any:
    return x[: int(x[0])]  # here


def leave_list(x: Any) -> Any:
    return x * x.tolist()[0]  # here


def leave_asarray(x: Any) -> Any:
    return x * np.asarray(x * 2)  # here


def leave_array(x: Any) -> Any:
    return np.array([x[0], x[1]])  # here


def leave_buffer(x: Any) -> Any:
    buffer = np.zeros(3)
    buffer[0] = x[0]  # here
    return x * buffer


def leave_format(x: Any) -> Any:
    return x * len(f"{x.sum():.3f}")  # here


def shape_of_mask(x: Any) -> Any:
    return x[x > 0].sum()  # here


def shape_of_nonzero(x: Any) -> Any:
    return np.sum(x[np.nonzero(x)])  # here


def shape_of_unique(x: Any) -> Any:
    return np.unique(x)  # here


def shape_of_repeat(x: Any) -> Any:
    return np.repeat(x, np.abs(x).astype(int))  # here


def drawn_with(x: Any, rng: Any = RNG) -> Any:
    return x + rng.normal(x)  # here


def shuffled(x: Any, rng: Any = RNG) -> Any:
    rng.shuffle(x)  # here
    return x


@pytest.mark.parametrize(
    "argument", [np.array, Tensor, lambda x: Tensor(x, requires_grad=True)], ids=["array", "Tensor", "leaf"]
)
@pytest.mark.parametrize(
    "function",
    [
        leave_float, leave_item, leave_int, leave_list, leave_asarray, leave_array, leave_buffer, leave_format,
        shape_of_mask, shape_of_nonzero, shape_of_unique, shape_of_repeat, drawn_with, shuffled,
    ],
)  # fmt: skip
def test_numbers_do_not_leave(function: Callable[..., Any], argument: Any) -> None:
    x = argument(X)
    plain = function in (shuffled, leave_array, leave_buffer) and isinstance(x, Tensor)
    if plain or (function in (leave_asarray, drawn_with) and getattr(x, "requires_grad", False)):
        pytest.skip("an error without compile, too")
    with pytest.raises(CaptureError, match=r"compiled function|shapes") as error:
        compile(function)(x)
    assert line_of(function, "# here") in str(error.value)


def test_an_array_does_not_outlive_its_capture() -> None:
    kept = []

    def f(x: Any, keep: Callable[[Any], None]) -> Any:
        keep(x * 2)
        return x

    compile(f)(X, kept.append)
    with pytest.raises(CaptureError, match="outlived"):
        kept[0] + 1
    with pytest.raises(CaptureError, match="outlived"):
        compile(lambda x: x + kept[0])(X)


def test_objects_with_tensors_in_them_are_not_returned() -> None:
    with pytest.raises(CaptureError, match="returns a SimpleNamespace"):
        compile(lambda x: SimpleNamespace(loss=Tensor(x)))(X)


# --- ways that depend on values ---------------------------------------------------------------------------------------
def test_branches_on_values_are_captured_apart() -> None:
    def f(x: Any) -> Any:
        if np.sum(x) > 0 and np.all(x < 5):
            return x * 2
        while np.max(x) > 3:
            x = x - 1
        return -x if 0 in x else x

    signs = [1, 1, 1, -1, -1, 1, -1, 3, 3, 3, 0, 0, 0, 1, 3]
    compiled = agree(f, *(X * s for s in signs))
    runs = compiled.captures
    agree_again = [np.asarray(compiled(X * s)).tolist() == np.asarray(f(X * s)).tolist() for s in signs]
    assert all(agree_again)
    assert compiled.captures == runs


def test_labels_out_of_range_are_refused_as_ever() -> None:
    w = Tensor(np.ones((3, 2)), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1)

    @compile
    def step(x: Any, y: Any) -> Any:
        loss = F.softmax_cross_entropy(x @ w, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = np.ones((4, 3))
    for _ in range(5):
        step(x, np.array([0, 1, 0, 1]))
    before = w.detach().numpy().copy()
    for wrong in (2, -1):
        with pytest.raises(ValueError, match=r"must be in 0 \.\.\. 1"):
            step(x, np.array([0, 1, 0, wrong]))
    np.testing.assert_array_equal(w.detach().numpy(), before)


# --- surroundings that change -----------------------------------------------------------------------------------------
def test_globals_and_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        out = x * SCALE
        if "b" in SETTINGS["names"]:
            out = out + 1
        return out ** SETTINGS["power"] * SETTINGS["weights"]

    g = compile(f)

    def check() -> None:
        for _ in range(3):
            np.testing.assert_allclose(g(X), f(X))

    check()
    for scale in (3.0, 4.0, 5.0, 3.0, 6.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        check()
    assert g.captures < 7, "a number that changed once is followed from then on"
    monkeypatch.setitem(SETTINGS, "names", ["a", "b"])
    check()
    SETTINGS["names"].append("c")
    check()
    SETTINGS["names"][1] = "d"
    check()
    monkeypatch.setitem(SETTINGS, "power", 3)
    check()
    monkeypatch.setitem(SETTINGS, "weights", np.arange(3.0))
    check()
    SETTINGS["weights"][0] = 7
    check()
    monkeypatch.setitem(SETTINGS, "weights", np.float32(2))
    check()
    monkeypatch.setitem(globals(), "SCALE", 2)
    check()


def test_closures_defaults_and_helpers() -> None:
    factor, shift = 2.0, Tensor(X)
    helper = SimpleNamespace(add=1.0)

    def inner(x: Any) -> Any:
        return x * factor + shift

    def f(x: Any, function: Any = inner, *, n: int = 2) -> Any:
        for _ in range(n):
            x = function(x) + helper.add
        return x

    g = compile(f)

    def check() -> None:
        for _ in range(3):
            np.testing.assert_allclose(np.asarray(g(X)), np.asarray(f(X)))

    check()
    factor = 3.0
    check()
    shift = Tensor(2 * X)
    check()
    shift.data = X
    check()
    helper.add = -1.0
    check()
    f.__defaults__ = (lambda x: x,)
    check()
    f.__kwdefaults__["n"] = 3
    check()
    for n in (1, 2, 3, 4):
        np.testing.assert_allclose(np.asarray(g(X, inner, n=n)), np.asarray(f(X, inner, n=n)))


def test_methods_flags_and_class_attributes() -> None:
    class Model(nn.Module):
        gain = 1.5

        def __init__(self) -> None:
            self.layers: list[Any] = [nn.Linear(3, 3, rng=0, dtype=np.float64)]
            self.dropout = nn.Dropout(0.5, rng=0)

        def forward(self, x: Any) -> Any:
            for layer in self.layers:
                x = layer(x)
            return self.dropout(x).detach() * self.gain

    model = Model()
    twin = Model()
    g = compile(model)

    def check() -> None:
        for _ in range(4):
            np.testing.assert_allclose(np.asarray(g(X)), np.asarray(twin(X)))

    check()
    for m in (model, twin):
        m.eval()
    check()
    for m in (model, twin):
        m.layers.append(nn.Linear(3, 2, rng=1, dtype=np.float64))
    check()
    for m in (model, twin):
        m.train()
    check()
    for m in (model, twin):
        m.layers[0].bias = None
    check()
    Model.gain = 2.5
    check()
    for m in (model, twin):
        m.layers[0].load_state_dict({"weight": np.eye(3)})
        m.dropout.p = 0.25
    check()
    for m in (model, twin):
        m.dropout = F.relu
        m.gain = 3.5
    check()


def test_a_new_parameter_and_another_optimizer_setting() -> None:
    def make() -> Any:
        ps = [Tensor(X, requires_grad=True)]
        optimizer = optim.SGD(ps, lr=0.1)

        def step() -> None:
            optimizer.zero_grad()
            sum(np.sum(p**2) for p in ps).backward()
            optimizer.step()

        return ps, optimizer, step

    (ps, one, eager), (qs, two, ours) = make(), make()
    step = compile(ours)

    def check() -> None:
        for _ in range(4):
            eager()
            step()
            for p, q in zip(ps, qs, strict=True):
                np.testing.assert_allclose(q._data, p._data, 1e-12)

    check()
    for tensors, optimizer in ((ps, one), (qs, two)):
        tensors.append(Tensor(2 * X, requires_grad=True))
        optimizer.add_param_group({"params": tensors[1:], "lr": 0.2})
    check()
    for optimizer in (one, two):
        optimizer.param_groups[1]["momentum"] = 0.9
    check()
    for tensors, optimizer in ((ps, one), (qs, two)):
        optimizer.load_state_dict(optimizer.state_dict())
        tensors[0].requires_grad = False
    check()


def test_grad_mode_shapes_and_dtypes() -> None:
    w = Tensor(X, requires_grad=True)
    f = compile(lambda x: x * w)
    for _ in range(3):
        assert f(X).requires_grad
        with no_grad():
            assert not f(X).requires_grad
        for dtype in (np.float32, np.float64, int):
            assert f(X.astype(dtype)).dtype == np.float64
        for shape in ((3,), (2, 3), (1, 1)):
            assert f(np.ones(shape)).shape == np.broadcast_shapes(shape, (3,))
        assert f(2.0).shape == (3,)
        assert f(Tensor(X)).requires_grad
        assert f(X[::-1])._data.tolist() == (X[::-1] * X).tolist()


def test_zeros_have_signs_and_numbers_have_types() -> None:
    settings = {"zero": 0.0, "flag": True}

    def f(x: Any, argument: float) -> Any:
        return np.copysign(x, settings["zero"]) + np.copysign(x, argument) * (1 if settings["flag"] is True else 2)

    g = compile(f)
    for zero, argument, flag in itertools.product((0.0, -0.0), (0.0, -0.0), (True, 1, 1.0)):
        settings.update(zero=zero, flag=flag)
        for _ in range(4):
            np.testing.assert_array_equal(g(X, argument), f(X, argument))


@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam, partial(optim.SGD, momentum=0.9)])
def test_what_is_as_the_last_call_left_it_is_not_moved(optimizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.MLP([3, 4, 2], rng=0)
    optimizer = optimizer(model.parameters(), lr=0.1)

    @compile
    def step(x: Any, y: Any) -> Any:
        loss = F.softmax_cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x, y = np.ones((4, 3), np.float32), np.array([0, 1, 1, 0])
    for i in range(10):
        loss = step(x, y)
        if i == 5:
            assert all(p.grad is not None for p in model.parameters())  # somebody looks: now they are Tensors
    moved = []
    monkeypatch.setattr(Lent, "__call__", lambda *args: moved.append(args))
    for _ in range(5):
        before, loss = loss, step(x, y)
        assert loss.item() != before.item()
    assert not moved
    held = model.parameters()[0].detach()  # noqa: F841 - to be looked at by nobody
    with pytest.raises(TypeError):
        step(x, y)
    assert moved


@pytest.mark.parametrize("with_state", [False, True])
def test_gradients_that_are_there_or_are_not(with_state: bool) -> None:
    (w, v), means = (Tensor(X, requires_grad=True) for _ in range(2)), [Tensor(0.0), Tensor(0.0)]

    def adding(w: Tensor, mean: Tensor) -> Callable[[Any], None]:
        def add(x: Any) -> None:
            loss = np.sum(w**2 * x)
            loss.backward()
            if with_state:
                mean.data = mean + loss.detach()

        return add

    eager, add = map(adding, (w, v), means)
    add = compile(add)
    for there in (True, True, True, False, False, False, True, True, False, True, True, True):
        for p in () if there else (w, v):
            p.grad = None
        add(X)
        eager(X)
        np.testing.assert_array_equal(np.asarray(v.grad), np.asarray(w.grad))
        assert means[1].item() == means[0].item()


def test_results_that_are_held_until_the_next_ones_come(monkeypatch: pytest.MonkeyPatch) -> None:
    total = Tensor(np.zeros((64, 64)))

    @compile
    def f(w: Any, x: Any) -> Any:
        total.data = total + w
        return value_and_grad(lambda w: np.sum(np.tanh(x @ w)))(w)

    def call() -> Any:
        w, x = np.random.default_rng(0).standard_normal((2, 64, 64))
        return f(w, x)

    expected = np.array(call()[1])
    for _ in range(6):
        _, gradient = call()
    moved = []
    monkeypatch.setattr(Lent, "__call__", lambda *args: moved.append(args))
    for _ in range(6):
        before, (_, gradient) = gradient, call()
        assert before is not gradient
        for held in (before, gradient):
            np.testing.assert_allclose(np.asarray(held), expected, 1e-12)
        before = held = None
    assert not moved
    third = call()[1]  # noqa: F841 - held with the last one and the one that comes
    with pytest.raises(TypeError):
        call()
    assert moved


@pytest.mark.parametrize("kind", [Tensor, np.array])
def test_what_is_replaced_keeps_its_numbers(kind: Any) -> None:
    places, x = {"mean": kind(np.zeros(3))}, np.ones(3)

    @compile
    def follow(x: Any) -> None:
        places["mean"] = places["mean"] * 0.5 + x

    for hold in (False, False, False, True, False, False, True, True, False, True):
        held, before = places["mean"] if hold else None, np.array(places["mean"])
        follow(x)
        np.testing.assert_array_equal(np.asarray(places["mean"]), before * 0.5 + x)
        if hold:
            np.testing.assert_array_equal(np.asarray(held), before)


# --- what cannot be repeated ------------------------------------------------------------------------------------------
def test_a_source_of_data_that_is_not_an_argument() -> None:
    batches = itertools.count()

    def f(x: Any) -> Any:
        return x * (next(batches) + np.ones(3))

    g = compile(f)
    g(X)
    with pytest.raises(CaptureError, match=r"computed something else when it was called again.*iterator"):
        g(X)


def test_random_numbers_without_a_generator() -> None:
    def f(x: Any) -> Any:
        return x + np.random.default_rng().random(3)  # here

    g = compile(f)
    g(X)
    with pytest.raises(CaptureError, match="random numbers without a Generator") as error:
        g(X)
    assert line_of(f, "# here") in str(error.value)


def test_lists_that_grow_in_each_call() -> None:
    losses: list[Any] = []
    w = Tensor(X, requires_grad=True)

    @compile
    def step() -> None:
        with no_grad():
            w.data = w * 2
        losses.append(np.sum(w))

    step()
    step()
    with pytest.raises(CaptureError, match="changes losses in each call"):
        step()
    assert len(losses) == 2
    assert [float(loss.detach()) for loss in losses] == [4.0, 8.0]
    np.testing.assert_array_equal(w._data, 4 * X)


def test_what_is_set_up_in_the_first_call() -> None:
    cache: dict[str, Any] = {}

    def f(x: Any) -> Any:
        if "mean" not in cache:
            cache["mean"] = Tensor(np.ones(3)) * x
        return x - cache["mean"]

    agree(f, *[X * i for i in range(6)])


def test_what_is_set_up_again_and_again() -> None:
    twins = [Tensor(X, requires_grad=True) for _ in range(2)]
    optimizers = [optim.Adam([w], lr=0.1) for w in twins]

    def stepping(w: Tensor, optimizer: Any) -> Callable[[], None]:
        def step() -> None:
            optimizer.zero_grad()
            np.sum(w**2).backward()
            optimizer.step()

        return step

    eager, step = map(stepping, twins, optimizers)
    step = compile(step)
    for forget in (False, False, False, *[True] * 5, False, False, False, True):
        for optimizer in optimizers if forget else ():
            optimizer.state.clear()
        step()
        eager()
        np.testing.assert_allclose(twins[1]._data, twins[0]._data, 1e-12)


def test_a_graph_that_would_grow() -> None:
    total, w = Tensor(0.0), Tensor(X, requires_grad=True)

    def step() -> None:
        nonlocal total
        total = total + np.sum(w)

    with pytest.raises(CaptureError, match="'total'"):
        compile(step)()
    assert total.item() == 0
    out = w * 2
    with pytest.raises(CaptureError, match="result that requires a gradient"):
        compile(lambda: out * 2)()


def test_too_many_kinds_of_calls() -> None:
    g = compile(lambda x: x * 2, max_captures=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (1, 2, 3):
            g(np.ones(n))
    for n in (4, 5):
        with pytest.warns(RuntimeWarning, match="captured 3 times"):
            assert g(np.ones(n)).tolist() == [2] * n


# --- errors in the middle ---------------------------------------------------------------------------------------------
def test_an_error_leaves_everything_as_it_was() -> None:
    w = Tensor(X, requires_grad=True)
    memory, state, seen = {"n": 0, "list": [1]}, np.zeros(3), Tensor(0.0)
    optimizer = optim.Adam([w], lr=0.1)
    rng = np.random.default_rng(0)

    def step(x: Any, fail: bool) -> Any:
        loss = np.sum((w * x) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        state[:] = x * rng.random(3)
        seen.fill(1.0)
        if fail:
            memory["n"] += 1
            memory["list"].append(loss)
            memory["new"] = loss
            raise ValueError("in the middle")

    step = compile(step)
    w.grad = X

    def snapshot() -> Any:
        return repr((
            w._data, w.grad, w.requires_grad, optimizer.state_dict(), memory, state, seen, rng.bit_generator.state
        ))  # fmt: skip

    for _ in range(5):
        before = snapshot()
        with pytest.raises(ValueError, match="in the middle"):
            step(X, True)
        assert snapshot() == before
        step(X, False)


def test_an_error_in_a_replay_leaves_everything_as_it_was() -> None:
    a, w = np.eye(3), Tensor(X, requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=0.5)

    @compile
    def step(a: Any) -> Any:
        loss = np.sum(w @ a)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return np.linalg.cholesky(a)

    for _ in range(4):
        step(a)
    before = repr((w, w.grad, optimizer.state_dict()))
    with pytest.raises(np.linalg.LinAlgError):
        step(-a)
    assert repr((w, w.grad, optimizer.state_dict())) == before
    step(a)


def test_warnings_and_error_states_are_no_obstacle() -> None:
    with np.errstate(all="raise"):
        g = compile(F.sigmoid)
        for _ in range(4):
            assert g(np.array([-1e4, 0.0])).tolist() == [0, 0.5]


def test_an_optimizer_derived_from_ours_is_looked_at_in_full() -> None:
    class Odd(optim.SGD):
        sign = 1.0

        def _change(self, g: Any, t: Any, state: Any, **options: Any) -> None:
            super()._change(self.sign * g, t, state, **options)

    def make() -> Any:
        w = Tensor(X, requires_grad=True)
        optimizer = Odd([w], lr=0.1)

        def step() -> None:
            optimizer.zero_grad()
            np.sum(w**2).backward()
            optimizer.step()

        return w, optimizer, step

    (w, one, eager), (v, two, ours) = make(), make()
    step = compile(ours)
    for i in range(12):
        one.sign = two.sign = -1.0 if i > 5 else 1.0
        eager()
        step()
        np.testing.assert_allclose(v._data, w._data, 1e-12)


def test_arguments_that_are_one_another() -> None:
    def f(a: Any, b: Any) -> Any:
        a += 1
        return a * b

    def g(a: Any, b: Any) -> Any:
        with no_grad():
            a.data = a + 1
            return a * b

    compiled, on_tensors = compile(f), compile(g)
    for _ in range(4):
        x = X.copy()
        np.testing.assert_array_equal(compiled(x, 2 * X), (X + 1) * 2 * X)
        np.testing.assert_array_equal(x, X + 1)
        np.testing.assert_array_equal(compiled(x, x), (X + 2) ** 2)
        t = Tensor(X)
        np.testing.assert_array_equal(on_tensors(t, Tensor(2 * X))._data, (X + 1) * 2 * X)
        np.testing.assert_array_equal(on_tensors(t, t)._data, (X + 2) ** 2)
    long = np.arange(4.0)
    with pytest.raises(CaptureError, match="'a', which shares memory with 'b'"):
        compiled(long[:3], long[1:])
    np.testing.assert_array_equal(long, np.arange(4.0))


def test_an_error_in_a_replay_draws_nothing() -> None:
    rng = np.random.default_rng(0)

    @compile
    def f(x: Any, i: Any) -> Any:
        return F.dropout(x, 0.5, rng=rng)[i]

    for _ in range(4):
        f(X, np.array([0, 1]))
    before = rng.bit_generator.state
    with pytest.raises(IndexError):
        f(X, np.array([0, 3]))
    assert rng.bit_generator.state == before


def test_settings_that_are_set_to_what_they_were() -> None:
    settings = {"names": "a b", "factor": 2.5, ("odd", 1): 1}

    def f(x: Any) -> Any:
        return x * len(settings["names"]) * settings["factor"] if np.sum(x) > 0 else x * settings["odd", 1]

    g = compile(f)
    for i in range(40):
        settings["names"] = str(i)[:0] + "a b"
        settings["factor"] = float("2.5")
        np.testing.assert_array_equal(g(X), f(X))
        if i % 3 == 0:
            np.testing.assert_array_equal(g(-X), f(-X))
    assert g.captures <= 5


def test_conditions_are_looked_at_again_when_the_numbers_change() -> None:
    targets, x = np.array([0.0, 1.0]), np.array([3.0, -1.0])
    loss = compile(lambda x: F.sigmoid_cross_entropy(x, targets))
    for changed in (0.0, 0.5, 0.5, 0.25):
        targets[0] = changed
        np.testing.assert_array_equal(loss(x), F.sigmoid_cross_entropy(x, targets))
    for wrong in (2.0, np.nan):
        targets[0] = wrong
        with pytest.raises(ValueError, match="targets"):
            loss(x)
    targets[0] = 0.25
    np.testing.assert_array_equal(loss(x), F.sigmoid_cross_entropy(x, targets))


def test_gradients_of_what_requires_none_are_refused() -> None:
    w, frozen = (Tensor(X, requires_grad=True) for _ in range(2))
    optimizer = optim.SGD([w, frozen], lr=0.1)
    frozen.requires_grad = False

    def step(x: Any, given: bool, other: Any) -> None:
        np.sum(w * frozen * x * other).backward()
        if given:
            frozen.grad = x
        optimizer.step()
        w.grad = None

    step = compile(step)
    other = Tensor(X)
    for _ in range(4):
        step(X, False, other)
    with pytest.raises(CaptureError, match=r"frozen.*has a \.grad"):
        step(X, True, other)
    assert frozen.grad is None
    for tensor in (frozen, other):
        tensor.grad = Tensor(X)  # an optimizer would take it
        with pytest.raises(CaptureError, match=r"has a \.grad"):
            step(X, False, other)
        tensor.grad = None
    np.testing.assert_array_equal(frozen.numpy(), X)
    step(X, False, other)


# --- how arrays lie in memory -----------------------------------------------------------------------------------------
def write_into_a_reshape(x: Any) -> Any:
    rows = x.reshape(-1)
    rows[1] = 7.0
    return x * 2


def write_beside_a_reshape(x: Any) -> Any:
    rows = x.ravel()
    x += 1
    return rows * 2


def write_then_reshape(x: Any) -> Any:
    x[0, 0] = 1
    rows = x.reshape(-1)
    rows += 5
    return x * 2


def look_at_the_layout(x: Any) -> Any:
    return x * 2 if x.flags.c_contiguous else x * 3


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "rows": lambda a: a[:2, :3].copy(),
    "columns": lambda a: np.asfortranarray(a[:2, :3]),
    "every other": lambda a: a.copy()[::2, ::2],
    "reversed": lambda a: a[:2, :3].copy()[::-1],
}


@pytest.mark.parametrize(
    "function", [write_into_a_reshape, write_beside_a_reshape, write_then_reshape, look_at_the_layout]
)
def test_a_reshape_is_a_view_or_a_copy_as_the_array_lies(function: Callable[..., Any]) -> None:
    for one, other in itertools.permutations(LAYOUTS, 2):
        compiled = compile(function)
        for name in (one, one, one, other, other, other, one):
            ours, theirs = (LAYOUTS[name](np.arange(24.0).reshape(4, 6)) for _ in range(2))
            np.testing.assert_array_equal(compiled(ours), function(theirs))
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
def test_batches_may_lie_in_memory_as_they_like(backend: str) -> None:
    w, x = Tensor(np.ones((6, 2)), requires_grad=True), np.random.default_rng(0).standard_normal((4, 6))

    def loss(x: Any) -> Any:
        return np.sum(np.tanh(np.ones_like(x) * x @ w)).backward()

    step = compile(loss, backend=backend)
    for batch in (x, np.asfortranarray(x), x, x[::-1], np.broadcast_to(x[:1], x.shape)):
        w.grad = None
        step(batch)
        ours, w.grad = w.grad, None
        loss(batch)
        np.testing.assert_allclose(np.asarray(ours), np.asarray(w.grad), 1e-14)
    assert step.captures == 2


def test_what_is_read_only_is_refused_before_anything_changes() -> None:
    w, x = Tensor(X, requires_grad=True), X.copy()

    @compile
    def step(x: Any) -> None:
        w.data = w.detach() * 2
        x[0] = 5.0

    for _ in range(3):
        step(x)
    x.flags.writeable = False
    before = w.detach().numpy().copy()
    with pytest.raises(ValueError, match="read-only"):
        step(x)
    np.testing.assert_array_equal(w.detach().numpy(), before)


# --- what may happen between calls ------------------------------------------------------------------------------------
class Small(nn.Module):
    """Two layers, a running mean, dropout."""

    def __init__(self, sizes: list[int]) -> None:
        self.net = nn.MLP(sizes, "tanh", dropout=0.25, dtype=np.float64, rng=0)
        self.mean = Tensor(np.zeros(sizes[-1]))
        self.ema = Tensor(np.zeros(sizes[-1]))

    def forward(self, x: Any) -> Any:
        z = self.net(x)
        if self.training:
            self.mean.data = 0.9 * self.mean + 0.1 * np.mean(z.detach(), axis=0)
            self.ema = 0.5 * self.ema + 0.5 * self.mean  # another Tensor in its place
        return z - self.mean


ACTS: dict[str, Callable[[Any, Any], Any]] = {
    "freeze": lambda model, optimizer: setattr(model.net.layers[0].weight, "requires_grad", False),
    "thaw": lambda model, optimizer: setattr(model.net.layers[0].weight, "requires_grad", True),
    "load": lambda model, optimizer: model.load_state_dict({k: v / 2 for k, v in model.state_dict().items()}),
    "forget": lambda model, optimizer: optimizer.state.clear(),
    "restart": lambda model, optimizer: optimizer.load_state_dict(optimizer.state_dict()),
    "lr": lambda model, optimizer: optimizer.param_groups[0].update(lr=optimizer.param_groups[0]["lr"] * 0.7),
    "eval": lambda model, optimizer: model.eval(),
    "train": lambda model, optimizer: model.train(),
    "no bias": lambda model, optimizer: setattr(model.net.layers[0], "bias", None),
    "give": lambda model, optimizer: setattr(model.net.layers[-1].bias, "grad", model.net.layers[-1].bias.detach() + 1),
    "look": lambda model, optimizer: [p.grad for p in model.parameters()],
    "set": lambda model, optimizer: setattr(model.net.layers[-1].bias, "data", model.net.layers[-1].bias.detach() / 2),
    "write": lambda model, optimizer: [memory["exp_avg"].fill(0.1) for memory in optimizer.state.values()],
    "exchange": lambda model, optimizer: [
        memory.update(exp_avg=memory["exp_avg_sq"], exp_avg_sq=np.abs(memory["exp_avg"], out=memory["exp_avg"]))
        for memory in optimizer.state.values()
    ],
}
#: What somebody may hold while steps go on: none of it changes.
HOLDS: dict[str, Callable[[Any, Any], list[Any]]] = {
    "hold values": lambda model, optimizer: [p.detach() for p in model.parameters()],
    "hold views": lambda model, optimizer: [p.detach().numpy()[-1:] for p in model.parameters()],
    "hold gradients": lambda model, optimizer: [p.grad for p in model.parameters() if p.grad is not None],
    "hold a gradient": lambda model, optimizer: [np.asarray(model.net.layers[-1].bias.grad)],
    "hold the mean": lambda model, optimizer: [model.mean.detach()],
    "hold the average": lambda model, optimizer: [model.ema],
    "let go": lambda model, optimizer: [],
}
CALLS = ["step", "step of a few", "step of one", "step by columns", "step backwards", "step, eager"]


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking takes long
@given(
    sizes=st.lists(st.integers(1, 12), min_size=3, max_size=4),  # the last layer is never frozen, and has a bias
    acts=st.lists(st.sampled_from([*ACTS, *HOLDS, *CALLS, *CALLS]), min_size=6, max_size=20),
)
@example(
    sizes=[2, 3, 1], acts=["step", "step"] + [act for hold in HOLDS for act in (hold, "step", "step", "let go", "step")]
)
@example(sizes=[2, 3, 1], acts=["step"] * 4 + [act for what in ACTS for act in (what, "step", "step")])
@example(sizes=[2, 3, 1], acts=["step", "step", "step", *["forget", "step"] * 4, "step"])
def test_whatever_happens_between_steps(sizes: list[int], acts: list[str]) -> None:
    twins = [Small(sizes) for _ in range(2)]
    optimizers = [optim.Adam(twin.parameters(), lr=0.05) for twin in twins]

    def stepping(model: Any, optimizer: Any) -> Callable[..., Any]:
        def step(x: Any, y: Any) -> Any:
            loss = F.mse(model(x), y)
            if optimizer.param_groups[0]["lr"] > 0.03:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    def assert_alike() -> None:  # a function of its own, so that nothing is held afterwards
        for p, q in zip(*(twin.state_dict().values() for twin in twins), strict=True):
            np.testing.assert_allclose(q, p, 1e-9, 1e-11)
        for p, q in zip(*(twin.parameters() for twin in twins), strict=True):
            assert (p.node.grad is None) == (q.node.grad is None)  # who asks for q.grad makes a Tensor of it
            if p.node.grad is not None:
                np.testing.assert_allclose(np.asarray(q.node.grad), np.asarray(p.node.grad), 1e-8, 1e-10)
        for mean, same in ((twins[0].mean, twins[1].mean), (twins[0].ema, twins[1].ema)):
            np.testing.assert_allclose(same.numpy(), mean.numpy(), 1e-9, 1e-11)
        for thing, before in held:
            np.testing.assert_array_equal(np.asarray(thing), before)

    eager = list(map(stepping, twins, optimizers))
    steps = [eager[0], compile(eager[1], max_captures=40)]
    held: list[tuple[Any, Any]] = []
    rng = np.random.default_rng(0)
    for act in acts:
        if act in HOLDS:
            held = [(thing, np.array(thing)) for thing in HOLDS[act](twins[1], optimizers[1])]
        elif act in ACTS:
            for twin, optimizer in zip(twins, optimizers, strict=True):
                ACTS[act](twin, optimizer)
            held = [(thing, np.array(thing)) for thing, _ in held]  # to load is to change Tensors that are held
        else:
            n = {"step of one": 1, "step of a few": 3}.get(act, 7)
            x, y = rng.standard_normal((n, sizes[0])), rng.standard_normal((n, sizes[-1]))
            x = np.asfortranarray(x) if act == "step by columns" else x[::-1] if act == "step backwards" else x
            expected, found = (one(x, y) for one in (eager if "eager" in act else steps))
            np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-9, 1e-11)
            assert_alike()
