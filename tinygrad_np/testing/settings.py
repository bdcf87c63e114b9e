"""What :func:`tinygrad_np.testing.check_gradients` does by default, and who hears of what it found: per context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from tinygrad_np.testing.report import GradientError, Report

__all__ = ["defaults", "listener", "settings", "told"]

_defaults: ContextVar[Mapping[str, Any]] = ContextVar("tinygrad_np.testing.defaults", default=MappingProxyType({}))

#: Return the options that :func:`settings` has set.
defaults = _defaults.get

#: Is called with each report, be it good or bad. The pytest plugin collects them.
listener: ContextVar[Callable[[Report], None] | None] = ContextVar("tinygrad_np.testing.listener", default=None)


@contextmanager
def settings(**options: Any) -> Iterator[None]:
    """Let every ``check_gradients`` inside of the ``with`` block take these options, where it is given no others.

    Parameters
    ----------
    **options
        Options of :func:`tinygrad_np.testing.check_gradients`: ``mode``, ``order``, ``at_kinks``, ``rng``.

    Examples
    --------
    >>> with settings(mode="full"), settings(order=1):
    ...     defaults()
    {'mode': 'full', 'order': 1}
    """
    token = _defaults.set({**defaults(), **options})
    try:
        yield
    finally:
        _defaults.reset(token)


def told(check: Callable[[], Report]) -> Report:
    """Make a check, and let the listener know of its report."""
    tell = listener.get() or (lambda report: None)
    try:
        report = check()
    except GradientError as error:
        tell(error.report)
        raise
    tell(report)
    return report
