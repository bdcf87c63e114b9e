"""What numbers depend on: versions, the machine, its BLAS and threads, and whether others were at work."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from benchmarks.harness import ONE_THREAD, Effort
from benchmarks.report import Result

__all__ = ["busyness", "environment", "load_average", "measure_of", "pools"]

_PEERS = ("torch", "jax", "autograd", "mygrad", "scikit-learn", "numba")


def environment() -> dict[str, str]:
    """Return versions, the processor, and the kernel of BLAS."""
    facts = {"Python": platform.python_version(), "NumPy": np.__version__}
    for package in _PEERS:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "not installed"
    facts["machine"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} logical processors"
    facts["BLAS"] = _blas()
    return facts


def measure_of(effort: Effort) -> dict[str, str]:
    """Return what a second is, and how many threads were tried."""
    what = "the processor's time" if effort.clock is ONE_THREAD else "the clock"
    tried = " and ".join(map(str, effort.counts))
    return {"measured by": f"{what}; threads tried for each library: {tried}"}


def pools(results: Iterable[Result]) -> dict[str, str]:
    """Return the thread pools that threadpoolctl found in the processes of the libraries, at their better number."""
    threads, users = dict[str, set[str]](), dict[str, set[str]]()
    for result in results:
        for name, details in result.details.items():
            for pool in details.get("pools", ()):
                kind, _, number = pool.rpartition(" ")
                threads.setdefault(kind, set()).add(number)
                users.setdefault(kind, set()).add(name)
    everyone = max(users.values(), key=len, default=set())
    told = [f"{kind}, {' or '.join(sorted(threads[kind]))} threads"
            + (f" ({', '.join(sorted(names))})" if len(names) < len(everyone) else "")
            for kind, names in sorted(users.items())]  # fmt: skip
    return {"thread pools, by threadpoolctl": "; ".join(told)} if told else {}


def load_average() -> float:
    """Return how many processes want to work, where the system tells."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def busyness(before: float, after: float) -> dict[str, str]:
    """Return whether others were at work, too: the measurements themselves add one or two."""
    processors = os.cpu_count() or 1
    busy = (
        ", so the machine was busy: trust the ratios of what has one thread, no others" if before > processors else ""
    )
    return {"load": f"{before:.1f} before, {after:.1f} after, on {processors} processors{busy}"}


def _blas() -> str:
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return "unknown: install threadpoolctl"
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"]]
    facts = "{internal_api} {version}, kernel {architecture}".format
    return "; ".join(facts(**{"architecture": "unknown", **pool}) for pool in pools) or "unknown"
