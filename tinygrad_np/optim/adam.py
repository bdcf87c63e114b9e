"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_np.optim.optimizer import Array, Optimizer, Parameters

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adaptive moments: RMSProp with momentum, both free of the bias of their beginning at zero.

    ::

        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g²
        p = p - lr (m / c1) / (sqrt(v / c2) + eps),   ci = 1 - betai^step

    computed, as the paper proposes (Kingma and Ba, 2015, end of section 2), as
    ``lr sqrt(c2) / c1 * m / (sqrt(v) + eps sqrt(c2))``. Formulas and defaults are those of PyTorch.

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        See :class:`Optimizer`, also for ``weight_decay`` and ``decoupled_weight_decay``.
    lr : float
        Learning rate.
    betas : (float, float)
        How much of the running means of g and g² is kept.
    eps : float
        Keeps the quotient finite.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
        )

    def _change(
        self, g: Array, t: Array, state: dict[str, Any], *, lr: float, betas: tuple[float, float], eps: float
    ) -> None:
        beta1, beta2 = betas
        m, v, step = state["exp_avg"], state["exp_avg_sq"], state["step"]
        m *= beta1
        m += np.multiply(g, 1 - beta1, out=t)
        v *= beta2
        np.multiply(g, g, out=t)
        v += np.multiply(t, 1 - beta2, out=t)
        root_c2 = (1 - beta2**step) ** 0.5
        np.sqrt(v, out=t)
        t += eps * root_c2
        np.divide(m, t, out=t)
        t *= lr * root_c2 / (1 - beta1**step)

    @staticmethod
    def _buffers(options: Mapping[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"


class AdamW(Adam):
    """Adam with decoupled weight decay: ``p`` decays to ``(1 - lr * weight_decay) p`` in each step, whatever ``g`` is.

    Formulas and defaults are those of PyTorch (Loshchilov and Hutter, 2019).

    Parameters
    ----------
    params, lr, betas, eps
        See :class:`Adam`.
    weight_decay : float
        The rate of the decay, in units of the learning rate.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, decoupled_weight_decay=True)
