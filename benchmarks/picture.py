"""Pictures of what was measured: all comparisons at once, and how the time of a step grows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.harness import OURS
from benchmarks.implementations import TUNED
from benchmarks.report import Result
from tinygrad_np._extras import require

__all__ = ["draw_growth", "draw_ratios", "pictures"]

#: Name -> marker, colour, size.
_STYLES = {
    f"{OURS}, compiled": ("o", "#08519c", 75),
    f"{OURS}, numba": ("o", "#6baed6", 75),
    f"{OURS}, eager": ("o", "#e6550d", 75),
    "PyTorch": ("s", "#444444", 40),
    "torch.compile": ("D", "#999999", 36),
    "JAX, jit": ("^", "#238b45", 50),
    "HIPS autograd": ("P", "#8c6bb1", 50),
    "MyGrad": ("X", "#b8860b", 50),
    "scikit-learn": ("v", "#d6618f", 50),
    TUNED: ("|", "#000000", 90),
}


def pictures(results: Mapping[str, Result], folder: Path, prefix: str = "") -> None:
    """Write the pictures that there is something for: ``ratios.png`` and ``growth.png``.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    if compared := [result for name, result in results.items() if result.baseline == TUNED]:
        draw_ratios(compared, folder / f"{prefix}ratios.png")
    if growing := [result for result in results.values() if result.over]:
        draw_growth(growing, folder / f"{prefix}growth.png")


def draw_ratios(results: list[Result], path: Path) -> None:
    """One line for each workload: below it our modes, above it the others, by their time relative to the baseline."""
    figure, (axes,) = _figure(9.5, 1.5 + 0.42 * len(results), 1)
    marked: dict[str, Any] = {}
    for i, result in enumerate(results):
        axes.axhline(i, color="#e5e5e5", linewidth=1, zorder=0)
        for name, ratio in result.ratios.items():
            if name in _STYLES and name != TUNED:
                marker, colour, size = _STYLES[name]
                height = i + (0.14 if name.startswith(OURS) else -0.14)
                marked[name] = axes.scatter(
                    [ratio], [height], s=size, marker=marker, color=colour, zorder=3, edgecolors="white", linewidths=0.7
                )
    axes.axvline(1, color="black", linewidth=1, zorder=1)
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis, *axes.get_xlim())
    axes.set_yticks(range(len(results)), [result.title for result in results], fontsize=8)
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlabel(f"time relative to {results[0].baseline} (black line); left is faster")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _legend(figure, marked, 5)
    figure.savefig(path, dpi=130)


def draw_growth(results: list[Result], path: Path) -> None:
    """One panel for each thing that grows, one line for each implementation."""
    figure, panels = _figure(9.5, 3.6, len(results))
    marked: dict[str, Any] = {}
    for axes, result in zip(panels, results, strict=True):
        for name in dict.fromkeys(name for times in result.rows.values() for name in times):
            points = [(int(size), times[name] * 1e6) for size, times in result.rows.items() if name in times]
            marker, colour, _ = _STYLES[name]
            bold = 1.8 if name.startswith(OURS) else 1.1
            (marked[name],) = axes.plot(
                *zip(*points, strict=True), marker=marker, color=colour, linewidth=bold, markersize=5,
                linestyle="--" if name == TUNED else "-",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks([int(size) for size in result.rows], list(result.rows))
        axes.set_xticks([], minor=True)
        axes.set_xlabel(result.over)
        axes.grid(axis="y", color="#eeeeee")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("µs per step")
    _legend(figure, marked, 6)
    figure.savefig(path, dpi=130)


def _figure(width: float, height: float, panels: int) -> tuple[Any, list[Any]]:
    require("matplotlib", "bench")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _plain_ticks(axis: Any, low: float, high: float) -> None:
    ticks = [factor * 10.0**power for power in range(-4, 5) for factor in (1, 2, 5)]
    axis.set_ticks([tick for tick in ticks if low <= tick <= high])
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(lambda x, _: f"{x:g}")


def _legend(figure: Any, marked: Mapping[str, Any], columns: int) -> None:
    names = [name for name in _STYLES if name in marked]
    handles = [marked[name] for name in names]
    figure.legend(handles, names, loc="outside upper center", ncols=columns, frameon=False, fontsize=8)
