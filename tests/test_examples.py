"""Each example runs, and asserts what it computes itself; the documents show what really happens."""

from __future__ import annotations

import doctest
import runpy
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
EXAMPLES = sorted((HOME / "examples").glob("*.py"))
DOCUMENTS = sorted((HOME / "docs").glob("*.md"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out


def test_there_are_examples() -> None:
    assert {"implicit_differentiation", "ode_adjoint"} <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_document(path: Path) -> None:
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testfile(str(path), module_relative=False, optionflags=options, encoding="utf-8")
    assert not failed
