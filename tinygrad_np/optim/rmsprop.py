"""RMSProp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_np.optim.optimizer import Array, Optimizer, Parameters

__all__ = ["RMSProp"]


class RMSProp(Optimizer):
    """Divide the gradient by a running root mean square of itself.

    ::

        s = alpha s + (1 - alpha) g²
        a = alpha a + (1 - alpha) g                             centered only
        d = g / (sqrt(s - a²) + eps)                            a = 0 where not centered
        p = p - lr d
        v = momentum v + d;   p = p - lr v                      with momentum

    Formulas and defaults are those of PyTorch (Tieleman and Hinton, 2012; centered: Graves, 2013).

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        See :class:`Optimizer`, also for ``weight_decay`` and ``decoupled_weight_decay``.
    lr : float
        Learning rate.
    alpha : float
        How much of the running means is kept.
    eps : float
        Keeps the quotient finite.
    momentum : float
        How much of the last change is kept.
    centered : bool
        Divide by an estimate of the standard deviation instead.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            momentum=momentum,
            centered=centered,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
        )

    def _change(
        self, g: Array, t: Array, state: dict[str, Any], *,
        lr: float, alpha: float, eps: float, momentum: float, centered: bool,
    ) -> None:  # fmt: skip
        s = state["square_avg"]
        s *= alpha
        np.multiply(g, g, out=t)
        s += np.multiply(t, 1 - alpha, out=t)
        if centered:
            a = state["grad_avg"]
            a *= alpha
            a += np.multiply(g, 1 - alpha, out=t)
            np.multiply(a, a, out=t)
            np.sqrt(np.subtract(s, t, out=t), out=t)
        else:
            np.sqrt(s, out=t)
        t += eps
        d = np.divide(g, t, out=t)
        if momentum:
            v = state["momentum_buffer"]
            v *= momentum
            v += d
            d = v
        np.multiply(d, lr, out=t)

    @staticmethod
    def _buffers(options: Mapping[str, Any]) -> tuple[str, ...]:
        centered = ("grad_avg",) if options["centered"] else ()
        return ("square_avg", *centered, *(("momentum_buffer",) if options["momentum"] else ()))
