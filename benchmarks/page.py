"""Puts what was measured into the pages that tell of it: ``python -m benchmarks.page RESULTS``.

``RESULTS`` is a folder that ``python -m benchmarks --to RESULTS`` has written; of several, the later ones replace
workloads of the earlier ones. In a page, what stands between the lines ``<!-- measured: WHAT -->`` and
``<!-- end -->`` is written anew, if there is something to write. ``WHAT`` is one of

- ``facts``: versions, the machine, its load;
- ``goals``: those that are not in a table of many;
- ``eager``, ``compiled``, ``numba``: the table of this mode's goals;
- ``ratios W1 W2 ...``: a line for each workload, the time of each implementation relative to the baseline;
- ``families NAME, NAME, ...``: the time of peers relative to ours, at the functions of these names;
- names of workloads: the table and the notes of each.

The pictures go to ``docs/pictures``, as ``speed_ratios.png`` and ``speed_growth.png``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness import OURS
from benchmarks.picture import pictures
from benchmarks.report import Result, facts_list, from_json, goals_table, matrices, section, table

__all__ = ["filled", "rendered"]

_ROOT = Path(__file__).parents[1]
_PAGES = ("README.md", "docs/speed.md")
_REGION = re.compile(r"(<!-- measured: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(argv: Sequence[str] | None = None) -> int:
    """Fill the pages."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__.partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="+", help="folders that `python -m benchmarks --to` has written")
    parser.add_argument("--pages", type=Path, nargs="+", default=[_ROOT / page for page in _PAGES])
    parser.add_argument("--pictures", type=Path, default=_ROOT / "docs" / "pictures", help="where pictures go")
    options = parser.parse_args(argv)
    results: dict[str, Result] = {}
    facts: dict[str, str] = {}
    for folder in options.results:
        report = json.loads((folder / "results.json").read_text("utf-8"))
        results |= from_json(report)
        facts = facts or report["environment"]
    for page in options.pages:
        page.write_text(filled(page.read_text("utf-8"), results, facts), "utf-8")
    pictures(results, options.pictures, "speed_")
    return 0


def filled(page: str, results: Mapping[str, Result], facts: dict[str, str]) -> str:
    """Return a page with its regions written anew."""

    def region(found: re.Match[str]) -> str:
        text = rendered(found[2], results, facts)
        return f"{found[1]}\n{text}\n\n{found[3]}" if text else found[0]

    return _REGION.sub(region, page)


def rendered(what: str, results: Mapping[str, Result], facts: dict[str, str]) -> str:
    """Return what a region holds; nothing if nothing of it was measured."""
    kind, _, rest = what.partition(" ")
    goals = [goal for result in results.values() for goal in result.goals]
    if kind == "facts":
        return facts_list(facts)
    if kind == "goals":
        return goals_table(goals)
    if kind == "ratios":
        return _ratios([results[name] for name in rest.split() if name in results])
    if kind == "families":
        return _families(results.get("families"), rest.split(", "))
    if (made := matrices(goals)) and kind in made:
        return made[kind]
    return "\n\n".join(section(results[name]) for name in what.split() if name in results)


def _ratios(results: list[Result]) -> str:
    if not results:
        return ""
    baseline = results[0].baseline
    names = [name for name in dict.fromkeys(name for result in results for name in result.ratios) if name != baseline]
    names = [name for name in _ORDER if name in names]
    told = [f"**{name.removeprefix(f'{OURS}, ')}**" if name.startswith(OURS) else name for name in names]
    rows = [
        [result.title.partition(": ")[2], *(_ratio(result.ratios.get(name), name.startswith(OURS)) for name in names)]
        for result in results
    ]
    return table([f"{baseline} = 1", *told], rows)


_ORDER = [f"{OURS}, compiled", f"{OURS}, numba", f"{OURS}, eager", "PyTorch", "torch.compile", "JAX, jit", "MyGrad",
          "HIPS autograd", "scikit-learn"]  # fmt: skip


def _ratio(value: float | None, bold: bool = False) -> str:
    if value is None:
        return "-"
    text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return f"**{text}**" if bold else text


def _families(result: Result | None, names: list[str]) -> str:
    """Two functions a line, to save room."""
    if result is None:
        return ""
    peers = [name for name in dict.fromkeys(n for times in result.rows.values() for n in times) if name != OURS]
    cells = [
        [f"`{name}`", *(_ratio(times[p] / times[OURS] if p in times else None) for p in peers)]
        for name in names
        if (times := result.rows.get(name))
    ]
    half = -(-len(cells) // 2)
    empty = [[""] * (1 + len(peers))] * (half * 2 - len(cells))
    rows = [a + b for a, b in zip(cells[:half], [*cells[half:], *empty], strict=True)]
    return table([f"{OURS} = 1", *peers, "", *peers], rows)


if __name__ == "__main__":
    sys.exit(main())
