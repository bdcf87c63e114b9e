"""``vmap`` against a loop over the examples, over every family of operations, alone and with other transforms."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tinygrad_np import Tensor, grad, hessian, jvp, no_grad, vjp, vmap
from tinygrad_np import functional as F
from tinygrad_np.testing import strategies as gs

B = 4
RNG = np.random.default_rng(0)


def batch(*shape):
    return gs.arrays((B, *shape), domain=gs.reals(0.5, 2))


def places(*shape):
    return gs.arrays((B, *shape), dtype=int, domain=gs.integers(0, 4))


#: name -> (function of one example, strategies for arguments with a batch each)
FAMILIES = {
    "elementwise": (lambda x, y: np.tanh(x) * y + np.hypot(x, y), (batch(3), batch(2, 3))),
    "elementwise, scalars": (lambda x, y: x * y + 2, (batch(), batch(3, 2))),
    "where, clip, comparisons": (lambda x, y: np.where(x > y, np.clip(x, 0.7, y), -x), (batch(3), batch(3))),
    "poles": (lambda x: np.sqrt(x) / x + np.log(x) + x**1.5, (batch(3),)),
    "matmul": (lambda x, y: x @ y, (batch(2, 3), batch(3, 4))),
    "matmul, vectors": (lambda x, y: (x @ y) @ x, (batch(3), batch(3, 3))),
    "matmul, matrix by vector": (lambda x, y: x @ y, (batch(2, 3), batch(3))),
    "dot, outer, inner, tensordot": (lambda x, y: np.outer(x, y) + np.dot(x, y) * np.inner(x, y), (batch(3), batch(3))),
    "einsum": (lambda x, y: np.einsum("ij,j->i", x, y), (batch(2, 3), batch(3))),
    "reductions": (lambda x: np.sum(x) * np.mean(x, axis=0) + np.max(x, axis=-1, keepdims=True), (batch(3, 3),)),
    "reductions over two axes": (lambda x: np.var(x, axis=(0, 2)) + np.std(x), (batch(2, 3, 2),)),
    "prod": (lambda x: np.prod(x, axis=0), (batch(3, 2),)),
    "shapes": (lambda x: np.transpose(x, (1, 0)).reshape(-1)[None] * np.ravel(x), (batch(3, 2),)),
    "axes": (lambda x: np.moveaxis(np.expand_dims(x, 0), 0, -1).squeeze(-1).swapaxes(0, 1), (batch(3, 2),)),
    "joining": (lambda x, y: np.concatenate([x, y]) * np.stack([x, y], axis=1).reshape(-1), (batch(3), batch(3))),
    "cumulative": (lambda x: np.cumsum(x, axis=0) + np.cumsum(x).reshape(3, 2), (batch(3, 2),)),
    "flip, roll": (lambda x: np.flip(x, 0) + np.roll(x, 1, axis=1), (batch(3, 2),)),
    "slices": (lambda x: x[1:, ::-1] * x[0, :], (batch(3, 2),)),
    "an index of one's own": (lambda x, i: x[i], (batch(5), places())),
    "indices of one's own": (lambda x, i: x[i, 1:], (batch(5, 3), places(2))),
    "an index behind a slice": (lambda x, i: x[:, i] * 2, (batch(3, 5), places(2))),
    "shared indices": (lambda x: x[np.array([0, 0, 2])], (batch(3, 2),)),
    "linear algebra": (lambda x: np.linalg.inv(x + 3 * np.eye(3)) * np.linalg.det(x), (batch(3, 3),)),
    "solve": (lambda a, b: np.linalg.solve(a + 3 * np.eye(3), b), (batch(3, 3), batch(3))),
    "softmax": (lambda x: F.softmax(x) * F.log_softmax(x), (batch(4),)),
    "relu and kin": (lambda x: F.relu(x - 1) + F.sigmoid(x) + F.softplus(x) + F.gelu(x), (batch(4),)),
}


def one_by_one(function, args):
    return np.stack([np.asarray(function(*(a[i] for a in args))) for i in range(B)])


@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=5)
@given(data=st.data())
def test_a_batch_is_its_examples(name, data):
    function, strategies = FAMILIES[name]
    args = [data.draw(strategy) for strategy in strategies]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no family may fall back to the loop
        found = vmap(function)(*args)
        assert_allclose(found, one_by_one(function, args), rtol=1e-12, atol=1e-14)

        def total(*a):  # of one example, with weights that tell its elements apart
            out = function(*a)
            return np.sum(out * np.arange(1.0, 1 + np.prod(out.shape, dtype=int)).reshape(out.shape))

        slope = grad(total)
        truth = one_by_one(slope, args)
        assert_allclose(vmap(slope)(*args), truth, rtol=1e-10, atol=1e-12)  # gradients within
        rest = args[1:]
        around = grad(lambda x: np.sum(vmap(total)(x, *rest)))(args[0])  # and around
        assert_allclose(around, truth, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("function", [F.relu, F.leaky_relu, np.abs, lambda x: np.maximum(x, 0)])
def test_the_choice_at_a_kink_is_the_same_within_a_batch(function):
    slope = grad(lambda x: np.sum(function(x)))(np.zeros(2))
    assert_allclose(grad(lambda x: np.sum(vmap(function)(x)))(np.zeros((3, 2))), [slope.numpy()] * 3)


def network(parameters, x, label):
    hidden = np.tanh(x @ parameters["w1"] + parameters["b1"])
    return F.softmax_cross_entropy(hidden @ parameters["w2"], label)


def test_gradients_of_each_example():
    parameters = {"w1": RNG.normal(size=(3, 5)), "b1": RNG.normal(size=5), "w2": RNG.normal(size=(5, 2))}
    x, labels = RNG.normal(size=(B, 3)), RNG.integers(0, 2, B)
    found = vmap(grad(network), (None, 0, 0))(parameters, x, labels)
    for i in range(B):
        expected = grad(network)(parameters, x[i], labels[i])
        for name in parameters:
            assert_allclose(found[name][i], expected[name], rtol=1e-12, atol=1e-15)
    whole = grad(lambda p: F.softmax_cross_entropy(np.tanh(x @ p["w1"] + p["b1"]) @ p["w2"], labels, "sum"))(parameters)
    for name in parameters:
        assert_allclose(np.sum(found[name], 0), whole[name], rtol=1e-12, atol=1e-14)


def test_with_other_transforms():
    w, x, v = RNG.normal(size=(3, 2)), RNG.normal(size=(B, 3)), RNG.normal(size=(B, 3))
    f = lambda x: np.sum(np.tanh(x @ w) ** 2)  # noqa: E731
    assert_allclose(vmap(hessian(f))(x), one_by_one(hessian(f), (x,)), rtol=1e-11, atol=1e-13)
    push = lambda x, v: jvp(f, (x,), (v,))[1]  # noqa: E731
    assert_allclose(vmap(push)(x, v), one_by_one(push, (x, v)), rtol=1e-12)
    assert_allclose(vmap(lambda x: vjp(f, x)[1](1.0)[0])(x), one_by_one(grad(f), (x,)), rtol=1e-12)
    # a Jacobian is a pullback mapped over the unit vectors
    g = lambda x: np.tanh(x @ w)  # noqa: E731
    assert_allclose(vmap(vjp(g, x[0])[1])(np.eye(2))[0], (1 - np.tanh(x[0] @ w) ** 2)[:, None] * w.T, rtol=1e-12)


def test_a_map_within_a_map():
    x, y = RNG.normal(size=(B, 3)), RNG.normal(size=(5, 3))
    distances = vmap(lambda a: vmap(lambda b: np.sum((a - b) ** 2))(y))(x)
    assert_allclose(distances, np.sum((x[:, None] - y) ** 2, axis=-1), rtol=1e-13)
    slopes = vmap(lambda a: vmap(grad(lambda b: np.sum((a - b) ** 2)))(y))(x)
    assert_allclose(slopes, 2 * (y - x[:, None]), rtol=1e-13)


def test_axes():
    x, y = RNG.normal(size=(3, B)), RNG.normal(size=(3,))
    assert_allclose(vmap(np.multiply, (1, None), out_axes=1)(x, y), x * y[:, None])
    assert_allclose(vmap(lambda p: p["a"] * 2 + p["b"][0], (1,))({"a": x, "b": [x]}), 3 * x.T)
    constant = vmap(lambda x: np.zeros(2))(RNG.normal(size=B))
    assert constant.shape == (B, 2)


def test_a_tensor_from_outside_is_differentiated_around_the_map():
    w = Tensor(RNG.normal(size=3), requires_grad=True)
    x = RNG.normal(size=(B, 3))
    out = vmap(lambda x: np.tanh(x @ w))(x)
    np.sum(out).backward()
    assert_allclose(w.grad, (1 - np.tanh(x @ w.detach().numpy()) ** 2) @ x, rtol=1e-12)
    with pytest.raises(TypeError, match="pass it as an argument"):
        vmap(grad(lambda x: np.sum(x * w) ** 2))(x)
    with no_grad():
        assert vmap(grad(lambda x: np.sum(x * w) ** 2))(x).shape == (B, 3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: vmap(lambda x: x if x > 0 else -x)(np.ones(3)), TypeError, r"np\.where"),
        (lambda: vmap(lambda x: float(x))(np.ones(3)), TypeError, "differs from example to example"),
        (lambda: vmap(lambda x, y: x)(np.ones(3), np.ones(4)), ValueError, r"\[3, 4\]"),
        (lambda: vmap(lambda x, y: x, (0,))(np.ones(3), np.ones(4)), ValueError, "1 entries for 2"),
        (lambda: vmap(lambda x: x, None)(np.ones(3)), ValueError, "none|size"),
        (lambda: vmap(lambda x: x[x > 0])(np.ones((3, 2))), TypeError, "np.where"),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_what_has_no_family_is_looped_over_with_a_warning():
    x = RNG.normal(size=(B, 5))
    with pytest.warns(RuntimeWarning, match=r"np\.convolve belongs to no family .* 4 examples"):
        found = vmap(lambda x: np.convolve(x, np.array([1.0, 2.0])))(x)
    assert_allclose(found, one_by_one(lambda x: np.convolve(x, [1.0, 2.0]), (x,)))
