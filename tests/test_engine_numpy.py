"""NumPy's functions on Tensors: found by dispatch, or refused by name; never a plain or an object array instead."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import Tensor


@pytest.fixture
def t():
    return Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


A = np.array([[0.5, -1.0], [2.0, 3.0]])


def same(tensor, array):
    """The Tensor that NumPy would have computed, and it is recorded."""
    assert type(tensor) is Tensor
    assert tensor.requires_grad
    assert (tensor.shape, tensor.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(tensor.detach().numpy(), array)
    return True


MIXES = {
    "t + a": lambda t: t + A,
    "a + t": lambda t: A + t,
    "a - t": lambda t: A - t,
    "a * t": lambda t: A * t,
    "a / t": lambda t: A / t,
    "a ** t": lambda t: abs(A) ** t,
    "a @ t": lambda t: A @ t,
    "t @ a": lambda t: t @ A,
    "a // t": lambda t: t + A // t,
    "a % t": lambda t: A % t,
    "row + t": lambda t: A[0] + t,
    "0-d array * t": lambda t: np.array(2.0) * t,
    "np.float64 * t": lambda t: np.float64(2.0) * t,
    "t * np.float32": lambda t: t * np.float32(2.0),
    "np.int64 + t": lambda t: np.int64(2) + t,
    "list + t": lambda t: [[1.0, 2.0], [3.0, 4.0]] + t,  # noqa: RUF005
    "t - tuple": lambda t: t - (1.0, 2.0),
    "int * t": lambda t: 3 * t,
    "bool * t": lambda t: True * t,
    "masked": lambda t: t * (A > 0),
    "-t": lambda t: -t,
    "+t": lambda t: +t,
    "abs(t)": lambda t: abs(t),
    "t ** 2": lambda t: t**2,
    "2 ** t": lambda t: 2**t,
    "divmod": lambda t: divmod(t, 3)[1],
    "np.tanh": np.tanh,
    "np.add": lambda t: np.add(A, t),
    "np.multiply": lambda t: np.multiply(t, 2),
    "np.matmul": lambda t: np.matmul(A, t),
    "np.sum": np.sum,
    "np.sum, axis": lambda t: np.sum(t, axis=0),
    "np.sum, positional axis": lambda t: np.sum(t, 1),
    "np.sum, keepdims": lambda t: np.sum(t, axis=(0, 1), keepdims=True),
    "np.mean": lambda t: np.mean(t, 0),
    "np.add.reduce": np.add.reduce,
    "np.add.reduce, axis": lambda t: np.add.reduce(t, 1),
    "np.add.reduce, keyword": lambda t: np.add.reduce(t, axis=None, keepdims=True),
    "np.multiply.reduce": lambda t: np.multiply.reduce(t, axis=1),
    "np.maximum.reduce": lambda t: np.maximum.reduce(t, axis=1),
    "np.multiply.outer": lambda t: np.multiply.outer(t, A),
    "np.subtract.outer": lambda t: np.subtract.outer(A[0], t),
    "np.outer": lambda t: np.outer(A, t),
    "np.dot": lambda t: np.dot(A, t),
    "np.concatenate": lambda t: np.concatenate([A, t, A[:1]]),
    "np.concatenate, axis=None": lambda t: np.concatenate((A, t), axis=None),
    "np.stack": lambda t: np.stack([A, t], axis=-1),
    "np.where": lambda t: np.where(A > 0, t, A),
    "np.where, from a Tensor": lambda t: np.where(t > 2, A, t),
    "np.einsum": lambda t: np.einsum("ij,jk", A, t),
    "np.tensordot": lambda t: np.tensordot(A, t, axes=([0], [1])),
    "np.maximum": lambda t: np.maximum(A, t),
    "np.clip": lambda t: np.clip(t, 1.5, None),
    "np.clip by an array": lambda t: np.clip(t, A, 10),
    "np.reshape": lambda t: np.reshape(t, (4,)),
    "np.transpose": lambda t: np.transpose(t),
    "np.linalg.norm": lambda t: np.linalg.norm(t, axis=0),
    "np.take": lambda t: np.take(t, [0, 0], axis=1),
    "np.pad": lambda t: np.pad(t, 1),
    "np.split": lambda t: np.split(t, 2)[1],
    "np.linspace of indices": lambda t: t[np.linspace(0, 1, 3).astype(int)],
    "index by a Tensor": lambda t: t[np.argmax(t, axis=1)],
    "methods": lambda t: t.reshape(2, 1, 2).transpose(2, 0, 1).clip(0, 3).sum(axis=0).ravel().max(),
}


@pytest.mark.parametrize("name", MIXES)
def test_tensors_and_arrays_mix_in_any_order(name, t):
    assert same(MIXES[name](t), np.asarray(MIXES[name](t.detach().numpy())))


CONSTANT = {
    "comparison": (lambda t: t > A, np.ndarray),
    "reflected comparison": (lambda t: A <= t, np.ndarray),  # noqa: SIM300
    "chained": (lambda t: (t > 1) & ~(t == 4), np.ndarray),
    "argmax": (lambda t: np.argmax(t, axis=0), np.ndarray),
    "argsort": (lambda t: np.argsort(-t), np.ndarray),
    "any": (lambda t: np.any(t > 3), np.ndarray),
    "all": (lambda t: (t > 3).all(), np.ndarray),
    "floor": (lambda t: np.floor(t / 3), np.ndarray),
    "sign": (lambda t: np.sign(t), np.ndarray),
    "isnan": (lambda t: np.isnan(t), np.ndarray),
    "zeros_like": (lambda t: np.zeros_like(t), np.ndarray),
    "ones_like": (lambda t: np.ones_like(t, dtype=np.float32), np.ndarray),
    "allclose": (lambda t: np.allclose(t, t), bool),
    "array_equal": (lambda t: np.array_equal(t, A), bool),
    "shape": (lambda t: np.shape(t), tuple),
    "ndim": (lambda t: np.ndim(t), int),
    "size": (lambda t: np.size(t), int),
    "result_type": (lambda t: np.result_type(t, np.float32), np.dtype),
    "nonzero": (lambda t: np.nonzero(t > 2), tuple),
    "in": (lambda t: 3.0 in t, bool),
    "len": (len, int),
    "float": (lambda t: float(t[0, 1]), float),
    "index": (lambda t: [10, 20, 30][np.argmax(t[0])], int),
    "bool": (lambda t: bool(t[0, 0] > 0), bool),
    "tolist": (lambda t: t.tolist(), list),
    "format": (lambda t: f"{t[0, 1]:.2f}", str),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_what_has_no_derivative_just_computes(name, t):
    function, kind = CONSTANT[name]
    found, expected = function(t), function(t.detach().numpy())
    if kind is np.ndarray:
        assert type(found) is Tensor
        assert not found.requires_grad
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.numpy(), expected)
    else:
        assert isinstance(found, kind)
        assert str(found) == str(expected) if kind is not tuple else len(found) == len(expected)


REFUSED_FUNCTIONS = {
    "np.save": (lambda t: np.save("/nonexistent/file.npy", t), "a file has no gradient"),
    "np.savetxt": (lambda t: np.savetxt("/nonexistent/file.txt", t), "a file has no gradient"),
    "np.isnat": (lambda t: np.isnat(t), "works on dates"),
}


@pytest.mark.parametrize("name", REFUSED_FUNCTIONS)
def test_a_refused_function_is_named_with_the_reason(name, t):
    function, reason = REFUSED_FUNCTIONS[name]
    with pytest.raises(NotImplementedError, match=rf"^{name} does not take Tensors: .*{reason}"):
        function(t)


def test_an_unknown_ufunc_is_named(t):
    ours = np.frompyfunc(lambda x: x, 1, 1)
    with pytest.raises(NotImplementedError, match=r"has no entry .*\.detach\(\)"):
        ours(t)


REFUSED = {  # the option, and what to do instead
    "where= of a ufunc": (lambda t: np.add(t, A, where=A > 0), r"np\.add\(\) does not support where=.*np\.where\("),
    "dtype= of a ufunc": (lambda t: np.add(t, A, dtype=np.float32), r"np\.add\(\) does not support dtype="),
    "casting=": (lambda t: np.add(t, A, casting="unsafe"), r"np\.add\(\) does not support casting="),
    "out= an ndarray": (lambda t: np.add(t, A, out=np.zeros((2, 2))), r"np\.add\(\) would write a Tensor into"),
    "out= of a sum": (lambda t: np.sum(t, out=np.zeros(())), r"np\.sum\(\) would write a Tensor into"),
    "out= of reduce": (lambda t: np.add.reduce(t, out=np.zeros(2)), r"would write a Tensor into"),
    "ndarray += t": (lambda t: np.zeros((2, 2)).__iadd__(t), r"write a = a \+ t"),
    "an unknown option": (lambda t: np.sum(t, colour="red"), r"unexpected keyword argument 'colour'"),
    "an object": (lambda t: t + object(), r"unsupported operand type"),
    "a string": (lambda t: t + "a", r"unsupported operand type"),
    "None": (lambda t: t - None, r"unsupported operand type"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_options_that_cannot_be_honoured_are_refused(name, t):
    function, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        function(t)


def test_options_that_say_nothing_are_taken(t):
    assert same(np.add(t, A, where=True), t.detach().numpy() + A)
    assert same(np.sum(t, axis=0, dtype=None, out=None), np.sum(t.detach().numpy(), axis=0))


@pytest.mark.parametrize(
    "write",
    [
        lambda t, out: np.add(t, A, out=out),
        lambda t, out: np.add(t, A, out),
        lambda t, out: np.add(A, t, out=(out,)),
    ],
)
def test_out_may_be_a_tensor(write, t):
    target = Tensor(np.zeros((2, 2)))
    assert write(t, target) is target
    assert same(target, t.detach().numpy() + A)


OUT = {
    "sum": (lambda t, out: np.sum(t, axis=0, out=out), (2,)),
    "reduce": (lambda t, out: np.add.reduce(t, axis=0, out=out), (2,)),
    "outer": (lambda t, out: np.multiply.outer(t, A, out=out), (2, 2, 2, 2)),
    "concatenate": (lambda t, out: np.concatenate([t, A], out=out), (4, 2)),
    "clip": (lambda t, out: np.clip(t, 1, 2, out=out), (2, 2)),
    "the first of two": (lambda t, out: np.modf(t, out=(out, None))[0], (2, 2)),
    "the second of two": (lambda t, out: np.divmod(t, A, out=(None, out))[1], (2, 2)),
}


@pytest.mark.parametrize("name", OUT)
def test_out_of_every_kind_of_call_becomes_the_result(name, t):
    call, shape = OUT[name]
    target = Tensor(np.full(shape, np.nan))
    assert call(t, target) is target
    assert target.requires_grad
    assert not np.any(np.isnan(target))


def test_out_has_to_fit(t):
    with pytest.raises(ValueError, match=r"np\.sum\(out=\.\.\.\): the result has shape \(2,\)"):
        np.sum(t, axis=0, out=Tensor(np.zeros(3)))


LEAVING = {
    "np.asarray": np.asarray,
    "np.array": np.array,
    "np.array of a list": lambda t: np.array([t[0, 0], 1.0]),
    "np.array of nested lists": lambda t: np.array([[t[0], t[1]]]),
    "a list operand": lambda t: np.ones(2) * [t[0, 0], t[0, 1]],
    "assigning to an ndarray": lambda t: np.zeros((2, 2)).__setitem__(slice(None), t),
    "np.fromiter": lambda t: np.vectorize(abs)(t),
    "numpy()": lambda t: t.numpy(),
    "Tensor of a list": lambda t: Tensor([t[0, 0], 1.0]),
    "random": lambda t: np.random.default_rng(0).normal(t),
    "assert_allclose": lambda t: np.testing.assert_allclose(t, t),
}


@pytest.mark.parametrize("name", LEAVING)
def test_what_would_lose_the_gradient_raises_and_says_detach(name, t):
    with pytest.raises(RuntimeError, match=r"requires a gradient.*\.detach\(\)"):
        LEAVING[name](t)
    LEAVING[name](t.detach())  # no gradient, nothing to lose


def test_leaving_with_a_copy_or_a_dtype():
    t = Tensor([1.0, 2.0])
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert not np.shares_memory(np.array(t, copy=True), t.numpy())
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.asarray(t, dtype=np.float32, copy=False)


def test_no_object_arrays_anywhere(t):
    for value in (t + A, np.stack([t, A]), np.add(t, [1, 2]), np.where(A > 0, t, 0), t[None], sum(t), max(t[0])):
        assert value.dtype == np.float64


def test_other_types_get_their_turn(t):
    class Other:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "other"

        def __rmatmul__(self, other):
            return "other"

    assert t + Other() == "other"
    assert t @ Other() == "other"
    assert (t == None) is False  # noqa: E711
    assert (t != "a") is True


def test_iteration_unpacking_and_membership(t):
    first, second = t
    assert [row.tolist() for row in t] == [[1, 2], [3, 4]]
    (first * second).sum().backward()
    assert t.grad.tolist() == [[3, 4], [1, 2]]
    with pytest.raises(TypeError, match=r"no len\(\)"):
        len(t.sum())
    assert {t: "hashable by identity"}[t]


def test_items_are_python_scalars(t):
    for tensor, kind in [(t[0, 0], float), (Tensor(3), int), (Tensor([[True]]), bool), (Tensor(1j), complex)]:
        assert type(tensor.item()) is kind
    assert t.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(ValueError, match="has 4"):
        t.item()
