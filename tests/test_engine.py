"""Backward: what it computes, adds up, keeps, frees and hands out. One test per policy of the engine."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor, grad
from tinygrad_np import functional as F


def leaf(*values, dtype=np.float64, name=None):
    return Tensor(values, requires_grad=True, dtype=dtype, name=name)


def assert_equal(tensor, expected):
    assert tensor.dtype == np.float64
    np.testing.assert_array_equal(tensor.detach().numpy(), expected)


# --- sums over paths -------------------------------------------------------------------------------------------------
def test_gradients_add_up_over_calls_and_over_paths():
    x = leaf(2.0, 3.0)
    y = x * x  # used three times: as a factor, as a term, and in the loss itself
    loss = np.sum(y * x + y)  # x^3 + x^2
    loss.backward()
    first = x.grad
    assert_equal(first, [3 * 4 + 4, 3 * 9 + 6])
    np.sum(5 * x).backward()
    assert_equal(x.grad, [16 + 5, 33 + 5])
    assert_equal(first, [16, 33])  # what was read before has not changed
    x.grad = None
    np.sum(x).backward()
    assert_equal(x.grad, [1, 1])


def test_each_node_is_visited_once():
    """Sixty additions of a tensor to itself are 2^60 paths."""
    x = y = leaf(1.0)
    for _ in range(60):
        y = y + y
    y.backward()
    assert_equal(x.grad, [2.0**60])


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 10**6), st.integers(0, 10**6)), max_size=12))
def test_any_graph(steps):
    """Against forward mode by dual numbers: each value carries its derivatives along."""
    leaves = [leaf(v) for v in (1.5, -2.0, 0.5)]
    tensors = list(leaves)
    duals = [(t.detach().item(), np.eye(3)[i]) for i, t in enumerate(leaves)]
    for operation, i, j in steps:
        (x, dx), (y, dy) = duals[i % len(duals)], duals[j % len(duals)]
        a, b = tensors[i % len(tensors)], tensors[j % len(tensors)]
        match operation:
            case "+":
                new, dual = a + b, (x + y, dx + dy)
            case "-":
                new, dual = a - b, (x - y, dx - dy)
            case "*":
                new, dual = a * b / 4, (x * y / 4, (x * dy + y * dx) / 4)
        tensors.append(new)
        duals.append(dual)
    tensors[-1].backward()
    found = [0.0 if t.grad is None else t.grad.item() for t in leaves]
    np.testing.assert_allclose(found, duals[-1][1], rtol=1e-12, atol=1e-12)


def test_constants_get_no_gradient():
    x, c = leaf(1.0, 2.0), Tensor([3.0, 4.0])
    np.sum(x * c).backward()
    assert c.grad is None
    assert not c.requires_grad
    assert_equal(x.grad, [3, 4])


def test_detach_cuts():
    x = leaf(3.0)
    (x * x.detach()).backward()
    assert_equal(x.grad, [3])


def test_retain_grad_of_a_result():
    x = leaf(1.0, 2.0)
    y = x * 3
    y.retain_grad()
    loss = np.sum(y * y)
    loss.backward()
    assert_equal(y.grad, [6, 12])
    assert_equal(x.grad, [18, 36])


# --- one pass, or several --------------------------------------------------------------------------------------------
def test_a_second_pass_names_the_operation():
    x = leaf(1.0, 2.0)
    y = np.tanh(x)
    loss, other = y.sum(), (y * 2).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"'sum' had saved.*retain_graph=True"):
        loss.backward()
    with pytest.raises(RuntimeError, match="'tanh' had saved"):
        other.backward()  # it shares tanh with the loss


def test_a_pass_that_fails_leaves_the_gradients_alone():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = np.tanh(x)
    y.sum().backward()
    before = x.grad.numpy().copy()
    with pytest.raises(RuntimeError):
        (y * w).sum().backward()
    assert_equal(x.grad, before)
    assert w.grad is None


def test_retain_graph_repeats_exactly():
    x = leaf(0.3, -0.7)
    loss = np.sum(np.exp(np.sin(x)))
    loss.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    loss.backward()
    assert_equal(x.grad, 2 * once)
    with pytest.raises(RuntimeError, match="retain_graph"):
        loss.backward()


def test_create_graph_differentiates_again_and_again():
    x = leaf(0.5, 2.0)
    np.sum(x**4).backward(create_graph=True)
    for factor, power in [(12, 2), (24, 1), (24, 0)]:
        slope, x.grad = x.grad, None
        assert slope.requires_grad
        slope.sum().backward(create_graph=True)
        np.testing.assert_allclose(x.grad.detach().numpy(), factor * np.array([0.5, 2.0]) ** power, rtol=1e-14)


def test_without_create_graph_a_gradient_is_a_constant():
    x = leaf(3.0)
    (x * x).backward()
    assert not x.grad.requires_grad
    assert x.grad.is_leaf


@given(st.lists(st.sampled_from(["plain", "retain", "create"]), min_size=1, max_size=4))
def test_all_ways_to_run_the_pass_agree(ways):
    x, w = leaf(0.3, -0.7, 1.1), leaf(1.0, 2.0, 3.0)
    for way in ways:
        loss = np.sum(np.tanh(x * w) / (1 + np.exp(x)))
        loss.backward(retain_graph=way == "retain", create_graph=way == "create")
    a, b = x.detach().numpy(), w.detach().numpy()
    t, e = np.tanh(a * b), np.exp(a)
    expected = (1 - t * t) * b / (1 + e) - t * e / (1 + e) ** 2
    np.testing.assert_allclose(x.grad.detach().numpy(), len(ways) * expected, rtol=1e-14)


# --- what is handed out belongs to nobody else -----------------------------------------------------------------------
PASS_THROUGH = {  # operations whose derivative hands on its cotangent, or a view of it
    "x + y": lambda x, y: x + y,
    "x + x": lambda x, y: x + x + 0 * y,
    "x - y": lambda x, y: x - y,
    "+x + +y": lambda x, y: +x + +y,
    "transposes": lambda x, y: x.T + y.T,
    "reshapes": lambda x, y: x.reshape(-1) + y.flatten(),
    "stack": lambda x, y: np.stack([x, y]),
    "concatenate": lambda x, y: np.concatenate([x, y, x]),
    "flips": lambda x, y: np.flip(x) + y[::-1],
    "copies": lambda x, y: x.copy() + np.copy(y),
    "the whole": lambda x, y: x[...] + y[:],
    "broadcast": lambda x, y: np.broadcast_to(x, (3, *x.shape)) + y,
    "where": lambda x, y: np.where(np.ones(x.shape, bool), x, y),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", PASS_THROUGH)
def test_no_gradient_aliases_another_or_the_seed(name, create_graph):
    x, y = (Tensor(np.arange(4.0).reshape(2, 2), requires_grad=True) for _ in range(2))
    out = PASS_THROUGH[name](x, y)
    seed = Tensor(np.ones(out.shape))
    for _ in range(2):  # once to set the gradients, once to add to them
        out.backward(seed, retain_graph=True, create_graph=create_graph)
        owners = {"x.grad": x.grad, "y.grad": y.grad, "seed": seed}
        before = {name: t.detach().numpy().copy() for name, t in owners.items()}
        for this, other in combinations(owners, 2):
            assert owners[this] is not owners[other], f"{this} is {other}"
            if not create_graph:  # recorded results may share an array: nobody writes to it
                arrays = owners[this].numpy(), owners[other].numpy()
                assert not np.shares_memory(*arrays), f"{this} shares memory with {other}"
        x.grad += 100
        x.grad[0, 0] = -1
        for other in ("y.grad", "seed"):
            np.testing.assert_array_equal(owners[other].detach().numpy(), before[other], other)
        assert x.grad[0, 0].item() == -1
        assert x.grad[1, 1].item() == before["x.grad"][1, 1] + 100


def test_the_seed_array_is_copied_and_left_alone():
    x = leaf(1.0, 2.0)
    seed = np.array([1.0, 10.0])
    x.backward(seed)
    seed[:] = 7
    assert_equal(x.grad, [1, 10])
    x.backward(seed)
    np.testing.assert_array_equal(seed, [7, 7])
    assert_equal(x.grad, [8, 17])


def test_the_gradient_can_be_edited_and_read_only_as_an_array():
    x = leaf(1.0, 2.0)
    np.sum(x * x).backward()
    x.grad[0] = 5.0
    assert_equal(x.grad, [5, 4])
    with pytest.raises(ValueError, match="read-only"):
        x.grad.numpy()[0] = 1


# --- kinks and singular points ---------------------------------------------------------------------------------------
SINGULAR = {  # the first derivative there, by the choices that the table documents; and the second, times 2
    "abs": (np.abs, [0, 0], [0, 0]),
    "relu": (F.relu, [0, 0], [0, 0]),
    "norm": (np.linalg.norm, [0, 0], [0, 0]),
    "hypot": (lambda x: np.hypot(x, 0), [0, 0], [0, 0]),
    "std": (np.std, [0, 0], [0, 0]),
    "max": (np.max, [0.5, 0.5], [0, 0]),
    "min": (np.min, [0.5, 0.5], [0, 0]),
    "maximum": (lambda x: np.maximum(x, 0), [0.5, 0.5], [0, 0]),
    "minimum": (lambda x: np.minimum(0, x), [0.5, 0.5], [0, 0]),
    "prod": (np.prod, [0, 0], [2, 2]),
    "prod of all but one": (lambda x: np.prod(np.concatenate([x[:1], [3.0]])), [3, 0], [0, 0]),
    "power": (lambda x: x**2 + x**1 + x**0, [1, 1], [4, 4]),
    "a masked root": (lambda x: np.where(x > 0, np.sqrt(x), 0), [0, 0], [0, 0]),
    "a masked quotient": (lambda x: np.where(x != 0, 1 / x, 0), [0, 0], [0, 0]),
    "a masked logarithm": (lambda x: np.where(x > 0, np.log(x), x), [1, 1], [0, 0]),
}


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("name", SINGULAR)
def test_derivatives_at_singular_points_are_chosen_and_finite(name):
    function, first, second = SINGULAR[name]
    x = leaf(0.0, 0.0)
    np.sum(function(x)).backward(create_graph=True)
    slope, x.grad = x.grad, None
    assert_equal(slope, first)
    if slope.requires_grad:
        np.sum(slope * 2).backward()
    assert_equal(Tensor([0.0, 0.0]) if x.grad is None else x.grad, second)


# --- the seed --------------------------------------------------------------------------------------------------------
def test_seeds():
    x = leaf(1.0, 2.0)
    y = x * x
    y.backward([1.0, 0.5], retain_graph=True)
    assert_equal(x.grad, [2, 2])
    x.grad = None
    y.backward(np.array([1, 1]), retain_graph=True)  # integers are numbers, too
    assert_equal(x.grad, [2, 4])
    for wrong in (np.ones(3), np.ones((2, 1)), np.ones((1, 2)), Tensor(np.ones((2, 2)))):
        with pytest.raises(ValueError, match=r"gradient has shape \(.*\), but the tensor has shape \(2,\)"):
            y.backward(wrong)
    with pytest.raises(RuntimeError, match=r"this tensor has shape \(2,\); reduce it"):
        y.backward()


def test_one_element_of_any_shape_is_scalar_enough():
    x = Tensor(np.full((1, 1, 1), 3.0), requires_grad=True)
    (x * x).backward()
    assert_equal(x.grad, np.full((1, 1, 1), 6.0))


def test_nothing_recorded():
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        Tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="does not require a gradient"):
        (leaf(1.0) > 0).backward()


# --- dtypes ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_have_the_dtype_of_their_tensor(dtype, create_graph):
    x = Tensor([0.5, 2.0], requires_grad=True, dtype=dtype)
    y = 2 * x + 1.5 - x / 3 + x**2 * True + np.tanh(x) * np.mean(x) + np.max(x) + x[[0, 0]] + np.where(x > 1, x, 0)
    assert y.dtype == dtype, "Python scalars are weak"
    y.sum().backward(create_graph=create_graph)
    assert x.grad.dtype == dtype
    assert x.grad.shape == x.shape


def test_mixed_dtypes_meet_as_numpy_says_and_part_again():
    x32, x64 = leaf(1.0, 2.0, dtype=np.float32), leaf(3.0, 4.0)
    mixed = x32 * x64 * np.float64(2)
    assert mixed.dtype == np.float64
    mixed.sum().backward()
    assert x32.grad.dtype == np.float32
    assert x64.grad.dtype == np.float64
    half = x32.astype(np.float16)
    assert half.dtype == np.float16
    x32.grad = None
    half.sum().backward()
    assert x32.grad.dtype == np.float32


def test_integers_and_booleans_take_part_without_gradients():
    x = leaf(1.0, 2.0, 3.0)
    labels, mask = Tensor([2, 0]), x > 1.5
    assert labels.dtype == np.int64
    assert mask.dtype == bool
    for constant in (labels, mask, np.argmax(x), x == x, np.sign(x), np.floor(x), x.astype(int), x // 2):
        assert not constant.requires_grad
    loss = np.sum(x[labels] * 10) + np.sum(x[mask]) + np.sum(x * labels.sum())
    loss.backward()
    assert_equal(x.grad, [10 + 0 + 2, 0 + 1 + 2, 10 + 1 + 2])
    with pytest.raises(TypeError, match=r"int64.*decimal point"):
        Tensor([1, 2], requires_grad=True)
    with pytest.raises(TypeError, match="only floating-point"):
        labels.requires_grad = True


# --- setting requires_grad, grad and data ----------------------------------------------------------------------------
def test_requires_grad_can_be_set_on_a_leaf_only():
    x = Tensor([1.0])
    before = x * 2
    x.requires_grad = True
    (x * 3).backward()
    assert_equal(x.grad, [3])
    assert not before.requires_grad
    y = x * 2
    with pytest.raises(RuntimeError, match="leaf only"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2).requires_grad


def test_setting_what_is_set_changes_nothing():
    x = leaf(1.0)
    loss = np.sum(x * 2)
    x.requires_grad = True
    loss.backward()
    assert_equal(x.grad, [2])


def test_what_is_recorded_keeps_its_meaning_when_requires_grad_changes():
    x, w = Tensor([3.0]), leaf(5.0)
    product = x * w
    x.requires_grad = True
    product.backward()
    assert x.grad is None
    assert_equal(w.grad, [3])
    product = x * w
    x.requires_grad = False
    w.grad = None
    product.backward()
    assert x.grad is None
    assert_equal(w.grad, [3])


def test_assigned_gradients_fit():
    x = leaf(1.0, 2.0, dtype=np.float32)
    x.grad = [3, 4]
    assert x.grad.dtype == np.float32
    with pytest.raises(ValueError, match=r"\(2,\) expected, \(3,\) given"):
        x.grad = np.ones(3)


def test_assigned_data_leave_what_is_recorded_alone():
    x = leaf(1.0, 2.0)
    y = np.sum(x * x)
    x.data = [10.0, 20.0]
    y.backward()
    assert_equal(x.grad, [2, 4])
    assert_equal(x, [10, 20])
    with pytest.raises(ValueError, match="keeps its shape"):
        x.data = [1.0]
    with pytest.raises(RuntimeError, match="result cannot be replaced"):
        y.data = 1.0


# --- the functional face shares the engine ---------------------------------------------------------------------------
def test_grad_of_a_function_touches_no_tensor_from_outside():
    w = leaf(2.0)
    assert_equal(grad(lambda x: (w.detach() * x * x).sum())(np.array([3.0])), [12])
    assert w.grad is None
