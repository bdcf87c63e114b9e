"""The graph as an object: as deep as memory allows, and gone as soon as nobody holds it."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import sys
import tracemalloc
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, hvp, jacobian, jvp, no_grad, primitive, vjp
from tinygrad_np.grad_mode import pullbacks_observed_by
from tinygrad_np.graph import Node, walk


@contextmanager
def shallow_stack():
    """Allow Python forty frames from here: whatever recurses over a graph fails at once."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 40)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@contextmanager
def no_collector():
    """Leave reference counting alone in charge."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


CHAINS = {  # a step, how many, and the derivative of all of them; any recursion would overflow the stack at 50,000
    "one operand": (lambda y, x: -y, 1_000_000, 1),
    "two operands": (lambda y, x: y + x, 200_000, 200_001),
    "a saved operand": (lambda y, x: y * (1 + 0 * x), 50_000, 1),
    "the general path": (lambda y, x: np.concatenate([y, x])[:1], 50_000, 1),
    "indexing": (lambda y, x: y[np.array([0])], 50_000, 1),
}


@pytest.mark.parametrize("name", CHAINS)
def test_depth(name):
    """Build, walk, differentiate, print, copy and free a chain: nothing recurses."""
    step, depth, slope = CHAINS[name]
    with shallow_stack(), no_collector():
        x = y = Tensor([1.0], requires_grad=True)
        for _ in range(depth):
            y = step(y, x)
        assert len(walk(y.node)) > depth
        first = weakref.ref(walk(y.node)[-2])
        y.backward(retain_graph=True)
        assert x.grad.item() == slope
        assert repr(y).startswith("Tensor([")
        assert repr(y.node).startswith("<Node")
        assert copy.deepcopy(y).item() == copy.copy(y).item() == y.item()
        del y
        assert first() is None


def test_depth_of_a_recorded_pass():
    depth = 10_000
    with shallow_stack(), no_collector():
        x = y = Tensor([1.0], requires_grad=True)
        for _ in range(depth):
            y = y * x
        y.backward(create_graph=True)
        slope, x.grad = x.grad, None
        assert slope.item() == depth + 1
        first = weakref.ref(y.node)
        slope.backward()
        assert x.grad.item() == (depth + 1) * depth
        del y, slope
        assert first() is None


def test_an_error_deep_down_is_short():
    x = y = Tensor([1.0, 2.0], requires_grad=True, name="x")
    y = np.exp(x)
    for _ in range(10_000):
        y = y + 1
    walk(y.node)[-2].saved = None
    with shallow_stack(), pytest.raises(RuntimeError, match="'exp'") as error:
        y.sum().backward()
    assert len("".join([str(error.value), *getattr(error.value, "__notes__", [])])) < 1000


# --- freeing ---------------------------------------------------------------------------------------------------------
def small_graph():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    w = Tensor(np.ones((3, 3)), requires_grad=True)
    hidden = np.tanh(x @ w)
    loss = np.sum(np.concatenate([hidden, hidden * x])[np.array([0, 0, 1])] ** 3)
    return x, w, hidden, loss


def living(cls):
    return sum(type(o) is cls for o in gc.get_objects())


def test_dropping_the_result_frees_the_graph():
    with no_collector():
        x, w, hidden, loss = small_graph()
        nodes = [weakref.ref(node) for node in walk(loss.node)]
        array = weakref.ref(hidden._data)
        del hidden
        assert array() is not None, "the graph saved it"
        del loss
        assert array() is None
        assert {node() for node in nodes} == {None, x.node, w.node}


def test_backward_frees_what_was_saved_on_its_way():
    with no_collector():
        _, _, hidden, loss = small_graph()
        array = weakref.ref(hidden._data)
        del hidden
        loss.backward(retain_graph=True)
        assert array() is not None
        loss.backward()
        assert array() is None


def test_the_graph_keeps_only_what_a_rule_named():
    with no_collector():
        x = Tensor(np.ones(3), requires_grad=True)
        a = x + 1  # not needed by any rule
        b = np.exp(a)  # exp keeps its result
        c = b * 2.0  # times a constant: nothing
        d = c * x  # d/dc needs x, d/dx needs c
        e = d.sum()
        arrays = [weakref.ref(t._data) for t in (a, b, c, d)]
        del a, b, c, d
        assert [array() is not None for array in arrays] == [False, True, True, False]
        del e
        assert [array() is not None for array in arrays] == [False] * 4


def refused(function, *args):
    try:
        function(*args)
    except (ValueError, RuntimeError):
        return
    raise AssertionError("no error")


WORK = {
    "grad": lambda: grad(lambda x: np.sum(np.sin(x) * x))(np.ones(3)),
    "grad of grad": lambda: grad(lambda x: np.sum(grad(lambda x: np.sum(x**3))(x)))(np.ones(3)),
    "vjp": lambda: vjp(np.sin, np.ones(3))[1](np.ones(3)),
    "jvp": lambda: jvp(np.sin, (np.ones(3),), (np.ones(3),)),
    "hvp": lambda: hvp(lambda x: np.sum(x**3), (np.ones(3),), (np.ones(3),)),
    "jacobian": lambda: jacobian(np.sin)(np.ones(3)),
    "deepcopy": lambda: copy.deepcopy(small_graph()),
    "repr": lambda: repr(small_graph()),
    "an error of an operation": lambda: refused(np.add, Tensor(np.ones(3), requires_grad=True), np.ones(4)),
    "a refused conversion": lambda: refused(np.asarray, Tensor(np.ones(3), requires_grad=True)),
    "an error of backward": lambda: refused(Tensor(np.ones(3), requires_grad=True).backward),
}


@pytest.mark.parametrize("name", WORK)
def test_nothing_is_left_for_the_collector(name):
    WORK[name]()  # what is made once and for all
    with no_collector():
        nodes, tensors = living(Node), living(Tensor)
        result = WORK[name]()
        del result
        assert (living(Node), living(Tensor)) == (nodes, tensors)


def test_the_cycle_of_a_recorded_gradient_is_the_callers_to_break():
    """``x.grad`` depends on x, and x holds it. As in PyTorch; ``grad`` the function has no such cycle."""
    with no_collector():
        x = Tensor([1.0, 2.0], requires_grad=True)
        np.sum(x**3).backward(create_graph=True)
        node = weakref.ref(x.node)
        x.grad = None
        del x
        assert node() is None


def test_steps_of_training_leave_nothing_behind():
    rng = np.random.default_rng(0)
    inputs, targets = rng.standard_normal((8, 3)), rng.standard_normal((8, 2))
    w, b = Tensor(rng.standard_normal((3, 2)), requires_grad=True), Tensor(np.zeros(2), requires_grad=True)

    def step():
        loss = np.mean((np.tanh(inputs @ w + b) - targets) ** 2)
        loss.backward()
        for parameter in (w, b):
            with no_grad():
                parameter -= 0.1 * parameter.grad
            parameter.grad = None

    def arrays():  # bytes; what Python keeps for reuse is not counted
        of_numpy = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
        snapshot = tracemalloc.take_snapshot().filter_traces([of_numpy])
        return sum(trace.size for trace in snapshot.traces)

    with no_collector():
        step()
        tracemalloc.start()
        step()
        objects, size = len(gc.get_objects()), arrays()
        for _ in range(50):
            step()
        assert len(gc.get_objects()) <= objects + 10
        assert arrays() <= size
        tracemalloc.stop()


# --- copies ----------------------------------------------------------------------------------------------------------
def test_a_deep_copy_is_a_leaf_of_its_own():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    np.sum(x * x).backward()
    twin = copy.deepcopy(x)
    assert (twin.name, twin.requires_grad, twin.is_leaf) == ("x", True, True)
    assert twin.grad.tolist() == [2, 4]
    assert not np.shares_memory(twin._data, x._data)
    assert not np.shares_memory(twin.grad._data, x.grad._data)
    np.sum(twin * 3).backward()
    assert x.grad.tolist() == [2, 4]
    assert twin.grad.tolist() == [5, 7]
    both = copy.deepcopy({"a": x, "b": x})
    assert both["a"] is both["b"], "sharing survives"
    assert copy.deepcopy(x * 2).is_leaf


def test_a_shallow_copy_of_a_result_is_the_same_result():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = np.exp(x)
    z = copy.copy(y)
    z += 1  # binds z, not y
    assert y.tolist() == np.exp([1.0, 2.0]).tolist()
    np.sum(z).backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.exp([1.0, 2.0]))


def test_a_pickle_is_a_leaf_with_the_same_value():
    x = Tensor(np.array([1, 2], np.float32), requires_grad=True, name="x")
    for tensor in (x, x * 2, Tensor([True]), x.detach()):
        twin = pickle.loads(pickle.dumps(tensor))
        assert (twin.tolist(), twin.dtype, twin.name) == (tensor.tolist(), tensor.dtype, tensor.name)
        assert (twin.requires_grad, twin.is_leaf) == (tensor.requires_grad, True)
    deep = x
    for _ in range(10_000):
        deep = deep * 1
    with shallow_stack():
        assert len(pickle.dumps(deep)) < 1000


def test_cotangents_that_somebody_else_holds_are_not_added_to():
    """Shares are added in place where that cannot be seen; a rule, or who watches, may have kept them."""
    seen, watched = [], []
    same = primitive(x=lambda g: seen.append(g) or g)(lambda x: x.copy())
    reverse = primitive(x=lambda g: g[::-1])(lambda x: x[::-1].copy())
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    loss = np.sum(same(y) * y + same(y) * [5.0, 7.0] + reverse(y) + np.square(y) + same(x))
    with pullbacks_observed_by(lambda node, g, shares: watched.extend((share, share.copy()) for _, share in shares)):
        loss.backward(retain_graph=True)
    assert x.grad.tolist() == [3 * (4 * 3 + 5 + 1) + 1, 3 * (4 * 6 + 7 + 1) + 1]
    before = [g.copy() for g in seen]
    assert all(np.array_equal(*pair) for pair in watched)
    first = x.grad
    x.grad = None
    loss.backward()
    assert np.array_equal(x.grad, first)
    assert all(map(np.array_equal, seen, before))
    assert len(seen) == 6
