"""What ``import tinygrad_np`` costs, in fresh interpreters, and what it takes on the disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness import OURS, Effort, Times
from benchmarks.report import Goal, Result

__all__ = ["startup"]

#: Name -> what to import, and what to install.
_LIBRARIES = {
    "NumPy": ("numpy", "numpy"),
    OURS: (OURS, "tinygrad-np"),
    "PyTorch": ("torch", "torch"),
    "JAX": ("jax.numpy", "jax"),
    "HIPS autograd": ("autograd.numpy", "autograd"),
    "MyGrad": ("mygrad", "mygrad"),
    "scikit-learn": ("sklearn.neural_network", "scikit-learn"),
}


def startup(effort: Effort) -> Result:
    """``import tinygrad_np`` against ``import numpy``, which it contains, and against what else one would import."""
    wanted = _LIBRARIES if effort.processes else ("NumPy", OURS)  # the others take long
    here = {name: _LIBRARIES[name][0] for name in wanted if find_spec(_LIBRARIES[name][0].partition(".")[0])}
    rounds: dict[str, list[float]] = {name: [] for name in here}
    with TemporaryDirectory() as cache:
        for module in here.values():
            _seconds(module, cache)  # compiles, and writes what Python caches
        for _ in range(effort.turns):
            for name, module in here.items():
                rounds[name].append(_seconds(module, cache))
    times = Times(rounds)
    ratio = times.ratio(OURS, "NumPy")
    return Result(
        "W10: import, in a fresh interpreter, and what is on the disk, with all dependencies",
        [Goal("`import tinygrad_np`", "1.3 x `import numpy`", f"{ratio:.2f} x", ratio <= 1.3)],
        times.medians(),
        "NumPy",
        {name: times.ratio(name, "NumPy") for name in here},
        [f"not installed: {name}" for name in wanted if name not in here],
        details={name: {"disk": size} for name in here if (size := installed(_LIBRARIES[name][1]))},
    )


def installed(package: str) -> float:
    """Return the bytes of a package's files and of those that it needs, without bytecode."""
    total, seen, wanted = 0.0, set(), [package]
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # this library runs from its sources; others leave out what is for other systems
            if name == "tinygrad-np":
                total += sum(path.stat().st_size for path in (Path(__file__).parents[1] / OURS).rglob("*.py"))
                wanted.append("numpy")
            continue
        files = [Path(str(file.locate())) for file in found.files or () if not file.match("*.pyc")]
        total += sum(path.stat().st_size for path in files if path.is_file())
        needed = [r for r in found.requires or () if "extra ==" not in r]
        wanted += [re.match(r"[\w.-]+", r)[0] for r in needed]  # type: ignore[index]
    return total


def _seconds(module: str, cache: str) -> float:
    """How long a fresh interpreter takes to import a module, without its own start.

    Bytecode is cached in a folder of its own, for all modules alike, whatever the settings of this process are.
    """
    code = f"from time import perf_counter; t = perf_counter(); import {module}; print(perf_counter() - t)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env=environment | {"PYTHONPYCACHEPREFIX": cache},
        check=True,
        capture_output=True,
    )
    return float(run.stdout)
