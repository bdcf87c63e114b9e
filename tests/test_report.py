"""The page that a run leaves behind: whole, alone, true, and safe whatever a class is called."""

from __future__ import annotations

import base64
import io
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_np import train
from tinygrad_np.data import Dataset
from tinygrad_np.train.report import Outcome, report_page
from tinygrad_np.train.report.charts import Series, line_chart
from tinygrad_np.train.report.outcome import interval
from tinygrad_np.train.report.png import encode_png

VOID = {"meta", "br", "img", "path", "polyline", "ellipse"}


class Page(HTMLParser):
    """Text, tags and addresses of a page, of which every tag that opens has to close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("img", "br"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)


def data_for(task: str, m: int = 60) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.random((m, 4))
    y: Any = {
        "binary": (x[:, 0] > 0.5).astype(np.int64),
        "multiclass": np.digitize(x[:, 0], [0.3, 0.6]),
        "multilabel": (x[:, :3] > 0.5).astype(np.int64),
        "regression": x[:, 0] + x[:, 1],
        "regression of two": x[:, :2] + 1.0,
    }[task]
    names = {"binary": ("<b>no</b>", "yes & more"), "multiclass": ("<script>alert(1)</script>", "b", "c")}.get(task, ())
    return Dataset(x, y, names, (2, 2), f"{task} </title><i>")


def page_of(task: str, **options: Any) -> tuple[train.Run, Page, str]:
    run = train.run(train.Config(layers=(3,), epochs=2, dtype="float64", compile=False, **options), data_for(task))
    judged = run.parts[-1]
    x = judged.x if run.standardizer is None else judged.x * run.standardizer.scale + run.standardizer.mean
    text = report_page(run, Outcome(replace(judged, x=x), train.predict_logits(run.model, judged.x), run.task))
    return run, Page(text), text


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression", "regression of two"])
@pytest.mark.parametrize("standardize", [False, True])
def test_the_page_stands_alone_and_says_what_the_scores_say(task: str, standardize: bool) -> None:
    run, page, text = page_of(task, standardize=standardize)
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "script" not in page.tags
    assert "i" not in page.tags
    assert not re.search(r"url\(|@import|<link", text)
    shown = " ".join(page.text)
    score = run.scores["test"].accuracy
    assert (f"{score:.3f}" if task.startswith("regression") else f"{score:.2%}") in shown
    assert "Learning rate" in shown
    assert "layers.0" in shown
    if task in ("binary", "multiclass"):
        for name in data_for(task).class_names:
            assert name in shown  # as text


@pytest.mark.parametrize("there", [True, False])
def test_a_run_folder_has_it_with_and_without_matplotlib_and_graphviz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    run = page_of("multiclass", standardize=True)[0]
    if not there:
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        monkeypatch.setitem(sys.modules, "graphviz", None)
    files = train.write_report(run, tmp_path).files
    text = (tmp_path / "report.html").read_text("utf-8")
    page = Page(text)
    assert ("graph.svg" in files) == (" ".join(page.text).count("The graph of the loss") == 1)
    for shown in ("What was taken for what", "Class by class", "The course of training", "The network"):
        assert shown in page.text
    # The pictures that were standardized for training are shown as they were.
    assert page.addresses == page_of("multiclass", standardize=True)[1].addresses


def test_the_confusion_and_the_mistakes_are_those_of_the_test_data() -> None:
    run, page, text = page_of("multiclass", dropout=0.0)
    test = run.parts[2]
    predicted = train.predict_logits(run.model, test.x).argmax(axis=1)
    counts = train.confusion_matrix(test.y, predicted, 3)
    titles = re.findall(r'title="[^"]*, taken for [^"]*: (\d+) of (\d+)"', text)
    assert [int(count) for count, _ in titles] == counts.ravel().tolist()
    assert [int(size) for _, size in titles[::3]] == counts.sum(axis=1).tolist()
    assert len(page.addresses) == np.count_nonzero(predicted != test.y) > 0


def test_a_picture_that_was_standardized_is_shown_as_it_was() -> None:
    image = pytest.importorskip("PIL.Image")
    run, page, _ = page_of("multiclass", standardize=True)
    assert run.standardizer is not None
    test = run.parts[2]
    raw = replace(test, x=test.x * run.standardizer.scale + run.standardizer.mean)
    probabilities = run.task.proba(train.predict_logits(run.model, test.x))
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != test.y)
    surest = wrong[np.argmax(probabilities.max(axis=1)[wrong])]
    shown = np.asarray(image.open(io.BytesIO(base64.b64decode(page.addresses[0].partition(",")[2]))))
    np.testing.assert_allclose(shown, 255 * (1 - raw.x[surest].reshape(2, 2)), atol=0.51)


@given(pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5)) | st.tuples(
    st.integers(1, 5), st.integers(1, 5), st.just(3))))  # fmt: skip
def test_a_png_is_read_by_others(pixels: np.ndarray) -> None:
    image = pytest.importorskip("PIL.Image")
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(encode_png(pixels)))), pixels)


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(values=st.lists(numbers, max_size=8), percent=st.booleans(), log=st.booleans())
def test_every_history_can_be_drawn(values: list[float | None], percent: bool, log: bool) -> None:
    chart = str(line_chart("t", "u", [Series("a", "training", values)], percent=percent, log=log))
    Page(chart)
    for y in re.findall(r' c?[xy][12]?="([^"]+)"', chart):
        assert np.isfinite(float(y))


def test_the_ends_of_the_interval_are_where_the_accuracy_would_be_1_96_deviations_off() -> None:
    for right, m in ((0, 5), (5, 5), (264, 270), (1, 1000)):
        low, high = interval(right, m)
        assert 0 <= low + 1e-12 < high <= 1 + 1e-12
        for p in (low, high):
            np.testing.assert_allclose((right / m - p) ** 2, 1.96**2 * p * (1 - p) / m, atol=1e-12)
