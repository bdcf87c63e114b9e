"""Random programs of reads, writes, views and backward passes, against an engine that is too simple to be wrong.

The naive engine keeps with each name a value and its Jacobian, all derivatives by all elements of the leaves, as plain
arrays. Every operation computes both on copies: it has no graph, saves nothing, and shares no memory. A write changes
the value and the Jacobian in the same places, so ``t[i] = v`` has one meaning: the elements are now those of ``v``, in
value and in derivative, for that name and for who shares the Tensor under another name, and for nobody else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tinygrad_np import Tensor, no_grad

SHAPES = [(2, 3), (3,)]
SIZE = sum(int(np.prod(shape)) for shape in SHAPES)
MOST_NAMES = 8
numbers = st.floats(-1, 1).map(lambda x: round(x, 3))
places = st.integers(0, 10**6)


class Naive:
    """A value, and its derivatives by the elements of all leaves, along a last axis."""

    def __init__(self, value: Any, slope: Any, leaf: int | None = None) -> None:
        self.value, self.slope, self.leaf = np.array(value, float), np.array(slope), leaf

    @classmethod
    def constant(cls, value: Any) -> Naive:
        return cls(value, np.zeros((*np.shape(value), SIZE)))

    def become(self, other: Naive, recorded: bool = True) -> None:
        """Be rebound. A leaf that is written under no_grad stays a leaf; a result has no history then."""
        slope = other.slope if recorded else self.slope if self.leaf is not None else 0 * other.slope
        self.value, self.slope = np.array(other.value), np.array(slope)


def aligned(a: Naive, b: Naive) -> tuple[Any, Any]:
    """The slopes, with the axes that broadcasting would add."""
    n = max(a.value.ndim, b.value.ndim)
    return tuple(x.slope.reshape((1,) * (n - x.value.ndim) + x.slope.shape) for x in (a, b))


BINARY = {
    "mean": (lambda x, y: (x + y) / 2, lambda a, b, da, db: (da + db) / 2),
    "times": (lambda x, y: x * y, lambda a, b, da, db: da * b[..., None] + db * a[..., None]),
    "minus": (lambda x, y: x - y / 2, lambda a, b, da, db: da - db / 2),
}
UNARY = {
    "sin": (np.sin, lambda a, da: np.cos(a)[..., None] * da),
    "exp": (lambda x: np.exp(-x * x), lambda a, da: (-2 * a * np.exp(-a * a))[..., None] * da),
    "square": (lambda x: x**2 / 2, lambda a, da: a[..., None] * da),
}
VIEWS = {
    "reversed": lambda x: x[::-1],
    "rest": lambda x: x[1:],
    "first": lambda x: x[0],
    "row": lambda x: x[None],
    "flat": lambda x: x.reshape((-1,)),
    "turned": lambda x: x.swapaxes(0, 1),
    "picked": lambda x: x[np.array([0, 0])],
}
INDICES = [0, -1, slice(1, None), slice(None, None, -1), ..., np.array([0, -1]), (Ellipsis, 0), (Ellipsis, slice(1, 2))]


def broadcast(a: Naive, b: Naive, name: str) -> Naive:
    value, slope = BINARY[name]
    da, db = aligned(a, b)
    x, y = np.broadcast_arrays(a.value, b.value)
    found = value(a.value, b.value)
    return Naive(found, np.broadcast_to(slope(x, y, da, db), (*np.shape(found), SIZE)))


def slope_view(view: Any, slope: Any) -> Any:
    """A view of the slopes: each column of it is that view of an array."""
    return np.stack([view(slope[..., k]) for k in range(SIZE)], axis=-1)


class Programs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[tuple[Tensor, Naive]] = []

    @initialize(seed=st.integers(0, 10**6))
    def leaves(self, seed: int) -> None:
        rng, start = np.random.default_rng(seed), 0
        self.leaves = []
        for i, shape in enumerate(SHAPES):
            value, n = rng.uniform(-1, 1, shape), int(np.prod(shape))
            slope = np.eye(SIZE)[start : start + n].reshape(*shape, SIZE)
            self.leaves.append((Tensor(value, requires_grad=True), Naive(value, slope, i)))
            start += n
        self.names += self.leaves
        self.expected = np.zeros(SIZE)

    def pick(self, place: int) -> tuple[Tensor, Naive]:
        return self.names[place % len(self.names)]

    def keep(self, tensor: Tensor, naive: Naive) -> None:
        if len(self.names) == MOST_NAMES:  # a name is forgotten, though what was computed from it is not
            del self.names[2]
        self.names.append((tensor, naive))

    @rule(i=places, j=places, name=st.sampled_from(sorted(BINARY)), recorded=st.booleans())
    def compute(self, i: int, j: int, name: str, recorded: bool) -> None:
        (x, a), (y, b) = self.pick(i), self.pick(j)
        try:
            expected = broadcast(a, b, name)
        except ValueError:
            with pytest.raises(ValueError, match="broadcast"):
                BINARY[name][0](x, y)
            return None
        if recorded:
            return self.keep(BINARY[name][0](x, y), expected)
        with no_grad():
            return self.keep(BINARY[name][0](x, y), Naive.constant(expected.value))

    @rule(i=places, name=st.sampled_from(sorted(UNARY)))
    def apply(self, i: int, name: str) -> None:
        (x, a), (value, slope) = self.pick(i), UNARY[name]
        self.keep(value(x), Naive(value(a.value), slope(a.value, a.slope)))

    @rule(i=places, name=st.sampled_from(sorted(VIEWS)))
    def view(self, i: int, name: str) -> None:
        (x, a), view = self.pick(i), VIEWS[name]
        if a.value.size > 1 and a.value.ndim >= (2 if name == "turned" else 1) and len(a.value) > 1:
            self.keep(view(x), Naive(view(a.value), slope_view(view, a.slope)))

    @rule(i=places, constant=numbers, name=st.sampled_from(sorted(BINARY)))
    def use_an_array(self, i: int, constant: float, name: str) -> None:
        x, a = self.pick(i)
        array = np.full(a.value.shape, constant)
        self.keep(BINARY[name][0](x, array), broadcast(a, Naive.constant(array), name))
        array[...] = 7  # its owner may do so

    @rule(i=places)
    def share_the_tensor(self, i: int) -> None:
        self.keep(*self.pick(i))

    @rule(i=places)
    def detach(self, i: int) -> None:
        x, a = self.pick(i)
        self.keep(x.detach(), Naive.constant(a.value))

    def write(self, x: Tensor, a: Naive, expected: Naive, write: Any, recorded: bool) -> None:
        if recorded and a.leaf is not None:
            with pytest.raises(RuntimeError, match="leaf that requires a gradient"):
                write()
        elif recorded:
            write()
            a.become(expected)
        else:
            with no_grad():
                write()
            a.become(expected, recorded=False)

    @rule(i=places, j=places, index=st.sampled_from(INDICES), number=st.none() | numbers, recorded=st.booleans())
    def assign(self, i: int, j: int, index: Any, number: float | None, recorded: bool) -> None:
        (x, a), (y, b) = self.pick(i), self.pick(j)
        if number is not None:
            b = Naive.constant(number)
        expected = Naive(a.value, a.slope)
        try:
            expected.value[index] = b.value
        except (IndexError, ValueError):
            return
        for k in range(SIZE):
            expected.slope[..., k][index] = b.slope[..., k]
        self.write(x, a, expected, lambda: x.__setitem__(index, y if number is None else number), recorded)

    @rule(i=places, j=places, product=st.booleans(), recorded=st.booleans())
    def in_place(self, i: int, j: int, product: bool, recorded: bool) -> None:
        (x, a), (y, b) = self.pick(i), self.pick(j)
        try:
            expected = broadcast(a, b, "times" if product else "minus")
        except ValueError:
            return
        if expected.value.shape == a.value.shape:
            self.write(x, a, expected, lambda: x.__imul__(y) if product else x.__isub__(y / 2), recorded)

    @rule(i=places, j=places, k=places, recorded=st.booleans())
    def out(self, i: int, j: int, k: int, recorded: bool) -> None:
        (x, a), (y, b), (z, c) = self.pick(i), self.pick(j), self.pick(k)
        try:
            expected = broadcast(b, c, "times")
        except ValueError:
            return
        if expected.value.shape == a.value.shape:
            self.write(x, a, expected, lambda: np.multiply(y, z, out=x), recorded)

    @rule(i=places, weight=numbers)
    def backward(self, i: int, weight: float) -> None:
        x, a = self.pick(i)
        if x.requires_grad:
            weights = weight + np.arange(a.value.size).reshape(a.value.shape) / 4
            x.backward(weights, retain_graph=True)
            self.expected += np.tensordot(weights, a.slope, a.value.ndim)
        else:
            assert not a.slope.any()

    @rule()
    def zero_grad(self) -> None:
        for leaf, _ in self.leaves:
            leaf.grad = None
        self.expected[:] = 0

    @invariant()
    def values_and_gradients_agree(self) -> None:
        for x, a in self.names:
            np.testing.assert_allclose(x.detach().numpy(), a.value, rtol=1e-12, atol=1e-12)
            assert x.requires_grad or not a.slope.any()
        if self.names:
            grads = [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x, _ in self.leaves]
            found = np.concatenate([g.reshape(-1) for g in grads])
            np.testing.assert_allclose(found, self.expected, rtol=1e-9, atol=1e-9 * (1 + np.abs(self.expected).max()))


Programs.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
test_random_programs = Programs.TestCase
