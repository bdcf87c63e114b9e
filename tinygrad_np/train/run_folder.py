"""The folder that a training run leaves behind: written whole, and read back."""

from __future__ import annotations

import errno
import json
import platform
from copy import deepcopy
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_np import __version__, nn, plot
from tinygrad_np import functional as F
from tinygrad_np._arrays import load_arrays, save_arrays
from tinygrad_np._files import atomic_write
from tinygrad_np.draw import draw
from tinygrad_np.tensor import Tensor
from tinygrad_np.train.config import Config
from tinygrad_np.train.evaluate import predict_logits
from tinygrad_np.train.metrics import confusion_matrix
from tinygrad_np.train.run import Run
from tinygrad_np.train.step import objective

__all__ = ["Report", "load_model", "new_folder", "write_report"]


# What a run folder holds, in the order to look at it.
CONTENTS = {
    "cost.png": "cost and accuracy by epoch",
    "confusion.png": "what was taken for what, on test data",
    "predictions.png": "test examples and what they were taken for, mistakes first",
    "graph.svg": "the graph of the loss that was differentiated",
    "graph.dot": "the same, for Graphviz and other programs",
    "model.npz": "the weights",
    "history.jsonl": "cost and accuracy of every epoch",
    "scores.json": "the table above",
    "config.json": "the options of this run",
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


def write_report(run: Run, folder: Path) -> Report:
    """Write what happened in ``run`` into ``folder``, which exists.

    The pictures need Matplotlib, and ``graph.svg`` needs Graphviz; where these are missing, a note says so,
    and all else is written.

    Raises
    ------
    OSError
        If a file cannot be written; those written before are whole.
    """
    scores = {name: asdict(score) for name, score in run.scores.items()}
    save_arrays(folder / "model.npz", run.model.state_dict())
    _write_json(folder / "config.json", _configuration(run))
    _write_json(folder / "scores.json", scores)
    _write_text(folder / "history.jsonl", run.history.to_json_lines())
    notes = [*_draw_graph(run, folder), *_draw_pictures(run, folder)]
    return Report(folder, {name: what for name, what in CONTENTS.items() if (folder / name).exists()}, notes)


def load_model(folder: Path | str) -> nn.MLP:
    """The trained model of a run folder, in evaluation mode.

    Raises
    ------
    OSError
        If a file of the folder cannot be read.
    ValueError
        If a file is damaged, or the weights do not fit the options.
    """
    path = Path(folder, "config.json")
    try:
        options = json.loads(path.read_text("utf-8"))["options"]
        config = Config(**{**options, "layers": tuple(options["layers"])})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is no configuration of a run: {error}") from None
    path = Path(folder, "model.npz")
    arrays = load_arrays(path)
    try:
        if sum((n_in + 1) * n_out for n_in, n_out in pairwise(config.layers or ())) != sum(
            a.size for a in arrays.values()
        ):
            raise ValueError("their number is that of another network")  # before one of that size is allocated
        model = config.build_model(np.random.default_rng(0))
        model.load_state_dict(arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the weights in {path} do not fit config.json beside it: {error.args[0]}") from None
    model.eval()
    return model


def _configuration(run: Run) -> dict[str, Any]:
    versions = {"python": platform.python_version(), "numpy": np.__version__, "tinygrad_np": __version__}
    return {"data": run.data_name, "options": asdict(run.config), "versions": versions}


def _draw_graph(run: Run, folder: Path) -> list[str]:
    training = run.parts[0]
    n = run.config.batch_size or training.size
    model = deepcopy(run.model).train()  # the picture shows what was differentiated: dropout and penalty, too
    cost = F.softmax_cross_entropy(model(Tensor(training.x[:n], name="x")), Tensor(training.y[:n], name="y"))
    loss = objective(cost, model, run.config.l2, training.size)
    picture = draw(loss, names=dict(model.named_parameters()))
    picture.save(folder / "graph.dot")
    try:
        picture.save(folder / "graph.svg")
    except (ImportError, RuntimeError) as error:
        return [f"graph.svg was not drawn: {error}"]
    return []


def _draw_pictures(run: Run, folder: Path) -> list[str]:
    test = run.parts[2]
    logits = predict_logits(run.model, test.x)
    matrix = confusion_matrix(test.y, logits.argmax(axis=1), len(test.class_names))
    try:
        plot.save_png(plot.cost_curves(run.history), folder / "cost.png")
        plot.save_png(plot.confusion_matrix(matrix, test.class_names), folder / "confusion.png")
        if test.image_shape is not None:
            images = test.x.reshape(-1, *test.image_shape)
            probabilities = F.softmax(Tensor(logits)).numpy()
            grid = plot.image_grid(images, probabilities, test.y, test.class_names)
            plot.save_png(grid, folder / "predictions.png")
    except ImportError as error:
        return [f"no PNG was drawn: {error}"]
    return []


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as file:
        file.write(text.encode())


def _write_json(path: Path, value: Any) -> None:
    _write_text(path, json.dumps(value, indent=2) + "\n")
