"""``checkpoint``: time for memory. What a function saves for the backward pass is computed again instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.grad_mode import enable_grad
from tinygrad_np.graph import backpropagate, tick, walk
from tinygrad_np.primitives import primitive
from tinygrad_np.record import lift, recorded, wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.tree import tree_map

__all__ = ["checkpoint"]

Function = Callable[..., Any]


def checkpoint(function: Function, rng: np.random.Generator | None = None) -> Function:
    """Return a function that computes the same, but keeps nothing for the backward pass: it computes it again there.

    The memory of a deep model becomes that of its deepest part, for the time of one more forward pass (Chen et al.,
    2016, "Training deep nets with sublinear memory cost"). Parameters that ``function`` uses without being
    given them get their gradients, too.

    Parameters
    ----------
    function : callable
        Returns a Tensor. It must compute the same when it is called again, with arguments as they are now.
    rng : Generator, optional
        One that ``function`` draws from (dropout): it draws the same numbers again.

    Raises
    ------
    RuntimeError
        In the backward pass, if ``function`` computes something else there: a parameter has changed since, or random
        numbers came from elsewhere than ``rng``.

    Examples
    --------
    >>> x = Tensor([0.0, 1.0], requires_grad=True)
    >>> checkpoint(lambda x: np.sum(np.exp(np.sin(x))))(x).backward()
    >>> x.grad
    Tensor([1.        , 1.25338077], dtype=float64)
    """

    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        state = rng.bit_generator.state if rng is not None else {}
        start = tick()
        out = function(*args, **kwargs)
        if not isinstance(out, Tensor) or not out.requires_grad:
            return out
        args, kwargs = tree_map(_as_it_is, (args, kwargs))
        computed = out._data
        outside = [node for node in walk(out.node, constants=False, since=start) if node.order < start]

        def again(g: Any, wrt: tuple[int, ...]) -> list[Any]:
            now = tick()
            if rng is not None:
                later, rng.bit_generator.state = rng.bit_generator.state, state
            with enable_grad():
                replay = function(*args, **kwargs)
            if rng is not None:
                rng.bit_generator.state = later
            _check_same(replay._data, computed)
            targets = [outside[i] for i in wrt]
            lifted = isinstance(g, Tensor)
            found = backpropagate(
                {replay.node: g}, targets, retain_graph=lifted, lift=lift if lifted else None, since=now
            )
            zeros = [np.zeros(node.shape, node.dtype) for node in targets]
            return [found.get(node, zero) for node, zero in zip(targets, zeros, strict=True)]

        rule = primitive(operands=again)(_recomputed)
        return wrap(out._data, recorded(rule, outside, out._data))

    return checkpointed


def _as_it_is(value: Any) -> Any:
    """An argument that nobody else can change: names of Tensors are rebound by in-place operations."""
    if isinstance(value, Tensor):
        return wrap(value._data, value._node)
    return value.copy() if isinstance(value, np.ndarray) else value


def _check_same(again: Any, before: Any) -> None:
    """Complain if a function computes something else than before, beyond rounding."""
    if not isinstance(again, np.ndarray) or not isinstance(before, np.ndarray):
        return  # captured, or a batch: its numbers are not here to be looked at
    rounding = 64 * np.finfo(before.dtype).eps * np.max(np.abs(before), initial=0, where=np.isfinite(before))
    if again.shape == before.shape and np.allclose(again, before, rtol=0, atol=rounding, equal_nan=True):
        return
    raise RuntimeError(
        "checkpoint: the function computed something else when it was called again for the backward pass, so the "
        "gradient would be wrong; call backward before the optimizer's step, and pass rng= if it draws random numbers"
    )


def _recomputed(*operands: Any) -> Any:
    """What was computed, to be computed again by the derivative."""
