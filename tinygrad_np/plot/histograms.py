"""Gradients and activations over time: each column of a panel is a histogram."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.plot._figures import ORANGE, RED, new_figure, titled, whole_numbers
from tinygrad_np.plot.recorder import Distribution, Recorder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["activation_histograms", "gradient_histograms"]

_BINS = 48


def gradient_histograms(recorder: Recorder, *, ax: Sequence[Axes] | None = None) -> Figure:
    """Draw how large the gradients of each parameter were: from layer to layer, they should not fade or grow by much.

    Parameters
    ----------
    recorder : Recorder
    ax : sequence of Axes, optional
        Where to draw, one for each parameter.

    Raises
    ------
    ValueError
        If the recorder has not been called, or does not know what its examples are.
    """
    panels = {name: (name, noted) for name, noted in recorder.gradients.items()}
    return _panels(recorder, panels, "size of a gradient, $|g|$", ax, logarithmic=True)


def activation_histograms(recorder: Recorder, *, ax: Sequence[Axes] | None = None) -> Figure:
    """Draw what each layer sent on for the examples of the recorder, and how much of it was zero at the end.

    Values that are exactly zero, such as relu's, are counted in the titles and left out of the histograms. A unit is
    dead if it is zero for every example: no gradient will move it.

    Parameters
    ----------
    recorder : Recorder
    ax : sequence of Axes, optional
        Where to draw, one for each layer.

    Raises
    ------
    ValueError
        If the recorder has not been called.
    """
    panels = {}
    for name, noted in recorder.activations.items():
        last, zeros = noted[-1], ""
        if last.zeros:
            zeros = f"\n{last.zeros / last.size:.0%} zeros, {last.dead} of {last.units} units dead"
        panels[name] = (name + zeros, noted)
    return _panels(recorder, panels, "activation", ax, logarithmic=False)


def _panels(
    recorder: Recorder,
    panels: dict[str, tuple[str, list[Distribution]]],
    quantity: str,
    ax: Sequence[Axes] | None,
    logarithmic: bool,
) -> Figure:
    if not panels:
        raise ValueError(f"the recorder has noted no {quantity.split(',')[0]}: call it in training")
    if ax is None:
        columns = min(len(panels), 4 if len(panels) != 6 else 3)
        rows = math.ceil(len(panels) / columns)
        grid = new_figure(2.7 * columns + 1.2, 2.5 * rows + 0.3).subplots(rows, columns, squeeze=False, sharex=True)
        axes = list(grid.flat)
    else:
        axes = list(ax)
    # All gradients on one scale, so that layers compare; activations each on their own.
    common = _edges([d for _, noted in panels.values() for d in noted]) if logarithmic else None
    for panel, (title, noted) in zip(axes, panels.values(), strict=False):
        edges = _edges(noted) if common is None else common
        shares = np.array([distribution.rebinned(edges) for distribution in noted]).T
        times = np.array(recorder.times[-len(noted) :], dtype=float)
        sides = np.concatenate([[times[0] - 0.5], (times[1:] + times[:-1]) / 2, [times[-1] + 0.5]])
        fullest = shares.max() or 1.0
        image = panel.pcolormesh(
            sides, 10**edges if logarithmic else edges, shares / fullest, cmap="Blues", vmin=0, vmax=1, rasterized=True
        )
        medians = np.array([distribution.quantile(0.5) for distribution in noted])
        panel.plot(
            times,
            10**medians if logarithmic else medians,
            color=ORANGE,
            linewidth=1.6,
            marker="o" if len(times) < 3 else "",
        )
        spoilt = [time for time, distribution in zip(times, noted, strict=True) if distribution.non_finite]
        for time in spoilt:
            panel.axvline(time, color=RED, linewidth=2)
        if spoilt:
            title += f"\nNaN or infinite from {recorder.unit} {spoilt[0]:g}"
        titled(panel, title, *((recorder.unit, quantity) if ax is not None else ()))
        if logarithmic:
            panel.set_yscale("log")
        panel.spines[["top", "right"]].set_visible(True)
        whole_numbers(panel.xaxis)
    figure: Figure = axes[0].get_figure()
    if ax is None:
        for unused in axes[len(panels) :]:
            unused.set_axis_off()
        figure.supxlabel(recorder.unit, fontsize=10)
        figure.supylabel(f"{quantity} (line: the median)", fontsize=10)
        figure.colorbar(image, ax=axes, label="relative frequency")
    return figure


def _edges(noted: list[Distribution]) -> NDArray[np.float64]:
    """Bins that hold all but one in two hundred of the values at each end, at any time."""
    ends = np.array([(d.quantile(0.005), d.quantile(0.995)) for d in noted if d.counts.any()])
    if not ends.size:
        return np.linspace(-1, 1, _BINS + 1)
    return np.linspace(ends[:, 0].min(), ends[:, 1].max(), _BINS + 1)
