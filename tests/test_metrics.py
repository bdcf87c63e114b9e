"""Metrics and preprocessing equal scikit-learn's on drawn inputs."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np.data import Standardizer, one_hot
from tinygrad_np.train import log_loss, precision_recall_f1

metrics = pytest.importorskip("sklearn.metrics")

labels = st.integers(1, 20).flatmap(lambda m: st.tuples(*[hnp.arrays(np.int64, m, elements=st.integers(0, 3))] * 2))


@given(labels)
def test_scores_of_classes_are_sklearns(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    y_true, y_pred = drawn
    for average in ("macro", "weighted", None):
        ours = precision_recall_f1(y_true, y_pred, 4, average)
        every = {} if average else {"labels": range(4)}
        theirs = metrics.precision_recall_fscore_support(y_true, y_pred, average=average, zero_division=0, **every)
        for a, b in zip(ours, theirs[:3], strict=True):
            np.testing.assert_allclose(a, b, 1e-12)
    two_true, two_pred = y_true // 2, y_pred // 2
    theirs = metrics.precision_recall_fscore_support(two_true, two_pred, average="binary", zero_division=0)
    np.testing.assert_allclose(precision_recall_f1(two_true, two_pred, 2, "binary"), theirs[:3], 1e-12)


probabilities = st.integers(1, 10).flatmap(
    lambda m: st.tuples(
        hnp.arrays(np.int64, m, elements=st.integers(0, 2)),
        hnp.arrays(float, (m, 3), elements=st.floats(0, 1, width=16)).map(
            lambda p: p + 1e-3 * (p.sum(1) == 0)[:, None]
        ),
    )
)


@given(probabilities)
def test_log_loss_is_sklearns(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    y, p = drawn
    p = p / p.sum(1, keepdims=True)
    np.testing.assert_allclose(log_loss(y, p), metrics.log_loss(y, p, labels=[0, 1, 2]), 1e-9, 1e-12)
    np.testing.assert_allclose(log_loss(y // 2, p[:, 0]), metrics.log_loss(y // 2, p[:, 0], labels=[0, 1]), 1e-9, 1e-12)


def test_metrics_of_nonsense() -> None:
    y = np.array([0, 1, 2])
    for wrong, problem in (
        (lambda: precision_recall_f1(y, y, 3, "binary"), "3 classes"),
        (lambda: precision_recall_f1(y, y, 3, "micro"), "average is"),
        (lambda: precision_recall_f1(y, y, 2), "outside the 2 classes"),
        (lambda: log_loss(y, np.zeros((3, 2))), "outside the 2 classes"),
        (lambda: log_loss(y, np.zeros((2, 3))), "one row per example"),
        (lambda: log_loss(y, np.full((3, 3), 2.0)), "did you pass logits"),
    ):
        with pytest.raises(ValueError, match=problem):
            wrong()


@given(hnp.arrays(st.sampled_from(["f", "d"]), st.tuples(st.integers(1, 8), st.integers(1, 3)),
                  elements=st.floats(-100, 100, width=16)), st.sampled_from([0.0, 0.1, 1e4]))  # fmt: skip
def test_standardizing_is_sklearns(x: np.ndarray, shift: float) -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = x + np.asarray(shift, x.dtype)
    ours, theirs = Standardizer.fit(x), preprocessing.StandardScaler().fit(x.astype(float))
    found = ours(x)
    assert found.dtype == x.dtype
    varied = theirs.var_ > 1e-6 * (1 + np.abs(theirs.mean_))  # elsewhere rounding decides
    tolerance = 1e-3 if x.dtype == np.float32 else 1e-8
    np.testing.assert_allclose(found[:, varied], theirs.transform(x)[:, varied], tolerance, 50 * tolerance)
    assert np.abs(Standardizer.fit(np.full_like(x, 0.1))(np.full_like(x, 0.1))).max() < 1e-6


def test_one_hot() -> None:
    assert one_hot(np.array([[2], [0]]), 3, np.int8).tolist() == [[[0, 0, 1]], [[1, 0, 0]]]
    for wrong in (np.array([3]), np.array([-1])):
        with pytest.raises(ValueError, match="outside the 3 classes"):
            one_hot(wrong, 3)
    with pytest.raises(TypeError, match="integers"):
        one_hot(np.array([1.0]), 3)
    with pytest.raises(ValueError, match="features"):
        Standardizer.fit(np.zeros((2, 3)))(np.zeros((2, 1)))
