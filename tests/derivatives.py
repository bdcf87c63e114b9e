"""Derivatives, by the engine and numerically, in the form in which tests compare them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_np import Tensor
from tinygrad_np.testing.slopes import COARSE, THOROUGH, Estimate, Line, flat

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


def slope(
    function: Callable[..., list[Array]], at: Sequence[Array], along: Sequence[Array], weights: Sequence[Array]
) -> Estimate:
    """``<weights, d/dt function(*(at + t * along))>`` at ``t = 0``, numerically, and how far off that may be."""
    return Line(lambda arrays: function(*arrays), at, along, flat(weights)).slope(COARSE)


def assert_slope(found: float, expected: Estimate, *sizes: Iterable[Array]) -> None:
    """Compare an inner product with a slope, by the error of the latter and the rounding of what was summed."""
    size = 1 + sum(float(np.sum(np.abs(a))) for arrays in sizes for a in arrays)
    assert expected.error <= 1e-9 * size, f"no slope to compare with: {expected}, sizes sum to {size}"
    off = abs(found - expected.value)
    assert off <= 4 * expected.error + 1e-13 * size, f"{found} instead of {expected}, sizes sum to {size}"


def numeric_gradient(function: Callable[[Array], Any], x: Any) -> Array:
    """The gradient of ``sum(function(x))``, element by element; by shorter steps where a kink or a jump is near."""
    x = np.asarray(x, float)
    found = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        along = np.zeros(x.shape)
        along[place] = 1
        line = Line(lambda arrays: [np.sum(function(arrays[0]))], [x], [along], np.ones(1))
        estimate = line.slope(COARSE)
        found[place] = (estimate if estimate.error < 1e-9 * (1 + abs(estimate.value)) else line.slope(THOROUGH)).value
    return found


def gradient(function: Callable[..., Any], *arrays: Any) -> Any:
    """The gradients of ``sum(function(*arrays))``, as arrays: of one argument, or a list for several."""
    leaves = [Tensor(a if np.asarray(a).dtype.kind in "fc" else np.array(a, float), requires_grad=True) for a in arrays]
    np.sum(function(*leaves)).backward()
    found = [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in leaves]
    return found if len(found) > 1 else found[0]


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
