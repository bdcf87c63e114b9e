"""How much of the array API standard holds, beside NumPy: ``python -m benchmarks.conformance CHECKOUT``.

The standard comes with a suite of tests (https://github.com/data-apis/array-api-tests), in which hypothesis draws the
arguments. It is run as it is, on this library's namespace and on NumPy's. It needs a clone with its submodule, the
specification::

    git clone --recurse-submodules https://github.com/data-apis/array-api-tests
    python -m pip install -r array-api-tests/requirements.txt
    python -m benchmarks.conformance array-api-tests
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

__all__ = ["Outcome", "conformance", "read"]

VERSION = "2024.12"
MODULES = {"tinygrad_np": "tinygrad_np.interop.array_api", "NumPy": "numpy"}


@dataclass(frozen=True)
class Outcome:
    """What became of the cases of the suite.

    Attributes
    ----------
    counts : Counter
        How many "passed", "failed", and were "skipped".
    failed : frozenset of str
        Which failed.
    """

    counts: Counter[str]
    failed: frozenset[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite for both, and print what passes. (A few cases fail or pass by what is drawn.)"""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="a clone of data-apis/array-api-tests, with its submodule")
    parser.add_argument("--examples", type=int, default=5, help="drawn arguments per case (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of these (default: %(default)s)")
    options = parser.parse_args(argv)
    if not (options.checkout / "array_api_tests").is_dir():
        parser.error(f"{options.checkout} is no clone of array-api-tests: it lacks the folder array_api_tests")
    outcomes = {}
    for name, module in MODULES.items():
        print(f"{name} ...", file=sys.stderr, flush=True)
        outcomes[name] = conformance(options.checkout, module, options.examples, options.seed)
    for name, outcome in outcomes.items():
        passed, failed, skipped = (outcome.counts[what] for what in ("passed", "failed", "skipped"))
        print(f"{name}: {passed} of {passed + failed} cases pass ({skipped} skipped)")
    ours, numpy = (outcome.failed for outcome in outcomes.values())
    print(f"fail in both: {', '.join(sorted(ours & numpy)) or 'none'}")
    print(f"fail here only: {', '.join(sorted(ours - numpy)) or 'none'}")
    return 0


def conformance(checkout: Path, module: str, examples: int, seed: int) -> Outcome:
    """Run the suite on a namespace, in a process of its own."""
    root = Path(__file__).parents[1]
    environment = os.environ | {
        "ARRAY_API_TESTS_MODULE": module,
        "ARRAY_API_TESTS_VERSION": VERSION,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH")))),
    }
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            sys.executable, "-m", "pytest", "array_api_tests", "-q", "-p", "no:cacheprovider",
            f"--max-examples={examples}", f"--hypothesis-seed={seed}", f"--junitxml={report}",
        ]  # fmt: skip
        run = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        if run.returncode not in (0, 1):  # 1: some fail
            raise RuntimeError(f"the suite did not run on {module}:\n{run.stdout}{run.stderr}")
        return read(report)


def read(report: Path) -> Outcome:
    """Read the file that pytest writes by ``--junitxml``."""
    counts: Counter[str] = Counter()
    failed = set()
    for case in ElementTree.parse(report).iter("testcase"):
        found = {child.tag for child in case}
        what = "skipped" if "skipped" in found else "failed" if found & {"failure", "error"} else "passed"
        counts[what] += 1
        if what == "failed":
            failed.add(f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}")
    return Outcome(counts, frozenset(failed))


if __name__ == "__main__":
    sys.exit(main())
