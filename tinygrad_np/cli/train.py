"""The command line: ``tinygrad-np train``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from tinygrad_np import __version__, data, train
from tinygrad_np.train.options import sizes

__all__ = ["main"]


def main(argv: Sequence[str] | None = None, prog: str = "tinygrad-np") -> int:
    """Run the command line; returns the exit status.

    0: done. 1: training failed. 2: an option or the installation is wrong, and nothing was written.
    130: interrupted.
    """
    parser = _parser(prog)
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        status = _train(arguments, prog)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has had enough: not an error worth a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _fail(f"{prog} train", "interrupted", 130)
    return status


def _train(arguments: argparse.Namespace, prog: str) -> int:
    """Train on the digits as the options say, and report."""
    command = f"{prog} train"
    try:
        config = train.Config(**{option.name: getattr(arguments, option.name) for option in fields(train.Config)})
        examples = data.digits(config.dtype)
        config.fitted_to(examples)
        folder = train.new_folder(arguments.out, examples.name)
    except train.OptionError as error:
        return _fail(command, f"--{error.option.replace('_', '-')} {error.problem}", 2)
    except ImportError as error:
        return _fail(command, f"for the digits, {error}", 2)
    except OSError as error:
        return _fail(command, f"--out {error.filename}: {error.strerror}", 2)

    show = nullcontext() if arguments.quiet else train.progress(config.epochs or 0, sys.stderr)
    try:
        with show as callback:
            run = train.run(config, examples, [callback] if callback else [])
        report = train.write_report(run, folder)
    except train.DivergedError as error:
        return _fail(command, f"{error} (--learning-rate was {config.learning_rate})", 1)
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk, say
        return _fail(command, f"cannot write {error.filename or folder}: {error.strerror}", 1)
    finally:
        with suppress(OSError):
            folder.rmdir()  # goes only if it is empty: if training failed or was interrupted
            if arguments.out is None:
                folder.parent.rmdir()
    _print_scores(run)
    if arguments.quiet:
        print(f"\nWritten to {folder}")
    else:
        _print_report(report, command)
    return 0


def _print_scores(run: train.Run) -> None:
    print(f"\n{'':12}{'cost':>8}{'accuracy':>11}{'examples':>11}")
    for part in run.parts:
        score = run.scores[part.name]
        print(f"{part.name:12}{score.cost:8.4f}{score.accuracy:11.2%}{part.size:11,}")


def _print_report(report: train.Report, command: str) -> None:
    print(f"\nWritten to {report.folder}:")
    for name, what in report.files.items():
        print(f"  {name:16} {what}")
    for note in report.notes:
        print(f"Note: {note}")
    print(
        f"""
Next, another network and another optimizer, to compare:
  {command} --layers 64,32,10 --optimizer nesterov
or this one in Python:
  >>> from tinygrad_np import data, train
  >>> model = train.load_model({str(report.folder)!r})
  >>> train.predict_logits(model, data.digits().x[:5]).argmax(axis=1)"""
    )


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one sentence, without the usage of all options around it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)  # an abbreviation would break when options are added

    def error(self, message: str) -> NoReturn:
        self.exit(_fail(self.prog, message, 2))


def _fail(command: str, message: str, status: int) -> int:
    print(f"{command}: {message}", file=sys.stderr)
    return status


def _layers(text: str) -> tuple[int, ...]:
    try:
        return sizes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=prog,
        description="A computation-graph engine for NumPy, with a network to train.",
        epilog=f"Begin with: {prog} train",
    )
    parser.add_argument("--version", action="version", version=f"tinygrad_np {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_train(commands, prog)
    return parser


def _add_train(commands: argparse._SubParsersAction[_Parser], prog: str) -> None:
    parser = commands.add_parser(
        "train",
        help="train a classifier of handwritten digits",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [options]",
        description="""\
Train a classifier of handwritten digits, and see what happened.

The data are the 1,797 digits (8 x 8 pixels) that scikit-learn ships: 70% to learn from, 15% to
watch progress by, 15% held out for the end. What remains is a folder with the cost curve, the
confusion matrix and the predictions as pictures, the graph of the loss, the history, the weights.

Below, what is in parentheses is what you get without the option.""",
        epilog=f"""\
examples:
  {prog} train
  {prog} train --layers 64,10                        softmax regression
  {prog} train --optimizer nesterov --dropout 0 --l2 1""",
    )
    groups: dict[str, Any] = {}
    for each in fields(train.Config):
        known = each.metadata
        if known["group"] not in groups:
            groups[known["group"]] = parser.add_argument_group(known["group"])
        choices = f": {_or(known['choices'])}" if known["choices"] else ""
        options: dict[str, Any] = {"default": each.default, "help": f"{known['help']}{choices} ({known['shown']})"}
        if known["parse"] is bool:
            options["action"] = argparse.BooleanOptionalAction
        else:
            options |= {
                "type": _layers if known["parse"] is sizes else known["parse"],
                "metavar": known["metavar"],
                "choices": known["choices"],
            }
        groups[known["group"]].add_argument(f"--{each.name.replace('_', '-')}", **options)
    # fmt: off
    output = parser.add_argument_group("the output")
    output.add_argument("--out", type=Path, metavar="FOLDER",
        help="folder to write, new or empty (runs/digits-<date>-<time>)")
    output.add_argument("--quiet", action="store_true",
        help="no progress, no explanations: only the final scores, and where the files are")
    # fmt: on


def _or(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}"
