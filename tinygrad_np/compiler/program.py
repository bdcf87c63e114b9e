"""``Program``: a captured computation as straight-line NumPy, what every pass of the compiler reads and returns.

It is the computation graph one level below :class:`tinygrad_np.graph.Node`: each step is one call of a NumPy function
on arrays, forward, backward and the optimizer's update alike, in the order in which they ran.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Program", "Value"]


@dataclass(eq=False, slots=True)
class Value:
    """One array of a program, and the call that computes it.

    Attributes
    ----------
    function : callable or None
        ``np.add``, ``np.add.reduce``, ``np.matmul``, ``np.reshape``, ``operator.getitem``, ``np.ndarray.astype`` ...
        ``None`` for what nothing computes: an input, a state, a constant.
    args : tuple
        Its positional arguments: Values, Python scalars, static things (shapes, axes, slices), tuples and lists of these.
    kwargs : dict
        Its keyword arguments, likewise.
    shape, dtype
        Of the array.
    name : str
        What the user calls it (``"layers.0.weight"``), or ``""``.
    array : ndarray or None
        The array of a constant.
    """

    function: Callable[..., Any] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str = ""
    array: np.ndarray[Any, Any] | None = None


@dataclass(slots=True)
class Program:
    """Straight-line NumPy with inputs, results and a state that it replaces.

    Attributes
    ----------
    inputs : list of Value
        The arrays among the arguments, in order.
    state : list of Value
        What the program finds from its last run: parameters, the optimizer's buffers.
    steps : list of Value
        The calls, in order; each argument is an input, a state, a constant, or stands before.
    results : list of Value
        What is returned.
    updates : dict of Value to Value
        State -> its value after the run. A state that is not a key does not change.
    """

    inputs: list[Value]
    state: list[Value]
    steps: list[Value]
    results: list[Value]
    updates: dict[Value, Value] = field(default_factory=dict)
