"""Options that several commands have."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_table_options", "model_argument"]


def model_argument(parser: argparse.ArgumentParser) -> None:
    """The model, which comes first."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model.npz, or the folder of a run")


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """How to read tables."""
    group = parser.add_argument_group("tables")
    group.add_argument("--label", metavar="COLUMN",
        help="the column of labels, by name or by number, from 0 (the one called label, class, target or y)")  # fmt: skip
    group.add_argument("--delimiter", metavar="C",
        help="between the columns (comma, semicolon or tab, whichever there is)")  # fmt: skip
