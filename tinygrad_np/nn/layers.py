"""Layers: modules that compute one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_np import functional as F
from tinygrad_np.nn.initializers import RNG, Initializer, by_name
from tinygrad_np.nn.module import Module, listed
from tinygrad_np.tensor import Tensor

__all__ = ["Dropout", "Linear", "Sequential", "name_of"]


class Linear(Module):
    """``x @ weight + bias``.

    Parameters
    ----------
    n_in, n_out : int
        Lengths of the last axis of the input and the output.
    bias : bool
        Whether to add one; it begins as zeros.
    weight_init : str or callable
        Name of a function in :mod:`tinygrad_np.nn.initializers`, or such a function.
    dtype : dtype
        Floating point.
    rng : Generator or int, optional
        Where the initial weights come from.

    Attributes
    ----------
    weight : Tensor, shape (n_in, n_out)
    bias : Tensor, shape (n_out,), or None

    Raises
    ------
    ValueError
        If a size is not positive, or there is no such initializer.
    TypeError
        If the dtype is not floating point.

    Examples
    --------
    >>> layer = Linear(3, 2, rng=0)
    >>> layer(np.zeros((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        bias: bool = True,
        *,
        weight_init: str | Initializer = "glorot_uniform",
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        if n_in < 1 or n_out < 1:
            raise ValueError(f"Linear: the sizes must be positive, not {n_in} and {n_out}")
        weight = by_name(weight_init)((n_in, n_out), rng=rng, dtype=dtype)
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(np.zeros(n_out, dtype), requires_grad=True) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Map (..., n_in) to (..., n_out)."""
        return F.linear(x, self.weight, self.bias)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        n_in, n_out = self.weight.shape
        return f"Linear({n_in}, {n_out}{'' if self.bias is not None else ', bias=False'})"


class Dropout(Module):
    """Set elements to zero with probability ``p`` while training; see :func:`tinygrad_np.functional.dropout`.

    Parameters
    ----------
    p : float
        At least 0 and below 1.
    rng : Generator or int, optional
        Where the masks come from. A seed makes a Generator of its own.

    Raises
    ------
    ValueError
        If ``p`` is out of its limits.
    """

    def __init__(self, p: float = 0.5, *, rng: RNG = None) -> None:
        self.p = p
        self.rng = np.random.default_rng(rng)
        F.dropout(np.zeros(0), p, rng=0)  # complain about p now rather than in the first step

    def forward(self, x: Any) -> Any:
        """Return a tensor of the shape of ``x``."""
        return F.dropout(x, self.p, rng=self.rng, training=self.training)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class Sequential(Module):
    """One layer after the other.

    Parameters
    ----------
    *layers : callables
        Modules, and functions such as ``np.tanh`` or those in :mod:`tinygrad_np.functional`.

    Raises
    ------
    TypeError
        If one cannot be called.

    Examples
    --------
    >>> Sequential(Linear(4, 8, rng=0), F.relu, Linear(8, 2, rng=1))
    Sequential(
      Linear(4, 8),
      relu,
      Linear(8, 2),
    )
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for i, layer in enumerate(layers):
            if not callable(layer):
                hint = "; unpack a list of layers: Sequential(*layers)" if isinstance(layer, list | tuple) else ""
                raise TypeError(f"Sequential: layer {i} is a {type(layer).__name__}, which cannot be called{hint}")
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        """Apply the layers in turn."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        return listed("Sequential", list(map(name_of, self.layers)))


def name_of(layer: Callable[[Any], Any]) -> str:
    """What a layer is called in a repr: a function by its name."""
    return repr(layer) if isinstance(layer, Module) else getattr(layer, "__name__", repr(layer))
