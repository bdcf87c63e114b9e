"""The training loop, its history, metrics, files and pictures."""

import io
import json
import math
import os
import pickle
import sys
import zipfile
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_np import nn, optim, train
from tinygrad_np._files import atomic_write
from tinygrad_np.data import Dataset, digits
from tinygrad_np.train.config import _USED_BY
from tinygrad_np.train.recipes import build_optimizer


def blobs(m=60, n_classes=3, seed=0, dtype=np.float64):
    """Points around the corners of a triangle (or polygon): easy to learn."""
    rng = np.random.default_rng(seed)
    y = np.arange(m) % n_classes
    angles = 2 * np.pi * y / n_classes
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.1 * rng.standard_normal((m, 2))
    return Dataset(x.astype(dtype), y, name="blobs")


def weights(model):
    return {name: array.copy() for name, array in model.state_dict().items()}


def small_model(rng=0, **options):
    return nn.MLP([2, 8, 3], dtype=np.float64, rng=rng, **options)


# ---- metrics ----

label_pairs = st.integers(1, 40).flatmap(
    lambda m: st.tuples(*[hnp.arrays(np.int64, m, elements=st.integers(0, 4))] * 2)
)


@given(pair=label_pairs)
def test_metrics_are_those_of_scikit_learn(pair):
    judge = pytest.importorskip("sklearn.metrics")
    y_true, y_pred = pair
    assert train.accuracy(y_true, y_pred) == judge.accuracy_score(y_true, y_pred)
    expected = judge.confusion_matrix(y_true, y_pred, labels=range(5))
    assert np.array_equal(train.confusion_matrix(y_true, y_pred, 5), expected)


def test_metrics_refuse_what_cannot_be_compared():
    with pytest.raises(ValueError, match=r"\(2,\) and y_pred of shape \(3,\)"):
        train.accuracy(np.zeros(2, int), np.zeros(3, int))
    with pytest.raises(ValueError, match="no labels"):
        train.accuracy(np.zeros(0, int), np.zeros(0, int))
    with pytest.raises(ValueError, match="y_pred has labels from 0 to 3, outside the 3 classes"):
        train.confusion_matrix(np.array([0, 1]), np.array([0, 3]), 3)


# ---- history ----

figures = st.floats(allow_nan=False, allow_infinity=False)


@given(rows=st.lists(st.tuples(figures, figures, st.none() | figures, st.none() | figures)))
def test_history_comes_back_from_json_lines_bit_for_bit(rows):
    history = train.History(train.Epoch(number, *row) for number, row in enumerate(rows, 1))
    text = history.to_json_lines()
    assert len(text.splitlines()) == len(rows)
    assert train.History.from_json_lines(text) == history


@pytest.mark.parametrize("bad", ["", "{", "3", '{"epoch": 2}', '{"epoch": 1, "cost": 1, "accuracy": 1, "x": 2}'])
def test_history_names_the_line_that_is_no_epoch(bad):
    good = train.History([train.Epoch(1, 0.5, 0.5)]).to_json_lines()
    with pytest.raises(ValueError, match="line 2"):
        train.History.from_json_lines(good + bad + "\n" + good)


# ---- files ----


