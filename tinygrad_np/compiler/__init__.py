"""``compile``: a function on Tensors, captured once and replayed as straight-line NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["compile"]


def compile(  # noqa: A001 - the field's name for it
    function: Callable[..., Any] | None = None, *, backend: str = "numpy", max_captures: int = 16
) -> Any:
    """Return a function that computes the same, faster: it is captured once, optimized, and replayed.

    All that the function does to Tensors and arrays becomes one program: the forward pass, ``backward()``,
    ``optimizer.step()``, metrics. Parameters, the optimizer's memory and ``.grad`` change as if the function itself
    had run. Calls with other shapes, dtypes, flags or settings are captured again.

    Parameters
    ----------
    function : callable
        Of Tensors, arrays, numbers, and nested lists, tuples and dicts of them. Works as a decorator.
    backend : "numpy", "numba" or "interpreter"
        What runs the program: generated code that reuses its buffers; the same with compiled loops, which needs the
        extra ``numba``; or the recorded calls one by one, as they were.
    max_captures : int
        How many kinds of calls are compiled; more run as they are, with a warning.

    Returns
    -------
    Compiled

    Raises
    ------
    CaptureError
        When called, if the function does what a program cannot repeat: turning a Tensor into a Python number, an
        ndarray or a shape, or changing a list or an attribute in every call. Nothing has changed then.

    Notes
    -----
    The first two calls of a kind run the function itself, and must run the same program. The others replay it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_np import Tensor, optim
    >>> w = Tensor([4.0], requires_grad=True)
    >>> optimizer = optim.SGD([w], lr=0.25)
    >>> @compile
    ... def step(x):
    ...     loss = np.sum((w * x) ** 2)
    ...     optimizer.zero_grad()
    ...     loss.backward()
    ...     optimizer.step()
    ...     return loss
    >>> [step(np.array([1.0])).item() for _ in range(4)]
    [16.0, 4.0, 1.0, 0.25]
    """
    from tinygrad_np.compiler.compiled import Compiled

    if function is None:
        return lambda function: Compiled(function, backend, max_captures)
    return Compiled(function, backend, max_captures)
