"""The command ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chain import chain
from benchmarks.estimators import estimators
from benchmarks.families import families
from benchmarks.gradient_checking import check_faults
from benchmarks.growth import GROWTH, growth
from benchmarks.harness import Effort
from benchmarks.peers import peers
from benchmarks.picture import draw
from benchmarks.recording import backward, record
from benchmarks.report import Result, busyness, environment, load_average, to_json, to_markdown
from benchmarks.startup import startup
from benchmarks.tasks import TASKS
from benchmarks.whole_run import whole_run
from tinygrad_np._extras import require

Workload = Callable[[Effort], Result]

WORKLOADS: dict[str, Workload] = {
    **{name: partial(peers, name) for name in TASKS},
    "W10": startup,
    "W11": partial(record, "W11", "a * b"),
    "W11-scalar": partial(record, "W11-scalar", "a * 2.0"),
    "W11-function": partial(record, "W11-function", "np.tanh(a)"),
    "W12": whole_run,
    **{f"growth-{what}": partial(growth, what) for what in GROWTH},
    "backward": partial(backward, 3),
    "backward-wide": partial(backward, 10_000),
    "chain": chain,
    "families": families,
    "gradcheck": check_faults,
    "estimators": estimators,
}

EFFORTS = {
    "full": Effort(rounds=301, seconds=1e-3, chain=(10_000, 100_000, 1_000_000)),
    "quick": Effort(
        rounds=51, seconds=1e-3, chain=(10_000, 100_000), elements=100_000, turns=5, turn=0.03, patience=60.0
    ),
    "smoke": Effort(rounds=1, seconds=0.0, chain=(100, 200), elements=1000, turns=1, turn=0.0, processes=False),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the workloads, print the report, and return 0 whatever it says: speed is no test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Speed, as ratios measured side by side.")
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help=f"which (default: all): peers, that is "
        f"{' '.join(TASKS)}, {', '.join(name for name in WORKLOADS if name not in TASKS)}",
    )  # fmt: skip
    parser.add_argument("--effort", choices=EFFORTS, default="full", help="how long to measure (default: %(default)s)")
    parser.add_argument("--threads", type=int, metavar="N", help="limit BLAS and PyTorch to so many threads")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help="also write results.md, results.json and, of the comparisons, ratios.png",
    )
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="MNIST's files, for W12 (default: synthetic images)"
    )
    options = parser.parse_args(argv)
    names = [n for name in options.workloads or WORKLOADS for n in (TASKS if name == "peers" else [name])]
    if unknown := [name for name in names if name not in WORKLOADS]:
        parser.error(f"no workload is called {', '.join(unknown)}; there are: {', '.join(WORKLOADS)}")
    effort = replace(EFFORTS[options.effort], threads=options.threads, data=options.data)
    results: list[tuple[str, Result]] = []
    before = load_average()
    with _limited(options.threads):
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            results.append((name, WORKLOADS[name](effort)))
            facts = environment() | busyness(before, load_average())
            if options.to:  # after each, so that what is there is not lost
                _write(results, facts, options.to)
    print(to_markdown([result for _, result in results], facts))
    return 0


def _write(results: Sequence[tuple[str, Result]], facts: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(to_markdown([result for _, result in results], facts), "utf-8")
    (folder / "results.json").write_text(json.dumps(to_json(results, facts), indent=1) + "\n", "utf-8")
    if any(result.details for _, result in results):
        draw(results, folder / "ratios.png")


def _limited(threads: int | None) -> AbstractContextManager[Any]:
    """Limit the threads of BLAS, and of PyTorch where it is installed."""
    if threads is None:
        return nullcontext()
    limits: AbstractContextManager[Any] = require("threadpoolctl", "bench").threadpool_limits(threads, "blas")
    try:
        import torch
    except ModuleNotFoundError:
        pass
    else:
        torch.set_num_threads(threads)
    return limits


if __name__ == "__main__":
    sys.exit(main())
