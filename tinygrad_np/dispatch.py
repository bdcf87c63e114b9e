"""How NumPy's functions find the table: the protocols ``__array_ufunc__`` and ``__array_function__``.

A NumPy function that is called with a Tensor is an entry of the table, or composed of entries, or has no derivative
by its nature; any other is an error that names it. Nothing is silently turned into a plain array.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from functools import cache
from itertools import zip_longest
from typing import Any

import numpy as np

from tinygrad_np import creation  # noqa: F401 - its functions enter the table
from tinygrad_np.grad_mode import mode
from tinygrad_np.primitives import Primitive, composites, constant, refused, table
from tinygrad_np.record import Recorded, apply, operator, wrap
from tinygrad_np.rules import complete
from tinygrad_np.rules.ufuncs import METHODS

__all__ = ["call", "call_ufunc", "fast_paths"]

Function = Callable[..., Any]

#: The ufuncs that are called most, for a call without options.
fast_paths = {
    ufunc: operator(primitive)
    for ufunc, primitive in table.items()
    if isinstance(ufunc, np.ufunc) and ufunc not in composites
}


def call(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a NumPy function with arguments that contain Tensors.

    Raises
    ------
    NotImplementedError
        If it is not in the table.
    TypeError
        If an option is given that Tensors do not support, such as ``where=``.
    """
    kwargs = dict(kwargs)
    out = kwargs.pop("out", None)
    if function in composites:
        composed = composites[function]
        names = _parameters(composed)
        if "kwargs" not in names:
            kwargs = _supported(function, names, kwargs)
        try:
            return _into(out, composed(*args, **kwargs), function)
        except (TypeError, ValueError, IndexError) as error:
            raise _explained(composed, function, args, kwargs, error) from None
    if function in table:
        primitive = table[function]
        arrays, metadata = _bound(primitive, function, args, kwargs)
        return _into(out, apply(primitive, arrays, metadata), function)
    if function in constant:
        found = function(*_bare(args), **_bare(kwargs))
        if not isinstance(watched := mode(), bool) and _requires_grad([*args, *kwargs.values()]):
            watched(function, _bare(args), _bare(kwargs), found, None)
        return _tensors(found)
    public = getattr(np, function.__name__, function)  # with like=, NumPy passes a function of its own
    if public is not function and function.__module__ == "numpy":
        return call(public, args, kwargs)
    if complete():
        return call(function, args, {**kwargs, "out": out})
    raise _missing(_name(function), refused.get(function))


def call_ufunc(ufunc: np.ufunc, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call ``ufunc`` itself, or one of its methods. See :func:`call`."""
    if ufunc not in table and ufunc not in composites:
        complete()
    outs = kwargs.pop("out", (None,))
    if method == "__call__" and ufunc in composites:
        result = composites[ufunc](*args, **_supported(ufunc, _parameters(composites[ufunc]), kwargs))
        if isinstance(result, tuple):
            return tuple(_into(out, part, ufunc) for out, part in zip_longest(outs, result))
        return _into(outs[0], result, ufunc)
    out = outs[0]
    if method == "__call__" and ufunc in table:
        return _into(out, apply(table[ufunc], args, _supported(ufunc, (), kwargs)), ufunc)
    if method in METHODS and (ufunc in table or (method == "outer" and ufunc in composites)):
        return _into(out, METHODS[method](ufunc, *args, **kwargs), ufunc)
    raise _missing(_name(ufunc) if method == "__call__" else f"{_name(ufunc)}.{method}", refused.get(ufunc))


def _bound(
    primitive: Primitive, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Sort the arguments of a call into arrays (positional) and metadata (by keyword)."""
    n = len(primitive.arguments)
    arrays = [*args[:n], *(kwargs.pop(name) for name in primitive.arguments[len(args) :] if name in kwargs)]
    if len(arrays) < n:
        raise TypeError(f"{_name(function)}() lacks the argument {primitive.arguments[len(arrays)]!r}")
    names = [name for name in _parameters(function) if name not in primitive.arguments] or list(primitive.metadata)
    kwargs |= dict(zip(names, args[n:], strict=False))
    return tuple(arrays), _supported(function, primitive.metadata, kwargs)


def _supported(function: Function, names: Iterable[str], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the options in ``names``; of the others, drop those that say nothing, and refuse the rest."""
    names = tuple(names)
    found = {}
    for key, value in kwargs.items():
        if key in names:
            if value is not np._NoValue:
                found[key] = value
        elif value is not None and value is not np._NoValue and not (key == "where" and value is True):
            hint = {"where": "; np.where(mask, t, 0) selects", "dtype": "; t.astype(dtype) converts"}.get(key, "")
            raise TypeError(f"{_name(function)}() does not support {key}= on Tensors{hint}")
    return found


def _into(out: Any, result: Any, function: Function) -> Any:
    """Honour ``out=``: the Tensor given there becomes the result."""
    if out is None or result is NotImplemented:
        return result
    if not isinstance(out, Recorded):
        raise TypeError(
            f"{_name(function)}() would write a Tensor into an ndarray (out=, or a += t), which loses the gradient; "
            f"write a = a + t, or let out= be a Tensor"
        )
    result = result if isinstance(result, Recorded) else wrap(result)
    return out._rebind(result, f"{_name(function)}(out=...)")  # type: ignore[attr-defined]


def _requires_grad(value: Any) -> bool:
    """Whether there is a Tensor in it that does."""
    if isinstance(value, Recorded):
        return value._node is not None and value._node.requires_grad
    return isinstance(value, list | tuple) and any(map(_requires_grad, value))


def _bare(value: Any) -> Any:
    """Replace the Tensors in an argument by their arrays."""
    if isinstance(value, Recorded):
        return value._data
    if isinstance(value, list | tuple):
        return type(value)(map(_bare, value))
    return {key: _bare(v) for key, v in value.items()} if isinstance(value, dict) else value


def _tensors(value: Any) -> Any:
    """Replace the arrays in a result by Tensors that require no gradient."""
    if hasattr(type(value), "astype") and not isinstance(value, Recorded):  # an array, of whatever kind
        return wrap(value)
    if isinstance(value, tuple | list):
        parts = map(_tensors, value)
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _explained(composed: Function, function: Function, args: Any, kwargs: dict[str, Any], error: Exception) -> Any:
    """The error of an operation within a composed function, in terms of that function."""
    from tinygrad_np.errors import explain

    options = {**dict(zip(_parameters(composed), args, strict=False)), **kwargs}
    return explain.explained(error, function.__name__, (), [*args, *kwargs.values()], options, composite=True)


@cache
def _parameters(function: Function) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:  # a function in C that does not tell
        return ()


def _name(function: Function) -> str:
    module = getattr(function, "__module__", None)
    if module is None:  # ufuncs do not tell
        name = function.__name__
        homes = ("numpy", "scipy.special")
        module = next((m for m in homes if inspect.unwrap(getattr(sys.modules.get(m), name, m)) is function), "")  # type: ignore[arg-type]
        return f"{module.replace('numpy', 'np', 1)}.{name}".lstrip(".")
    return f"{module.replace('numpy', 'np', 1)}.{function.__name__}"


def _missing(name: str, reason: str | None = None) -> NotImplementedError:
    if reason is not None:
        return NotImplementedError(f"{name} does not take Tensors: {reason}")
    return NotImplementedError(
        f"{name} has no entry in the table of derivatives, so it does not take Tensors. If no gradient is needed "
        f"through it, pass t.detach().numpy(); to give it a derivative, see tinygrad_np.primitive"
    )
