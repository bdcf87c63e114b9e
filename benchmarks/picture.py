"""A picture of all comparisons at once: the time of each implementation relative to the baseline, on a log axis."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.harness import OURS
from benchmarks.report import Result
from tinygrad_np._extras import require

__all__ = ["draw"]

_OURS = {"compiled": "#08519c", "numba": "#6baed6", "eager": "#e6550d"}
_THEIRS = {"PyTorch": ("s", "#555555"), "torch.compile": ("D", "#555555"), "JAX, jit": ("^", "#238b45"),
           "HIPS autograd": ("P", "#8c6bb1"), "MyGrad": ("X", "#b8860b"), "scikit-learn": ("v", "#c994c7")}  # fmt: skip


def draw(results: Iterable[tuple[str, Result]], path: Path) -> None:
    """Write the picture: one line for each workload with a baseline, one mark for each implementation.

    Raises
    ------
    ModuleNotFoundError
        If matplotlib is not installed.
    """
    require("matplotlib", "bench")
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    rows = [result for _, result in results if result.details and result.ratios]
    figure = Figure(figsize=(9, 1.6 + 0.42 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(1, color="black", linewidth=1)
    marked: dict[str, Any] = {}
    for i, result in enumerate(rows):
        axes.axhline(i, color="#e5e5e5", linewidth=1, zorder=0)
        for name, ratio in result.ratios.items():
            mode = name.removeprefix(f"{OURS}, ")
            if mode in _OURS:
                style = {"marker": "o", "color": _OURS[mode], "s": 80, "zorder": 4}
            elif name in _THEIRS:
                style = {"marker": _THEIRS[name][0], "color": _THEIRS[name][1], "s": 36, "zorder": 3, "alpha": 0.85}
            else:
                continue
            marked[name] = axes.scatter([ratio], [i], linewidths=0, **style)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = [tick for power in range(-3, 5) for tick in (10**power, 2 * 10**power, 5 * 10**power)]
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_yticks(range(len(rows)), [result.title for result in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"time, {rows[0].baseline} = 1" if rows else "")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    order = [name for name in (*(f"{OURS}, {mode}" for mode in _OURS), *_THEIRS) if name in marked]
    figure.legend([marked[n] for n in order], order, loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
