"""``Program``: a captured computation as straight-line NumPy, what every pass of the compiler reads and returns.

It is the computation graph one level below :class:`tinygrad_np.graph.Node`: each step is one call of a NumPy function
on arrays, forward, backward and the optimizer's update alike, in the order in which they ran.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Program", "Value", "masked", "written"]


@dataclass(eq=False, slots=True)
class Value:
    """One array of a program, and the call that computes it.

    Attributes
    ----------
    function : callable or None
        ``np.add``, ``np.add.reduce``, ``np.matmul``, ``np.reshape``, ``operator.getitem``, ``np.ndarray.astype`` ...
        ``None`` for what nothing computes: an input, a state, a constant.
    args : tuple
        Its positional arguments: Values, Python scalars, static things (shapes, axes, slices), tuples and lists of
        these.
    kwargs : dict
        Its keyword arguments, likewise.
    shape, dtype
        Of the array.
    name : str
        What the user calls it (``"layers.0.weight"``), or ``""``.
    array : ndarray or None
        The array of a constant.
    weak : bool
        It is no array but a Python number (a learning rate, a count of steps), and weak as those are: it takes the
        dtype of what it meets. Its function is one of :mod:`operator` (``operator.pow``), its shape ``()``.

    Notes
    -----
    All is functional. What was written in place is a call of :func:`written`; a ufunc with ``where=`` is a call of
    :func:`masked`. A call with several results has dtype ``object``; they are read
    from it by ``operator.getitem``.
    """

    function: Callable[..., Any] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str = ""
    array: np.ndarray[Any, Any] | None = None
    weak: bool = False


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


def written(function: Callable[..., Any], array: Any, *args: Any, **kwargs: Any) -> Any:
    """Return a copy of ``array`` that ``function`` has written to.

    Examples
    --------
    >>> import operator
    >>> written(operator.setitem, np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    >>> written(np.add.at, np.zeros(3), [1, 1], 5.0)
    array([ 0., 10.,  0.])
    """
    copied = array.copy(order="K")
    function(copied, *args, **kwargs)
    return copied


def masked(ufunc: np.ufunc, array: Any, where: Any, *args: Any) -> Any:
    """Return a copy of ``array``, with ``ufunc(*args)`` in it where a mask is true.

    Examples
    --------
    >>> masked(np.divide, np.zeros(2), np.array([True, False]), np.array([1.0, 2.0]), np.array([4.0, 0.0]))
    array([0.25, 0.  ])
    """
    copied = array.copy(order="K")
    ufunc(*args, out=copied, where=where)
    return copied
