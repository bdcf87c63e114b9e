"""Rolling: what a program does again and again, turn after turn, becomes a loop."""

from __future__ import annotations

import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_view
from tinygrad_np.compiler.passes.dead_code import without_dead_code
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.repeats import Earlier, Loop, Steps, can_be_in_a_loop
from tinygrad_np.compiler.rewriting import operands, same, size
from tinygrad_np.compiler.roll import Delayed, Roll, kept

__all__ = ["rolled", "with_turns"]

_SHORT = 64  # steps: a shorter program stays as it is
_LINES_PER_ROW = 4  # that is read outside of loops: its array, its copy to where it is wanted
_WASTE = 1 << 16  # bytes that may be kept from turns from which nothing is needed


def rolled(program: Program, large: int, small: int) -> Program:
    """Replace what repeats itself by loops, but for steps on ``large`` arrays and products that are not ``small``."""
    if len(program.steps) < _SHORT:
        return program
    found = Steps(program, large, small)
    loops = found.loops()
    return _replaced(found, loops) if loops else program


def with_turns(program: Program, change: Callable[[Program], Program]) -> Program:
    """Change what is done in each turn of a loop: its body as a program, whose results are what is kept of it."""
    for step in program.steps:
        if isinstance(step.function, Roll):
            _change(step.function, change)
    return program


def _change(roll: Roll, change: Callable[[Program], Program]) -> None:
    kept_values, sources = [*roll.stacked, *roll.final], [late.source for late in roll.delayed]
    given = [*roll.fixed, *roll.rows, *(late.value for late in roll.delayed)]
    body = change(Program(given, [], roll.steps, [*kept_values, *sources]))
    made, results = set(body.steps), body.results
    n = len(kept_values)
    if not made.issuperset(results) or len(set(results[:n])) < n or not all(map(can_be_in_a_loop, body.steps)):
        return  # two results are the same, or one is there before: it stays as it is
    roll.steps, k = body.steps, len(roll.stacked)
    roll.stacked, roll.final = results[:k], results[k:n]
    for late, source in zip(roll.delayed, results[n:], strict=True):
        late.source = source


def _replaced(found: Steps, loops: list[Loop]) -> Program:
    """The program with loops in place of steps."""
    program = found.program
    writing = _Rolls(found, loops)
    begins = {loop.start: loop for loop in writing.loops}
    i = 0
    while i < len(program.steps):
        if i in begins:
            writing.add(begins[i])
            i = begins[i].stop
        else:
            writing.add_step(program.steps[i])
            i += 1
    updates = {state: writing.value(value) for state, value in program.updates.items()}
    results = [writing.value(value) for value in program.results]
    return without_dead_code(replace(program, steps=writing.steps, results=results, updates=updates))


