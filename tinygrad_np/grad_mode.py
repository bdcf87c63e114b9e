"""Whether operations are recorded, and who watches: per context, so two threads or tasks never see each other's
``no_grad``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from typing import Any, Literal

__all__ = ["enable_grad", "is_grad_enabled", "mode", "no_grad", "observed_by"]

#: Is told of operations on Tensors that require a gradient: ``observer(operation, operands, metadata, out, node)``.
Observer = Callable[..., None]

_mode: ContextVar[bool | Observer] = ContextVar("tinygrad_np.grad_mode", default=True)
_observer: ContextVar[Observer | Literal[True]] = ContextVar("tinygrad_np.observer", default=True)

#: The modes around the present one: not in the context managers, since threads may share one of these.
_outer: ContextVar[tuple[bool | Observer, ...]] = ContextVar("tinygrad_np.outer_modes", default=())

#: False, True or, where recording goes on and is watched, who watches: one look-up tells an operation all of it.
mode = _mode.get


def is_grad_enabled() -> bool:
    """Return whether operations on Tensors that require a gradient are recorded in this context."""
    return mode() is not False


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let ``observer`` know of all operations inside of the ``with`` block, wherever they are recorded."""
    seen = _observer.set(observer)
    now = _mode.set(observer) if mode() else None
    try:
        yield
    finally:
        _observer.reset(seen)
        if now is not None:
            _mode.reset(now)


class _GradMode(ContextDecorator):
    """Set the mode inside a ``with`` block, or inside each call of a decorated function."""

    enabled: bool

    def __init__(self, *misused: Any) -> None:
        if misused:
            raise TypeError(f"{type(self).__name__} takes no arguments; as a decorator it is @{type(self).__name__}()")

    def __call__(self, func: Any) -> Any:
        if inspect.isgeneratorfunction(func) or inspect.iscoroutinefunction(func) or inspect.isasyncgenfunction(func):
            raise TypeError(
                f"{type(self).__name__}() cannot decorate {func.__name__!r}, whose body runs after the call has "
                f"returned; use 'with {type(self).__name__}():' inside of it"
            )
        return super().__call__(func)

    def __enter__(self) -> None:
        _outer.set((*_outer.get(), mode()))
        _mode.set(self.enabled and _observer.get())

    def __exit__(self, *exc: object) -> None:
        *outer, before = _outer.get()
        _outer.set(tuple(outer))
        _mode.set(before)


class no_grad(_GradMode):
    """Record nothing: results do not require a gradient. A context manager and a decorator.

    Examples
    --------
    >>> from tinygrad_np import Tensor
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     w -= 0.1 * w  # an update, not a part of any graph
    >>> w
    Tensor([0.9, 1.8], dtype=float64, requires_grad=True)
    """

    enabled = False


class enable_grad(_GradMode):
    """Record again inside of a :class:`no_grad` block."""

    enabled = True
