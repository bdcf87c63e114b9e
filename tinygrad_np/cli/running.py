"""The folder of a run: what goes wrong while a network is trained, and going on with a run that was broken off."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinygrad_np import train
from tinygrad_np.cli.options import config_of
from tinygrad_np.cli.parser import Failure
from tinygrad_np.train.options import OptionError

__all__ = ["as_begun", "data_arguments", "run_folder"]

#: Options that may be others when a run goes on.
_LIMITS = ("epochs", "iterations", "time_limit")

#: Options that say what the data are.
_DATA = ("data", "label", "delimiter", "image_size", "positive", "validation_data", "test_data")


def data_arguments(arguments: argparse.Namespace) -> dict[str, Any]:
    """Which data, and how they were read, such that it can be said again from another folder."""
    given = {name: getattr(arguments, name) for name in _DATA}
    for name in ("data", "validation_data", "test_data"):
        if given[name] is not None and Path(given[name]).exists():
            given[name] = str(Path(given[name]).resolve())
    return given


def as_begun(arguments: argparse.Namespace) -> argparse.Namespace:
    """All options as they were when the run in the folder ``--resume`` was begun, but for those that are given anew.

    Raises
    ------
    Failure
        If there is nothing to go on from.
    OptionError
        If another option is given than how long to train.
    """
    folder: Path = arguments.resume
    if not (folder / "config.json").is_file():  # which is written first; a run without a checkpoint begins anew
        raise Failure(f"--resume {folder}: there is no run in this folder (no config.json)")
    begun, data = train.read_configuration(folder)
    parser, argv = arguments.parser, arguments.argv
    parser.set_defaults(**asdict(begun), **{name: data[name] for name in _DATA if name in data})
    again: argparse.Namespace = parser.parse_args(argv)
    again.parser, again.argv, again.out = parser, argv, folder
    config = config_of(again)
    for name, value in asdict(begun).items():
        if name not in _LIMITS and getattr(config, name) != value:
            raise OptionError(name, f"was {value} when the run was begun: only {', '.join(_LIMITS)} can be others now")
    return again


@contextmanager
def run_folder(out: Path | None, name: str, config: train.Config, *, resume: bool = False) -> Iterator[Path]:
    """The folder ``out``, or a new one named after the data; it goes again if nothing that counts is in it."""
    folder = out if resume and out is not None else _new_folder(out, name)
    checkpoint = folder / "checkpoint.npz"
    try:
        yield folder
    except KeyboardInterrupt:
        if checkpoint.exists():
            raise Failure(f"interrupted; --resume {folder} goes on", 130) from None
        raise
    except train.DivergedError as error:
        raise Failure(f"{error} (--learning-rate was {config.learning_rate})", 1) from None
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, say
        raise Failure(f"cannot write {error.filename or folder}: {error.strerror}", 1) from None
    except ValueError as error:
        if resume and str(checkpoint) in str(error):
            raise Failure(str(error)) from None
        raise
    finally:
        if not any(path.name != "config.json" for path in folder.iterdir()):
            with suppress(OSError):
                (folder / "config.json").unlink(missing_ok=True)
                folder.rmdir()
                if out is None:
                    folder.parent.rmdir()


def _new_folder(out: Path | None, name: str) -> Path:
    try:
        return train.new_folder(out, re.sub(r"[^\w.-]+", "-", Path(name).stem) or "data")
    except OSError as error:
        raise Failure(f"--out {error.filename}: {error.strerror}") from None
