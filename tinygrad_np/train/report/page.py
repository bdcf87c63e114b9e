"""``report_page``: what happened in a training run, as one page of HTML that needs no other file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tinygrad_np import __version__
from tinygrad_np.draw import summary
from tinygrad_np.train.config import Config
from tinygrad_np.train.history import History
from tinygrad_np.train.report.charts import Series, line_chart
from tinygrad_np.train.report.classes import class_sections, label_section
from tinygrad_np.train.report.html import Markup, table, tag
from tinygrad_np.train.report.numbers import number_sections
from tinygrad_np.train.report.outcome import Outcome, interval
from tinygrad_np.train.run import Run

__all__ = ["report_page"]


def report_page(run: Run, outcome: Outcome, graph: bytes | None = None) -> str:
    """Return the page.

    Parameters
    ----------
    run : Run
    outcome : Outcome
        Of the examples that were held out to the end.
    graph : bytes, optional
        An SVG of the graph that was differentiated.
    """
    task = outcome.task
    title = f"{run.data_name}: {_verdict(outcome)}"
    judged: list[Markup]
    if task.name == "regression":
        judged = number_sections(outcome)
    elif task.name == "multilabel":
        judged = [label_section(outcome)]
    else:
        judged = class_sections(outcome)
    body = tag(
        "main",
        tag("header", tag("h1", title), tag("p", _subtitle(run))),
        _cards(run, outcome),
        _curves(run.history, task.score_name),
        *judged,
        _configuration(run.config),
        _layers(run),
        *([] if graph is None else [_graph(graph)]),
    )
    style = Path(__file__).with_name("style.css").read_text("utf-8")
    head = tag(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", Markup(style)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', body), lang='en')}\n"


def _verdict(outcome: Outcome) -> str:
    score = outcome.task.score(outcome.data.y, outcome.logits, outcome.data.weights)
    if outcome.task.name == "regression":
        return f"R² of {score:.3f} on {outcome.data.size:,} {outcome.data.name} examples"
    return f"{score:.2%} of {outcome.data.size:,} {outcome.data.name} examples right"


def _subtitle(run: Run) -> str:
    sizes = ", ".join(f"{part.size:,} {part.name}" for part in run.parts)
    return f"{run.model!r}, trained by {run.config.optimizer}. Examples: {sizes}. tinygrad_np {__version__}."


def _cards(run: Run, outcome: Outcome) -> Markup:
    parameters = sum(parameter.size for parameter in run.model.parameters())
    cards = []
    for name, score in run.scores.items():
        shown = f"{score.accuracy:.3f}" if outcome.task.name == "regression" else f"{score.accuracy:.2%}"
        cards.append((shown, f"{name} {outcome.task.score_name}, cost {score.cost:.4g}"))
    if outcome.task.name in ("binary", "multiclass"):
        low, high = interval(outcome.data.size - len(outcome.wrong), outcome.data.size)
        cards.append((f"{100 * low:.1f} to {high:.1%}", f"{outcome.data.name} accuracy, 95% confidence"))
    cards.append((f"{parameters:,}", "parameters"))
    cards.append((f"{len(run.history)}", "epochs" + _end(run.history)))
    boxes = (tag("div", tag("b", big), tag("span", small), class_="card") for big, small in cards)
    return tag("div", *boxes, class_="cards")


def _end(history: History) -> str:
    seconds = [value for value in history.column("seconds") if value is not None]
    how = f" in {sum(seconds):.3g} seconds" if seconds else ""
    if history.ended_by not in ("", "epochs"):
        how += f", ended by {history.ended_by}"
    return how if history.best_epoch is None else f"{how}; the weights are those of epoch {history.best_epoch}"


def _curves(history: History, score_name: str) -> Markup:
    def both(name: str) -> Sequence[Series]:
        lines = [Series("training", "training", history.column(name))]
        measured = history.column(f"validation_{name}")
        return lines + [Series("validation", "validation", measured)] * any(value is not None for value in measured)

    percent, best = score_name == "accuracy", history.best_epoch
    charts = [
        line_chart("Cost", "per example" if percent else "relative to the variance", both("cost"), log=True, best=best),
        line_chart(score_name.capitalize(), "", both("accuracy"), percent=percent, best=best),
    ]
    rates = history.column("learning_rate")
    if any(rate is not None for rate in rates):
        charts.append(line_chart("Learning rate", "", [Series("learning rate", "rate", rates)], log=True))
    return tag("section", tag("h2", "The course of training"), tag("div", *charts, class_="charts"))


def _configuration(config: Config) -> Markup:
    default = Config()
    rows = {field.name: (field.name, _written(getattr(config, field.name)), field.metadata["help"])
            for field in fields(config)}  # fmt: skip
    changed = [row for name, row in rows.items() if getattr(config, name) != getattr(default, name)]
    return tag(
        "section",
        tag("h2", "The options"),
        tag("p", "Those that are not as they are without options:", class_="soft"),
        table((), changed, class_="options"),
        tag("details", tag("summary", "All options"), table((), rows.values(), class_="options")),
    )


def _written(value: Any) -> str:
    if value is None:
        return "-"
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _layers(run: Run) -> Markup:
    batch = run.parts[0].x[: run.config.batch_size or None][:256]
    model = run.model
    rows = []
    for row in summary(model, batch).rows:
        shape = "x".join(map(str, row.shape or ()))
        rows.append([row.path or row.kind, shape, f"{row.parameters:,}", f"{row.multiply_adds:,}"])
    head = ["layer", f"output of {len(batch)} examples", "parameters", "multiply-adds"]
    return tag("section", tag("h2", "The network"), table(head, rows, class_="numbers"))


def _graph(svg: bytes) -> Markup:
    text = svg.decode("utf-8")
    picture = Markup(text[text.index("<svg") :])
    about = tag(
        "p", "Each box is an operation of one training step, as it was recorded and differentiated.", class_="soft"
    )
    return tag("section", tag("h2", "The graph of the loss"), about, tag("div", picture, class_="graph"))
