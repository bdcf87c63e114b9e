"""Whether operations are recorded: per context, so two threads or tasks never see each other's ``no_grad``."""

from __future__ import annotations

import inspect
from contextlib import ContextDecorator
from contextvars import ContextVar, Token
from typing import Any

__all__ = ["enable_grad", "is_grad_enabled", "no_grad"]

_enabled: ContextVar[bool] = ContextVar("tinygrad_np.grad_enabled", default=True)

#: Return whether operations on Tensors that require a gradient are recorded in this context.
is_grad_enabled = _enabled.get


class _GradMode(ContextDecorator):
    """Set the mode inside a ``with`` block, or inside each call of a decorated function."""

    enabled: bool

    def __init__(self, *misused: Any) -> None:
        if misused:
            raise TypeError(f"{type(self).__name__} takes no arguments; as a decorator it is @{type(self).__name__}()")
        self._tokens: list[Token[bool]] = []

    def _recreate_cm(self) -> _GradMode:
        return type(self)()  # one stack of tokens per call: a decorated function may run in many threads

    def __call__(self, func: Any) -> Any:
        if inspect.isgeneratorfunction(func) or inspect.iscoroutinefunction(func) or inspect.isasyncgenfunction(func):
            raise TypeError(
                f"{type(self).__name__}() cannot decorate {func.__name__!r}, whose body runs after the call has "
                f"returned; use 'with {type(self).__name__}():' inside of it"
            )
        return super().__call__(func)

    def __enter__(self) -> None:
        self._tokens.append(_enabled.set(self.enabled))

    def __exit__(self, *exc: object) -> None:
        _enabled.reset(self._tokens.pop())


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
