"""What layers compute: the functions that have no state of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.functional._operands import Array, T, known
from tinygrad_np.graph import leaf
from tinygrad_np.primitives import table
from tinygrad_np.record import depth, wrap
from tinygrad_np.rules import neural

__all__ = ["dropout", "linear"]


def linear(x: Array, weight: Array, bias: Array | None = None) -> Any:
    """``x @ weight + bias``, in one operation.

    Parameters
    ----------
    x : Tensor or array, shape (..., n_in)
    weight : Tensor or array, shape (n_in, n_out)
    bias : Tensor or array, shape (n_out,), optional

    Returns
    -------
    Tensor, shape (..., n_out)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x, weight, bias = known(x), known(weight), None if bias is None else known(bias)
    if weight.ndim != 2 or x.shape[-1:] != weight.shape[:1] or (bias is not None and bias.shape != weight.shape[1:]):
        raise ValueError(_why_not_linear(x.shape, weight.shape, None if bias is None else bias.shape))
    return table[np.matmul](x, weight) if bias is None else neural.linear(x, weight, bias)


def _why_not_linear(x: tuple[int, ...], weight: tuple[int, ...], bias: tuple[int, ...] | None) -> str:
    shapes = f"linear: x has shape {x}, weight {weight}" + ("" if bias is None else f", bias {bias}")
    if len(weight) != 2:
        return f"{shapes}; weight must have two axes, (n_in, n_out)"
    n_in, n_out = weight
    if x[-1:] == (n_in,):
        return f"{shapes}; bias must have shape {(n_out,)}, one number for each column of weight"
    if math.prod(x[1:]) == n_in:
        return f"{shapes}; flatten each example: x.reshape(len(x), -1)"
    if x[-1:] == (n_out,):
        return f"{shapes}; weight must be (n_in, n_out): pass weight.T"
    return f"{shapes}; the last axis of x must have length {n_in}"


def dropout(x: T, p: float = 0.5, *, rng: np.random.Generator | int | None, training: bool = True) -> T:
    """Inverted dropout: set elements to zero with probability ``p``, and scale the others by ``1 / (1 - p)``.

    The expectation is ``x``, so nothing has to be scaled when the network is used (Srivastava et al., 2014).

    Parameters
    ----------
    x : Tensor or ndarray
    p : float
        At least 0 and below 1.
    rng : Generator or int
        Where the mask comes from. A Generator gives another mask in each call, a seed always the same one. Masks do
        not depend on the dtype of ``x``.
    training : bool
        If false, or if ``p`` is 0, the result is ``x`` itself.

    Raises
    ------
    ValueError
        If ``p`` is out of its limits.
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p must be at least 0 and below 1, not {p}; it is the fraction that is set to zero")
    if not training or p == 0:
        return x
    keep = np.random.default_rng(rng).random(x.shape, dtype=np.float32) >= p
    mask = np.multiply(keep, 1 / (1 - p), dtype=np.result_type(x.dtype, 0.0))
    if not depth(x):
        return x * mask
    return x * wrap(mask, leaf(mask, False, "mask"))  # nobody else has the mask: no copy
