"""Pictures of a training run, as Matplotlib figures that belong to nobody's global state."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np._extras import require
from tinygrad_np._files import atomic_write
from tinygrad_np.train.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["confusion", "cost_curves", "predictions", "save_png"]

BLUE, ORANGE, RED, GREY = "#2a6fad", "#e0801f", "#c4312b", "#666666"


def cost_curves(history: History) -> Figure:
    """The cost and the accuracy of training and validation data, by epoch."""
    figure = _figure(9, 3.6)
    panels = (("cost", "Cost (mean loss per example)", 1.0), ("accuracy", "Accuracy (%)", 100.0))
    for axes, (field, title, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        for prefix, label, color in (("", "training", BLUE), ("validation_", "validation", ORANGE)):
            values = np.array(history.column(prefix + field), dtype=float) * scale
            if not np.isnan(values).all():
                marker = "o" if len(values) < 3 else ""  # a line through one point would not show
                axes.plot(history.column("epoch"), values, color=color, marker=marker, label=label)
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        if field == "cost":
            axes.set_ylim(bottom=0)
    return figure


def confusion(matrix: NDArray[np.int64], class_names: tuple[str, ...]) -> Figure:
    """A confusion matrix: a row for each true class, shaded by the share of the class, mistakes in red."""
    n = len(class_names)
    figure = _figure(max(4.0, 0.48 * n + 1.2), max(4.0, 0.48 * n + 1.4))
    axes = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # White, towards blue on the diagonal and towards red beside it. The square root makes one mistake in a
    # hundred visible.
    strength = np.sqrt(share)[..., None]
    to_rgb = require("matplotlib.colors", "train").to_rgb
    axes.imshow(1 - strength * (1 - np.where(np.eye(n, dtype=bool)[..., None], to_rgb(BLUE), to_rgb(RED))))
    if n <= 30:
        for i, j in zip(*np.nonzero(matrix), strict=True):
            color = "white" if share[i, j] > 0.3 else "black"
            axes.text(j, i, str(matrix[i, j]), ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(n), class_names, rotation=90 if max(map(len, class_names)) > 3 else 0)
    axes.set_yticks(range(n), class_names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.tick_params(length=0)
    axes.spines[:].set_color("#cccccc")
    right, total = int(np.trace(matrix)), int(matrix.sum())
    axes.set_title(f"{right} of {total} test examples right ({right / total:.1%})", loc="left", fontsize=11)
    return figure


def predictions(
    images: NDArray[Any],
    y_true: NDArray[np.integer[Any]],
    probabilities: NDArray[Any],
    class_names: tuple[str, ...],
    rows: int = 4,
    columns: int = 10,
) -> Figure:
    """A grid of pictures with what they were taken for: the most confident mistakes first, then others.

    Parameters
    ----------
    images : array of shape (m, height, width) or (m, height, width, 3)
    y_true : integer array of shape (m,)
    probabilities : array of shape (m, classes)
    class_names : tuple of str
    rows, columns : int
        The size of the grid; what does not fit is left out.
    """
    y_pred = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    mistaken = y_pred != y_true
    # The mistakes, the most confident first; behind them the rest as it comes.
    order = np.lexsort((np.where(mistaken, -confidence, 0.0), ~mistaken))[: rows * columns]
    # One image of all tiles, and texts: forty axes of their own would take a second to draw.
    rows = math.ceil(len(order) / columns)
    height, width, *channels = images.shape[1:]
    gap_above, gap_beside = math.ceil(0.55 * height), math.ceil(0.25 * width)
    cell_height, cell_width = height + gap_above, width + gap_beside
    white = 1.0 if channels else images.min()
    wall = np.full((rows * cell_height, columns * cell_width, *channels), white, images.dtype)
    figure = _figure(0.85 * columns, 0.85 * rows * cell_height / cell_width + 0.4)
    axes = figure.subplots()
    axes.set_axis_off()
    for place, i in enumerate(order):
        row, column = divmod(place, columns)
        top, left = row * cell_height + gap_above, column * cell_width
        wall[top : top + height, left : left + width] = images[i]
        verdict = f"{class_names[y_pred[i]]} ({confidence[i]:.0%})"
        if mistaken[i]:
            verdict += f"\nis {class_names[y_true[i]]}"
        color = RED if mistaken[i] else GREY
        middle, above = left + width / 2 - 0.5, top - 0.08 * height - 0.5
        axes.text(middle, above, verdict, ha="center", va="bottom", fontsize=8.5, color=color)
    axes.imshow(wall, cmap="gray_r", interpolation="nearest")
    figure.suptitle(
        f"{np.count_nonzero(mistaken)} mistakes in {len(y_true)} test examples (red, the surest first), "
        "and some that were right",
        fontsize=11,
        x=0.01,
        ha="left",
    )
    return figure


def save_png(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write ``figure`` as a PNG, atomically; the same figure gives the same bytes."""
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})


def _figure(width: float, height: float) -> Figure:
    # Without pyplot a figure has no window, no global registry, and an Agg canvas when it is saved.
    figure: Figure = require("matplotlib.figure", "train").Figure(figsize=(width, height), layout="constrained")
    return figure
