"""The folder that a training run leaves behind."""

from __future__ import annotations

import errno
import json
import platform
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_np import __version__, plot
from tinygrad_np._files import atomic_write
from tinygrad_np.data import DataError, Dataset, Preprocessing, Standardizer
from tinygrad_np.draw import draw
from tinygrad_np.tensor import Tensor
from tinygrad_np.train.config import Config
from tinygrad_np.train.evaluate import predict_logits
from tinygrad_np.train.metrics import confusion_matrix
from tinygrad_np.train.model_file import save_model
from tinygrad_np.train.predictor import Predictor
from tinygrad_np.train.report import Outcome, report_page
from tinygrad_np.train.run import Run
from tinygrad_np.train.step import objective

__all__ = ["Report", "new_folder", "read_configuration", "write_configuration", "write_report"]


# What a run folder holds, in the order to look at it.
CONTENTS = {
    "report.html": "all of it on one page: open it in a browser",
    "cost.png": "cost and score by epoch",
    "confusion.png": "what was taken for what, on test data",
    "predictions.png": "test examples and what they were taken for, mistakes first",
    "graph.svg": "the graph of the loss that was differentiated",
    "graph.dot": "the same, for Graphviz and other programs",
    "model.npz": "the network, with all that it takes to predict",
    "history.jsonl": "cost and accuracy of every epoch",
    "scores.json": "the table above",
    "config.json": "the options of this run",
    "checkpoint.npz": "to go on from: train --resume",
}


def new_folder(path: Path | None, name: str) -> Path:
    """Make the folder of a run: ``path``, or ``runs/<name>-<date>-<time>`` in the current directory.

    Raises
    ------
    FileExistsError
        If ``path`` is a file, or a folder with something in it. Nothing is ever overwritten.
    OSError
        If the folder cannot be made.
    """
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise FileExistsError(errno.ENOTEMPTY, "the folder is not empty, and nothing is overwritten", str(path))
        return path
    stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    for attempt in count(1):
        folder = Path("runs", stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another run began in the same second
            continue
        break
    return folder


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes
    ----------
    folder : Path
    files : dict of str to str
        What each file in it shows, by name; those to look at first come first.
    notes : list of str
        What could not be made, and what to do about it.
    """

    folder: Path
    files: dict[str, str]
    notes: list[str]


def write_configuration(config: Config, data: Mapping[str, Any], folder: Path) -> None:
    """Write ``config.json``: the options of a run, what its data are, and the versions that it is run by."""
    versions = {"python": platform.python_version(), "numpy": np.__version__, "tinygrad_np": __version__}
    _write_json(folder / "config.json", {"data": dict(data), "options": asdict(config), "versions": versions})


def read_configuration(folder: Path) -> tuple[Config, dict[str, Any]]:
    """What :func:`write_configuration` wrote: the options, and what the data are.

    Raises
    ------
    OSError
        If the file cannot be read.
    DataError
        If it is something else.
    """
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text("utf-8"))
        return Config(**found["options"]), dict(found["data"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(path, f"this is no configuration of a run: {error}") from None


def write_report(run: Run, folder: Path, preprocessing: Preprocessing | None = None) -> Report:
    """Write what happened in ``run`` into ``folder``, which exists.

    The pictures need Matplotlib, and ``graph.svg`` needs Graphviz; where these are missing, a note says so,
    and all else is written.

    Parameters
    ----------
    run : Run
    folder : Path
    preprocessing : Preprocessing, optional
        How the data were read, if from a file: so that the model can do the same to new data.

    Raises
    ------
    OSError
        If a file cannot be written; those written before are whole.
    """
    judged = run.parts[-1]
    outcome = Outcome(_raw(judged, run.standardizer), predict_logits(run.model, judged.x), run.task)
    preprocessing = preprocessing or Preprocessing(judged.image_shape, standardizer=run.standardizer)
    save_model(folder / "model.npz", Predictor(run.model, run.task.name, judged.class_names, preprocessing,
                                               run.config.threshold, run.data_name))  # fmt: skip
    if not (folder / "config.json").exists():
        write_configuration(run.config, {"data": run.data_name}, folder)
    _write_json(folder / "scores.json", {name: asdict(score) for name, score in run.scores.items()})
    _write_text(folder / "history.jsonl", run.history.to_json_lines())
    notes = [*_draw_graph(run, folder), *_draw_pictures(run, outcome, folder)]
    graph = folder / "graph.svg"
    page = report_page(run, outcome, graph.read_bytes() if graph.exists() else None)
    _write_text(folder / "report.html", page)
    return Report(folder, {name: what for name, what in CONTENTS.items() if (folder / name).exists()}, notes)


def _raw(data: Dataset, standardizer: Standardizer | None) -> Dataset:
    """Examples as they were before they were standardized, so that pictures look like themselves."""
    return data if standardizer is None else replace(data, x=data.x * standardizer.scale + standardizer.mean)


def _draw_graph(run: Run, folder: Path) -> list[str]:
    training = run.parts[0]
    n = run.config.batch_size or training.size
    model = deepcopy(run.model).train()  # the picture shows what was differentiated: dropout and penalty, too
    cost = run.task.loss(model(Tensor(training.x[:n], name="x")), Tensor(training.y[:n], name="y"))
    loss = objective(cost, model, run.config.l2, training.size)
    picture = draw(loss, names=dict(model.named_parameters()))
    picture.save(folder / "graph.dot")
    try:
        picture.save(folder / "graph.svg")
    except (ImportError, RuntimeError) as error:
        return [f"graph.svg was not drawn: {error}"]
    return []


def _draw_pictures(run: Run, outcome: Outcome, folder: Path) -> list[str]:
    test = outcome.data
    try:
        plot.save_png(plot.cost_curves(run.history), folder / "cost.png")
        if outcome.task.name in ("binary", "multiclass"):
            matrix = confusion_matrix(test.y, outcome.predicted, len(test.class_names))
            plot.save_png(plot.confusion_matrix(matrix, test.class_names), folder / "confusion.png")
            if outcome.images is not None:
                grid = plot.image_grid(outcome.images, outcome.probabilities, test.y, test.class_names)
                plot.save_png(grid, folder / "predictions.png")
    except ImportError as error:
        return [f"no PNG was drawn: {error}"]
    return []


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())


def _write_json(path: Path, value: Any) -> None:
    _write_text(path, json.dumps(value, indent=2) + "\n")
