"""Activations, dropout and losses as users call them: extreme values, reductions, kinds of labels, errors.

Forward values and derivatives over drawn shapes are tested with all other rules, in test_rules.py.
"""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor
from tinygrad_np import functional as F
from tinygrad_np.testing import strategies as gs

ACTIVATIONS = [
    F.relu, F.leaky_relu, F.sigmoid, F.tanh, F.gelu, F.silu, F.softplus, F.softmax, F.log_softmax, F.logsumexp,
]  # fmt: skip
DTYPES = [np.float32, np.float64]


def gradient(function, x, dtype=np.float64):
    """The value of ``function(x)``, and the gradient of the sum of it."""
    x = Tensor(np.asarray(x, dtype), requires_grad=True)
    out = function(x)
    out.backward(np.ones_like(out.detach().numpy()))
    assert out.dtype == x.grad.dtype == dtype
    return out.detach().numpy(), x.grad.numpy()


# --- activations --------------------------------------------------------------------------------------------------
FAR = [-1e4, -200.0, 0.0, 200.0, 1e4]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("function", "value", "slope"),
    [
        (F.relu, [0, 0, 0, 200, 1e4], [0, 0, 0, 1, 1]),
        (F.leaky_relu, [-100, -2, 0, 200, 1e4], [0.01, 0.01, 0.01, 1, 1]),
        (F.sigmoid, [0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
        (F.tanh, [-1, -1, 0, 1, 1], [0, 0, 1, 0, 0]),
        (F.gelu, [0, 0, 0, 200, 1e4], [0, 0, 0.5, 1, 1]),
        (F.silu, [0, 0, 0, 200, 1e4], [0, 0, 0.5, 1, 1]),
        (F.softplus, [0, 0, np.log(2), 200, 1e4], [0, 0, 0.5, 1, 1]),
        (F.softmax, [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]),
        (F.log_softmax, [-2e4, -10200, -1e4, -9800, 0], [1, 1, 1, 1, -4]),
        (F.logsumexp, 1e4, [0, 0, 0, 0, 1]),
    ],
    ids=lambda p: getattr(p, "__name__", ""),
)
@pytest.mark.filterwarnings("error")
def test_activations_far_from_zero(function, value, slope, dtype):
    got_value, got_slope = gradient(function, FAR, dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(got_value, value, rtol=4 * eps, atol=1e-80)
    np.testing.assert_allclose(got_slope, slope, rtol=4 * eps, atol=1e-80)


def test_sigmoid_keeps_the_precision_of_small_values():
    x = np.linspace(-80, 80, 1001)
    exact = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    np.testing.assert_allclose(F.sigmoid(x), exact.astype(float), rtol=1e-14)
    np.testing.assert_allclose(F.sigmoid(x.astype(np.float32)), exact.astype(float), rtol=1e-5)  # conditioned by x


@given(
    x=gs.arrays(domain=gs.reals(-10, 10)),
    slope=st.floats(-2, 2),
)
def test_leaky_relu_is_exact_for_any_slope(x, slope):
    value, derivative = gradient(lambda t: F.leaky_relu(t, slope), x)
    assert np.array_equal(value, np.where(x > 0, x, slope * x))
    assert np.array_equal(derivative, np.where(x > 0, 1, slope))


def test_gelu_is_near_the_exact_one():
    erf = np.vectorize(__import__("math").erf)
    x = np.linspace(-6, 6, 1000)
    np.testing.assert_allclose(F.gelu(x), x * (1 + erf(x / np.sqrt(2))) / 2, atol=5e-4)


@pytest.mark.parametrize("function", ACTIVATIONS)
def test_of_an_ndarray_comes_an_ndarray_of_a_tensor_a_tensor(function):
    x = np.array([[0.5, -1.0, 2.0]], np.float32)
    of_array, of_tensor = function(x), function(Tensor(x))
    assert isinstance(of_array, np.ndarray | np.float32)
    assert isinstance(of_tensor, Tensor)
    assert of_array.dtype == of_tensor.dtype == np.float32
    assert np.array_equal(of_array, of_tensor.numpy())


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax_and_log_softmax_and_logsumexp_agree_along_each_axis(axis):
    x = np.random.default_rng(0).normal(0, 5, (4, 3))
    p = F.softmax(x, axis)
    np.testing.assert_allclose(p.sum(axis), 1, rtol=1e-15)
    np.testing.assert_allclose(np.exp(F.log_softmax(x, axis)), p, rtol=1e-14)
    np.testing.assert_allclose(np.exp(x - F.logsumexp(x, axis, keepdims=True)), p, rtol=1e-13)


# --- linear -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lead", [(), (5,), (2, 3), (0,), (2, 0)])
def test_linear_is_a_product_and_a_sum(lead):
    rng = np.random.default_rng(0)
    x, w, b = (Tensor(rng.normal(size=s), requires_grad=True) for s in [(*lead, 4), (4, 3), (3,)])
    twins = [copy.deepcopy(t) for t in (x, w, b)]
    g = rng.normal(size=(*lead, 3))
    F.linear(x, w, b).backward(g)
    (twins[0] @ twins[1] + twins[2]).backward(g)
    for ours, twin in zip((x, w, b), twins, strict=True):
        np.testing.assert_allclose(ours.grad.numpy(), twin.grad.numpy(), rtol=1e-13)


def test_linear_promotes_as_numpy_does():
    x, w = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    assert F.linear(Tensor(x), w, np.full(4, 0.1)).dtype == np.float64
    assert F.linear(Tensor(x), w, np.full(4, 0.1)).numpy()[0, 0] == 3.1
    assert F.linear(Tensor(x), w).dtype == np.float32


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((5, 3), (4, 3), (4,)), r"mend: weight\.mT, for weights are"),
        (((5, 2, 2), (4, 3), (3,)), r"mend: x\.reshape\(len\(x\), -1\) has shape \(5, 4\)"),
        (((5, 4), (4, 3), (5, 3)), r"bias needs shape \(3,\)"),
        (((5, 4), (4, 3), (1,)), r"bias needs shape \(3,\)"),
        (((5, 9), (4, 3), (3,)), "the last axis of x has 9, but weight takes 4"),
        (((5, 4), (2, 4, 3), (3,)), "two axes"),
        (((), (4, 3), (3,)), "x has no axes"),
    ],
)
def test_linear_says_what_does_not_fit(shapes, words):
    with pytest.raises(ValueError, match=words):
        F.linear(*(Tensor(np.zeros(shape)) for shape in shapes))


