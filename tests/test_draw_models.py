"""Drawings of models: modules as frames, blocks that repeat drawn once, what is closed and what is hidden."""

from __future__ import annotations

import json
import re
import shutil
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor, nn
from tinygrad_np import functional as F
from tinygrad_np.draw import draw


class Attention(nn.Module):
    def __init__(self, d: int, rng: Any) -> None:
        self.query, self.key, self.value, self.out = (nn.Linear(d, d, rng=rng) for _ in range(4))

    def forward(self, x: Any) -> Any:
        q, k, v = self.query(x), self.key(x), self.value(x)
        return self.out(F.softmax(q @ np.swapaxes(k, -1, -2) / 2.0) @ v)


class Block(nn.Module):
    def __init__(self, d: int, rng: Any) -> None:
        self.attention, self.up, self.down = (
            Attention(d, rng),
            nn.Linear(d, 2 * d, rng=rng),
            nn.Linear(2 * d, d, rng=rng),
        )

    def forward(self, x: Any) -> Any:
        x = x + self.attention(x)
        return x + self.down(F.gelu(self.up(x)))


class Transformer(nn.Module):
    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(0)
        self.embed, self.head = nn.Linear(3, 4, rng=rng), nn.Linear(4, 2, rng=rng)
        self.blocks = [Block(4, rng) for _ in range(n)]

    def forward(self, x: Any) -> Any:
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


X = np.ones((2, 5, 3), np.float32)


def told(drawing: Any) -> tuple[list[str], list[str], set[tuple[str, str]]]:
    """Titles of the boxes, titles of the groups, and the arrows between titles."""
    boxes, groups = drawing.outline.boxes, drawing.outline.groups
    arrows = {(boxes[a.tail].title, boxes[a.head].title) for a in drawing.outline.arrows}
    return [box.title for box in boxes], [group.title for group in groups], arrows


def test_modules_are_frames() -> None:
    drawing = draw(nn.MLP([784, 128, 10], rng=0), np.ones((32, 784), np.float32))
    titles, groups, _ = told(drawing)
    assert titles == ["x", "weight", "bias", "linear", "relu", "weight", "bias", "linear"]
    assert groups == ["layers.0: Linear", "layers.1: Linear"]
    assert [box.group for box in drawing.outline.boxes] == [None, 0, 0, 0, None, 1, 1, 1]
    assert [box.kind for box in drawing.outline.boxes[:5]] == [
        "input",
        "parameter",
        "parameter",
        "operation",
        "operation",
    ]
    first = drawing.outline.arrows[0]
    assert (first.argument, drawing.outline.boxes[4].shape) == ("x", (32, 128))
    assert told(drawing.folded(depth=0)) == (
        ["x", "layers.0: Linear", "relu", "layers.1: Linear"],
        [],
        {("x", "layers.0: Linear"), ("layers.0: Linear", "relu"), ("relu", "layers.1: Linear")},
    )
    assert drawing.folded(depth=0).outline.boxes[1].lines == ("100,480 parameters",)


def test_identical_blocks_are_drawn_once() -> None:
    drawing = draw(Transformer(12), X)
    titles, groups, arrows = told(drawing)
    assert groups == ["blocks.0-11: Block ×12", "attention: Attention"]
    assert next(box.lines for box in drawing.outline.boxes if box.title == "key: Linear") == ("20 parameters",)
    closed = drawing.folded(depth=1).outline.boxes
    attention = next(box for box in closed if box.title == "attention: Attention")
    assert (attention.lines, attention.stands_for) == (("9 operations", "80 parameters"), 9 * 12)
    assert titles == [
        "x", "embed: Linear", "query: Linear", "key: Linear", "value: Linear", "transpose", "matmul", "divide",
        "softmax", "matmul", "out: Linear", "add", "up: Linear", "gelu", "down: Linear", "add", "head: Linear",
    ]  # fmt: skip
    assert {("embed: Linear", "query: Linear"), ("embed: Linear", "add"), ("add", "head: Linear")} <= arrows
    (note,) = drawing.outline.notes
    n = 2 + 12 * 14
    assert note == f"{n} operations, {n - 8} of them hidden: closed modules, repeated blocks"
    assert sum(box.stands_for for box in drawing.outline.boxes) == n


