"""``tinygrad-np check``: are the gradients of this network, on these data, right?"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_np import train
from tinygrad_np.cli.options import add_config_options, add_data_options, config_of
from tinygrad_np.cli.parser import Commands, Failure
from tinygrad_np.cli.parts import add_part_options, load_parts
from tinygrad_np.data import Dataset, Standardizer
from tinygrad_np.train.targets import normalize, units_of

__all__ = ["add", "check", "run"]


def add(commands: Commands[Any], prog: str) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "check",
        help="compare the gradients with the formula and with finite differences",
        usage="%(prog)s [--data DATA] [options]",
        description="""\
Build the network that train would begin with, and compare the gradients that it would learn by:
those of the engine, those of the formula that is derived by hand, and finite differences.

Exit status 0: all agree. 1: they do not, and the table says for which parameters.""",
        epilog=f"""\
examples:
  {prog} check
  {prog} check --data flowers.csv --label species --layers 8,8 --activation tanh --l2 1""",
    )
    add_data_options(parser, "digits")
    add_part_options(parser)
    add_config_options(parser)


def run(arguments: argparse.Namespace, command: str) -> None:
    """Check, and print the verdict."""
    config = config_of(arguments)
    _, parts = load_parts(arguments, config)
    verdict = check(config.fitted_to(parts[0]), parts[0])
    print(verdict)
    if not verdict:
        raise Failure("the gradients do not agree", 1)


def check(config: train.Config, data: Dataset) -> train.GradientVerdict:
    """The verdict on the network that a run with these options, fitted to these data, begins with."""
    model_rng, _ = np.random.default_rng(config.seed).spawn(2)
    if config.standardize:
        data = replace(data, x=Standardizer.fit(data.x)(data.x))
    if config.task == "regression":
        data = normalize(data, units_of(data))
    return train.check_gradients(config.build_model(model_rng), data, config.task, l2=config.l2)
