"""The backward pass beside the forward one: a box for each gradient, and on each arrow the rule that makes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tinygrad_np.draw.outline import Arrow, Box, Outline

__all__ = ["with_backward"]

_LONGEST = 56  # of a rule


def with_backward(picture: Outline) -> Outline:
    """Return the outline with the gradients: boxes that have one get a twin, and arrows one in the other direction."""
    active = _active(picture)
    first, n_groups = len(picture.boxes), len(picture.groups)
    twins = {number: first + i for i, number in enumerate(active)}
    ruled = [(arrow, _rule(arrow, picture.boxes[arrow.head])) for arrow in picture.arrows]
    arrows = [
        Arrow(twins[arrow.head], twins[arrow.tail], rule, arrow.argument, backward=True)
        for arrow, rule in ruled
        if rule is not None and arrow.tail in twins and arrow.head in twins
    ]
    shares = Counter(arrow.head for arrow in arrows)
    gradients = [_gradient(number, picture.boxes[number], n_groups, shares[twins[number]]) for number in active]
    results = [Arrow(i, twins[i], "g = 1") for i in active if picture.boxes[i].kind == "result"]
    groups = [
        replace(group, title=f"∂ {group.title}", parent=None if group.parent is None else group.parent + n_groups)
        for group in picture.groups
    ]
    return replace(
        picture,
        boxes=(*(replace(box, grad=None) for box in picture.boxes), *gradients),
        arrows=(*picture.arrows, *results, *arrows),
        groups=(*picture.groups, *groups),
    )


def _active(picture: Outline) -> list[int]:
    """The boxes that have a gradient.

    They lie on a way, by arguments that have a rule, from a parameter (where there are none, from an input) to the end.
    """
    kinds = {"parameter"} if any(box.kind == "parameter" for box in picture.boxes) else {"input"}
    active = {
        number
        for number, box in enumerate(picture.boxes)
        if box.kind in ("module", "folded")
        or (box.kind in kinds and (box.dtype or "").startswith(("float", "complex")))
    }
    ruled = [arrow for arrow in picture.arrows if _rule(arrow, picture.boxes[arrow.head]) is not None]
    for arrow in sorted(ruled, key=lambda arrow: arrow.head):
        if arrow.tail in active:
            active.add(arrow.head)
    wanted = set(range(len(picture.boxes))) - {arrow.tail for arrow in picture.arrows}
    for arrow in sorted(ruled, key=lambda arrow: -arrow.head):
        if arrow.head in wanted:
            wanted.add(arrow.tail)
    return sorted(active & wanted)


def _rule(arrow: Arrow, head: Box) -> str | None:
    """The rule of an operand; ``None`` if it has none, and "" where the operation is hidden in a closed box."""
    if head.operation is None:
        return ""
    rules = dict(head.rules)
    rule = rules.get((arrow.argument or "").partition("[")[0])
    return rule if rule is None or len(rule) <= _LONGEST else f"{rule[: _LONGEST - 1]}…"


def _gradient(number: int, box: Box, n_groups: int, shares: int) -> Box:
    lines = (f"sum of {shares}",) if shares > 1 else ()
    return Box(
        "gradient", f"∂ {box.title}", lines, None, box.shape, box.dtype,
        group=None if box.group is None else box.group + n_groups, stands_for=0, grad=box.grad, of=number,
    )  # fmt: skip