def test_what_is_open_is_chosen_by_path() -> None:
    drawing = draw(Transformer(12), X, depth=0)
    assert told(drawing)[0] == ["x", "embed: Linear", "blocks.0-11: Block ×12", "head: Linear"]
    titles, groups, _ = told(drawing.folded(depth=0, open="blocks.5"))
    assert groups == ["blocks.5: Block"]
    assert [t for t in titles if "Block" in t] == ["blocks.0-4: Block ×5", "blocks.6-11: Block ×6"]
    assert "attention: Attention" in titles
    titles, groups, _ = told(drawing.folded(depth=0, open=["blocks.11.attention"]))
    assert groups == ["blocks.11: Block", "attention: Attention"]
    assert "blocks.0-10: Block ×11" in titles


def test_there_are_never_more_boxes_than_asked_for() -> None:
    drawing = draw(Transformer(5), X)
    for max_nodes in (1, 3, 8, 20, 60, 200):
        outline = drawing.folded(max_nodes, repeats=False).outline
        hidden = outline.boxes[0].kind == "folded"
        assert len(outline.boxes) - hidden <= max_nodes
        assert sum(box.stands_for for box in outline.boxes) == 2 + 5 * 14, "nothing is uncounted"
    assert len(drawing.folded(200, repeats=False, depth=9).outline.boxes) == 1 + 72 + 2 * (2 + 5 * 6)


def test_modules_of_a_tensor_by_the_names_of_parameters() -> None:
    model = Transformer(2)
    drawing = draw(np.sum(model(X)), names=dict(model.named_parameters()), repeats=False, depth=9)
    titles, groups, _ = told(drawing)
    assert groups == [
        "embed", "blocks.0", "attention", "query", "key", "value", "out", "up", "down",
        "blocks.1", "attention", "query", "key", "value", "out", "up", "down", "head",
    ]  # fmt: skip
    paths = {drawing.outline.groups[b.group].path for b in drawing.outline.boxes if b.title == "gelu" and b.group}
    assert paths == {"blocks.0", "blocks.1"}
    assert titles[-1] == "sum"
    assert drawing.outline.boxes[-1].group is None


def test_a_module_that_is_called_twice_has_two_frames() -> None:
    layer = nn.Linear(4, 4, rng=0)
    titles, groups, _ = told(draw(lambda x: layer(np.tanh(layer(x))), np.ones((2, 4), np.float32)))
    assert groups == ["layer: Linear", "layer: Linear"]
    assert titles == ["x", "layer.weight", "layer.bias", "linear", "tanh", "linear"]  # the parameters are of both


def test_functions() -> None:
    w = Tensor(np.ones(3), requires_grad=True)

    def f(x: Any, labels: Any) -> Any:
        return np.sum(np.where(labels, np.exp(x * w), 1.0))

    outline = draw(f, np.ones(3), np.array([True, False, True])).outline
    assert [(b.kind, b.title) for b in outline.boxes if b.operation is None] == [
        ("input", "x"), ("parameter", "w"), ("input", "labels"),
    ]  # fmt: skip
    line = f.__code__.co_firstlineno + 1
    assert {b.where for b in outline.boxes if b.operation} == {f"test_draw_models.py:{line}, in f"}
    exp = next(b for b in outline.boxes if b.operation == "exp")
    assert (exp.formula, exp.rules, exp.family, exp.bytes) == ("exp(x)", (("x", "g * out"),), "elementwise", 24)


@pytest.mark.parametrize("array", [np.ones(3), Tensor(np.ones(3))])
def test_functions_that_take_no_tensors_get_what_they_were_given(array: Any) -> None:
    w = Tensor(np.ones(3), requires_grad=True)

    def f(x: Any) -> Any:
        return w * np.asarray(x).tolist()

    assert told(draw(f, array))[0][-1] == "multiply"


# --- repeats, in code without modules
def chain(body: list[str], n: int) -> tuple[Tensor, Tensor]:
    y = x = Tensor(np.ones(2), requires_grad=True, name="x")
    for _ in range(n):
        for step in body:
            y = {"tanh": np.tanh, "sin": np.sin, "times": lambda y: y * x, "plus": lambda y: y + 1.0}[step](y)
    return x, y


