"""Small parameters that take their step together, as parts of one vector.

On a small array an operation costs its call, and a step of Adam is a dozen of them for each parameter. The formulas are
elementwise, so a network's small parameters may as well be one vector: gradients are put together in each step, and
what the optimizer remembers is kept together, each parameter's ``state`` being a view of its part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tinygrad_np.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_np.optim.optimizer import Optimizer

__all__ = ["parts", "together"]

Array = np.ndarray[Any, Any]
Memory = dict[str, Any]
Tensors = tuple[Tensor, ...]

_SMALL = 8192  # elements: from here on, to put gradients together costs as much as it saves

#: The packs of each optimizer: not in it, for a copy of an optimizer has arrays of its own.
_packs: WeakKeyDictionary[Optimizer, dict[Tensors, _Pack]] = WeakKeyDictionary()


def together(
    optimizer: Optimizer, gradients: Mapping[Tensor, Array], buffers: tuple[str, ...]
) -> Iterator[tuple[Tensors, Array, Array, Memory]]:
    """Yield parameters that take a step together: (they, their gradient, room for the change, their state)."""
    small: dict[tuple[Any, int], list[Tensor]] = {}
    for p, g in gradients.items():
        value, state = p._data, optimizer.state[p]
        if value.__class__ is np.ndarray and value.size <= _SMALL and value.flags.c_contiguous:
            small.setdefault((value.dtype, state["step"]), []).append(p)
        else:
            yield (p,), g, np.empty_like(value), state
    for (_, step), members in small.items():
        params = tuple(members)
        if len(params) == 1:
            (p,) = params
            yield params, gradients[p], np.empty_like(p._data), optimizer.state[p]
        else:
            g = np.concatenate([gradients[p].reshape(-1) for p in params])
            yield params, g, np.empty_like(g), {"step": step} | _memory(optimizer, params, buffers)


def parts(together: Array, arrays: Iterable[Any]) -> Iterator[tuple[Any, Array]]:
    """Yield each array, or Tensor, and the part of ``together`` that is its own, in its shape."""
    arrays = tuple(arrays)
    if len(arrays) == 1:
        yield arrays[0], together
        return
    end = 0
    for array in arrays:
        start, end = end, end + array.size
        yield array, together[start:end].reshape(array.shape)


def _memory(optimizer: Optimizer, params: Tensors, buffers: tuple[str, ...]) -> dict[str, Array]:
    """What the optimizer remembers of several parameters, as vectors of which the arrays in its ``state`` are views."""
    if not buffers:
        return {}
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
            name: [part for _, part in parts(vector, [state[name] for state in states])]
            for name, vector in self.memory.items()
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
