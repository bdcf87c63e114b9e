"""Turns: where a program does the same again and again, and what each operand is in all of them.

Steps are numbered by what they do (function, static arguments, shapes), the sequence of numbers is searched for
periods, and then each operand is looked at in all turns. It is the same in each, or what this turn has computed, or one
of the turns before, or there before the loop, another one for each turn. If it is none of these, the loop ends here.
"""

from __future__ import annotations

import operator
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_array_of, is_contraction, is_pure, is_view
from tinygrad_np.compiler.passes.common import identity
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.periods import repetitions
from tinygrad_np.compiler.products import lengths
from tinygrad_np.compiler.program import Program, Value, written
from tinygrad_np.compiler.rewriting import operands, size

__all__ = ["Earlier", "Loop", "Steps", "can_be_in_a_loop"]

LEAST = 8  # turns
LINES = 64  # that a loop has to save
_NEAR = 4  # steps: operands from so close by are part of what a step is
_PHASES = 64  # beginnings of a turn that are looked at
_SPLITS = 20  # so often, a stretch is taken apart where an operand breaks the pattern
_ODD = 0.2  # of the turns


@dataclass(eq=False, slots=True)
class Loop:
    """Steps ``start, start + 1, ...`` of a program, ``period`` in each of so many ``turns``.

    Attributes
    ----------
    roles : dict of (int, int) to object
        What an operand is: (step of the body, number of the operand) -> a Value that is the same in each turn; a
        tuple of Values, one for each turn; ``Earlier``.
    aside : set of int
        Steps of the body that are views of what is there before: they stay where they are, outside.
    """

    start: int
    period: int
    turns: int
    roles: dict[tuple[int, int], Any] = field(default_factory=dict)
    aside: set[int] = field(default_factory=set)

    @property
    def stop(self) -> int:
        return self.start + self.period * self.turns


@dataclass(slots=True, frozen=True)
class Earlier:
    """What a step of the body has computed in this turn, or ``lag`` turns ago; and what there is before the first."""

    step: int
    lag: int
    first: tuple[Value, ...]


