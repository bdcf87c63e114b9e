"""Value semantics: what a graph has saved does not change, whatever is done to the names that it was computed from."""

from __future__ import annotations

import operator
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor, no_grad
from tinygrad_np import functional as F
from tinygrad_np.temporaries import UNHELD

# --- in-place code ---------------------------------------------------------------------------------------------------
# Programs that write into t, and read it in between into a sum s. On ndarrays they do what NumPy does; on Tensors they
# have to compute the same. Each step is analytic, so that a complex step through the NumPy run yields the derivative
# to the last digits: f(x + ih) = f(x) + ih f'(x), without any cancellation (Squire and Trapp, 1998).
SIZE = 5


def _index(draw):
    return draw(
        st.one_of(
            st.integers(-SIZE, SIZE - 1),
            st.slices(SIZE),
            st.lists(st.integers(-SIZE, SIZE - 1), min_size=1, max_size=4).map(np.array),
            st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array),
            st.just(Ellipsis),
        )
    )


@st.composite
def programs(draw):
    constants = st.floats(0.01, 2) | st.floats(-2, -0.01)
    kinds = draw(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=8))
    return [(kind, _index(draw), draw(constants)) for kind in kinds]


def assign_scalar(t, u, s, i, c):
    t[i] = c
    return t, s


def assign_part(t, u, s, i, c):
    t[i] = u[i] * c
    return t, s


def assign_from_itself(t, u, s, i, c):
    t[i] = t[i] * u[i]
    return t, s


def add_to_part(t, u, s, i, c):
    t[i] += c * u[i]
    return t, s


def multiply_part(t, u, s, i, c):
    t[i] *= u[i]
    return t, s


def in_place(t, u, s, i, c):
    t += u
    t *= c
    t -= u * u
    t /= 2 + c * c
    return t, s


def out(t, u, s, i, c):
    np.multiply(t, u, out=t)
    np.add(t, c, out=t)
    np.sin(t, out=t)
    return t, s


def swap(t, u, s, i, c):
    t[0], t[-1] = t[-1] * 1, t[0] * 1
    return t, s


def read(t, u, s, i, c):
    return t, s + np.sum(t * t * c) + np.sum(np.exp(u * t[i][..., None] / 8))


def rebind(t, u, s, i, c):
    return u * t, s


STEPS = {
    f.__name__: f
    for f in (
        assign_scalar, assign_part, assign_from_itself, add_to_part, multiply_part, in_place, out, swap, read, rebind
    )
}  # fmt: skip


def run(program, x, u):
    t, s = x * 1, 0 * np.sum(x)
    for kind, index, constant in program:
        t, s = STEPS[kind](t, u, s, index, constant)
        t = np.tanh(t)  # keep the numbers small
    return s + np.sum(t * u)


@given(programs())
def test_in_place_code_computes_and_differentiates_as_numpy_does(program):
    rng = np.random.default_rng(0)
    x, u = rng.standard_normal((2, SIZE)) / 2
    tensors = Tensor(x, requires_grad=True), Tensor(u, requires_grad=True)
    value = run(program, *tensors)
    value.backward()
    assert value.item() == pytest.approx(run(program, x, u), rel=1e-13, abs=1e-13)
    for k, tensor in enumerate(tensors):
        expected = []
        for i in range(SIZE):
            arguments = [x.astype(complex), u.astype(complex)]
            arguments[k][i] += 1e-30j
            expected.append(run(program, *arguments).imag / 1e-30)
        np.testing.assert_allclose(tensor.grad.numpy(), expected, rtol=1e-11, atol=1e-12)


def test_what_was_read_before_a_write_keeps_its_value():
    x = Tensor([1.0, 2.0], requires_grad=True)
    t = x * 1
    square, part, same, flipped = t * t, t[:1], t.reshape(2, 1), t[::-1]
    t[0] = 100.0
    t += 1
    assert (square.tolist(), part.tolist(), same.tolist(), flipped.tolist()) == ([1, 4], [1], [[1], [2]], [2, 1])
    square.sum().backward()
    assert x.grad.tolist() == [2, 4]


