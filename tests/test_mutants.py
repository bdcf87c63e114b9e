"""Tests that exist because a mutant of a rule survived the others: each says what would else go unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, vjp

Array = np.ndarray


def gradients(function: Callable[..., Any], *xs: Any) -> list[Any]:
    """The gradients of ``function(*xs).sum()``."""
    found = grad(lambda *xs: np.sum(function(*xs)), tuple(range(len(xs))))(*map(np.asarray, xs))
    return [d.numpy() for d in found]


def slope_by_cotangent(function: Callable[..., Any], g: float, *xs: float) -> list[float]:
    """The derivative by ``g`` of ``vjp(function, *xs)(g)``, for each argument: these are linear in ``g``."""

    def pulled(i: int) -> Callable[[Any], Any]:
        return lambda g: vjp(function, *map(Tensor, xs))[1](g)[i]

    return [grad(pulled(i))(Tensor(g)).item() for i in range(len(xs))]


# --- elementwise --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("at", [(a, low, high) for a in range(3) for low in range(3) for high in range(3)])
def test_the_shares_of_clip_sum_to_one(at: Sequence[int]) -> None:
    """``clip(a + t, low + t, high + t)`` is ``clip(a, low, high) + t``, also where some of them are equal, or crossed."""
    assert sum(gradients(np.clip, *map(float, at))) == 1


def test_the_second_derivative_of_a_complex_size_at_zero_is_zero() -> None:
    first = grad(lambda z: np.sum(np.absolute(z)))
    second = grad(lambda z: np.sum(np.real(first(z) * (1 + 2j))))
    assert second(np.array([0j])).numpy() == 0


@pytest.mark.parametrize("power", [np.power, np.float_power])
def test_a_power_of_zero_still_depends_on_its_exponent(power: Any) -> None:
    """Of ``x**y``, the mixed second derivative is ``x**(y - 1) * (1 + y * log(x))``: 1/x at ``y = 0``."""
    by_x = grad(power)
    assert grad(by_x, 1)(2.0, 0.0).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("x", "y", "by_x"), [(4.0, 0.5, 0.25), (0.0, 2.0, 0.0), (0.0, 1.5, 0.0), (0.0, 1.0, 1.0), (4.0, 1.0, 1.0)]
)
def test_the_derivative_of_a_power_is_linear_in_the_cotangent_at_zero_too(x: float, y: float, by_x: float) -> None:
    assert slope_by_cotangent(lambda x: np.power(x, y), 0.0, x) == [by_x]
    assert slope_by_cotangent(lambda x: np.power(x, y), 3.0, x) == [by_x]
