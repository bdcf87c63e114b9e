"""Optimizers for libraries that have none: in place, with all arrays made beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["optimizer"]

Array = Any


def optimizer(name: str, parameters: list[Array], lr: float) -> Callable[[list[Array]], None]:
    """Return a function of the gradients that changes ``parameters``."""
    return {"sgd": Momentum, "momentum": Momentum, "adam": Adam}[name](
        parameters, lr, **({"momentum": 0.9} if name == "momentum" else {})
    )


class Momentum:
    """``v = momentum v + g; p = p - lr v``; plain gradient descent without momentum."""

    def __init__(self, parameters: list[Array], lr: float, momentum: float = 0.0) -> None:
        self.lr, self.momentum = np.float32(lr), np.float32(momentum)
        self.p, self.v, self.t = parameters, *([np.zeros_like(p) for p in parameters] for _ in range(2))

    def __call__(self, gradients: list[Array]) -> None:
        for p, g, v, t in zip(self.p, gradients, self.v, self.t, strict=True):
            if self.momentum:
                np.multiply(v, self.momentum, v)
                g = np.add(v, g, v)
            np.multiply(g, self.lr, t)
            np.subtract(p, t, p)


class Adam:
    """Adam (Kingma and Ba, 2015), in the order of operations that the paper proposes at the end of section 2."""

    def __init__(self, parameters: list[Array], lr: float) -> None:
        self.lr, self.steps = lr, 0
        self.p, self.m, self.v = parameters, *([np.zeros_like(p) for p in parameters] for _ in range(2))
        self.t = [np.empty_like(p) for p in parameters]

    def __call__(self, gradients: list[Array]) -> None:
        self.steps += 1
        root = (1 - 0.999**self.steps) ** 0.5
        scale, eps = np.float32(self.lr * root / (1 - 0.9**self.steps)), np.float32(1e-8 * root)
        for p, g, m, v, t in zip(self.p, gradients, self.m, self.v, self.t, strict=True):
            np.multiply(m, np.float32(0.9), m)
            np.multiply(g, np.float32(0.1), t)
            np.add(m, t, m)
            np.multiply(v, np.float32(0.999), v)
            np.square(g, t)
            np.multiply(t, np.float32(0.001), t)
            np.add(v, t, v)
            np.sqrt(v, t)
            np.add(t, eps, t)
            np.divide(m, t, t)
            np.multiply(t, scale, t)
            np.subtract(p, t, p)
