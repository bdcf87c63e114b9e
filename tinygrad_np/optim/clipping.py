"""Gradient clipping: no step is longer than it should be."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__all__ = ["clip_by_norm", "clip_by_value"]


def clip_by_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Shorten all gradients together, so that the norm of them all is at most ``max_norm``.

    Parameters
    ----------
    parameters : iterable of Tensors
        Those without a gradient are left alone.
    max_norm : float
        Above 0.

    Returns
    -------
    float
        The norm before: infinite or NaN where a gradient is, and then nothing is changed.

    References
    ----------
    Pascanu, Mikolov, Bengio, 2013, "On the difficulty of training recurrent neural networks", algorithm 1.

    Examples
    --------
    >>> w = Tensor([1.0, 1.0], requires_grad=True)
    >>> np.sum(w * np.array([3.0, 4.0])).backward()
    >>> float(clip_by_norm([w], 1.0)), w.grad
    (5.0, Tensor([0.6, 0.8], dtype=float64))
    """
    if not max_norm > 0:
        raise ValueError(f"clip_by_norm: max_norm must be above 0, not {max_norm}")
    with_gradient = [(p, p.grad._data) for p in parameters if p.grad is not None]
    in_double = [g.astype(np.float64) for _, g in with_gradient]  # the squares of large float32 numbers would overflow
    norm = np.sqrt(sum(np.vdot(g, g) for g in in_double))
    factor = np.where((norm > max_norm) & (norm < math.inf), max_norm / np.maximum(norm, max_norm), 1.0)
    for p, g in with_gradient:  # whatever the norm is: no branch, so that a compiled step is one program
        p.grad = wrap(g * factor.astype(g.dtype))
    return norm  # type: ignore[no-any-return]


def clip_by_value(parameters: Iterable[Tensor], limit: float) -> None:
    """Limit each element of each gradient to ``[-limit, limit]``.

    Examples
    --------
    >>> w = Tensor([1.0, 1.0], requires_grad=True)
    >>> np.sum(w * np.array([3.0, -0.5])).backward()
    >>> clip_by_value([w], 1.0)
    >>> w.grad
    Tensor([ 1. , -0.5], dtype=float64)
    """
    if not limit > 0:
        raise ValueError(f"clip_by_value: limit must be above 0, not {limit}")
    for p in parameters:
        if p.grad is not None:
            p.grad = np.clip(p.grad.detach(), -limit, limit)
