"""Spreading: what the turns of a loop do not need from one another is done for all of them at once.

A NumPy call on ten numbers takes a quarter of a microsecond, of which the numbers take a hundredth. So what can leave
a loop leaves it. An elementwise step on rows is one step on the arrays that have these rows. ``s = s + x`` is
``add.reduce``, or ``add.accumulate`` where its values on the way are needed: over the first axis, NumPy adds row
by row, in the order of the turns. What remains are the steps that wait for each other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_elementwise
from tinygrad_np.compiler.passes.dead_code import without_dead_code
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands, same, size
from tinygrad_np.compiler.roll import Delayed, Roll, kept

__all__ = ["spread"]

_ROW = 1 << 12  # bytes: on longer rows, a call of its own costs little
_LARGEST = 1 << 28  # bytes of all rows
_RUNNING = {np.add: (0, 1), np.multiply: (0, 1), np.subtract: (0,)}  # and where what has been computed may stand


def spread(program: Program, stays: Callable[[Value], bool]) -> Program:
    """Take out of each loop what can be done for all turns at once, but for loops that ``stays`` is true of."""
    steps: list[Value] = []
    new: dict[Value, Value] = {}
    outputs: dict[Value, list[Value]] = {}
    for old in program.steps:
        step = same(old, new)
        if isinstance(step.function, Roll) and not stays(step):
            loop = _Loop(step, step.function)
            if loop.at_once or loop.running:
                outputs[step] = loop.spread(steps)
                new[old] = step
                continue
        if step.function is kept and step.args[0] in outputs:
            new[old] = outputs[step.args[0]][step.args[1]]
            continue
        steps.append(step)
        if step is not old:
            new[old] = step
    if not outputs:
        return program
    results = [new.get(value, value) for value in program.results]
    updates = {state: new.get(value, value) for state, value in program.updates.items()}
    return without_dead_code(replace(program, steps=steps, results=results, updates=updates))


class _Loop:
    """A loop, and which of its steps can leave it: ``at_once``, or as ``running`` sums and products."""

    def __init__(self, step: Value, roll: Roll) -> None:
        self.roll, (fixed, rows, first) = roll, step.args
        self.fixed = dict(zip(roll.fixed, fixed, strict=True))
        self.rows = dict(zip(roll.rows, rows, strict=True))
        self.first = {late.value: given for late, given in zip(roll.delayed, first, strict=True)}
        self.late = {late.value: late for late in roll.delayed}
        far = {late.source for late in roll.delayed if late.lag > 1}
        self.at_once: set[Value] = set()
        self.running: dict[Value, Value] = {}  # step -> what stands for its result in the last turn
        self.groups = _waiting_for_each_other({s: list(map(self._origin, operands(s))) for s in roll.steps})
        for group in self.groups:
            one = group[0]
            small = size(one) * one.dtype.itemsize <= _ROW and size(one) * roll.turns * one.dtype.itemsize <= _LARGEST
            if (
                len(group) > 1
                or not small
                or one in far
                or not is_elementwise(one)
                or one.function is np.ndarray.astype
            ):
                continue
            own = [arg for arg in operands(one) if self._origin(arg) is one]
            others = [arg for arg in one.args if arg not in own]
            if not all(self._goes_along(arg, one) for arg in others):
                continue
            if not own:
                if any(isinstance(arg, Value) and self._is_row(arg) for arg in others):
                    self.at_once.add(one)
            elif len(own) == len(others) == 1 and _is_running_sum(one, own[0], others[0]):
                self.running[one] = own[0]

    def _origin(self, arg: Value) -> Value:
        """The step that an operand comes from, in this turn or before."""
        return self.late[arg].source if arg in self.late else arg

    def _is_row(self, arg: Value) -> bool:
        return arg in self.rows or self._origin(arg).function is not None

    def _goes_along(self, arg: Any, step: Value) -> bool:
        """Whether the rows of an operand are in one array, or can be, and go with the rows of a result."""
        if not isinstance(arg, Value) or arg.array is not None:
            return True
        if arg in self.fixed:
            return not arg.weak
        return arg.shape == step.shape and not isinstance(self.rows.get(arg), tuple)

    # --- the new steps ----------------------------------------------------------------------------------------------
    def spread(self, steps: list[Value]) -> list[Value]:
        """Append what takes the place of the loop; return what takes the places of its results."""
        self._steps, self._stacks, self._before = steps, dict[Value, Value](), dict[Value, Value]()
        self._ends: dict[Value, Value] = {}
        waiting = list(self.groups)
        done: set[Value] = set()
        while waiting:
            inside: list[Value] = []  # a loop takes all that is ready, and what becomes ready by it
            later = []
            for group in waiting:
                ready = all(
                    self._origin(arg) in done or self._origin(arg) in group or self._origin(arg).function is None
                    for step in group
                    for arg in operands(step)
                )
                out = group[0] in self.at_once or group[0] in self.running
                if ready and out:
                    self._take_out(group[0])
                    done.add(group[0])
                elif not out and all(
                    self._origin(arg) in done or self._origin(arg) in group or self._origin(arg) in inside
                    or self._origin(arg).function is None for step in group for arg in operands(step)
                ):  # fmt: skip
                    inside += group
                else:
                    later.append(group)
            if inside:
                self._loop(inside)
                done |= set(inside)
            waiting = later
        turns = self.roll.turns
        last = [self._ends[s] if s in self._ends else self._part(self._stacks[s], turns - 1) for s in self.roll.final]
        return [*(self._stacks[s] for s in self.roll.stacked), *last]

    def _append(self, function: Any, *args: Any, shape: tuple[int, ...], dtype: Any, **kwargs: Any) -> Value:
        self._steps.append(Value(function, args, kwargs, shape, dtype))
        return self._steps[-1]

    def _part(self, stack: Value, index: Any) -> Value:
        """A row, or some rows."""
        if isinstance(index, slice):
            shape: tuple[int, ...] = (len(range(*index.indices(stack.shape[0]))), *stack.shape[1:])
        else:
            shape = stack.shape[1:]
            index = index if shape else (index, ...)
        return self._append(operator.getitem, stack, index, shape=shape, dtype=stack.dtype)

    def _all_rows(self, arg: Any) -> Any:
        """The array with the rows of an operand, or an operand that is the same in each turn."""
        if not isinstance(arg, Value) or arg.array is not None:
            return arg
        if arg in self.fixed or arg in self.rows:
            return self.fixed.get(arg) or self.rows[arg]
        if arg in self.late:
            if arg not in self._before:
                stack = self._with_first(arg, self._stacks[self.late[arg].source])
                self._before[arg] = self._part(stack, slice(0, self.roll.turns))
            return self._before[arg]
        return self._stacks[arg]

    def _with_first(self, late: Value, stack: Value) -> Value:
        """Rows, with what there was before the first turn in front of them."""
        first = self.first[late]
        shape, dtype = (len(first) + self.roll.turns, *late.shape), late.dtype
        whole = self._append(join, *first, stack, shape=(size(late) * shape[0],), dtype=dtype)
        return self._append(np.reshape, whole, shape, shape=shape, dtype=dtype)

    def _take_out(self, step: Value) -> None:
        n = self.roll.turns
        if step in self.at_once:
            args = tuple(map(self._all_rows, step.args))
            self._stacks[step] = self._append(step.function, *args, shape=(n, *step.shape), dtype=step.dtype)
            return
        late = self.running[step]
        rows = self._all_rows(next(arg for arg in step.args if arg is not late))
        if rows.shape != (n, *step.shape):
            rows = self._append(np.broadcast_to, rows, (n, *step.shape), shape=(n, *step.shape), dtype=rows.dtype)
        rows = self._with_first(late, rows)
        on_the_way = step in self.roll.stacked or size(step) < 2  # a sum of single numbers is not added up in order
        if on_the_way or any(step in map(self._origin, operands(s)) for s in self.roll.steps if s is not step):
            assert isinstance(step.function, np.ufunc)
            whole = self._append(step.function.accumulate, rows, shape=rows.shape, dtype=step.dtype)
            self._before[late] = self._part(whole, slice(0, n))
            self._stacks[step] = self._part(whole, slice(1, n + 1))
        else:
            assert isinstance(step.function, np.ufunc)
            self._ends[step] = self._append(
                step.function.reduce, rows, axis=(0,), keepdims=False, shape=step.shape, dtype=step.dtype
            )

    def _loop(self, inside: list[Value]) -> None:
        """A loop with some of the steps."""
        steps = [step for step in self.roll.steps if step in inside]
        roll = Roll(self.roll.turns, [])
        fixed, rows, first = list[Value](), list[Any](), list[Any]()
        new: dict[Value, Value] = {}
        for step in steps:
            for arg in operands(step):
                if arg in new or arg.array is not None or arg in inside:
                    continue
                if arg in self.fixed:
                    roll.fixed.append(arg)
                    fixed.append(self.fixed[arg])
                    new[arg] = arg
                elif arg in self.late and self._origin(arg) in inside:
                    first.append(self.first[arg])
                    roll.delayed.append(self.late[arg])
                    new[arg] = arg
                else:
                    new[arg] = Value(None, (), {}, arg.shape, arg.dtype)
                    roll.rows.append(new[arg])
                    rows.append(self.rows[arg] if arg in self.rows else self._all_rows(arg))
            found = same(step, new)
            roll.steps.append(found)
            if found is not step:
                new[step] = found
        now = {step: new.get(step, step) for step in steps}
        roll.delayed = [Delayed(late.value, now[late.source], late.lag) for late in roll.delayed]
        read = {self._origin(arg) for step in self.roll.steps if step not in inside for arg in operands(step)}
        stacked = [step for step in steps if step in read or step in self.roll.stacked]
        final = [step for step in steps if step in self.roll.final and step not in stacked]
        roll.stacked, roll.final = [now[step] for step in stacked], [now[step] for step in final]
        whole = self._append(roll, tuple(fixed), tuple(rows), tuple(first), shape=(), dtype=np.dtype(object))
        for k, step in enumerate([*stacked, *final]):
            if step in stacked:
                shape = (roll.turns, *step.shape)
                self._stacks[step] = self._append(kept, whole, k, shape=shape, dtype=step.dtype)
            else:
                self._ends[step] = self._append(kept, whole, k, shape=step.shape, dtype=step.dtype)


def _is_running_sum(step: Value, own: Value, other: Any) -> bool:
    """Whether a step adds to what it was in the last turn, multiplies it, subtracts from it."""
    places: Any = _RUNNING
    ordered = step.args.index(own) in places.get(step.function, ())
    return ordered and isinstance(other, Value) and other.dtype == step.dtype


def _waiting_for_each_other(needs: dict[Value, list[Value]]) -> list[list[Value]]:
    """Groups of steps that need each other's results in turn, each behind those that it needs (Kosaraju, 1978)."""
    readers: dict[Value, list[Value]] = {step: [] for step in needs}
    for step, args in needs.items():
        for arg in args:
            if arg in readers:
                readers[arg].append(step)
    order: list[Value] = []
    seen: set[Value] = set()

    def visit(start: Value, following: dict[Value, list[Value]], found: list[Value]) -> None:
        stack = [(start, iter(following[start]))]
        seen.add(start)
        while stack:
            top, rest = stack[-1]
            successor = next((s for s in rest if s in following and s not in seen), None)
            if successor is None:
                found.append(top)
                stack.pop()
            else:
                seen.add(successor)
                stack.append((successor, iter(following[successor])))

    for step in needs:
        if step not in seen:
            visit(step, readers, order)
    seen.clear()
    groups: list[list[Value]] = []
    for step in reversed(order):
        if step not in seen:
            groups.append([])
            visit(step, needs, groups[-1])
    return groups
