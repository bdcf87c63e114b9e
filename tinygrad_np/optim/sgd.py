"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_np.optim.optimizer import Array, Optimizer, Parameters

__all__ = ["SGD"]


class SGD(Optimizer):
    """Gradient descent on batches, with momentum or Nesterov's look-ahead if wanted.

    ::

        p = p - lr g
        v = momentum v + g;   p = p - lr v                      with momentum
        v = momentum v + g;   p = p - lr (g + momentum v)       with Nesterov

    Formulas and defaults are those of PyTorch, without dampening (Sutskever et al., 2013).

    Parameters
    ----------
    params : iterable of Tensors, or of dicts
        See :class:`Optimizer`, also for ``weight_decay`` and ``decoupled_weight_decay``.
    lr : float
        Learning rate.
    momentum : float
        How much of the last change is kept.
    nesterov : bool
        Needs momentum.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> w = Tensor([4.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.25)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.item()
    2.0
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        *,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            decoupled_weight_decay=decoupled_weight_decay,
        )

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with options of their own."""
        super().add_param_group(group)
        added = self.param_groups[-1]
        if added["nesterov"] and added["momentum"] == 0:
            del self.param_groups[-1]
            raise ValueError("SGD: nesterov=True looks ahead along the momentum; give it one, such as momentum=0.9")

    def _change(
        self, g: Array, t: Array, state: dict[str, Any], *, lr: float, momentum: float = 0, nesterov: bool = False
    ) -> None:
        if momentum:
            v = state["momentum_buffer"]
            v *= momentum
            v += g
            g = np.add(g, np.multiply(v, momentum, out=t), out=t) if nesterov else v
        np.multiply(g, lr, out=t)

    @staticmethod
    def _buffers(options: Mapping[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if options["momentum"] else ()
