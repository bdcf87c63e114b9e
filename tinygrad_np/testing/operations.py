"""``check_primitive``: does an operation do what the engine expects of it, and is its derivative right?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

import numpy as np

from tinygrad_np.tensor import Tensor
from tinygrad_np.testing.calls import Call, as_input, double
from tinygrad_np.testing.check import Check
from tinygrad_np.testing.functions import engine, is_differentiable
from tinygrad_np.testing.report import Mistake, Report, reproduction
from tinygrad_np.testing.settings import told
from tinygrad_np.tree import flatten, tree_map

__all__ = ["check_primitive"]


def check_primitive(
    op: Callable[..., Any], *inputs: Any, order: int = 2, at_kinks: Any = "move", rng: Any = 0, **options: Any
) -> Report:
    """Test an operation at one place: its value, its first and second derivative, shapes and dtypes.

    It is :func:`check_gradients` in full mode, in double precision, and what the engine expects of an operation
    besides: Tensors give what arrays give, and nothing is changed in place.

    Parameters
    ----------
    op : callable
        ``op(*inputs, **options)``: a primitive, a :class:`tinygrad_np.custom_vjp`, or any function of NumPy operations.
    *inputs
        Arrays. Those of floating-point or complex dtype are differentiated; all others are passed on.
    order : {1, 2}
        Whether the derivative is itself differentiated.
    at_kinks : {"move", "reject", "interval"}
        As for :func:`check_gradients`.
    rng : Generator or int
        Draws directions and cotangents.
    **options
        Passed on to ``op``.

    Raises
    ------
    GradientError
        Naming what is wrong: the argument, the element, the two values, and what the mistake may be. It is an
        AssertionError.

    Examples
    --------
    >>> from tinygrad_np import primitive
    >>> @primitive(x=lambda g, x: g * 3 * x)
    ... def cube(x):
    ...     return x * x * x
    >>> check_primitive(cube, [1.0, 2.0])
    Traceback (most recent call last):
    ...
    tinygrad_np.testing.report.GradientError: cube, first derivative: argument 0 'x' is wrong at [1]: ...
    """
    given = [tree_map(lambda x: double(x) if is_differentiable(x) else x, as_input(x)) for x in inputs]

    def operation(*arrays: Any) -> Any:
        return op(*arrays, **options)

    name = getattr(op, "__name__", None) or repr(op)
    function = engine(update_wrapper(operation, op), name=name)
    call = Call(function, given)
    if not call.at:
        raise TypeError(f"{name}: no input is of floating-point dtype, so there is nothing to differentiate by")
    check = Check(call, name, np.random.default_rng(rng), at_kinks)
    check.report.again = partial(reproduction, name, given, {**options, "rng": rng}, "check_primitive")
    _check_value(check, operation)
    return told(lambda: check.run(full=True, order=order))


def _check_value(check: Check, operation: Callable[..., Any]) -> None:
    """Tensors give what arrays give, and nothing is changed."""
    call, before = check.call, [x.copy() for x in check.at]
    plain = flatten(operation(*call.arguments_at([x.copy() for x in before])))[0]
    tensors = [Tensor(x, requires_grad=True) for x in before]
    recorded = flatten(operation(*call.arguments_at(tensors)))[0]
    for label, x, t in zip(call.labels, before, tensors, strict=True):
        if not np.array_equal(x, t._data, equal_nan=True):
            check.fail(f"{check.title} changes {label} in place", Mistake("input mutated", "compute into a new array"))
    if len(plain) != len(recorded):
        check.fail(f"{check.title}: {len(plain)} results of arrays, {len(recorded)} of Tensors")
    for p, r in zip(plain, recorded, strict=True):
        if difference := _difference(p, r):
            check.fail(f"{check.title}: {difference}")


def _difference(plain: Any, recorded: Any) -> str | None:
    """What is different between a result of arrays and that of Tensors."""
    if not hasattr(plain, "dtype") and not isinstance(recorded, Tensor):
        return None if plain == recorded else f"{plain!r} of arrays, but {recorded!r} of Tensors"
    p = np.asarray(plain)
    if not isinstance(recorded, Tensor) and p.dtype.kind in "fc":
        return f"Tensors gave {type(recorded).__name__}, so the gradient is lost"
    r = recorded._data if isinstance(recorded, Tensor) else np.asarray(recorded)
    if (p.shape, p.dtype) != (r.shape, r.dtype):
        return f"{p.dtype}{list(p.shape)} of arrays, but {r.dtype}{list(r.shape)} of Tensors"
    size = np.abs(p).max(initial=1) if p.dtype.kind in "fc" else 1
    if not np.allclose(p, r, 0, 1e-13 * size, equal_nan=True):
        return "another value of Tensors than of arrays"
    return None
