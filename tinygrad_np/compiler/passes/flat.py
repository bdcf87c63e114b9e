"""Flat vectors: the same update of every parameter becomes one update of one long vector.

An optimizer does the same few operations to each parameter. Here they are done once, on all of them laid end to end:
``join`` puts parameters, gradients, moments into one vector each, and the new values are parts of the results. The
plan allocates the operands of ``join`` side by side, so that nothing is moved.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import getitem
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_elementwise
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import in_order, operands, same, size, uses

__all__ = ["join", "with_flat_updates"]


def join(*arrays: Any) -> Any:
    """Arrays of one dtype, end to end, as one vector."""
    return np.concatenate([array.reshape(-1) for array in arrays])


@dataclass(slots=True)
class _Update:
    """What happens to one parameter, its moments and so on: ``steps``, from what the ``leaves`` hold."""

    states: list[Value]
    steps: list[Value]
    leaves: list[Value]


def with_flat_updates(program: Program) -> Program:
    """Do the updates that differ in nothing but their arrays as one."""
    alike: dict[Hashable, list[_Update]] = defaultdict(list)
    for update in _updates(program):
        alike[_signature(update, program)].append(update)
    for updates in alike.values():
        if len(updates) > 1:
            program = _joined(program, updates)
    return program


def _updates(program: Program) -> list[_Update]:
    """The steps that only compute new states, elementwise; those with an operand in common together."""
    steps = _elementwise_ends(program)
    group: dict[Value, list[Value]] = {}  # step or leaf -> all that it is connected with
    for step in steps:
        together: dict[Value, None] = {}
        for member in (step, *(arg for arg in operands(step) if arg.shape)):
            together |= dict.fromkeys(group.get(member, [member]))
        shared = list(together)
        group |= dict.fromkeys(together, shared)
    updates = []
    for members in {id(members): set(members) for members in group.values()}.values():
        states = [s for s, value in program.updates.items() if value in members and value in steps]
        own = [step for step in program.steps if step in members and step in steps]
        leaves = dict.fromkeys(states)
        leaves |= dict.fromkeys(arg for step in own for arg in operands(step) if arg.shape and arg not in steps)
        updates.append(_Update(states, own, list(leaves)))
    position = {state: i for i, state in enumerate(program.state)}
    return sorted(updates, key=lambda update: min(position[state] for state in update.states))


def _elementwise_ends(program: Program) -> dict[Value, None]:
    """The elementwise steps of one shape that only lead to new states of that shape, the last one first."""
    counts, reads = uses(program), Counter[Value]()
    ends: dict[Value, None] = {}
    wanted: dict[Value, Value] = {value: state for state, value in program.updates.items() if state.shape}
    for step in reversed(program.steps):
        like = wanted.get(step)
        if like is None or not is_elementwise(step) or (step.shape, step.dtype) != (like.shape, like.dtype):
            continue
        if any(arg.shape not in ((), step.shape) for arg in operands(step)):
            continue
        if step in program.updates.values() or reads[step] == counts[step]:
            ends[step] = None
            reads.update(operands(step))
            wanted |= {arg: step for arg in operands(step) if arg not in wanted}
    return ends


def _signature(update: _Update, program: Program) -> Hashable:
    """What two updates must have in common to be one: everything but the arrays."""
    numbers: dict[Value, int] = {leaf: i for i, leaf in enumerate([*update.leaves, *update.steps])}

    def described(arg: Any) -> Hashable:
        if not isinstance(arg, Value):
            return "other", repr(arg)
        if arg in numbers:
            return "array", numbers[arg]
        return ("constant", arg.array.tobytes()) if arg.array is not None else ("scalar", id(arg))

    return (
        tuple((step.function, step.dtype, *map(described, step.args)) for step in update.steps),
        tuple((leaf.dtype, leaf.array is None) for leaf in update.leaves),
        tuple(numbers.get(program.updates[state]) for state in update.states),
    )


def _common_name(leaves: tuple[Value, ...], program: Program) -> str:
    """``parameters``, ``exp_avg``, ``gradients``."""
    if not set(program.state).issuperset(leaves):
        return "gradients"
    last = {leaf.name.rpartition(".")[2] for leaf in leaves}
    return f"all.{last.pop()}" if len(last) == 1 else "parameters"


def _joined(program: Program, updates: list[_Update]) -> Program:
    """Replace the steps of all ``updates`` by steps on flat vectors."""
    sizes = [size(update.states[0]) for update in updates]
    n, ends = sum(sizes), list(accumulate(sizes))
    first = updates[0]
    new: dict[Value, Value] = {}
    flat: dict[Value, Value] = {}
    steps: list[Value] = []
    for i, leaf in enumerate(first.leaves):
        joined = tuple(update.leaves[i] for update in updates)
        flat[leaf] = Value(join, joined, {}, (n,), leaf.dtype, _common_name(joined, program))
    for step in first.steps:
        value = same(step, flat)
        flat[step] = Value(value.function, value.args, value.kwargs, (n,), step.dtype, step.name)
    steps += flat.values()
    for j, update in enumerate(updates):
        for state in update.states:
            root = program.updates[state]
            whole = flat[first.steps[update.steps.index(root)]]
            part = Value(getitem, (whole, slice(ends[j] - sizes[j], ends[j])), {}, (sizes[j],), whole.dtype)
            new[root] = Value(np.reshape, (part, root.shape), {}, root.shape, root.dtype, root.name)
            steps += [part, new[root]]
    gone = {step for update in updates for step in update.steps}
    kept, changed = [], dict(new)
    for step in program.steps:
        if step not in gone:
            kept.append(same(step, changed))
            if kept[-1] is not step:
                changed[step] = kept[-1]
    ordered = in_order([*kept, *steps])
    if ordered is None or any(leaf in changed for update in updates for leaf in update.leaves):
        return program  # one parameter's gradient needs another's new value
    return replace(
        program, steps=ordered, results=[changed.get(result, result) for result in program.results],
        updates={state: changed.get(value, value) for state, value in program.updates.items()},
    )  # fmt: skip