# --- dropout ------------------------------------------------------------------------------------------------------
@given(p=st.floats(0, 0.99), seed=st.integers(0, 99), dtype=st.sampled_from(DTYPES))
def test_dropout_zeroes_or_scales_and_so_does_its_derivative(p, seed, dtype):
    x = Tensor(np.linspace(1, 2, 60).reshape(6, 10), dtype=dtype, requires_grad=True)
    out = F.dropout(x, p, rng=seed)
    out.backward(np.ones(x.shape))
    factor = x.grad.numpy()
    assert out.dtype == dtype
    assert set(np.unique(factor)) <= {0, dtype(1 / (1 - p))}
    assert np.array_equal(out.detach().numpy(), x.detach().numpy() * factor)
    other = np.float32 if dtype is np.float64 else np.float64
    assert np.array_equal(F.dropout(np.ones(x.shape, other), p, rng=seed) == 0, factor == 0)


def test_dropout_drops_the_fraction_p_and_keeps_the_expectation():
    ones, rng = np.ones(200_000), np.random.default_rng(0)
    for p in (0.1, 0.5, 0.9):
        out = F.dropout(ones, p, rng=rng)
        spread = np.sqrt(p / (1 - p) / len(ones))  # the standard deviation of the mean
        assert abs(out.mean() - 1) < 4 * spread
        assert abs((out == 0).mean() - p) < 4 * spread * (1 - p)


def test_dropout_that_drops_nothing_is_the_identity_itself():
    x, rng = Tensor([1.0, 2.0], requires_grad=True), np.random.default_rng(0)
    assert F.dropout(x, 0, rng=rng) is x
    assert F.dropout(x, 0.9, rng=rng, training=False) is x
    assert rng.random() == np.random.default_rng(0).random()  # nor does it draw numbers


