"""A layout without Graphviz, in time that grows with the picture and not with its square.

The method is that of Sugiyama, Tagawa and Toda, 1981, "Methods for visual understanding of hierarchical system
structures": put the boxes on layers, sort each layer so that few arrows cross, then move the boxes close to what
they are connected with. It draws no frames around modules.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from tinygrad_np.draw.outline import Outline

__all__ = ["layered"]

_GAP, _LAYER_GAP, _SWEEPS = 22.0, 44.0, 4
_LONG = 40  # arrows over more layers than this go straight: nobody follows them with the eye

Point = tuple[float, float]


def layered(
    picture: Outline, sizes: Sequence[tuple[float, float]], direction: str
) -> tuple[list[Point], list[list[Point]]]:
    """Return the centres of the boxes, and the points that each arrow goes through, from box to box.

    Parameters
    ----------
    picture : Outline
    sizes : sequence of (float, float)
        Width and height of each box.
    direction : {"TB", "LR"}
    """
    if direction == "LR":
        sizes = [(height, width) for width, height in sizes]
    ranks = _ranks(picture)
    layers: dict[int, list[int]] = defaultdict(list)
    for box, rank in enumerate(ranks):
        layers[rank].append(box)
    widths = [width for width, _ in sizes]
    # An arrow over several layers holds a place on each of them, a box without width.
    routes: list[list[int]] = []
    for arrow in picture.arrows:
        step = 1 if ranks[arrow.tail] < ranks[arrow.head] else -1  # gradients flow upwards
        between = range(ranks[arrow.tail] + step, ranks[arrow.head], step)
        bends = []
        for rank in between if len(between) <= _LONG else ():
            layers[rank].append(len(widths))
            bends.append(len(widths))
            widths.append(8.0)
        routes.append([arrow.tail, *bends, arrow.head])
    across = _across([layers[rank] for rank in sorted(layers)], routes, widths)

    along: dict[int, float] = {}
    y = 0.0
    for rank in sorted(layers):
        height = max(sizes[box][1] for box in layers[rank] if box < len(sizes))
        for box in layers[rank]:
            along[box] = y + height / 2
        y += height + _LAYER_GAP
    left = min(x - width / 2 for x, width in zip(across, widths, strict=True))
    centres = [(x - left, along[box]) for box, x in enumerate(across)]
    if direction == "LR":
        centres = [(y, x) for x, y in centres]
    return centres[: len(sizes)], [[centres[box] for box in route] for route in routes]


def _ranks(picture: Outline) -> list[int]:
    """The layer of each box: below all its operands; those that nothing computed are right above their first use.

    A gradient is beside what it is the gradient of.
    """
    inflow: dict[int, list[int]] = defaultdict(list)
    users: dict[int, list[int]] = defaultdict(list)
    for arrow in picture.arrows:
        if picture.boxes[arrow.head].kind == "gradient":
            continue
        inflow[arrow.head].append(arrow.tail)
        users[arrow.tail].append(arrow.head)
    ranks = [0] * len(picture.boxes)
    for box in range(len(ranks)):
        if inflow[box]:
            ranks[box] = 1 + max((ranks[tail] for tail in inflow[box] if inflow[tail]), default=0)
    for box in range(len(ranks)):
        if not inflow[box] and users[box]:
            ranks[box] = min(ranks[head] for head in users[box]) - 1
    return [ranks[number if box.of is None else box.of] for number, box in enumerate(picture.boxes)]


def _across(layers: list[list[int]], routes: list[list[int]], widths: list[float]) -> list[float]:
    """Where each box is on its layer."""
    before: list[list[int]] = [[] for _ in widths]
    after: list[list[int]] = [[] for _ in widths]
    height = {box: rank for rank, layer in enumerate(layers) for box in layer}
    for route in routes:
        for a, b in pairwise(route):
            upper, lower = (a, b) if height[a] < height[b] else (b, a)
            if height[a] != height[b]:
                before[lower].append(upper)
                after[upper].append(lower)
    x = [0.0] * len(widths)
    for layer in layers:
        _place(layer, [float(i) for i in range(len(layer))], widths, x)
    for sweep in range(2 * _SWEEPS):
        neighbours = after if sweep % 2 else before
        sorting = sweep < _SWEEPS  # first the order, then the places
        for layer in reversed(layers) if sweep % 2 else layers:
            wanted = {
                b: sum(x[n] for n in neighbours[b]) / len(neighbours[b]) if neighbours[b] else x[b] for b in layer
            }
            if sorting:
                layer.sort(key=wanted.__getitem__)
            _place(layer, [wanted[box] for box in layer], widths, x)
    return x


def _place(layer: list[int], wanted: list[float], widths: list[float], x: list[float]) -> None:
    """Put the boxes of a layer where they want to be, in their order and without overlap.

    Half way between what comes out from the left, where all give way to the right, and the same from the right.
    """
    if not layer:
        return
    gaps = [0.0] + [(widths[a] + widths[b]) / 2 + _GAP for a, b in pairwise(layer)]
    from_left, from_right = list(wanted), list(wanted)
    for i in range(1, len(layer)):
        from_left[i] = max(wanted[i], from_left[i - 1] + gaps[i])
    for i in range(len(layer) - 2, -1, -1):
        from_right[i] = min(wanted[i], from_right[i + 1] - gaps[i + 1])
    for box, a, b in zip(layer, from_left, from_right, strict=True):
        x[box] = (a + b) / 2
