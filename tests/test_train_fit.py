"""What the training loop does besides stepping: when it stops, which weights it leaves, what it refuses."""

import sys
import warnings

import numpy as np
import pytest

from tinygrad_np import Tensor, nn, optim, train
from tinygrad_np import functional as F
from tinygrad_np.data import Dataset
from tinygrad_np.nn import Module
from tinygrad_np.train.early_stopping import Watch

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3))
DATA = Dataset(X, (X[:, 0] + X[:, 1] > 0).astype(int))
VALIDATION = Dataset(X[:9] + 0.3, DATA.y[:9])


def model_of(*hidden, n_outputs=1, **options):
    return nn.MLP([3, *hidden, n_outputs], dtype=np.float64, rng=0, **options)


def fit(model, data=DATA, validation=None, *, lr=0.1, **options):
    options = {"rng": 0, "batch_size": 8, **options}
    return train.fit(model, data, validation, optimizer=optim.SGD(model.parameters(), lr), **options)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("compiled", [True, False])
def test_examples_are_converted_to_the_precision_of_the_model(compiled):
    def of(x):
        model = nn.MLP([3, 4, 1], rng=0)  # float32
        data = Dataset(x, DATA.y)
        return fit(model, data, data, epochs=2, compile=compiled), train.evaluate(model, data)

    assert of(X) == of(X.astype(np.float32))


# ---- early stopping ----


def watched(figures, **options):
    """The epochs that were seen, and the watch, of early stopping on validation costs."""
    watch = Watch(train.EarlyStopping("validation_cost", **options))
    for number, figure in enumerate(figures, 1):
        watch.see(train.Epoch(number, 1.0, 0.5, figure, 0.5), {"w": number})
        if watch.verdict:
            return number, watch
    return None, watch


def test_early_stopping_waits_for_better_and_knows_the_best():
    stopped, watch = watched([3.0, 2.0, 2.5, 2.0, 1.5, 1.9, 1.9, 1.9, 1.0], patience=2)
    assert (stopped, watch.epoch, watch.best, watch.weights) == (8, 5, 1.5, {"w": 5})
    stopped, watch = watched([3.0, 2.9, 2.8, 2.7], patience=1, min_delta=0.15)
    assert (stopped, watch.epoch) == (None, 3)  # better than 3.0 by more than 0.15, and then waiting
    assert watched([1.0, 1.0], patience=0)[0] == 2
    better = Watch(train.EarlyStopping("validation_accuracy", 0))
    for number, figure in enumerate([0.5, 0.7, 0.7], 1):
        better.see(train.Epoch(number, 1.0, 0.5, 1.0, figure), {})
    assert (better.verdict, better.epoch) == ("early stopping", 2)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_model_gets_the_weights_of_the_best_epoch(compiled):
    model, seen = model_of(8, dropout=0.5), []
    history = fit(
        model, DATA, VALIDATION, lr=3.0, epochs=60, compile=compiled,
        early_stopping=train.EarlyStopping("validation_cost", 4), callbacks=[lambda _: seen.append(model.state_dict())],
    )  # fmt: skip
    costs = history.column("validation_cost")
    best = int(np.argmin(costs))
    assert history.best_epoch == best + 1
    assert history.ended_by == "early stopping"
    assert len(history) == best + 1 + 5
    assert all(np.array_equal(array, seen[best][name]) for name, array in model.state_dict().items())
    assert train.evaluate(model, VALIDATION).cost == costs[best]


def test_the_best_weights_come_back_however_training_ended():
    model = model_of(8, dropout=0.5)
    history = fit(model, DATA, VALIDATION, lr=3.0, epochs=6, early_stopping=train.EarlyStopping("validation_cost", 99))
    assert history.ended_by == "epochs"
    assert train.evaluate(model, VALIDATION).cost == min(history.column("validation_cost"))


# ---- the end ----


def test_iterations_are_steps_and_the_last_epoch_may_be_shorter():
    history = fit(model_of(), iterations=13)  # five steps make an epoch
    assert (len(history), history.ended_by) == (3, "iterations")
    assert list(fit(model_of(), iterations=10)) == list(history)[:2]
    assert fit(model_of(), epochs=2, iterations=13).ended_by == "epochs"
    assert len(fit(model_of(), iterations=7, batch_size=0)) == 7


