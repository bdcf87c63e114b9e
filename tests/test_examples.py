"""Each example runs, and asserts what it computes itself; the documents show what really happens."""

from __future__ import annotations

import doctest
import runpy
import shutil
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
EXAMPLES = sorted((HOME / "examples").glob("*.py"))
DOCUMENTS = sorted((HOME / "docs").glob("*.md"))


#: What an example writes, into the folder that it is given.
PICTURES = {
    "one_neuron": {"one_neuron.svg", "one_neuron.html"},
    "two_moons": {"two_moons.png", "two_moons.svg"},
    "digits_by_layer": {
        "digits_folded.svg", "digits_open.svg", "digits.html", "digits_gradients.png", "digits_activations.png",
    },
}  # fmt: skip


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if path.stem in PICTURES and shutil.which("dot") is None:
        pytest.skip("needs Graphviz")
    monkeypatch.setattr(sys, "argv", [str(path), str(tmp_path)])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out
    assert {file.name for file in tmp_path.iterdir()} == PICTURES.get(path.stem, set())


def test_there_are_examples() -> None:
    assert {"implicit_differentiation", "ode_adjoint", *PICTURES} <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_document(path: Path) -> None:
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testfile(str(path), module_relative=False, optionflags=options, encoding="utf-8")
    assert not failed
