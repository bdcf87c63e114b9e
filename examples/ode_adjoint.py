"""The gradient of the solution of a differential equation, by the adjoint method.

A solver can be differentiated as it stands, but then every stage of every step is kept until backward. The adjoint
method (Pontryagin et al., 1962; Chen et al., 2018, "Neural ordinary differential equations") keeps none of them: the
cotangent ``a`` of the state solves a differential equation of its own, backward in time,

    dy/dt = f(y, theta),     da/dt = -(df/dy)^T a,     db/dt = -(df/dtheta)^T a,

which starts from the cotangent of the solution, and takes the state along. At the beginning, ``a`` is the cotangent
of the initial state, and ``b`` that of the parameters. The memory is that of one state, whatever the number of steps.

Run it: ``python examples/ode_adjoint.py``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np import custom_vjp, grad, vjp

State = list[Any]


def runge_kutta(f: Callable[[State], State], y: State, duration: float, steps: int) -> State:
    """Integrate ``dy/dt = f(y)`` by the classical method of order 4; a negative duration goes back in time."""
    h = duration / steps

    def ahead(y: State, slope: State, h: float) -> State:
        return [part + h * rate for part, rate in zip(y, slope, strict=True)]

    for _ in range(steps):
        k1 = f(y)
        k2 = f(ahead(y, k1, h / 2))
        k3 = f(ahead(y, k2, h / 2))
        k4 = f(ahead(y, k3, h))
        for slope, weight in ((k1, 1), (k2, 2), (k3, 2), (k4, 1)):
            y = ahead(y, slope, weight * h / 6)
    return y


@custom_vjp
def solve(f: Callable[[Any, Any], Any], y: Any, theta: Any, duration: float, steps: int) -> Any:
    """The state after ``duration``, from the state ``y`` at the beginning."""
    (end,) = runge_kutta(lambda y: [f(y[0], theta)], [y], duration, steps)
    return end, (f, end, theta, duration, steps)


@solve.backward
def _(residuals: Any, g: Any) -> Any:
    f, end, theta, duration, steps = residuals

    def backward_in_time(state: State) -> State:
        y, a, _ = state
        slope, pullback = vjp(f, y, theta)
        da, db = pullback(a)
        return [slope, -da, -db]

    _, a, b = runge_kutta(backward_in_time, [end, g, np.zeros_like(theta)], -duration, steps)
    return None, a, b, None, None


def predator_and_prey(y: Any, theta: Any) -> Any:
    """Lotka and Volterra's equations: prey that grows and is eaten, predators that eat and starve."""
    prey, predators = y[0], y[1]
    return np.stack([prey * (theta[0] - theta[1] * predators), predators * (theta[2] * prey - theta[3])])


def main() -> None:
    """Compute, and compare with finite differences."""
    y, theta = np.array([1.0, 0.6]), np.array([1.1, 0.8, 0.7, 0.9])
    observed = np.array([1.5, 0.9])

    def loss(y: Any, theta: Any, steps: int) -> Any:
        return np.sum((solve(predator_and_prey, y, theta, 3.0, steps) - observed) ** 2)

    def central_differences(function: Callable[[Any], Any], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
        return np.array([(function(x + h * e) - function(x - h * e)) / (2 * h) for e in np.eye(x.size)])

    errors = []
    for steps in (40, 80, 160):
        dy, dtheta = grad(loss, (0, 1))(y, theta, steps)
        found = np.concatenate([dy.numpy(), dtheta.numpy()])
        expected = np.concatenate([
            central_differences(lambda y, n=steps: loss(y, theta, n), y),
            central_differences(lambda theta, n=steps: loss(y, theta, n), theta),
        ])  # fmt: skip
        errors.append(np.max(np.abs(found - expected)))
        print(f"{steps:3} steps: gradient {found.round(6)}, off finite differences by {errors[-1]:.1e}")
    assert errors[-1] < 1e-6
    order = np.log2(errors[0] / errors[1])
    assert 3.5 < order < 5.5, order  # the adjoint equation is solved with the same order of accuracy
    print(f"order of convergence: {order:.1f}")

    along = np.array([0.3, -0.2, 0.5, 0.1])
    curvature = grad(lambda theta: np.sum(grad(loss, 1)(y, theta, 40) * along))(theta).numpy()
    expected = central_differences(lambda theta: np.sum(grad(loss, 1)(y, theta, 40).numpy() * along), theta)
    np.testing.assert_allclose(curvature, expected, rtol=1e-4, atol=1e-5)
    print(f"Hessian by theta, times a vector: {curvature.round(6)}")


if __name__ == "__main__":
    main()
