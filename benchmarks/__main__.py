"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.chain import chain
from benchmarks.environment import busyness, environment, load_average, measure_of, pools
from benchmarks.estimators import estimators
from benchmarks.families import families
from benchmarks.gradient_checking import check_faults
from benchmarks.growth import GROWTH, growth
from benchmarks.harness import ONE_THREAD, Effort, limited
from benchmarks.peers import peers
from benchmarks.picture import pictures
from benchmarks.recording import backward, record
from benchmarks.report import Result, to_json, to_markdown
from benchmarks.startup import startup
from benchmarks.tasks import TASKS
from benchmarks.whole_run import whole_run

Workload = Callable[[Effort], Result]

WORKLOADS: dict[str, Workload] = {
    **{name: partial(peers, name) for name in TASKS},
    "W10": startup,
    "W11": partial(record, "W11", "a * b"),
    "W11-scalar": partial(record, "W11-scalar", "a * 2.0"),
    "W11-function": partial(record, "W11-function", "np.tanh(a)"),
    "W11-0d": partial(record, "W11-0d", "a * b", shape=()),
    "W11-backward": partial(backward, "W11-backward", 3),
    "W11-wide": partial(backward, "W11-wide", 10_000),
    "W12": whole_run,
    **{f"growth-{what}": partial(growth, what) for what in GROWTH},
    "chain": chain,
    "families": families,
    "gradcheck": check_faults,
    "estimators": estimators,
}

EFFORTS = {
    "full": Effort(rounds=301, seconds=1e-3, chain=(10_000, 100_000, 1_000_000)),
    "quick": Effort(
        rounds=51, seconds=1e-3, chain=(10_000, 100_000), elements=500_000, turns=7, turn=0.03, patience=45.0
    ),
    "smoke": Effort(
        rounds=1, seconds=0.0, chain=(100, 200), elements=1000, turns=1, turn=0.0, rest=0.0, processes=False
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the workloads, print the report, and return 0 whatever it says: speed is no test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed, as ratios measured side by side.")
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help=f"which (default: all): peers, that is "
        f"{' '.join(TASKS)}, {', '.join(name for name in WORKLOADS if name not in TASKS)}",
    )  # fmt: skip
    parser.add_argument("--effort", choices=EFFORTS, default="full", help="how long to measure (default: %(default)s)")
    parser.add_argument(
        "--threads", type=int, metavar="N",
        help="so many threads for each library (default: its better number); with 1, seconds are the processor's, "
        "for a busy machine, and else the clock's",
    )  # fmt: skip
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER",
        help="also write results.md, results.json, ratios.png and growth.png; python -m benchmarks.page takes it on",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="MNIST's files, for W12 (default: synthetic images)"
    )
    options = parser.parse_args(argv)
    names = [n for name in options.workloads or WORKLOADS for n in (TASKS if name == "peers" else [name])]
    if unknown := [name for name in names if name not in WORKLOADS]:
        parser.error(f"no workload is called {', '.join(unknown)}; there are: {', '.join(WORKLOADS)}")
    effort = replace(
        EFFORTS[options.effort],
        threads=options.threads,
        clock=ONE_THREAD if options.threads == 1 else time.perf_counter,
        data=options.data,
    )
    results: dict[str, Result] = {}
    before, begin = load_average(), time.perf_counter()
    command = {"command": " ".join(["python -m benchmarks", *_told(argv)])}
    with limited(options.threads or 1):  # those that are compared in this process have one; others say so themselves
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            results[name] = WORKLOADS[name](effort)
            minutes = {"minutes": f"{(time.perf_counter() - begin) / 60:.0f}"}
            facts = command | environment() | measure_of(effort) | pools(results.values())
            facts |= busyness(before, load_average()) | minutes
            if options.to:  # after each, so that what is there is not lost
                _write(results, facts, options.to)
    print(to_markdown(results.values(), facts))
    return 0


def _told(argv: Sequence[str] | None) -> list[str]:
    """The arguments, without the folder."""
    told = list(sys.argv[1:] if argv is None else argv)
    if "--to" in told:
        del told[told.index("--to") : told.index("--to") + 2]
    return told


def _write(results: dict[str, Result], facts: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(to_markdown(results.values(), facts), "utf-8")
    (folder / "results.json").write_text(json.dumps(to_json(results.items(), facts), indent=1) + "\n", "utf-8")
    pictures(results, folder)


if __name__ == "__main__":
    sys.exit(main())
