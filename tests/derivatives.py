"""Derivatives, by the engine and numerically, in the form in which tests compare them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_np import Tensor
from tinygrad_np.graph import leaf
from tinygrad_np.record import wrap

Array = np.ndarray


def flattened(results: Any) -> list[Any]:
    """The arrays or Tensors of a result, which may be a tuple or a list of them."""
    if isinstance(results, tuple | list):
        return [found for result in results for found in flattened(result)]
    return [results]


def floats(results: Any) -> list[Any]:
    """Those that can have a derivative."""
    return [r for r in flattened(results) if np.asarray(value(r)).dtype.kind == "f"]


def value(x: Any) -> Any:
    """The array of a Tensor."""
    return x._data if isinstance(x, Tensor) else x


def inner(a: Iterable[Array], b: Iterable[Array]) -> float:
    """The inner product of two lists of arrays."""
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def like(arrays: Iterable[Array], seed: int) -> list[Array]:
    """Numbers of either sign, none of them near 0, in the shapes of ``arrays``."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.choice([-1.0, 1.0], np.shape(a)) * rng.uniform(0.5, 1, np.shape(a))) for a in arrays]


def slope(function: Callable[..., list[Array]], at: Sequence[Array], along: Sequence[Array]) -> list[Array]:
    """The derivative of ``function(*(at + t * along))`` at ``t = 0``, numerically.

    Central differences with steps h, h/2, h/4; Richardson's extrapolation cancels their errors of order 2 and 4. What
    remains is h**6 / 64 times the seventh term of the Taylor series, below 1e-12 for our domains, and rounding:
    about 2 * eps / (h/4), which is 5e-13 times the size of the function.
    """
    h = 2.0**-8
    differences = []
    for step in (h, h / 2, h / 4):
        forth = function(*(np.asarray(a + step * d) for a, d in zip(at, along, strict=True)))
        back = function(*(np.asarray(a - step * d) for a, d in zip(at, along, strict=True)))
        differences.append([(np.asarray(f) - b) / (2 * step) for f, b in zip(forth, back, strict=True)])
    return [
        (16 * (4 * d3 - d2) / 3 - (4 * d2 - d1) / 3) / 15 if d1.size else d1
        for d1, d2, d3 in zip(*differences, strict=True)
    ]


def assert_equal_pairing(found: float, expected: float, *sizes: Iterable[Array]) -> None:
    """Compare two inner products, by the size of what was summed."""
    size = 1 + sum(float(np.sum(np.abs(a))) for arrays in sizes for a in arrays)
    assert abs(found - expected) <= 1e-10 * size, f"{found} instead of {expected}, sizes sum to {size}"


def tensor(array: Array, requires_grad: bool = True) -> Tensor:
    """A Tensor of this very memory: results of views have any layout, but ``Tensor(array)`` makes a compact copy."""
    return wrap(array, leaf(array, requires_grad))


def pull_back(outs: list[Any], leaves: list[Tensor], cotangents: Sequence[Any], **how: Any) -> list[Any]:
    """The vector-Jacobian product: one gradient per leaf."""
    for out, c in zip(outs, cotangents, strict=True):
        if isinstance(out, Tensor) and out.requires_grad:
            out.backward(c, retain_graph=True, **how)
    found = [x.grad for x in leaves]
    for x in leaves:
        x.grad = None
    return found


def derivatives(function: Callable[..., Any], *xs: Any, dtype: Any = float) -> tuple[list[Array], list[Array]]:
    """The gradients of ``function(*xs).sum()``; and those of the sum of these gradients, weighted."""
    leaves = [Tensor(x, requires_grad=True, dtype=dtype) for x in xs]
    out = function(*leaves)
    first = pull_back([out], leaves, [np.ones(out.shape, out.dtype)], create_graph=True)
    weights = like([x.numpy() for x in map(Tensor.detach, leaves)], 5)
    second = pull_back(first, leaves, weights)
    found = [np.zeros(x.shape) if s is None else s.numpy() for s, x in zip(second, leaves, strict=True)]
    return [f.detach().numpy() for f in first], found
