"""Images, and what they were taken for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_np.plot._figures import GREY, RED, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["image_grid"]


def image_grid(
    images: NDArray[Any],
    predictions: ArrayLike | None = None,
    y: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    *,
    rows: int = 4,
    columns: int = 10,
    ax: Axes | None = None,
) -> Figure:
    r"""Draw a grid of images with what they were taken for: the most confident mistakes first, then others.

    Parameters
    ----------
    images : array of shape (m, height, width), (m, height, width, 1) or (m, height, width, 3)
        Those of one channel are drawn dark on white.
    predictions : array of shape (m, classes) or (m,), optional
        Probabilities, or labels.
    y : integer array of shape (m,), optional
        What they are.
    class_names : sequence of str, optional
        By default the numbers of the classes.
    rows, columns : int
        The size of the grid; what does not fit is left out.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If the shapes are others.

    Examples
    --------
    >>> images = np.random.default_rng(0).random((3, 8, 8))
    >>> figure = image_grid(images, predictions=[0, 1, 1], y=[0, 1, 0])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1\nis 0', '0', '1']
    """
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3) or not len(images):
        raise ValueError(f"image_grid: images are (m, height, width), perhaps with channels, not {images.shape}")
    verdicts, mistaken, confidence = _verdicts(len(images), predictions, y, class_names)
    # The mistakes, the most confident first; behind them the rest as it comes.
    order = np.lexsort((np.where(mistaken, -confidence, 0.0), ~mistaken))[: rows * columns]
    # One image of all tiles, and texts: forty axes of their own would take a second to draw.
    columns = min(columns, len(order))
    rows = math.ceil(len(order) / columns)
    height, width, *channels = images.shape[1:]
    lines = max(len(verdicts[i].splitlines()) for i in order)
    gap_above, gap_beside = math.ceil((0.1, 0.35, 0.55)[lines] * height), math.ceil(0.25 * width)
    cell_height, cell_width = height + gap_above, width + gap_beside
    white: Any = (255 if images.dtype.kind in "iu" else 1.0) if channels else images.min()
    wall = np.full((rows * cell_height, columns * cell_width, *channels), white, images.dtype)
    figure, axes = canvas(ax, max(0.85 * columns, 4), 0.85 * rows * cell_height / cell_width + 0.4)
    axes.set_axis_off()
    for place, i in enumerate(order):
        row, column = divmod(place, columns)
        top, left = row * cell_height + gap_above, column * cell_width
        wall[top : top + height, left : left + width] = images[i]
        color = RED if mistaken[i] else GREY
        middle, above = left + width / 2 - 0.5, top - 0.08 * height - 0.5
        axes.text(middle, above, verdicts[i], ha="center", va="bottom", fontsize=8.5, color=color)
    axes.imshow(wall, cmap="gray_r", interpolation="nearest")
    if predictions is not None and y is not None:
        title = f"{np.count_nonzero(mistaken)} mistakes in {len(images)} examples (coloured, with what they are)"
        axes.set_title(title, loc="left", fontsize=11)
    return figure


def _verdicts(
    m: int, predictions: ArrayLike | None, y: ArrayLike | None, class_names: Sequence[str] | None
) -> tuple[list[str], NDArray[np.bool_], NDArray[Any]]:
    """What to write above each image, which of them were mistaken, and how sure the predictions are."""

    def name(label: Any) -> str:
        return str(label) if class_names is None else class_names[label]

    for what, given in (("predictions", predictions), ("y", y)):
        if given is not None and len(np.asarray(given)) != m:
            raise ValueError(f"image_grid: {m} images, but {len(np.asarray(given))} {what}")
    confidence, mistaken = np.ones(m), np.zeros(m, bool)
    if predictions is None:
        return [""] * m if y is None else [name(label) for label in np.asarray(y)], mistaken, confidence
    taken_for = np.asarray(predictions)
    if taken_for.ndim == 2:
        confidence, taken_for = taken_for.max(axis=1), taken_for.argmax(axis=1)
        verdicts = [f"{name(label)} ({sure:.0%})" for label, sure in zip(taken_for, confidence, strict=True)]
    else:
        verdicts = [name(label) for label in taken_for]
    if y is not None:
        mistaken = taken_for != np.asarray(y)
        for i in np.flatnonzero(mistaken):
            verdicts[i] += f"\nis {name(np.asarray(y)[i])}"
    return verdicts, mistaken, confidence