def test_the_cost_of_a_shorter_epoch_is_the_mean_of_what_it_has_seen():
    model = model_of()
    history = fit(model, iterations=2, lr=1e-300)
    chosen = np.random.default_rng(0).permutation(40)[:16]
    assert history[0].cost == pytest.approx(train.evaluate(model, DATA.take(chosen)).cost, rel=1e-12)
    assert history[0].accuracy == train.evaluate(model, DATA.take(chosen)).accuracy


def test_a_time_limit_ends_training(monkeypatch):
    now = [0.0]

    def clock():
        now[0] += 0.25
        return now[0]

    monkeypatch.setattr(sys.modules["tinygrad_np.train.course"], "perf_counter", clock)
    history = fit(model_of(), time_limit=2.0)
    assert history.ended_by == "time limit"
    assert sum(history.column("seconds")) == pytest.approx(2.0, abs=0.5)
    assert history[0].examples_per_second == 32


def test_a_callback_may_end_training():
    def stop(epoch):
        if epoch.epoch == 3:
            raise train.StopTraining

    history = fit(model_of(), epochs=9, callbacks=[stop])
    assert (len(history), history.ended_by) == (3, "callback")


def test_drop_last_leaves_out_the_smaller_batch():
    seen = []

    def loss(logits, y):
        seen.append(len(y))
        return F.sigmoid_cross_entropy(logits[:, 0], y)

    history = fit(model_of(), batch_size=16, epochs=2, drop_last=True, loss=loss, compile=False)
    assert seen == [16] * 4
    assert len(history) == 2


def test_the_data_are_not_copied_in_full_batches():
    seen = []

    class Spy(Module):
        def __init__(self):
            self.inner = model_of()

        def forward(self, x):
            seen.append(np.shares_memory(x.numpy(), X))
            return self.inner(x)

    fit(Spy(), batch_size=0, epochs=2, compile=False)
    assert seen[-2:] == [True, True]


# ---- divergence ----


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("validation", [None, VALIDATION])
@pytest.mark.filterwarnings("error")
def test_what_diverges_leaves_the_weights_of_the_last_epoch_that_was_good(compiled, validation):
    model, kept = model_of(4), []

    def faster(epoch):
        kept.append(model.state_dict())
        if epoch.epoch == 3:
            optimizer.param_groups[0]["lr"] = 1e200

    optimizer = optim.SGD(model.parameters(), 0.1)
    with pytest.raises(train.DivergedError, match=r"cost.* became (inf|nan) in epoch 4: try a smaller") as diverged:
        train.fit(model, DATA, validation, optimizer=optimizer, epochs=9, batch_size=8, rng=0, callbacks=[faster],
                  compile=compiled)  # fmt: skip
    assert diverged.value.epoch == 4
    assert diverged.value.model is model
    assert len(diverged.value.history) == 3
    assert all(np.array_equal(array, kept[2][name]) for name, array in model.state_dict().items())


def test_weights_whose_cost_is_not_finite_are_not_good():
    """Without validation data, an epoch of one step tells only in the next one that it has gone wrong."""
    model, kept = model_of(4), []

    def faster(epoch):
        kept.append(model.state_dict())
        if epoch.epoch == 2:
            optimizer.param_groups[0]["lr"] = 1e308

    optimizer = optim.SGD(model.parameters(), 0.1)
    with pytest.raises(train.DivergedError) as diverged:
        train.fit(model, DATA, optimizer=optimizer, epochs=9, batch_size=0, callbacks=[faster])
    assert diverged.value.epoch in (3, 4)
    assert all(np.array_equal(array, kept[1][name]) for name, array in model.state_dict().items())


