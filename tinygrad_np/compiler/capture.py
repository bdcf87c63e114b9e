"""Capture: call a function on traced stand-ins of all numbers that may change, and keep its program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tinygrad_np.compiler.arguments import bare
from tinygrad_np.compiler.captured import Captured, Followed, Source
from tinygrad_np.compiler.number import TracedNumber
from tinygrad_np.compiler.places import Place, Surroundings, is_plain
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.recording import CaptureError, Symbol, current
from tinygrad_np.compiler.results import Output
from tinygrad_np.compiler.rewriting import operands
from tinygrad_np.compiler.stand_ins import StandIns, is_number
from tinygrad_np.compiler.traced import Traced
from tinygrad_np.graph import walk
from tinygrad_np.tensor import Tensor
from tinygrad_np.tree import flatten, tree_map

__all__ = ["capture"]

_KINDS: dict[str, Any] = {
    "tensor": Tensor, "array": Traced | np.ndarray, "scalar": Traced | np.generic,
    "number": TracedNumber | bool | int | float,
}  # fmt: skip


def capture(
    function: Callable[..., Any],
    arguments: dict[str, Any],
    positional: list[str],
    surroundings: Surroundings,
    followed: Followed,
    accept: Callable[[Captured], None],
) -> Any:
    """Call a function and record it.

    Parameters
    ----------
    function : callable
    arguments : dict
        By name; those in ``positional`` are passed by position.
    positional : list of str
    surroundings : Surroundings
        Of the function, and the arguments.
    followed : set of (int, key)
        Numbers that may be others in the next call: ``id`` of the container, and key.
    accept : callable
        Gets to see what was captured; if it raises, the call is undone.

    Returns
    -------
    object
        What the function returns.
    """
    stand_ins = StandIns(surroundings, followed | surroundings.rates | surroundings.counts.keys())
    token = current.set(stand_ins.recording)
    try:
        stand_ins.set_up()
        result = function(
            *map(arguments.get, positional), **{k: v for k, v in arguments.items() if k not in positional}
        )
        harvest = _Harvest(stand_ins)
        captured = harvest.captured(result, arguments, positional)
        accept(captured)
    except BaseException as error:
        stand_ins.take_back()
        if isinstance(error.__cause__, CaptureError):  # NumPy has put words of its own in front
            raise error.__cause__ from None
        raise
    finally:
        current.reset(token)
    stand_ins.leave(harvest.now, bool(captured.changed))
    leaves = [output.made(harvest.now) for output in captured.outputs]
    return captured.rebuild(leaves) if captured.rebuild else leaves[0]


class _Harvest:
    """What has become of everything when the function has returned."""

    def __init__(self, stand_ins: StandIns) -> None:
        self.surroundings, self.recording = stand_ins.surroundings, stand_ins.recording
        self.sources, self.draws, self._known = stand_ins.sources, stand_ins.draws, stand_ins.known
        self.lost: list[Place] = []  # where something of another kind is now
        self.now: dict[Value, Any] = {}  # what is handed out -> what it is in this run

    def captured(self, result: Any, arguments: dict[str, Any], positional: list[str]) -> Captured:
        """See what has become of everything."""
        for source in self.sources:
            self._look_at(source)
        leaves, _ = flatten(result)
        alone = not isinstance(result, list | tuple | dict | None)
        rebuild = None if alone else flatten(tree_map(lambda leaf: 0, result))[1]  # not to keep the result alive
        outputs = list(map(self._output, leaves))
        results = [output.value for output in outputs if output.value is not None]
        tensors = {s.before: s for s in self.sources if s.kind == "tensor" and not s.changes}
        for grad in (s for s in self.sources if s.kind == "grad" and s.changes and s.after is not None):
            grad.given = tensors.get(grad.after)
            results += [grad.after] if grad.given is None and grad.after is not None else []
        updates = {s.before: s.after for s in self.sources if s.kind != "grad" and s.changes if s.before and s.after}
        checked = [check.value for check in self.recording.checks]
        needed, looked_at = (
            _needed(self.recording.steps, wanted) for wanted in ([*results, *updates.values()], checked)
        )
        read = needed | looked_at
        found = list(dict.fromkeys(s.before for s in self.sources if s.before in read or s.before in updates))
        state = [value for value in found if value in updates]
        state.sort(key=lambda value: value.weak)  # numbers last
        inputs = [value for value in found if value not in state] + [draw.value for draw in self.draws]
        steps = self.recording.steps
        program = Program(inputs, state, _careful([step for step in steps if step in needed]), results, updates)
        conditions = Program(inputs, state, [step for step in steps if step in looked_at], checked)
        captured = Captured(
            program, conditions, self.recording.checks, self.recording.lines, self.surroundings, arguments, positional,
            self.sources, self.draws, outputs, rebuild, self._open_graph(leaves, arguments),
            self.recording.layouts,
        )  # fmt: skip
        self._look_around(captured)
        return captured

    def _open_graph(self, leaves: list[Any], arguments: dict[str, Any]) -> bool:
        nodes = [leaf.node for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad and not leaf.is_leaf]
        nodes = [node for node in nodes if node.saved is not None]  # backward has not been there
        given = {leaf.node for leaf in flatten(arguments)[0] if isinstance(leaf, Tensor) and leaf.requires_grad}
        return bool(nodes and given) and not given.isdisjoint(walk(*nodes, constants=False))

    def _value_of(self, thing: Any, known: Value | None = None) -> Value:
        """The Value of something that is handed out, unless it is ``known``: then it is there already."""
        value = self.recording.operands(thing._data if isinstance(thing, Tensor) else thing)
        if not isinstance(value, Value):  # a number that was not traced
            value = self.recording.number(_the_number, thing, like=thing)
        if value is not known:
            self.now[value] = bare(thing._data if isinstance(thing, Tensor) else thing)
        return value

    def _look_at(self, source: Source) -> None:
        if source.kind == "grad":
            grad = source.thing._node and source.thing._node.grad
            source.recorded = isinstance(grad, Tensor) and grad.requires_grad
            source.after = None if grad is None else self._value_of(grad)
            return
        if source.kind == "tensor" and not source.thing.requires_grad and source.thing.grad is not None:
            raise CaptureError(
                f"{source.thing.name or (source.before and source.before.name) or 'a Tensor'} has a .grad, but does "
                f"not require a gradient, and a compiled function does not follow that: let it require one, or set its "
                f".grad to None"
            )
        place, number = source.places[0], source.kind in ("number", "scalar")
        found = stand_in = None if number else self._known[id(source.thing)][0]
        if number or (len(source.places) == 1 and not isinstance(place.container, tuple)):
            found = place.get()
            if not isinstance(found, _KINDS[source.kind]):
                source.after = source.before
                self.lost.append(place)
                return
        source.rebound = not number and found is not stand_in
        if isinstance(found, Tensor) and found.requires_grad and (not found.is_leaf or source.rebound):
            assert source.before is not None
            raise CaptureError(
                f"a compiled function leaves a Tensor that requires a gradient in {source.before.name!r}: its graph "
                f"would grow from call to call; use .detach(), or compute it under no_grad()"
            )
        source.after = self._value_of(found, None if source.rebound else source.before)
        if source.written:
            for other in self.sources:
                if other is not source and other.kind == "array" and np.may_share_memory(other.thing, source.thing):
                    assert source.before is not None
                    assert other.before is not None
                    raise CaptureError(
                        f"a compiled function writes into {source.before.name!r}, which shares memory with "
                        f"{other.before.name!r}; give it arrays that do not overlap"
                    )

    def _look_around(self, captured: Captured) -> None:
        """Find what the function changed that no source stands for."""
        single = [source for source in self.sources if len(source.places) == 1 and source.places[0] not in self.lost]
        follows = {(id(place.container), place.key) for source in single for place in source.places}
        for container in self.surroundings.containers:
            if container.regrown():
                name = container.name or f"a {type(container.thing).__name__}"
                captured.changed[name] = [*map(id, container.snapshot)], [*map(id, container.thing)]
            elif not container.fixed:
                for place, child in container.entries:
                    if (id(place.container), place.key) in follows or place.holds(child):
                        continue
                    after = place.get()
                    if after is self._known.get(id(child), (child,))[0] or (is_plain(after) and after == child):
                        continue
                    captured.changed[f"{container.name}.{place.key}".lstrip(".")] = type(child), type(bare(after))
                    if is_number(child) and is_number(after):
                        captured.numbers.add((id(place.container), place.key))

    def _output(self, leaf: Any) -> Output:
        """How to make a leaf of what the function returns."""
        if isinstance(leaf, Tensor):
            if id(leaf) in self._known and self._known[id(leaf)][1] is not None:
                return Output("known", self._known[id(leaf)][1])
            if not leaf.requires_grad:
                return Output("tensor", value=self._value_of(leaf))
            nodes = {node for node in walk(leaf.node, constants=False) if node.primitive is None}
            found = [s for s in self.sources if s.kind == "tensor" and s.thing._node in nodes]
            return Output("recorded" if found else "tensor", found, self._value_of(leaf))
        same = next((s for s in self.sources if s.kind == "array" and self._known[id(s.thing)][0] is leaf), None)
        if same is not None:
            return Output("known", same)
        if isinstance(leaf, Symbol) or (isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biufc"):
            scalar = isinstance(leaf, Traced) and leaf.scalar
            kind = "number" if isinstance(leaf, TracedNumber) else "scalar" if scalar else "array"
            return Output(kind, value=self._value_of(leaf))
        if not is_plain(leaf) and not any(leaf is container.thing for container in self.surroundings.containers):
            inside = Surroundings([(Place([leaf], 0), leaf, "")])
            if any(isinstance(found.thing, Symbol | Tensor) for found in inside.leaves):
                raise CaptureError(
                    f"a compiled function returns a {type(leaf).__name__} with Tensors in it; return Tensors, or "
                    f"nested tuples, lists and dicts of them"
                )
        return Output("object", leaf)


def _the_number(number: Any) -> Any:
    """A number that the function itself has put there."""
    return number


def _careful(steps: list[Value]) -> list[Value]:
    """Steps in another order: those that may raise an error, and all that they need, before what changes the state."""
    risky = [step for step in steps if not isinstance(getattr(step.function, "__self__", step.function), np.ufunc)]
    risky = [step for step in risky if step.function not in (np.reshape, np.transpose, np.broadcast_to, np.full)]
    first = _needed(steps, risky)
    return [step for step in steps if step in first] + [step for step in steps if step not in first]


def _needed(steps: list[Value], wanted: Iterable[Value]) -> set[Value]:
    """The values that ``wanted`` are computed from, and these."""
    needed = set(wanted)
    for step in reversed(steps):
        if step in needed:
            needed.update(operands(step))
    return needed
