"""``tinygrad-np train``: train a network, and write what happened."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_np import train
from tinygrad_np.cli.check import check
from tinygrad_np.cli.options import add_config_options, add_data_options, config_of
from tinygrad_np.cli.parser import Commands, Failure, aligned
from tinygrad_np.cli.parts import add_part_options, load_parts
from tinygrad_np.cli.running import as_begun, data_arguments, run_folder
from tinygrad_np.data import Dataset, Examples, Preprocessing, Standardizer

__all__ = ["add", "run"]


def add(commands: Commands[Any], prog: str) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train a network on your data, and see what happened",
        usage="%(prog)s [--data DATA] [options]",
        description="""\
Train a network on your data, and see what happened.

Without --data: on the 1,797 digits (8 x 8 pixels) that scikit-learn ships. Some examples are
kept to watch progress by, and some are held out for the end. What remains is a folder with
report.html, the page to open first, the pictures in it, the history, and the trained network.

Below, what is in parentheses is what you get without the option.""",
        epilog=f"""\
examples:
  {prog} train
  {prog} train --data flowers.csv --label species
  {prog} train --data photos/ --image-size 32 --layers 20,7,5 --patience 10
  {prog} train --data mnist --layers 128,64 --epochs 30
  {prog} train --data houses.csv --label price --task regression --standardize""",
    )
    # fmt: off
    add_data_options(parser, "digits")
    add_part_options(parser)
    add_config_options(parser)
    first = parser.add_argument_group("before it begins")
    first.add_argument("--check-gradients", action="store_true",
        help="compare the gradients with the formula and with finite differences, and train only if they agree")
    output = parser.add_argument_group("the output")
    output.add_argument("--out", type=Path, metavar="FOLDER",
        help="folder to write, new or empty (runs/<data>-<date>-<time>)")
    output.add_argument("--resume", type=Path, metavar="FOLDER",
        help="go on with the run in this folder, which was broken off or is to be longer, with the same options")
    output.add_argument("--quiet", action="store_true",
        help="no progress, no explanations: only the final scores, and where the files are")
    output.add_argument("--json", action="store_true",
        help="on stdout one JSON object per line: the data, each epoch, the result")
    output.add_argument("--tensorboard", action="store_true",
        help="write event files for TensorBoard, too (needs the extra tensorboard)")
    # fmt: on
    parser.set_defaults(parser=parser)


def run(arguments: argparse.Namespace, command: str) -> None:
    """Train as the options say, and report."""
    resume = arguments.resume is not None
    arguments = as_begun(arguments) if resume else arguments
    config = config_of(arguments)
    found, parts = load_parts(arguments, config)
    complete = config.fitted_to(parts[0])
    if arguments.check_gradients:
        _check_gradients(arguments, complete, parts[0])
    with run_folder(arguments.out, found.name, config, resume=resume) as folder:
        _say_what_was_found(arguments, found, parts, complete)
        train.write_configuration(complete, data_arguments(arguments), folder)
        diverged = ""
        try:
            with _progress(arguments, complete) as show, _tensorboard(arguments, folder) as boards:
                data = parts if len(parts) > 1 else parts[0]
                done = train.run(config, data, [show, *boards], folder=folder, resume=resume)
        except train.DivergedError as error:
            if error.run is None:
                raise
            done = error.run
            diverged = f"{error} (--learning-rate was {config.learning_rate}); the last good network is in {folder}"
        report = train.write_report(done, folder, Preprocessing.of(found, done.standardizer))
    if diverged:
        raise Failure(diverged, 1)
    if arguments.json:
        scores = {name: asdict(score) for name, score in done.scores.items()}
        _print_json("done", scores=scores, ended_by=done.history.ended_by, folder=str(folder), files=[*report.files])
        return
    _print_scores(done)
    if arguments.quiet:
        print(f"\nWritten to {folder}")
    else:
        _print_report(report, arguments, command)


def _check_gradients(arguments: argparse.Namespace, config: train.Config, training: Dataset) -> None:
    verdict = check(config, training)
    if arguments.json:
        parameters = [{**asdict(each), "right": each.right} for each in verdict.parameters]
        _print_json("gradients", right=verdict.right, examples=verdict.n_examples, parameters=parameters)
    elif not arguments.quiet:
        print(verdict, file=sys.stderr, flush=True)
    if not verdict:
        raise Failure("the gradients do not agree (--check-gradients), and nothing was trained", 1)


def _say_what_was_found(
    arguments: argparse.Namespace, found: Examples, parts: tuple[Dataset, ...], config: train.Config
) -> None:
    sizes = _sizes(parts, config)
    if arguments.json:
        shape, classes = found.image_shape or found.x.shape[1:], parts[0].class_names
        _print_json("data", name=found.name, kind=found.kind, shape=shape, classes=classes, split=sizes,
                    task=config.task, layers=config.layers)  # fmt: skip
    if not arguments.quiet:
        split = ", ".join(f"{size:,} for {name}" for name, size in sizes.items())
        layers = ",".join(map(str, config.layers or ()))
        print(f"data     {arguments.data}: {found}\nsplit    {split}", file=sys.stderr)
        print(f"network  {layers} ({config.task}), trained by {config.optimizer}", file=sys.stderr, flush=True)
        names = parts[0].class_names
        if len(names) > max(20, parts[0].size // 4) and all(name.lstrip("-").isdecimal() for name in names):
            print(
                "note     so many whole numbers as classes: to predict numbers, say --task regression", file=sys.stderr
            )
        if not config.standardize and found.image_shape is None and _sizes_differ(parts[0]):
            print(
                "note     the numbers are of different sizes: it may learn much better with --standardize",
                file=sys.stderr,
            )


def _sizes_differ(data: Dataset) -> bool:
    """Whether there are features that standardization would change much: by a factor of ten, or by three deviations."""
    standard = Standardizer.fit(data.x)
    factor = np.maximum(standard.scale, 1 / standard.scale)
    return bool(((factor > 10) | (np.abs(standard.mean) > 3 * standard.scale)).any())


def _sizes(parts: tuple[Dataset, ...], config: train.Config) -> dict[str, int]:
    """How many examples each part will have; see ``train.run``."""
    m = parts[0].size
    held_out = {
        "validation": parts[-2].size if len(parts) == 3 else round(config.validation * m),
        "test": parts[-1].size if len(parts) > 1 else round(config.test * m),
    }
    left = m - sum(size for name, size in held_out.items() if len(parts) < (2 if name == "test" else 3))
    return {"training": left, **{name: size for name, size in held_out.items() if size}}


def _progress(
    arguments: argparse.Namespace, config: train.Config
) -> AbstractContextManager[Callable[[train.Epoch], None]]:
    if arguments.json:
        return nullcontext(lambda epoch: _print_json("epoch", **asdict(epoch)))
    if arguments.quiet:
        return nullcontext(lambda epoch: None)
    return train.progress(config.epochs, sys.stderr, train.TASKS[config.task or "multiclass"].score_name)


@contextmanager
def _tensorboard(arguments: argparse.Namespace, folder: Path) -> Iterator[list[train.TensorBoard]]:
    if not arguments.tensorboard:
        yield []
        return
    with train.TensorBoard(folder / "tensorboard") as board:
        yield [board]


def _print_json(event: str, **fields: Any) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def _print_scores(done: train.Run) -> None:
    rows = [["", "cost", done.task.score_name, "examples"]]
    for part in done.parts:
        score = done.scores[part.name]
        shown = f"{score.accuracy:.4f}" if done.task.name == "regression" else f"{score.accuracy:.2%}"
        rows.append([part.name, f"{score.cost:.4f}", shown, f"{part.size:,}"])
    print("\n" + aligned(rows))


def _print_report(report: train.Report, arguments: argparse.Namespace, command: str) -> None:
    prog = command.rpartition(" ")[0]
    label = f", label={arguments.label!r}" if arguments.label else ""
    print(
        f"""
Next, let it predict, or use it in Python:
  {prog} predict {report.folder} INPUT
  >>> from tinygrad_np import data, train
  >>> model = train.load_model({str(report.folder)!r})
  >>> model.predict(data.load({arguments.data!r}{label}).x[:5])

Written:"""
    )
    paths = {str(report.folder / name): what for name, what in report.files.items()}
    for path, what in paths.items():
        print(f"  {path.ljust(max(map(len, paths)))}  {what}")
    for note in report.notes:
        print(f"Note: {note}")
