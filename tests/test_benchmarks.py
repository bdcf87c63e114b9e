"""The benchmarks run, compute the same as their peers, and report what they measured. Nothing here depends on time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)


def test_every_kind_of_workload(tmp_path):
    from benchmarks.__main__ import WORKLOADS
    from benchmarks.tasks import TASKS

    kinds = {task.kind: name for name, task in reversed(TASKS.items())} | {"training": "W2"}
    others = [name for name in WORKLOADS if name not in TASKS and name not in ("growth-depth", "growth-batch")]
    names = [*kinds.values(), *others]
    command = [sys.executable, "-m", "benchmarks", "--effort", "smoke", "--to", str(tmp_path), *names]
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # others want to work, too
    one_thread |= {"TORCHDYNAMO_DISABLE": "1"}  # torch.compile would take minutes, and hand over to eager mode
    run = subprocess.run(command, cwd=ROOT, env=one_thread, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert list(results["workloads"]) == names
    assert {"Python", "NumPy", "BLAS"} <= set(results["environment"])
    for result in results["workloads"].values():
        assert result["times"] or result["rows"]
        assert all(0 < seconds < 100 for seconds in result["times"].values())
        assert result["rows"] or result["ratios"][result["baseline"]] == 1
        for goal in result["goals"]:
            assert goal["cell"] or f"| {goal['what']} " in run.stdout
        assert f"**{result['title']}**" in run.stdout
    assert (tmp_path / "results.md").read_text("utf-8").strip() == run.stdout.strip()
    assert all((tmp_path / f"{picture}.png").read_bytes().startswith(b"\x89PNG") for picture in ("ratios", "growth"))


def test_families_names_what_has_no_derivative(monkeypatch):
    from benchmarks import families
    from benchmarks.harness import OURS, Effort
    from benchmarks.report import to_markdown

    able = families.Row("f", "here", lambda np, x: np.tanh(x), lambda torch, x: torch.tanh(x), families._flat)
    unable = families.Row("f", "not there", able.numpy, None, families._flat)
    monkeypatch.setattr(families, "ROWS", [able, unable])
    pytest.importorskip("torch")
    result = families.families(Effort(1, 0.0, (), elements=10))
    assert {"PyTorch", OURS} <= set(result.rows["here"])
    assert "PyTorch" not in result.rows["not there"]
    lines = to_markdown([result], {}).splitlines()
    assert any(line.startswith("| not there |") and "| - " in line for line in lines)


def test_families_does_not_hide_what_we_cannot_do(monkeypatch):
    from benchmarks import families
    from benchmarks.harness import Effort

    broken = families.Row("f", "broken", lambda np, x: np.tanh(x, where=x > 0), lambda torch, x: x, families._flat)
    monkeypatch.setattr(families, "ROWS", [broken])
    with pytest.raises(TypeError, match="where="):
        families.families(Effort(1, 0.0, (), elements=10))


def test_an_unknown_workload_is_named(capsys):
    from benchmarks.__main__ import main

    with pytest.raises(SystemExit):
        main(["mpl"])
    assert "no workload is called mpl; there are: W1," in capsys.readouterr().err


def test_contenders_that_disagree_are_not_measured():
    from benchmarks.harness import Contender, Effort, compare

    def measured():
        raise RuntimeError("measured before it was checked")

    contenders = {"one": Contender(measured, lambda: [np.ones(2)]), "two": Contender(measured, lambda: [[1, 1.1]])}
    with pytest.raises(AssertionError, match="two does not compute what one does"):
        compare(contenders, Effort(1, 0.0, ()))


def test_contenders_take_turns():
    from benchmarks.harness import Contender, Effort, measure

    calls = []
    contenders = {name: Contender(lambda name=name: calls.append(name), list) for name in "ab"}
    times = measure(contenders, Effort(3, 0.0, ()))
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"  # warm-up, then three rounds
    assert [len(rounds) for rounds in times.rounds.values()] == [3, 3]


def test_ratios_are_taken_within_a_round():
    from benchmarks.harness import Times

    times = Times({"slow": [2.0, 20.0, 4.0], "fast": [1.0, 10.0, 1.0]})
    assert times.ratio("slow", "fast") == 2
    assert times.medians() == {"fast": 1.0, "slow": 4.0}
    assert list(times.medians()) == ["fast", "slow"]


def test_what_is_not_installed_is_left_out():
    from benchmarks.harness import Contender, gather

    def absent():
        import no_such_package_anywhere  # noqa: F401

    def broken():
        import tinygrad_np.no_such_module  # noqa: F401

    here = Contender("pass", list)
    assert gather({"here": lambda: here, "absent": absent}) == ({"here": here}, ["absent"])
    with pytest.raises(ModuleNotFoundError):
        gather({"broken": broken})


@pytest.fixture
def wrong(monkeypatch):
    """A library that computes something else."""
    from benchmarks import implementations
    from benchmarks.implementations.tinygrad import Tinygrad

    class Wrong(Tinygrad):
        def chain(self, task):
            step = super().chain(task)
            return lambda: [value * 1.01 for value in step()]

    monkeypatch.setattr("benchmarks.implementations.tinygrad.Wrong", Wrong, raising=False)
    monkeypatch.setitem(implementations.IMPLEMENTATIONS, "wrong", ("tinygrad", "Wrong", {"backend": None}))


def test_a_library_that_computes_something_else_stops_the_comparison(wrong):
    from benchmarks.harness import Effort
    from benchmarks.implementations import TUNED
    from benchmarks.peers import side_by_side
    from benchmarks.tasks import Chain

    with pytest.raises(AssertionError, match="wrong, 1 threads does not compute what NumPy, tuned by hand"):
        side_by_side(Chain(10), [TUNED, "wrong"], Effort(1, 0.0, (), turns=1, turn=0.0, processes=False))


def test_a_worker_takes_turns_in_a_process_of_its_own():
    from benchmarks.harness import Effort
    from benchmarks.implementations import TUNED
    from benchmarks.tasks import Chain
    from benchmarks.worker import Here, Worker

    worker, here = (kind(TUNED, Chain(10), 1, Effort(1, 0.0, ())) for kind in (Worker, Here))
    assert worker.first.outcome == here.first.outcome
    assert worker.seconds(3) > 0
    worker.stop()
    assert not worker._process.is_alive()


def test_who_cannot_take_part_says_why():
    from benchmarks.harness import Effort
    from benchmarks.implementations import PRODUCTS
    from benchmarks.tasks import Chain
    from benchmarks.worker import Unable, Worker

    with pytest.raises(Unable, match="cannot do this"):
        Worker(PRODUCTS, Chain(10), 1, Effort(1, 0.0, ()))
    with pytest.raises(Unable, match="no result within 0 s"):
        Worker(PRODUCTS, Chain(10), 1, Effort(1, 0.0, (), patience=0.0))


def test_who_was_too_slow_at_a_chain_is_not_tried_at_longer_ones(monkeypatch):
    from benchmarks import peers
    from benchmarks.harness import Effort
    from benchmarks.tasks import Chain

    monkeypatch.setattr(peers, "_gave_up", {})
    impatient = Effort(1, 0.0, (), patience=0.0)
    assert peers._started(Chain(10), ["MyGrad"], impatient) == ({}, ["MyGrad: no result within 0 s"])
    patient = Effort(1, 0.0, ())
    told = "MyGrad: not tried, after 10 operations were too many"
    assert peers._started(Chain(20), ["MyGrad"], patient) == ({}, [told])


def test_goals_of_a_kind_stand_in_one_table():
    from benchmarks.report import Goal, Result, to_markdown

    goals = [Goal("W1 / P", "0.5", "0.40", True, ("eager", "W1", "P")),
             Goal("W2 / P", "0.5", "0.60", False, ("eager", "W2", "P")),
             Goal("W3 / P", "0.2", "0.10", True, ("eager", "W3", "P"))]  # fmt: skip
    lines = [" ".join(line.split()) for line in to_markdown([Result("W", goals)], {}).splitlines()]
    assert lines[0].endswith("(2 of 3)**")
    assert lines[2:] == [
        "| | P ≤ 0.5 |", "| --- | -------------------- |", "| W1 | 0.40 reached |", "| W2 | 0.60 MISSED |",
        "| W3 | 0.10 (≤ 0.2) reached |", "", "**W**",
    ]  # fmt: skip


def test_goals_are_those_of_the_table():
    from benchmarks.goals import limit

    assert limit("W1", "compiled", "NumPy, tuned by hand") == 1.0
    assert limit("W7-1M", "compiled", "NumPy, tuned by hand") is None
    assert [limit("W7-1M", mode, "PyTorch") for mode in ("eager", "compiled", "numba")] == [0.8, 0.5, 0.45]
    assert limit("W8", "numba", "PyTorch") == 0.2
    assert (limit("W11-0d", "eager", "MyGrad"), limit("W11-0d", "eager", "PyTorch")) == (0.5, None)
    assert limit("W12", "compiled", "JAX, jit") is None


def test_products_of_a_step_are_counted():
    from benchmarks.tasks import Training

    forward, by_weights, by_layers_between = 3 * 4 + 4 * 2, 3 * 4 + 4 * 2, 4 * 2
    assert Training((3, 4, 2), 5, "sgd").flops() == 2 * 5 * (forward + by_weights + by_layers_between)


def test_memory_is_that_of_the_arrays(monkeypatch):
    from benchmarks.implementations import numpy_tuned
    from benchmarks.tasks import TASKS
    from benchmarks.worker import array_memory

    task = TASKS["adam-235k"]

    class Known(numpy_tuned.Tuned):
        def update(self, task):
            arrays = [*task.arrays(), np.zeros(task.parameters, np.float32)]
            kept = [np.ones(1000) for _ in range(3)]
            return lambda: [np.add(*arrays[1:]), *kept][:1]  # one array more, while it runs

    monkeypatch.setattr("benchmarks.implementations.numpy_tuned.Tuned", Known)
    exact = 2 * 4 * task.parameters + 3 * 8000  # what was given does not count
    assert exact <= array_memory("NumPy, tuned by hand", task) < exact + 5000  # Python's own objects in the step
    assert array_memory("NumPy, tuned by hand", TASKS["W7"]) is None


def test_tuned_steps_train_as_ours_do():
    """The opponent is of our making: it must do all that it is compared for."""
    from benchmarks.tasks import Training
    from benchmarks.worker import first_steps

    for activation, sizes, optimizer in [("tanh", (5, 4, 3), "adam"), ("relu", (5, 4, 6, 1), "momentum")]:
        task = Training(sizes, 7, optimizer, activation, lr=0.1)
        tuned, ours = (first_steps(name, task) for name in ("NumPy, tuned by hand", "tinygrad_np, eager"))
        losses = ([*first.outcome, *(first.step() for _ in range(20))] for first in (tuned, ours))
        np.testing.assert_allclose(*losses, rtol=1e-3)


def test_pages_are_filled(tmp_path):
    from benchmarks.page import filled
    from benchmarks.report import Goal, Result, from_json, to_json

    goal = Goal("W1 / P", "0.5", "0.40", True, ("eager", "W1", "P"))
    result = Result("W1: a step", [goal], {"b": 1.0, "PyTorch": 2.0}, "b", {"b": 1.0, "PyTorch": 2.0})
    results = from_json(json.loads(json.dumps(to_json([("W1", result)], {}))))
    assert results == {"W1": result}
    page = "a\n<!-- measured: {} -->\nold\n<!-- end -->\nb\n"
    told = {
        what: filled(page.format(what), results, {"x": "y"}) for what in ("facts", "W1", "ratios W1", "eager", "W2")
    }
    assert told["W2"] == page.format("W2")  # nothing was measured: it stays
    assert told["facts"] == "a\n<!-- measured: facts -->\n\n- x: y\n\n<!-- end -->\nb\n"
    assert "0.40 reached" in told["eager"]
    assert "| a step | 2.00    |" in told["ratios W1"]
    assert "2 s" in told["W1"]
    assert all("old" not in told[what] for what in ("W1", "ratios W1", "eager"))
    assert filled(told["W1"], results, {}) == told["W1"]


@pytest.mark.parametrize(("seconds", "words"), [(1.5, "1.5 s"), (0.02, "20 ms"), (1.25e-6, "1.25 µs"), (3e-8, "30 ns")])
def test_durations(seconds, words):
    from benchmarks.report import in_words

    assert in_words(seconds) == words


def test_conformance_reads_what_pytest_writes(tmp_path):
    from benchmarks.conformance import read

    suite = tmp_path / "test_suite.py"
    suite.write_text(
        "import pytest\n"
        "def test_pass(): pass\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_fail(n): assert n == 2\n"
        "def test_error(no_such_fixture): pass\n"
        "def test_skip(): pytest.skip()\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--junitxml=report.xml", suite.name]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    outcome = read(tmp_path / "report.xml")
    assert outcome.counts == {"passed": 2, "failed": 2, "skipped": 1}
    assert outcome.failed == {"test_suite::test_fail[1]", "test_suite::test_error"}


def test_the_loop_from_scratch_trains_as_fit_does():
    import numpy as np

    from benchmarks.training_run import FromScratch, overhead
    from tinygrad_np import nn, optim, train
    from tinygrad_np.data import Dataset

    rng = np.random.default_rng(0)
    data = Dataset(rng.random((30, 12)), rng.integers(0, 10, 30))
    naive, model = FromScratch((12, 7, 10)), nn.MLP([12, 7, 10], dtype=np.float64)
    model.load_state_dict(
        {
            "layers.0.weight": naive.W1,
            "layers.0.bias": naive.b1[0],
            "layers.1.weight": naive.W2,
            "layers.1.bias": naive.b2[0],
        }
    )
    history = train.fit(model, data, optimizer=optim.SGD(model.parameters(), 0.5), epochs=5, batch_size=0)
    costs = [naive.step(data.x, np.eye(10)[data.y]) for _ in range(5)]
    np.testing.assert_allclose(history.column("cost"), costs, rtol=1e-9)
    pictures = Dataset(rng.random((130, 784), dtype=np.float32), rng.integers(0, 10, 130))
    assert all(figure > 0 for figure in overhead(pictures, rounds=1, epochs=1))
