"""The page of a drawing: written without a browser, and used in one as a reader would, by mouse and keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import chromium
import numpy as np
import pytest

from tinygrad_np import Tensor, compile, nn
from tinygrad_np import functional as F
from tinygrad_np.draw import draw
from tinygrad_np.draw.drawing import Drawing
from tinygrad_np.draw.html import layout
from tinygrad_np.draw.html.layers import layered

with_browser = pytest.mark.skipif(chromium.executable() is None, reason="there is no Chromium here")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    with chromium.browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def quiet(page: chromium.Page) -> Iterator[chromium.Page]:
    """A page that has nothing to complain of: no errors, no warnings, no requests to the network."""
    page.complaints.clear()
    yield page
    assert page.complaints == []


def neuron(**options: Any) -> Drawing:
    values = {"x1": 2.0, "w1": -3.0, "x2": 0.0, "w2": 1.0, "b": 6.8813735870195432}
    tensors = [Tensor(value, requires_grad=True, name=name) for name, value in values.items()]
    return draw(lambda x1, w1, x2, w2, b: np.tanh(x1 * w1 + x2 * w2 + b), *tensors, **options)


def classifier(*layers: int) -> Drawing:
    model = nn.MLP(layers, rng=0)

    def loss(x: Any, y: Any) -> Any:
        return F.softmax_cross_entropy(model(x), y)

    return draw(loss, np.ones((4, layers[0]), np.float32), np.arange(4) % layers[-1])


@pytest.fixture(scope="module")
def large() -> Drawing:
    return classifier(*[4] * 1260)


def data_of(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="drawing">(.*?)</script>', path.read_text("utf-8"))
    assert found
    return json.loads(found[1])


# --- without a browser ------------------------------------------------------------------------------------------------


def overlaps(boxes: list[Any]) -> bool:
    x, y, width, height = np.array(boxes).T
    apart = (x[:, None] >= x + width) | (y[:, None] >= y + height)
    return not (apart | apart.T | np.eye(len(x), dtype=bool)).all()


def on_border(point: tuple[float, float], box: Any) -> bool:
    (px, py), (x, y, width, height) = point, box
    across = abs(px - x) < 1.5 or abs(px - x - width) < 1.5
    along = abs(py - y) < 1.5 or abs(py - y - height) < 1.5
    return (across and y - 1 <= py <= y + height + 1) or (along and x - 1 <= px <= x + width + 1)


@pytest.mark.parametrize("direction", ["TB", "LR"])
@pytest.mark.parametrize("graphviz", [True, False])
def test_nothing_overlaps_and_arrows_lead_from_box_to_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: Any, graphviz: bool
) -> None:
    if not graphviz:
        monkeypatch.setenv("PATH", str(tmp_path))
    drawing = classifier(8, 6, 5, 4)
    drawing.direction = direction
    levels = data_of(drawing.save(tmp_path / "a.html"))["levels"]
    assert [level["label"] for level in levels] == ["none", "1", "all"]
    for level in levels:
        boxes = [box["at"] for box in level["boxes"]]
        assert not overlaps(boxes)
        width, height = level["size"]
        assert all(x >= 0 and y >= 0 and x + w <= width + 1 and y + h <= height + 1 for x, y, w, h in boxes)
        for arrow in level["arrows"]:
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", arrow["path"])]
            assert on_border((numbers[0], numbers[1]), boxes[arrow["tail"]])
            assert on_border((numbers[-2], numbers[-1]), boxes[arrow["head"]])
            start, end = (boxes[arrow[end]][direction == "TB"] for end in ("tail", "head"))
            assert start < end  # time runs down, or to the right
        assert all(sum(box["at"][2] for box in level["boxes"]) > 0 for level in levels)


def test_a_page_is_whole_and_the_same_each_time(tmp_path: Path) -> None:
    drawing = classifier(4, 3)
    text = drawing.save(tmp_path / "a.html").read_text("utf-8")
    assert drawing.save(tmp_path / "a.html").read_text("utf-8") == text
    assert not re.search(r"(src|href)=|url\((?!#)|@import|\$\w+", text)


def test_names_cannot_escape_into_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    x = Tensor(1.0, requires_grad=True, name=evil)
    text = draw(np.tanh(x)).save(tmp_path / "a<b>&.html").read_text("utf-8")
    assert evil not in text
    assert "<title>a&lt;b&gt;&amp;</title>" in text


def test_a_large_picture_is_laid_out_without_graphviz(large: Drawing) -> None:
    outline = large.folded(10**5, 99, repeats=False).outline
    assert len(outline.boxes) > 5000
    centres, routes = layered(outline, [(60.0, 30.0)] * len(outline.boxes), "TB")
    assert not overlaps([(x - 30, y - 15, 60, 30) for x, y in centres])
    assert all(a[1] < b[1] for route in routes for a, b in pairwise(route))


def test_a_level_is_as_large_as_its_texts(tmp_path: Path) -> None:
    short, long = (layout._size([("title", text), ("line", "(3, 4)")])[0] for text in ("add", "softmax_cross_entropy"))
    assert long > short + 100


# --- in a browser -----------------------------------------------------------------------------------------------------


def shown(page: chromium.Page) -> list[str]:
    """The titles of the boxes."""
    return page.evaluate("[...document.querySelectorAll('.box .title')].map((text) => text.textContent)")


@with_browser
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_legible(tmp_path: Path, quiet: chromium.Page, dark: bool) -> None:
    quiet.open(classifier(64, 32, 16, 10).save(tmp_path / "a.html"), dark=dark)
    # Letters are at least 10 device pixels large, lie in their boxes, and stand out from what is behind them.
    found = quiet.evaluate("""
        [...document.querySelectorAll("svg text")].map((text) => {
            const frame = text.parentNode.querySelector("rect");
            const box = frame?.getBoundingClientRect();
            const { left, right, top, bottom } = text.getBoundingClientRect();
            const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
            const within = left >= box?.left && right <= box?.right && top >= box?.top - 1 && bottom <= box?.bottom + 1;
            const [ink, paper] = [text, frame].map((element) => element && getComputedStyle(element).fill);
            return [text.textContent, size, !box || within, ink, paper];
        })""")
    assert len(found) > 20
    for text, size, inside, ink, paper in found:
        assert size >= 10, text
        assert inside, text
        assert contrast(ink, paper or ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")) >= 4.5, (text, ink, paper)
    sizes = quiet.evaluate(
        "[...document.querySelectorAll('body *')].map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 10
    width, height = quiet.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert (width, height) == (1280, 800)  # nothing sticks out
    quiet.screenshot(tmp_path / "a.png")


def contrast(a: str, b: str) -> float:
    """The contrast ratio of the Web Content Accessibility Guidelines, from 1 to 21; text should have 4.5."""

    def luminance(color: str) -> float:
        channels = np.array([int(c) for c in re.findall(r"\d+", color)[:3]]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    low, high = sorted(map(luminance, (a, b)))
    return (high + 0.05) / (low + 0.05)


@with_browser
def test_texts_of_wide_letters_are_squeezed_into_their_boxes(tmp_path: Path, quiet: chromium.Page) -> None:
    quiet.open(draw(np.tanh(Tensor(1.0, requires_grad=True, name="W" * 40))).save(tmp_path / "a.html"))
    text, box = (
        f"document.querySelector('.parameter {name}').getBoundingClientRect().width" for name in ("text", "rect")
    )
    assert quiet.evaluate(text) < quiet.evaluate(box)


@with_browser
def test_it_folds_and_opens(tmp_path: Path, quiet: chromium.Page) -> None:
    path = classifier(64, 32, 10).save(tmp_path / "a.html")
    counts = [len(level["boxes"]) for level in data_of(path)["levels"]]
    quiet.open(path)
    assert "weight" in shown(quiet)
    quiet.click("#levels button:first-child")
    assert len(shown(quiet)) == counts[0]
    assert "weight" not in shown(quiet)
    assert any("MLP" in title for title in shown(quiet))
    for count in counts[1:]:
        quiet.press("]")
        assert len(shown(quiet)) == count
    assert quiet.evaluate("document.querySelectorAll('#levels [aria-pressed=true]').length") == 1


@with_browser
def test_it_pans_and_zooms_around_the_pointer(tmp_path: Path, quiet: chromium.Page) -> None:
    quiet.open(neuron().save(tmp_path / "a.html"))
    box = ".box:nth-of-type(3)"
    x, y = quiet.where(box)
    before = quiet.evaluate("view.scale")
    quiet.mouse("Wheel", x, y, deltaX=0, deltaY=-200)
    quiet.wait_for(f"view.scale > {before}")
    assert quiet.where(box) == pytest.approx((x, y), abs=1)
    quiet.mouse("Moved", 30, 400)
    quiet.mouse("Pressed", 30, 400, button="left", clickCount=1)
    quiet.mouse("Moved", 90, 360, button="left", buttons=1)
    quiet.mouse("Released", 90, 360, button="left", clickCount=1)
    assert quiet.where(box) == pytest.approx((x + 60, y - 40), abs=1)
    quiet.press("0")
    corners = quiet.evaluate(
        "(() => { const r = view.world.getBoundingClientRect(); return [r.x, r.y, r.right, r.bottom]; })()"
    )
    assert corners[0] >= 0
    assert corners[1] >= 40
    assert corners[2] <= 970
    assert corners[3] <= 760


@with_browser
def test_pointing_at_a_box_tells_of_it(tmp_path: Path, quiet: chromium.Page) -> None:
    path = classifier(4, 3, 2).save(tmp_path / "a.html")
    quiet.open(path)
    boxes = data_of(path)["levels"][-1]["boxes"]
    number = next(i for i, box in enumerate(boxes) if box["title"] == "relu")
    quiet.mouse("Moved", *quiet.where(f"[data-number='{number}'] rect"))
    told = quiet.evaluate("document.querySelector('#details').innerText")
    for words in ("relu", "(4, 3)", "float32", "relu(x)", "g * (out > 0)", "test_html.py", "linear"):
        assert words in told
    quiet.click("#details button")  # what it is computed from
    assert quiet.evaluate("document.querySelector('#details h2').textContent") == "linear"


@with_browser
def test_search_finds_and_shows(tmp_path: Path, quiet: chromium.Page) -> None:
    quiet.open(classifier(*[4] * 30).folded(1000, 99, repeats=False).save(tmp_path / "a.html"))
    quiet.press("/")
    quiet.type_in("layers.17")
    found = quiet.evaluate("document.querySelectorAll('.box.found').length")
    assert found >= 1
    assert quiet.evaluate("document.querySelector('#found').textContent") == f"{found} found"
    quiet.press("Enter", "\r")
    x, y = quiet.where(".box.chosen")
    assert 0 < x < 970
    assert 40 < y < 760
    quiet.press("Escape")
    assert quiet.evaluate("document.querySelectorAll('.searching').length") == 0
    quiet.click("#levels button:first-child")  # what is closed is found, too, and opened
    assert "weight" not in shown(quiet)
    quiet.press("/")
    quiet.type_in("weight")
    assert quiet.evaluate("document.querySelector('#found').textContent") == "0 found"
    quiet.press("Enter", "\r")
    assert quiet.evaluate("document.querySelector('#details h2').textContent") == "weight"


@with_browser
def test_it_steps_forward_and_backward(tmp_path: Path, quiet: chromium.Page) -> None:
    quiet.open(neuron().save(tmp_path / "a.html"))

    def now() -> tuple[str, str]:
        titles = "[...document.querySelectorAll('.box.now .title')].map((text) => text.textContent).join()"
        return quiet.evaluate(titles), quiet.evaluate("document.querySelector('#step').textContent").split(" · ")[1]

    def waiting() -> int:
        return quiet.evaluate("document.querySelectorAll('.box.waiting').length")

    assert waiting() == 0
    quiet.press("Home")
    assert waiting() == 5
    seen = []
    for left in (4, 3, 2, 1, 0):
        quiet.press("ArrowRight")
        assert waiting() == left
        seen.append(now())
    assert seen == [(title, "forward") for title in ("multiply", "multiply", "add", "add", "tanh")]
    quiet.press("ArrowRight")  # the gradient of the result by itself
    assert now() == ("tanh", "backward")
    quiet.click("#next")
    assert quiet.evaluate("document.querySelector('.rule').textContent") == "g * (1 - out * out)"
    assert quiet.evaluate("document.querySelectorAll('.arrow.backward').length") == 1
    quiet.press("ArrowLeft")
    assert quiet.evaluate("document.querySelectorAll('.rule').length") == 0
    quiet.press("End")
    assert quiet.evaluate("document.querySelector('#step').textContent") == "all is computed"


@with_browser
def test_values_and_gradients_appear_when_they_are_computed(tmp_path: Path, quiet: chromium.Page) -> None:
    quiet.open(neuron(values=True, grads=True).save(tmp_path / "a.html"))

    def visible(row: str) -> list[str]:
        return quiet.evaluate(f"[...document.querySelectorAll('.{row}:not(.hidden)')].map((text) => text.textContent)")

    def by_title(row: str) -> dict[str, str]:
        return {title: text for title, text in zip(shown(quiet), visible(row), strict=True) if len(title) < 3}

    given = {"x1": 2, "w1": -3, "x2": 0, "w2": 1, "b": 6.881}
    assert by_title("value") == {title: f"value {number:g}" for title, number in given.items()}
    derived = {"x1": -1.5, "w1": 1, "x2": 0.5, "w2": 0, "b": 0.5}  # by hand
    assert by_title("grad") == {title: f"grad {number:g}" for title, number in derived.items()}

    quiet.press("Home")
    counts = []
    for _ in range(quiet.evaluate("player.last")):
        quiet.press("ArrowRight")
        counts.append((len(visible("value")), len(visible("grad"))))
    forward = [(6, 0), (7, 0), (8, 0), (9, 0), (10, 0)]
    # tanh by itself; then the shares that tanh, the sums and the products hand to their operands
    backward = [(10, 1), (10, 2), (10, 4), (10, 6), (10, 8), (10, 10), (10, 10)]
    assert counts == forward + backward
    quiet.click("#back")
    quiet.click("#back")
    assert len(visible("grad")) == 8

    quiet.open(tmp_path / "a.html", "step=7")
    quiet.wait_for("player.number === 7")
    said = quiet.evaluate("document.querySelector('#step').textContent")
    assert said == "7 of 11 · backward · tanh: g = 1,  x ← g * (1 - out * out)"


@with_browser
def test_the_gradient_of_what_is_used_twice_appears_with_its_last_share(tmp_path: Path, quiet: chromium.Page) -> None:
    x = Tensor(3.0, requires_grad=True)
    quiet.open(draw(lambda x: np.exp(x) * x, x, values=True, grads=True).save(tmp_path / "a.html"))
    quiet.press("Home")
    for _ in range(4):  # exp and the product, the gradient of the result, its shares
        quiet.press("ArrowRight")
    assert quiet.evaluate("document.querySelector('#step').textContent").startswith("4 of 5 · backward · multiply")
    grad = "getComputedStyle(document.querySelector('[data-number=\"0\"] .grad')).visibility"
    assert quiet.evaluate(grad) == "hidden"
    quiet.press("ArrowRight")
    assert quiet.evaluate(grad) == "visible"


@with_browser
def test_what_failed_or_was_compiled_has_no_way_back(tmp_path: Path, quiet: chromium.Page) -> None:
    model = nn.MLP([4, 3], rng=0)
    with pytest.raises(ValueError, match="takes 4") as caught:
        model(np.ones((2, 5), np.float32))
    compiled = compile(lambda x: np.exp(x) * 2)
    for _ in range(2):
        compiled(np.ones(3))
    for drawing in (caught.value.graph, compiled.graph.after):
        quiet.open(drawing.save(tmp_path / "a.html"))
        assert quiet.evaluate("player.steps.length > 0 && player.steps.every((step) => step.phase === 'forward')")
    quiet.open(draw(model, np.ones((2, 4), np.float32), depth=0).save(tmp_path / "a.html"))
    assert quiet.evaluate("player.steps.map((step) => [step.phase, step.seed ?? false])") == [
        ["forward", False], ["backward", True], ["backward", False],
    ]  # fmt: skip


def test_a_drawing_with_nan_is_one_of_its_levels(tmp_path: Path) -> None:
    with np.errstate(all="ignore"):
        drawing = draw(lambda x: np.sum(np.log(x) * x), np.array([0.0, -1.0, np.inf]), values=True, grads=True)
    data = data_of(drawing.save(tmp_path / "a.html"))
    assert [level["label"] for level in data["levels"]] == ["all"]


@with_browser
def test_a_drawn_backward_pass_steps_upwards(tmp_path: Path, quiet: chromium.Page) -> None:
    quiet.open(neuron(values=True, grads=True, backward=True).save(tmp_path / "a.html"))
    quiet.press("Home")
    seen = []
    for _ in range(quiet.evaluate("player.last - 1")):
        quiet.press("ArrowRight")
        seen.append(quiet.evaluate("document.querySelector('.box.now .title').textContent"))
    assert seen[:5] == ["multiply", "multiply", "add", "add", "tanh"]
    gradients = ["tanh", "add", "b", "add", "multiply", "w2", "x2", "multiply", "w1", "x1"]
    assert seen[5:] == [f"∂ {title}" for title in gradients]


@with_browser
def test_it_plays_by_itself(tmp_path: Path, quiet: chromium.Page) -> None:
    quiet.open(neuron().save(tmp_path / "a.html"))
    quiet.evaluate("document.querySelector('#speed').value = 250")
    quiet.press(" ")
    assert quiet.evaluate("document.querySelector('#play').textContent") == "Pause"
    quiet.wait_for("player.number >= 2 && player.number < player.last")
    quiet.press(" ")
    assert quiet.evaluate("player.timer") is None
    assert quiet.evaluate("document.querySelector('#play').textContent") == "Play"


@with_browser
def test_five_thousand_boxes_are_folded_at_first_and_stay_usable(
    tmp_path: Path, quiet: chromium.Page, large: Drawing
) -> None:
    quiet.open(large.save(tmp_path / "a.html"))
    assert len(shown(quiet)) < 100
    quiet.click("#levels button:last-child")
    assert len(shown(quiet)) > 5000
    quiet.evaluate("view.world.getBBox()")  # laid out by the browser, once
    spent = quiet.evaluate("(() => { const t = performance.now(); step(1); step(1); return performance.now() - t; })()")
    assert spent < 1000
    assert quiet.evaluate("getComputedStyle(document.querySelector('.box.now .title')).visibility") == "visible"