class Steps:
    """The steps of a program: what they do, and where their operands come from.

    Parameters
    ----------
    program : Program
    large, small : int
        Steps on arrays of more than ``large`` elements go through them in blocks, products of more than ``small``
        multiplications are cut into parts: that is not done in loops.
    """

    def __init__(self, program: Program, large: int, small: int) -> None:
        self.program, self.large, self.small = program, large, small
        self.position = {step: i for i, step in enumerate(program.steps)}
        self.operands: list[tuple[Value, ...]] = []
        self.keys: list[int] = []
        self._kinds: dict[Hashable, int] = {}
        self._constants: dict[Hashable, Value] = {}
        numbers: dict[Hashable, int] = {}
        self._found: list[Loop] = []
        self._last_read = [-1] * len(program.steps)
        for i, step in enumerate(program.steps):
            args = tuple(self._the_one(arg) if arg.array is not None else arg for arg in operands(step))
            self.operands.append(args)
            for arg in args:
                if (place := self.position.get(arg)) is not None:
                    self._last_read[place] = i
            key = self._key(step, i, args) if self._can_be_repeated(step) else i
            self.keys.append(numbers.setdefault(key, len(numbers)))

        for value in [*program.results, *program.updates.values()]:
            if value in self.position:
                self._last_read[self.position[value]] = len(program.steps)

    def _the_one(self, constant: Value) -> Value:
        """Equal constants are one."""
        return self._constants.setdefault(identity(constant), constant)

    def _can_be_repeated(self, step: Value) -> bool:
        if not can_be_in_a_loop(step):
            return False
        if is_contraction(step) and len(step.args[0].shape) == len(step.args[1].shape) == 2:
            (m, k), n = step.args[0].shape, step.shape[1]
            return lengths(m, k, n, self.small) is None
        return is_view(step) or size(step) < self.large or not step.shape

    def _key(self, step: Value, i: int, args: tuple[Value, ...]) -> Hashable:
        """What a step does, but for the places of its operands, and where an index is that may change."""
        where = self.position
        near = tuple(d if (d := i - where.get(arg, -_NEAR)) < _NEAR else 0 for arg in args)
        kinds = tuple(map(self._kind, args))
        if step.function is operator.getitem:
            rest: Any = len(step.args[1]) if isinstance(step.args[1], tuple) else None
        else:
            rest = self.statics(step)
        return step.function, near, kinds, self._kind(step), rest

    def _kind(self, value: Value) -> int:
        return self._kinds.setdefault((value.shape, value.dtype, value.weak), len(self._kinds))

    def statics(self, step: Value) -> Hashable:
        """All arguments but the arrays."""
        static = tuple(None if arg.__class__ is Value else identity(_without_values(arg)) for arg in step.args)
        return (static, identity(_without_values(step.kwargs))) if step.kwargs else static

    def loops(self) -> list[Loop]:
        """The loops that the program consists of, in order; they do not overlap."""
        return [
            loop
            for found in repetitions(self.keys, LEAST)
            for loop in self._loops(self._best_start(*found), *found[1:])
        ]

    def _best_start(self, start: int, period: int, stop: int) -> int:
        """Where to begin a turn so that as little as possible is needed afterwards of the last turn but one."""

        def needed(start: int) -> int:
            end = start + (stop - start) // period * period
            before = range(end - 2 * period, end - period)
            return sum(self._last_read[i] >= end > self._last_read[i - period] for i in before)

        return min(range(start, start + min(period, _PHASES)), key=needed)

    # --- what the operands are --------------------------------------------------------------------------------------
    def _loops(self, start: int, period: int, stop: int) -> Iterator[Loop]:
        """Yield the loops that a stretch of equal steps is."""
        todo, splits = [Loop(start, period, (stop - start) // period)], 0
        while todo:
            loop = todo.pop()
            if loop.turns < LEAST or (loop.turns - 1) * period < LINES:
                continue
            cut = self._broken(loop)
            if cut is None:
                self._found.append(loop)
                yield loop
            elif splits < _SPLITS:
                splits += 1
                todo.append(Loop(loop.start + cut * period, period, loop.turns - cut))
                todo.append(Loop(loop.start, period, cut))

    def _broken(self, loop: Loop) -> int | None:
        """Find the roles of all operands; or return the turn from which on one has another."""
        for step in range(loop.period):
            places = range(loop.start + step, loop.stop, loop.period)
            one = self.program.steps[places[0]]
            for k in range(len(self.operands[places[0]])):
                found = self._role(loop, step, [self.operands[i][k] for i in places])
                if isinstance(found, int):
                    return found
                loop.roles[step, k] = found
            if one.function is operator.getitem:
                statics = [self.statics(self.program.steps[i]) for i in places]
                differs = next((turn for turn, static in enumerate(statics) if static != statics[0]), None)
                if differs is None:
                    continue
                outside = all(
                    not isinstance(loop.roles[step, k], Earlier) for k in range(len(self.operands[places[0]]))
                )
                if not (outside and is_view(one)):
                    return max(differs, 1)
                loop.aside.add(step)
        if loop.aside:  # what is seen of outside is there before the loop
            for (step, k), role in list(loop.roles.items()):
                if isinstance(role, Earlier) and role.step in loop.aside:
                    column = self.program.steps[loop.start + role.step : loop.stop : loop.period]
                    loop.roles[step, k] = (*role.first, *column)[: loop.turns]
        return None

    def _odd_turn(self, places: list[int]) -> int:
        """Where a row of evenly spaced places, such as rows of an array will have, is interrupted; or 0."""
        array = np.array(places)
        distances = np.diff(array)
        common = np.bincount(distances - distances.min()).argmax() + distances.min()
        odd = distances != common
        for loop in self._found:
            inside = (array >= loop.start) & (array < loop.stop)
            odd |= inside[1:] != inside[:-1]
        (turns,) = np.nonzero(odd)
        return int(turns[0]) + 1 if 0 < len(turns) <= _ODD * len(places) else 0

    def _role(self, loop: Loop, step: int, column: list[Value]) -> Any:
        where, first, period = self.position, column[0], loop.period
        if all(arg is first for arg in column):
            place = where.get(first, -1)
            return first if place < loop.start else (place - loop.start) // period + 1
        places = [where.get(arg, -1) for arg in column]
        if places[-1] < loop.start:
            inside = [turn for turn, place in enumerate(places) if place >= loop.start]
            return inside[-1] + 1 if inside else self._odd_turn(places) or tuple(column)
        back = loop.start + (loop.turns - 1) * period + step - places[-1]
        lag = -(-(back - step) // period)
        here = loop.start + step - back
        other = [turn for turn, place in enumerate(places) if place != here + turn * period]
        if other and other[-1] >= lag:
            return other[-1] + 1
        if any(places[turn] >= loop.start for turn in range(min(lag, loop.turns))):
            return lag
        source = (step - back) % period
        like = self.program.steps[loop.start + source]
        if any((arg.shape, arg.dtype, arg.weak) != (like.shape, like.dtype, False) for arg in column[:lag]):
            return lag
        return Earlier(source, lag, tuple(column[:lag]))


def can_be_in_a_loop(step: Value) -> bool:
    """Whether a step computes one array, and nothing else, and can be written in a loop."""
    special = step.weak or step.dtype.hasobject or is_array_of(step) or step.function in (join, written)
    return not special and is_pure(step.function)


def _without_values(arg: Any) -> Any:
    """An argument with ``None`` in place of arrays."""
    if isinstance(arg, Value):
        return None
    if isinstance(arg, tuple | list):
        return tuple(map(_without_values, arg))
    return {key: _without_values(item) for key, item in arg.items()} if isinstance(arg, dict) else arg
