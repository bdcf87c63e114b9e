"""The options of a training run: their names, defaults and limits, in one place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np

from tinygrad_np import nn, optim
from tinygrad_np.data import Dataset
from tinygrad_np.tensor import Tensor

__all__ = ["OPTIMIZERS", "Config", "OptionError"]


@dataclass(frozen=True)
class Recipe:
    """How to make an optimizer, and the learning rate that suits it where the user names none."""

    make: Callable[[Iterable[Tensor], float], optim.Optimizer]
    learning_rate: float


OPTIMIZERS = {
    "sgd": Recipe(lambda parameters, lr: optim.SGD(parameters, lr), 0.2),
    "momentum": Recipe(lambda parameters, lr: optim.SGD(parameters, lr, momentum=0.9), 0.02),
    "nesterov": Recipe(lambda parameters, lr: optim.SGD(parameters, lr, momentum=0.9, nesterov=True), 0.02),
    "rmsprop": Recipe(lambda parameters, lr: optim.RMSProp(parameters, lr), 0.001),
    "adam": Recipe(lambda parameters, lr: optim.Adam(parameters, lr), 0.002),
    "adamw": Recipe(lambda parameters, lr: optim.AdamW(parameters, lr), 0.002),
}

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu")

DTYPES = ("float32", "float64")


class OptionError(ValueError):
    """An option has a value that it cannot have.

    Attributes
    ----------
    option : str
        Its name in :class:`Config`.
    problem : str
        The rest of the sentence.
    """

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option} {problem}")
        self.option, self.problem = option, problem


@dataclass(frozen=True)
class Config:
    """What to train, and how.

    Raises
    ------
    OptionError
        If an option is out of its limits.

    Examples
    --------
    >>> Config(optimizer="sgd").learning_rate
    0.2
    >>> Config(epochs=0)
    Traceback (most recent call last):
        ...
    tinygrad_np.train.config.OptionError: epochs must be at least 1, not 0
    """

    layers: tuple[int, ...] = (64, 256, 128, 10)
    activation: str = "relu"
    optimizer: str = "adam"
    learning_rate: float | None = None  # the one that suits the optimizer
    batch_size: int = 64
    epochs: int = 40
    l2: float = 0.0
    dropout: float = 0.3
    seed: int = 0
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for option, choices in (("activation", ACTIVATIONS), ("optimizer", OPTIMIZERS), ("dtype", DTYPES)):
            value = getattr(self, option)
            if value not in choices:
                raise OptionError(option, f"must be one of {', '.join(choices)}, not {value!r}")
        suits = OPTIMIZERS[self.optimizer].learning_rate
        rate = suits if self.learning_rate is None else self.learning_rate
        object.__setattr__(self, "learning_rate", rate)
        if len(self.layers) < 2 or min(self.layers) < 1:
            raise OptionError("layers", f"must be two or more positive sizes, not {_joined(self.layers)}")
        for option, lowest in (("epochs", 1), ("batch_size", 0), ("seed", 0)):
            value = getattr(self, option)
            if value < lowest:
                raise OptionError(option, f"must be at least {lowest}, not {value}")
        if not (0 < rate < math.inf):
            raise OptionError("learning_rate", f"must be a positive number, not {rate}")
        if not (0 <= self.l2 < math.inf):
            raise OptionError("l2", f"must be zero or a positive number, not {self.l2}")
        if not (0 <= self.dropout < 1):
            raise OptionError("dropout", f"must be at least 0 and below 1, not {self.dropout}")

    def check_against(self, data: Dataset) -> None:
        """Raise OptionError if the first or last layer does not fit the data."""
        n_features, n_classes = int(np.prod(data.x.shape[1:])), len(data.class_names)
        if self.layers[0] != n_features or self.layers[-1] != n_classes:
            fitting = _joined((n_features, *self.layers[1:-1], n_classes))
            raise OptionError(
                "layers",
                f"must begin with the {n_features} inputs of an example of {data.name} and end with its "
                f"{n_classes} classes, like {fitting}, not {_joined(self.layers)}",
            )

    def build_model(self, rng: np.random.Generator) -> nn.MLP:
        """Make the network, with initial weights drawn from ``rng``."""
        return nn.MLP(
            self.layers, activation=self.activation, dropout=self.dropout, dtype=np.dtype(self.dtype), rng=rng
        )

    def build_optimizer(self, parameters: Iterable[Tensor]) -> optim.Optimizer:
        """Make the optimizer of ``parameters``."""
        return OPTIMIZERS[self.optimizer].make(parameters, cast(float, self.learning_rate))


def _joined(sizes: Iterable[int]) -> str:
    return ",".join(map(str, sizes))
