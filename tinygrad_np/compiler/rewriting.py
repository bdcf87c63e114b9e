"""Tools of the passes: to find the operands of a step, to rewrite a program."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_np.compiler.program import Program, Value

__all__ = [
    "Call", "Rule", "constant", "in_order", "operands", "rewrite", "same", "size", "substitute", "uses",
]  # fmt: skip

#: ``call(function, *args, shape=, dtype=, **kwargs)`` appends a step to the program that is being made.
Call = Callable[..., Value]

#: What to put in place of a step: a Value, or None to keep it.
Rule = Callable[[Value, Call], Value | None]


def operands(value: Value) -> Iterator[Value]:
    """Yield the Values among the arguments of a step, with repetitions."""
    for arg in value.args:
        if arg.__class__ is Value:
            yield arg
        elif isinstance(arg, tuple | list | dict):
            yield from _values(arg)
    if value.kwargs:
        for arg in value.kwargs.values():
            yield from _values(arg)


def _values(arg: Any) -> Iterator[Value]:
    stack = [arg]
    while stack:
        arg = stack.pop()
        if isinstance(arg, Value):
            yield arg
        elif isinstance(arg, tuple | list):
            stack.extend(reversed(arg))
        elif isinstance(arg, dict):
            stack.extend(arg.values())


def substitute(arg: Any, new: Mapping[Value, Any]) -> Any:
    """Return an argument with other Values in it; the same object, where none of them changes."""
    if isinstance(arg, Value):
        return new.get(arg, arg)
    if isinstance(arg, tuple | list):
        items = [substitute(item, new) for item in arg]
        if all(item is old for item, old in zip(items, arg, strict=True)):
            return arg
        return type(arg)(*items) if hasattr(arg, "_fields") else type(arg)(items)
    if isinstance(arg, dict):
        return {key: substitute(item, new) for key, item in arg.items()}
    return arg


def same(value: Value, new: Mapping[Value, Any]) -> Value:
    """Return a step with other operands; ``value`` itself, where none of them changes."""
    for arg in operands(value) if new else ():
        if arg in new:
            break
    else:
        return value
    args, kwargs = substitute(value.args, new), substitute(value.kwargs, new) if value.kwargs else value.kwargs
    unchanged = args is value.args and all(kwargs[key] is value.kwargs[key] for key in kwargs)
    return value if unchanged else replace(value, args=args, kwargs=kwargs)


def constant(array: Any) -> Value:
    """Return a Value that holds an array."""
    array = np.asarray(array)
    return Value(None, (), {}, array.shape, array.dtype, array=array)


def uses(program: Program) -> Counter[Value]:
    """Count how often each Value is read, results and updates included."""
    counts = Counter(arg for step in program.steps for arg in operands(step))
    counts.update(program.results)
    counts.update(program.updates.values())
    return counts


def rewrite(program: Program, rule: Rule) -> Program:
    """Return a program with ``rule`` applied to each step in turn, whose operands are rewritten already.

    Where nothing changes, it is the same program.

    Raises
    ------
    AssertionError
        If a rule changes a shape or a dtype.
    """
    new: dict[Value, Value] = {}
    steps: list[Value] = []

    def call(function: Any, *args: Any, shape: tuple[int, ...], dtype: Any, **kwargs: Any) -> Value:
        steps.append(Value(function, args, kwargs, shape, np.dtype(dtype)))
        return steps[-1]

    for step in program.steps:
        value = same(step, new)
        found = rule(value, call)
        if found is None:
            steps.append(value)
            found = value
        else:
            assert (found.shape, found.dtype, found.weak) == (step.shape, step.dtype, step.weak), (step, found)
            if step.name and not found.name and found.function is not None:
                found.name = step.name
        if found is not step:
            new[step] = found
    if not new and len(steps) == len(program.steps):
        return program
    return Program(
        program.inputs, program.state, steps,
        [new.get(result, result) for result in program.results],
        {state: new.get(value, value) for state, value in program.updates.items()},
    )  # fmt: skip


def size(value: Value) -> int:
    """Number of elements."""
    return math.prod(value.shape)


def in_order(steps: list[Value], behind: Mapping[Value, Iterable[Value]] | None = None) -> list[Value] | None:
    """Return the steps with each behind its operands, else in the order given; None, if they go in a circle.

    Some steps may have to be ``behind`` others, too.
    """
    position = {step: i for i, step in enumerate(steps)}
    readers: dict[Value, list[Value]] = defaultdict(list)
    missing: Counter[Value] = Counter()
    for step in steps:
        for arg in {arg for arg in (*operands(step), *(behind or {}).get(step, ())) if arg in position}:
            readers[arg].append(step)
            missing[step] += 1
    ready = [i for i, step in enumerate(steps) if not missing[step]]
    ordered = []
    while ready:
        step = steps[heapq.heappop(ready)]
        ordered.append(step)
        for reader in readers[step]:
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, position[reader])
    return ordered if len(ordered) == len(steps) else None
