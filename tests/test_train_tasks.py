"""Tasks: losses, probabilities, predictions and scores, each against the formula written out in NumPy."""

import numpy as np
import pytest

from tinygrad_np import Tensor, nn, optim, train
from tinygrad_np.data import Dataset, split

RNG = np.random.default_rng(0)
M = 7
LOGITS = RNG.standard_normal((M, 3))
LABELS = {
    "binary": np.array([0, 1, 1, 0, 1, 0, 0]),
    "multiclass": np.array([0, 1, 2, 2, 1, 0, 1]),
    "multilabel": np.array([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]]),
    "regression": RNG.standard_normal((M, 3)),
}


def logits_of(task):
    return LOGITS[:, :1] if task == "binary" else LOGITS


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def losses_by_hand(task, z, y, smoothing=0.0):
    """-sum(y log p), with the y of the textbook: one-hot, or a number between 0 and 1."""
    if task == "multiclass":
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        truth = (1 - smoothing) * np.eye(3)[y] + smoothing / 3
        return -(truth * np.log(p)).sum(axis=1)
    if task == "regression":
        return ((z - y) ** 2).mean(axis=1)
    z = z[:, 0] if task == "binary" else z
    p, truth = sigmoid(z), (1 - smoothing) * y + smoothing / 2
    each = -(truth * np.log(p) + (1 - truth) * np.log(1 - p))
    return each if task == "binary" else each.mean(axis=1)


@pytest.mark.parametrize("name", train.TASKS)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_losses_are_the_formula(name, smoothing):
    task, z, y = train.TASKS[name], logits_of(name), LABELS[name]
    if name == "regression" and smoothing:
        with pytest.raises(ValueError, match="there are none in regression"):
            task.losses(z, y, smoothing)
        return
    expected = losses_by_hand(name, z, y, smoothing)
    np.testing.assert_allclose(task.losses(z, y, smoothing), expected, rtol=1e-12)
    np.testing.assert_allclose(task.losses(Tensor(z), y, smoothing).numpy(), expected, rtol=1e-12)
    if not smoothing:
        np.testing.assert_allclose(task.loss(z, y), expected.mean(), rtol=1e-12)
        np.testing.assert_allclose(task.loss(z, y, "sum"), expected.sum(), rtol=1e-12)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 0.0, 3.0, 1.0, 0.5, 1.0])])
@pytest.mark.parametrize("name", train.TASKS)
def test_scores_are_those_of_scikit_learn(name, weights):
    judge = pytest.importorskip("sklearn.metrics")
    task, z, y = train.TASKS[name], logits_of(name), LABELS[name]
    score = judge.r2_score if name == "regression" else judge.accuracy_score
    assert task.score(y, z, weights) == pytest.approx(score(y, task.predict(z), sample_weight=weights), rel=1e-12)
    strict = task.at(0.8)
    assert strict.score(y, z, weights) == pytest.approx(score(y, strict.predict(z), sample_weight=weights), rel=1e-12)
    assert task.score_name == ("R²" if name == "regression" else "accuracy")


def test_a_constant_is_predicted_or_not():
    task = train.TASKS["regression"]
    assert task.score(np.ones(3), np.ones((3, 1))) == 1
    assert task.score(np.ones(3), np.full((3, 1), 2.0)) == 0


def test_probabilities_and_predictions():
    z = np.array([[-2.0], [1.0]])
    binary = train.TASKS["binary"]
    np.testing.assert_allclose(binary.proba(z), np.stack([1 - sigmoid(z[:, 0]), sigmoid(z[:, 0])], axis=1))
    assert binary.predict(z).tolist() == [0, 1]
    assert binary.at(0.1).predict(z).tolist() == [1, 1]
    assert binary.at(0.9).predict(z).tolist() == [0, 0]
    np.testing.assert_allclose(train.TASKS["multiclass"].proba(LOGITS).sum(axis=1), 1)
    labels = train.TASKS["multilabel"]
    np.testing.assert_allclose(labels.proba(LOGITS), sigmoid(LOGITS))
    assert labels.at(0.7).predict(LOGITS).tolist() == (sigmoid(LOGITS) > 0.7).astype(int).tolist()
    regression = train.TASKS["regression"]
    assert regression.predict(LOGITS) is LOGITS
    assert regression.predict(LOGITS[:, :1]).shape == (M,)
    with pytest.raises(ValueError, match="no probabilities"):
        regression.proba(LOGITS)
    assert binary.at(0).predict(z).tolist() == [1, 1]
    with pytest.raises(ValueError, match="from 0 to below 1, not 1"):
        binary.at(1)


@pytest.mark.parametrize("name", train.TASKS)
def test_the_task_is_guessed_from_the_data(name):
    data = Dataset(np.zeros((M, 2)), LABELS[name])
    task = train.task_of(data)
    assert task.name == name
    assert task.n_outputs(data) == logits_of(name).shape[1]
    assert (data.class_names == ()) == (name == "regression")


@pytest.mark.filterwarnings("error")
def test_two_classes_and_two_outputs_are_a_softmax():
    data = Dataset(np.zeros((M, 2)), LABELS["binary"])
    assert train.task_of(data, 2).name == "multiclass"
    model = nn.MLP([2, 2], rng=0)
    train.fit(model, data, optimizer=optim.SGD(model.parameters(), 0.1), epochs=1)  # which guesses so, too
    with pytest.raises(ValueError, match=r"binary: the network has one output .* \(7, 2\)"):
        train.evaluate(model, data, "binary")
    with pytest.raises(ValueError, match="no task 'other'; there are binary, multiclass"):
        train.evaluate(model, data, "other")


