"""The heart of the project: the engine's gradients of whole networks against backpropagation by hand.

Hypothesis draws the network: depth, widths, batch size, activations, loss, labels, dtype, L2 penalty, dropout, scale
of the data, and how its formulas are spelled in code. `train.by_hand` computes the cost and the gradients of all
parameters and of the input from the textbook's formulas, in float64; run on `rounding.Rounded` arrays, the same code
computes how far rounding may carry each entry, given the sums that led to it. Engine and hand must agree within that,
entry by entry. There is no tolerance to tune: the bounds are a few units in the last place, scaled by the sums.

The package has examples as rows, the textbook as columns: all that goes across is transposed.
"""

# ruff: noqa: E741 - l is the layer, as in the textbook
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import Rounded

from tinygrad_np import Tensor, nn
from tinygrad_np import functional as F
from tinygrad_np.train import by_hand as hand

#: In units of the bound, that is of the roundings in the textbook's formulas: one for these, and one for the roundings
#: that only the engine has (constants cast to float32, softmax by way of the largest logit). Over many thousands of
#: networks the engine stayed below 1.3.
SLACK = 2

# --- three ways to write each formula --------------------------------------------------------------------------------
LINEAR = [
    lambda x, W, b: F.linear(x, W, b),
    lambda x, W, b: x @ W + b,
    lambda x, W, b: np.add(np.einsum("mi,io->mo", x, W), b),
]
ACTIVATION = {
    "relu": [F.relu, lambda z: z * (z > 0), lambda z: np.maximum(z, 0)],
    "leaky_relu": [
        F.leaky_relu,
        lambda z: z * (z > 0) + hand.SLOPE * z * (z <= 0),
        lambda z: np.where(z > 0, z, hand.SLOPE * z),
    ],
    "tanh": [F.tanh, np.tanh, np.tanh],
    "sigmoid": [F.sigmoid, lambda z: 1 / (1 + np.exp(-z)), lambda z: np.reciprocal(np.exp(np.negative(z)) + 1)],
}
DROPOUT = [
    lambda x, p, rng: F.dropout(x, p, rng=rng),
    lambda x, p, rng: x * kept(x.shape, p, rng).astype(x.dtype) / (1 - p),
    lambda x, p, rng: np.where(kept(x.shape, p, rng), x / (1 - p), 0),
]


def kept(shape, p, rng):
    """Which elements dropout would keep."""
    return F.dropout(np.ones(shape), p, rng=rng) > 0


def log_softmax(z):
    z = z - np.max(z, axis=1, keepdims=True)
    return z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))


def mean_of_chosen(log_p, y):
    return log_p[np.arange(len(y)), y].mean() if y.ndim == 1 else (log_p * y).sum() / len(y)


LOSS = {
    "softmax": [
        F.softmax_cross_entropy,
        lambda z, y: -mean_of_chosen(log_softmax(z), y),
        lambda z, y: -mean_of_chosen(F.log_softmax(z), y),
    ],
    "sigmoid": [
        lambda z, y: F.sigmoid_cross_entropy(z, y, reduction="sum") / len(y),
        lambda z, y: np.logaddexp(z, 0).sum() / len(y) - (z * y).sum() / len(y),
        lambda z, y: np.mean(np.sum(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z), axis=1)),
    ],
}
L2_PENALTY = [
    lambda W, lambd, m: F.l2_penalty(W, lambd, m),
    lambda W, lambd, m: lambd / (2 * m) * sum((w * w).sum() for w in W),
    lambda W, lambd, m: lambd / (2 * m) * sum(np.einsum("io,io", w, w) for w in W),
]


# --- problems --------------------------------------------------------------------------------------------------------
@dataclass
class Problem:
    """A network and data for it, in the textbook's layout; and how the engine is to be asked."""

    X: np.ndarray
    Y: np.ndarray  # one column per example
    net: hand.Network
    dtype: type
    mask_seed: int  # the masks are drawn one after the other, from the first layer to the last
    one_hot: bool = False  # labels as rows of zeros and a one, rather than as class numbers
    spelling: int = 0
    create_graph: bool = False


def make(n, m, activations, dtype, rng, lambd=0.0, dropped=(), keep_prob=1.0, scale=1.0, **how) -> Problem:
    layers = range(1, len(n))

    def normal(*shape):
        return rng.standard_normal(shape).astype(dtype)

    mask_seed = int(rng.integers(2**32))
    masks = np.random.default_rng(mask_seed)
    net = hand.Network(
        W={l: normal(n[l], n[l - 1]) / dtype(np.sqrt(n[l - 1])) for l in layers},
        b={l: normal(n[l], 1) for l in layers},
        activation=dict(zip(layers, activations, strict=True)),
        lambd=lambd,
        D={l: kept((m, n[l]), 1 - keep_prob, masks).T for l in sorted(dropped)},
        keep_prob=keep_prob,
    )
    X = dtype(scale) * normal(n[0], m)
    if activations[-1] == "softmax":
        Y = np.eye(n[-1], dtype=dtype)[:, rng.integers(n[-1], size=m)]
    else:
        Y = rng.integers(2, size=(n[-1], m)).astype(dtype)
    move_away_from_kinks(net, X)
    return Problem(X, Y, net, dtype, mask_seed, **how)


