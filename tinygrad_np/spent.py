"""Which gradients an optimizer has used already: how a forgotten ``zero_grad`` is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_np.tensor import Tensor

__all__ = ["added", "used_again"]


def used_again(gradient: Tensor) -> bool:
    """Note that an optimizer uses a gradient; return whether an earlier step has used a part of it already.

    A gradient is known by its array: after ``p.grad = None``, and after anything that is done to a gradient by hand,
    it is another one.
    """
    past = getattr(gradient, "_past", None)
    gradient._past = ("used", gradient._data)
    return past is not None and past[0] == "added to" and past[1] is gradient._data


def added(old: Any, grad: Any) -> Any:
    """The sum of two gradients, which remembers if a step has used the old one."""
    total = old + grad
    past = getattr(old, "_past", None)
    if past is not None and past[1] is old._data:
        total._past = ("added to", total._data)
    return total
