"""``vmap``: a function of one example, applied to all examples of a batch at once."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.record import as_array, depth, wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.tree import tree_map

if TYPE_CHECKING:  # the families of functions, a lot to import, are there when the first batch is
    from tinygrad_np.batching import Batched

__all__ = ["active_sizes", "of_each_example", "outside_of_vmap", "vmap"]

Function = Callable[..., Any]

#: The sizes of the batches that are being mapped over in this context, the outermost first.
active_sizes: ContextVar[tuple[int, ...]] = ContextVar("tinygrad_np.active_sizes", default=())


def vmap(function: Function, in_axes: Any = 0, out_axes: int = 0) -> Function:
    """Return a function that applies ``function`` to all examples of a batch at once.

    Inside, each array looks like that of one example. ``vmap(grad(loss), (None, 0, 0))(parameters, x, y)`` gives the
    gradient of each example.

    Parameters
    ----------
    function : callable
        Of arrays, or of nested lists, tuples and dicts of arrays.
    in_axes : int, None or tuple
        The axis of the examples, in all arguments or one by one; ``None`` for what the examples share.
    out_axes : int
        Where the axis of the examples goes in the results.

    Raises
    ------
    ValueError
        If the arguments have batches of different sizes, or none has one.
    TypeError
        If the function branches on a value, or hides a Tensor that requires a gradient from ``grad`` inside.

    Examples
    --------
    >>> from tinygrad_np import grad
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> vmap(np.dot)(x, x)
    Tensor([ 5., 25., 61.], dtype=float64)
    >>> vmap(grad(lambda w, x: np.tanh(w @ x)), (None, 0))(np.zeros(2), x)
    Tensor([[1., 2.],
            [3., 4.],
            [5., 6.]], dtype=float64)
    """

    def mapped(*args: Any, **kwargs: Any) -> Any:
        from tinygrad_np.batching import Batched

        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ValueError(f"vmap: in_axes has {len(axes)} entries for {len(args)} arguments")
        outer = active_sizes.get()
        sizes: set[int] = set()

        def batched(leaf: Any, axis: int) -> Batched:
            array = np.moveaxis(_undecorated(leaf), axis, 0)
            sizes.add(array.shape[0])
            return Batched(array, len(outer) + 1)

        arguments = [a if x is None else tree_map(partial(batched, axis=x), a) for a, x in zip(args, axes, strict=True)]
        if len(sizes) != 1:
            raise ValueError(f"vmap: all batches need one size, but they have {sorted(sizes)} (in_axes={in_axes})")
        (size,) = sizes
        token = active_sizes.set((*outer, size))
        try:
            result = function(*arguments, **kwargs)
        finally:
            active_sizes.reset(token)
        return tree_map(partial(_unbatched, level=len(outer) + 1, size=size, axis=out_axes), result)

    return mapped


def of_each_example(value: Any) -> Any:
    """Return a value to differentiate by: inside of vmap, each example has one of its own."""
    for level in range(1, len(active_sizes.get()) + 1):
        if depth(value) < 10 * level:
            from tinygrad_np.batching import Batched

            value = Batched(_undecorated(value), level, False)
    return value


def outside_of_vmap(function: Function, *args: Any) -> Any:
    """Call a function of plain arrays as if no vmap were around the call."""
    context = copy_context()
    context.run(active_sizes.set, ())
    return context.run(function, *args)


def _unbatched(leaf: Any, level: int, size: int, axis: int) -> Any:
    """A result of a function under vmap, with the axis of the examples."""
    from tinygrad_np.batching import Batched

    if isinstance(leaf, Tensor) and isinstance(leaf._data, Batched):
        if leaf.requires_grad:
            raise TypeError(
                "vmap: a Tensor that requires a gradient was made outside of the function and differentiated inside; "
                "pass it as an argument (in_axes=None), or detach it"
            )
        leaf = leaf._data
    if isinstance(leaf, Batched) and leaf.level == level:
        leaf = leaf.array if leaf.mapped else np.broadcast_to(leaf.array, (size, *leaf.array.shape))
    else:
        leaf = np.broadcast_to(leaf, (size, *np.shape(leaf)))
    moved = np.moveaxis(leaf, 0, axis)
    return moved if isinstance(moved, Tensor | Batched) else wrap(moved)


def _undecorated(value: Any) -> Any:
    """The array in a Tensor, unless it has a history that must not be lost."""
    return as_array(value) if not isinstance(value, Tensor) or value.requires_grad else value._data