def move_away_from_kinks(net: hand.Network, X):
    """Move the biases of relu units so that rounding cannot decide on which side of 0 a pre-activation falls.

    The margin is a hundredth of the terms that z sums up. Of the m + 1 shifts that are tried for a bias, more than two
    margins apart, each of the m examples can rule out one.
    """
    for l in range(1, net.L):
        if "relu" in net.activation[l]:
            Z, A = hand.forward(net, X)  # the layers before this one have been moved already
            margin = 0.01 * np.max(np.abs(net.W[l]) @ np.abs(A[l - 1]) + np.abs(net.b[l]), axis=1, keepdims=True)
            shifts = 2.1 * margin * np.arange(Z[l].shape[1] + 1)
            fits = np.all(np.abs(Z[l][:, None, :] + shifts[:, :, None]) > margin[:, :, None], axis=2)
            net.b[l] += np.take_along_axis(shifts, np.argmax(fits, axis=1)[:, None], axis=1).astype(X.dtype)


@st.composite
def problems(draw, dropped=lambda layers: st.sets(st.sampled_from(layers))):
    m, L = draw(st.integers(1, 16), label="m"), draw(st.integers(1, 5), label="L")
    spelling = draw(st.integers(0, 2), label="spelling")
    scales = [1e-3, 1.0, 30.0, 1e3] if spelling == 0 else [1e-3, 1.0]  # a bare exp overflows
    return make(
        n=draw(st.lists(st.integers(1, 12), min_size=L + 1, max_size=L + 1), label="n"),
        m=m,
        activations=[
            *draw(st.lists(st.sampled_from(sorted(ACTIVATION)), min_size=L - 1, max_size=L - 1), label="g"),
            draw(st.sampled_from(sorted(LOSS)), label="loss"),
        ],
        dtype=draw(st.sampled_from([np.float32, np.float64]), label="dtype"),
        rng=np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed")),
        lambd=draw(st.sampled_from([0.0, 0.1, 3.0]), label="lambda"),
        dropped=draw(dropped(range(1, L)), label="dropout after") if L > 1 else (),
        keep_prob=draw(st.sampled_from([0.5, 0.8]), label="keep_prob"),
        scale=draw(st.sampled_from(scales), label="scale"),
        one_hot=draw(st.booleans(), label="one_hot"),
        spelling=spelling,
        create_graph=draw(st.booleans(), label="create_graph"),
    )


# --- both sides ------------------------------------------------------------------------------------------------------
def by_hand(problem: Problem) -> dict[str, Rounded]:
    """Return cost and gradients, with bounds on their rounding errors, by the textbook's formulas."""
    exact = hand.Network(**vars(problem.net))
    exact.W = {l: Rounded(W) for l, W in problem.net.W.items()}
    exact.b = {l: Rounded(b) for l, b in problem.net.b.items()}
    Z, A = hand.forward(exact, Rounded(problem.X))
    J = hand.cost(exact, Z, problem.Y)
    dW, db, dX = hand.backward(exact, Z, A, problem.Y)
    return {"J": J, "dX": dX} | {f"dW{l}": dW[l] for l in dW} | {f"db{l}": db[l] for l in db}


def by_engine(problem: Problem) -> dict[str, np.ndarray]:
    """Return the same, by the engine, of the network as bare expressions."""
    net, i, masks = problem.net, problem.spelling, np.random.default_rng(problem.mask_seed)
    W = {l: Tensor(net.W[l].T, requires_grad=True) for l in net.W}
    b = {l: Tensor(net.b[l][:, 0], requires_grad=True) for l in net.b}
    x = X = Tensor(problem.X.T, requires_grad=True)
    for l in range(1, net.L):
        x = ACTIVATION[net.activation[l]][i](LINEAR[i](x, W[l], b[l]))
        if l in net.D:
            x = DROPOUT[i](x, 1 - net.keep_prob, masks)
    return differentiated(problem, LINEAR[i](x, W[net.L], b[net.L]), X, W, b)


def by_mlp(problem: Problem) -> dict[str, np.ndarray]:
    """Return the same, by the engine, of the network as an ``nn.MLP``."""
    net, masks = problem.net, np.random.default_rng(problem.mask_seed)
    model = nn.MLP(
        [len(problem.X), *(len(net.W[l]) for l in net.W)],
        activation=[net.activation[l] for l in range(1, net.L)],
        dropout=1 - net.keep_prob if net.D else 0.0,
        dtype=problem.dtype,
    )
    if net.D:
        model.dropout.rng = masks
    model.load_state_dict(
        {f"layers.{l - 1}.weight": net.W[l].T for l in net.W} | {f"layers.{l - 1}.bias": net.b[l][:, 0] for l in net.b}
    )
    X = Tensor(problem.X.T, requires_grad=True)
    W = {l: model.layers[l - 1].weight for l in net.W}
    b = {l: model.layers[l - 1].bias for l in net.b}
    return differentiated(problem, model(X), X, W, b)


