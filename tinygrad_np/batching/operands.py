"""What the operands of an operation have to do with a vmap: which of them it wraps, and the arrays inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.record import depth

__all__ = ["bare", "batch_size", "flat", "is_batched", "is_mapped", "level_of", "ours", "outranked", "spread"]


def is_batched(value: Any) -> bool:
    """Whether it is what vmap puts around an array (this module comes before that class)."""
    return hasattr(type(value), "mapped")


def flat(args: Any) -> list[Any]:
    """The arguments, with lists and tuples taken apart."""
    found: list[Any] = []
    for arg in args:
        found += flat(arg) if isinstance(arg, list | tuple) else [arg]
    return found


def outranked(args: Any) -> bool:
    """Whether a Tensor made inside of the vmap is among them, whose turn it is."""
    return not is_batched(max(flat(args), key=depth))


def level_of(args: Any) -> int:
    """The innermost vmap that has wrapped one of them."""
    level: int = max(arg.level for arg in flat(args) if is_batched(arg))
    return level


def ours(value: Any, level: int) -> bool:
    """Whether this vmap has wrapped it."""
    return is_batched(value) and bool(value.level == level)


def is_mapped(args: Any, level: int) -> bool:
    """Whether one of them differs from example to example."""
    return any(ours(a, level) and a.mapped for a in flat(args))


def batch_size(args: Any, level: int) -> int:
    """How many examples there are."""
    size: int = next(a.array.shape[0] for a in flat(args) if ours(a, level) and a.mapped)
    return size


def spread(batched: Any, size: int) -> Any:
    """The array with the axis of the examples, also where they share one value."""
    array = batched.array
    return array if batched.mapped else np.broadcast_to(array, (size, *array.shape))


def bare(value: Any, level: int) -> Any:
    """Replace what belongs to this vmap by its arrays."""
    if isinstance(value, list | tuple):
        return type(value)(bare(v, level) for v in value)
    return value.array if ours(value, level) else value
