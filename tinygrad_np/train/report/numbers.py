"""The part of the page about predicted numbers: how far they are from the true ones."""

from __future__ import annotations

import numpy as np

from tinygrad_np.train.report.charts import scatter_chart
from tinygrad_np.train.report.html import Markup, table, tag
from tinygrad_np.train.report.outcome import Outcome

__all__ = ["number_sections"]

_POINTS, _ROWS = 1000, 12


def number_sections(outcome: Outcome) -> list[Markup]:
    """For regression."""
    true, predicted = (y.reshape(len(y), -1) for y in (outcome.data.y, outcome.predicted))
    errors = predicted - true
    charts, rows = [], []
    for k in range(true.shape[1]):
        which = "" if true.shape[1] == 1 else f" {k + 1}"
        step = -(-len(true) // _POINTS)  # a page of a million points would not open
        charts.append(scatter_chart(f"Number{which}:", true[::step, k], predicted[::step, k], "true", "predicted"))
        variance = true[:, k].var()
        r2 = 1 - (errors[:, k] ** 2).mean() / variance if variance else float("nan")
        rms, mean, worst = np.sqrt((errors[:, k] ** 2).mean()), np.abs(errors[:, k]).mean(), np.abs(errors[:, k]).max()
        rows.append([f"number{which}", *(f"{value:.4g}" for value in (r2, rms, mean, worst))])
    head = ["", "R²", "root mean square error", "mean absolute error", "largest error"]
    scores = tag("section", tag("h2", "How far off"), table(head, rows, class_="numbers"), *charts)
    order = np.argsort(-np.abs(errors).max(axis=1), kind="stable")[:_ROWS]
    lines = [[f"{i + 1:,}", _joined(true[i]), _joined(predicted[i]), _joined(errors[i])] for i in order]
    head = ["example", "true", "predicted", "error"]
    return [scores, tag("section", tag("h2", "The largest errors"), table(head, lines, class_="numbers"))]


def _joined(values: object) -> str:
    return ", ".join(f"{value:.4g}" for value in np.atleast_1d(np.asarray(values)))
