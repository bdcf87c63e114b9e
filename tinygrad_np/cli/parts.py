"""The data of a run: training examples and, where they are given, those for validation and test."""

from __future__ import annotations

import argparse
from dataclasses import replace

from tinygrad_np.data import DataError, Dataset, Examples, Preprocessing, hold_out, load
from tinygrad_np.train import Config
from tinygrad_np.train.run import SPLIT_SEED

__all__ = ["add_part_options", "load_parts"]


def add_part_options(parser: argparse.ArgumentParser) -> None:
    """``--validation-data`` and ``--test-data``, in the group that ``add_data_options`` has made."""
    group = next(each for each in parser._action_groups if each.title == "the data")
    for part, purpose in (("validation", "watch progress by"), ("test", "measure the result by")):
        group.add_argument(f"--{part}-data", metavar="DATA", help=f"examples to {purpose} (a fraction of --data)")


def load_parts(arguments: argparse.Namespace, config: Config) -> tuple[Examples, tuple[Dataset, ...]]:
    """What was found in ``--data``, and the data sets of it and of the other files, as ``train.run`` takes them.

    Raises
    ------
    OSError, DataError, ImportError
        See :func:`tinygrad_np.data.load`.
    """
    found = _load(arguments, arguments.data, config)
    training = found.dataset(config.task)
    rest = {"validation": arguments.validation_data, "test": arguments.test_data}
    parts = {name: _alike(found, _load(arguments, file, config), training) for name, file in rest.items() if file}
    if "test" not in parts and found.test is not None:
        parts["test"] = _alike(found, found.test, training)
    if "validation" in parts and "test" not in parts:
        try:
            training, parts["test"] = hold_out(training, config.test, "test", rng=SPLIT_SEED)
        except ValueError as error:
            raise DataError(found.name, f"no test examples can be held out: {error}") from None
    return found, (replace(training, name=found.name), *(parts[name] for name in rest if name in parts))


def _load(arguments: argparse.Namespace, source: str, config: Config) -> Examples:
    return load(
        source,
        label=arguments.label,
        delimiter=arguments.delimiter,
        image_size=arguments.image_size,
        positive=arguments.positive,
        dtype=config.dtype,
    )


def _alike(found: Examples, other: Examples, training: Dataset) -> Dataset:
    """Other examples as those that are trained on: their columns and classes in the same order."""
    x = Preprocessing.of(found).conform(other)
    if x.shape[1] != found.x.shape[1]:
        raise DataError(
            other.name, f"an example has {x.shape[1]} numbers, but in {found.name} it has {found.x.shape[1]}"
        )
    task = "regression" if not training.class_names else None
    return replace(other, x=x).dataset(task, training.class_names)
