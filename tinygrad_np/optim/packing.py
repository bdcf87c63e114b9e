"""Small parameters that take their step together, as parts of one vector.

On a small array an operation costs its call, and a step of Adam is a dozen of them for each parameter. The formulas are
elementwise, so a network's small parameters may as well be one vector: gradients are put together in each step, and
what the optimizer remembers is kept together, each parameter's ``state`` being a view of its part. One that remembers
nothing has so few operations that this would not pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_np.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_np.optim.optimizer import Optimizer

__all__ = ["common_memory", "is_small", "parts"]

Array = np.ndarray[Any, Any]
Memory = dict[str, Any]
Tensors = tuple[Tensor, ...]

_SMALL = 8192  # elements: from here on, to put gradients together costs as much as it saves

#: The packs of each optimizer: not in it, for a copy of an optimizer has arrays of its own.
_packs: WeakKeyDictionary[Optimizer, dict[Tensors, _Pack]] = WeakKeyDictionary()


def is_small(value: Any) -> bool:
    """Whether a parameter of this value is better off in a vector with others."""
    return value.__class__ is np.ndarray and value.size <= _SMALL and value.flags.c_contiguous


def parts(vector: Array, arrays: Iterable[Any]) -> Iterator[Array]:
    """Yield the part of a vector that belongs to each of several arrays, or Tensors, in its shape."""
    end = 0
    for array in arrays:
        start, end = end, end + array.size
        yield vector[start:end].reshape(array.shape)


def common_memory(optimizer: Optimizer, params: Tensors, buffers: tuple[str, ...]) -> dict[str, Array]:
    """What the optimizer remembers of several parameters, as vectors of which the arrays in its ``state`` are views."""
    packs = _packs.setdefault(optimizer, {})
    pack, states = packs.get(params), [optimizer.state[p] for p in params]
    if pack is None or not pack.is_memory_of(states, buffers):
        for others in [others for others in packs if not set(params).isdisjoint(others)]:
            del packs[others]
        pack = packs[params] = _Pack(states, buffers)
    return pack.memory


class _Pack:
    """Vectors, and their parts in the states of several parameters."""

    def __init__(self, states: list[Memory], buffers: tuple[str, ...]) -> None:
        self.memory = {name: np.concatenate([state[name].reshape(-1) for state in states]) for name in buffers}
        self.parts = {
            name: list(parts(vector, [state[name] for state in states])) for name, vector in self.memory.items()
        }
        for name, views in self.parts.items():
            for state, view in zip(states, views, strict=True):
                state[name] = view

    def is_memory_of(self, states: list[Memory], buffers: tuple[str, ...]) -> bool:
        """Whether nobody has put other arrays in their places, as loading does."""
        return all(
            name in self.parts
            and all(state[name] is view for state, view in zip(states, self.parts[name], strict=True))
            for name in buffers
        )
