"""Pictures of training: what they say is compared with what was drawn, read back from the figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import functional as F
from tinygrad_np import nn, plot, train
from tinygrad_np.data import Dataset
from tinygrad_np.optim import cosine, warm_up
from tinygrad_np.plot.recorder import Distribution

pytestmark = pytest.mark.filterwarnings("error")
matplotlib = pytest.importorskip("matplotlib")


def pixels(figure: Any, path: Path) -> np.ndarray:
    plot.save_png(figure, path)
    image = pytest.importorskip("matplotlib.image").imread(path)
    assert image.ndim == 3
    assert image.std() > 0.01
    assert len(np.unique(image[0], axis=0)) == 1, "something is cropped at the upper edge"
    return image


def title(axes: Any) -> str:
    return axes.get_title(loc="left")


@pytest.mark.parametrize("epochs", [1, 40])
@pytest.mark.parametrize("validation", [False, True])
def test_cost_curves(tmp_path: Path, epochs: int, validation: bool) -> None:
    more = {"validation_cost": 1.0, "validation_accuracy": 0.5} if validation else {}
    history = train.History(train.Epoch(i, 1 / i, 1 - 1 / i, **more) for i in range(1, epochs + 1))
    figure = plot.cost_curves(history)
    cost, accuracy = figure.axes
    assert [line.get_label() for line in cost.lines] == ["training", "validation"][: 1 + validation]
    np.testing.assert_array_equal(cost.lines[0].get_ydata(), [1 / i for i in range(1, epochs + 1)])
    np.testing.assert_allclose(accuracy.lines[0].get_ydata()[-1], 100 * (1 - 1 / epochs))
    pixels(figure, tmp_path / "a.png")
    plot.save_png(plot.cost_curves(history), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_learning_rate_is_logarithmic_where_it_spans_much(tmp_path: Path) -> None:
    schedule = warm_up(5, then=cosine(45))
    figure = plot.learning_rate([0.1 * schedule(t) for t in range(50)], unit="step")
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[0].get_xlabel() == "step"
    pixels(figure, tmp_path / "a.png")
    assert plot.learning_rate([0.1, 0.05]).axes[0].get_yscale() == "linear"
    assert plot.learning_rate([0.0, 0.0]).axes[0].get_yscale() == "linear"
    history = train.History([train.Epoch(1, 1.0, 0.5, learning_rate=0.5)])
    np.testing.assert_array_equal(plot.learning_rate(history).axes[0].lines[0].get_ydata(), [0.5])
    with pytest.raises(ValueError, match="no learning rates"):
        plot.learning_rate([])


@pytest.mark.parametrize("n", [2, 10, 31])
def test_a_confusion_matrix(tmp_path: Path, n: int) -> None:
    names = [f"class {i}" for i in range(n)] if n == 2 else None
    y = np.arange(80) % n
    wrong = np.where(np.arange(80) < 8, (y + 1) % n, y)
    figure = plot.confusion_matrix(train.confusion_matrix(y, wrong, n), names)
    assert title(figure.axes[0]) == "72 of 80 examples right (90.0%)"
    assert len(figure.axes[0].texts) == (0 if n == 31 else n + min(n, 8))
    pixels(figure, tmp_path / "a.png")


def test_a_confusion_matrix_of_very_many_classes_is_no_larger_than_one_of_many() -> None:
    figure = plot.confusion_matrix(np.eye(400, dtype=int))
    assert max(figure.get_size_inches()) < 40
    np.testing.assert_array_equal(figure.axes[0].get_xticks(), range(0, 400, 7))
    assert figure.axes[0].get_yticklabels()[2].get_text() == "14"


def test_a_confusion_matrix_that_is_none() -> None:
    for matrix, names in (([[1, 2]], None), (np.zeros((2, 2), int), None), (np.eye(2, dtype=int), ["a"])):
        with pytest.raises(ValueError, match="square matrix of counts"):
            plot.confusion_matrix(matrix, names)


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_an_image_grid_begins_with_the_surest_mistakes(tmp_path: Path, channels: Any, dtype: Any) -> None:
    y = np.arange(25) % 5
    probabilities = np.full((25, 5), 0.1)
    probabilities[np.arange(25), y] = 0.6
    for i, sure in ((7, 0.7), (20, 0.9)):
        probabilities[i] = [0.0, 0.0, 0.0, 1 - sure, sure]
    images = (255 * np.random.default_rng(0).random((25, 8, 8, *channels))).astype(dtype)
    if dtype is np.float32:
        images /= 255
    figure = plot.image_grid(images, probabilities, y, columns=6, rows=3)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts[:3] == ["4 (90%)\nis 0", "4 (70%)\nis 2", "0 (60%)"]
    assert len(texts) == 18
    assert title(figure.axes[0]) == "2 mistakes in 25 examples (coloured, with what they are)"
    wall = figure.axes[0].images[0].get_array()
    top = next(r for r in range(len(wall)) if not np.array_equal(wall[r], wall[0]))
    np.testing.assert_array_equal(wall[top : top + 8, :8], images[20].squeeze())
    pixels(figure, tmp_path / "a.png")


def test_an_image_grid_of_labels_alone() -> None:
    images = np.random.default_rng(0).random((3, 4, 4))
    texts = [text.get_text() for text in plot.image_grid(images, y=[0, 1, 0], class_names=["a", "b"]).axes[0].texts]
    assert texts == ["a", "b", "a"]
    with pytest.raises(ValueError, match="3 images, but 2 predictions"):
        plot.image_grid(images, [0, 1])
    with pytest.raises(ValueError, match=r"not \(4, 4\)"):
        plot.image_grid(images[0])


def half_plane(x: np.ndarray) -> np.ndarray:
    return x[:, 0] - x[:, 1]


@pytest.mark.parametrize(
    ("predict", "labels"),
    [
        (half_plane, (-1, 1)),
        (lambda x: half_plane(x)[:, None], (0, 1)),
        (lambda x: np.where(half_plane(x) > 0, 7, 3), (3, 7)),
        (lambda x: np.stack([-half_plane(x), half_plane(x)], axis=1), (0, 1)),
    ],
    ids=["score", "column", "labels", "scores"],
)
def test_a_decision_boundary_is_where_the_classifier_has_it(tmp_path: Path, predict: Any, labels: Any) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    y = np.where(half_plane(x) > 0, *labels[::-1])
    figure = plot.decision_boundary(predict, x, y, resolution=50)
    (axes,) = figure.axes
    assert title(axes) == "60 of 60 examples right (100.0%)"
    (contour,) = [c for c in axes.collections if hasattr(c, "levels")]
    vertices = np.concatenate([path.vertices for path in contour.get_paths()])
    cell = np.ptp(x, axis=0).max() * 1.2 / 49
    assert np.abs(half_plane(vertices)).max() < 1.5 * cell
    counts = [np.count_nonzero(y == label) for label in labels]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        f"{a} ({n})" for a, n in zip(labels, counts, strict=True)
    ]
    pixels(figure, tmp_path / "a.png")


def test_a_decision_boundary_of_a_model_in_axes_of_ones_own() -> None:
    model = nn.MLP([2, 4, 3], dropout=0.5, rng=0)
    axes = matplotlib.figure.Figure().subplots()
    figure = plot.decision_boundary(model, np.eye(2, dtype=np.float32), [0, 2], class_names=["a", "b"], ax=axes)
    assert figure is axes.figure
    assert model.training
    with pytest.raises(ValueError, match="can be told apart"):
        plot.decision_boundary(model, np.zeros((20, 2)), np.arange(20))
    with pytest.raises(ValueError, match=r"not \(2, 3\)"):
        plot.decision_boundary(model, np.zeros((2, 3)), [0, 1])


def trained(activation: Any, steps: int = 3) -> plot.Recorder:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 4)), np.arange(32) % 3
    model = nn.MLP([4, 8, 3], activation, dtype=np.float64, rng=0)
    model.layers[0].bias.data = np.where(np.arange(8) < 2, -100.0, 0.0)  # two units that relu keeps at zero
    recorder = plot.Recorder(model, x, y)
    for _ in range(steps):
        recorder()
    assert model.layers[0].weight.grad is None
    return recorder


def test_a_recorder_notes_what_the_layers_send_on() -> None:
    recorder = trained("relu")
    model, x = recorder.model, recorder.x
    hidden = np.maximum(x @ model.layers[0].weight.data + model.layers[0].bias.data, 0)
    noted = recorder.activations["layers.0, relu"][-1]
    assert (noted.size, noted.zeros, noted.dead, noted.units) == (hidden.size, np.count_nonzero(hidden == 0), 2, 8)
    assert noted.counts.sum() == np.count_nonzero(hidden)
    assert abs(noted.quantile(0.5) - np.median(hidden[hidden > 0])) < np.diff(noted.edges)[0]
    F.softmax_cross_entropy(model(x), recorder.y).backward()
    gradient = recorder.gradients["layers.1.weight"][-1]
    assert gradient.edges[-1] == np.log10(np.abs(model.layers[1].weight.grad.numpy()).max())
    assert gradient.zeros == 6  # those of the two dead units


def test_activations_and_gradients_over_time_are_drawn(tmp_path: Path) -> None:
    recorder = trained("relu")
    activations = plot.activation_histograms(recorder)
    noted = recorder.activations["layers.0, relu"][-1]
    share = f"{noted.zeros / noted.size:.0%}"
    assert title(activations.axes[0]) == f"layers.0, relu\n{share} zeros, 2 of 8 units dead"
    pixels(activations, tmp_path / "a.png")
    gradients = plot.gradient_histograms(recorder)
    panels = [axes for axes in gradients.axes if title(axes)]
    assert [title(axes) for axes in panels] == list(recorder.gradients)
    assert len({axes.get_ylim() for axes in panels}) == 1  # so that layers compare
    pixels(gradients, tmp_path / "g.png")


def test_a_recorder_is_a_callback_and_sees_what_is_not_finite() -> None:
    recorder = plot.Recorder(nn.MLP([2, 2], rng=0), np.array([[np.nan, 1.0]], np.float32), np.array([0]))
    with pytest.raises(ValueError, match="has noted no activation"):
        plot.activation_histograms(recorder)
    recorder(train.Epoch(5, 1.0, 0.5))
    assert (recorder.unit, recorder.times) == ("epoch", [5])
    assert title(plot.gradient_histograms(recorder).axes[0]) == "layers.0.weight\nNaN or infinite from epoch 5"


def test_a_distribution_in_other_bins_keeps_the_shares() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    values[:100] = 0
    edges = np.linspace(-6, 6, 25)
    found = Distribution.of(values).rebinned(edges)
    expected = np.histogram(values[values != 0], edges)[0] / values.size
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert found.sum() == pytest.approx(0.99)


def test_pictures_leave_pyplot_alone_and_matplotlib_until_they_are_drawn() -> None:
    script = (
        "import sys; from tinygrad_np import plot, train; assert 'matplotlib' not in sys.modules;"
        "plot.cost_curves(train.History([train.Epoch(1, 1.0, 0.5)]));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_regression_has_no_accuracy_in_percent() -> None:
    x = np.linspace(-1, 1, 16)[:, None]
    data = Dataset(x, x[:, 0] * 2)
    run = train.run(train.Config(layers=(), epochs=2, validation=0.25, test=0, dtype="float64"), data)
    _, score = plot.cost_curves(run.history).axes
    assert title(score) == "R²"
    assert "%" not in score.get_ylabel()
    np.testing.assert_array_equal(score.lines[0].get_ydata(), run.history.column("accuracy"))
