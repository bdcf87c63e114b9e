"""Loops for numba: a group of elementwise steps as one loop over numbers, with nothing in between in memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_scalar, scalar_of, terms
from tinygrad_np.compiler.loops import Loop
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.schedule import LARGE, Item, split
from tinygrad_np.compiler.source import Source

__all__ = ["BLOCK", "EXPRESSIONS", "can_fuse", "expression", "fused_or_apart", "has_expression", "number_text", "write"]

BLOCK = 1 << 13  # bytes: of so many numbers one sum is taken, and then the sum of these
_WORTH_A_CALL = 4  # steps: a call costs about as much as that many of NumPy's on small arrays

#: Function -> what it is on numbers.
EXPRESSIONS: dict[Any, str] = {
    np.add: "{0} + {1}", np.subtract: "{0} - {1}", np.multiply: "{0} * {1}", np.divide: "{0} / {1}",
    np.negative: "-{0}", np.square: "{0} * {0}", np.absolute: "abs({0})", np.sqrt: "np.sqrt({0})",
    np.exp: "exp_{dtype}({0})", np.tanh: "tanh_{dtype}({0})", np.log: "log_{dtype}({0})",
    np.log1p: "log1p_{dtype}({0})", np.maximum: "maximum({0}, {1})", np.minimum: "minimum({0}, {1})",
    np.greater: "{0} > {1}", np.greater_equal: "{0} >= {1}", np.less: "{0} < {1}", np.less_equal: "{0} <= {1}",
    np.equal: "{0} == {1}", np.not_equal: "{0} != {1}", np.add.reduce: "{0}", np.ndarray.astype: "np.{dtype}({0})",
    np.sign: "np.sign({0})", np.floor: "np.floor({0})", np.ceil: "np.ceil({0})", np.rint: "np.rint({0})",
    np.logical_and: "{0} & {1}", np.logical_or: "{0} | {1}", np.logical_not: "not {0}",
    np.bitwise_and: "{0} & {1}", np.bitwise_or: "{0} | {1}",
}  # fmt: skip
_LOGICAL = (np.logical_and, np.logical_or, np.logical_not, np.bitwise_and, np.bitwise_or)
_COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)


def can_fuse(item: Item) -> bool:
    """Whether all steps have an expression, on numbers of one floating dtype and truth values."""
    floating = {value.dtype.name for step in item.steps for value in (step, *operands(step))} - {"bool"}
    return (
        floating in ({"float32"}, {"float64"})
        and (len(item.steps) >= _WORTH_A_CALL or math.prod(item.space or ()) >= LARGE)
        and all(has_expression(step) for step in item.steps)
    )


def has_expression(step: Value) -> bool:
    """Whether a step can be written as an expression of numbers."""
    if step.function not in EXPRESSIONS:
        return False
    if step.function is np.ndarray.astype:
        return step.dtype.kind == "f"
    kinds = {arg.dtype.kind for arg in operands(step)}
    if step.function in _LOGICAL:
        return kinds == {"b"} and all(scalar_of(arg) is None for arg in step.args)
    return kinds == {"f"} and (step.dtype.kind == "f" or step.function in _COMPARISONS)


def fused_or_apart(item: Item) -> list[Item]:
    """A loop, or if some steps are not for numba, loops with and without these, or if it is small, single calls."""
    if item.space is None or can_fuse(item):
        return [item]
    if math.prod(item.space) < LARGE:
        return [Item([step]) for step in item.steps]
    parts = split(item, has_expression)
    return parts if any(map(can_fuse, parts)) else [item]


def expression(step: Value, args: list[str], dtype: str) -> str:
    """A step as an expression of numbers of some dtype."""
    return EXPRESSIONS[step.function].format(*args, dtype=dtype)


def number_text(number: Any, dtype: str) -> str:
    """A number as code of that dtype."""
    text = repr(abs(float(number)))
    sign = "-" if np.signbit(number) else ""
    return f"np.{dtype}({sign}{text})" if np.isfinite(number) else f"np.{dtype}({sign}np.{text})"


def write(source: Source, loop: Loop) -> None:
    """Add a function that numba compiles, and its call.

    All loads come first and all stores last: a processor that sees a load at the same place in its page as a store
    before it waits, since it may be the same address.
    """
    memory = source.memory
    names: dict[Value, str] = {}  # in the loop
    arrays: dict[str, str] = {}  # parameter -> what is passed
    places: dict[Any, str] = {}  # one parameter for one place: LLVM has to see that no others overlap
    numbers: dict[str, str] = {}
    sums: dict[str, str] = {}  # of a block -> where it goes
    parts: dict[str, str] = {}
    loads, body, stores = [], [], []

    def array(value: Value) -> str:
        name = source.name(value)
        place = memory.root_place(value)
        name = places.setdefault((place, value.dtype), name) if place else name
        if name not in arrays:
            fixed = value in memory.fixed or value.array is not None
            flat = f"{name}.reshape(-1)"
            arrays[name] = source.once(f"{name}_flat", flat, value) if fixed else flat
        return f"{name}[i]"

    def text(arg: Any, dtype: str) -> str:
        number = scalar_of(arg)
        if number is not None:
            return number_text(number, dtype)
        if arg in names:
            return names[arg]
        if size(arg) == loop.n:
            names[arg] = f"s{len(names)}"
            loads.append(f"{names[arg]} = {array(arg)}")
        else:
            names[arg] = source.name(arg)
            numbers[names[arg]] = f"{names[arg]}[{'0' if arg.shape else '()'}]"
        return names[arg]

    for step in loop.item.steps:
        dtype = next((arg.dtype.name for arg in (step, *operands(step)) if arg.dtype.kind == "f"), "bool")
        args = [text(arg, dtype) for arg in terms(step)]
        found = expression(step, args, dtype)
        if root := _root_in(step, names):
            found = f"over_root_{dtype}({args[0]}, {', '.join(text(arg, dtype) for arg in root)})"
        name = source.name(step) if step not in memory.scratch else ""
        if step in loop.parts:
            part, count = f"{name}_parts", loop.parts[step].nbytes // step.dtype.itemsize
            place = f"array(arena, {loop.parts[step].offset}, ({count},), {step.dtype.name!r})"
            parts[part] = source.once(part, place)
            sums[f"{name}_sum"] = part
            body.append(f"{name}_sum = plus({name}_sum, {found})")
            continue
        names[step] = f"s{len(names)}"
        body.append(f"{names[step]} = {found}")
        if name:
            stores.append(f"{array(step)} = {names[step]}")
    _write(source, loop, arrays | parts | numbers, list(arrays), sums, [*loads, *body, *stores])


def _root_in(step: Value, names: dict[Value, str]) -> list[Any] | None:
    """The root and the number that a step divides by the sum of."""
    below = step.args[1] if step.function is np.divide else None
    if isinstance(below, Value) and below.function is np.add:
        roots = [arg for arg in below.args if arg in names and arg.function is np.sqrt]
        others = [arg for arg in below.args if is_scalar(arg) or arg.shape == ()]
        if roots and others:
            return [roots[0], others[0]]
    return None


def _write(
    source: Source, loop: Loop, given: dict[str, str], cut: list[str], sums: dict[str, str], body: list[str]
) -> None:
    name = source.unused("loop")
    whole = {array: source.unused(f"{array}_all") for array in cut}
    parameters = [whole.get(parameter, parameter) for parameter in given]
    first, last = ("block", "end") if sums else ("start", "stop")
    # pieces from 0 on: LLVM then knows that no index is negative, which would count from the end
    lines = [f"{array} = {whole[array]}[{first}:{last}]" for array in cut]
    lines += [f"{total} = {part}.dtype.type(0)" for total, part in sums.items()]
    lines += [f"for i in range({last} - {first}):", *(f"    {line}" for line in body)]
    lines += [f"{part}[block // {loop.length}] = {total}" for total, part in sums.items()]
    if sums:
        lines = [f"end = min(block + {loop.length}, stop)", *lines]
        lines = [f"for block in range(start, stop, {loop.length}):", *(f"    {line}" for line in lines)]
    source.loops += ["@compiled", f"def {name}(start, stop, {', '.join(parameters)}):"]
    source.loops += [*(f"    {line}" for line in lines), "", ""]
    passed = ", ".join(given.values())
    if loop.threads > 1:
        source.body.append(f"halves({name}, {loop.n}, {loop.length}, {passed})")
    else:
        source.body.append(f"{name}(0, {loop.n}, {passed})")
    for step in loop.parts:
        total = source.name(step)
        source.body.append(f"{source.function(np.add.reduce)}({given[f'{total}_parts']}, None, None, {total})")
