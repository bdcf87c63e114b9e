"""Puts what was measured into the pages that tell of it: ``python -m benchmarks.page RESULTS``.

``RESULTS`` is a folder that ``python -m benchmarks --to RESULTS`` has written; of several, the later ones replace
workloads of the earlier ones. In a page, what stands between the lines ``<!-- measured: WHAT -->`` and
``<!-- end -->`` is written anew, if there is something to write. ``WHAT`` is one of

- ``facts``: versions, the machine, its load;
- ``goals W2 ...``: those that are not in a table of many, of these workloads (none named: of all);
- ``eager``, ``compiled``, ``numba``: the table of this mode's goals;
- ``ratios W1 W2 ...``: a line for each workload, the time of each implementation relative to the baseline;
- ``least W1 W2 ...``: the share of each implementation's time that the matrix products would take at SGEMM's rate;
- ``families NAME | NAME | ...``: the time of peers relative to ours, at the functions of these names;
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
from statistics import geometric_mean

from benchmarks.goals import MODES, limit
from benchmarks.harness import OURS
from benchmarks.implementations import TUNED
from benchmarks.picture import pictures
from benchmarks.report import Result, facts_list, from_json, goals_table, matrices, section, table
from benchmarks.tasks import TASKS

__all__ = ["filled", "rendered"]

_PLACES = {name: i for i, name in enumerate(TASKS)}
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
    results = dict(sorted(results.items(), key=lambda item: _PLACES.get(item[0], len(TASKS))))
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
    named = {name: results[name] for name in rest.split() if name in results}
    goals = [goal for result in results.values() for goal in result.goals]
    if kind == "facts":
        return facts_list(facts)
    if kind == "goals":
        return goals_table(goal for result in named.values() for goal in result.goals) if rest else goals_table(goals)
    if kind == "ratios":
        return _ratios(list(named.values()))
    if kind == "least":
        return _least(named)
    if kind == "families":
        return _families(results["families"], rest.split(" | ")) if "families" in results else ""
    if kind in MODES:
        return matrices(goals).get(kind, "")
    return "\n\n".join(section(results[name]) for name in what.split() if name in results)


_ORDER = [*(MODES[mode] for mode in ("compiled", "numba", "eager")), "PyTorch", "torch.compile", "JAX, jit", "MyGrad",
          "HIPS autograd", "scikit-learn"]  # fmt: skip


def _ratios(results: list[Result]) -> str:
    if not results:
        return ""
    names = [name for name in _ORDER if any(name in result.ratios for result in results)]
    told = [f"**{name.removeprefix(f'{OURS}, ')}**" if name.startswith(OURS) else name for name in names]
    rows = [
        [result.title.partition(": ")[2], *(_ratio(result.ratios.get(name), name.startswith(OURS)) for name in names)]
        for result in results
    ]
    return table([f"{results[0].baseline} = 1", *told], rows)


def _ratio(value: float | None, bold: bool = False) -> str:
    if value is None:
        return "-"
    text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
    return f"**{text}**" if bold else text


def _least(results: Mapping[str, Result]) -> str:
    """Bold where it is more than a goal allows to a compiled function, so that nobody could reach that."""
    names = [name for name in (TUNED, *_ORDER) if any(name in result.details for result in results.values())]

    def cell(workload: str, result: Result, name: str) -> str:
        share, most = result.details.get(name, {}).get("sgemm"), limit(workload, "compiled", name)
        return _ratio(share, bold=share is not None and most is not None and share > most)

    rows = [[workload, *(cell(workload, result, name) for name in names)] for workload, result in results.items()]
    return table(["", *names], rows) if rows else ""


def _families(result: Result, names: list[str]) -> str:
    """Two functions a line, to save room, and the means over all."""
    peers = [name for name in dict.fromkeys(n for times in result.rows.values() for n in times) if name != OURS]
    ratios = {name: {p: t[p] / t[OURS] for p in peers if p in t} for name, t in result.rows.items()}
    cells = [[f"`{name}`", *(_ratio(ratios[name].get(p)) for p in peers)] for name in names if name in ratios]
    half = -(-len(cells) // 2)
    empty = [[""] * (1 + len(peers))] * (half * 2 - len(cells))
    rows = [a + b for a, b in zip(cells[:half], [*cells[half:], *empty], strict=True)]
    means = []
    for peer in peers:
        of = [by[peer] for by in ratios.values() if peer in by]
        means.append(f"{geometric_mean(of):.2f} times our time for {peer} (of {len(of)})")
    mean = f"{result.title}. The geometric mean over all {len(ratios)} functions is {', '.join(means)}."
    return "\n\n".join([table([f"{OURS} = 1", *peers, "", *peers], rows), *([mean] if peers else [])])


if __name__ == "__main__":
    sys.exit(main())