def test_dropout_of_a_generator_is_another_one_each_time_of_a_seed_the_same():
    x, rng = np.ones(100), np.random.default_rng(0)
    assert not np.array_equal(F.dropout(x, rng=rng), F.dropout(x, rng=rng))
    assert np.array_equal(F.dropout(x, rng=3), F.dropout(x, rng=3))


@pytest.mark.parametrize("p", [-0.1, 1, 2, np.nan])
def test_dropout_refuses_a_fraction_that_is_none(p):
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        F.dropout(np.ones(3), p, rng=0)


# --- losses -------------------------------------------------------------------------------------------------------
LOGITS = np.random.default_rng(1).normal(0, 3, (5, 4))
LABELS = np.array([3, 0, 1, 1, 2])
ONE_HOT = np.eye(4)[LABELS]


def exact_softmax_cross_entropy(z, y):
    """As the definition says, in extended precision, and its derivative ``softmax(z) - y``."""
    z = z.astype(np.longdouble) - z.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return -(y * log_p).sum(axis=-1), np.exp(log_p) * y.sum(axis=-1, keepdims=True) - y


def exact_sigmoid_cross_entropy(z, y):
    s = 1 / (1 + np.exp(-z.astype(np.longdouble)))
    return -y * np.log(s) - (1 - y) * np.log(1 - s), s - y


