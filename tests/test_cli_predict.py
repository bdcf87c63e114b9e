"""The commands that use a trained network: predict, evaluate, draw."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import cli, nn, train
from tinygrad_np.data import Preprocessing, Standardizer
from tinygrad_np.train import Predictor, load_model, save_model

Output = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``model.npz``, which says "bright" where the mean of the four pixels is above one half."""
    monkeypatch.chdir(tmp_path)
    model = nn.MLP([4, 2], dtype=np.float64)
    model.load_state_dict({"layers.0.weight": np.tile([0.0, 1.0], (4, 1)), "layers.0.bias": np.array([2.0, 0.0])})
    columns = tuple(f"pixel{i}" for i in range(4))
    save_model(
        "model.npz",
        Predictor(
            model, "multiclass", ("dark", "bright"), Preprocessing((2, 2), False, columns, "kind", 255.0), name="lights"
        ),
    )
    return tmp_path


TABLE = "kind,pixel3,pixel2,pixel1,pixel0\nbright,255,255,255,255\ndark,0,0,0,0\nbright,0,0,0,255\n"


def test_a_table_is_predicted_by_the_names_of_its_columns(here: Path, capsys: Output) -> None:
    Path("new.csv").write_text(TABLE)
    assert cli.main(["predict", "model.npz", "new.csv"]) == 0
    out = capsys.readouterr().out
    p = 1 / (1 + np.exp(-2.0))
    assert out.split("\n")[:3] == [
        f"new.csv, example 1  bright  {p:.1%}",
        f"new.csv, example 2    dark  {p:.1%}",
        f"new.csv, example 3    dark  {1 / (1 + np.exp(-1)):.1%}",
    ]


def test_a_submission_for_kaggle(here: Path, capsys: Output) -> None:
    Path("new.csv").write_text("pixel0,pixel1,pixel2,pixel3\n255,255,255,255\n0,0,0,0\n")
    assert cli.main(["predict", "model.npz", "new.csv", "--csv", "submission.csv"]) == 0
    assert Path("submission.csv").read_text() == "ImageId,Label\n1,bright\n2,dark\n"
    assert capsys.readouterr().out == "Written to submission.csv: 2 predictions\n"
    assert cli.main(["predict", "model.npz", "new.csv", "--csv", "submission.csv"]) == 2
    assert "exists already, and nothing is overwritten" in capsys.readouterr().err
    assert Path("submission.csv").read_text() == "ImageId,Label\n1,bright\n2,dark\n"


def test_predictions_for_a_table_that_is_no_picture_are_named_after_its_label(here: Path) -> None:
    save_model(
        "flat.npz", Predictor(nn.MLP([2, 1], rng=0), "regression", (), Preprocessing(None, False, ("a", "b"), "c"))
    )
    Path("new.csv").write_text("b,a\n0,0\n0,0\n")
    assert cli.main(["predict", "flat.npz", "new.csv", "--csv", "out.csv"]) == 0
    assert Path("out.csv").read_text() == "Id,c\n1,0\n2,0\n"


