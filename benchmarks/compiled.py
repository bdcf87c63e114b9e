"""Compiled functions against NumPy tuned by hand, at close quarters: in one process, in turns, and their ratios.

``python -m benchmarks.compiled`` prints a table; ``python -m benchmarks.compiled W1 W8 --backends numpy numba`` a part
of it; ``eager`` and ``products``, the matrix products alone, may stand there, too. All compute the same, or it stops.
With one thread, times are those of the processor, so that other programs do not count; with more, BLAS and the loops
of compiled functions use them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from benchmarks.goals import MODES
from benchmarks.harness import ONE_THREAD, Contender, Effort, check_agreement, limited, measure
from benchmarks.implementations import PRODUCTS, TUNED
from benchmarks.report import in_words
from benchmarks.tasks import TASKS, Training
from benchmarks.worker import first_steps

__all__ = ["measured"]

#: Backend -> how its implementation is called.
_BACKENDS = {
    "numpy": MODES["compiled"], "numba": MODES["numba"], "eager": MODES["eager"], "products": PRODUCTS,
}  # fmt: skip
_AGREEMENT = 1e-3  # relative: float32, summed in other orders


def measured(workload: str, backends: Sequence[str], effort: Effort) -> tuple[float, dict[str, float]]:
    """Return the seconds that a step takes by hand, and for each backend the ratio to it."""
    task = TASKS[workload]
    firsts = {"by hand": first_steps(TUNED, task)} | {name: first_steps(_BACKENDS[name], task) for name in backends}
    same = {name: first.outcome for name, first in firsts.items() if name != "products"}
    check_agreement(same, _AGREEMENT)
    times = measure({name: Contender(first.step, list) for name, first in firsts.items()}, effort)
    return times.median("by hand"), {name: times.ratio(name, "by hand") for name in backends}


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
    effort = Effort(options.rounds, 0.03, (), clock=ONE_THREAD if options.threads == 1 else time.perf_counter)
    with limited(options.threads):
        for name in options.workloads:
            backends = [b for b in options.backends if b != "products" or isinstance(TASKS[name], Training)]
            by_hand, ratios = measured(name, backends, effort)
            cells = [f"{ratios[b]:.2f}" if b in ratios else "" for b in options.backends]
            print(f"| {name}: {TASKS[name]} | {in_words(by_hand)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