@given(st.lists(st.sampled_from(["tanh", "sin", "times", "plus"]), min_size=1, max_size=6), st.integers(4, 60))
def test_repeats_count(body: list[str], n: int) -> None:
    _, y = chain(body, n)
    outline = draw(y, repeats=True).outline
    assert sum(box.stands_for for box in outline.boxes) == n * len(body), "nothing is uncounted"
    assert sum(box.operation is not None for box in outline.boxes) <= 3 * len(body) + 2, "the rest is folded"


def test_layers_of_plain_code() -> None:
    rng = np.random.default_rng(0)
    h = Tensor(rng.standard_normal((5, 4)), name="x")
    for i in range(12):
        w, b = (
            Tensor(rng.standard_normal(s), requires_grad=True, name=f"{n}{i}") for n, s in (("w", (4, 4)), ("b", 4))
        )
        h = np.tanh(h @ w + b)
    titles, groups, arrows = told(draw(np.sum(h)))
    assert groups == ["matmul + add + tanh ×12"]
    assert titles == ["x", "w0", "matmul", "b0", "add", "tanh", "sum"]
    assert arrows == {
        ("x", "matmul"),
        ("w0", "matmul"),
        ("matmul", "add"),
        ("b0", "add"),
        ("add", "tanh"),
        ("tanh", "sum"),
    }