def test_pictures_and_a_folder_of_them(here: Path, capsys: Output) -> None:
    image = pytest.importorskip("PIL.Image")
    Path("new").mkdir()
    image.fromarray(np.full((2, 2, 3), 250, np.uint8)).save("new/a.png")
    image.fromarray(np.full((7, 5, 3), 3, np.uint8)).save("b.jpg")
    assert cli.main(["predict", "model.npz", "b.jpg"]) == 2
    assert re.search(
        r"predict: b\.jpg: the picture is 7x5 .* and the model takes 2x2; .*resize", capsys.readouterr().err
    )
    assert cli.main(["predict", "model.npz", "b.jpg", "new", "--resize"]) == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["b.jpg", "dark"],
        [str(Path("new", "a.png")), "bright"],
    ]
    assert cli.main(["predict", "model.npz", "b.jpg", "--resize", "--invert", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["example"], line["prediction"]) == ("b.jpg", "bright")
    assert line["probabilities"]["bright"] > 0.8


def test_evaluate_matches_labels_by_their_names(here: Path, capsys: Output) -> None:
    Path("new.csv").write_text(TABLE)
    assert cli.main(["evaluate", "model.npz", "--data", "new.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["examples"], round(found["accuracy"], 4)) == (3, 0.6667)
    assert found["classes"]["bright"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    assert cli.main(["evaluate", "model.npz", "--data", "new.csv"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"accuracy +66\.67%", out)
    assert re.search(r"dark +50\.0% +100\.0% +66\.7%", out)
    Path("other.csv").write_text(TABLE.replace("dark", "dusky"))
    assert cli.main(["evaluate", "model.npz", "--data", "other.csv"]) == 2
    assert "other.csv: the label of example 2 is dusky, and the classes are dark, bright" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "n_outputs", "names"),
    [("binary", 1, ("no", "yes")), ("regression", 1, ()), ("regression", 2, ()), ("multilabel", 2, ("a", "b"))],
)
def test_other_tasks(here: Path, capsys: Output, task: str, n_outputs: int, names: tuple[str, ...]) -> None:
    standardizer = Standardizer(np.zeros(4, np.float32), np.ones(4, np.float32))
    saved = Predictor(
        nn.MLP([4, n_outputs], rng=0), task, names, Preprocessing(standardizer=standardizer), threshold=0.522
    )
    save_model("other.npz", saved)
    x = np.random.default_rng(0).random((5, 4), np.float32)
    y: Any = saved.predict(x)
    np.savez("data.npz", x=x, y=y)
    assert cli.main(["predict", "other.npz", "data.npz", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 5
    assert all(("probabilities" in line) == (task != "regression") for line in lines)
    assert cli.main(["predict", "other.npz", "data.npz"]) == 0
    if len(set(np.ravel(y))) > 1:
        assert cli.main(["evaluate", "other.npz", "--data", "data.npz"]) == 0
        assert re.search(r"100\.00%|R2 +1\b", capsys.readouterr().out)


def test_draw_prints_the_layers_and_draws_the_graph(here: Path, capsys: Output) -> None:
    assert cli.main(["draw", "model.npz", "--out", "graph.dot"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"layers\.0: Linear +32x2 +10 ", out)
    assert "digraph" in Path("graph.dot").read_text()
    assert cli.main(["draw", "model.npz", "--out", "graph.dot"]) == 2
    assert cli.main(["draw", "model.npz", "--out", "graph.txt"]) == 2
    assert "use one of .dot" in capsys.readouterr().err
    if shutil.which("dot"):
        pytest.importorskip("graphviz")
        assert cli.main(["draw", "model.npz", "--out", "graph.svg"]) == 0


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "compare", "check", "draw"])
def test_the_help_fits_a_terminal_and_has_examples_that_parse(command: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main([command, "--help"])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    examples = re.findall(rf"^  tinygrad-np ({command} .*?)(?:  .*)?$", text, re.MULTILINE)
    assert examples
    for line in examples:
        assert cli._parser("p").parse_args(line.split()).command == command


@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_compare_puts_a_deep_network_beside_one_without_hidden_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, task: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    x = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
    np.savez("xor.npz", x=x, y=(x[:, 0] * x[:, 1] > 0).astype(int) if task == "classes" else x[:, 0] * x[:, 1])
    options = ["--layers", "16", "--epochs", "30", "--learning-rate", "0.02", "--dropout", "0"]
    options += ["--task", "regression"] if task == "numbers" else []
    assert cli.main(["compare", "--data", "xor.npz", *options, "--quiet", "--out", "out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    simple = found["logistic" if task == "classes" else "linear"]
    assert (simple["layers"], found["deep"]["layers"]) == ("2,1", "2,16,1")
    score = "accuracy" if task == "classes" else "R²"
    assert found["deep"][f"training {score}"] > simple[f"training {score}"] + 0.2  # xor has no line between its classes
    assert load_model(Path("out", "deep")).model.layers[0].weight.shape == (2, 16)
    assert Path("out", "linear" if task == "numbers" else "logistic", "report.html").exists()
    if task == "classes":
        p = {name: load_model(Path("out", name)) for name in ("logistic", "deep")}
        assert p["logistic"].task == "binary"


def test_check_gives_a_verdict_on_the_gradients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.savez("a.npz", x=x, y=np.arange(40) % 3)
    typed = ["--data", "a.npz", "--layers", "5", "--l2", "1", "--standardize"]
    assert cli.main(["check", *typed]) == 0
    assert "in double precision: the gradients are right." in capsys.readouterr().out
    assert cli.main(["train", *typed, "--epochs", "1", "--out", "out", "--check-gradients", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["gradients", "data", "epoch", "done"]
    assert events[0]["right"]
    right = train.check_gradients

    def wrong(*given: Any, **options: Any) -> train.GradientVerdict:
        verdict = right(*given, **options)
        return replace(verdict, parameters=[replace(each, formula=0.5) for each in verdict.parameters])

    monkeypatch.setattr(train, "check_gradients", wrong)
    assert cli.main(["check", *typed]) == 1
    assert "WRONG gradients of layers.0.weight" in capsys.readouterr().out
    assert cli.main(["train", *typed, "--check-gradients", "--quiet", "--out", "other"]) == 1
    assert capsys.readouterr().err.endswith("the gradients do not agree (--check-gradients), and nothing was trained\n")
    assert not Path("other").exists()
