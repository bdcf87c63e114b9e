"""How fast it is, side by side with others: ``python -m benchmarks``.

Machines are noisy and differ, so only ratios mean something. Every comparison first checks that all contenders compute
the same, then measures them in turns, and reports medians.

- Whole tasks, such as a training step, are defined in :mod:`~benchmarks.tasks`, once each, and done by the libraries in
  :mod:`~benchmarks.implementations`, one class each. :mod:`~benchmarks.peers` compares them, each in its own process
  (:mod:`~benchmarks.worker`), and :mod:`~benchmarks.goals` says what is to be reached.
- Small things, such as recording one operation, are compared within one process by :mod:`~benchmarks.harness`.
- All workloads are functions that take an :class:`~benchmarks.harness.Effort` and return a
  :class:`~benchmarks.report.Result`, listed in :mod:`~benchmarks.__main__`. :mod:`~benchmarks.report` writes them down,
  :mod:`~benchmarks.picture` draws them, and :mod:`~benchmarks.page` puts them into the pages that tell of speed.

Commands of their own, for work at close quarters: :mod:`~benchmarks.compiled` (ratios, in seconds),
:mod:`~benchmarks.instructions` (counts, which nothing disturbs), :mod:`~benchmarks.training_run`, and
:mod:`~benchmarks.conformance`.
"""
