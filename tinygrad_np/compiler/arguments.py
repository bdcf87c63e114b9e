"""The arguments of a call during capture: what they are in this run, and who has to handle the call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_np.compiler.recording import Symbol
from tinygrad_np.record import depth

__all__ = ["bare", "fixed", "flat", "outranked"]


def bare(arg: Any) -> Any:
    """Replace what is traced in an argument by what it is in this run."""
    if isinstance(arg, Symbol):
        return arg.present
    if isinstance(arg, tuple | list):
        items = map(bare, arg)
        return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
    if isinstance(arg, dict):
        return {key: bare(item) for key, item in arg.items()}
    return arg


def fixed(arg: Any) -> Any:
    """Traced integers among the arguments of a function are lengths, axes, indices: they become what they are now."""
    if isinstance(arg, tuple | list):
        items = map(fixed, arg)
        return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
    if isinstance(arg, dict):
        return {key: fixed(item) for key, item in arg.items()}
    if isinstance(arg, slice):
        return slice(*map(fixed, (arg.start, arg.stop, arg.step)))
    return arg.known() if isinstance(arg, Symbol) and isinstance(arg.present, int) else arg


def flat(args: Any) -> Iterator[Any]:
    """Yield the arguments, those in lists and tuples one by one."""
    for arg in args:
        if isinstance(arg, list | tuple):
            yield from flat(arg)
        else:
            yield arg


def outranked(args: Any) -> bool:
    """Whether something among the arguments wraps arrays, traced ones too: a Tensor, a batch of vmap."""
    return any(depth(arg) > 0 for arg in flat(args))
