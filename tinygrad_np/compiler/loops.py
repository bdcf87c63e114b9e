"""Loops over blocks of large arrays: how long the blocks are, where the values between live, and the text."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tinygrad_np.compiler.kinds import reducing_ufunc
from tinygrad_np.compiler.memory import Memory
from tinygrad_np.compiler.packing import Block
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.schedule import Item
from tinygrad_np.compiler.source import Source

__all__ = ["BLOCK", "Loop", "available_threads", "planned", "write"]

BLOCK = 1 << 18  # bytes of a block: one more call costs more than the way to the third-level cache, for some of them
_WORTH_A_THREAD = 1 << 23  # elements times steps: less is done before the other thread is awake


@dataclass(slots=True)
class Loop:
    """A loop over blocks of ``length`` of ``n`` elements.

    Attributes
    ----------
    slots : dict of Value to Block
        Memory for what lives within one turn; each of two threads has a piece.
    parts : dict of Value to Block
        For each sum, a number per block.
    """

    item: Item
    n: int
    length: int
    threads: int
    slots: dict[Value, Block] = field(default_factory=dict)
    parts: dict[Value, Block] = field(default_factory=dict)


def available_threads() -> int:
    """How many threads may go through a loop: two, where there are processors for them."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(2, len(affinity(0)) if affinity else os.cpu_count() or 1)


def planned(item: Item, index: int, memory: Memory, threads: int, block: int = BLOCK, fused: bool = False) -> Loop:
    """Decide on the blocks of an item, and allocate what it needs for its time."""
    assert item.space is not None
    n = math.prod(item.space)
    threads = threads if n * len(item.steps) >= _WORTH_A_THREAD else 1
    block = block if fused else block // threads  # each has scratch memory of its own
    length = max(1, block // max(step.dtype.itemsize for step in item.steps))
    count = max(-(-n // length), threads)
    length = -(-n // count)
    length = -(-length // 64) * 64 if length > 64 else length  # blocks of one length, that begin at cache lines
    loop = Loop(item, n, length, threads)

    free: dict[int, list[Block]] = defaultdict(list)
    last = {arg: i for i, step in enumerate(item.steps) for arg in operands(step)}
    for i, step in enumerate(item.steps):
        if reducing_ufunc(step):
            loop.parts[step] = memory.temporary(-(-n // length) * step.dtype.itemsize, index)
        dying = dict.fromkeys(arg for arg in operands(step) if arg in loop.slots and last[arg] == i)
        for arg in dying:
            free[arg.dtype.itemsize].append(loop.slots[arg])
        if step in memory.scratch and not fused:
            width = step.dtype.itemsize
            loop.slots[step] = free[width].pop() if free[width] else memory.temporary(width * length * threads, index)
    return loop


def write(source: Source, loop: Loop) -> None:
    """Add a function that goes through the blocks, and its call."""
    memory, steps = source.memory, loop.item.steps
    cut: dict[Value, None] = {}  # the arrays that are cut into blocks
    columns: dict[str, str] = {}  # what else has a block per turn: its name there, and its text
    arguments: dict[Value, None] = {}
    lines = []
    for step in steps:
        for arg in operands(step):
            source.name(arg)
            if arg not in loop.slots and size(arg) == loop.n:
                cut[arg] = None
            elif arg not in loop.slots and arg.array is None and (arg not in memory.fixed or memory.in_results(arg)):
                arguments[arg] = None
        if step in loop.slots:
            scratch, pieces = _scratch(source, loop, step)
            source.rename(step, scratch)
            columns[scratch] = pieces
        call = Value(step.function, _filled(source, loop, step, columns), step.kwargs, (loop.n,), step.dtype)
        name = source.name(step)
        if step in loop.parts:
            columns[f"{name}_part"] = f"blocks({_array(source, f'{name}_parts', loop.parts[step], step)}, 1)"
            lines.append(
                f"{source.function(step.function)}({source.name(call.args[0])}, None, None, {name}_part, True)"
            )
            continue
        if step not in loop.slots:
            cut[step] = None
        lines.append(source.call(call, name))
    _write(source, loop, cut, columns, list(arguments), lines)
    for step in loop.parts:
        name = source.name(step)
        source.body.append(f"{source.function(step.function)}({name}_parts, None, None, {name})")


def _array(source: Source, name: str, block: Block, step: Value) -> str:
    length = block.nbytes // step.dtype.itemsize
    source.header.append(f"{name} = array(arena, {block.offset}, ({length},), {step.dtype.name!r})")
    return name


def _scratch(source: Source, loop: Loop, step: Value) -> tuple[str, str]:
    """The name of the memory for what lives within one turn, and of its pieces, one per turn."""
    block, dtype = loop.slots[step], step.dtype.name
    length = block.nbytes // step.dtype.itemsize
    name = source.once("t", f"array(arena, {block.offset}, ({length},), {dtype!r})")
    return name, source.once(f"{name}_blocks", f"scratch({name}, {loop.n}, {loop.length})")


def _filled(source: Source, loop: Loop, step: Value, columns: dict[str, str]) -> tuple[object, ...]:
    """The operands, with a block of equal numbers in place of a number where that is faster."""
    block = Value(step.function, (), {}, (min(loop.length, loop.n),), step.dtype)
    args = []
    for arg in step.args:
        filled = source.filled(block, arg)
        if filled is not arg:
            name = source.name(filled)
            columns[f"{name}_block"] = f"scratch({name}, {loop.n}, {loop.length})"
            filled = Value(None, (), {}, block.shape, step.dtype)
            source.rename(filled, f"{name}_block")
        args.append(filled)
    return tuple(args)


def _write(
    source: Source, loop: Loop, cut: Iterable[Value], columns: dict[str, str], arguments: list[Value], lines: list[str]
) -> None:
    once = {source.name(value): value for value in cut}.values()
    fixed = [value for value in once if value in source.memory.fixed or value.array is not None]
    dynamic = [value for value in once if value not in fixed]
    name = source.unused("loop")
    rows = source.unused(f"{name}_rows")
    kept = list(columns.values())
    for value in fixed:
        text = f"blocks({source.name(value)}, {loop.length})"
        kept.append(source.once(f"{source.name(value)}_blocks", text, value))
    lines_of = source.lines(*fixed)
    if dynamic:
        lines_of.append(f"{rows} = [{', '.join(kept)}]")
        pieces = [f"*{rows}"] * bool(kept) + [f"blocks({source.name(value)}, {loop.length})" for value in dynamic]
        rows = f"list(zip({', '.join(pieces)}))"
    else:
        lines_of.append(f"{rows} = list(zip({', '.join(kept)}))")
    variables = [*columns, *map(source.name, [*fixed, *dynamic])]
    parameters = ["rows", *map(source.name, arguments)]
    source.loops += [f"def {name}({', '.join(parameters)}):", f"    for {', '.join(variables)}, in rows:"]
    source.loops += [*(f"        {line}" for line in lines), "", ""]
    given = ", ".join([rows, *parameters[1:]])
    call = f"both({name}, {given})" if loop.threads > 1 else f"{name}({given})"
    source.body.append(f"{call}  # {loop.n} elements, {loop.length} at a time")