@given(
    arrays=st.dictionaries(
        st.text("abc.012_", min_size=1, max_size=8) | st.just("file"),
        st.sampled_from([np.float32, np.float64, np.int64, np.bool_]).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
        ),
    )
)
def test_arrays_come_back_bit_for_bit(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays") / "a.npz"
    train.save_arrays(path, arrays)
    with np.load(path, allow_pickle=False) as numpys:
        for loaded in (train.load_arrays(path), numpys):
            assert set(loaded) == set(arrays)
            for name, array in arrays.items():
                assert loaded[name].dtype == array.dtype
                assert loaded[name].shape == array.shape
                assert loaded[name].tobytes() == array.tobytes()


def test_the_same_arrays_are_the_same_bytes(tmp_path):
    arrays = {"w": np.arange(6.0).reshape(2, 3).T, "b": np.zeros(3, np.float32)}
    train.save_arrays(tmp_path / "a.npz", arrays)
    train.save_arrays(tmp_path / "b.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_arrays_of_objects_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="'w' holds Python objects"):
        train.save_arrays(tmp_path / "a.npz", {"v": np.ones(2), "w": np.array([{}])})
    assert list(tmp_path.iterdir()) == []


def zip_of(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def test_loading_runs_no_code_from_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = npy(np.array([Bomb()], dtype=object), allow_pickle=True)
    for content in (objects, pickle.dumps(Bomb())):
        with pytest.raises(ValueError, match="damaged"):
            train.load_arrays(zip_of(tmp_path / "a.npz", {"w.npy": content}))
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize("shape", ["(10000000000000,)", "(-1, -4)", "(4, 1 << 60)", "(3,)", "(5,)"])
def test_a_header_that_does_not_match_its_bytes_is_refused_before_allocating(tmp_path, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    forged = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(32)
    with pytest.raises(ValueError, match="damaged"):
        train.load_arrays(zip_of(tmp_path / "a.npz", {"w.npy": forged}))


@pytest.mark.parametrize("name", ["../w.npy", "a/../../w.npy", "..\\w.npy", "/etc/w.npy"])
def test_names_that_lead_out_of_the_file_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="leads out of the file"):
        train.load_arrays(zip_of(tmp_path / "a.npz", {"v.npy": npy(np.ones(2)), name: npy(np.ones(2))}))


def test_two_arrays_of_one_name_are_refused(tmp_path):
    path = zip_of(tmp_path / "a.npz", {"v.npy": npy(np.ones(2)), "w.npy": npy(np.ones(2))})
    path.write_bytes(path.read_bytes().replace(b"v.npy", b"w.npy"))
    with pytest.raises(ValueError, match="two arrays of the same name"):
        train.load_arrays(path)


def test_a_compressed_file_is_refused_before_it_expands(tmp_path):
    path = zip_of(tmp_path / "a.npz", {"w.npy": npy(np.zeros(1_000_000))}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="larger than the file"):
        train.load_arrays(path)


def test_a_file_with_any_byte_damaged_or_missing_is_an_error_or_whole(tmp_path):
    path = tmp_path / "damaged.npz"
    arrays = {"w": np.arange(6.0).reshape(2, 3), "b": np.ones(3, np.float32)}
    train.save_arrays(path, arrays)
    good = path.read_bytes()
    cut = [good[:length] for length in range(len(good))]
    flipped = [
        good[:place] + bytes([good[place] ^ mask]) + good[place + 1 :]
        for place in range(len(good))
        for mask in (64, 255)
    ]
    for content in cut + flipped:
        path.write_bytes(content)
        try:
            loaded = train.load_arrays(path)
        except ValueError:
            continue
        # A byte that means nothing, as a date, or one in a name: the arrays themselves are whole.
        assert [array.tobytes() for array in loaded.values()] == [a.tobytes() for a in arrays.values()]


def test_a_missing_file_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        train.load_arrays(tmp_path / "none.npz")


@pytest.mark.parametrize("failing", ["block", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, failing):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    if failing != "block":
        monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"), atomic_write(path) as file:  # noqa: PT012
        file.write(b"new")
        if failing == "block":
            full()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_written_file_has_the_permissions_of_any_other(tmp_path):
    with atomic_write(tmp_path / "a") as file:
        file.write(b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


# ---- the loop ----


def by_hand(data, w, b, lr, l2, batches_of_epochs):
    """Softmax regression trained with SGD, in NumPy: the mean cost of each epoch, and the weights."""
    costs = []
    m = data.size
    for order_of_batches in batches_of_epochs:
        total = 0.0
        for chosen in order_of_batches:
            x, y = data.x[chosen], data.y[chosen]
            z = x @ w + b
            z = z - z.max(axis=1, keepdims=True)
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            total += -np.log(p[np.arange(len(y)), y]).sum()
            dz = (p - np.eye(w.shape[1])[y]) / len(y)
            w, b = w - lr * (x.T @ dz + l2 / m * w), b - lr * dz.sum(axis=0)
        costs.append(total / m)
    return costs, w, b


@pytest.mark.parametrize("l2", [0.0, 3.0])
@pytest.mark.parametrize("batch_size", [0, 16])
def test_fit_is_the_loop_written_by_hand(l2, batch_size):
    data = blobs()
    model = nn.Sequential(nn.Linear(2, 3, dtype=np.float64, rng=0))
    names = list(model.state_dict())
    w, b = sorted(weights(model).values(), key=np.ndim, reverse=True)
    history = train.fit(
        model,
        data,
        optimizer=optim.SGD(model.parameters(), 0.5),
        epochs=5,
        batch_size=batch_size,
        l2=l2,
        rng=7,
    )
    rng = np.random.default_rng(7)
    orders = [np.split(rng.permutation(60), range(batch_size or 60, 60, batch_size or 60)) for _ in range(5)]
    costs, w, b = by_hand(data, w, b, 0.5, l2, orders)
    np.testing.assert_allclose(history.column("cost"), costs, rtol=1e-12)
    got = weights(model)
    assert list(got) == names
    got_w, got_b = sorted(got.values(), key=np.ndim, reverse=True)
    np.testing.assert_allclose(got_w, w, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(got_b, b, rtol=1e-11, atol=1e-13)


def test_fit_learns_and_calls_back_after_every_epoch():
    model, seen = small_model(), []
    history = train.fit(
        model, blobs(), blobs(seed=1), optimizer=optim.Adam(model.parameters(), 0.02), epochs=20, rng=0,
        callbacks=[seen.append],
    )  # fmt: skip
    assert seen == list(history)
    assert [epoch.epoch for epoch in history] == list(range(1, 21))
    assert history[-1].cost < 0.5 * history[0].cost
    assert history[-1].accuracy == history[-1].validation_accuracy == 1


def test_fit_trains_with_dropout_whatever_mode_the_model_was_in():
    model, data = small_model(dropout=0.5), blobs()
    model.eval()
    optimizer = optim.SGD(model.parameters(), 1e-9)
    costs = train.fit(model, data, data, optimizer=optimizer, epochs=2, rng=0).column("cost")
    assert model.training
    assert abs(costs[0] - costs[1]) > 1e-6  # another mask


def test_figures_of_an_epoch_are_means_over_examples_though_the_last_batch_is_smaller():
    model, data = small_model(activation="tanh"), blobs(m=23)  # relu at 0 would make the smallest step visible
    history = train.fit(
        model, data, data, optimizer=optim.SGD(model.parameters(), 1e-300), epochs=1, batch_size=7, rng=0
    )
    whole = train.evaluate(model, data)
    assert history[0].cost == pytest.approx(whole.cost, rel=1e-12)
    assert (history[0].accuracy, history[0].validation_accuracy) == (whole.accuracy, whole.accuracy)
    assert history[0].validation_cost == whole.cost


def test_evaluation_has_no_dropout_and_leaves_the_mode_as_it_was():
    model, data = small_model(dropout=0.5), blobs()
    model.train()
    assert train.evaluate(model, data) == train.evaluate(model, data)
    assert model.training
    model.eval()
    train.evaluate(model, data)
    assert not model.training


def test_predict_logits_in_batches_is_predict_logits():
    model, data = small_model(), blobs()
    whole = train.predict_logits(model, data.x)
    np.testing.assert_allclose(train.predict_logits(model, data.x, batch_size=7), whole, rtol=1e-13)


def test_batches_of_wide_examples_are_small():
    class Longest(nn.Module):
        lengths: ClassVar[list[int]] = []

        def forward(self, x):
            self.lengths.append(len(x))
            return x[:, :1]

    wide = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (100, 2**19), (0, 0))
    assert train.predict_logits(Longest(), wide).shape == (100, 1)
    assert Longest.lengths == [32, 32, 32, 4]


@pytest.mark.filterwarnings("error")
def test_a_run_that_diverges_stops_at_once_and_keeps_finite_weights():
    model = small_model()
    with pytest.raises(train.DivergedError, match=r"(inf|nan) in epoch \d+: try a smaller"):
        train.fit(model, blobs(), optimizer=optim.SGD(model.parameters(), 1e200), epochs=50, batch_size=8, rng=0)
    assert all(np.isfinite(array).all() for array in weights(model).values())


def run_of(seed, **options):
    config = train.Config(layers=(2, 16, 3), epochs=3, batch_size=8, dropout=0.3, seed=seed, **options)
    return train.run(config, blobs(dtype=config.dtype))


@pytest.mark.parametrize("optimizer", train.recipes.OPTIMIZERS)
def test_one_seed_gives_one_result_bit_for_bit(optimizer):
    first, again, other = (run_of(seed, optimizer=optimizer) for seed in (0, 0, 1))
    assert first.history == again.history
    assert first.scores == again.scores
    same = [
        np.array_equal(a, b) for a, b in zip(weights(first.model).values(), weights(again.model).values(), strict=True)
    ]
    assert all(same)
    assert weights(first.model).keys() == weights(other.model).keys()
    assert not all(np.array_equal(w, weights(other.model)[name]) for name, w in weights(first.model).items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_keeps_its_dtype(dtype):
    assert {array.dtype for array in weights(run_of(0, dtype=dtype, l2=1.0).model).values()} == {np.dtype(dtype)}


def test_a_small_network_is_trained_by_one_thread():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def threads():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    before, seen = threads(), []
    train.run(train.Config(layers=(2, 4, 3), epochs=1), blobs(), [lambda _: seen.append(threads())])
    assert set(seen[0]) <= {1}
    assert threads() == before


def test_the_scores_are_those_of_the_parts():
    run = run_of(0)
    assert [part.name for part in run.parts] == list(run.scores) == ["training", "validation", "test"]
    assert run.scores["validation"] == train.Score(run.history[-1].validation_cost, run.history[-1].validation_accuracy)
    assert run.scores["test"] == train.evaluate(run.model, run.parts[2])


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_the_threshold_is_that_of_all_scores(task, tmp_path):
    x = np.random.default_rng(0).standard_normal((400, 2))
    labels = (x + np.random.default_rng(1).standard_normal(x.shape) > 0).astype(np.int64)
    data = Dataset(x, labels[:, 0] if task == "binary" else labels)
    config = train.Config(layers=(3,), epochs=3, learning_rate=1e-9, batch_size=0, threshold=0.7, dropout=0, test=0)
    run = train.run(config, data)
    for part in run.parts:
        p = run.task.proba(train.predict_logits(run.model, part.x))
        yes = p[:, 1] > 0.7 if task == "binary" else p > 0.7
        right = (yes == part.y).reshape(part.size, -1).all(axis=1).mean()
        assert right != train.evaluate(run.model, part, task).accuracy, "0.5 would give the same"
        name = "accuracy" if part.name == "training" else "validation_accuracy"
        assert getattr(run.history[0], name) == run.scores[part.name].accuracy == right
    train.write_report(run, tmp_path)
    again = train.load_model(tmp_path)
    np.testing.assert_array_equal(again.predict(data.x), run.task.predict(again.logits(data.x)))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_defaults_recognize_97_percent_of_held_out_digits(seed):
    pytest.importorskip("sklearn")
    assert train.run(train.Config(seed=seed), digits()).scores["test"].accuracy >= 0.97


# ---- options ----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": (64, 0, 10)}, "layers must be positive whole numbers, not 64,0,10"),
        ({"layers": (64, 1.5)}, r"layers must be positive whole numbers, not 64,1\.5"),
        ({"activation": "relu,step"}, "activation must be one of relu, .*, not 'step'"),
        ({"epochs": "3"}, "epochs must be a whole number, not '3'"),
        ({"learning_rate": "0.1"}, r"learning_rate must be a number, not '0\.1'"),
        ({"compile": 1}, "compile must be True or False, not 1"),
        ({"keep_prob": 0.0}, "keep_prob must be above 0 and at most 1, not 0"),
        ({"keep_prob": 0.8, "dropout": 0.5}, r"keep_prob is 0\.8, but dropout is 0\.5: give one of them"),
        ({"validation": 0.5, "test": 0.5}, "leave nothing to learn from"),
        ({"lr_schedule": "cosine", "time_limit": 3.0}, "lr_schedule cosine needs to know the end"),
        ({"lr_schedule": "plateau", "decay_rate": 2.0}, "decay_rate must be below 1 for a plateau"),
        ({"lr_schedule": "plateau", "warmup_epochs": 2}, "warmup_epochs and a plateau do not go together"),
        ({"patience": -1}, "patience must be at least 0, not -1"),
        ({"momentum": 0.5}, "momentum means nothing to adam: it is of momentum, nesterov"),
        (
            {"decay_every": 3, "lr_schedule": "cosine"},
            "decay_every means nothing to cosine: it is of discrete, plateau, step",
        ),
        ({"activation": "step"}, "activation must be one of relu, .*, not 'step'"),
        ({"optimizer": "lion"}, "optimizer must be one of gd, .*, not 'lion'"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive number, not 0"),
        ({"learning_rate": math.nan}, "learning_rate must be a positive number, not nan"),
        ({"batch_size": -1}, "batch_size must be at least 0, not -1"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"l2": -1.0}, "l2 must be zero or a positive number, not -1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, not 1"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"dtype": "int8"}, "dtype must be one of float32, float64, not 'int8'"),
    ],
)
def test_options_out_of_their_limits_are_named(options, message):
    with pytest.raises(train.OptionError, match=message):
        train.Config(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": (4, 16, 3)}, r"layers must begin with the 2 inputs .*, like 2,16,3, not 4,16,3"),
        ({"layers": (2, 16, 4)}, r"end with its 3 classes, like 2,16,3, not 2,16,4"),
        ({"layers": (8, 8), "activation": "relu,tanh,relu"}, "activation names 3 for 2 hidden layers"),
        ({"task": "regression"}, "task cannot be regression"),
        ({"task": "binary"}, "task binary is for 2 classes, and blobs has 3"),
        ({"validation": 0.0, "patience": 3}, "monitor is validation_accuracy, but no examples are held out"),
        ({"batch_size": 64, "drop_last": True}, "drop_last leaves nothing of 42 examples"),
        ({"validation": 0.001}, "validation does not suit the data"),
    ],
)
def test_options_must_fit_the_data(options, message):
    with pytest.raises(train.OptionError, match=message):
        train.run(train.Config(**options), blobs())


@pytest.mark.parametrize(
    ("given", "layers"),
    [(None, (2, 256, 128, 3)), ((), (2, 3)), ((16,), (2, 16, 3)), ((2,), (2, 2, 3)), ((8, 4), (2, 8, 4, 3)),
     ((2, 8, 3), (2, 8, 3))],
)  # fmt: skip
def test_layers_may_be_all_or_the_hidden_ones(given, layers):
    config = train.Config(layers=given).fitted_to(blobs())
    assert config.layers == layers
    assert config.fitted_to(blobs()) == config


def test_options_reach_the_network_and_the_optimizer():
    config = train.Config(layers=(2, 5, 4, 3), activation="tanh, gelu", keep_prob=0.75, initializer="normal")
    model = config.build_model(np.random.default_rng(0))
    assert repr(model) == "MLP([2, 5, 4, 3], activation=[tanh, gelu], dropout=0.25)"
    assert weights(model)["layers.0.weight"].std() > 0.5
    given = {"beta1": 0.5, "beta2": 0.6, "eps": 1e-3, "momentum": 0.7, "weight_decay": 0.1, "learning_rate": 0.3}
    decays = {"lr": 0.3, "weight_decay": 0.1, "decoupled_weight_decay": True}
    adam = decays | {"betas": (0.5, 0.6), "eps": 1e-3}
    expected = {
        "gd": decays | {"momentum": 0.0},
        "sgd": decays | {"momentum": 0.0},
        "momentum": decays | {"momentum": 0.7, "nesterov": False},
        "nesterov": decays | {"momentum": 0.7, "nesterov": True},
        "rmsprop": decays | {"alpha": 0.6, "eps": 1e-3},
        "adam": adam,
        "adamw": adam,
    }
    for name in train.recipes.OPTIMIZERS:
        meant = {option: value for option, value in given.items() if name in _USED_BY.get(option, {name})}
        (group,) = build_optimizer(train.Config(optimizer=name, **meant), model.parameters()).param_groups
        assert expected[name].items() <= group.items(), name
    assert train.Config(optimizer="gd").batch_size == 0


def test_parts_may_be_given_and_are_named():
    config = train.Config(layers=(), epochs=1)
    whole, other, third = blobs(), blobs(20, seed=1), blobs(10, seed=2)
    for data, validation, sizes in [
        (whole, 0.2, {"training": 39, "validation": 12, "test": 9}),
        (whole, 0.0, {"training": 51, "test": 9}),
        ((whole, other), 0.2, {"training": 48, "validation": 12, "test": 20}),
        ((whole, other), 0.0, {"training": 60, "test": 20}),
        ((whole, other, third), 0.2, {"training": 60, "validation": 20, "test": 10}),
    ]:
        run = train.run(replace(config, validation=validation), data)
        assert {part.name: part.size for part in run.parts} == sizes
        assert list(run.scores) == list(sizes)
        assert (run.history[0].validation_cost is None) == (validation == 0)
        assert run.data_name == "blobs"


def test_features_are_standardized_as_the_training_part_has_them():
    data = blobs()
    shifted = Dataset(data.x * [3.0, 0.2] + [7.0, -2.0], data.y)
    options = {"layers": (), "epochs": 1, "dtype": "float64"}
    run = train.run(train.Config(standardize=True, **options), shifted)
    training = run.parts[0].x
    np.testing.assert_allclose(training.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(training.std(axis=0), 1)
    raw = train.run(train.Config(**options), shifted)
    for part, other in zip(run.parts, raw.parts, strict=True):
        np.testing.assert_allclose(run.standardizer(other.x), part.x)


def test_balanced_classes_count_the_same():
    data = blobs()
    rare = data.take(np.flatnonzero((data.y == 0) | (np.arange(60) % 10 == 1)))
    config = train.Config(layers=(), epochs=2, class_weight="balanced", dtype="float64", dropout=0.0, seed=3)
    run = train.run(config, rare)
    labels = run.parts[0].y
    weights = len(labels) / (3 * np.bincount(labels))[labels]
    order_rng = np.random.default_rng(3).spawn(2)[1]
    model = run.config.build_model(np.random.default_rng(3).spawn(2)[0])
    again = train.fit(
        model, replace(run.parts[0], weights=weights), run.parts[1], rng=order_rng, epochs=2, loss=None,
        optimizer=build_optimizer(config, model.parameters()),
    )  # fmt: skip
    np.testing.assert_allclose(again.column("cost"), run.history.column("cost"), rtol=1e-12)
    with pytest.raises(train.OptionError, match="class_weight is for classes, and the task is regression"):
        train.run(config, Dataset(data.x, data.x[:, 0]))


def rates(epochs=7, **options):
    """The learning rates of the epochs."""
    config = train.Config(layers=(), learning_rate=0.8, epochs=epochs, optimizer="gd", **options)
    return train.run(config, blobs()).history.column("learning_rate")


def test_schedules_are_their_formulas():
    t = np.arange(7)
    for options, expected in [
        ({"lr_schedule": "constant"}, 0.8 + 0 * t),
        ({"lr_schedule": "continuous", "decay_rate": 0.5}, 0.8 / (1 + 0.5 * t)),
        ({"lr_schedule": "discrete", "decay_rate": 0.5, "decay_every": 3}, 0.8 / (1 + 0.5 * (t // 3))),
        ({"lr_schedule": "exponential", "decay_rate": 0.9}, 0.8 * 0.9**t),
        ({"lr_schedule": "step", "decay_rate": 0.5, "decay_every": 2}, 0.8 * 0.5 ** (t // 2)),
        ({"lr_schedule": "cosine"}, 0.8 * (1 + np.cos(np.pi * t / 7)) / 2),
        ({"warmup_epochs": 3}, 0.8 * np.array([0.25, 0.5, 0.75, 1, 1, 1, 1])),
        (
            {"lr_schedule": "cosine", "warmup_epochs": 3},
            0.8 * np.array([0.25, 0.5, 0.75, *(1 + np.cos(np.pi * t[:4] / 4)) / 2]),
        ),
    ]:
        np.testing.assert_allclose(rates(**options), expected, rtol=1e-12, err_msg=str(options))
    falling = rates(30, lr_schedule="plateau", decay_rate=0.5, decay_every=2)
    assert falling[0] == 0.8
    assert set(np.array(falling[1:]) / falling[:-1]) == {0.5, 1.0}


@pytest.mark.parametrize("activation", train.config.ACTIVATIONS)
def test_every_activation_that_is_offered_can_be_had(activation):
    assert math.isfinite(run_of(0, activation=activation).scores["test"].cost)


# ---- the run folder ----


def test_a_run_folder_is_complete_and_gives_the_model_back(tmp_path):
    run = run_of(0, l2=1.0)
    run.model.eval()
    masks = run.model.dropout.rng.bit_generator.state
    report = train.write_report(run, tmp_path)
    assert not run.model.training  # the report looks on
    assert run.model.dropout.rng.bit_generator.state == masks
    assert {entry.name for entry in tmp_path.iterdir()} == set(report.files)
    assert {"model.npz", "config.json", "history.jsonl", "scores.json", "graph.dot"} <= set(report.files)
    assert "predictions.png" not in report.files  # points are no pictures

    test = run.parts[2].x
    assert np.array_equal(train.load_model(tmp_path).logits(test), train.predict_logits(run.model, test))
    assert train.History.from_json_lines((tmp_path / "history.jsonl").read_text()) == run.history
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert {name: train.Score(**score) for name, score in scores.items()} == run.scores
    options = json.loads((tmp_path / "config.json").read_text())["options"]
    assert train.Config(**{**options, "layers": tuple(options["layers"])}) == run.config


def test_without_matplotlib_all_but_the_pictures_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    report = train.write_report(run_of(0), tmp_path)
    assert {"model.npz", "config.json", "history.jsonl", "scores.json", "graph.dot"} <= set(report.files)
    assert not [name for name in report.files if name.endswith(".png")]
    (note,) = (note for note in report.notes if "PNG" in note)
    assert "tinygrad_np[plot]" in note


def test_a_folder_of_a_run_is_new_or_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (train.new_folder(None, "digits") for _ in range(2))
    assert first != second
    assert first.is_dir()
    assert second.is_dir()
    assert train.new_folder(first, "x") == first
    (first / "a").touch()
    with pytest.raises(FileExistsError, match="is not empty"):
        train.new_folder(first, "x")
    with pytest.raises(FileExistsError):
        train.new_folder(first / "a", "x")
