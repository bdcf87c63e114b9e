"""``tinygrad-np predict``: what a trained network makes of new examples."""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np._files import atomic_write
from tinygrad_np.cli.options import add_table_options, model_argument
from tinygrad_np.cli.parser import Commands, Failure, aligned
from tinygrad_np.data import load
from tinygrad_np.data.csv import column_names
from tinygrad_np.data.images import SUFFIXES, image_files
from tinygrad_np.data.loading import is_table
from tinygrad_np.train import Predictor, load_model

__all__ = ["add", "run"]


def add(commands: Commands[Any], prog: str) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "predict",
        help="what a trained network makes of pictures or tables",
        usage="%(prog)s MODEL INPUT... [options]",
        description="""\
Let a trained network predict, for each example, its class and how probable that is.

An input is a picture, a folder of pictures, a table (.csv), or a file of arrays. The model
holds all that it needs: what was done to its training data is done to these, too.""",
        epilog=f"""\
examples:
  {prog} predict runs/cats-20260101-120000 new.jpg
  {prog} predict model.npz photos/ --resize
  {prog} predict model.npz test.csv --csv submission.csv     for Kaggle""",
    )
    model_argument(parser)
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="picture, folder of pictures, table or arrays")
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write Id and prediction to this new file; of pictures ImageId,Label, as Kaggle has it",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per example and line")
    pictures = parser.add_argument_group("pictures")
    pictures.add_argument("--resize", action="store_true", help="to the size that the model takes, if it is another")
    pictures.add_argument(
        "--invert", action="store_true", help="dark becomes light: for ink on paper, if the model learnt light on dark"
    )
    add_table_options(parser)


def run(arguments: argparse.Namespace, command: str) -> None:
    """Predict, and print or write it."""
    if arguments.csv is not None and arguments.csv.exists():
        raise Failure(f"--csv {arguments.csv} exists already, and nothing is overwritten: give another name")
    predictor = load_model(arguments.model)
    answers = [_predict(predictor, *part) for path in arguments.inputs for part in _read(predictor, path, arguments)]
    if arguments.csv is not None:
        lines = [line for answer in answers for line in zip(answer.ids, answer.labels, strict=True)]
        preprocessing = predictor.preprocessing
        pictures = preprocessing.image_shape is not None
        heads = ("ImageId", "Label") if pictures else ("Id", preprocessing.label or "prediction")
        _write_csv(arguments.csv, [heads, *lines])
        print(f"Written to {arguments.csv}: {len(lines):,} predictions")
        return
    if not arguments.json:
        rows = (zip(answer.names, answer.labels, answer.certainty, strict=True) for answer in answers)
        print(aligned(itertools.chain.from_iterable(rows)))
        return
    for answer in answers:
        for line in answer.json():
            print(json.dumps(line))


@dataclass(frozen=True)
class _Answer:
    """Predictions, with what to call the examples in the output and in a table."""

    names: list[str]
    ids: list[str]
    labels: list[str]
    certainty: list[str]
    probabilities: NDArray[Any] | None
    class_names: tuple[str, ...]

    def json(self) -> Iterator[dict[str, Any]]:
        for i, (name, label) in enumerate(zip(self.names, self.labels, strict=True)):
            line: dict[str, Any] = {"example": name, "prediction": label}
            if self.probabilities is not None:
                shares = (round(float(p), 6) for p in self.probabilities[i])
                line["probabilities"] = dict(zip(self.class_names, shares, strict=True))
            yield line


def _read(
    predictor: Predictor, source: str, arguments: argparse.Namespace
) -> Iterator[tuple[list[str], list[str], NDArray[Any]]]:
    """The names of examples, what stands for them in a table, and the examples."""
    path, preprocessing = Path(source), predictor.preprocessing
    dtype = predictor.dtype
    pictures = image_files(path) if path.is_dir() else [path] if path.suffix.lower() in SUFFIXES else []
    if pictures:
        options = {"resize": arguments.resize, "invert": arguments.invert, "dtype": dtype}
        x = np.concatenate([preprocessing.picture(picture, **options) for picture in pictures])
        yield [str(picture) for picture in pictures], [picture.name for picture in pictures], x
        return
    label = arguments.label
    if label is None and is_table(path) and preprocessing.label is not None:
        # The labels of a table that was for training are no features.
        names = column_names(path, arguments.delimiter)
        by_place = preprocessing.label.isdecimal() and len(names) == predictor.n_inputs + 1
        there = preprocessing.label in names or set(preprocessing.label.split(",")) <= set(names)
        label = preprocessing.label if by_place or there else None
    examples = load(path, label=label, delimiter=arguments.delimiter, dtype=dtype)
    x = preprocessing.conform(examples)
    predictor.check(x, source)
    numbers = [str(i) for i in range(1, len(x) + 1)]
    yield [f"{examples.name}, example {number}" for number in numbers], numbers, x


def _predict(predictor: Predictor, names: list[str], ids: list[str], x: NDArray[Any]) -> _Answer:
    predicted = predictor.predict(x)
    if predictor.task == "regression":
        labels = [" ".join(f"{value:.6g}" for value in np.atleast_1d(row)) for row in predicted]
        return _Answer(names, ids, labels, [""] * len(x), None, ())
    p, classes = predictor.predict_proba(x), predictor.class_names
    if predictor.task == "multilabel":
        chosen = [np.flatnonzero(row) for row in predicted]
        labels = [" ".join(classes[k] for k in places) for places in chosen]
        certainty = [" ".join(f"{p[i, k]:.1%}" for k in places) for i, places in enumerate(chosen)]
    else:
        labels = [classes[k] for k in predicted]
        certainty = [f"{p[i, k]:.1%}" for i, k in enumerate(predicted)]
    return _Answer(names, ids, labels, certainty, p, classes)


def _write_csv(path: Path, lines: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())
