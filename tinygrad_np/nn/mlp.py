"""``MLP``: the multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_np import functional as F
from tinygrad_np.nn.initializers import RNG, Initializer
from tinygrad_np.nn.layers import Dropout, Linear, name_of
from tinygrad_np.nn.module import Module
from tinygrad_np.tensor import Tensor

__all__ = ["MLP"]

Activation = Callable[[Any], Any]

#: Name of an activation -> the function, and the initializer that suits the weights before it.
_ACTIVATIONS: dict[str, tuple[Activation, str]] = {
    "relu": (F.relu, "he_normal"),
    "leaky_relu": (F.leaky_relu, "he_normal"),
    "gelu": (F.gelu, "he_normal"),
    "silu": (F.silu, "he_normal"),
    "softplus": (F.softplus, "he_normal"),
    "tanh": (F.tanh, "glorot_uniform"),
    "sigmoid": (F.sigmoid, "glorot_uniform"),
}


class MLP(Module):
    """Fully connected layers with an activation after each but the last: it returns logits.

    Parameters
    ----------
    layer_sizes : sequence of int
        Of the input, the hidden layers, the output.
    activation : str, callable, or a sequence of such
        ``"relu"``, ``"leaky_relu"``, ``"gelu"``, ``"silu"``, ``"softplus"``, ``"tanh"``, ``"sigmoid"``, or a function;
        a sequence has one for each hidden layer.
    dropout : float
        The fraction of each hidden layer that is dropped in training.
    initializer : str or callable, optional
        Of all weights; see :class:`Linear`. By default what suits the activation that follows: He for those like relu,
        Glorot for the others and for the output. Biases begin as zeros.
    dtype : dtype
        Floating point.
    rng : Generator or int, optional
        Where initial weights and dropout masks come from.

    Attributes
    ----------
    layers : list of Linear
    activations : list of callables
        One for each hidden layer.
    dropout : Dropout or None

    Raises
    ------
    ValueError
        If there are fewer than two sizes, one is not positive, the number of activations is not that of the hidden
        layers, or a name is unknown.

    Examples
    --------
    >>> model = MLP([784, 128, 64, 10], activation="relu", rng=0)
    >>> model
    MLP([784, 128, 64, 10], activation=relu)
    >>> sum(parameter.size for parameter in model.parameters())
    109386
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        activation: str | Activation | Sequence[str | Activation] = "relu",
        *,
        dropout: float = 0.0,
        initializer: str | Initializer | None = None,
        dtype: DTypeLike = np.float32,
        rng: RNG = None,
    ) -> None:
        sizes = list(layer_sizes)
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"MLP: layer_sizes must be two or more positive sizes, such as [64, 32, 10], not {sizes}")
        n_hidden = len(sizes) - 2
        if isinstance(activation, str) or callable(activation):
            known = [_known(activation)] * n_hidden
        else:
            known = [_known(each) for each in activation]
        if len(known) != n_hidden:
            raise ValueError(f"MLP: {n_hidden} hidden layers, but {len(known)} activations")
        rng = np.random.default_rng(rng)
        (mask_rng,) = rng.spawn(1)  # a stream of its own: the weights do not depend on dropout
        suited = [init for _, init in known] + ["glorot_uniform"]
        self.layers = [
            Linear(n_in, n_out, weight_init=initializer or init, dtype=dtype, rng=rng)
            for n_in, n_out, init in zip(sizes[:-1], sizes[1:], suited, strict=True)
        ]
        self.activations = [function for function, _ in known]
        self.dropout = Dropout(dropout, rng=mask_rng) if dropout else None

    def forward(self, x: Any) -> Tensor:
        """Map (..., n_in) to logits (..., n_out)."""
        *hidden, last = self.layers
        for layer, activation in zip(hidden, self.activations, strict=True):
            x = activation(layer(x))
            if self.dropout is not None:
                x = self.dropout(x)
        return last(x)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        sizes = [self.layers[0].weight.shape[0], *(layer.weight.shape[1] for layer in self.layers)]
        names = [name_of(activation) for activation in self.activations]
        same = f", activation={names[0]}" if names else ""
        activation = same if len(set(names)) <= 1 else f", activation=[{', '.join(names)}]"
        dropout = "" if self.dropout is None else f", dropout={self.dropout.p}"
        return f"MLP({sizes}{activation}{dropout})"


def _known(activation: str | Activation) -> tuple[Activation, str]:
    """The function, and the name of the initializer that suits it."""
    if callable(activation):
        suits = dict(_ACTIVATIONS.values())
        return activation, suits.get(activation, "glorot_uniform")
    if activation not in _ACTIVATIONS:
        raise ValueError(
            f"MLP: there is no activation {activation!r}; there are {', '.join(_ACTIVATIONS)}, or pass a function"
        )
    return _ACTIVATIONS[activation]
