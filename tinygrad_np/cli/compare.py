"""``tinygrad-np compare``: what depth is good for, on the same data."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import plot, train
from tinygrad_np.cli.options import add_config_options, add_data_options, config_of
from tinygrad_np.cli.parser import Commands, aligned
from tinygrad_np.cli.parts import add_part_options, load_parts
from tinygrad_np.cli.running import run_folder
from tinygrad_np.data import Preprocessing
from tinygrad_np.plot._figures import new_figure

__all__ = ["add", "run"]


def add(commands: Commands[Any], prog: str) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "compare",
        help="a deep network and logistic regression, side by side",
        usage="%(prog)s [--data DATA] [options]",
        description="""\
Train two networks on the same examples, with the same options: one without hidden layers, which
is logistic (for numbers: linear) regression, and the deep one that the options tell of.

What remains is a folder with a picture of both, and the folder of a run for each.""",
        epilog=f"""\
examples:
  {prog} compare
  {prog} compare --data photos/ --layers 20,7,5 --epochs 100""",
    )
    add_data_options(parser, "digits")
    add_part_options(parser)
    add_config_options(parser)
    output = parser.add_argument_group("the output")
    output.add_argument(
        "--out", type=Path, metavar="FOLDER", help="folder to write, new or empty (runs/<data>-<date>-<time>)"
    )
    output.add_argument("--quiet", action="store_true", help="no progress: only the table, and where the files are")
    output.add_argument("--json", action="store_true", help="print one JSON object instead of the table")


def run(arguments: argparse.Namespace, command: str) -> None:
    """Train both, and print one beside the other."""
    deep = config_of(arguments)
    shallow = replace(deep, layers=(), activation="relu", dropout=0.0)
    found, parts = load_parts(arguments, deep)
    data = parts if len(parts) > 1 else parts[0]
    for config in (shallow, deep):
        config.fitted_to(parts[0])
    runs: dict[str, train.Run] = {}
    regression = parts[0].class_names == ()
    with run_folder(arguments.out, f"{found.name}-compared", deep) as folder:
        for name, config in (("linear" if regression else "logistic", shallow), ("deep", deep)):
            if not arguments.quiet:
                print(f"{name}:", file=sys.stderr)
            live = train.progress(config.epochs, sys.stderr, train.task_of(parts[0]).score_name)
            with nullcontext() if arguments.quiet else live as show:
                runs[name] = train.run(config, data, [show] if show else [])
            (folder / name).mkdir()
            train.write_report(runs[name], folder / name, Preprocessing.of(found, runs[name].standardizer))
        notes = _draw(runs, folder)
    columns = {name: _column(done) for name, done in runs.items()}
    if not regression:
        for (name, done), (_, other) in zip(runs.items(), reversed(runs.items()), strict=True):
            columns[name]["right where the other is wrong"] = int(np.count_nonzero(_right(done) & ~_right(other)))
    if arguments.json:
        print(json.dumps({"data": found.name, **columns, "folder": str(folder)}))
        return
    rows = [["", *runs]]
    first = next(iter(columns.values()))
    rows += [[row, *(_written(row, column[row]) for column in columns.values())] for row in first]
    print("\n" + aligned(rows))
    print(f"\nWritten to {folder}:")
    for file in sorted(path for path in folder.rglob("*") if path.name in ("comparison.png", "report.html")):
        print(f"  {file.relative_to(folder)}")
    for note in notes:
        print(f"Note: {note}")


def _column(done: train.Run) -> dict[str, Any]:
    """What there is to say of a run."""
    score = done.task.score_name
    rows: dict[str, Any] = {
        "layers": ",".join(map(str, done.config.layers or ())),
        "parameters": sum(parameter.size for parameter in done.model.parameters()),
        "epochs": len(done.history),
        "seconds": round(sum(seconds or 0.0 for seconds in done.history.column("seconds")), 2),
    }
    for name, scores in done.scores.items():
        rows[f"{name} {score}"] = round(scores.accuracy, 4)
        rows[f"{name} cost"] = round(scores.cost, 4)
    return rows


def _right(done: train.Run) -> NDArray[np.bool_]:
    """Which of the examples that were held out are right."""
    data = done.parts[-1]
    right = done.task.predict(train.predict_logits(done.model, data.x)) == data.y
    return np.asarray(right if right.ndim == 1 else right.all(axis=1))


def _written(row: str, value: Any) -> str:
    if isinstance(value, float) and row != "seconds":
        return f"{value:.2%}" if row.endswith("accuracy") else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _draw(runs: dict[str, train.Run], folder: Path) -> list[str]:
    try:
        figure = new_figure(9, 7)
        for axes, (name, done) in zip(figure.subplots(2, 2), runs.items(), strict=True):
            plot.cost_curves(done.history, ax=axes)
            axes[0].set_title(f"Cost, {name}", loc="left", fontsize=11)
        plot.save_png(figure, folder / "comparison.png")
    except ImportError as error:
        return [f"comparison.png was not drawn: {error}"]
    return []
