"""Options that several commands have: those of a run, generated from ``train.Config``, and those of data."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from tinygrad_np import train
from tinygrad_np.cli.parser import any_of
from tinygrad_np.data.named import NAMES
from tinygrad_np.train.options import sizes

__all__ = ["add_config_options", "add_data_options", "add_table_options", "config_of", "model_argument"]

# fmt: off


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """All options of a run, as their fields in Config describe them."""
    groups = {each.title: each for each in parser._action_groups}
    for field in fields(train.Config):
        known = field.metadata
        if known["group"] not in groups:
            groups[known["group"]] = parser.add_argument_group(known["group"])
        told = all(name in known["help"] + known["shown"] for name in known["choices"] or ())
        choices = "" if told else f": {any_of(known['choices'])}"
        name = field.name.replace("_", "-")
        given: dict[str, Any] = {"default": field.default, "dest": field.name}
        if known["parse"] is not bool:
            given |= {"type": _parser_of(known["parse"]), "metavar": known["metavar"], "choices": known["choices"]}
            given["help"] = f"{known['help']}{choices} ({known['shown']})"
        elif field.default:
            name, given = f"no-{name}", given | {"action": "store_false", "help": f"do not {known['help']}"}
        else:
            given |= {"action": "store_true", "help": known["help"]}
        groups[known["group"]].add_argument(f"--{name}", **given)


def config_of(arguments: argparse.Namespace, **others: Any) -> train.Config:
    """The options as a Config, some of them replaced by ``others``."""
    names = [field.name for field in fields(train.Config)]
    given = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    return train.Config(**{**given, **others})


def model_argument(parser: argparse.ArgumentParser) -> None:
    """The model, which comes first."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model.npz, or the folder of a run")


def add_data_options(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Which data, and how to read them."""
    group = parser.add_argument_group("the data")
    shown = "" if default is None else f" ({default})"
    group.add_argument("--data", metavar="DATA", default=default, required=default is None,
        help=f"a table (.csv), arrays (.npz, .h5), IDX files, a folder of pictures; or {any_of(NAMES)}{shown}")
    _add_reading(group)
    group.add_argument("--image-size", type=_image_size, metavar="SIZE", default=(64, 64),
        help="N or HxW: the height and width that pictures of a folder are resized to (64)")
    group.add_argument("--positive", metavar="CLASS",
        help="the class of pictures that is to be told from all others (every class is told apart)")


def add_table_options(parser: argparse.ArgumentParser) -> None:
    """How to read tables, for commands that know the rest from the model."""
    _add_reading(parser.add_argument_group("tables"))


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--label", metavar="COLUMN",
        help="the column of labels of a table, by name or by number, from 0; several names with commas between "
             "(the one called label, class, target or y)")
    group.add_argument("--delimiter", metavar="C", type=_character,
        help="what is between the columns (comma, semicolon or tab, whichever there is)")


def _parser_of(parse: Any) -> Any:
    """A function from text to a value whose complaint argparse passes on."""
    if parse is not sizes:
        return parse

    def read(text: str) -> tuple[int, ...]:
        try:
            return sizes(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _image_size(text: str) -> tuple[int, int]:
    numbers = text.lower().replace(",", "x").split("x")
    try:
        height, width = (int(number) for number in (numbers * 2 if len(numbers) == 1 else numbers))
        if min(height, width) < 1:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"a size is like 64 or 64x48 (height x width), not {text!r}") from None
    return height, width


def _character(text: str) -> str:
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1 or text in '"\r\n\0':
        raise argparse.ArgumentTypeError(f"a delimiter is one character, such as ; or tab, not {text!r}")
    return text
