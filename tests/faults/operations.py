"""Faulty rules of operations inside of functions of Tensors: what a checker has to find there is the operation.

Among them are rules whose first derivative is right and whose second is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinygrad_np import primitive

from .domains import normal, signed, uniform
from .fault import drawn

__all__ = ["COMPOSITES", "Composite"]


@dataclass(frozen=True)
class Composite:
    """A function with an operation in it that has a wrong rule.

    Attributes
    ----------
    name, source, story, mistake : str
        As of a :class:`~.fault.Fault`.
    function : callable
        ``function(operation, *inputs)``.
    wrong, right : Primitive
        The operation, with either rules. Its name is that of the composite.
    inputs : strategy
        Draws the arrays.
    """

    name: str
    source: str
    story: str
    mistake: str
    function: Callable[..., Any]
    wrong: Any
    right: Any
    inputs: st.SearchStrategy[tuple[np.ndarray, ...]]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.name)


#: All of them, by name.
COMPOSITES: dict[str, Composite] = {}


def composite(source: str, mistake: str, inputs: Any) -> Callable[[type], type]:
    """Enter a class of an ``operation``, ``wrong`` and ``right`` rules for its arguments, and the ``function``."""

    def enter(cls: type) -> type:
        name, forward = cls.__name__, cls.operation
        forward.__name__ = name
        arguments = inspect.signature(forward).parameters
        either = (primitive(**dict(zip(arguments, rules, strict=True)))(forward) for rules in (cls.wrong, cls.right))
        COMPOSITES[name] = Composite(name, source, str(cls.__doc__), mistake, cls.function, *either, inputs)
        return cls

    return enter


@composite("HomericIntelligence/Odyssey#2134", "unknown", drawn(
    lambda rng, n, m: (normal(rng, n, m), normal(rng, n, m), normal(rng, n, m)), n=(2, 4), m=(1, 3)
))  # fmt: skip
class attention_softmax:
    """The softmax of an attention layer, without the sum over the row in its derivative."""

    def operation(z):
        e = np.exp(z - np.max(z, axis=-1, keepdims=True))
        return e / np.sum(e, axis=-1, keepdims=True)

    wrong = (lambda g, out: out * g,)
    right = (lambda g, out: out * (g - np.sum(g * out, axis=-1, keepdims=True)),)

    def function(softmax, query, key, value):
        return softmax(query @ key.T / np.sqrt(query.shape[1])) @ value


@composite("KhawajaAbaid/micrograd_c#1", "sign", drawn(
    lambda rng, n, m: (normal(rng, n, m), normal(rng, m), normal(rng, n)), n=(2, 4), m=(1, 3)
))  # fmt: skip
class residual:
    """The difference in a squared error: what is subtracted gets the gradient of a summand."""

    def operation(x, y):
        return x - y

    wrong = (
        lambda g: g,
        lambda g: g,
    )
    right = (
        lambda g: g,
        lambda g: -g,
    )

    def function(subtract, x, w, target):
        return np.mean(subtract(target, np.tanh(x @ w)) ** 2)


@composite("ml-explore/mlx#2451", "swapped arguments", drawn(
    lambda rng, n: (uniform(rng, n, low=2, high=3), uniform(rng, n, low=0.5, high=1)), n=(1, 4)
))  # fmt: skip
class bearing:
    """The angle of a point: its derivatives each have the other's numerator."""

    def operation(y, x):
        return np.arctan2(y, x)

    wrong = (
        lambda g, y, x: g * y / (x * x + y * y),
        lambda g, y, x: -g * x / (x * x + y * y),
    )
    right = (
        lambda g, y, x: g * x / (x * x + y * y),
        lambda g, y, x: -g * y / (x * x + y * y),
    )

    def function(angle, x, y):
        return np.sum(np.hypot(x, y) * np.sin(angle(y, x)))


@composite("kvfrans/notes#5", "1/N", drawn(
    lambda rng, n, m: (normal(rng, n, m), normal(rng, m, 2), normal(rng, 2)), n=(5, 7), m=(1, 3)
))  # fmt: skip
class add_bias:
    """The bias of a layer: its gradient is averaged over the batch, and not summed."""

    def operation(x, bias):
        return x + bias

    wrong = (
        lambda g: g,
        lambda g: np.mean(g, axis=0),
    )
    right = (
        lambda g: g,
        lambda g: np.sum(g, axis=0),
    )

    def function(add, x, weight, bias):
        return np.sum(np.tanh(add(x @ weight, bias)))


@composite("torch/nn#170", "singular point", drawn(
    lambda rng, n: signed(rng, n) * (np.arange(n) > 0), n=(1, 4)
))  # fmt: skip
class third_power:
    """The cube in a polynomial: its derivative divides by the base."""

    def operation(x):
        return x**3

    wrong = (lambda g, x, out: g * 3 * out / x,)
    right = (lambda g, x: g * 3 * x * x,)

    def function(cube, x):
        return np.sum(cube(x) - 2 * x)


def constant(x: Any) -> Any:
    """Forget where a Tensor comes from."""
    return x.detach() if hasattr(x, "detach") else x


@composite("pytorch/pytorch#76185", "second derivative", drawn(signed, n=(1, 4)))
class saved_on_the_way:
    """A value that was saved on the way is differentiated as a constant: ``6 x / x`` has a derivative then."""

    def operation(x):
        return 6 * x

    wrong = (lambda g, x: g * 6 * constant(x) / x,)
    right = (lambda g, x: g * 6 * x / x,)

    def function(multiply, x):
        return np.sum(np.sin(multiply(x)))


def of_the_others(x: Any) -> list[Any]:
    """For each element, the product of all others."""
    return [np.prod(x[np.arange(len(x)) != i]) for i in range(len(x))]


@composite("pytorch/pytorch#106789", "second derivative", drawn(
    lambda rng, n: signed(rng, n) * (np.arange(n) > 1), n=(2, 4)
))  # fmt: skip
class product_with_two_zeros:
    """With two zeros the gradient of a product is 0, but not a constant: it changes as soon as these move."""

    def operation(x):
        return np.prod(x)

    wrong = (lambda g, x: np.stack([g * p if constant(p) != 0 else np.zeros_like(g) for p in of_the_others(x)]),)
    right = (lambda g, x: np.stack([g * p for p in of_the_others(x)]),)

    def function(product, x):
        return product(x) + np.sum(x * x)
