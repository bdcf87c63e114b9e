"""What ``python -m tinygrad_np.rules`` prints: every function of NumPy, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor
from tinygrad_np.coverage import Entry, Status, survey
from tinygrad_np.creation import ARRAYLESS
from tinygrad_np.dispatch import call
from tinygrad_np.primitives import composites, constant, refused, table
from tinygrad_np.rules.__main__ import main


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return survey()


@pytest.fixture(scope="module")
def of(entries: list[Entry]) -> dict[str, Entry]:
    return {name: entry for entry in entries for name in entry.names}


def test_nothing_is_unaccounted_for(entries: list[Entry]) -> None:
    missing = [f"{e.group}: {' = '.join(e.names)}" for e in entries if e.status is Status.MISSING]
    assert not missing, f"{len(missing)} functions of NumPy are in no table: {missing}"


def test_each_function_is_told_once(entries: list[Entry], of: dict[str, Entry]) -> None:
    names = [name for entry in entries for name in (f"{entry.group}.{n}" for n in entry.names)]
    assert len(names) == len(set(names))
    for module in (np, np.linalg, np.fft):
        for name in set(module.__all__) - {"test", "row_stack"}:
            thing = getattr(module, name)
            assert not callable(thing) or isinstance(thing, type) or name in of, name


def test_no_function_is_told_twice() -> None:
    tables = {"table": set(table), "composites": set(composites), "constant": set(constant), "refused": set(refused),
              "arrayless": ARRAYLESS}  # fmt: skip
    names = list(tables)
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if {one, other} != {"table", "composites"}:  # a composite may add options to an entry of the same function
                assert not tables[one] & tables[other], (one, other)


def test_what_it_says(of: dict[str, Entry]) -> None:
    assert of["tanh"].status is Status.ENTRY
    assert of["fftn"].status is Status.COMPOSITE
    assert of["argmax"].status is of["floor"].status is Status.CONSTANT
    assert of["save"].status is Status.REFUSED
    assert of["absolute"].names == ("absolute", "abs")
    assert of["add.reduce"].status.differentiable
    assert of["logical_and.reduce"].status is Status.CONSTANT
    assert not any(name.startswith("matmul.") for name in of)


def test_a_function_without_entry_shows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(table, np.tanh)
    assert ("tanh",) in [e.names for e in survey() if e.status is Status.MISSING]
    assert main([]) == 1
    assert "ufuncs: unaccounted for" in capsys.readouterr().out


@pytest.mark.parametrize("function", refused, ids=lambda f: f.__name__)
def test_the_error_tells_the_reason(function: Any) -> None:
    reason = refused[function]
    assert reason[0].islower() or reason.startswith("NumPy")
    if isinstance(function, np.ufunc):
        with pytest.raises(NotImplementedError) as raised:
            function(*[Tensor(1.0)] * function.nin)
    else:
        with pytest.raises(NotImplementedError) as raised:
            call(function, (Tensor(1.0),), {})
    assert reason in str(raised.value)


def test_command(entries: list[Entry], capsys: pytest.CaptureFixture[str]) -> None:
    main(["--json"])
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(entries)
    assert {"group": "ufuncs", "names": ["tanh"], "status": "a rule of its own", "reason": ""} in rows
    main(["--markdown"])
    header, _, *lines = capsys.readouterr().out.splitlines()
    assert header == ("| | differentiable | no derivative by nature | refused | unaccounted for | in all |")
    total = next(line for line in lines if line.startswith("| in all"))
    numbers = [int(cell) for cell in total.split("|")[2:-1]]
    assert sum(numbers[:-1]) == numbers[-1] == len(entries)
    main([])
    text = capsys.readouterr().out
    for entry in entries:
        assert entry.names[0] in text


def test_scipy(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("scipy")
    main(["--scipy", "--json"])
    found = {row["names"][0]: row["status"] for row in json.loads(capsys.readouterr().out) if "scipy" in row["group"]}
    assert found["gamma"] == "a rule of its own"
    assert found["round"] == "no derivative by nature"
