"""A network of the size of the cat / non-cat course, and the same written out in NumPy: one cost curve."""

import numpy as np
import pytest

from tinygrad_np import train
from tinygrad_np.data import Dataset

LAYERS = (12288, 20, 7, 5, 1)
RATE = 0.0075


def costs_by_hand(W, b, X, Y, iterations, lambd):
    """Plain gradient descent in the course's form: examples are columns. Returns the cost before each step."""
    m, L, costs = X.shape[1], len(W), []
    for _ in range(iterations):
        A = [X]
        for i in range(L - 1):
            A.append(np.maximum(0, W[i] @ A[-1] + b[i]))
        AL = 1 / (1 + np.exp(-(W[-1] @ A[-1] + b[-1])))
        costs.append(-np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m)
        dZ = AL - Y
        for i in reversed(range(L)):
            dW, db = dZ @ A[i].T / m + lambd / m * W[i], np.sum(dZ, axis=1, keepdims=True) / m
            if i:
                dZ = (W[i].T @ dZ) * (A[i] > 0)
            W[i], b[i] = W[i] - RATE * dW, b[i] - RATE * db
    return costs


@pytest.fixture
def one_thread():
    """Threads that wait for each other, on a busy machine, take ten times as long."""
    with pytest.importorskip("threadpoolctl").threadpool_limits(1, "blas"):
        yield


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("iterations", "lambd", "compiled"), [(40, 0.0, True), (10, 0.7, True), (10, 0.7, False)])
def test_the_cost_curve_of_gradient_descent_is_that_of_numpy(iterations, lambd, compiled):
    rng = np.random.default_rng(1)
    pictures, labels = rng.random((209, LAYERS[0])), rng.integers(0, 2, 209)
    config = train.Config(
        layers=LAYERS, optimizer="gd", learning_rate=RATE, iterations=iterations, l2=lambd, dropout=0.0,
        dtype="float64", validation=0.0, test=0.0, seed=3, compile=compiled,
    )  # fmt: skip
    beginning = config.build_model(np.random.default_rng(3).spawn(2)[0])
    W = [layer.weight.detach().numpy().T for layer in beginning.layers]
    b = [layer.bias.detach().numpy()[:, None] for layer in beginning.layers]
    run = train.run(config, Dataset(pictures, labels))
    expected = costs_by_hand(W, b, pictures.T, labels[None, :], iterations, lambd)
    assert len(run.history) == iterations
    assert expected[-1] < expected[0] - 0.002 or iterations < 40
    np.testing.assert_allclose(run.history.column("cost"), expected, rtol=0, atol=1e-10)
    for layer, weight, bias in zip(run.model.layers, W, b, strict=True):
        np.testing.assert_allclose(layer.weight.detach().numpy(), weight.T, rtol=0, atol=1e-10)
        np.testing.assert_allclose(layer.bias.detach().numpy(), bias[:, 0], rtol=0, atol=1e-10)
