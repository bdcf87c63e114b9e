"""JAX: all of a step under ``jit``, its buffers given back (``donate_argnums``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.implementations import Step
from benchmarks.implementations.formulas import network, sigmoid_cross_entropy
from benchmarks.tasks import Chain, Elementwise, HessianVector, Training, Update

__all__ = ["JAX"]

Array = Any


def _softmax_cross_entropy(z: Any, y: Any) -> Any:
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1).mean()


def _adam(p: Any, m: Any, v: Any, g: Any, t: Any, lr: float) -> tuple[Any, Any, Any]:
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
    c1, c2 = 1 - 0.9**t, 1 - 0.999**t
    return jax.tree.map(lambda p, m, v: p - lr * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), p, m, v), m, v


class JAX:
    """Arrays are on the device before, and results are waited for."""

    arrays_are_numpys = False

    def training(self, task: Training) -> Any:
        return _Trainer(task)

    def chain(self, task: Chain) -> Step:
        def end(x: Any, b: Any) -> Any:
            return jax.lax.scan(lambda y, _: (y * x + b, None), x, None, task.operations // 2)[0].sum()

        return self._gradient(end, task.arrays())

    def elementwise(self, task: Elementwise) -> Step:
        return self._gradient(lambda x, w, b: jnp.mean(jnp.tanh(x * w + b) ** 2 * jax.nn.sigmoid(x)), task.arrays())

    def _gradient(self, function: Callable[..., Any], arrays: list[Array]) -> Step:
        gradient = jax.jit(jax.value_and_grad(function, tuple(range(len(arrays)))))
        given = [jnp.array(a) for a in arrays]

        def step() -> list[Any]:
            value, gradients = jax.block_until_ready(gradient(*given))
            return [value, *gradients]

        return step

    def hessian_vector(self, task: HessianVector) -> Step:
        x, labels = map(jnp.array, task.network.data()[0])
        gradient = jax.grad(lambda p: _softmax_cross_entropy(network(p, x, jax.nn.relu), labels))
        product = jax.jit(lambda p, v: jax.jvp(gradient, (p,), (v,))[1])
        p, v = ([jnp.array(a) for a in arrays] for arrays in (task.network.parameters(), task.vector()))
        return lambda: jax.block_until_ready(product(p, v))  # type: ignore[no-any-return]

    def update(self, task: Update) -> Step:
        p, g = map(jnp.array, task.arrays())
        state = p, jnp.zeros_like(p), jnp.zeros_like(p), jnp.float32(0)

        @partial(jax.jit, donate_argnums=0)
        def update(state: Any, g: Any) -> Any:
            p, m, v, t = state
            return *_adam(p, m, v, g, t + 1, task.lr), t + 1

        def step() -> list[Any]:
            nonlocal state
            state = jax.block_until_ready(update(state, g))
            return [state[0]]

        return step


class _Trainer:
    def __init__(self, task: Training) -> None:
        loss_of = partial(sigmoid_cross_entropy, jnp) if task.binary else _softmax_cross_entropy
        activation = jax.nn.relu if task.activation == "relu" else jnp.tanh

        def loss(p: list[Any], x: Any, y: Any) -> Any:
            return loss_of(network(p, x, activation), y)

        @partial(jax.jit, donate_argnums=0)
        def update(state: Any, x: Any, y: Any) -> tuple[Any, Any]:
            p, m, v, t = state
            value, g = jax.value_and_grad(loss)(p, x, y)
            if task.optimizer == "adam":
                p, m, v = _adam(p, m, v, g, t + 1, task.lr)
            else:
                if task.optimizer == "momentum":
                    g = m = jax.tree.map(lambda m, g: 0.9 * m + g, m, g)
                p = jax.tree.map(lambda p, g: p - task.lr * g, p, g)
            return (p, m, v, t + 1), value

        p = [jnp.array(p) for p in task.parameters()]
        m, v = ([jnp.zeros_like(a) for a in p] if n else None for n in _MOMENTS[task.optimizer])
        self.state, self.update = (p, m, v, jnp.float32(0)), update

    def batch(self, x: Array, y: Array) -> tuple[Any, Any]:
        return jnp.array(x), jnp.array(y)

    def step(self, x: Any, y: Any) -> float:
        self.state, loss = self.update(self.state, x, y)
        return float(loss)

    def parameters(self) -> list[Array]:
        return [np.array(p) for p in self.state[0]]


_MOMENTS = {"sgd": (0, 0), "momentum": (1, 0), "adam": (1, 1)}