def test_the_name_is_rebound_for_all_who_share_the_tensor():
    """``u = t`` makes no second tensor, here as in NumPy."""
    u = t = Tensor([1.0, 2.0]) * 1
    t += 1
    assert u is t
    assert u.tolist() == [2, 3]


def test_a_leaf_that_requires_a_gradient_is_written_under_no_grad_only():
    w = Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(w * w)
    for write in (lambda: w.__iadd__(1), lambda: w.__setitem__(0, 1.0), lambda: np.add(w, 1, out=w)):
        with pytest.raises(RuntimeError, match=r"leaf that requires a gradient.*no_grad\(\)"):
            write()
    assert w.tolist() == [1, 2]
    node = w.node
    with no_grad():
        w -= 0.5
        w[1] = 9.0
        np.multiply(w, 2, out=w)
    assert w.tolist() == [1, 18]
    assert w.is_leaf
    assert w.requires_grad
    assert w.node is node
    loss.backward()  # of the values that it was computed from
    assert w.grad.tolist() == [2, 4]


@pytest.mark.skipif(not UNHELD, reason="this interpreter does not tell what nobody holds")
def test_a_write_into_what_nobody_holds_is_an_error_and_no_other_is():
    t = Tensor(np.zeros((2, 3))) * 1
    owner = SimpleNamespace(t=t, part=t[0])
    parts = [t[0], t.T]
    for write in ("t[0][1] = 5", "t.T[0] = 5", "t.data[0] = 5", "(t + 1)[0] = 5", "t[0:1][0] += 5"):
        with pytest.raises(RuntimeError, match="this write would be lost"):
            exec(write, {"t": t})
    assert not t.numpy().any()
    owner.part[1], parts[0][1], owner.t[0, 0] = 1, 2, 3
    u = parts[1]
    u[0] = 4
    for part in parts:
        part[-1] = 5
    t.__setitem__((0, 1), 6)
    operator.setitem(t, (0, 2), 7)
    t[1] += 8
    assert t.tolist() == [[3, 6, 7], [8, 8, 8]]
    assert (owner.part.tolist(), parts[0].tolist(), u.tolist()) == ([0, 1, 0], [0, 2, 5], [[4, 4], [0, 0], [5, 5]])


def test_a_write_keeps_dtype_and_shape():
    t = Tensor([1.0, 2.0], dtype=np.float32) * 1
    t += np.array([0.5, 0.5])  # float64 goes into float32, as in NumPy
    assert t.dtype == np.float32
    i = Tensor([1, 2])
    with pytest.raises(TypeError, match="in-place add: the result is float64, which cannot go into a Tensor of int64"):
        i += 0.5
    with pytest.raises(ValueError, match=r"in-place add: .* shape \(3, 2\), which does not fit into \(2,\)"):
        t += np.ones((3, 2))
    with pytest.raises(TypeError, match="would write a Tensor into an ndarray"):
        np.add(t, 1, out=np.zeros(2))
    assert (t.tolist(), i.tolist()) == ([1.5, 2.5], [1, 2])


