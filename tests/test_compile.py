"""``compile``: what a compiled function computes, and what it leaves behind, is what the function itself does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import (
    Tensor,
    checkpoint,
    compile,
    custom_vjp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    nn,
    no_grad,
    optim,
    value_and_grad,
    vmap,
)
from tinygrad_np import functional as F
from tinygrad_np.tree import flatten

rng = np.random.default_rng(0)
Step = Callable[..., Any]

both = pytest.mark.parametrize("backend", ["interpreter", "numpy"])


def bare(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def assert_same(found: Any, expected: Any, backend: str = "interpreter") -> None:
    """Equal in structure, types, dtypes and values: bit for bit, where the same calls are made."""
    (ours, _), (theirs, _) = flatten(found), flatten(expected)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert type(a) is type(b)
        assert np.asarray(bare(a)).dtype == np.asarray(bare(b)).dtype
        if backend == "interpreter":
            np.testing.assert_array_equal(bare(a), bare(b))
        else:
            tolerance = 1e-4 if np.asarray(bare(a)).dtype == np.float32 else 1e-10
            np.testing.assert_allclose(bare(a), bare(b), tolerance, tolerance)


def compare(function: Step, *calls: Any, backend: str = "interpreter") -> Any:
    """Compile a pure function and call it again and again; each call gives what the function itself gives."""
    compiled = compile(function, backend=backend)
    for args in calls:
        args = args if isinstance(args, tuple) else (args,)
        assert_same(compiled(*args), function(*args), backend)
    return compiled


def arrays(*shape: int, n: int = 4) -> list[Any]:
    return [rng.standard_normal(shape) for _ in range(n)]


# --- training steps -------------------------------------------------------------------------------------------------
OPTIMIZERS: list[tuple[Any, dict[str, Any]]] = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.RMSProp, {"lr": 0.01}),
    (optim.RMSProp, {"lr": 0.01, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    (optim.Adam, {"lr": 0.01}),
    (optim.Adam, {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.99)}),
    (optim.AdamW, {"lr": 0.01}),
]
LOSSES: dict[str, Any] = {
    "softmax": (F.softmax_cross_entropy, lambda rng, n: rng.integers(0, 3, n)),
    "soft labels": (F.softmax_cross_entropy, lambda rng, n: rng.dirichlet(np.ones(3), n)),
    "sigmoid": (F.sigmoid_cross_entropy, lambda rng, n: rng.integers(0, 2, (n, 3))),
    "mse": (F.mse, lambda rng, n: rng.standard_normal((n, 3)).astype(np.float32)),
}


def trainer(seed: int, sizes: list[int], activation: str, dropout: float, optimizer: Any, loss: str, l2: float) -> Any:
    """A model, its optimizer, and a step; with one seed, always the same."""
    model = nn.MLP(sizes, activation, dropout=dropout, rng=seed)
    kind, options = optimizer
    optimizer = kind(model.parameters(), **options)
    criterion = LOSSES[loss][0]

    def step(x: Any, y: Any) -> Any:
        logits = model(x)
        cost = criterion(logits, y)
        optimizer.zero_grad()
        (cost + F.l2_penalty([layer.weight for layer in model.layers], l2, 100) if l2 else cost).backward()
        optimizer.step()
        return cost, logits.detach().argmax(axis=1)

    return model, optimizer, step


def everything(model: Any, optimizer: Any) -> Any:
    """All that a step changes."""
    grads = {name: p.grad for name, p in model.named_parameters()}
    return model.state_dict(), dict(sorted(optimizer.state_dict().items())), grads


@both
@given(data=st.data())
def test_training_steps(backend: str, data: st.DataObject) -> None:
    """Random networks, losses and optimizers, learning rates that change on the way."""
    setting = (
        data.draw(st.integers(0, 99)),
        [4, *data.draw(st.lists(st.integers(1, 5), max_size=2)), 3],
        data.draw(st.sampled_from(["relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "leaky_relu"])),
        data.draw(st.sampled_from([0.0, 0.5])),
        data.draw(st.sampled_from(OPTIMIZERS)),
        data.draw(st.sampled_from(sorted(LOSSES))),
        data.draw(st.sampled_from([0.0, 0.1])),
    )
    eager, ours = trainer(*setting), trainer(*setting)
    step = compile(ours[2], backend=backend)
    batches = np.random.default_rng(setting[0])
    for _ in range(6):
        n = data.draw(st.sampled_from([8, 8, 8, 5]))
        x, y = batches.standard_normal((n, 4)).astype(np.float32), LOSSES[setting[5]][1](batches, n)
        lr = data.draw(st.sampled_from([None, 0.03, 0.02]))
        for _, optimizer, _ in (eager, ours):
            optimizer.param_groups[0]["lr"] = lr or optimizer.param_groups[0]["lr"]
        found, expected = step(x, y), eager[2](x, y)
        if backend == "interpreter":
            assert_same(found, expected)
            assert_same(everything(*ours[:2]), everything(*eager[:2]))
        else:
            assert_same(found[0], expected[0], backend)
            assert_same(ours[0].state_dict(), eager[0].state_dict(), backend)


def test_training_ends_at_the_same_weights() -> None:
    settings = (1, [4, 16, 3], "relu", 0.2, OPTIMIZERS[5], "softmax", 0.0)
    eager, ours = trainer(*settings), trainer(*settings)
    step = compile(ours[2], backend="interpreter")
    batches = np.random.default_rng(0)
    for _ in range(100):
        x, y = batches.standard_normal((8, 4)).astype(np.float32), batches.integers(0, 3, 8)
        step(x, y)
        eager[2](x, y)
    assert_same(everything(*ours[:2]), everything(*eager[:2]))


def test_a_learning_rate_is_no_reason_to_capture_again() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        np.sum((w * x) ** 2).backward()
        optimizer.step()

    step = compile(step)
    for i in range(10):
        optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
        step(np.ones(2))
    assert step.captures == 3  # the optimizer's memory is set up, then two that agree


@both
def test_gradients_add_up_without_zero_grad(backend: str) -> None:
    def make() -> Any:
        w = Tensor([1.0, 2.0], requires_grad=True)

        def step(x: Any) -> Any:
            np.sum(w * w * x).backward()

        return w, step

    (w, eager), (v, ours) = make(), make()
    step = compile(ours, backend=backend)
    for x in arrays(2, n=6):
        eager(x)
        step(x)
        assert_same(v.grad, w.grad, backend)
    w.grad = v.grad = None
    eager(x)
    step(x)
    assert_same(v.grad, w.grad, backend)


@both
def test_gradients_that_are_given(backend: str) -> None:
    def train(wrapped: Callable[[Step], Step]) -> list[Any]:
        w = Tensor(np.arange(3.0), requires_grad=True)
        optimizer = optim.Adam([w], lr=0.1)

        @wrapped
        def step(g: Any) -> None:
            w.grad = g
            optimizer.step()

        left, kept = [], []
        for i in range(5):
            given = Tensor(np.arange(3.0) * i)
            step(given)
            left += [w.detach(), w.grad]
            kept.append((w.grad, given))
            given += 1.0
        assert all(np.array_equal(bare(grad) + 1, bare(given)) for grad, given in kept)
        for i in range(5):
            array = np.arange(3.0) + i
            step(array)
            array[:] = 9  # an ndarray may change, a gradient does not
            left += [w.detach(), w.grad]
        return left

    assert_same(train(lambda step: compile(step, backend=backend)), train(lambda step: step), backend)


@both
def test_gradient_descent_by_hand(backend: str) -> None:
    def make() -> Any:
        w, b = Tensor(np.ones((3, 2)), requires_grad=True), Tensor(np.zeros(2), requires_grad=True)

        def step(x: Any, rate: float) -> Any:
            loss = np.mean(np.tanh(x @ w + b) ** 2)
            w.grad = b.grad = None
            loss.backward()
            norm = np.sqrt(sum(np.sum(p.grad * p.grad) for p in (w, b)))
            with no_grad():
                for p in (w, b):
                    p.grad *= np.minimum(1, 0.1 / norm)  # clipped
                    p -= rate * p.grad
            return loss.detach()

        return (w, b), step

    (ps, eager), (qs, ours) = make(), make()
    step = compile(ours, backend=backend)
    for i, x in enumerate(arrays(4, 3, n=7)):
        assert_same(step(x, 1 / (i + 1)), eager(x, 1 / (i + 1)), backend)
        assert_same(list(qs), list(ps), backend)
        assert_same([q.grad for q in qs], [p.grad for p in ps], backend)
    assert step.captures <= 4


def test_an_optimizer_of_ones_own() -> None:
    """Numbers that a function itself changes become part of the program."""

    class Decaying:
        def __init__(self, parameters: list[Tensor]) -> None:
            self.parameters, self.t = parameters, 0

        def step(self) -> None:
            self.t += 1
            for p in self.parameters:
                p.data = p - p.grad / (1 + self.t)

    def make() -> Any:
        w = Tensor([1.0, 2.0], requires_grad=True)
        optimizer = Decaying([w])

        def step(x: Any) -> Any:
            w.grad = None
            np.sum((w * x) ** 2).backward()
            optimizer.step()

        return w, optimizer, step

    eager, ours = make(), make()
    step = compile(ours[2], backend="interpreter")
    for x in arrays(2, n=8):
        eager[2](x)
        step(x)
        assert_same(ours[0], eager[0])
        assert ours[1].t == eager[1].t
        assert type(ours[1].t) is int
    assert step.captures < 5


# --- pure functions -------------------------------------------------------------------------------------------------
def cubic(x: Any) -> Any:
    return np.sum(x**3 * np.array([1.0, 2.0, 3.0]) + np.tanh(x) * x[::-1])


@both
@pytest.mark.parametrize(
    "function",
    [
        cubic, grad(cubic), hessian(cubic), jacobian(np.sin), vmap(grad(np.tanh)), checkpoint(cubic),
        grad(checkpoint(cubic)), lambda x: jvp(cubic, (x,), (x * 2,)), lambda x: hvp(cubic, (x,), (x + 1,)),
        partial(np.add, 1.0), np.tanh, lambda x: {"a": (x, [x * 2, None]), "b": 3}, lambda x: x,
        lambda x: (x @ x, x.sum(), x.shape),
    ],
)  # fmt: skip
def test_pure_functions(function: Step, backend: str) -> None:
    compare(function, *arrays(3), *arrays(3), backend=backend)


def test_arguments_in_trees_and_by_keyword() -> None:
    def f(parameters: Any, x: Any, *rest: Any, scale: float = 2.0, **more: Any) -> Any:
        out = x @ parameters["w"] + parameters["b"][0] * scale
        return [out + r for r in rest] + [more["y"] * out if "y" in more else out]

    g = compile(f, backend="interpreter")
    for w, b, x in zip(arrays(3, 2), arrays(2), arrays(4, 3), strict=True):
        for args, options in [
            (({"w": w, "b": (b,)}, x), {}),
            (({"w": w, "b": [b]}, x), {}),
            (({"w": w, "b": (b,)}, x, 1.0), {}),
            (({"w": w, "b": (b,)}, x, 2.0), {"scale": 3.0}),
            (({"w": Tensor(w), "b": (b,)}, x, b), {"y": b}),
        ]:
            assert_same(g(*args, **options), f(*args, **options))
            assert_same(g(*args, **options), f(*args, **options))


def test_custom_vjp() -> None:
    @custom_vjp
    def cube(x: Any) -> Any:
        return x**3, x

    @cube.backward
    def _(x: Any, g: Any) -> Any:
        return 3 * g * x**2

    compare(grad(lambda x: np.sum(cube(x))), *arrays(3))


def test_per_example_gradients() -> None:
    def loss(w: Any, x: Any, y: Any) -> Any:
        return F.mse(np.tanh(x @ w), y)

    f = vmap(grad(loss), (None, 0, 0))
    compare(f, *zip(arrays(3, 2), arrays(5, 3), arrays(5, 2), strict=True))


def test_methods_and_modules() -> None:
    class Affine(nn.Module):
        def __init__(self, a: float) -> None:
            self.w = Tensor(np.full(3, a), requires_grad=True)

        @compile
        def forward(self, x: Any) -> Any:
            return self.w * x

    one, two = Affine(1.0), Affine(2.0)
    for x in arrays(3):
        np.testing.assert_array_equal(one(x)._data, x)
        np.testing.assert_array_equal(two(x)._data, 2 * x)
    model = nn.MLP([3, 4, 2], rng=0, dtype=np.float64)
    compare(lambda x: model(x).detach(), *arrays(5, 3))
    compiled = compile(model)
    for x in arrays(5, 3):
        assert_same(compiled(x).detach(), model(x).detach(), "numpy")


def test_a_compiled_function_inside_of_another() -> None:
    inner = compile(lambda x: np.tanh(x) * 2)
    compare(grad(lambda x: np.sum(inner(x))), *arrays(3))


# --- what is found and left around a function -------------------------------------------------------------------------
def test_buffers() -> None:
    """Tensors and arrays that are no parameters, changed and replaced."""

    class Norm(nn.Module):
        def __init__(self) -> None:
            self.mean, self.count = Tensor(np.zeros(3)), np.zeros(())
            self.seen, self.total = np.zeros(3), Tensor(0.0)

        def forward(self, x: Any) -> Any:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(axis=0)  # another Tensor
            self.count = self.count + 1  # another array
            self.seen += np.mean(x, axis=0)  # the same array
            self.seen[0] = x[0, 0]
            self.total += np.sum(x)
            return x - self.mean

    ours, theirs = Norm(), Norm()
    seen = ours.seen
    step = compile(ours, backend="interpreter")
    for x in arrays(4, 3, n=6):
        assert_same(step(x), theirs(x))
        assert_same(
            [ours.mean, ours.count, ours.seen, ours.total], [theirs.mean, theirs.count, theirs.seen, theirs.total]
        )
    assert ours.seen is seen
    assert step.captures < 5


def test_arrays_in_closures_are_read_in_each_call() -> None:
    weights = np.ones(3)
    held = [np.ones(3), (np.ones(3), 2.0)]

    def f(x: Any) -> Any:
        return np.sum(x * weights + held[0] * held[1][0] * held[1][1])

    g = compile(f, backend="interpreter")
    for x in arrays(3, n=6):
        assert_same(g(x), f(x))
        weights = weights * 2 if x[0] > 0 else weights
        weights[1] = x[1]
        held[0] = x
        held[1][0][:] = x


def test_views_and_writing_into_arrays() -> None:
    def f(x: Any) -> Any:
        a = np.zeros_like(x)
        rows = a.reshape(-1)
        rows[1:3] += 5
        b = a.T
        a[0] = x[1]
        b[1] *= 2
        c = a.copy()
        np.add.at(c, [0, 0], x[0])
        a.fill(1)
        np.multiply(c, 2, out=c, where=x > 0)
        x[0, 0] = 7
        return rows, b, c, a.sum(), np.sort(c)

    g = compile(f, backend="interpreter")
    for x in arrays(2, 2, n=5):
        theirs, ours = x.copy(), x.copy()
        assert_same(g(ours), f(theirs))
        assert_same(ours, theirs)


def test_masks_are_those_of_the_generator() -> None:
    def make() -> Any:
        rng = np.random.default_rng(3)
        layer = nn.Dropout(0.5, rng=rng)

        def f(x: Any, other: Any) -> Any:
            noise = rng.standard_normal(x.shape) + other.integers(0, 5, size=x.shape) + other.uniform()
            return layer(layer(x) + noise)

        return rng, f

    (one, eager), (two, ours) = make(), make()
    g = compile(ours, backend="interpreter")
    a, b = np.random.default_rng(5), np.random.default_rng(5)
    for x in arrays(4, 3, n=6):
        assert_same(g(x, b), eager(x, a))
        assert one.bit_generator.state == two.bit_generator.state
        assert_same(one.random(2), two.random(2))


def test_checkpoints_draw_their_masks_again() -> None:
    def make() -> Any:
        rng = np.random.default_rng(3)
        f = checkpoint(lambda x: np.sum(F.dropout(np.tanh(x), 0.5, rng=rng)), rng)
        return grad(f)

    eager, g = make(), compile(make(), backend="interpreter")
    for x in arrays(20, n=5):
        assert_same(g(x), eager(x))


def test_leaves_among_the_arguments_get_their_gradients() -> None:
    def f(w: Any, x: Any) -> Any:
        np.sum(w * w * x).backward()

    g = compile(f, backend="interpreter")
    for x in arrays(3, n=5):
        ours, theirs = (Tensor(x * 2, requires_grad=True) for _ in range(2))
        f(theirs, x)
        g(ours, x)
        assert_same(ours.grad, theirs.grad)


def test_tensors_keep_their_values() -> None:
    """A plan updates in place, but not what somebody else has got."""
    w = Tensor(np.ones(3), requires_grad=True)
    optimizer = optim.SGD([w], lr=0.1, momentum=0.9)

    @compile
    def step(x: Any) -> Any:
        loss = np.sum((w * x) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss, w.detach()

    kept = []
    for i, x in enumerate(arrays(3, n=16)):
        loss, detached = step(x)
        new = [w.grad, loss, detached]
        if i % 3 == 0:
            new += [w.detach(), w[1:].detach(), w.detach().numpy(), w.detach().numpy()[::2], np.sum(w * x)]
        kept += [(thing, np.array(bare(thing))) for thing in new]
        if i == 10:
            w.data = np.ones(3)
    for thing, value in kept:
        np.testing.assert_array_equal(bare(thing), value)


def test_graphs_from_before_a_step_keep_their_values() -> None:
    w = Tensor(np.ones(3), requires_grad=True)

    @compile
    def step() -> Any:
        with no_grad():
            w.data = w * 2

    for _ in range(5):
        before = w.detach().numpy().copy()
        out = np.sum(w**2)
        step()
        w.grad = None
        out.backward()
        np.testing.assert_array_equal(w.grad._data, 2 * before)


def test_copies_and_pickles_of_parameters() -> None:
    w = Tensor(np.ones(2), requires_grad=True)
    step = compile(lambda: setattr(w, "data", w.detach() * 2))
    twin = copy.deepcopy(w)
    for _ in range(4):
        step()
    assert w.detach().numpy().tolist() == [16, 16]
    assert twin.detach().numpy().tolist() == [1, 1]


def test_what_is_returned_does_not_pretend_to_have_a_graph() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    f = compile(lambda x: w * x)
    for x in arrays(2):
        out = f(x)
        assert out.requires_grad
        with pytest.raises(RuntimeError, match="returned by a compiled function"):
            np.sum(out).backward()
        with pytest.raises(RuntimeError, match="returned by a compiled function"):
            grad(lambda y: np.sum(compile(lambda: y * 2)()))(x)
        assert_same(value_and_grad(lambda y: np.sum(f(y)))(x), value_and_grad(lambda y: np.sum(y * w))(x))
    with no_grad():
        assert not f(x).requires_grad


# --- writing in place -------------------------------------------------------------------------------------------------
def act(pool: list[Any], kind: str, i: int, j: int, k: int) -> None:
    """One thing that programs do to arrays, views of each other or not."""
    a, b = pool[i % len(pool)], pool[j % len(pool)]
    part = [slice(None, None, -1), slice(1, 3), slice(None, None, 2), k % 2, Ellipsis, (..., slice(0, 2)), None][k % 7]
    fits = a.ndim > 0 and a.size > 0
    match kind:
        case "view" if fits:
            pool.append(a[part])
        case "transpose":
            pool.append(a.T)
        case "reshape" if a.size == 4:
            pool.append(a.reshape((2, 2) if k % 2 else (4,)))
        case "ravel":
            pool.append(a.ravel())
        case "copy":
            pool.append(a.copy())
        case "new":
            pool.append([a + 1, a * b.sum(), np.zeros_like(a), np.tanh(b)][k % 4])
        case "diagonal" if a.ndim == 2:
            pool.append(np.diagonal(a) * 2)
        case "add":
            a += k
        case "multiply":
            np.multiply(a, b.mean(), out=a)
        case "sine":
            np.sin(a, out=a)
        case "write" if fits:
            a[part] = b.max() + k
        case "swap" if fits and b.shape == a[part].shape:
            a[part] = b
        case "take" if fits:
            pool.append(a[[0, len(a) - 1, 0]])
        case "put" if fits:
            a[[0, len(a) - 1]] *= 2
        case "at" if fits:
            np.add.at(a, [0, 0], 1.5)
        case "where":
            np.copyto(a, 0.5, where=a > b.min())
        case "fill" if a.ndim:  # on NumPy's scalars, fill does nothing
            a.fill(k)
        case "sort" if fits:
            a.sort()


ACTS = [
    "view", "transpose", "reshape", "ravel", "copy", "new", "diagonal", "add", "multiply", "sine", "write", "swap",
    "take", "put", "at", "where", "fill", "sort",
]  # fmt: skip


@settings(max_examples=4 * settings().max_examples)
@given(st.lists(st.tuples(st.sampled_from(ACTS), *[st.integers(0, 9)] * 3), min_size=2, max_size=14))
def test_writing_into_arrays_that_share_memory(acts: list[Any]) -> None:
    def f(x: Any, y: Any) -> Any:
        pool = [x, y]
        for done in acts:
            act(pool, *done)
            pool = pool[:8]
        return pool[2:]

    for backend in ("interpreter", "numpy"):
        g = compile(f, backend=backend)
        numbers = np.random.default_rng(0)
        for _ in range(3):
            given_arrays = numbers.standard_normal((3, 4)), numbers.standard_normal((2, 2))
            theirs, ours = [a.copy() for a in given_arrays], [a.copy() for a in given_arrays]
            try:
                expected = f(*theirs)
            except (ValueError, IndexError, TypeError) as error:  # the same error, and nothing has changed
                with pytest.raises(type(error)):
                    g(*ours)
                assert_same(ours, list(given_arrays))
                break
            found = [np.asarray(a) if isinstance(a, np.generic) else a for a in g(*ours)]
            assert_same(found, [np.asarray(a) for a in expected], backend)
            assert_same(ours, theirs, backend)


def test_a_number_taken_out_of_an_array_is_no_place_for_a_result() -> None:
    def f(x: Any) -> Any:
        a = x[1]
        np.multiply(a, 2.0, out=a)
        return a

    for function in (f, compile(f)):
        with pytest.raises(TypeError):
            function(np.arange(4.0))


@both
def test_arrays_that_are_exchanged(backend: str) -> None:
    def f(a: Any, b: Any) -> Any:
        kept = a.copy()
        a[...] = b
        b[...] = kept
        return kept, a.sum()

    g = compile(f, backend=backend)
    for a, b in zip(arrays(3, n=5), arrays(3, n=5), strict=True):
        theirs, ours = [a.copy(), b.copy()], [a.copy(), b.copy()]
        assert_same(g(*ours), f(*theirs), backend)
        assert_same(ours, theirs)


def test_numbers_keep_their_types() -> None:
    settings = {"n": 0}
    g = compile(
        lambda: (settings["n"] * 1, settings["n"] * 1.0, settings["n"] + True, settings["n"] / 2, -settings["n"])
    )
    for i in range(6):
        settings["n"] = i
        assert repr(g()) == repr((i, float(i), i + 1, i / 2, -i))


def test_views_of_parameters_keep_their_values() -> None:
    w = Tensor(np.ones(3), requires_grad=True)
    step = compile(lambda: setattr(w, "data", w.detach() * 2))
    for look in (lambda: w[1:].detach()._data, lambda: w.detach().numpy()[::2]):
        for _ in range(4):
            step()
        seen = look()
        value = seen.copy()
        step()
        np.testing.assert_array_equal(seen, value)
