"""Forward, backward, update: where each begins in the items of a training step, for the reader of its source."""

from __future__ import annotations

import numpy as np

from tinygrad_np.compiler.kinds import is_array_of, is_elementwise, is_view
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands
from tinygrad_np.compiler.schedule import Item

__all__ = ["sections"]


def sections(program: Program, items: list[Item]) -> dict[int, str]:
    """Return index of an item -> what begins there.

    What the first result depends on, a single number, is the forward pass; the elementwise end that computes the new
    state is the update; the backward pass is between.
    """
    loss = program.results[0] if program.results else None
    if loss is None or loss.shape or len(program.results) + len(program.updates) < 2:
        return {}
    forward = _behind(loss)
    ends = [i for i, item in enumerate(items) if not forward.isdisjoint(item.steps)]
    middle = ends[-1] + 1 if ends else 0
    last = len(items)
    while program.updates and last > middle and all(map(_may_be_update, items[last - 1].steps)):
        last -= 1
    found = {0: "forward", middle: "backward", last: "update"}
    return {i: name for i, name in found.items() if i < len(items)} if middle < last else {}


def _may_be_update(step: Value) -> bool:
    return is_elementwise(step) or is_view(step) or is_array_of(step) or step.function in (join, np.reshape)


def _behind(value: Value) -> set[Value]:
    """The steps that a value depends on, and itself."""
    found, stack = {value}, [value]
    while stack:
        new = set(operands(stack.pop())) - found
        found |= new
        stack += new
    return found