@pytest.mark.parametrize(
    "labels",
    [
        LABELS, LABELS.tolist(), LABELS.astype(np.uint8), Tensor(LABELS), ONE_HOT, ONE_HOT.astype(int),
        ONE_HOT.astype(bool), Tensor(ONE_HOT), ONE_HOT.tolist(),
    ],
    ids=["int64", "list", "uint8", "Tensor", "one-hot", "int one-hot", "bool one-hot", "one-hot Tensor", "lists"],
)  # fmt: skip
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_kinds_of_labels_give_the_same_loss(labels, dtype):
    losses, slopes = exact_softmax_cross_entropy(LOGITS, ONE_HOT)
    value, slope = gradient(lambda z: F.softmax_cross_entropy(z, labels, "none"), LOGITS, dtype)
    tolerance = 30 * np.finfo(dtype).eps
    np.testing.assert_allclose(value, losses.astype(float), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(slope, slopes.astype(float), rtol=tolerance, atol=tolerance)


def test_soft_labels_whether_or_not_they_add_up_to_one():
    y = np.random.default_rng(2).random((5, 4))
    for labels in (y, y / y.sum(axis=1, keepdims=True)):
        losses, slopes = exact_softmax_cross_entropy(LOGITS, labels)
        value, slope = gradient(lambda z, labels=labels: F.softmax_cross_entropy(z, labels, "none"), LOGITS)
        np.testing.assert_allclose(value, losses.astype(float), rtol=1e-14)
        np.testing.assert_allclose(slope, slopes.astype(float), rtol=1e-13, atol=1e-14)


def test_soft_labels_have_a_derivative_too():
    y = Tensor(np.full((5, 4), 0.25), requires_grad=True)
    F.softmax_cross_entropy(LOGITS, y, "sum").backward()
    np.testing.assert_allclose(y.grad.numpy(), -np.log(F.softmax(LOGITS)), rtol=1e-13)


@given(
    pair=gs.logits_and_labels(
        gs.shapes(max_dims=2), kind=st.sampled_from(["index", "distribution"]), dtype=gs.dtypes(half=False)
    )
)
def test_any_logits_with_classes_along_the_last_of_any_number_of_axes(pair):
    z, y = pair[0].detach().numpy(), pair[1]
    losses, slopes = exact_softmax_cross_entropy(z, np.eye(z.shape[-1])[y] if y.dtype.kind == "i" else y)
    value, slope = gradient(lambda z: F.softmax_cross_entropy(z, y, "none"), z, z.dtype)
    tolerance = 30 * np.finfo(z.dtype).eps
    np.testing.assert_allclose(value, losses.astype(float), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(slope, slopes.astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "targets", [np.array([0, 1, 1, 0]), np.array([False, True, True, False]), np.array([0, 1, 0.3, 1])]
)
@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_sigmoid_cross_entropy_of_binary_and_many_labels(targets, shape, dtype):
    z, y = LOGITS.ravel()[:4].reshape(shape), targets.reshape(shape)
    losses, slopes = exact_sigmoid_cross_entropy(z, y.astype(float))
    value, slope = gradient(lambda z: F.sigmoid_cross_entropy(z, y, "none"), z, dtype)
    tolerance = 10 * np.finfo(dtype).eps
    np.testing.assert_allclose(value, losses.astype(float), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(slope, slopes.astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("error")
def test_losses_are_exact_for_logits_of_any_size(dtype):
    z = [[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [1e4, 1e4, -1e4]]
    value, slope = gradient(lambda z: F.softmax_cross_entropy(z, [0, 1, 0], "none"), z, dtype)
    np.testing.assert_allclose(value, [0, 2e4, np.log(2)], rtol=1e-6)
    assert np.array_equal(slope, [[0, 0, 0], [1, -1, 0], [-0.5, 0.5, 0]])
    soft = [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]]
    value, slope = gradient(lambda z: F.softmax_cross_entropy(z, soft, "none"), z, dtype)
    np.testing.assert_allclose(value, [1e4, 1e4, 2e4 + np.log(2)], rtol=1e-6)
    assert np.array_equal(slope, [[0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, -1]])
    value, slope = gradient(
        lambda z: F.sigmoid_cross_entropy(z, [1, 0, 1, 0, 0.5], "none"), [1e4, 1e4, -1e4, -1e4, 1e4], dtype
    )
    assert np.array_equal(value, [0, 1e4, 1e4, 0, 5e3])
    assert np.array_equal(slope, [0, 1, -1, 0, 0.5])


@pytest.mark.parametrize(
    ("loss", "z", "y"),
    [
        (F.softmax_cross_entropy, LOGITS, LABELS),
        (F.sigmoid_cross_entropy, LOGITS, (LOGITS > 1)),
        (F.mse, LOGITS, LOGITS[::-1].copy()),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions(loss, z, y, dtype):
    each, slope = gradient(lambda z: loss(z, y, reduction="none"), z, dtype)
    total, slope_of_total = gradient(lambda z: loss(z, y, reduction="sum"), z, dtype)
    mean, slope_of_mean = gradient(lambda z: loss(z, y), z, dtype)
    assert total.shape == mean.shape == ()
    close = {"rtol": 10 * np.finfo(dtype).eps}
    np.testing.assert_allclose(total, each.sum(), **close)
    np.testing.assert_allclose(mean, each.mean(), **close)
    np.testing.assert_allclose(slope_of_total, slope, **close)
    np.testing.assert_allclose(slope_of_mean, slope / each.size, **close)


def test_mse_is_the_mean_of_squares():
    x, y = np.array([1.0, 2.0]), [4, 0]
    value, slope = gradient(lambda x: F.mse(x, y), x)
    assert value == 6.5
    assert np.array_equal(slope, [-3, 2])


def test_targets_take_the_dtype_of_the_logits():
    z, y = Tensor(LOGITS, dtype=np.float32, requires_grad=True), np.full(LOGITS.shape, 0.25)
    for loss in (F.softmax_cross_entropy, F.sigmoid_cross_entropy, F.mse):
        assert loss(z, y).dtype == np.float32


def test_second_derivative_of_the_losses():
    z = Tensor(LOGITS, requires_grad=True)
    for loss, y in ((F.softmax_cross_entropy, LABELS), (F.sigmoid_cross_entropy, LOGITS > 0)):
        z.grad = None
        loss(z, y, "sum").backward(create_graph=True)
        g, z.grad = z.grad, None
        g[:, 0].sum().backward()
        p = F.softmax(LOGITS) if loss is F.softmax_cross_entropy else F.sigmoid(LOGITS)
        expected = p[:, :1] * (np.eye(4)[0] - p) if loss is F.softmax_cross_entropy else p * (1 - p) * np.eye(4)[0]
        np.testing.assert_allclose(z.grad.numpy(), expected, rtol=1e-12, atol=1e-16)


def test_l2_penalty():
    w = [Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True), Tensor([2.0], requires_grad=True)]
    penalty = F.l2_penalty(w, 0.7, m=5)
    penalty.backward()
    np.testing.assert_allclose(penalty.item(), 0.7 / 10 * (55 + 4))
    for each in w:
        np.testing.assert_allclose(each.grad.numpy(), 0.7 / 5 * each.detach().numpy())
    with pytest.raises(ValueError, match="no weights"):
        F.l2_penalty([], 0.7, m=5)


@given(labels=gs.arrays(dtype=np.int32, domain=gs.integers(0, 3)))
def test_one_hot(labels):
    rows = F.one_hot(labels, 4)
    assert rows.dtype == np.float32
    assert rows.shape == (*labels.shape, 4)
    assert np.array_equal(rows, np.eye(4)[labels])
    assert isinstance(F.one_hot(Tensor(labels), 4), Tensor)


FLOATS = np.zeros((5, 4), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.softmax_cross_entropy(FLOATS, [0, 1, 2, 3, 4]), ValueError, r"in 0 \.\.\. 3 for 4.* one is 4"),
        (lambda: F.softmax_cross_entropy(FLOATS, [0, 1, 2, 3, -1]), ValueError, "but one is -1"),
        (lambda: F.softmax_cross_entropy(FLOATS, LABELS[:, None]), ValueError, r"\[\.\.\., 0\] has shape \(5,\)"),
        (lambda: F.softmax_cross_entropy(FLOATS, LABELS[:4]), ValueError, r"must have shape \(5,\) as class numbers"),
        (lambda: F.softmax_cross_entropy(FLOATS, FLOATS[:, :3]), ValueError, r"\(5, 4\) as probabilities"),
        (lambda: F.softmax_cross_entropy(FLOATS, LABELS * 1.0), TypeError, r"labels\.astype\(int\)"),
        (lambda: F.softmax_cross_entropy(FLOATS, LABELS > 1), TypeError, r"must be integers, not bool"),
        (lambda: F.softmax_cross_entropy(LABELS, FLOATS), TypeError, "logits must be floating point, not int64"),
        (lambda: F.softmax_cross_entropy([[0.5]], [0]), TypeError, "must be a Tensor or an ndarray, not list"),
        (lambda: F.softmax_cross_entropy(FLOATS.sum(), 0), TypeError, "not float32"),
        (lambda: F.softmax_cross_entropy(Tensor(1.0), 0), ValueError, "need an axis of classes"),
        (lambda: F.softmax_cross_entropy(FLOATS, LABELS, "average"), ValueError, "not 'average'"),
        (lambda: F.softmax_cross_entropy(FLOATS[:0], LABELS[:0]), ValueError, "is the batch empty"),
        (lambda: F.sigmoid_cross_entropy(FLOATS[:, 0], LABELS[:, None]), ValueError, r"\.reshape\(\(5,\)\) has shape"),
        (lambda: F.sigmoid_cross_entropy(FLOATS[:, :1], LABELS), ValueError, r"\.reshape\(\(5, 1\)\) has shape"),
        (lambda: F.sigmoid_cross_entropy(FLOATS, [0, 1, 0, 1]), ValueError, "nothing is broadcast"),
        (lambda: F.sigmoid_cross_entropy(FLOATS, FLOATS - 1), ValueError, r"\(targets \+ 1\) / 2"),
        (lambda: F.sigmoid_cross_entropy(FLOATS, FLOATS + np.nan), ValueError, "between 0 and 1"),
        (lambda: F.sigmoid_cross_entropy(LABELS, LABELS), TypeError, "floating point"),
        (lambda: F.mse(FLOATS[:, 0], FLOATS[:, :1]), ValueError, r"\.reshape\(\(5,\)\) has shape"),
        (lambda: F.mse(LABELS, LABELS), TypeError, "predictions must be floating point"),
        (lambda: F.mse(FLOATS[:0], FLOATS[:0]), ValueError, "no examples"),
        (lambda: F.one_hot([0.0, 1.0], 2), TypeError, "must be integers"),
        (lambda: F.one_hot([0, 2], 2), ValueError, "but one is 2"),
    ],
)  # fmt: skip
def test_errors_that_teach(call, error, words):
    with pytest.raises(error, match=words):
        call()
