"""What all commands share: the parser, how a complaint sounds, and tables in the output."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from tinygrad_np.data.examples import text_of

__all__ = ["Commands", "Failure", "Parser", "aligned", "any_of", "say"]


class Failure(Exception):
    """What went wrong, in one sentence for the user, and the exit status."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help in two columns that has air, and is no wider than a page."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=min(98, shutil.get_terminal_size().columns - 2))


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence, without the usage of all options around it."""

    def __init__(self, **options: Any) -> None:
        # No abbreviations: one would break when options are added.
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **options)
        self._positionals.title = "arguments"

    def error(self, message: str) -> NoReturn:
        """Complain, and leave."""
        self.exit(say(self.prog, message, 2))


Commands = argparse._SubParsersAction  # what add_subparsers returns, of Parsers


def say(command: str, message: str, status: int) -> int:
    """Complain in one line on stderr, whatever a file is called or holds; returns the status."""
    print(text_of(f"{command}: {message}"), file=sys.stderr)
    return status


def aligned(rows: Iterable[Sequence[str]]) -> str:
    """Rows of a table as lines: the first column to the left, the others to the right.

    Examples
    --------
    >>> print(aligned([["class", "recall"], ["0", "96.3%"]]))
    class  recall
    0       96.3%
    """
    rows = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def any_of(names: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
