"""Curves over the course of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.plot._figures import BLUE, ORANGE, canvas, new_figure, titled, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinygrad_np.train.history import History

__all__ = ["cost_curves", "learning_rate"]


def cost_curves(history: History, *, ax: Sequence[Axes] | None = None) -> Figure:
    """Draw the cost and the score (accuracy or, for regression, R²) of training and validation data, by epoch.

    Parameters
    ----------
    history : History
        What :func:`tinygrad_np.train.fit` returned.
    ax : two Axes, optional
        Where to draw the one and the other.

    Examples
    --------
    >>> from tinygrad_np.train import Epoch, History
    >>> figure = cost_curves(History([Epoch(1, cost=2.3, accuracy=0.1), Epoch(2, cost=0.7, accuracy=0.8)]))
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['Cost', 'Accuracy']
    """
    panels = list(new_figure(9, 3.6).subplots(1, 2) if ax is None else ax)
    fields = [("cost", "Cost", "mean loss per example", 1.0)]
    if history.score_name == "accuracy":
        fields.append(("accuracy", "Accuracy", "examples right (%)", 100.0))
    else:
        fields.append(("accuracy", history.score_name, "explained share of the variance", 1.0))
    for axes, (field, title, unit, scale) in zip(panels, fields, strict=True):
        for prefix, label, color, style in (("", "training", BLUE, "-"), ("validation_", "validation", ORANGE, "--")):
            values = np.array(history.column(prefix + field), dtype=float) * scale
            if not np.isnan(values).all():
                marker = "o" if len(values) < 3 else ""  # a line through one point would not show
                axes.plot(history.column("epoch"), values, style, color=color, marker=marker, label=label)
        titled(axes, title, "epoch", unit)
        whole_numbers(axes.xaxis)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
        if field == "cost":
            axes.set_ylim(bottom=0)
    return panels[0].get_figure()  # type: ignore[no-any-return]


def learning_rate(rates: History | Sequence[float], *, unit: str = "epoch", ax: Axes | None = None) -> Figure:
    """Draw learning rates, on a logarithmic scale if they span more than a factor of thirty.

    Parameters
    ----------
    rates : History, or sequence of float
        One for each epoch or step.
    unit : str
        What is counted along the horizontal axis, from 1.
    ax : Axes, optional

    Raises
    ------
    ValueError
        If there are no rates, as in a history of which they are not known.

    Examples
    --------
    >>> from tinygrad_np import optim
    >>> schedule = optim.warm_up(5, then=optim.cosine(45))
    >>> figure = learning_rate([0.1 * schedule(t) for t in range(50)])
    """
    values = np.array(rates.column("learning_rate") if hasattr(rates, "column") else rates, dtype=float)
    if np.isnan(values).all():
        raise ValueError("there are no learning rates to draw")
    figure, axes = canvas(ax, 5, 3.2)
    counted = np.arange(1, values.size + 1)
    axes.step(counted, values, where="mid", color=BLUE, marker="o" if values.size < 3 else "")
    positive = values[values > 0]
    if positive.size and positive.max() > 30 * positive.min():
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    titled(axes, "Learning rate", unit, "step size")
    whole_numbers(axes.xaxis)
    axes.grid(alpha=0.25)
    return figure
