"""The second derivative: the gradient, of the inputs and of the cotangents, is a function like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.testing import check as checks
from tinygrad_np.testing import properties
from tinygrad_np.testing.calls import Call, double
from tinygrad_np.testing.convergence import taylor_remainder
from tinygrad_np.testing.elements import inner
from tinygrad_np.testing.functions import engine
from tinygrad_np.testing.kinks import AtKink
from tinygrad_np.testing.report import GradientError
from tinygrad_np.transforms import vjp
from tinygrad_np.tree import flatten

if TYPE_CHECKING:
    from tinygrad_np.testing.check import Check

__all__ = ["derivative"]

_STEPS = tuple(2.0**-k for k in range(2, 9))


def derivative(first: Check) -> None:
    """Check the derivative of the gradient that a check has found right, and forward mode, which needs it."""
    if not all(np.all(np.isfinite(x)) for x in first.point):
        return  # by NaN there is no derivative, so this function would not be finite
    cotangents = [double(c) for c in first.cotangents]
    count = len(first.call.at)

    def results(*variables: Any) -> list[Any]:
        return flatten(first.call.function.call(*first.call.arguments_at(variables)))[0]

    def gradient(*variables: Any) -> tuple[Any, ...]:
        _, pullback = vjp(results, *variables[:count])
        return tuple(pullback(list(variables[count:])))

    call = Call(engine(gradient, name=first.title), [*first.point, *cotangents])
    call.labels = [*first.call.labels, *(f"the cotangent of result {i}" for i in range(len(cotangents)))]
    call.arguments = [*first.call.arguments, *[-1] * len(cotangents)]
    check = checks.Check(call, first.title, first.rng, first.at_kinks, "second derivative")
    check.report.again, check.report.margin = first.report.again, first.report.margin
    try:
        check.first_derivative()
        properties.forward_mode(first)
        first.report.order = _order(first, check) or first.report.order
    except GradientError:
        if first.report.margin is not None and first.report.margin.distance == 0:
            raise AtKink("an operation inside is at a kink") from None
        raise
    except AtKink:
        raise
    except Exception as error:
        error.add_note(
            f"raised by the derivative of the derivative of {first.title}: its rules have to use functions that "
            f"themselves have derivatives; order=1 leaves this test out"
        )
        raise
    first.call.counts["second derivatives"] += 1


def _order(first: Check, check: Check) -> float | None:
    """With the second derivative taken away as well, the Taylor remainder falls as the third power."""
    zeros = [np.zeros_like(c) for c in check.point[len(first.point) :]]
    products = check.filled(check.pull([*first.along]))  # the Hessian times the direction
    curvature = inner(products, [*first.along, *zeros])
    return taylor_remainder(first.line(), first.oracles[0].slope, _STEPS, curvature).order
