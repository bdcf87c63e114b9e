"""The part of the page about classes: what was taken for what, how good each class is, the surest mistakes."""

from __future__ import annotations

import numpy as np

from tinygrad_np.train.metrics import confusion_matrix, precision_recall_f1
from tinygrad_np.train.report.html import Markup, table, tag
from tinygrad_np.train.report.outcome import Outcome
from tinygrad_np.train.report.png import data_uri

__all__ = ["class_sections", "label_section"]

#: Up to so many classes the confusion matrix stands beside the scores, or is shown at all.
_SMALL, _MATRIX = 12, 30

#: Rows and pictures in a list.
_ROWS, _MISTAKES = 60, 36


def class_sections(outcome: Outcome) -> list[Markup]:
    """For one class out of several."""
    n = len(outcome.data.class_names)
    sections = [_confusion(outcome), _by_class(outcome)] if n <= _MATRIX else [_by_class(outcome)]
    return [tag("div", *sections, class_="pair") if n <= _SMALL else Markup("".join(sections)), _mistakes(outcome)]


def label_section(outcome: Outcome) -> Markup:
    """For several labels at once: each of them is a question with the answers no and yes."""
    rows = []
    for label, name in enumerate(outcome.data.class_names[:_ROWS]):
        true, predicted = (np.asarray(y[:, label]).astype(np.int64) for y in (outcome.data.y, outcome.predicted))
        (_, false_yes), (false_no, yes) = confusion_matrix(true, predicted, 2)
        scores = precision_recall_f1(true, predicted, 2, "binary")
        counts = (f"{int(n):,}" for n in (true.sum(), yes, false_no, false_yes))
        rows.append([name, *(_percent(score) for score in scores), *counts])
    head = ["label", "precision", "recall", "F1", "examples", "found", "missed", "false alarms"]
    return tag("section", tag("h2", "The labels"), table(head, rows, class_="numbers"))


def _confusion(outcome: Outcome) -> Markup:
    names, n = outcome.data.class_names, len(outcome.data.class_names)
    counts = confusion_matrix(outcome.data.y, outcome.predicted, n)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = []
    for i, name in enumerate(names):
        cells = [tag("th", name, scope="row")]
        for j in range(n):
            # The square root makes one mistake in a hundred visible.
            kind = "right" if i == j else "wrong"
            strength = f"--share:{np.sqrt(shares[i, j]):.3f}"
            said = f"{name}, taken for {names[j]}: {counts[i, j]} of {counts[i].sum()}"
            text = str(counts[i, j]) if counts[i, j] else ""
            dark = " dark" if shares[i, j] > 0.3 else ""
            cells.append(tag("td", text, class_=kind + dark, style=strength, title=said))
        rows.append(tag("tr", *cells))
    top = tag("tr", tag("th", "is \\ taken for"), *(tag("th", name, scope="col") for name in names))
    whole = tag("table", tag("thead", top), tag("tbody", *rows), class_="confusion")
    return tag("section", tag("h2", "What was taken for what"), tag("div", whole, class_="wide"))


def _by_class(outcome: Outcome) -> Markup:
    names, n = outcome.data.class_names, len(outcome.data.class_names)
    y, predicted = outcome.data.y, outcome.predicted
    each = precision_recall_f1(y, predicted, n, None)
    sizes = np.bincount(y, minlength=n)
    order = np.argsort(each.f1, kind="stable")[:_ROWS] if n > _ROWS else np.arange(n)
    rows = [[names[i], *(_percent(score[i]) for score in each), f"{sizes[i]:,}"] for i in order]
    mean = precision_recall_f1(y, predicted, n, "macro")
    rows.append(["mean over the classes", *map(_percent, mean), f"{len(y):,}"])
    head = ["class", "precision", "recall", "F1", "examples"]
    note = tag("p", f"The {_ROWS} of the {n} classes with the lowest F1.") if n > _ROWS else ""
    return tag("section", tag("h2", "Class by class"), note, table(head, rows, class_="numbers totals"))


def _mistakes(outcome: Outcome) -> Markup:
    title, names = tag("h2", "The most confident mistakes"), outcome.data.class_names
    if not len(outcome.wrong):
        return tag("section", title, tag("p", "There is none: all examples were predicted right."))
    shown = outcome.wrong[:_MISTAKES]
    count = f"{len(outcome.wrong):,} of {outcome.data.size:,} examples were mistaken"
    count += "." if len(shown) == len(outcome.wrong) else f"; these are the {len(shown)} that it was surest of."
    images = outcome.images
    rows, gallery = [], []
    for i in shown:
        taken_for, true = names[outcome.predicted[i]], names[outcome.data.y[i]]
        sure = f"{outcome.probabilities[i, outcome.predicted[i]]:.0%}"
        rows.append([f"{i + 1:,}", true, taken_for, sure])
        if images is not None:
            picture = tag("img", src=data_uri(images[i]), alt=f"example {i + 1}")
            said = tag("figcaption", tag("b", taken_for), f" {sure}", tag("span", f"is {true}"))
            gallery.append(tag("figure", picture, said))
    if gallery:
        return tag("section", title, tag("p", count), tag("div", *gallery, class_="gallery"))
    head = ["example", "is", "was taken for", "with a probability of"]
    return tag("section", title, tag("p", count), table(head, rows, class_="numbers"))


def _percent(score: float) -> str:
    return f"{score:.1%}"
