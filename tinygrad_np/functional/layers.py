"""What layers compute: the functions that have no state of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.errors.warning import warn
from tinygrad_np.functional._operands import Array, T, known
from tinygrad_np.graph import leaf
from tinygrad_np.primitives import table
from tinygrad_np.record import depth, wrap
from tinygrad_np.rules import neural
from tinygrad_np.tensor import Tensor

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
        raise _why_not_linear(x, weight, bias)
    if x.dtype != weight.dtype:
        _warn_of_dtypes(x, weight)
    return table[np.matmul](x, weight) if bias is None else neural.linear(x, weight, bias)


def _warn_of_dtypes(x: Any, weight: Any) -> None:
    """Warn of data in higher precision than the parameters that it meets, as float64 is without anybody's wish."""
    data = not (isinstance(x, Tensor) and x.requires_grad)
    if data and x.dtype.kind == "f" and x.dtype.itemsize > weight.dtype.itemsize and isinstance(weight, Tensor):
        warn(
            f"linear: x is {x.dtype} and the weight {weight.dtype}, so this and all that follows is computed in "
            f"{x.dtype}, in twice the time; pass x.astype(np.{weight.dtype}), or make the layers with "
            f"dtype=np.{x.dtype}"
        )


def _why_not_linear(x: Any, weight: Any, bias: Any) -> Exception:
    from tinygrad_np.errors.explain import refusal  # who makes no mistake need not import it

    operands = {"x": x, "weight": weight, "bias": bias}
    if len(weight.shape) != 2:
        return refusal("linear", operands, "{weight} must have two axes, (n_in, n_out)")
    n_in, n_out = weight.shape
    if x.shape[-1:] == (n_in,):
        return refusal("linear", operands, f"{{bias}} needs shape {(n_out,)}, one number for each column of {{weight}}")
    problem = f"the last axis of {{x}} has {x.shape[-1]}, but {{weight}} takes {n_in}" if x.shape else "{x} has no axes"
    mend = None
    if math.prod(x.shape[1:]) == n_in:
        mend = f"{{x}}.reshape(len({{x}}), -1) has shape {(x.shape[0], n_in)}"
    elif x.shape[-1:] == (n_out,) and (bias is None or bias.shape == (n_in,)):
        mend = "{weight}.mT, for weights are (n_in, n_out)"
    elif len(x.shape) == 2 and x.shape[0] == n_in:
        mend = f"{{x}}.mT has shape {x.shape[::-1]}: one example per row"
    return refusal("linear", operands, problem, mend)


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