def differentiated(problem: Problem, logits, X, W, b) -> dict[str, np.ndarray]:
    """Return cost and gradients of a network's logits, in the textbook's layout."""
    net, i = problem.net, problem.spelling
    J = LOSS[net.activation[net.L]][i](logits, labels(problem))
    if net.lambd:
        J = J + L2_PENALTY[i](list(W.values()), net.lambd, problem.X.shape[1])
    J.backward(create_graph=problem.create_graph)
    return {"J": J.detach().numpy(), "dX": gradient(X)} | {
        f"d{name}{l}": gradient(parameters[l]) for name, parameters in (("W", W), ("b", b)) for l in parameters
    }


def gradient(tensor):
    return np.atleast_2d(tensor.grad.detach().numpy()).T


def labels(problem: Problem):
    if problem.net.activation[problem.net.L] == "softmax" and not problem.one_hot:
        return problem.Y.argmax(axis=0)
    return problem.Y.T


def assert_agree(found, expected, dtype):
    assert found.keys() == expected.keys()
    for name, reference in expected.items():
        value, bound = found[name], SLACK * np.finfo(dtype).eps / 2 * reference.error
        assert (value.dtype, value.shape) == (dtype, reference.shape), f"{name}: {value.dtype}{value.shape}"
        off = np.abs(value - reference.value) / bound
        assert np.all(off <= 1), (
            f"{name} is off by {np.max(off):.3g} times what rounding can explain\n"
            f"engine:\n{value}\nby hand:\n{reference.value}\nat most apart:\n{bound}"
        )


# --- the tests -------------------------------------------------------------------------------------------------------
@settings(max_examples=400)
@given(problems())
def test_gradients_of_whole_networks(problem):
    assert_agree(by_engine(problem), by_hand(problem), problem.dtype)


@settings(max_examples=200)
@given(problems(dropped=lambda layers: st.sampled_from([(), tuple(layers)])))
def test_gradients_of_mlps(problem):
    assert_agree(by_mlp(problem), by_hand(problem), problem.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_of_real_size(dtype):
    problem = make(
        [784, 128, 64, 10], 64, ["relu", "relu", "softmax"], dtype, np.random.default_rng(0), 0.1, {1, 2}, 0.8
    )
    assert_agree(by_mlp(problem), by_hand(problem), dtype)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_at_the_kink_the_slope_is_that_of_the_left_side(activation):
    """Zero inputs and zero biases: each pre-activation of the first layer is exactly 0."""
    problem = make([3, 4, 2], 5, [activation, "softmax"], np.float64, np.random.default_rng(0))
    problem.X[:], problem.net.b[1][:] = 0, 0
    found = by_engine(problem)
    assert_agree(found, by_hand(problem), np.float64)
    assert np.any(found["dX"]) == (activation == "leaky_relu")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bounds_are_sharp(dtype):
    """Ten thousand units in the last place in any one of the gradients do not go unnoticed."""
    problem = make([8, 10, 10, 4], 16, ["tanh", "sigmoid", "softmax"], dtype, np.random.default_rng(0), lambd=0.1)
    found, expected = by_engine(problem), by_hand(problem)
    for name in found:
        wrong = found | {name: found[name] * dtype(1 + 1e4 * np.finfo(dtype).eps)}
        with pytest.raises(AssertionError, match=f"{name} is off"):
            assert_agree(wrong, expected, dtype)


def test_the_hand_has_not_slipped():
    """The formulas by hand, differentiated numerically: their cost along a line, by a fourth-order difference."""
    rng = np.random.default_rng(0)
    for loss in sorted(LOSS):
        for activation in sorted(ACTIVATION):
            problem = make([3, 4, 5, 2], 6, [activation, activation, loss], np.float64, rng, 0.7, {1, 2}, 0.5)
            net, step, slope = problem.net, {}, 0.0
            Z, A = hand.forward(net, problem.X)
            dW, db, dX = hand.backward(net, Z, A, problem.Y)
            for name, parameters, gradients in (("W", net.W, dW), ("b", net.b, db), ("X", {0: problem.X}, {0: dX})):
                step[name] = {l: rng.standard_normal(parameters[l].shape) for l in parameters}
                slope += sum(np.sum(gradients[l] * step[name][l]) for l in parameters)

            def cost(t, net=net, problem=problem, step=step):
                W = {l: net.W[l] + t * step["W"][l] for l in net.W}
                b = {l: net.b[l] + t * step["b"][l] for l in net.b}
                moved = hand.Network(W, b, net.activation, net.lambd, net.D, net.keep_prob)
                return hand.cost(moved, hand.forward(moved, problem.X + t * step["X"][0])[0], problem.Y)

            h = 1e-4
            numeric = (8 * (cost(h) - cost(-h)) - (cost(2 * h) - cost(-2 * h))) / (12 * h)
            assert abs(numeric - slope) < 1e-9 * max(1, abs(slope)), (loss, activation)
