"""What a classifier takes for what: its boundaries in the plane, and its confusion matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_np._extras import require
from tinygrad_np.grad_mode import no_grad
from tinygrad_np.nn.module import Module
from tinygrad_np.plot._figures import BLUE, PALETTE, RED, canvas, titled
from tinygrad_np.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["confusion_matrix", "decision_boundary"]

_MARKERS = "os^Dv*Px"


def decision_boundary(
    predict: Module | Callable[[NDArray[Any]], Any],
    x: ArrayLike,
    y: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    resolution: int = 300,
    ax: Axes | None = None,
) -> Figure:
    """Draw the regions of the plane that a classifier takes for each class, and the examples over them.

    Parameters
    ----------
    predict : Module or callable
        Maps points of shape (n, 2) to labels (integers of shape (n,)); to a score for each class, of shape
        (n, classes), of which the highest wins; or, of two classes, to one score that is positive for the second.
        A model is asked in evaluation mode.
    x : array of shape (m, 2)
    y : integer array of shape (m,)
    class_names : sequence of str, optional
        Of the classes in ascending order; by default the labels.
    resolution : int
        How many points of the plane are asked about, along each axis.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If the shapes are others, or there are more classes than can be told apart.

    Examples
    --------
    >>> figure = decision_boundary(lambda x: x[:, 0] - x[:, 1], [[0.0, 1.0], [1.0, 0.0]], [0, 1])
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != (len(x),) or not len(x):
        raise ValueError(f"decision_boundary: x is (m, 2) and y (m,) for some examples, not {x.shape} and {y.shape}")
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    classes = np.unique(y)
    if len(classes) > len(PALETTE):
        raise ValueError(f"decision_boundary: {len(classes)} classes; no more than {len(PALETTE)} can be told apart")
    lowest, highest = x.min(axis=0), x.max(axis=0)
    margin = 0.1 * np.where(highest > lowest, highest - lowest, 1.0)
    across, up = np.linspace(lowest - margin, highest + margin, resolution, dtype=x.dtype).T
    points = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    regions = _labels(_answer(predict, points), classes).reshape(resolution, resolution)

    figure, axes = canvas(ax, 5.6, 4.8)
    colors = [PALETTE[i] for i in range(len(classes))]
    to_rgb = require("matplotlib.colors", "plot").to_rgb
    tints = np.array([[1 - 0.3 * (1 - channel) for channel in to_rgb(color)] for color in colors] + [[0.92] * 3])
    index = np.where(np.isin(regions, classes), np.searchsorted(classes, regions), len(classes))
    extent = (across[0], across[-1], up[0], up[-1])
    axes.imshow(tints[np.minimum(index, len(classes))], origin="lower", extent=extent, aspect="auto")
    for i in np.unique(index)[1:]:
        axes.contour(across, up, index >= i, levels=[0.5], colors="#333333", linewidths=1.2)
    for i, label in enumerate(classes):
        name = str(label) if class_names is None else class_names[i]
        chosen = y == label
        looks: dict[str, Any] = {"color": colors[i], "marker": _MARKERS[i], "edgecolors": "white", "linewidths": 0.6}
        axes.scatter(x[chosen, 0], x[chosen, 1], s=34, label=f"{name} ({np.count_nonzero(chosen)})", **looks)
    right = np.count_nonzero(_labels(_answer(predict, x), classes) == y)
    titled(axes, f"{right} of {len(y)} examples right ({right / len(y):.1%})", "x[:, 0]", "x[:, 1]")
    axes.legend(title="class", framealpha=0.85, loc="best")
    return figure


def _answer(predict: Module | Callable[[NDArray[Any]], Any], points: NDArray[Any]) -> NDArray[Any]:
    if isinstance(predict, Module):
        from tinygrad_np.train.evaluate import predict_logits  # here, because training itself imports these pictures

        return predict_logits(predict, points)
    with no_grad():
        answer = predict(points)
    array: NDArray[Any] = answer.detach().numpy() if isinstance(answer, Tensor) else np.asarray(answer)
    return array


def _labels(answer: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """Labels, from whatever a classifier answers with."""
    if answer.ndim == 2 and answer.shape[1] > 1:
        best: NDArray[Any] = answer.argmax(axis=1)
        return classes[best] if answer.shape[1] == len(classes) else best
    answer = answer.reshape(len(answer))
    return answer if answer.dtype.kind in "iub" else np.where(answer > 0, classes[-1], classes[0])


def confusion_matrix(matrix: ArrayLike, class_names: Sequence[str] | None = None, *, ax: Axes | None = None) -> Figure:
    """Draw a confusion matrix: a row for each true class, shaded by the share of the class, mistakes in red.

    Parameters
    ----------
    matrix : integer array of shape (classes, classes)
        As :func:`tinygrad_np.train.confusion_matrix` counts: row i, column j for examples of class i taken for j.
    class_names : sequence of str, optional
    ax : Axes, optional

    Raises
    ------
    ValueError
        If the matrix is not square, is empty or does not fit the names.

    Examples
    --------
    >>> confusion_matrix([[8, 2], [0, 10]], ["cat", "dog"]).axes[0].get_title(loc="left")
    '18 of 20 examples right (90.0%)'
    """
    matrix = np.asarray(matrix)
    n = len(matrix)
    names = [str(i) for i in range(n)] if class_names is None else list(class_names)
    if matrix.shape != (n, n) or len(names) != n or not matrix.sum():
        raise ValueError(f"confusion_matrix: a square matrix of counts, not {matrix.shape}, with {len(names)} names")
    step = -(-n // 60)  # of many classes, one in so many has its name, and the picture grows no more
    size = 0.48 * n / step
    figure, axes = canvas(ax, max(4.0, size + 1.2), max(4.0, size + 1.4))
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # White, towards blue on the diagonal and towards red beside it. The square root makes one mistake in a
    # hundred visible.
    strength = np.sqrt(share)[..., None]
    to_rgb = require("matplotlib.colors", "plot").to_rgb
    axes.imshow(1 - strength * (1 - np.where(np.eye(n, dtype=bool)[..., None], to_rgb(BLUE), to_rgb(RED))))
    if n <= 30:
        for i, j in zip(*np.nonzero(matrix), strict=True):
            color = "white" if share[i, j] > 0.3 else "black"
            axes.text(j, i, str(matrix[i, j]), ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(0, n, step), names[::step], rotation=90 if max(map(len, names)) > 3 else 0)
    axes.set_yticks(range(0, n, step), names[::step])
    axes.tick_params(length=0)
    right, total = int(np.trace(matrix)), int(matrix.sum())
    titled(axes, f"{right} of {total} examples right ({right / total:.1%})", "predicted class", "true class")
    axes.spines[:].set(visible=True, color="#cccccc")
    return figure
