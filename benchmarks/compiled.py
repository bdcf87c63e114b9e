"""Compiled functions against NumPy tuned by hand, at close quarters: in one process, in turns, and their ratios.

``python -m benchmarks.compiled`` prints a table; ``python -m benchmarks.compiled W1 W8 --backends numpy numba`` a part
of it. All compute the same, or it stops. With one thread, times are those of the processor, so that other programs do
not count; with more, BLAS and the loops of compiled functions use them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.harness import ONE_THREAD, Clock, check_agreement
from benchmarks.implementations import PRODUCTS, TUNED
from benchmarks.report import in_words
from benchmarks.tasks import TASKS, Training
from benchmarks.worker import first_steps
from tinygrad_np._extras import require

__all__ = ["measured"]

#: Backend -> how its implementation is called.
_BACKENDS = {"numpy": "tinygrad_np, compiled", "numba": "tinygrad_np, numba", "products": PRODUCTS}
_AGREEMENT = 1e-3  # relative: float32, summed in other orders


def measured(
    workload: str, backends: Sequence[str], rounds: int, seconds: float, clock: Clock
) -> tuple[float, dict[str, float]]:
    """Return the seconds that a step takes by hand, and for each backend the ratio to it.

    The median of ``rounds`` rounds, in each of which everyone has a turn of so many seconds.
    """
    task = TASKS[workload]
    firsts = {"by hand": first_steps(TUNED, task)} | {name: first_steps(_BACKENDS[name], task) for name in backends}
    same = {name: first.outcome for name, first in firsts.items() if name != "products"}
    check_agreement(same, _AGREEMENT)
    steps = [first.step for first in firsts.values()]
    calls = [_calls(step, seconds, clock) for step in steps]
    times = []
    for turn in range(rounds):
        taken = dict.fromkeys(firsts, 0.0)
        for name, step, n in sorted(zip(firsts, steps, calls, strict=True), reverse=bool(turn % 2)):
            start = clock()
            for _ in range(n):
                step()
            taken[name] = (clock() - start) / n
        times.append(taken)
    ratios = {name: median(taken[name] / taken["by hand"] for taken in times) for name in backends}
    return median(taken["by hand"] for taken in times), ratios


def _calls(step: Callable[[], Any], seconds: float, clock: Clock) -> int:
    start = clock()
    for _ in range(3):
        step()
    return max(1, round(seconds * 3 / (clock() - start)))


@contextmanager
def _threads(n: int) -> Iterator[None]:
    with require("threadpoolctl", "bench").threadpool_limits(n):
        yield


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiled", description=__doc__)
    all_of = [name for name in TASKS if name not in ("W7-100k", "W7-1M")]
    parser.add_argument("workloads", nargs="*", default=all_of, metavar="WORKLOAD", help="default: all but the longest")
    parser.add_argument("--backends", nargs="+", default=["numpy"], choices=_BACKENDS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    print(f"| workload | by hand | {' | '.join(options.backends)} |")
    print("|---|---|" + "---|" * len(options.backends))
    clock = ONE_THREAD if options.threads == 1 else time.perf_counter
    with _threads(options.threads):
        for name in options.workloads:
            backends = [b for b in options.backends if b != "products" or isinstance(TASKS[name], Training)]
            by_hand, ratios = measured(name, backends, options.rounds, 0.03, clock)
            cells = [f"{ratios[b]:.2f}" if b in ratios else "" for b in options.backends]
            print(f"| {name}: {TASKS[name]} | {in_words(by_hand)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
