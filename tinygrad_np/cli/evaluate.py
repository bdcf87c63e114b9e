"""``tinygrad-np evaluate``: how good a trained network is on labelled data."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np.cli.options import add_table_options, model_argument
from tinygrad_np.cli.parser import Commands, aligned
from tinygrad_np.data import Dataset, load
from tinygrad_np.train import TASKS, Predictor, load_model, log_loss, precision_recall_f1
from tinygrad_np.train.report.outcome import interval

__all__ = ["add", "run"]


def add(commands: Commands[Any], prog: str) -> None:
    """Declare the command and its options."""
    parser = commands.add_parser(
        "evaluate",
        help="how good a trained network is on labelled data",
        usage="%(prog)s MODEL --data DATA [options]",
        description="""\
Compare what a trained network predicts with what is true.

The labels are matched with the classes of the model by their names. Where the data come with
a test set, as MNIST does, that is what counts; otherwise all examples do.""",
        epilog=f"""\
examples:
  {prog} evaluate runs/digits-20260101-120000 --data more.csv
  {prog} evaluate model.npz --data mnist""",
    )
    model_argument(parser)
    parser.add_argument("--data", required=True, metavar="DATA", help="a file, a folder, or a name: see train --help")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_table_options(parser)


def run(arguments: argparse.Namespace, command: str) -> None:
    """Evaluate, and print the scores."""
    predictor = load_model(arguments.model)
    label = arguments.label or predictor.preprocessing.label
    found = load(arguments.data, label=label, delimiter=arguments.delimiter, dtype=predictor.dtype)
    examples = found.test or found
    x = predictor.preprocessing.conform(examples)
    predictor.check(x, arguments.data)
    data = examples.dataset(predictor.task, predictor.class_names)
    scores, by_class = _scores(predictor, Dataset(x, data.y, data.class_names, name=data.name))
    if arguments.json:
        print(json.dumps({"data": arguments.data, "examples": len(x), **scores, "classes": by_class}))
        return
    which = "its test set" if found.test is not None else "all"
    print(f"{found.name}: {which} of {len(x):,} examples\n")
    print(aligned([[name, _written(name, value)] for name, value in scores.items()]))
    if by_class:
        rows = [[name, *(f"{value:.1%}" for value in row.values())] for name, row in by_class.items()]
        print("\n" + aligned([["class", "precision", "recall", "F1"], *rows]))


def _scores(predictor: Predictor, data: Dataset) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Of all examples, and class by class."""
    task, logits = TASKS[predictor.task].at(predictor.threshold), predictor.logits(data.x)
    score = task.score(data.y, logits)
    if task.name == "regression":
        errors = task.predict(logits) - data.y
        return {"R2": score, "rms error": float(np.sqrt(np.mean(errors**2)))}, {}
    predicted = task.predict(logits)
    if task.name == "multilabel":
        answers = (
            precision_recall_f1(a.astype(np.int64), b, 2, "binary") for a, b in zip(data.y.T, predicted.T, strict=True)
        )
        return {"all labels right": score}, _by_name(data, *zip(*answers, strict=True))
    right = int(np.count_nonzero(predicted == data.y))
    low, high = interval(right, data.size)
    each = precision_recall_f1(data.y, predicted, len(data.class_names), None)
    cost = log_loss(data.y, task.proba(logits))
    scores = {"accuracy": right / data.size, "95% interval from": low, "to": high, "log loss": cost}
    return scores, _by_name(data, *each)


def _by_name(data: Dataset, *scores: Sequence[float]) -> dict[str, dict[str, float]]:
    rows = zip(*scores, strict=True)
    return {
        name: dict(zip(("precision", "recall", "f1"), map(float, row), strict=True))
        for name, row in zip(data.class_names, rows, strict=True)
    }


def _written(name: str, value: float) -> str:
    return f"{value:.4g}" if name in ("log loss", "rms error", "R2") else f"{value:.2%}"
