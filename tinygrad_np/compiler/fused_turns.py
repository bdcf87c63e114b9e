"""Loops over turns for numba: the elements of a turn one after the other, then the next turn."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.compiler.fused import expression, has_expression, number_text
from tinygrad_np.compiler.kinds import scalar_of, terms
from tinygrad_np.compiler.memory import Memory, Place
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.roll import Roll
from tinygrad_np.compiler.schedule import Item
from tinygrad_np.compiler.source import Source
from tinygrad_np.compiler.turns import Turns
from tinygrad_np.compiler.views import nbytes

__all__ = ["can_fuse", "planned", "write"]


def can_fuse(step: Value) -> bool:
    """Whether a loop goes from element to element of arrays of one shape: each of them needs none of the others."""
    roll = step.function
    assert isinstance(roll, Roll)
    shape = roll.steps[0].shape
    floating = {value.dtype.name for each in roll.steps for value in (each, *operands(each))} - {"bool"}
    alike = all(
        has_expression(each)
        and each.shape == shape
        and each.function is not np.add.reduce
        and all(arg.shape == shape or size(arg) == 1 for arg in operands(each))
        for each in roll.steps
    )
    in_one_array = not any(isinstance(given, tuple) for given in step.args[1])
    return alike and floating in ({"float32"}, {"float64"}) and in_one_array and all(d.lag == 1 for d in roll.delayed)


def planned(item: Item, index: int, memory: Memory) -> Turns:
    """Allocate what a turn hands on to the next one."""
    turns = Turns.of(item)
    free = dict(turns.final)
    for late in turns.roll.delayed:
        found = free.pop(late.source, None)
        if found is None:
            place = Place(memory.temporary(nbytes(late.source), index), 0)
            found = memory.at_place(late.source, place)
        turns.home[late.value] = turns.handed_on[late] = found
    turns.home |= free
    return turns


def write(source: Source, turns: Turns) -> None:
    """Add a function that numba compiles, and its call."""
    roll, memory = turns.roll, source.memory
    fixed, rows, first = turns.step.args
    n, m = roll.turns, size(roll.steps[0])
    passed: dict[str, str] = {}  # parameter -> what is passed
    names: dict[Value, str] = {}
    lines: list[str] = []

    def parameter(value: Value, shape: str) -> str:
        name = source.name(value)
        text = f"{name}.reshape({shape})"
        is_fixed = value in memory.fixed or value.array is not None
        passed[name] = source.once(f"{name}_flat", text, value) if is_fixed else text
        return name

    given = dict(zip(roll.fixed, fixed, strict=True)) | dict(zip(roll.rows, rows, strict=True))

    def text(arg: Any, dtype: str) -> str:
        number = scalar_of(arg)
        if number is not None:
            return number_text(number, dtype)
        if arg not in names:
            many = size(arg) == m
            if arg in turns.home:
                found = f"{parameter(turns.home[arg], '-1')}[j]"
            elif arg in roll.rows:
                found = f"{parameter(given[arg], f'{n}, -1')}[i, {'j' if many else 0}]"
            else:
                found = f"{parameter(given.get(arg, arg), '-1')}[{'j' if many else 0}]"
            names[arg] = f"s{len(names)}"
            lines.append(f"{names[arg]} = {found}")
        return names[arg]

    for late, values in zip(roll.delayed, first, strict=True):
        home = source.name(turns.home[late.value])
        source.body.append(f"{source.function(np.copyto)}({home}, {source.name(values[0])})")
    for step in roll.steps:
        dtype = next(arg.dtype.name for arg in (step, *operands(step)) if arg.dtype.kind == "f")
        args = [text(arg, dtype) for arg in terms(step)]
        names[step] = f"s{len(names)}"
        lines.append(f"{names[step]} = {expression(step, args, dtype)}")
        if step in turns.stacks:
            lines.append(f"{parameter(turns.stacks[step], f'{n}, -1')}[i, j] = {names[step]}")
        if step in turns.home:
            lines.append(f"{parameter(turns.home[step], '-1')}[j] = {names[step]}")
    lines += [f"{parameter(home, '-1')}[j] = {names[late.source]}" for late, home in turns.handed_on.items()]
    name = source.unused("turns")
    source.loops += [
        "@exactly",
        f"def {name}({', '.join(passed)}):",
        f"    for i in range({n}):",
        f"        for j in range({m}):",
        *(f"            {line}" for line in lines),
        "",
        "",
    ]
    source.body.append(f"{name}({', '.join(passed.values())})")
