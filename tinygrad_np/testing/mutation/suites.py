"""pytest's tests, collected once, for :mod:`tinygrad_np.testing.mutation.running`."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tinygrad_np._extras import require
from tinygrad_np.testing.mutation.running import Test

__all__ = ["with_tests"]


def with_tests(paths: Sequence[str], use: Callable[[list[Test]], Any]) -> Any:
    """Collect the tests under some paths (none: pytest's own default), and call ``use`` with them, inside of pytest.

    Hypothesis draws the same examples in each run, and does not shrink what it finds.

    Raises
    ------
    RuntimeError
        If they cannot be collected, with what pytest has printed.
    """
    pytest = require("pytest", "test")
    plugin = _Plugin(use)
    arguments = ["-q", "--tb=native", "-p", "no:cacheprovider", *paths]
    if importlib.util.find_spec("xdist") is not None:
        arguments += ["-n0"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = pytest.main(arguments, plugins=[plugin])
    if not plugin.used:
        raise RuntimeError(f"pytest {' '.join(arguments)} ended with status {status}:\n{printed.getvalue()}")
    if plugin.error is not None:
        raise plugin.error
    return plugin.result


class _Plugin:
    def __init__(self, use: Callable[[list[Test]], Any]) -> None:
        self.use, self.used, self.result = use, False, None
        self.error: BaseException | None = None
        self.complaint: str | None = None
        self.versions: dict[Path, str] = {}

    def pytest_collection(self, session: Any) -> None:
        """Before the modules of tests are imported: they take these settings as they are."""
        if importlib.util.find_spec("hypothesis") is not None:
            from hypothesis import HealthCheck, Phase, settings

            settings.register_profile(
                "mutation", settings.default, derandomize=True, database=None, deadline=None, print_blob=False,
                phases=[Phase.explicit, Phase.generate], report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            settings.load_profile("mutation")

    def pytest_runtestloop(self, session: Any) -> bool:
        """In place of pytest's own loop over the tests."""
        if session.testsfailed:
            return False  # it could not collect all of them
        tests = [Test(item.nodeid, partial(self.run, item), self.version(item.path)) for item in session.items]
        self.used = True
        try:
            self.result = self.use(tests)
        except BaseException as error:  # pytest would print it and go on
            self.error = error
        return True

    def version(self, path: Path) -> str:
        """Changes when the file of a test does."""
        if path not in self.versions:
            self.versions[path] = hashlib.sha1(path.read_bytes()).hexdigest()[:12]
        return self.versions[path]

    def run(self, item: Any) -> str | None:
        """Run one test, and return its complaint."""
        self.complaint = None
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return self.complaint

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a failure."""
        if report.failed:
            self.complaint = str(report.longrepr).strip().splitlines()[-1]
