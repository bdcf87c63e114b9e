"""Everything that training changes: parameters, what the optimizer remembers, generators of random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_np.nn import Module
from tinygrad_np.optim import Optimizer

__all__ = ["State", "generators_of"]


class State:
    """What a step of training changes, to be copied and put back.

    What is put back goes to where it was: the same Tensors, dicts and generators, as compiled steps know them.

    Parameters
    ----------
    model : Module
    optimizer : Optimizer
    *generators : Generator
        More than those in the model, such as the one that draws the order of the examples.

    Examples
    --------
    >>> from tinygrad_np import nn, optim
    >>> model = nn.MLP([2, 3], rng=0)
    >>> state = State(model, optim.SGD(model.parameters(), 0.1))
    >>> before = state.copy()
    >>> model.layers[0].bias.data = np.ones(3, np.float32)
    >>> state.put_back(before)
    >>> model.layers[0].bias
    Tensor([0., 0., 0.], dtype=float32, name='layers.0.bias', requires_grad=True)
    """

    def __init__(self, model: Module, optimizer: Optimizer, *generators: np.random.Generator) -> None:
        self.model, self.optimizer = model, optimizer
        self.generators = [*generators_of(model), *generators]

    def copy(self) -> dict[str, Any]:
        """Return copies, in a flat dict: arrays, numbers, and the states of generators."""
        return {
            **{f"model.{name}": array for name, array in self.model.state_dict().items()},
            **{f"optimizer.{name}": value for name, value in self.optimizer.state_dict().items()},
            **{f"generator.{i}": generator.bit_generator.state for i, generator in enumerate(self.generators)},
        }

    def put_back(self, copied: Mapping[str, Any]) -> None:
        """Make everything what it was when it was copied.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is the state of another model, or of another optimizer.
        """
        self.model.load_state_dict(_below("model.", copied))
        self.optimizer.load_state_dict(_below("optimizer.", copied))
        for i, generator in enumerate(self.generators):
            generator.bit_generator.state = copied[f"generator.{i}"]


def generators_of(model: Module) -> list[np.random.Generator]:
    """The generators of random numbers among the attributes of a model and of the modules below, each once."""
    found = {id(g): g for m in model.modules() for g in vars(m).values() if isinstance(g, np.random.Generator)}
    return list(found.values())


def _below(prefix: str, copied: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in copied.items() if name.startswith(prefix)}
