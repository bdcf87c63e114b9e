"""The loops of a region: elementwise steps, reductions, gathers and copies as nests of loops over numbers."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.compiler.elements import expression, number_text
from tinygrad_np.compiler.kinds import is_array_of, is_contraction, is_scalar, reduced_axes, reducing_ufunc, terms
from tinygrad_np.compiler.layouts import coalesced, over
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.schedule import Item

if TYPE_CHECKING:
    from tinygrad_np.compiler.native import Region

__all__ = ["REDUCING", "lines_of"]

_VARIABLES = "ijklmn"
_ROW = 2048  # so many numbers are added in a row; longer sums are sums of such sums
_SHORT = 16  # terms that are written one after the other

#: Reduction -> what it begins with, how it goes on.
REDUCING = {
    np.add.reduce: ("0", "plus({0}, {1})"), np.multiply.reduce: ("1", "{0} * {1}"),
    np.maximum.reduce: ("-np.inf", "maximum({0}, {1})"), np.minimum.reduce: ("np.inf", "minimum({0}, {1})"),
}  # fmt: skip


def lines_of(item: Item, region: Region) -> list[str]:
    """Return the text of an item."""
    if item.space is not None:
        return _elementwise(item.steps, (math.prod(item.space),), region, flat=True)
    (step,) = item.steps
    if is_array_of(step):
        return [region.stored(step, (), (), f"np.{step.dtype.name}({region.number(step.args[0])})")]
    if is_contraction(step):
        return region.products[step].lines(region.element, region.turned(step))
    if reducing_ufunc(step):
        return _reduction(step, region)
    if step.function is operator.getitem:
        return _gather(step, region)
    if step.function is np.reshape:
        return _copy(step.args[0], step, 0, region)
    if step.function is join:
        return _join(step, region)
    return _elementwise([step], step.shape, region)


def _elementwise(steps: list[Value], space: tuple[int, ...], region: Region, flat: bool = False) -> list[str]:
    """Elementwise steps, and reductions of all elements; ``flat`` if all arrays are gone through from end to end."""
    totals = {step: f"t{k}" for k, step in enumerate(step for step in steps if reducing_ufunc(step))}
    computed = [step for step in steps if step not in totals]
    arrays = dict.fromkeys(
        value for value in (*computed, *(arg for step in steps for arg in operands(step)))
        if not value.weak and value not in region.memory.scratch
    )  # fmt: skip
    strides = [_strides(value, space, region, flat) for value in arrays]
    axes, strides = coalesced(space, strides)
    of, variables = dict(zip(arrays, strides, strict=True)), _VARIABLES[: len(axes)]
    names: dict[Value, str] = {}
    body: list[str] = []

    def text(arg: Any, dtype: str) -> str:
        if is_scalar(arg):
            return number_text(arg, dtype)
        if arg.weak:
            return f"np.{dtype}({region.number(arg)})"
        if arg not in names and region.layouts[arg].number is not None:
            return region.element(arg, (), ())
        if arg not in names:
            names[arg] = f"s{len(names)}"
            body.append(f"{names[arg]} = {region.element(arg, of[arg], variables)}")
        return names[arg]

    for step in steps:
        if step in totals:
            body.append(_taken(step, totals[step], text(step.args[0], step.dtype.name)))
            continue
        found = expression(step)
        assert found is not None
        args = [text(arg, found[1]) for arg in terms(step)]
        names[step] = f"s{len(names)}"
        body.append(f"{names[step]} = {found[0].format(*args, dtype=found[1])}")
        if step not in region.memory.scratch:
            body.append(region.stored(step, of[step], variables, names[step]))
    if not totals:
        return _nest(axes, variables, body)
    return _summed(math.prod(space), totals, _nest(axes, variables, body), region)


def _strides(value: Value, space: tuple[int, ...], region: Region, flat: bool) -> tuple[int, ...]:
    layout = region.layouts[value]
    if not flat:
        return over(layout, value.shape, space)
    return (int(size(value) > 1 and layout.number is None),)


def _summed(n: int, totals: dict[Value, str], loop: list[str], region: Region) -> list[str]:
    """A loop over all elements that takes up totals: if it is long, in pieces with totals of their own."""
    lines = [f"{total} = {_start(step)}" for step, total in totals.items()]
    if n <= _ROW:
        lines += loop
    else:
        wholes = {step: f"whole{k}" for k, step in enumerate(totals)}
        piece = [*lines, f"for i in range(block, min(block + {_ROW}, {n})):", *loop[1:]]
        piece += [_taken(step, wholes[step], total) for step, total in totals.items()]
        lines = [f"{whole} = {_start(step)}" for step, whole in wholes.items()]
        lines += _indented(piece, f"for block in range(0, {n}, {_ROW}):")
        totals = wholes
    return lines + [region.stored(step, (0,) * len(step.shape), "i" * len(step.shape), t) for step, t in totals.items()]


def _start(step: Value) -> str:
    return f"np.{step.dtype.name}({REDUCING[step.function][0]})"  # type: ignore[index]


def _taken(step: Value, total: str, term: str) -> str:
    return f"{total} = {REDUCING[step.function][1].format(total, term)}"  # type: ignore[index]


def _reduction(step: Value, region: Region) -> list[str]:
    (x,), reduced = step.args, reduced_axes(step)
    kept = [d for d in range(len(x.shape)) if d not in reduced]
    given, own = region.layouts[x].strides, region.layouts[step].strides
    own = tuple(own[d] for d in kept) if step.kwargs["keepdims"] else own
    outer, (to, of) = coalesced(tuple(x.shape[d] for d in kept), [own, tuple(given[d] for d in kept)])
    inner, (along,) = coalesced(tuple(x.shape[d] for d in reduced), [tuple(given[d] for d in reduced)])
    at, counting = _VARIABLES[: len(outer)], _VARIABLES[len(outer) : len(outer) + len(inner)]
    element = region.element(x, (*of, *along), at + counting)
    if math.prod(inner) <= _SHORT:  # term by term
        shifts = [sum(map(operator.mul, along, place)) for place in itertools.product(*map(range, inner))]
        terms = [region.element(x, of, at, shift) for shift in shifts]
        lines = [f"s = {terms[0]}", *(_taken(step, "s", term) for term in terms[1:])]
        return _nest(outer, at, [*lines, region.stored(step, to, at, "s")])
    if outer and min(map(abs, of)) < min(map(abs, along)):  # many at once
        here = region.element(step, to, at)
        begun = _nest(outer, at, [f"{here} = {_start(step)}"])
        return begun + _nest((*inner, *outer), counting + at, [_taken(step, here, element)])
    lines = [f"s = {_start(step)}", *_nest(inner, counting, [_taken(step, "s", element)])]
    return _nest(outer, at, [*lines, region.stored(step, to, at, "s")])


def _gather(step: Value, region: Region) -> list[str]:
    """Elements, or rows, where vectors of whole numbers say; what these are is looked at before anything else."""
    x, index = step.args
    entries = index if isinstance(index, tuple) else (index,)
    n, rest = len(entries), x.shape[len(entries) :]
    lines = []
    for d, (entry, length) in enumerate(zip(entries, x.shape, strict=False)):
        element = region.element(entry, over(region.layouts[entry], entry.shape, entry.shape), "i")
        known = entry.array is not None and entry.array.size and entry.array.min() >= 0 and entry.array.max() < length
        if known:
            lines.append(f"p{d} = {element}")
            continue
        lines.append(f"p{d} = {element} + ({length} if {element} < 0 else 0)")
        message = f"an index is out of bounds for axis {d} with size {length}"
        check = [f"if not {-length} <= {element} < {length}:", f"    raise IndexError({message!r})"]
        region.checks += _nest(entry.shape, "i", check)
    variables = _VARIABLES[1 : 1 + len(rest)]
    value = region.element(x, region.layouts[x].strides, [*(f"p{d}" for d in range(n)), *variables])
    stored = region.stored(step, region.layouts[step].strides, "i" + variables, value)
    return _nest(entries[0].shape, "i", [*lines, *_nest(rest, variables, [stored])])


def _join(step: Value, region: Region) -> list[str]:
    """Copies of what does not lie in its place in a vector of several arrays."""
    place, offset, lines = region.memory.place[step], 0, []
    for arg in step.args:
        here = region.memory.root_place(arg)
        if here is None or here.block is not place.block or here.offset != place.offset + offset * arg.dtype.itemsize:
            if arg.array is not None and place.block.kind == "arena":
                region.source.copy_part(step, arg, offset * arg.dtype.itemsize, region.source.header)
            else:
                lines += _copy(arg, step, offset, region)
        offset += size(arg)
    return lines


def _copy(x: Value, out: Value, offset: int, region: Region) -> list[str]:
    """Copy an array row by row to where, in another, there are as many elements."""
    rows = tuple(math.prod(x.shape[d + 1 :]) for d in range(len(x.shape)))
    axes, (to, of) = coalesced(x.shape, [rows, region.layouts[x].strides])
    variables = _VARIABLES[: len(axes)]
    return _nest(axes, variables, [region.stored(out, to, variables, region.element(x, of, variables), offset)])


def _nest(space: Iterable[int], variables: Iterable[str], body: list[str]) -> list[str]:
    for n, variable in reversed([*zip(space, variables, strict=True)]):
        body = _indented(body, f"for {variable} in range({n}):")
    return body


def _indented(lines: list[str], first: str) -> list[str]:
    return [first, *(f"    {line}" for line in lines)]