# --- operands that belong to the caller ------------------------------------------------------------------------------
ROWS = np.array([0, 2, 2])
OWNED = {  # an operation of a (3, 3) Tensor, and an array of the caller's that its derivative needs
    "multiply": (lambda t, a: t * a, np.ones((3, 3)) * 2),
    "multiply, reflected": (lambda t, a: a * t, np.ones((3, 3)) * 2),
    "by np.multiply": (lambda t, a: np.multiply(a, t), np.ones(3) * 2),
    "a 0-d array": (lambda t, a: t * a, np.array(2.0)),
    "a view": (lambda t, a: t * a[::-1].T, np.arange(9.0).reshape(3, 3)),
    "divide": (lambda t, a: t / a, np.ones((3, 3)) * 2),
    "reflected division": (lambda t, a: a / t, np.ones((3, 3)) * 2),
    "power": (lambda t, a: t**a, np.full((3, 3), 2.0)),
    "matmul": (lambda t, a: t @ a, np.arange(9.0).reshape(3, 3)),
    "matmul, reflected": (lambda t, a: a @ t, np.arange(9.0).reshape(3, 3)),
    "einsum": (lambda t, a: np.einsum("ij,jk->ik", t, a), np.arange(9.0).reshape(3, 3)),
    "tensordot": (lambda t, a: np.tensordot(t, a, 1), np.arange(9.0).reshape(3, 3)),
    "maximum": (lambda t, a: np.maximum(t, a), np.full((3, 3), 1.2)),
    "arctan2": (lambda t, a: np.arctan2(t, a), np.ones((3, 3))),
    "where": (lambda t, a: np.where(a, t, 0), np.eye(3) > 0),
    "clip": (lambda t, a: np.clip(t, a, 2), np.ones((3, 3)) * 1.3),
    "rows": (lambda t, a: t[a], ROWS),
    "rows and columns": (lambda t, a: t[a, [0, 1, 2]], ROWS),
    "a mask": (lambda t, a: t[a], np.eye(3) > 0),
    "take": (lambda t, a: np.take(t, a, 1), ROWS),
    "an element": (lambda t, a: t[a], np.array(1)),
    "repeat": (lambda t, a: np.repeat(t, a, 0), np.array([1, 0, 2])),
    "roll": (lambda t, a: np.roll(t, a, (0, 1)) * np.arange(9.0).reshape(3, 3), np.array([1, 2])),
    "transpose": (lambda t, a: np.transpose(t[:, :, None], a) * np.arange(9.0).reshape(3, 3, 1), [1, 0, 2]),
    "pad": (lambda t, a: np.pad(t, a), np.array([[0, 1], [1, 0]])),
    "split": (lambda t, a: np.split(t, a)[0], np.array([1, 2])),
    "linear": (lambda t, a: F.linear(a, t, np.zeros(3)), np.arange(9.0).reshape(3, 3)),
    "class numbers": (lambda t, a: F.softmax_cross_entropy(t, a), np.array([0, 1, 2])),
    "one-hot labels": (lambda t, a: F.softmax_cross_entropy(t, a), np.eye(3)),
    "labels": (lambda t, a: F.sigmoid_cross_entropy(t, a), np.eye(3)),
    "mse": (lambda t, a: F.mse(t, a), np.eye(3)),
    "assigned where": (lambda t, a: _assign(t, a, 0.0), ROWS),
    "written by add": (lambda t, a: np.add(t * a, a, out=t * 1), np.ones((3, 3)) * 2),
}


def _assign(t, index, value):
    t = t * 1
    t[index] = value
    return t


@pytest.mark.parametrize("name", OWNED)
def test_an_array_that_its_owner_changes_after_the_forward_pass(name):
    function, original = OWNED[name]

    def gradient(spoil):
        t = Tensor(np.arange(1.0, 10.0).reshape(3, 3) / 4, requires_grad=True)
        array = original.copy()
        out = function(t, array)
        if spoil:
            if isinstance(array, list):
                array.reverse()
            else:
                array[...] = ~array if array.dtype == bool else 0 if array.dtype.kind == "i" else 77
        np.sum(out).backward()
        return t.grad.numpy()

    np.testing.assert_array_equal(gradient(spoil=True), gradient(spoil=False))


def test_a_tensor_copies_its_data():
    array = np.array([1.0, 2.0])
    x = Tensor(array, requires_grad=True)
    array[:] = 9
    (x * x).sum().backward()
    assert x.tolist() == [1, 2]
    assert x.grad.tolist() == [2, 4]


def test_no_array_is_handed_out_writable():
    x = Tensor([1.0, 2.0])
    for array in (x.numpy(), np.asarray(x), x.numpy()[:1], x.T.numpy()):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    own = np.array(x)
    own[0] = 5
    assert x.tolist() == [1, 2]
