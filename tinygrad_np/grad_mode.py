"""Whether operations are recorded, and who watches: per context, so two threads or tasks never see each other's
``no_grad``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from typing import Any, Literal

__all__ = [
    "enable_grad",
    "is_grad_enabled",
    "mode",
    "no_grad",
    "observed_by",
    "pullback_observer",
    "pullbacks_observed_by",
]

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


#: Is told of each step backwards: ``observer(node, g, shares)``, shares being pairs of a parent and its cotangent.
pullback_observer: ContextVar[Observer | None] = ContextVar("tinygrad_np.pullback_observer", default=None)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let ``observer`` know of all operations inside of the ``with`` block, wherever they are recorded.

    Who was watching before goes on watching.
    """
    outer = _observer.get()

    def both(*operation: Any) -> None:
        outer(*operation)  # type: ignore[operator]
        observer(*operation)

    seen = _observer.set(observer if outer is True else both)
    now = _mode.set(_observer.get()) if mode() else None
    try:
        yield
    finally:
        _observer.reset(seen)
        if now is not None:
            _mode.reset(now)


@contextmanager
def pullbacks_observed_by(observer: Observer) -> Iterator[None]:
    """Let ``observer`` know of all steps backwards inside of the ``with`` block. Who was watching goes on watching."""
    outer = pullback_observer.get()

    def both(*step: Any) -> None:
        outer(*step)  # type: ignore[misc]
        observer(*step)

    token = pullback_observer.set(observer if outer is None else both)
    try:
        yield
    finally:
        pullback_observer.reset(token)


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
