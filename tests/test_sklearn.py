"""The scikit-learn estimators: scikit-learn's own checks, scikit-learn's own networks as judges, and what is ours."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from scipy.sparse import csr_array  # noqa: E402
from sklearn import neural_network as judge  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402
from sklearn.utils.validation import has_fit_parameter  # noqa: E402

from tinygrad_np import functional as F  # noqa: E402
from tinygrad_np import optim, train  # noqa: E402
from tinygrad_np.interop.sklearn import MLPClassifier, MLPRegressor  # noqa: E402
from tinygrad_np.interop.sklearn.rows import SparseRows  # noqa: E402

# Small and quick: the defaults pass, too, but take three times as long.
QUICK = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.03, "max_iter": 40}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MLPClassifier(**QUICK), MLPRegressor(**QUICK)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


# ---- data, and estimators that run for so many epochs ----


def blobs(n_classes=3, m=90, seed=0):
    """Points around the corners of a polygon."""
    rng = np.random.default_rng(seed)
    y = np.arange(m) % n_classes
    angles = 2 * np.pi * y / n_classes
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.4 * rng.standard_normal((m, 2)), y


def targets(kind, x, y):
    """A problem of each kind."""
    return {
        "binary": np.array(["no", "yes"])[y % 2],
        "multiclass": y * 10,
        "multilabel": np.stack([y == 0, y > 0, x[:, 0] > 0], axis=1).astype(int),
        "regression": x[:, 0] ** 2 + x[:, 1],
        "regression of two": np.stack([x[:, 0] ** 2, x[:, 1] - x[:, 0]], axis=1),
    }[kind]


KINDS = ("binary", "multiclass", "multilabel", "regression", "regression of two")


def network(kind, **options):
    options = {"n_iter_no_change": None, "random_state": 0, "max_iter": 3, "hidden_layer_sizes": (8, 5)} | options
    return (MLPRegressor if kind.startswith("regression") else MLPClassifier)(**options)


def problem(kind):
    x, y = blobs()
    return x, targets(kind, x, y)


def same(a, b):
    """Whether two fitted networks are the same to the last bit."""
    return all(np.array_equal(p, q) for p, q in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True))


# ---- what is learnt is what scikit-learn's own networks learn ----


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_of_scikit_learns_network(kind, activation, weighted):
    x, y = problem(kind)
    if weighted and not has_fit_parameter(judge.MLPClassifier(), "sample_weight"):
        pytest.skip("this scikit-learn has no sample weights here")
    weights = {"sample_weight": np.random.default_rng(1).uniform(0.2, 3, len(x))} if weighted else {}
    # scikit-learn differentiates the sum over labels and outputs, where we take the mean, and halves squared errors.
    scale = {"multilabel": 1 / 3, "regression": 2.0}.get(kind, 1.0)
    common = {"hidden_layer_sizes": (8, 5), "activation": activation, "warm_start": True, "random_state": 0}
    common |= {"batch_size": len(x), "momentum": 0.5, "nesterovs_momentum": True, "max_iter": 1}
    regression = kind.startswith("regression")
    theirs = (judge.MLPRegressor if regression else judge.MLPClassifier)(
        **common, solver="sgd", learning_rate_init=0.05, alpha=2.0, n_iter_no_change=1000
    ).fit(x, y, **weights)
    ours = network(
        kind, **common, solver="sgd", learning_rate_init=0.05 / scale, alpha=2.0 * scale,
        **({"normalize_y": False} if regression else {}),
    ).fit(x, y, **weights)  # fmt: skip
    for layer, w, b in zip(ours.model_.layers, theirs.coefs_, theirs.intercepts_, strict=True):
        layer.weight.data, layer.bias.data = w.copy(), b.copy()
    theirs.set_params(max_iter=20).fit(x, y, **weights)
    ours.set_params(max_iter=20).fit(x, y, **weights)
    for w, expected in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(w, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.predict(x[:5]), theirs.predict(x[:5])) if regression else None
    if not regression:
        assert np.array_equal(ours.predict(x), theirs.predict(x))
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=1e-8)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_log_probabilities_are_those_of_the_probabilities_and_exact_in_the_tails(kind):
    x, y = problem(kind)
    classifier = network(kind).fit(x, y)
    np.testing.assert_allclose(classifier.predict_log_proba(x), np.log(classifier.predict_proba(x)), atol=1e-12)
    assert np.isfinite(classifier.predict_log_proba(1e5 * x)).all()


# ---- fit in pieces ----


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit_three_times_is_three_epochs_also_through_a_pickle(kind):
    x, y = problem(kind)
    options = {"dropout": 0.3, "batch_size": 32, "learning_rate": optim.exponential(0.5), "compile": False}
    whole, parts = network(kind, **options).fit(x, y), network(kind, **options)
    more = {"classes": np.unique(y)} if kind in ("binary", "multiclass") else {}
    for _ in range(3):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(x, y, **more)))
        more = {}
    assert same(whole, parts)
    assert [epoch.epoch for epoch in parts.history_] == [1, 2, 3]
    assert parts.history_ == whole.history_
    assert whole.history_.column("learning_rate") == [0.003, 0.0015, 0.00075]


def test_partial_fit_needs_the_classes_first_and_takes_no_others_later():
    x, y = problem("multiclass")
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(x, y)
    classifier = MLPClassifier(random_state=0).partial_fit(x[y == 0], y[y == 0], classes=[20, 10, 0])
    assert classifier.predict_proba(x).shape == (90, 3)
    with pytest.raises(ValueError, match=r"other classes, \[0 5\]"):
        classifier.partial_fit(x[:2], [0, 5])
    with pytest.raises(ValueError, match="balanced"):
        classifier.set_params(class_weight="balanced").partial_fit(x, y)
    with pytest.raises(ValueError, match="early_stopping"):
        MLPRegressor(early_stopping=True).partial_fit(x, y)


def test_warm_start_goes_on_and_a_new_fit_begins_anew():
    x, y = problem("multiclass")
    classifier = network("multiclass").fit(x, y)
    first = copy.deepcopy(classifier)
    assert same(classifier.fit(x, y), first)
    classifier.set_params(warm_start=True).fit(x, y)
    assert classifier.loss_curve_[:3] == first.loss_curve_
    assert len(classifier.loss_curve_) == 6
    assert classifier.loss_curve_[3] < first.loss_curve_[0]
    assert classifier.n_iter_ == 3
    with pytest.raises(ValueError, match=r"goes on with hidden_layer_sizes=\[8, 5\]"):
        classifier.set_params(hidden_layer_sizes=(8,)).fit(x, y)


def test_one_seed_gives_one_result_and_another_seed_another():
    x, y = problem("multiclass")
    options = {"dropout": 0.2, "batch_size": 30, "early_stopping": True}
    a, b, c = (network("multiclass", **options | {"random_state": seed}).fit(x, y) for seed in (1, 1, 2))
    assert same(a, b)
    assert a.history_ == b.history_
    assert not same(a, c)
    source = np.random.RandomState(1)
    d, e = (network("multiclass", **options | {"random_state": source}).fit(x, y) for _ in range(2))
    assert same(a, d)
    assert not same(d, e)


@pytest.mark.parametrize(
    ("kind", "batch_size"), [("multiclass", 22), ("binary", 29), ("regression of two", 17), ("multilabel", 74)]
)
def test_compiled_or_not_the_same_is_learnt(kind, batch_size):
    """The last batches have 2, 3, 5 and 16 examples: of small layers, compiled steps are written in other ways."""
    x, y = problem(kind)
    options = {"hidden_layer_sizes": (64, 8), "dropout": 0.1, "batch_size": batch_size}
    compiled, eager = (network(kind, **options, compile=how).fit(x, y) for how in (True, False))
    for w, expected in zip(compiled.coefs_ + compiled.intercepts_, eager.coefs_ + eager.intercepts_, strict=True):
        np.testing.assert_allclose(w, expected, rtol=1e-7, atol=1e-10)


# ---- weights of classes, sparse examples, dtypes ----


def test_class_weights_are_weights_of_their_examples():
    x, y = problem("multiclass")
    x, y = x[5:], y[5:]
    weight = {0: 1.0, 10: 2.5, 20: 0.5}
    by_class = network("multiclass", class_weight=weight).fit(x, y, np.linspace(1, 2, len(y)))
    by_example = network("multiclass").fit(x, y, np.linspace(1, 2, len(y)) * [weight[label] for label in y])
    assert same(by_class, by_example)
    frequent = {label: len(y) / (3 * np.sum(y == label)) for label in (0, 10, 20)}
    balanced = network("multiclass", class_weight="balanced").fit(x, y)
    assert same(balanced, network("multiclass", class_weight=frequent).fit(x, y))
    assert not same(balanced, network("multiclass").fit(x, y))
    labels = targets("multilabel", x, y // 10)
    weights = [{0: 1, 1: 2}, {0: 1, 1: 3}, {0: 1, 1: 1}]
    by_label = network("multilabel", class_weight=weights).fit(x, labels)
    assert same(by_label, network("multilabel").fit(x, labels, (1 + labels[:, 0]) * (1 + 2 * labels[:, 1])))


@pytest.mark.parametrize("early", [False, True])
def test_sparse_examples_are_made_dense_a_batch_at_a_time(early, monkeypatch):
    x, y = problem("multiclass")
    taken = []
    dense = SparseRows.__getitem__
    monkeypatch.setattr(SparseRows, "__getitem__", lambda self, rows: taken.append(found := dense(self, rows)) or found)
    x = np.where(np.abs(x) > 0.5, x, 0.0)
    options = {"batch_size": 16, "early_stopping": early, "validation_fraction": 0.2}
    a, b = network("multiclass", **options).fit(x, y), network("multiclass", **options).fit(csr_array(x), y)
    assert same(a, b)
    assert taken
    assert max(map(len, taken)) == (18 if early else 16)
    np.testing.assert_allclose(b.predict_proba(csr_array(x)), a.predict_proba(x))


def test_what_is_computed_has_the_dtype_of_the_examples_or_the_one_that_is_asked_for():
    x, y = problem("regression")
    for given, asked, used in ((np.float32, None, np.float32), (int, None, float), (float, "float32", np.float32)):
        regressor = network("regression", dtype=asked).fit(x.astype(given), y)
        assert regressor.coefs_[0].dtype == regressor.predict(x).dtype == used


# ---- regression ----


def test_predictions_follow_the_unit_of_the_targets():
    x, y = problem("regression of two")
    plain = network("regression of two", max_iter=30).fit(x, y)
    other = network("regression of two", max_iter=30).fit(x, y * [1000.0, 0.01] + [5.0, -7.0])
    np.testing.assert_allclose(other.predict(x), plain.predict(x) * [1000.0, 0.01] + [5.0, -7.0], rtol=1e-6)
    assert network("regression", max_iter=30).fit(x, np.full(len(x), 3.0)).predict(x).std() < 1  # no division by 0
    raw = network("regression", normalize_y=False, max_iter=1).fit(x, 1000 + y[:, 0])
    assert raw.loss_ > 1e5


# ---- what scikit-learn's own networks lack ----


def focal(logits, y):
    """What is told apart well already counts less: (1 - p)² times the cross-entropy (Lin et al., 2017)."""
    losses = F.softmax_cross_entropy(logits, y, reduction="none")
    return (1 - np.exp(-losses)) ** 2 * losses


def test_a_loss_of_ones_own():
    x, y = problem("multiclass")
    built_in = network("multiclass").fit(x, y, 1 + np.arange(90) % 2)
    same_loss = network("multiclass", loss=lambda z, y: F.softmax_cross_entropy(z, y, reduction="none"))
    assert same(same_loss.fit(x, y, 1 + np.arange(90) % 2), built_in)
    classifier = network("multiclass", loss=focal, max_iter=60, learning_rate_init=0.05).fit(x, y)
    assert classifier.score(x, y) > 0.8
    assert classifier.loss_ < 0.5 * built_in.loss_
    with pytest.raises(ValueError, match="one number for each example"):
        network("multiclass", loss=F.softmax_cross_entropy).fit(x, y, 1 + np.arange(90) % 2)


def test_a_quantile_is_what_a_pinball_loss_learns():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (400, 1)), rng.exponential(size=400)

    def pinball(z, y):
        error = y - z[:, 0]
        return np.maximum(0.9 * error, -0.1 * error)

    regressor = MLPRegressor((), loss=pinball, learning_rate_init=0.05, random_state=0, tol=0).fit(x, y)
    assert 0.87 < np.mean(y < regressor.predict(x)) < 0.93


def test_layers_activations_solvers_and_schedules():
    x, y = problem("multiclass")
    assert repr(network("multiclass", activation=["tanh", np.sin]).fit(x, y).model_) == (
        "MLP([2, 8, 5, 3], activation=[tanh, sin])"
    )
    linear = network("multiclass", hidden_layer_sizes=(7,), activation="identity", max_iter=1).fit(x, y)
    z = (x @ linear.coefs_[0] + linear.intercepts_[0]) @ linear.coefs_[1] + linear.intercepts_[1]
    np.testing.assert_allclose(linear.predict_proba(x), F.softmax(z))
    assert [w.shape for w in network("multiclass", hidden_layer_sizes=()).fit(x, y).coefs_] == [(2, 3)]
    assert [w.shape for w in network("multiclass", hidden_layer_sizes=4).fit(x, y).coefs_] == [(2, 4), (4, 3)]
    zero = network("multiclass", initializer="zeros", max_iter=1, batch_size=90).fit(
        x, y
    )  # the cost is that before the step
    np.testing.assert_allclose(zero.loss_, np.log(3))
    fitted = {s: network("multiclass", solver=s).fit(x, y) for s in ("adam", "adamw", "rmsprop", "sgd")}
    fitted["own"] = network("multiclass", solver=lambda parameters: optim.SGD(parameters, 0.1)).fit(x, y)
    first = [fit.coefs_[0] for fit in fitted.values()]
    assert len({w.tobytes() for w in first}) == len(first)
    rates = network("multiclass", learning_rate="cosine", max_iter=4).fit(x, y).history_.column("learning_rate")
    np.testing.assert_allclose(rates, 0.003 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2)
    stuck = network("multiclass", learning_rate="adaptive", tol=1.0, max_iter=20).fit(x, y)
    np.testing.assert_allclose(
        sorted(set(stuck.history_.column("learning_rate"))), [0.003 / 125, 0.003 / 25, 0.003 / 5, 0.003]
    )


def test_dropout_is_for_training_only():
    x, y = problem("multiclass")
    classifier = network("multiclass", dropout=0.5).fit(x, y)
    assert not same(classifier, network("multiclass").fit(x, y))
    np.testing.assert_array_equal(classifier.predict_proba(x), F.softmax(classifier.model_(x).detach().numpy()))


# ---- when it ends ----


def test_early_stopping_keeps_the_best_weights():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((120, 5)), rng.integers(0, 2, 120)  # noise: what is learnt is of no use elsewhere
    options = {"early_stopping": True, "n_iter_no_change": 5, "learning_rate_init": 0.05, "validation_fraction": 0.25}
    options |= {"tol": 0.0, "compile": False}
    classifier = MLPClassifier((30,), random_state=0, **options).fit(x, y)
    costs = classifier.history_.column("validation_cost")
    assert classifier.n_iter_ == len(costs) == len(classifier.validation_scores_) < 100
    epochs = 1 + int(np.argmin(costs))
    assert epochs == len(costs) - 6
    best = copy.deepcopy(classifier)
    until = MLPClassifier((30,), random_state=0, **options | {"n_iter_no_change": None}, max_iter=epochs).fit(x, y)
    assert same(until, best)


def test_training_ends_when_the_cost_does_not_fall_or_says_that_it_still_does():
    x, y = problem("regression")
    assert network("regression", tol=10.0, n_iter_no_change=4, max_iter=50).fit(x, y).n_iter_ == 6
    with pytest.warns(ConvergenceWarning, match="max_iter=3 epochs"):
        network("regression", n_iter_no_change=10).fit(x, y)


def test_callbacks_are_told_and_may_stop(capsys):
    x, y = problem("multiclass")
    seen = []

    def stop(epoch):
        seen.append(epoch.epoch)
        if epoch.epoch == 2:
            raise train.StopTraining

    assert network("multiclass", callbacks=[stop], max_iter=9, verbose=True).fit(x, y).n_iter_ == 2
    assert seen == [1, 2]
    assert capsys.readouterr().out.startswith("epoch 1/9  cost ")
    network("regression", max_iter=1, verbose=True).fit(*problem("regression"))
    out = capsys.readouterr().out
    assert " R² " in out
    assert "%" not in out


# ---- among scikit-learn's tools ----


def test_a_search_through_a_pipeline():
    x, y = problem("multiclass")
    pipeline = make_pipeline(StandardScaler(), network("multiclass", max_iter=20, learning_rate_init=0.05))
    grid = {"mlpclassifier__dropout": [0.0, 0.2], "mlpclassifier__hidden_layer_sizes": [(), (8,)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(x, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > 0.5
    assert cross_val_score(clone(search.best_estimator_), x, y, cv=2).min() > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dropout": 1.0}, r"'dropout' parameter of MLPClassifier must be .* \[0.0, 1.0\)"),
        ({"solver": "lbfgs"}, "'solver'"),
        ({"batch_size": 0}, "'batch_size'"),
        ({"dtype": np.float16}, "'dtype'"),
        ({"hidden_layer_sizes": (8, 2.5)}, r"hidden_layer_sizes must be whole numbers from 1, .* not \(8, 2.5\)"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be"),
        ({"activation": "rleu"}, "no activation 'rleu'"),
        ({"activation": ["relu"]}, "2 hidden layers, but 1 activations"),
        ({"early_stopping": True, "validation_fraction": 0.01}, "validation_fraction=0.01 of 90 examples"),
        ({"class_weight": "even"}, "'class_weight'"),
    ],
)
def test_parameters_are_looked_at_when_fitting(options, message):
    with pytest.raises(ValueError, match=message):
        network("multiclass", **options).fit(*problem("multiclass"))


def test_targets_that_cannot_be_learnt_are_refused():
    x, y = problem("multiclass")
    with pytest.raises(ValueError, match=r"y is continuous\. .* MLPRegressor"):
        MLPClassifier().fit(x, x[:, 0])
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        MLPClassifier().fit(x, np.stack([y, y], axis=1))
    with pytest.raises(ValueError, match=r"1 class only"):
        MLPClassifier().fit(x, y, y == 0)
    labels = MLPClassifier(max_iter=1, n_iter_no_change=None, warm_start=True).fit(x, targets("multilabel", x, y))
    with pytest.raises(ValueError, match="has 2 columns"):
        labels.fit(x, targets("multilabel", x, y)[:, :2])
    with pytest.raises(ValueError, match="other classes"):
        labels.fit(x, y)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("tinygrad_np.interop.sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"tinygrad_np\[sklearn\]"):
        __import__("tinygrad_np.interop.sklearn")
