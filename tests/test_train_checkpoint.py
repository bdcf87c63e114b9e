"""Checkpoints: a run that was killed, at any moment, and goes on, ends as one that never was."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tinygrad_np import nn, optim, train
from tinygrad_np.data import Dataset
from tinygrad_np.train import checkpoint, course

RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 4)).astype(np.float32)
DATA = Dataset(X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0), weights=RNG.random(70))
VALIDATION = Dataset(X[::3], DATA.y[::3])
EPOCHS = 5


def run(path=None, *, resume=False, rng=1, **more):
    """All that a checkpoint has to hold is in use: dropout, momentum of two kinds, plateau, best weights."""
    more = {"batch_size": 16, "compile": True, "epochs": EPOCHS, **more}
    model = nn.MLP([4, 6, 3], dropout=0.4, rng=0)
    optimizer = optim.Adam(model.parameters(), 0.03)
    history = train.fit(
        model, DATA, VALIDATION, optimizer=optimizer, l2=0.1, rng=np.random.default_rng(rng),
        schedule=optim.Plateau(optimizer, 0.5, 0), early_stopping=train.EarlyStopping("validation_cost", 3),
        checkpoint=path, checkpoint_seconds=0, resume=resume, **more,
    )  # fmt: skip
    return model.state_dict(), history


@cache
def uninterrupted(compiled=True):
    return run(compile=compiled)


def same(one, other):
    (weights, history), (others, other_history) = one, other
    assert history == other_history
    assert (history.ended_by, history.best_epoch) == (other_history.ended_by, other_history.best_epoch)
    assert weights.keys() == others.keys()
    return all(array.tobytes() == others[name].tobytes() for name, array in weights.items())


def kill_at(moment):
    """Make this process kill itself at the ``moment``-th of: steps, and stages of writing a file."""
    count = [moment]

    def counted(function):
        def call(*args):
            count[0] -= 1
            if not count[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args)

        return call

    os.fsync, os.replace = counted(os.fsync), counted(os.replace)
    checkpoint.Checkpoint.after_step = counted(checkpoint.Checkpoint.after_step)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("compiled", [True, False])
def test_a_run_killed_at_any_moment_ends_as_one_that_never_was(tmp_path, compiled):
    path, expected = tmp_path / "checkpoint.npz", uninterrupted(compiled)
    moments = np.random.default_rng(4).integers(1, 40, 6)
    for moment in moments:
        child = os.fork()
        if child == 0:  # pragma: no cover
            try:
                kill_at(moment)
                run(path, resume=True, compile=compiled)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or sum(moments) > 100
    assert same(expected, run(path, resume=True, compile=compiled))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]  # what unfinished writes left is gone, too
    assert same(expected, run(path, resume=True, compile=compiled))  # a run that is over


def test_another_process_goes_on(tmp_path):
    path = tmp_path / "checkpoint.npz"
    script = f"""
import sys; sys.path[:0] = {sys.path!r}
import test_train_checkpoint as t
t.kill_at(23)
t.run({str(path)!r})
"""
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)})
    assert done.returncode == -signal.SIGKILL
    assert same(uninterrupted(), run(path, resume=True))


def test_a_run_that_is_over_goes_on_when_it_may(tmp_path):
    path = tmp_path / "checkpoint.npz"
    run(path, epochs=2)
    assert same(uninterrupted(), run(path, resume=True))


def test_a_run_of_options_is_kept_in_its_folder(tmp_path):
    config = train.Config(layers=(6,), epochs=4, lr_schedule="exponential", patience=9)
    whole = train.run(config, DATA)
    train.run(replace(config, epochs=2), DATA, folder=tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.npz"]
    again = train.run(config, DATA, folder=tmp_path, resume=True)
    assert same((whole.model.state_dict(), whole.history), (again.model.state_dict(), again.history))
    assert whole.scores == again.scores


def test_a_run_that_was_killed_after_its_last_step_still_tells_of_that_epoch(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(course.Course, "end_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run(path, iterations=3)
    assert same(run(iterations=3), run(path, iterations=3, resume=True))


def test_without_resume_a_run_begins_anew(tmp_path):
    path = tmp_path / "checkpoint.npz"
    run(path, epochs=2)
    assert same(uninterrupted(), run(path))


def test_generators_whose_state_is_an_array_are_kept(tmp_path):
    path, generator = tmp_path / "checkpoint.npz", np.random.MT19937
    run(path, epochs=2, rng=generator(3))
    assert same(run(rng=generator(3), epochs=3), run(path, resume=True, rng=generator(3), epochs=3))


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    count = [9]

    def fsync(file):
        count[0] -= 1
        if not count[0]:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        run(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert same(uninterrupted(), run(path, resume=True))


def test_within_an_epoch_it_is_written_every_few_seconds_and_at_the_ends(tmp_path, monkeypatch):
    written = []
    write = checkpoint.Checkpoint.write
    monkeypatch.setattr(checkpoint.Checkpoint, "write", lambda self: (write(self), written.append(self.course.steps)))
    run(tmp_path / "a.npz", epochs=2)  # five steps an epoch; and at the end
    assert written == [1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 10, 10]
    written.clear()
    monkeypatch.setattr(checkpoint, "_SHARE", np.inf)
    monkeypatch.setattr(checkpoint.Checkpoint, "after_step", lambda self: None)
    run(tmp_path / "a.npz", epochs=2)
    assert written == [5, 10, 10]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 8}, "of another run: its batch_size is 16, and not 8"),
        ({"clip": 1.0}, "its clip is None, and not 1.0"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, options, message):
    path = tmp_path / "checkpoint.npz"
    run(path, epochs=1)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        run(path, resume=True, **options)
    assert path.read_bytes() == before


def test_a_checkpoint_of_other_data_or_another_model_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    model = nn.MLP([4, 3], rng=0)
    options = {"epochs": 1, "checkpoint": path, "rng": 0}
    train.fit(model, DATA, optimizer=optim.SGD(model.parameters(), 0.1), **options)
    other = replace(DATA, x=DATA.x + 1)
    with pytest.raises(ValueError, match="its training data is"):
        train.fit(model, other, optimizer=optim.SGD(model.parameters(), 0.1), resume=True, **options)
    larger = nn.MLP([4, 5, 3], rng=0)
    before = larger.state_dict()
    with pytest.raises(ValueError, match="no checkpoint of this run"):
        train.fit(larger, DATA, optimizer=optim.SGD(larger.parameters(), 0.1), resume=True, **options)
    assert all(np.array_equal(array, before[name]) for name, array in larger.state_dict().items())


def test_a_damaged_checkpoint_is_a_clear_error(tmp_path):
    path = tmp_path / "checkpoint.npz"
    run(path, epochs=1)
    whole = path.read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"x" * 100):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged"):
            run(path, resume=True)
    train.save_arrays(path, {"checkpoint": np.frombuffer(b'{"identity": {"format": 2}}', np.uint8)})
    with pytest.raises(ValueError, match="its format is 2, and not 1"):
        run(path, resume=True)
    train.save_arrays(path, {"w": np.zeros(3)})
    with pytest.raises(ValueError, match="no checkpoint of this run"):
        run(path, resume=True)