def test_what_looks_alike_and_is_not() -> None:
    x = Tensor(np.ones((2, 2)), requires_grad=True, name="x")
    q, k, v = (np.tanh(x) for _ in range(3))  # three branches are no chain
    assert not draw((q @ k) @ v, repeats=True).outline.groups
    y, before = x, [x]
    for _ in range(6):  # each takes what comes from ever further back
        y = np.tanh(y) + before[0]
        before.append(y)
    assert told(draw(y, repeats=True))[1] == ["tanh + add ×5"]
    y, before = x, [x]
    for i in range(6):
        y = np.tanh(y) + before[i // 2]
        before.append(y)
    assert not draw(y, repeats=True).outline.groups


def test_an_unrolled_loop() -> None:
    rng = np.random.default_rng(0)
    w, u = (Tensor(rng.standard_normal((4, 4)), requires_grad=True, name=n) for n in "wu")
    x, h = Tensor(rng.standard_normal((20, 3, 4)), requires_grad=True, name="x"), Tensor(np.zeros((3, 4)), name="h")
    states = []
    for t in range(20):
        h = np.tanh(x[t] @ w + h @ u)
        states.append(h)
    titles, groups, _ = told(draw(np.stack(states)))
    assert groups == ["getitem + matmul + matmul + 2 more ×20"]
    assert sorted(titles) == sorted(["x", "w", "u", "h", "getitem", "matmul", "matmul", "add", "tanh", "stack"])


def test_what_is_used_very_often_is_drawn_at_each_use() -> None:
    x, y = Tensor(np.ones(2), requires_grad=True, name="x"), Tensor(np.ones(2))
    for i in range(7):
        y = (np.sin, np.cos)[i % 2](y) * x
    outline = draw(y, values=True).outline
    uses = [i for i, box in enumerate(outline.boxes) if box.title == "x"]
    assert len(uses) == 7
    assert [outline.boxes[i].lines for i in uses] == [("(2,) float64",), *[()] * 6]
    arrows = [(a.tail, outline.boxes[a.head].operation) for a in outline.arrows if a.tail in uses]
    assert arrows == [(i, "multiply") for i in uses]
    assert all(a.tail < a.head for a in outline.arrows), "in the order in which they are computed"
    for _ in range(300):
        y = np.sin(y * x) * x
    outline = draw(y, max_nodes=50, repeats=False).outline
    assert 40 <= len(outline.boxes) <= 51
    assert sum(box.title == "x" for box in outline.boxes) > 10
    assert outline.boxes[0].kind == "folded"


def test_a_hundred_thousand_operations() -> None:
    y = Tensor(np.ones(1), requires_grad=True, name="x")
    for choice in np.random.default_rng(0).integers(0, 3, 100_000):  # nothing repeats: the longest search
        y = (np.sin, np.cos, np.tanh)[choice](y)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(150)
    try:
        boxes = draw(y).outline.boxes
    finally:
        sys.setrecursionlimit(limit)
    assert boxes[0].kind == "folded"
    assert len(boxes) == 101
    assert sum(box.stands_for for box in boxes) == 100_000


def test_a_long_chain_of_one_kind() -> None:
    _, y = chain(["times"], 20_000)
    boxes = draw(y).outline.boxes
    assert [box.title for box in boxes] == ["x", "multiply ×19,999", "multiply"]


# --- as text
def test_json() -> None:
    content = json.loads(draw(Transformer(12), X).outline.to_json())
    assert content["format"] == "tinygrad_np.drawing"
    assert [group["count"] for group in content["groups"] if "count" in group] == [12]
    assert {"kind", "title", "operation", "family", "formula", "rules", "where", "bytes", "shape", "dtype"} <= set(
        next(box for box in content["boxes"] if box["title"] == "softmax")
    )
    n = len(content["boxes"])
    assert all(0 <= arrow[end] < n for arrow in content["arrows"] for end in ("tail", "head"))
    assert draw(Transformer(12), X).outline.to_json() == draw(Transformer(12), X).outline.to_json()


MERMAID = """\
flowchart TB
n0["x<br/>(5, 2) float64"]:::input
n4("tanh<br/>(5, 2) float64"):::result
subgraph g0["layer: Linear"]
n1["weight<br/>(2, 2) float64"]:::parameter
n2["bias<br/>(2,) float64"]:::parameter
n3("linear"):::operation
end
n0 --> n3
n1 --> n3
n2 --> n3
n3 -->|"(5, 2) float64"| n4
classDef operation fill:#fff,stroke:#5f6b7a
classDef result fill:#ffe2b8,stroke:#c05c00,stroke-width:2px
classDef parameter fill:#d6e6fa,stroke:#2463a8
classDef input fill:#dff2df,stroke:#35803a
"""


def test_mermaid(tmp_path: Any) -> None:
    layer = nn.Linear(2, 2, rng=0, dtype=np.float64)
    drawing = draw(lambda x: np.tanh(layer(x)), np.ones((5, 2)))
    assert drawing.save(tmp_path / "x.mmd").read_text("utf-8") == MERMAID
    nasty = draw(Tensor([1.0], name='a"]<b>\n-->|')).save(tmp_path / "x.mmd").read_text("utf-8")
    assert nasty.splitlines()[1] == 'n0["a#34;#93;#60;b#62; --#62;#124;<br/>(1,) float64"]:::input'


# --- what has no gradient
def test_masks_and_detached_values_have_their_operations() -> None:
    w = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)

    def f(x: Any) -> Any:
        return np.sum(np.where(x > 1, x * w, x * w.detach() * np.tanh(w).detach()))

    outline = draw(f, np.ones((2, 3))).outline
    titles = {i: box.title for i, box in enumerate(outline.boxes)}
    arrows = [(titles[a.tail], titles[a.head]) for a in outline.arrows]
    assert {("x", "greater"), ("greater", "where"), ("w", "detach"), ("tanh", "detach")} <= set(arrows)
    assert arrows.count(("detach", "multiply")) == 2
    assert next(box.lines for box in outline.boxes if box.title == "greater") == ("x > 1",)
    assert all(a.tail < a.head for a in outline.arrows)
    assert {box.title for box in outline.boxes if box.kind in ("input", "constant")} == {"x"}
    gradients = {box.title for box in draw(f, np.ones((2, 3)), backward=True).outline.boxes if box.kind == "gradient"}
    assert not gradients & {"∂ greater", "∂ detach", "∂ tanh"}


def test_labels_that_are_computed() -> None:
    def f(z: Any) -> Any:
        return np.mean(F.softmax_cross_entropy(z, np.argmax(z, axis=-1)))

    _, _, arrows = told(draw(f, np.eye(4)))
    assert {("z", "argmax"), ("argmax", "softmax_cross_entropy"), ("z", "softmax_cross_entropy")} <= arrows


def test_the_frames_of_a_deep_network_stand_below_each_other() -> None:
    pytest.importorskip("graphviz")
    if shutil.which("dot") is None:
        pytest.skip("Graphviz is not installed")

    def width(depth: int) -> float:
        blocks = [nn.Sequential(nn.Linear(3 + i % 4, 3 + (i + 1) % 4, rng=0), np.tanh) for i in range(depth)]
        drawing = draw(nn.Sequential(*blocks), np.ones((2, 3), np.float32), depth=2)
        found = re.search(r'<svg width="(\d+)pt"', drawing.render("svg").decode())
        assert found
        return float(found[1])

    assert width(9) < 2 * width(1)  # each beside the one before, they were six times as wide
