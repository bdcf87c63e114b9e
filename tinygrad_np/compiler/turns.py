"""Loops over turns: where each step of the body puts its result, and the text."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from tinygrad_np.compiler.kinds import is_elementwise, is_view
from tinygrad_np.compiler.memory import Memory, Place
from tinygrad_np.compiler.packing import Block
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import in_order, operands
from tinygrad_np.compiler.roll import Delayed, Roll
from tinygrad_np.compiler.schedule import Item
from tinygrad_np.compiler.source import Source
from tinygrad_np.compiler.views import is_computed_into, nbytes

__all__ = ["Turns", "planned", "write"]


@dataclass(slots=True, eq=False)
class Turns:
    """A loop whose arrays have their places.

    Attributes
    ----------
    steps : list of Value
        The body, in the order in which it runs.
    final : dict of Value to Value
        Step of the body -> where the result of the last turn is to be.
    home : dict of Value to Value
        Step of the body, or what stands for a result of the turn before -> the array that it lies in, in every turn.
    stacks : dict of Value to Value
        Step of the body -> the array in which each turn has a row for it.
    handed_on : dict of Delayed to Value
        What is copied from turn to turn, and where to.
    last_rows : dict of Value to Value
        What is in a stack for later turns to read, of which only the last row is kept, and where.
    """

    step: Value
    roll: Roll
    steps: list[Value] = field(default_factory=list)
    final: dict[Value, Value] = field(default_factory=dict)
    home: dict[Value, Value] = field(default_factory=dict)
    stacks: dict[Value, Value] = field(default_factory=dict)
    handed_on: dict[Delayed, Value] = field(default_factory=dict)
    last_rows: dict[Value, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, item: Item) -> Turns:
        """What there is before anything is planned: the places of what is kept."""
        step = item.steps[-1]
        roll = step.function
        assert isinstance(roll, Roll)
        outputs = [*roll.stacked, *roll.final]
        parts = {outputs[part.args[1]]: part for part in item.steps[:-1]}
        stacks, final = ({v: parts[v] for v in values if v in parts} for values in (roll.stacked, roll.final))
        return cls(step, roll, roll.steps, final=final, stacks=stacks)


def planned(item: Item, index: int, memory: Memory) -> Turns:
    """Allocate what the turns need, besides what is kept of them."""
    turns = Turns.of(item)
    roll, final = turns.roll, turns.final
    readers = Counter(late.source for late in roll.delayed)
    for late in roll.delayed:
        if (late.lag > 1 or readers[late.source] > 1) and late.source not in turns.stacks:
            block = memory.temporary(nbytes(late.source) * roll.turns, index)
            turns.stacks[late.source] = memory.at_place(late.source, Place(block, 0), roll.turns)

    roots: dict[Value, Value] = {}
    for value in roll.steps:
        roots[value] = roots.get(value.args[0], value.args[0]) if is_view(value) else value
    turns.steps = _readers_first(roll, roots)
    position = {value: i for i, value in enumerate(turns.steps)}
    last: dict[Value, int] = {}
    for i, value in enumerate(turns.steps):
        for arg in operands(value):
            last[roots.get(arg, arg)] = i

    def is_overwritten_in_place(value: Value, arg: Value) -> bool:
        """Whether a step may write where an operand lies that nobody reads afterwards."""
        if not is_elementwise(value) or (arg.shape, arg.dtype) != (value.shape, value.dtype):
            return False
        return all(other is arg or roots.get(other, other) is not arg for other in operands(value))

    pending = set()  # what is copied to where the next turn finds it, at the end of this one
    for late in roll.delayed:
        value = late.source
        if value in turns.stacks:
            continue
        home = final.get(value) or memory.at_place(value, Place(memory.temporary(nbytes(value), index), 0))
        turns.home[late.value] = home
        read = last.get(late.value, -1)
        early = read < position[value] or (read == position[value] and is_overwritten_in_place(value, late.value))
        if early and _is_computed(value):
            turns.home[value] = home
        else:
            turns.handed_on[late] = home
            pending.add(value)

    free: dict[int, list[Block]] = defaultdict(list)
    blocks: dict[Value, Block] = {}
    for i, value in enumerate(turns.steps):
        if (_is_computed(value) or value in pending) and value not in turns.home and value not in turns.stacks:
            if value in final and value not in pending:
                turns.home[value] = final[value]
            else:
                dying = [arg for arg in operands(value) if arg in blocks and arg not in pending and last[arg] == i]
                taken = next((arg for arg in dying if is_overwritten_in_place(value, arg)), None)
                if taken is not None:
                    blocks[value] = blocks.pop(taken)
                else:
                    sizes = free[nbytes(value)]
                    blocks[value] = sizes.pop() if sizes else memory.temporary(nbytes(value), index)
                turns.home[value] = memory.at_place(value, Place(blocks[value], 0))
        for arg in {roots.get(arg, arg) for arg in (value, *operands(value))}:
            if arg in blocks and arg not in pending and last.get(arg, position[arg]) == i:
                free[nbytes(arg)].append(blocks.pop(arg))
    for value, part in final.items():
        if value in turns.stacks:
            turns.last_rows[value] = part
        elif value not in turns.home:
            turns.home[value] = part
    return turns


def _readers_first(roll: Roll, roots: dict[Value, Value]) -> list[Value]:
    """The body with what the last turn has left read before it is replaced, where that can be: it need not be kept."""
    steps = roll.steps
    for late in roll.delayed:
        after = set(steps[steps.index(late.source) + 1 :])
        readers = [value for value in after if late.value in {roots.get(arg, arg) for arg in operands(value)}]
        if readers:
            steps = in_order(steps, {late.source: readers}) or steps
    return steps


def _is_computed(value: Value) -> bool:
    """Whether a step of the body is told where to put its result."""
    return is_computed_into(value) and value.function is not np.reshape


class _Text:
    """The lines of one loop."""

    def __init__(self, source: Source, turns: Turns) -> None:
        self.source, self.turns, self.memory = source, turns, source.memory
        self.before: list[str] = []
        self.lines: list[str] = []
        self.rows: dict[Value, str] = {}  # what goes into a stack -> the row of this turn
        self.lists: dict[str, tuple[str, tuple[Value, ...] | None]] = {}  # variable -> its values; what they depend on

    def _fixed(self, value: Value) -> bool:
        return value in self.memory.fixed or value.array is not None

    def _variable(self, value: Value, text: str, depends: tuple[Value, ...] | None) -> None:
        name = self.source.variable(value)
        self.source.rename(value, name)
        self.lists[name] = text, depends

    def _rows(self, given: Value | tuple[Value, ...]) -> tuple[str, tuple[Value, ...] | None]:
        """A list of one array for each turn, and what it depends on, if it is the same in each run."""
        source, values = self.source, given if isinstance(given, tuple) else (given,)
        fixed = values if all(map(self._fixed, values)) else None
        name = source.name(values[0])
        text = f"[{', '.join(map(source.name, given))}]" if isinstance(given, tuple) else f"rows({name})"
        return (source.once(f"{name}_rows", text, *values) if fixed else text), fixed

    def write(self) -> None:
        """Add them to the source."""
        source, turns, roll = self.source, self.turns, self.turns.roll
        fixed, rows, first = turns.step.args
        for value, given in zip(roll.fixed, fixed, strict=True):
            source.rename(value, source.name(given))
        for value, given in zip(roll.rows, rows, strict=True):
            self._variable(value, *self._rows(given))
        for late, given in zip(roll.delayed, first, strict=True):
            self._start(late, given)
        for value, stack in turns.stacks.items():
            self._variable(value, *self._rows(stack))
            self.rows[value] = source.name(value)
        for value in turns.steps:
            self._step(value)
        for late, home in turns.handed_on.items():
            self.lines.append(
                f"{source.function(np.copyto)}({source.name(home)}, {source.name(turns.home[late.source])})"
            )
        self._put_together()

    def _start(self, late: Delayed, given: tuple[Value, ...]) -> None:
        source, home = self.source, self.turns.home.get(late.value)
        if home is not None:
            source.rename(late.value, source.name(home))
            self.before.append(f"{source.function(np.copyto)}({source.name(home)}, {source.name(given[0])})")
            return
        stack = self.turns.stacks[late.source]
        rows, _ = self._rows(stack)
        text = f"[{', '.join(map(source.name, given))}, *{rows}[:-{late.lag}]]"
        depends = (stack, *given)
        if all(map(self._fixed, given)):
            self._variable(late.value, source.once(f"{rows}_before", text, *depends), depends)
        else:
            self._variable(late.value, text, None)

    def _step(self, value: Value) -> None:
        source, turns = self.source, self.turns
        home, stack = turns.home.get(value), turns.stacks.get(value)
        if _is_computed(value):
            if home is not None:
                source.rename(value, source.name(home))
            filled = tuple(source.filled(value, arg) for arg in value.args)
            call = Value(value.function, filled, value.kwargs, value.shape, value.dtype)
            self.lines.append(f"{source.call(call, source.name(value))}  # {value.shape}")
            return
        target = self.rows[value] if stack is not None else source.name(home) if home is not None else None
        if not is_view(value) or not self._view(value):
            name = source.variable(value)
            text = source.view_text(value) if is_view(value) else source.expression(value)
            source.rename(value, name)
            self.lines.append(f"{name} = {text}")
        if target is not None:
            self.lines.append(f"{source.function(np.copyto)}({target}, {source.name(value)})")

    def _view(self, value: Value) -> bool:
        """Make a view once and for all, if what it shows lies where it lies."""
        source, x = self.source, value.args[0]
        home, name = self.turns.home.get(x), source.name(x)
        if home is not None and _is_computed(x):
            source.rename(value, source.once(f"{name}_view", source.view_text(value), home))
            return True
        found, depends = self.lists.get(name, ("", None))
        if depends is None or (value.function is np.reshape and not all(map(self._is_contiguous, depends))):
            return False
        each = Value(None, (), {}, x.shape, x.dtype)
        source.rename(each, "a")
        text = source.view_text(Value(value.function, (each, *value.args[1:]), {}, value.shape, value.dtype))
        self._variable(value, source.once(f"{found}_views", f"[{text} for a in {found}]", *depends), depends)
        return True

    def _is_contiguous(self, value: Value) -> bool:
        return self.memory.contiguous(value) or value in self.memory.place

    def _put_together(self) -> None:
        roll, used = self.turns.roll, self.lists
        if not used:
            head = f"for _ in range({roll.turns}):"
        elif len(used) == 1:
            ((name, (values, _)),) = used.items()
            head = f"for {name} in {values}:"
        else:
            head = f"for {', '.join(used)} in zip({', '.join(values for values, _ in used.values())}):"
        self.source.body += [*self.before, f"{head}  # {roll.turns} turns", *(f"    {line}" for line in self.lines)]
        for value, last in self.turns.last_rows.items():
            self.source.body.append(f"{self.source.function(np.copyto)}({self.source.name(last)}, {self.rows[value]})")


def write(source: Source, turns: Turns) -> None:
    """Add a loop, one turn after the other."""
    _Text(source, turns).write()
