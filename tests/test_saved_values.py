"""Every way that leads to the memory of a saved value: writing there changes no gradient, is refused, or is detected.

``unchanged`` is a promise that costs nothing to rely on. What is ``detected`` needs an act against a flag, or a forward
function of one's own that hands out its buffer; ``detect_mutation`` finds it.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import (
    MutationError,
    Tensor,
    checkpoint,
    custom_vjp,
    detect_anomaly,
    detect_mutation,
    nn,
    no_grad,
    optim,
    primitive,
    value_and_grad,
    vjp,
    vmap,
)  # fmt: skip
from tinygrad_np import functional as F
from tinygrad_np.observe import observe

Way = Callable[[Tensor, Path], tuple[Tensor, Callable[[], Any]]]
WAYS: dict[str, list[Any]] = {"unchanged": [], "refused": [], "detected": []}


def way(outcome: str) -> Callable[[Way], Way]:
    """A way: of a Tensor x, a function makes a result whose derivative needs a value, and who writes to that value."""

    def enter(function: Way) -> Way:
        WAYS[outcome].append(pytest.param(function, id=function.__name__))
        return function

    return enter


def twos() -> Any:
    return np.full(4, 2.0)


def fill(array: Any) -> Callable[[], Any]:
    return lambda: array.fill(9.0)


# --- arrays of the caller's ------------------------------------------------------------------------------------------
@way("unchanged")
def the_data_of_a_tensor(x, tmp_path):
    a = twos()
    return x * Tensor(a), fill(a)


@way("unchanged")
def an_operand(x, tmp_path):
    a = twos()
    return a * x, fill(a)


@way("unchanged")
def the_base_of_a_view(x, tmp_path):
    a = np.full((4, 3), 2.0)
    return x * a.T[1], fill(a)


@way("unchanged")
def the_base_of_a_read_only_view(x, tmp_path):
    a = twos()
    view = a.view()
    view.flags.writeable = False
    return x * view, fill(a)


@way("unchanged")
def a_file_in_memory(x, tmp_path):
    np.save(tmp_path / "a.npy", twos())
    a = np.load(tmp_path / "a.npy", mmap_mode="r")
    return x * a, fill(np.load(tmp_path / "a.npy", mmap_mode="r+"))


@way("unchanged")
def a_list(x, tmp_path):
    a = [2.0] * 4
    return x * a, lambda: a.clear()


@way("unchanged")
def another_librarys_array(x, tmp_path):
    class Foreign:
        data = twos()

        def __array__(self, dtype=None, copy=None):
            return self.data

    return x * np.asarray(Foreign()), fill(Foreign.data)


@way("unchanged")
def a_buffer(x, tmp_path):
    a = bytearray(twos().tobytes())
    return x * np.frombuffer(a), lambda: a.__setitem__(slice(None), bytes(32))


@way("unchanged")
def replaced_data(x, tmp_path):
    u, a = Tensor(np.zeros(4)), twos()
    u.data = a
    return x * u, fill(a)


@way("unchanged")
def a_namespace(x, tmp_path):
    a = twos()
    return x * x.__array_namespace__().asarray(a), fill(a)


@way("unchanged")
def an_option_in_an_option(x, tmp_path):
    @primitive(x=lambda g, factors: g * factors["of"][0][0])
    def scale(x, *, factors):
        return x * factors["of"][0][0]

    factors = {"of": ([2.0],)}
    return scale(x, factors=factors), lambda: factors["of"][0].__setitem__(0, 9.0)


@way("unchanged")
def a_cotangent(x, tmp_path):
    a = np.ones(4)
    u = x * 2
    u.retain_grad()
    u.backward(a)
    a[:] = 9
    return u.grad * x, lambda: None


@way("unchanged")
def an_argument_of_a_vjp(x, tmp_path):
    a = twos()
    _, pullback = vjp(lambda a: a * a, a)
    a[:] = 9
    return pullback(np.ones(4))[0] * x, lambda: None


@way("unchanged")
def a_constant_of_vmap(x, tmp_path):
    a = np.full((3, 4), 2.0)
    return vmap(lambda row: row * x)(a), fill(a)


@way("unchanged")
def an_argument_of_a_checkpoint(x, tmp_path):
    a = twos()
    return checkpoint(lambda x, a: x * x * a["a"][0])(x, {"a": [a]}), fill(a)


@way("unchanged")
def a_residual(x, tmp_path):
    a, b = twos(), twos()

    @custom_vjp
    def scale(x, *, b):
        return x * a * b, (a, b)

    @scale.backward
    def _(residuals, g):
        return g * residuals[0] * residuals[1]

    return scale(x, b=b), lambda: (a.fill(9), b.fill(9))


@way("unchanged")
def initial_weights(x, tmp_path):
    a = np.full((4, 4), 2.0)
    layer = nn.Linear(4, 4, weight_init=lambda shape, rng, dtype: a, dtype=np.float64)
    return layer(x), fill(a)


@way("unchanged")
def the_batch_of_a_loader(x, tmp_path):
    a = np.arange(4)
    return F.softmax_cross_entropy(x.reshape(1, 4) * np.ones((4, 1)), a), lambda: a.fill(0)


# --- Tensors ---------------------------------------------------------------------------------------------------------
@way("unchanged")
def writing_to_the_name(x, tmp_path):
    u = Tensor(twos())
    y = x * u
    return y, lambda: (u.__setitem__(0, 9.0), u.__iadd__(1), np.add(u, 1, out=u), u.fill(3.0), u.sort())


@way("unchanged")
def writing_to_the_result(x, tmp_path):
    y = np.exp(x)
    return y * 1, lambda: (y.__setitem__(0, 9.0), np.copyto(y, 3.0))


@way("unchanged")
def writing_to_a_view(x, tmp_path):
    u = Tensor(twos())
    part, detached = u[1:], u.detach()
    return x * u, lambda: (part.__setitem__(0, 9.0), detached.__imul__(3), u.T.fill(1.0), u.data.fill(1.0))


@way("unchanged")
def an_optimizers_step(x, tmp_path):
    w = Tensor(twos(), requires_grad=True)
    optimizer = optim.Adam([w], lr=1.0)
    y = x * w
    w.grad = np.ones(4)
    return y, optimizer.step


@way("unchanged")
def loading_a_state(x, tmp_path):
    layer = nn.Linear(4, 4, dtype=np.float64, rng=0)
    state = layer.state_dict()
    y = layer(x)
    return y, lambda: (state["weight"].fill(9), layer.load_state_dict(state), state["bias"].fill(9))


@way("unchanged")
def a_gradient(x, tmp_path):
    u = Tensor(twos(), requires_grad=True)
    (u * u).sum().backward()
    g = u.grad
    return x * g, lambda: (u.grad.__setitem__(0, 9.0), u.grad.__iadd__(1))


@way("unchanged")
def an_argument_of_a_checkpoint_that_is_rebound(x, tmp_path):
    u = x * 2
    return checkpoint(lambda u: u * u)(u), lambda: u.__iadd__(1)


@way("unchanged")
def copies(x, tmp_path):
    u = Tensor(twos())
    a, b = np.array(u), u.numpy().copy()
    return x * u, lambda: (a.fill(9), b.fill(9), u.tolist().clear())


@way("unchanged")
def a_gift_to_torch(x, tmp_path):
    torch = pytest.importorskip("torch")
    u = Tensor(twos())
    return x * u, lambda: torch.from_dlpack(u).fill_(9.0)


# --- what is handed out -----------------------------------------------------------------------------------------------
@way("refused")
def the_array_of_a_tensor(x, tmp_path):
    u = Tensor(twos())
    return x * u, fill(u.numpy())


@way("refused")
def asarray(x, tmp_path):
    u = Tensor(twos())
    return x * u, fill(np.asarray(u))


@way("refused")
def a_view_of_the_array(x, tmp_path):
    u = Tensor(twos())
    return x * u, fill(u.numpy()[1:].reshape(3, 1))


@way("refused")
def dlpack(x, tmp_path):
    u = Tensor(twos())
    return x * u, fill(np.from_dlpack(u))


@way("refused")
def strides(x, tmp_path):
    u = Tensor(twos())
    return x * u, fill(np.lib.stride_tricks.as_strided(np.asarray(u), (2,), (8,)))


@way("refused")
def an_iterator(x, tmp_path):
    u = Tensor(twos())
    return x * u, lambda: np.nditer(np.asarray(u), op_flags=["readwrite"])


@way("refused")
def an_array_as_out(x, tmp_path):
    a = twos()
    return x * a, lambda: np.multiply(x, 2, out=a)


@way("refused")
def sharing_through_the_namespace(x, tmp_path):
    a = twos()
    return x * a, lambda: x.__array_namespace__().asarray(a, copy=False)


@way("refused")
def a_parameter_that_a_checkpoint_reads(x, tmp_path):
    def step() -> None:
        with no_grad():
            w.__iadd__(1)
        checkpointed.sum().backward()  # which complains

    w = Tensor(twos(), requires_grad=True)
    checkpointed = checkpoint(lambda x: x * w)(x)
    return x * 2, step


# --- what is detected -------------------------------------------------------------------------------------------------
@way("detected")
def a_flag_that_is_set_back(x, tmp_path):
    u = Tensor(twos())
    y, array = x * u, u.numpy()

    def write() -> None:
        array.flags.writeable = True
        array[:] = 9

    return y, write


@way("detected")
def torch_on_a_read_only_array(x, tmp_path):
    torch = pytest.importorskip("torch")
    u = Tensor(twos())
    y = x * u
    with warnings.catch_warnings(action="ignore"):
        tensor = torch.as_tensor(np.asarray(u))
    return y, lambda: tensor.fill_(9.0)


@way("detected")
def a_buffer_of_ones_own(x, tmp_path):
    buffer = np.zeros(4)

    @primitive(x=lambda g, out: g * out)
    def exp(x):
        return np.exp(x, out=buffer)

    return exp(x), lambda: exp(x * 2)


@way("detected")
def what_an_observer_saw(x, tmp_path):
    u = Tensor(twos())
    with observe() as steps:
        y = x * u
    return y, fill(steps[0].operands[1])


def gradient(function: Way, tmp_path: Path, spoil: bool) -> Any:
    x = Tensor(np.arange(1.0, 5.0), requires_grad=True)
    out, write = function(x, tmp_path)
    if spoil:
        write()
    x.grad = None
    np.sum(out).backward()
    return x.grad.numpy()


@pytest.mark.parametrize("function", WAYS["unchanged"])
def test_what_changes_no_gradient(function: Way, tmp_path: Path) -> None:
    with detect_mutation():  # which sees nothing either
        spoiled = gradient(function, tmp_path, spoil=True)
    np.testing.assert_array_equal(spoiled, gradient(function, tmp_path, spoil=False))
    assert spoiled.any()


@pytest.mark.parametrize("function", WAYS["refused"])
def test_what_is_refused(function: Way, tmp_path: Path) -> None:
    with pytest.raises((ValueError, TypeError, RuntimeError)) as error:
        gradient(function, tmp_path, spoil=True)
    assert not isinstance(error.value, MutationError)


@pytest.mark.parametrize("function", WAYS["detected"])
def test_what_is_detected(function: Way, tmp_path: Path) -> None:
    gradient(function, tmp_path, spoil=True)  # and this gradient is wrong
    with detect_mutation(), pytest.raises(MutationError, match=r"had saved its (operand|result)") as error:
        gradient(function, tmp_path, spoil=True)
    assert error.value.where is not None
    assert error.value.where.file == __file__
    assert error.value.node.primitive.name == error.value.operation
    with detect_mutation():
        gradient(function, tmp_path, spoil=False)


def test_it_names_the_operation_the_operand_and_the_line() -> None:
    x, u = Tensor(np.ones(3), requires_grad=True), Tensor(np.ones(3), name="angles")
    with detect_anomaly(), detect_mutation(), observe():
        y = np.arctan2(x, u)
        u._data[0] = 5
        with pytest.raises(MutationError) as error:
            y.sum().backward()
    assert (error.value.operation, error.value.name) == ("arctan2", "angles")
    assert error.value.where.line == test_it_names_the_operation_the_operand_and_the_line.__code__.co_firstlineno + 3


@settings(max_examples=50)
@given(st.sampled_from(["f", "d", "F", "D"]), st.lists(st.integers(0, 3), max_size=3), st.integers(0, 10**6), st.data())
def test_one_changed_bit_is_seen(code: str, shape: Any, place: int, data: Any) -> None:
    a = np.ones(shape, code)[::-1] if shape else np.ones(shape, code)
    x, u = Tensor(np.ones(shape, code), requires_grad=True), Tensor(a)
    with detect_mutation():
        y = x * u
        bits = u._data.reshape(-1).view(np.uint8)
        if bits.size:
            bits[place % bits.size] ^= 1 << data.draw(st.integers(0, 7))
            with pytest.raises(MutationError):
                y.backward(np.ones(shape, code))
        else:
            y.backward(np.ones(shape, code))


def test_nothing_is_kept_and_value_and_grad_is_watched() -> None:
    with detect_mutation():
        _, g = value_and_grad(lambda x: np.sum(np.sin(x) * x))(np.ones(3))
        node = (g.detach() * 1).node
        before = len(gc.get_objects())
        for _ in range(100):
            value_and_grad(lambda x: np.sum(np.sin(x) * x))(np.ones(3))
        assert len(gc.get_objects()) - before < 50
    assert node is not None


def test_a_checkpoint_that_is_not_the_same_again() -> None:
    x, rng = Tensor(np.ones(50), requires_grad=True), np.random.default_rng(0)
    y = checkpoint(lambda x: F.dropout(x, 0.5, rng=rng))(x)
    with pytest.raises(RuntimeError, match="computed something else"):
        y.sum().backward()
    checkpoint(lambda x: F.dropout(x, 0.5, rng=rng), rng=rng)(x).sum().backward()
    with np.errstate(all="ignore"):
        checkpoint(lambda x: x / 0 - x / 0)(x).sum().backward()  # NaN again is the same again
