"""The training step of :mod:`benchmarks.training` in other libraries, each as its documentation would have it.

A function takes the initial parameters and the batches, and returns one that takes a step and returns the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

from benchmarks.hand_written import Adam

__all__ = ["hips", "jax", "mygrad", "pytorch"]

Array = Any
Step = Callable[[], float]
Batches = Sequence[tuple[Array, Array]]


def pytorch(parameters: list[Array], batches: Batches, lr: float) -> Step:
    """Eager mode, with the fastest of PyTorch's Adams."""
    import torch

    leaves = [torch.tensor(p.T.copy() if p.ndim == 2 else p, requires_grad=True) for p in parameters]
    data = cycle([(torch.tensor(x), torch.tensor(y)) for x, y in batches])
    optimizer = torch.optim.Adam(leaves, lr, fused=True)
    linear, relu = torch.nn.functional.linear, torch.nn.functional.relu

    def step() -> float:
        x, y = next(data)
        for w, b in zip(leaves[:-2:2], leaves[1:-2:2], strict=True):
            x = relu(linear(x, w, b))
        loss = torch.nn.functional.cross_entropy(linear(x, *leaves[-2:]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def jax(parameters: list[Array], batches: Batches, lr: float) -> Step:
    """The whole step under ``jax.jit``, its buffers reused."""
    import jax
    import jax.numpy as jnp

    def loss_of(p: list[Array], x: Array, y: Array) -> Array:
        for w, b in zip(p[:-2:2], p[1:-2:2], strict=True):
            x = jax.nn.relu(x @ w + b)
        log_p = jax.nn.log_softmax(x @ p[-2] + p[-1])
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

    def update(state: Any, x: Array, y: Array) -> tuple[Any, Array]:
        p, m, v, t = state
        loss, g = jax.value_and_grad(loss_of)(p, x, y)
        t = t + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        p = jax.tree.map(lambda p, m, v: p - lr * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), p, m, v)
        return (p, m, v, t), loss

    compiled = jax.jit(update, donate_argnums=0)
    leaves = [jnp.array(p) for p in parameters]
    state = (leaves, [jnp.zeros_like(p) for p in leaves], [jnp.zeros_like(p) for p in leaves], jnp.float32(0))
    data = cycle([(jnp.array(x), jnp.array(y)) for x, y in batches])

    def step() -> float:
        nonlocal state
        state, loss = compiled(state, *next(data))
        return float(loss)

    return step


def hips(parameters: list[Array], batches: Batches, lr: float) -> Step:
    """HIPS autograd for the gradients, the textbook's Adam."""
    import autograd
    import autograd.numpy as np

    leaves = [p.copy() for p in parameters]
    data, optimizer = cycle(batches), Adam(leaves, lr)

    def loss_of(p: list[Array], x: Array, y: Array) -> Array:
        for w, b in zip(p[:-2:2], p[1:-2:2], strict=True):
            x = np.maximum(np.dot(x, w) + b, 0)
        z = np.dot(x, p[-2]) + p[-1]
        z = z - np.max(z, axis=1, keepdims=True)
        log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
        return -np.mean(log_p[np.arange(len(y)), y])

    gradient = autograd.value_and_grad(loss_of)

    def step() -> float:
        loss, gradients = gradient(leaves, *next(data))
        optimizer.step(leaves, [g.astype(p.dtype, copy=False) for p, g in zip(leaves, gradients, strict=True)])
        return float(loss)

    return step


def mygrad(parameters: list[Array], batches: Batches, lr: float) -> Step:
    """MyGrad for the gradients (without its guard against in-place changes, which costs time), the textbook's Adam."""
    import mygrad as mg
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    leaves = [mg.tensor(p) for p in parameters]
    data, optimizer = cycle(batches), Adam(parameters, lr)

    def step() -> float:
        x, y = next(data)
        with mg.mem_guard_off:
            for w, b in zip(leaves[:-2:2], leaves[1:-2:2], strict=True):
                x = relu(mg.matmul(x, w) + b)
            loss = softmax_crossentropy(mg.matmul(x, leaves[-2]) + leaves[-1], y)
            loss.backward()
        optimizer.step([p.data for p in leaves], [p.grad for p in leaves])
        return float(loss)

    return step