class _Rolls:
    """The new program, step by step."""

    def __init__(self, found: Steps, loops: list[Loop]) -> None:
        self.found, self.steps = found, list[Value]()
        self.new: dict[Value, Value] = {}  # what was asked for -> what takes its place
        self._kept: dict[tuple[Loop, int], Value] = {}
        self.loops, self._owner, self._needed = loops, list[Loop | None](), dict[Loop, dict[int, set[int]]]()
        while not self._are_worth_it():
            pass

    def _are_worth_it(self) -> bool:
        """Leave out loops that do not pay, and say whether all do: rows may now be read by what was another loop."""
        alone = self._find_needed()
        worth = [loop for loop in self.loops if not self._wastes(loop, alone[loop])]
        done, self.loops = len(worth) == len(self.loops), worth
        return done

    def _find_needed(self) -> Counter[Loop]:
        """Find which steps of which turns are read outside of their loop; count what is read by steps in no loop."""
        program, where = self.found.program, self.found.position
        self._owner = [None] * len(program.steps)
        for loop in self.loops:
            for step in set(range(loop.period)) - loop.aside:
                self._owner[loop.start + step : loop.stop : loop.period] = [loop] * loop.turns
        self._needed = {loop: defaultdict(set) for loop in self.loops}
        read_alone: dict[Loop, set[int]] = defaultdict(set)
        ends = [where[value] for value in [*program.results, *program.updates.values()] if value in where]
        readers = [*zip(self._owner, self.found.operands, strict=True), (None, [program.steps[i] for i in ends])]
        for reader, args in readers:
            for arg in args:
                i = where.get(arg)
                if i is not None and (owner := self._owner[i]) is not None and owner is not reader:
                    turn, step = divmod(i - owner.start, owner.period)
                    self._needed[owner][step].add(turn)
                    if reader is None:
                        read_alone[owner].add(i)
        return Counter({loop: len(rows) for loop, rows in read_alone.items()})

    def _wastes(self, loop: Loop, alone: int) -> bool:
        """Whether the rows that are read one by one take more lines than the loop saves, or most are read by nobody."""
        if alone * _LINES_PER_ROW > (loop.turns - 1) * loop.period:
            return True
        for step, turns in self._needed[loop].items():
            like = self.found.program.steps[loop.start + step]
            others = (loop.turns - len(turns)) * size(like) * like.dtype.itemsize
            if turns != {loop.turns - 1} and others > max(_WASTE, len(turns) * size(like) * like.dtype.itemsize):
                return True
        return False

    # --- the steps outside ------------------------------------------------------------------------------------------
    def value(self, old: Value) -> Value:
        """What takes the place of a Value."""
        found = self.new.get(old)
        if found is None:
            i = self.found.position.get(old)
            owner = None if i is None else self._owner[i]
            if i is None or owner is None:
                return old
            turn, step = divmod(i - owner.start, owner.period)
            found = self._kept[owner, step]
            if self._needed[owner][step] != {owner.turns - 1}:
                index = (turn, ...) if old.shape == () else turn
                found = self._append(Value(operator.getitem, (found, index), {}, old.shape, old.dtype))
            self.new[old] = found
        return found

    def _append(self, step: Value) -> Value:
        self.steps.append(step)
        return step

    def add_step(self, step: Value) -> None:
        """A step that is in no loop."""
        for arg in operands(step):
            self.value(arg)
        new = same(step, self.new)
        self.steps.append(new)
        if new is not step:
            self.new[step] = new

    # --- loops ------------------------------------------------------------------------------------------------------
    def add(self, loop: Loop) -> None:
        """A loop, as one step, and what is kept of it."""
        program = self.found.program
        for step in sorted(loop.aside):
            for i in range(loop.start + step, loop.stop, loop.period):
                self.add_step(program.steps[i])
        roll = Roll(loop.turns, [])
        fixed, rows, first = list[Value](), list[Any](), list[tuple[Value, ...]]()
        known: dict[Any, Value] = {}
        body: dict[int, Value] = {}

        def stands_for(role: Any, like: Value) -> Value:
            if isinstance(role, Value) and role.array is not None:
                return role
            if isinstance(role, Earlier) and not role.lag:
                return body[role.step]
            if role not in known:
                known[role] = Value(None, (), {}, like.shape, like.dtype, weak=like.weak)
                if isinstance(role, Value):
                    roll.fixed.append(known[role])
                    fixed.append(self.value(role))
                elif isinstance(role, tuple):
                    roll.rows.append(known[role])
                    rows.append(self._rows(role))
                else:
                    late.append((known[role], role))
                    first.append(tuple(map(self.value, role.first)))
            return known[role]

        late: list[tuple[Value, Earlier]] = []
        for i in range(loop.period):
            if i in loop.aside:
                continue
            one = program.steps[loop.start + i]
            roles = iter([
                stands_for(loop.roles[i, k], like) for k, like in enumerate(self.found.operands[loop.start + i])
            ])  # fmt: skip
            args, kwargs = _replaced_in_order(one.args, roles), _replaced_in_order(one.kwargs, roles)
            body[i] = Value(one.function, args, kwargs, one.shape, one.dtype)
        roll.steps = list(body.values())
        roll.delayed = [Delayed(value, body[role.step], role.lag) for value, role in late]
        whole = self._append(Value(roll, (tuple(fixed), tuple(rows), tuple(first)), {}, (), np.dtype(object)))
        needed = {step: turns for step, turns in self._needed[loop].items() if turns}
        stacked = [step for step, turns in needed.items() if turns != {loop.turns - 1}]
        final = [step for step in needed if step not in stacked]
        roll.stacked, roll.final = [body[i] for i in stacked], [body[i] for i in final]
        for k, i in enumerate([*stacked, *final]):
            shape = (loop.turns, *body[i].shape) if i in stacked else body[i].shape
            self._kept[loop, i] = self._append(Value(kept, (whole, k), {}, shape, body[i].dtype))

    def _rows(self, values: tuple[Value, ...]) -> Any:
        """An array with a row for each turn, if there is one or it can be made now; or else the tuple."""
        constants = [value.array for value in values if value.array is not None]
        if len(constants) == len(values):
            return Value(None, (), {}, (len(values), *values[0].shape), values[0].dtype, array=np.stack(constants))
        found = [self._row_of(value) for value in values]
        base, rest = found[0][0], found[0][2]
        turns = [turn for _, turn, _ in found]
        step = turns[1] - turns[0]
        even = step and all(turn == turns[0] + i * step for i, turn in enumerate(turns))
        if base is None or not even or any(other is not base or more != rest for other, _, more in found):
            return tuple(map(self.value, values))
        stop = turns[-1] + (1 if step > 0 else -1)  # of a slice
        index = slice(turns[0], None if stop < 0 else stop, step)
        if index == slice(0, base.shape[0], 1) and not rest:
            return base
        shape = (len(values), *values[0].shape)
        return self._append(Value(operator.getitem, (base, (index, *rest) if rest else index), {}, shape, base.dtype))

    def _row_of(self, value: Value) -> tuple[Value | None, int, tuple[Any, ...]]:
        """The array that a Value is a row of: the array, which row, and further indices."""
        i = self.found.position.get(value)
        owner = None if i is None else self._owner[i]
        if i is not None and owner is not None:
            turn, step = divmod(i - owner.start, owner.period)
            return self._kept[owner, step], turn, ()
        value = self.value(value)
        if value.function is not operator.getitem or not is_view(value):
            return None, 0, ()
        base, index = value.args
        row, *rest = index if isinstance(index, tuple) else (index,)
        if type(row) is not int or None in rest or Ellipsis in rest:
            return None, 0, ()
        return base, row % base.shape[0], tuple(rest)


def _replaced_in_order(arg: Any, values: Iterator[Value]) -> Any:
    """An argument with other Values in it, taken one after the other."""
    if isinstance(arg, Value):
        return next(values)
    if isinstance(arg, tuple | list):
        items = [_replaced_in_order(item, values) for item in arg]
        return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
    return {key: _replaced_in_order(item, values) for key, item in arg.items()} if isinstance(arg, dict) else arg