def test_with_early_stopping_what_diverges_leaves_the_best_weights():
    model, kept = model_of(4), []

    def act(epoch):
        kept.append(model.state_dict())
        optimizer.param_groups[0]["lr"] = {1: 50.0, 4: 1e300}.get(epoch.epoch, optimizer.param_groups[0]["lr"])

    optimizer = optim.SGD(model.parameters(), 0.05)
    with pytest.raises(train.DivergedError) as diverged:
        train.fit(model, DATA, VALIDATION, optimizer=optimizer, epochs=9, callbacks=[act], rng=0,
                  early_stopping=train.EarlyStopping("validation_cost", 9))  # fmt: skip
    best = int(np.argmin(diverged.value.history.column("validation_cost")))
    assert all(np.array_equal(array, kept[best][name]) for name, array in model.state_dict().items())


# ---- losses, models, compile ----


def test_a_loss_may_be_any_expression_of_tensors():
    y = RNG.standard_normal(40)
    data, weights = Dataset(X, y), RNG.random(40)

    def absolute(logits, y):
        return np.abs(logits[:, 0] - y)

    for compiled in (True, False):
        model, by_mean, weighted = model_of(), model_of(), model_of()
        history = fit(model, data, data, loss=absolute, epochs=3, compile=compiled)
        other = fit(by_mean, data, loss=lambda z, y: np.mean(absolute(z, y)), epochs=3, compile=compiled)
        np.testing.assert_allclose(history.column("cost"), other.column("cost"), rtol=1e-12)
        z = train.predict_logits(model, X)
        assert history[-1].validation_cost == pytest.approx(np.abs(z[:, 0] - y).mean(), rel=1e-12)
        fit(weighted, Dataset(X, y, weights=weights), loss=absolute, epochs=1, batch_size=0, compile=compiled)
        z = train.predict_logits(model_of(), X)
        step = X.T @ (np.sign(z[:, 0] - y) * weights) / weights.sum()
        moved = model_of().state_dict()["layers.0.weight"] - 0.1 * step[:, None]
        np.testing.assert_allclose(weighted.state_dict()["layers.0.weight"], moved, rtol=1e-9)


class Branching(Module):
    """A model that cannot be captured: it looks at numbers."""

    def __init__(self):
        self.inner = model_of()

    def forward(self, x):
        z = self.inner(x)
        return z * (2.0 if float(np.sum(z.detach())) > 0 else 1.0)


def test_what_cannot_be_captured_is_trained_as_it_is_with_one_warning():
    model, plain = Branching(), Branching()
    with pytest.warns(RuntimeWarning, match="training goes on uncompiled") as caught:
        history = fit(model, epochs=3)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(plain, epochs=3, compile=False) == history
    assert all(np.array_equal(array, plain.state_dict()[name]) for name, array in model.state_dict().items())


def test_compiling_leaves_no_trace_when_training_begins():
    """What is compiled before the first step is taken back: weights, the optimizer's memory, masks."""
    model, other = model_of(6, dropout=0.3), model_of(6, dropout=0.3)
    for each, compiled in ((model, True), (other, False)):
        train.fit(each, DATA, optimizer=optim.Adam(each.parameters(), 0.01), iterations=1, rng=0, compile=compiled)
    assert model.dropout.rng.bit_generator.state == other.dropout.rng.bit_generator.state
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 13])
def test_batches_of_any_size_are_compiled_right(size):
    """Small ones, as the last of an epoch may be, lie in memory in other ways."""
    for width in (8, 64):
        histories = [
            fit(model_of(width, width), batch_size=size, epochs=1, compile=compiled).column("cost")
            for compiled in (True, False)
        ]
        np.testing.assert_allclose(*histories, rtol=1e-9)


@pytest.mark.parametrize("clip", [None, 0.01])
def test_what_the_optimizer_does_not_hold_stays_and_costs_no_capture(clip):
    """Layers that are frozen: their gradients neither pile up nor count in the norm."""
    results = []
    for compiled in (True, False):
        model = model_of(4)
        before, last = model.state_dict(), model.layers[-1].parameters()
        train.fit(model, DATA, optimizer=optim.Adam(last, 0.01), epochs=2, rng=0, compile=compiled, clip=clip)
        after = model.state_dict()
        assert [name for name in after if not np.array_equal(before[name], after[name])] == list(after)[2:]
        assert all(p.grad is None for p in model.parameters())
        results.append(after)
    frozen = model_of(4)
    for p in frozen.layers[0].parameters():
        p.requires_grad = False
    train.fit(frozen, DATA, optimizer=optim.Adam(frozen.parameters(), 0.01), epochs=2, rng=0, clip=clip)
    for name, array in frozen.state_dict().items():
        for other in results:
            np.testing.assert_allclose(other[name], array, rtol=1e-9)


