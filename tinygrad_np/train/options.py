"""``option``: a field of a configuration that knows what it means, what it may be, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import Field, field, fields
from numbers import Integral, Real
from typing import Any

__all__ = ["OptionError", "check_options", "option", "sizes"]

#: What a number has to be -> the test, and the words.
LIMITS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "positive": (lambda v: 0 < v < math.inf, "a positive number"),
    "from zero": (lambda v: 0 <= v < math.inf, "zero or a positive number"),
    "fraction": (lambda v: 0 <= v < 1, "at least 0 and below 1"),
    "probability": (lambda v: 0 < v <= 1, "above 0 and at most 1"),
    "at least 0": (lambda v: v >= 0, "at least 0"),
    "at least 1": (lambda v: v >= 1, "at least 1"),
}


class OptionError(ValueError):
    """An option has a value that it cannot have.

    Attributes
    ----------
    option : str
        Its name in :class:`~tinygrad_np.train.Config`.
    problem : str
        The rest of the sentence.
    """

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option} {problem}")
        self.option, self.problem = option, problem


def sizes(text: str) -> tuple[int, ...]:
    """Read sizes with commas between them.

    Examples
    --------
    >>> sizes("784,128,64,10")
    (784, 128, 64, 10)
    """
    try:
        return tuple(int(size) for size in text.split(",") if text)
    except ValueError:
        raise ValueError(f"sizes are whole numbers with commas between, like 64,32,10, not {text!r}") from None


def option(
    default: Any,
    help: str,  # noqa: A002 - argparse's name for it
    group: str,
    *,
    parse: Callable[[str], Any] = str,
    metavar: str | None = None,
    choices: Iterable[str] | None = None,
    limit: str | None = None,
    shown: str | None = None,
) -> Any:
    """A field of a configuration.

    Parameters
    ----------
    default : object
        ``None`` where something else decides.
    help : str
        What it is, in a line.
    group : str
        The heading that it belongs under.
    parse : callable
        From text to the value; ``bool`` for a switch.
    metavar : str, optional
        What stands for the value in a usage line.
    choices : iterable of str, optional
        All that it may be.
    limit : str, optional
        What a number has to be: a key of ``LIMITS``.
    shown : str, optional
        The default, in words.
    """
    words = str(default) if shown is None else shown
    choices = None if choices is None else tuple(choices)
    metavar = metavar or {int: "N", float: "X", sizes: "N,N,..."}.get(parse, "NAME")
    return field(
        default=default,
        metadata={"help": help, "group": group, "parse": parse, "metavar": metavar, "choices": choices, "limit": limit,
                  "shown": words},
    )  # fmt: skip


def check_options(config: Any) -> None:
    """Raise OptionError at the first option that is out of its limits; ``None`` is within all."""
    for each in fields(config):
        if (value := getattr(config, each.name)) is not None:
            _check(each, value)


def _check(each: Field[Any], value: Any) -> None:
    choices, limit, parse = each.metadata["choices"], each.metadata["limit"], each.metadata["parse"]
    if choices is not None and value not in choices:
        raise OptionError(each.name, f"must be one of {', '.join(choices)}, not {value!r}")
    if parse is bool and not isinstance(value, bool):
        raise OptionError(each.name, f"must be True or False, not {value!r}")
    kind: Any = {int: Integral, float: Real}.get(parse)
    if kind is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise OptionError(each.name, f"must be a {'whole ' if parse is int else ''}number, not {value!r}")
    if limit is not None and not LIMITS[limit][0](value):
        raise OptionError(each.name, f"must be {LIMITS[limit][1]}, not {value}")
