"""Progress of a training run: a live display on a terminal, one plain line per epoch anywhere else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tinygrad_np._extras import require
from tinygrad_np.train.history import Epoch

__all__ = ["describe", "progress"]


def describe(epoch: Epoch, score_name: str = "accuracy") -> str:
    """The cost and the score of an epoch, short enough to stand beside a bar in 80 columns.

    Parameters
    ----------
    epoch : Epoch
    score_name : str
        What the score is, as the task has it; an accuracy is shown in percent.

    Examples
    --------
    >>> describe(Epoch(3, cost=0.25, accuracy=0.925, validation_cost=0.5, validation_accuracy=0.875))
    'cost 0.2500  92.5%  validation 0.5000  87.5%'
    >>> describe(Epoch(3, cost=0.25, accuracy=0.925), "R²")
    'cost 0.2500  R² 0.925'
    """

    def score(value: float | None) -> str:
        if value is None:
            return ""
        return f" {value:6.1%}" if score_name == "accuracy" else f"  {score_name} {value:.3f}"

    line = f"cost {epoch.cost:.4f}{score(epoch.accuracy)}"
    if epoch.validation_cost is not None:
        line += f"  validation {epoch.validation_cost:.4f}{score(epoch.validation_accuracy)}"
    return line


@contextmanager
def progress(epochs: int | None, stream: TextIO, score_name: str = "accuracy") -> Iterator[Callable[[Epoch], None]]:
    """Show progress on ``stream`` while the block runs; yields a callback for :func:`~tinygrad_np.train.fit`.

    The live display needs rich; without it, on a dumb terminal, and where ``stream`` is no terminal, there
    are plain lines. Control characters never reach a file.

    Parameters
    ----------
    epochs : int or None
        How many there will be, if that is known.
    stream : text file
    score_name : str
        See :func:`describe`.
    """
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        try:
            require("rich.progress", "train")
        except ImportError:
            pass
        else:
            with _live(epochs, stream, score_name) as show:
                yield show
            return
    width, of = (len(str(epochs)), f"/{epochs}") if epochs else (1, "")

    def print_line(epoch: Epoch) -> None:
        print(f"epoch {epoch.epoch:{width}}{of}  {describe(epoch, score_name)}", file=stream, flush=True)

    yield print_line


@contextmanager
def _live(epochs: int | None, stream: TextIO, score_name: str) -> Iterator[Callable[[Epoch], None]]:
    rich = require("rich.progress", "train")
    console = require("rich.console", "train").Console(file=stream)
    columns = (
        rich.TextColumn("epoch"),
        rich.MofNCompleteColumn(),
        rich.BarColumn(bar_width=None),  # what the others leave
        rich.TextColumn("{task.description}"),
        rich.TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with rich.Progress(*columns, console=console, expand=True) as display:
        task = display.add_task("", total=epochs)

        def show(epoch: Epoch) -> None:
            speed = f"  {_short(epoch.examples_per_second)}/s" if epoch.examples_per_second else ""
            display.update(task, completed=epoch.epoch, description=describe(epoch, score_name) + speed)

        yield show


def _short(number: float) -> str:
    """Two or three digits: 950, 12k, 1.3M."""
    for unit, name in ((1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:.{int(number < 10 * unit)}f}{name}"
    return f"{number:.0f}"
