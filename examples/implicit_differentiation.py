"""The gradient of a solution, without a look at how it was found.

Code that solves an equation by iterating can be differentiated as it stands: the engine records each step, and walks
all of them back. That costs memory for every step, and it is not what one wants: the derivative of the solution depends
on the equation alone. The implicit function theorem says how, and ``custom_vjp`` puts it in place of the record:

    x = f(theta, x)    =>   dx = (I - df/dx)^-1  df/dtheta  dtheta       a fixed point
    f(theta, x) = 0    =>   dx = -(df/dx)^-1     df/dtheta  dtheta       a root

Both derivatives below are written with differentiable functions, so they have derivatives themselves.

Run it: ``python examples/implicit_differentiation.py``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np import custom_vjp, grad, jacobian, vjp

Equation = Callable[[Any, Any], Any]


# --- a fixed point, by iteration -----------------------------------------------------------------------------------
@custom_vjp
def fixed_point(f: Equation, theta: Any, start: Any) -> Any:
    """Solve ``x = f(theta, x)`` by applying f again and again; f has to contract."""
    x, previous = f(theta, start), start
    while np.max(np.abs(x - previous)) > 1e-13:
        x, previous = f(theta, x), x
    return x, (f, theta, x)


@fixed_point.backward
def _(residuals: Any, g: Any) -> Any:
    """The system ``u = g + (df/dx)^T u`` is one more fixed point; the cotangent of theta is ``(df/dtheta)^T u``."""
    f, theta, x = residuals

    def adjoint(given: Any, u: Any) -> Any:
        theta, x, g = given
        _, pullback = vjp(lambda x: f(theta, x), x)
        return g + pullback(u)[0]

    u = fixed_point(adjoint, (theta, x, g), np.zeros_like(g))
    _, pullback = vjp(lambda theta: f(theta, x), theta)
    return None, pullback(u)[0], None  # where the iteration starts has no influence


# --- a root, by Newton's method ------------------------------------------------------------------------------------
@custom_vjp
def root(f: Equation, theta: Any, start: Any) -> Any:
    """Solve ``f(theta, x) = 0`` for a vector x by Newton's method."""
    x = start
    for _ in range(50):
        step = np.linalg.solve(jacobian(f, 1)(theta, x), f(theta, x))
        x = x - step
        if np.max(np.abs(step)) < 1e-13:
            break
    return x, (f, theta, x)


@root.backward
def _(residuals: Any, g: Any) -> Any:
    f, theta, x = residuals
    u = np.linalg.solve(jacobian(f, 1)(theta, x).mT, g)
    _, pullback = vjp(lambda theta: f(theta, x), theta)
    return None, pullback(-u)[0], None


# --- two equations -------------------------------------------------------------------------------------------------
def equilibrium(theta: dict[str, Any], x: Any) -> Any:
    """A layer that feeds itself until nothing changes (Bai et al., 2019, "Deep equilibrium models")."""
    return np.tanh(theta["W"] @ x + theta["b"])


def kepler(theta: Any, E: Any) -> Any:
    """Kepler's equation for the eccentric anomaly E, given eccentricity and mean anomaly."""
    eccentricity, M = theta[:1], theta[1:]
    return E - eccentricity * np.sin(E) - M


def central_differences(function: Callable[[Any], float], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """The gradient of a function, one element after the other."""
    slopes = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = h
        slopes[i] = (function(x + step) - function(x - step)) / (2 * h)
    return slopes


def main() -> None:
    """Compute, and compare with finite differences."""
    rng = np.random.default_rng(0)
    W, b, target = 0.3 * rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)

    def loss(W: Any, b: Any) -> Any:
        x = fixed_point(equilibrium, {"W": W, "b": b}, np.zeros(4))
        return np.sum((x - target) ** 2)

    dW, db = grad(loss, (0, 1))(W, b)
    np.testing.assert_allclose(dW.numpy(), central_differences(lambda W: loss(W, b), W), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(db.numpy(), central_differences(lambda b: loss(W, b), b), rtol=1e-7, atol=1e-9)
    print("fixed point: gradient by b          ", db.numpy())

    along = rng.normal(size=4)
    curvature = grad(lambda b: np.sum(grad(loss, 1)(W, b) * along))(b)
    expected = central_differences(lambda b: np.sum(grad(loss, 1)(W, b).numpy() * along), b)
    np.testing.assert_allclose(curvature.numpy(), expected, rtol=1e-6, atol=1e-8)
    print("             Hessian times a vector ", curvature.numpy())

    def anomaly(theta: Any) -> Any:
        return root(kepler, theta, theta[1:])[0]

    theta = np.array([0.6, 1.0])
    E = anomaly(theta)
    exact = np.array([np.sin(E), 1.0]) / (1 - 0.6 * np.cos(E))  # by hand
    np.testing.assert_allclose(grad(anomaly)(theta).numpy(), exact, rtol=1e-12)
    np.testing.assert_allclose(grad(anomaly)(theta).numpy(), central_differences(anomaly, theta), rtol=1e-8)
    print("root:        gradient of E(e, M)    ", grad(anomaly)(theta).numpy())

    hessian = jacobian(grad(anomaly))(theta).numpy()
    columns = [central_differences(lambda t, i=i: grad(anomaly)(t).numpy()[i], theta) for i in range(2)]
    np.testing.assert_allclose(hessian, columns, rtol=1e-7)
    print("             Hessian of E(e, M)     ", hessian.tolist())


if __name__ == "__main__":
    main()