@pytest.mark.parametrize("columns", [0, 2])
def test_the_unit_of_numbers_does_not_matter_to_a_run(columns):
    x = RNG.standard_normal((200, 3))
    y = np.stack([np.sin(x[:, 0]) + x[:, 1], x[:, 2]], axis=1) if columns else np.sin(x[:, 0]) + x[:, 1]
    scale, shift = (np.array([5e4, 1e-3]), np.array([3e5, 7.0])) if columns else (5e4, 3e5)
    config = train.Config(layers=(16,), epochs=40, dtype="float64", dropout=0.0, learning_rate=0.01)
    plain, dear = (train.run(config, Dataset(x, target)) for target in (y, y * scale + shift))
    assert dear.scores["test"].accuracy > 0.7
    np.testing.assert_allclose(dear.history.column("cost"), plain.history.column("cost"), rtol=1e-6)
    judged = dear.parts[-1]
    predicted = train.predict_logits(dear.model, judged.x)
    np.testing.assert_allclose(predicted, train.predict_logits(plain.model, judged.x) * scale + shift, rtol=1e-6)
    errors = (predicted.reshape(judged.y.shape) - judged.y) ** 2  # in the unit of y, as the model is kept
    r2 = np.mean(1 - errors.mean(axis=0) / judged.y.var(axis=0))
    np.testing.assert_allclose(r2, dear.scores["test"].accuracy, rtol=1e-6)


# ---- data ----


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (np.zeros((3, 1, 1)), {}, "do not match"),
        (np.array(["a", "b", "c"]), {}, "integers, and numbers to predict floats"),
        (np.array([0.0, np.nan, 1.0]), {}, "not finite"),
        (np.array([0.0, 2.0, 1.0]), {"class_names": ("a", "b", "c")}, "are no labels"),
        (np.array([[0, 2], [1, 0], [0, 0]]), {}, "are no labels"),
        (np.array([[0, 1], [1, 0], [0, 0]]), {"class_names": ("a",)}, "2 labels for each example, but 1 names"),
        (np.arange(3), {"weights": np.ones(2)}, r"weights of shape \(2,\) for 3"),
        (np.arange(3), {"weights": np.array([1.0, -1.0, 1.0])}, "not negative"),
        (np.arange(3), {"weights": np.array([1.0, np.nan, 1.0])}, "finite"),
        (np.arange(3), {"weights": np.zeros(3)}, "not all zero"),
    ],
)
def test_data_that_cannot_be_are_refused(y, options, message):
    with pytest.raises(ValueError, match=message):
        Dataset(np.zeros((3, 2)), y, **options)


@pytest.mark.parametrize("y", [np.arange(20) % 2, np.linspace(0.5, 1, 20), np.eye(20, 3, dtype=int)])
def test_weights_and_numbers_follow_their_examples_into_the_parts(y):
    x = np.arange(20.0)[:, None]
    for part in split(Dataset(x, y, weights=1 + x[:, 0]), rng=0):
        rows = part.x[:, 0].astype(int)
        assert np.array_equal(part.weights, 1 + x[rows, 0])
        assert np.array_equal(part.y, y[rows])


# ---- training ----


@pytest.mark.parametrize("name", train.TASKS)
def test_an_example_of_weight_two_is_two_examples(name):
    """In full batches; with a penalty, which is shared among the examples."""
    x, y, weights = RNG.standard_normal((M, 4)), LABELS[name], np.array([1, 2, 0, 3, 1, 1, 2])
    histories, models = [], []
    for data in (Dataset(x, y, weights=weights), Dataset(x.repeat(weights, 0), y.repeat(weights, 0))):
        model = nn.MLP([4, 5, logits_of(name).shape[1]], "tanh", dtype=np.float64, rng=0)
        optimizer = optim.SGD(model.parameters(), 0.3)
        histories.append(train.fit(model, data, data, optimizer=optimizer, epochs=8, batch_size=0, l2=0.5, rng=0))
        models.append(model)
    for column in ("cost", "accuracy", "validation_cost", "validation_accuracy"):
        np.testing.assert_allclose(*(history.column(column) for history in histories), rtol=1e-9)
    for weighted, repeated in zip(*(model.state_dict().values() for model in models), strict=True):
        np.testing.assert_allclose(weighted, repeated, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", train.TASKS)
@pytest.mark.parametrize("options", [{}, {"clip": 0.05}, {"clip_value": 0.01, "l2": 0.1}, {"label_smoothing": 0.1}])
@pytest.mark.filterwarnings("error")
def test_compiled_training_is_training(name, options):
    """With weights, dropout, batches of two lengths, and a learning rate that changes."""
    if name == "regression" and "label_smoothing" in options:
        return
    x, y = RNG.standard_normal((20, 4)), np.resize(LABELS[name], (20, *LABELS[name].shape[1:]))
    data = Dataset(x, y, weights=np.arange(1.0, 21.0))
    results = []
    for compiled in (False, True):
        model = nn.MLP([4, 6, logits_of(name).shape[1]], "tanh", dropout=0.3, dtype=np.float64, rng=0)
        history = train.fit(
            model, data, data, optimizer=optim.Adam(model.parameters(), 0.02), epochs=4, batch_size=8, rng=1,
            schedule=optim.exponential(0.8), compile=compiled, **options,
        )  # fmt: skip
        results.append((history.to_dict(), model))
    (eager, model), (compiled, other) = results
    for column in ("cost", "accuracy", "validation_cost", "learning_rate"):
        np.testing.assert_allclose(compiled[column], eager[column], rtol=1e-11, err_msg=column)
    for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert model.dropout.rng.bit_generator.state == other.dropout.rng.bit_generator.state
