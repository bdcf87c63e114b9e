"""PyTorch as an outside judge, where it is installed: the same numbers, to the accuracy of float64.

What is compared is what two engines can disagree on without either noticing: the formulas of optimizers over many
steps, losses at extreme logits, second derivatives of whole networks, operations whose derivative has a choice in it.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import Tensor, grad, hvp, nn, optim
from tinygrad_np import functional as F
from tinygrad_np.testing import strategies as gs

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # the arrays are small

ACTIVATIONS = {
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.functional.softplus,
    "silu": torch.nn.functional.silu,
    "gelu": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def shared(array):
    """The same numbers for both: a Tensor and a torch tensor that require gradients."""
    return Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


def assert_close(ours, theirs, rtol=1e-12, atol=1e-13, what=""):
    ours = ours.detach().numpy() if isinstance(ours, Tensor) else ours
    theirs = theirs.numpy(force=True)
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype), what
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=what)


# --- networks --------------------------------------------------------------------------------------------------------
def twins(sizes, activation, rng):
    """Return an MLP, and the parameters of its twin in PyTorch with the function that applies them."""
    model = nn.MLP(sizes, activation=activation, dtype=np.float64, rng=rng)
    for layer in model.layers:
        layer.bias.data = rng.standard_normal(layer.bias.shape)
    parameters = [torch.tensor(p.detach().numpy().copy(), requires_grad=True) for p in model.parameters()]

    def twin(x, parameters=parameters):
        *hidden, (weight, bias) = zip(parameters[::2], parameters[1::2], strict=True)
        for W, b in hidden:
            x = ACTIVATIONS[activation](x @ W + b)
        return x @ weight + bias

    return model, parameters, twin


OPTIMIZERS = {
    "SGD": (lambda p: optim.SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "SGD, weight decay": (
        lambda p: optim.SGD(p, 0.1, weight_decay=0.02),
        lambda p: torch.optim.SGD(p, 0.1, weight_decay=0.02),
    ),
    "momentum": (lambda p: optim.SGD(p, 0.1, momentum=0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "momentum, weight decay": (
        lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.02),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.02),
    ),
    "Nesterov": (
        lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    ),
    "Nesterov, weight decay": (
        lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.02),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.02),
    ),
    "RMSProp": (lambda p: optim.RMSProp(p, 0.01), lambda p: torch.optim.RMSprop(p, 0.01)),
    "RMSProp, all of it": (
        lambda p: optim.RMSProp(p, 0.01, alpha=0.9, eps=1e-6, momentum=0.5, centered=True, weight_decay=0.02),
        lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, eps=1e-6, momentum=0.5, centered=True, weight_decay=0.02),
    ),
    "Adam": (lambda p: optim.Adam(p, 0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "Adam, weight decay": (
        lambda p: optim.Adam(p, 0.01, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.02),
        lambda p: torch.optim.Adam(p, 0.01, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.02),
    ),
    "AdamW": (lambda p: optim.AdamW(p, 0.01), lambda p: torch.optim.AdamW(p, 0.01)),
    "AdamW, weight decay": (
        lambda p: optim.AdamW(p, 0.01, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.3),
    ),
    "groups": (
        lambda p: optim.Adam([{"params": p[::2], "weight_decay": 0.1}, {"params": p[1::2], "lr": 0.1}], 0.01),
        lambda p: torch.optim.Adam([{"params": p[::2], "weight_decay": 0.1}, {"params": p[1::2], "lr": 0.1}], 0.01),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_twenty_steps(name, rng):
    model, parameters, twin = twins([6, 8, 7, 3], "tanh", rng)
    ours, theirs = OPTIMIZERS[name][0](model.parameters()), OPTIMIZERS[name][1](parameters)
    for step in range(20):
        x, y = rng.standard_normal((10, 6)), rng.integers(3, size=10)
        loss = F.softmax_cross_entropy(model(x), y)
        expected = torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(y))
        assert_close(loss, expected, what=f"the loss before step {step}")
        ours.zero_grad()
        loss.backward()
        ours.step()
        theirs.zero_grad()
        expected.backward()
        theirs.step()
    for parameter, other in zip(model.parameters(), parameters, strict=True):
        assert_close(parameter, other, what=f"{parameter.name} after 20 steps")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_first_and_second_derivatives_of_networks(activation, rng):
    model, parameters, twin = twins([4, 6, 5, 3], activation, rng)
    x, y = rng.standard_normal((8, 4)), rng.integers(3, size=8)
    vectors = [rng.standard_normal(p.shape) for p in model.parameters()]

    def their_loss(*parameters):
        return torch.nn.functional.cross_entropy(twin(torch.tensor(x), parameters), torch.tensor(y))

    gradients = torch.autograd.grad(their_loss(*parameters), parameters, create_graph=True)
    along = sum((g * torch.tensor(v)).sum() for g, v in zip(gradients, vectors, strict=True))
    products = torch.autograd.grad(along, parameters)

    F.softmax_cross_entropy(model(x), y).backward(create_graph=True)
    slopes = [p.grad for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    sum((g * v).sum() for g, v in zip(slopes, vectors, strict=True)).backward()
    for p, slope, gradient, product in zip(model.parameters(), slopes, gradients, products, strict=True):
        assert_close(slope, gradient, what=f"gradient of {p.name}")
        assert_close(p.grad, product, rtol=1e-10, what=f"Hessian times vector of {p.name}")


def test_hvp_is_the_same_product(rng):
    z, y = rng.standard_normal((5, 4)), rng.integers(4, size=5)
    v = rng.standard_normal((5, 4))
    (ours,) = hvp(lambda z: F.softmax_cross_entropy(np.tanh(z) * z, y), (z,), (v,))
    _, theirs = torch.autograd.functional.hvp(
        lambda z: torch.nn.functional.cross_entropy(torch.tanh(z) * z, torch.tensor(y)),
        torch.tensor(z),
        torch.tensor(v),
    )
    assert_close(ours, theirs)


# --- losses ----------------------------------------------------------------------------------------------------------
LOSSES = {
    "softmax, class numbers": (
        F.softmax_cross_entropy,
        torch.nn.functional.cross_entropy,
        lambda batch, n: gs.labels(st.just((batch,)), st.just(n)),
    ),
    "softmax, soft labels": (
        F.softmax_cross_entropy,
        torch.nn.functional.cross_entropy,
        lambda batch, n: gs.labels(st.just((batch,)), st.just(n), kind="distribution"),
    ),
    "sigmoid": (
        F.sigmoid_cross_entropy,
        torch.nn.functional.binary_cross_entropy_with_logits,
        lambda *shape: gs.arrays(shape, domain=gs.booleans(), layout="C"),
    ),
    "sigmoid, soft labels": (
        F.sigmoid_cross_entropy,
        torch.nn.functional.binary_cross_entropy_with_logits,
        lambda *shape: gs.arrays(shape, domain=gs.reals(0, 1), layout="C"),
    ),
    "mse": (F.mse, torch.nn.functional.mse_loss, lambda *shape: gs.arrays(shape, layout="C")),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
@given(logits=gs.logits(st.tuples(st.integers(1, 4))), data=st.data())
@settings(max_examples=20)
def test_losses_of_any_logits(name, reduction, logits, data):
    ours, theirs, labels = LOSSES[name]
    z, w = shared(logits.detach().numpy().copy())
    y = data.draw(labels(*z.shape))
    scale = np.abs(z.detach()).max().item()
    loss, expected = ours(z, y, reduction=reduction), theirs(w, torch.tensor(y), reduction=reduction)
    assert_close(loss, expected, atol=1e-15 * max(1, scale))
    g = data.draw(gs.arrays(loss.shape, layout="C"))
    loss.backward(g)
    expected.backward(torch.tensor(g))
    assert_close(z.grad, w.grad, atol=1e-15 * (max(1, scale) if name == "mse" else 1))


# --- operations whose derivative has a choice, a trap, or a long formula in it ----------------------------------------
ROWS = np.array([0, 2, 2, 0, -1])
MASK = np.array([[True, False, True, False]] * 3)
ZEROS = np.array([[0.0, 2.0, 0.0, 1.0], [3.0, 0.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
TIES = np.array([[1.0, 1.0, 0.0, -1.0], [2.0, 2.0, 2.0, 2.0], [0.0, 3.0, 3.0, 1.0]])
NORMAL = np.random.default_rng(0).standard_normal((3, 4))
OPERATIONS = {
    "rows, repeated": (lambda x: x[ROWS], lambda x: x[ROWS], NORMAL),
    "rows and columns, repeated": (lambda x: x[ROWS, [1, 3, 3, 1, 3]], lambda x: x[ROWS, [1, 3, 3, 1, 3]], NORMAL),
    "index arrays that broadcast": (
        lambda x: x[ROWS[:, None], [0, 0]] ** 2,
        lambda x: x[ROWS[:, None], [0, 0]] ** 2,
        NORMAL,
    ),
    "a mask": (lambda x: x[MASK] * 2, lambda x: x[torch.tensor(MASK)] * 2, NORMAL),
    "slices with steps": (lambda x: x[::2, 1:3] * x[1:, ::2], lambda x: x[::2, 1:3] * x[1:, ::2], NORMAL),
    "take": (
        lambda x: np.take(x, ROWS, axis=0),
        lambda x: torch.index_select(x, 0, torch.tensor(ROWS % 3)),
        NORMAL,
    ),
    "assigning, repeated": (
        lambda x: assigned(x * 1, ROWS[:3], x[0] * 3),
        lambda x: torch.cat([x[:1] * 3, x[1:2], x[:1] * 3]),
        NORMAL,
    ),
    "prod without zeros": (lambda x: np.prod(x, axis=1), lambda x: torch.prod(x, 1), NORMAL),
    "prod with zeros": (lambda x: np.prod(x, axis=1), lambda x: torch.prod(x, 1), ZEROS),
    "prod of all, with zeros": (np.prod, torch.prod, ZEROS),
    "logsumexp": (lambda x: F.logsumexp(x, axis=1), lambda x: torch.logsumexp(x, 1), 500 * NORMAL),
    "logsumexp with -inf": (
        lambda x: F.logsumexp(x, axis=1),
        lambda x: torch.logsumexp(x, 1),
        np.where(ZEROS == 0, -np.inf, ZEROS),
    ),
    "logaddexp": (lambda x: np.logaddexp(x, 1.0), lambda x: torch.logaddexp(x, torch.tensor(1.0)), 500 * NORMAL),
    "log_softmax": (F.log_softmax, lambda x: torch.log_softmax(x, -1), 500 * NORMAL),
    "softmax": (lambda x: F.softmax(x, axis=0), lambda x: torch.softmax(x, 0), 5 * NORMAL),
    "einsum": (
        lambda x: np.einsum("ij,kj->ik", x, np.sin(x)),
        lambda x: torch.einsum("ij,kj->ik", x, torch.sin(x)),
        NORMAL,
    ),
    "einsum that sums": (
        lambda x: np.einsum("ij,ik->k", x, x),
        lambda x: torch.einsum("ij,ik->k", x, x),
        NORMAL,
    ),
    "einsum with an ellipsis": (
        lambda x: np.einsum("i...,i...->...", x, np.exp(x)),
        lambda x: torch.einsum("i...,i...->...", x, torch.exp(x)),
        NORMAL,
    ),
    "tensordot": (
        lambda x: np.tensordot(x, x, axes=([0, 1], [0, 1])),
        lambda x: torch.tensordot(x, x, dims=([0, 1], [0, 1])),
        NORMAL,
    ),
    "norm": (lambda x: np.linalg.norm(x, axis=1), lambda x: torch.linalg.norm(x, dim=1), NORMAL),
    "norm at 0": (lambda x: np.linalg.norm(x, axis=1), lambda x: torch.linalg.norm(x, dim=1), 0 * NORMAL),
    "Frobenius norm": (np.linalg.norm, torch.linalg.norm, NORMAL),
    "1-norm at zeros": (
        lambda x: np.linalg.norm(x, 1, axis=1),
        lambda x: torch.linalg.vector_norm(x, 1, dim=1),
        ZEROS,
    ),
    "abs at 0": (np.abs, torch.abs, ZEROS),
    "relu at 0": (F.relu, torch.relu, ZEROS),
    "leaky relu at 0": (F.leaky_relu, torch.nn.functional.leaky_relu, ZEROS),
    "std": (lambda x: np.std(x, axis=1, ddof=1), lambda x: torch.std(x, 1), NORMAL),
    "var": (lambda x: np.var(x, axis=0), lambda x: torch.var(x, 0, correction=0), NORMAL),
    "max over ties": (lambda x: np.max(x, axis=1), lambda x: torch.amax(x, 1), TIES),
    "min over ties": (np.min, torch.amin, TIES),
    "maximum, tied": (
        lambda x: np.maximum(x, x[::-1]),
        lambda x: torch.maximum(x, torch.flip(x, [0])),
        TIES,
    ),
    "clip at its limits": (lambda x: np.clip(x, 0, 2), lambda x: torch.clamp(x, 0, 2), TIES),
    "hypot at 0": (
        lambda x: np.hypot(x, np.zeros(4)) + np.hypot(x, 1.0),
        lambda x: torch.sqrt(x * x + 1) + torch.abs(x),
        ZEROS,
    ),
    "arctan2": (lambda x: np.arctan2(x, 2.0), lambda x: torch.atan2(x, torch.tensor(2.0)), TIES),
    "powers": (lambda x: np.abs(x) ** 2.5 + x**3, lambda x: torch.abs(x) ** 2.5 + x**3, NORMAL),
    "powers of 0": (lambda x: x**2 + x**1 + x**0, lambda x: x**2 + x**1 + x**0, ZEROS),
    "0 to a power": (
        lambda x: np.power(0.0, x + 1) + 2.0**x,
        lambda x: torch.tensor(0.0, dtype=torch.float64) ** (x + 1) + 2.0**x,
        ZEROS,
    ),
    "remainder": (lambda x: x % 0.7, lambda x: torch.remainder(x, 0.7), NORMAL),
    "where": (
        lambda x: np.where(x > 0, np.exp(x), x**2),
        lambda x: torch.where(x > 0, torch.exp(x), x**2),
        NORMAL,
    ),
    "matrix times vector": (lambda x: x @ x[0], lambda x: x @ x[0], NORMAL),
    "batches of matrices": (
        lambda x: np.stack([x, x * 2]) @ x.T,
        lambda x: torch.stack([x, x * 2]) @ x.T,
        NORMAL,
    ),
    "pad": (
        lambda x: np.pad(x, ((0, 0), (2, 1)), mode="reflect") ** 2,
        lambda x: torch.nn.functional.pad(x[None], (2, 1), mode="reflect")[0] ** 2,
        NORMAL,
    ),
    "roll and flip": (
        lambda x: np.roll(x, (1, 2), (0, 1)) * np.flip(x, 1),
        lambda x: torch.roll(x, (1, 2), (0, 1)) * torch.flip(x, [1]),
        NORMAL,
    ),
    "gelu": (F.gelu, lambda x: torch.nn.functional.gelu(x, approximate="tanh"), 4 * NORMAL),
    "silu": (F.silu, torch.nn.functional.silu, 40 * NORMAL),
    "softplus": (F.softplus, lambda x: torch.nn.functional.softplus(x, threshold=1e9), 40 * NORMAL),
    "sigmoid": (F.sigmoid, torch.sigmoid, 400 * NORMAL),
}
#: PyTorch's second derivative is NaN here.
FIRST_ONLY = {"norm at 0", "0 to a power"}


def assigned(t, index, value):
    t[index] = value
    return t


@pytest.mark.parametrize("name", OPERATIONS)
def test_first_and_second_derivatives_of_operations(name, rng):
    ours, theirs, values = OPERATIONS[name]
    x, z = shared(values)
    out, expected = ours(x), theirs(z)
    assert_close(out, expected)
    g, v = rng.standard_normal(expected.shape), rng.standard_normal(values.shape)
    out.backward(g, create_graph=True)
    (slope,) = torch.autograd.grad(expected, z, torch.tensor(g), create_graph=True)
    assert_close(x.grad, slope)
    if name in FIRST_ONLY or not slope.requires_grad:
        return
    first, x.grad = x.grad, None
    (second,) = torch.autograd.grad((slope * torch.tensor(v)).sum(), z, materialize_grads=True)
    if first.requires_grad:
        np.sum(first * v).backward()
    found = np.zeros(values.shape) if x.grad is None else x.grad.numpy()
    assert_close(found, second, rtol=1e-10)


def test_a_third_derivative(rng):
    values = rng.standard_normal(5)
    third = grad(grad(grad(lambda x: np.tanh(x) ** 2 * np.exp(x))))
    z = torch.tensor(values, requires_grad=True)
    expected = torch.tanh(z) ** 2 * torch.exp(z)
    for _ in range(3):
        (expected,) = torch.autograd.grad(expected.sum(), z, create_graph=True)
    assert_close(np.array([third(value).item() for value in values]), expected)
