"""What all pictures share: figures, axes, colours, and how they are written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tinygrad_np._extras import require
from tinygrad_np._files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "GREY", "ORANGE", "PALETTE", "RED", "canvas", "save_png", "titled"]

#: Okabe and Ito, 2008, "Color universal design": told apart with every kind of colour vision.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D00", "#000000")
BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#595959"


def canvas(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """Return the figure and the axes to draw into: those of ``ax``, or new ones of so many inches."""
    if ax is not None:
        return ax.get_figure(), ax  # type: ignore[return-value]
    figure = new_figure(width, height)
    return figure, figure.subplots()


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure. Without pyplot it has no window and no global registry."""
    figure: Figure = require("matplotlib.figure", "plot").Figure(figsize=(width, height), layout="constrained")
    return figure


def titled(axes: Axes, title: str, x: str | None = None, y: str | None = None) -> None:
    """Say what the axes show and in which units, without the frame's upper and right edge."""
    axes.set_title(title, loc="left", fontsize=11)
    if x is not None:
        axes.set_xlabel(x)
    if y is not None:
        axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)


def whole_numbers(axis: Any) -> None:
    """Put ticks at whole numbers only."""
    axis.get_major_locator().set_params(integer=True)


def save_png(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write ``figure`` as a PNG, atomically; the same figure gives the same bytes."""
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
