"""How fast it is, side by side with others, in one process: ``python -m benchmarks``.

Machines are noisy and differ, so only ratios mean something. Every comparison first checks that all contenders compute
the same, then measures them in turns, and reports medians.

:mod:`~benchmarks.harness` measures, :mod:`~benchmarks.report` prints; the workloads are functions that take an
:class:`~benchmarks.harness.Effort` and return a :class:`~benchmarks.report.Result`, listed in
:mod:`~benchmarks.__main__`.
"""