def test_two_optimizers_of_one_model_do_not_disturb_each_other():
    """As in a second call of fit: the memory of the first is not that of the second."""
    model, other = model_of(4), model_of(4)
    for each, compiled in ((model, True), (other, False)):
        for _ in range(2):
            train.fit(each, DATA, optimizer=optim.Adam(each.parameters(), 0.01), epochs=2, rng=0, compile=compiled)
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_one_optimizer_goes_on_in_the_next_call():
    results = []
    for parts in ([4], [2, 2]):
        model = model_of(4)
        optimizer, rng = optim.Adam(model.parameters(), 0.01), np.random.default_rng(0)
        for epochs in parts:
            train.fit(model, DATA, optimizer=optimizer, epochs=epochs, rng=rng)
        results.append(model.state_dict())
    assert all(array.tobytes() == results[1][name].tobytes() for name, array in results[0].items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": -1}, "batch_size=-1 is negative"),
        ({"batch_size": 64, "drop_last": True}, "drop_last leaves nothing of 40 examples"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1"),
        ({"label_smoothing": 0.1, "loss": F.mse}, "label_smoothing belongs to the losses of tasks"),
        ({"early_stopping": train.EarlyStopping()}, "there is no validation data; give some, or watch 'accuracy'"),
        ({"task": "lion"}, "there is no task 'lion'"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_happens(options, message):
    model = model_of()
    before = model.state_dict()
    with pytest.raises(ValueError, match=message):
        fit(model, **options)
    assert all(np.array_equal(array, before[name]) for name, array in model.state_dict().items())


def test_early_stopping_has_limits():
    with pytest.raises(ValueError, match="monitor is one of validation_accuracy"):
        train.EarlyStopping("loss")
    with pytest.raises(ValueError, match="start from 0"):
        train.EarlyStopping(patience=-1)


def test_tensorboard_gets_every_figure(tmp_path):
    pytest.importorskip("tensorboardX")
    with train.TensorBoard(tmp_path / "board") as board:
        history = fit(model_of(), DATA, VALIDATION, epochs=2, callbacks=[board])
    (path,) = (tmp_path / "board").iterdir()
    content = path.read_bytes()  # TFRecords: a length, its checksum, an event, its checksum
    events, start = [], 0
    while start < len(content):
        length = int.from_bytes(content[start : start + 8], "little")
        events.append(content[start + 12 : start + 12 + length])
        start += length + 16
    for tag, column in [("cost/training", "cost"), ("accuracy/validation", "validation_accuracy")]:
        of_tag = [event for event in events if tag.encode() in event]
        assert len(of_tag) == 2
        for event, figure in zip(of_tag, history.column(column), strict=True):
            assert np.float32(figure).tobytes() in event


def test_history_as_columns():
    history = fit(model_of(), epochs=2)
    columns = history.to_dict()
    assert columns["epoch"] == [1, 2]
    assert columns["learning_rate"] == [0.1, 0.1]
    assert all(seconds > 0 for seconds in columns["seconds"])
    assert len({len(column) for column in columns.values()}) == 1


def test_clipping_by_norm_shortens_all_gradients_together_in_compiled_code_too():
    x = np.array([[3.0, 4.0, 0.0]])
    for compiled in (True, False):
        model = nn.Sequential(nn.Linear(3, 1, bias=False, dtype=np.float64, rng=0))
        before = next(iter(model.state_dict().values()))
        fit(model, Dataset(x, np.array([1.0])), lr=1.0, epochs=1, clip=0.5, compile=compiled,
            loss=lambda z, y: np.sum(z))  # fmt: skip
        np.testing.assert_allclose(next(iter(model.state_dict().values())), before - 0.1 * x.T, rtol=1e-12)
    w = Tensor(np.zeros(2, np.float32), requires_grad=True)
    w.grad = Tensor(np.array([3e30, 4e30], np.float32))
    assert optim.clip_by_norm([w], 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-6)
