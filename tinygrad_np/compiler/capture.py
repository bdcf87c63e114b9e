"""Capture: call a function with traced stand-ins in place of all numbers that may change, and keep its program.

What :mod:`tinygrad_np.compiler.places` finds is replaced for the time of the call. Afterwards everything is as an
ordinary call would have left it; if the call fails, everything is as it was before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_np.compiler.generator import Draw, TracedGenerator
from tinygrad_np.compiler.number import TracedNumber
from tinygrad_np.compiler.places import Leaf, Place, Surroundings, is_plain
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.recording import CaptureError, Check, Recording, Symbol, current
from tinygrad_np.compiler.results import Output, handed_out
from tinygrad_np.compiler.traced import Traced, bare
from tinygrad_np.graph import Node, walk
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.tree import flatten, tree_map

__all__ = ["Captured", "Source", "capture"]

_KINDS: dict[str, Any] = {
    "tensor": Tensor, "array": Traced | np.ndarray, "scalar": Traced | np.generic,
    "number": TracedNumber | bool | int | float,
}  # fmt: skip

#: A number that the program follows: (``id`` of its container, its key).
Followed = set[tuple[int, Any]]


@dataclass(slots=True, eq=False)
class Source:
    """Where a call finds an array or a number that the program takes, and where it leaves the new one.

    Attributes
    ----------
    kind : "tensor", "array", "scalar", "number" or "grad"
        The value of a Tensor, an array, a NumPy scalar, a Python number, the gradient that a Tensor has.
    thing : object
        The Tensor, the array, the number; of a gradient, its Tensor.
    places : list of Place
        Where it was found.
    before, after : Value or None
        What stands for it before and after the call; ``None`` where there is no gradient.
    rebound : bool
        Whether another object is in its place after the call.
    recorded : bool
        Whether a gradient requires a gradient.
    """

    kind: str
    thing: Any
    places: list[Place]
    before: Value | None
    after: Value | None = None
    rebound: bool = False
    recorded: bool = False

    @property
    def changes(self) -> bool:
        """Whether the call leaves another value than it found."""
        return self.after is not self.before or self.rebound


@dataclass(slots=True, eq=False)
class Captured:
    """What was learnt from one call.

    Attributes
    ----------
    program : Program
        Its results are those of the function, then the gradients that it leaves.
    conditions : Program
        What Python has looked at: its results are the values of ``checks``.
    checks : list of Check
    lines : dict of Value to str
        Where constants came in.
    surroundings : Surroundings
    arguments : dict
        By name.
    positional : list of str
        The names of those given by position.
    sources : list of Source
    draws : list of Draw
    outputs : list of Output
        The leaves of what the function returns.
    rebuild : callable or None
        Puts leaves into the structure of what it returns; ``None`` if that is a single leaf.
    open_graph : bool
        Whether what it returns can be differentiated with respect to Tensors among the arguments.
    changed : list of str
        What the function changed that a program cannot repeat.
    numbers : set of (int, key)
        The numbers among these.
    """

    program: Program
    conditions: Program
    checks: list[Check]
    lines: dict[Value, str]
    surroundings: Surroundings
    arguments: dict[str, Any]
    positional: list[str]
    sources: list[Source]
    draws: list[Draw]
    outputs: list[Output]
    rebuild: Callable[[list[Any]], Any] | None
    open_graph: bool
    changed: list[str] = field(default_factory=list)
    numbers: Followed = field(default_factory=set)


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
    stage = _Stage(surroundings, followed | surroundings.rates | surroundings.counts.keys())
    token = current.set(stage.recording)
    try:
        stage.set_up()
        result = function(
            *map(arguments.get, positional), **{k: v for k, v in arguments.items() if k not in positional}
        )
        captured = stage.captured(result, arguments, positional)
        accept(captured)
    except BaseException as error:
        stage.take_back()
        if isinstance(error.__cause__, CaptureError):  # NumPy has put words of its own in front
            raise error.__cause__ from None
        raise
    finally:
        current.reset(token)
    stage.leave(captured)
    leaves = [output.made(stage.now) for output in captured.outputs]
    return captured.rebuild(leaves) if captured.rebuild else leaves[0]


class _Stage:
    """The stand-ins of one call."""

    def __init__(self, surroundings: Surroundings, followed: Followed) -> None:
        self.surroundings, self.followed = surroundings, followed
        self.recording = Recording()
        self.draws: list[Draw] = []
        self.sources: list[Source] = []
        self.lost: list[Place] = []  # where something of another kind is now
        self.now: dict[Value, Any] = {}  # what is handed out -> what it is in this run
        self._known: dict[int, tuple[Any, Source | None]] = {}  # id of a thing -> (its stand-in, its source)
        self._swapped: list[tuple[Place, Any, Any]] = []  # place, what was there, its stand-in
        self._counts: dict[Any, Value] = {}
        self._tensors: list[tuple[Tensor, Any, Node | None, Any]] = []  # as they were: array, node, gradient
        self._generators: list[tuple[np.random.Generator, Any]] = []

    # --- before -----------------------------------------------------------------------------------------------------
    def set_up(self) -> None:
        """Put the stand-ins into their places."""
        fixed = {id(container.thing) for container in self.surroundings.containers if container.fixed}
        for leaf in self.surroundings.leaves:
            stand_in = self._stand_in(leaf)
            if stand_in is not leaf.thing and id(leaf.place.container) not in fixed:
                self._swap(leaf.place, leaf.thing, stand_in)
        for container in reversed(self.surroundings.containers):  # a tuple does not change: another takes its place
            if isinstance(container.thing, tuple):
                items = [self._known.get(id(child), (child,))[0] for _, child in container.entries]
                if any(new is not old for new, (_, old) in zip(items, container.entries, strict=True)):
                    kind = type(container.thing)
                    new = kind(*items) if hasattr(kind, "_fields") else kind(items)
                    self._known[id(container.thing)] = new, None
                    if id(container.place.container) not in fixed:
                        self._swap(container.place, container.thing, new)

    def _swap(self, place: Place, thing: Any, stand_in: Any) -> None:
        self._swapped.append((place, thing, stand_in))
        place.put(stand_in)

    def _stand_in(self, leaf: Leaf) -> Any:
        thing = leaf.thing
        if (known := self._known.get(id(thing))) is not None:
            if known[1] is not None:
                known[1].places.append(leaf.place)
            return known[0]
        if isinstance(thing, Tensor):
            self._tensor(leaf)
            return thing
        if isinstance(thing, np.ndarray):
            value = _input(thing, leaf.name)
            stand_in, source = Traced(thing, value, borrowed=True), Source("array", thing, [leaf.place], value, value)
        elif isinstance(thing, np.random.Generator):
            self._generators.append((thing, thing.bit_generator.state))
            stand_in, source = TracedGenerator(thing, self.draws), None
        elif (id(leaf.place.container), leaf.place.key) in self.followed and _is_number(thing):
            return self._number(leaf)
        else:
            return thing
        self._known[id(thing)] = stand_in, source
        if source is not None:
            self.sources.append(source)
        return stand_in

    def _number(self, leaf: Leaf) -> TracedNumber | Traced:
        where = id(leaf.place.container), leaf.place.key
        number, optimizer = leaf.thing, self.surroundings.counts.get(where)
        if isinstance(number, np.generic):
            if where not in self.surroundings.rates:
                value = _input(np.asarray(number), leaf.name)
                self.sources.append(Source("scalar", number, [leaf.place], value, value))
                return Traced(np.asarray(number), value, borrowed=True, scalar=True)
            number = number.item()
        count = (
            optimizer,
            number,
        )  # an optimizer has mostly taken as many steps with each parameter: one number for all
        value = self._counts.get(count) if optimizer is not None else None
        if value is None:
            value = self._counts[count] = _input(np.asarray(number), leaf.name, weak=True)
        self.sources.append(Source("number", leaf.thing, [leaf.place], value, value))
        return TracedNumber(number, value)

    def _tensor(self, leaf: Leaf) -> None:
        tensor: Tensor = leaf.thing
        array, node, name = tensor._data, tensor._node, leaf.name or tensor.name or ""
        if not tensor.is_leaf and tensor.requires_grad:  # it may be here for no purpose; if it is used, that is an error
            self._tensors.append((tensor, array, node, None if node is None else node.grad))
            tensor._data = Traced(
                array,
                f"{name or 'a Tensor'} is a result that requires a gradient, and a compiled function does not reach the "
                f"graph outside: pass it detached, or compile all of the computation",  # type: ignore[arg-type]
            )
            return
        value = _input(array, name)
        source = Source("tensor", tensor, [leaf.place], value, value)
        self.sources.append(source)
        self._known[id(tensor)] = tensor, source
        grad = None if node is None else node.grad
        self._tensors.append((tensor, array, node, grad))
        tensor._data = Traced(array, value, borrowed=True)
        if node is not None and node.requires_grad:
            before = None
            if grad is not None:
                bare_grad = np.asarray(getattr(grad, "_data", grad))
                before = _input(bare_grad, f"{name}.grad")
                node.grad = wrap(Traced(bare_grad, before, borrowed=True))
            self.sources.append(Source("grad", tensor, source.places, before))

    # --- after ------------------------------------------------------------------------------------------------------
    def captured(self, result: Any, arguments: dict[str, Any], positional: list[str]) -> Captured:
        """See what has become of everything."""
        for source in self.sources:
            self._look_at(source)
        leaves, _ = flatten(result)
        alone = not isinstance(result, list | tuple | dict | None)
        rebuild = None if alone else flatten(tree_map(lambda leaf: 0, result))[1]  # not to keep the result alive
        outputs = list(map(self._output, leaves))
        results = [output.value for output in outputs if output.value is not None]
        results += [s.after for s in self.sources if s.kind == "grad" and s.changes and s.after is not None]
        updates = {s.before: s.after for s in self.sources if s.kind != "grad" and s.changes if s.before and s.after}
        checked = [check.value for check in self.recording.checks]
        needed, looked_at = (
            _needed(self.recording.steps, wanted) for wanted in ([*results, *updates.values()], checked)
        )
        read = needed | looked_at
        found = list(dict.fromkeys(s.before for s in self.sources if s.before in read or s.before in updates))
        tensors = {s.before for s in self.sources if s.kind == "tensor"}
        state = [value for value in found if value in updates or value in tensors]
        state.sort(key=lambda value: value.weak)  # numbers last
        inputs = [value for value in found if value not in state] + [draw.value for draw in self.draws]
        steps = self.recording.steps
        program = Program(inputs, state, _careful([step for step in steps if step in needed]), results, updates)
        conditions = Program(inputs, state, [step for step in steps if step in looked_at], checked)
        found = Captured(
            program, conditions, self.recording.checks, self.recording.lines, self.surroundings, arguments, positional,
            self.sources, self.draws, outputs, rebuild, self._open_graph(leaves, arguments),
        )  # fmt: skip
        self._look_around(found)
        return found

    def _open_graph(self, leaves: list[Any], arguments: dict[str, Any]) -> bool:
        nodes = [leaf.node for leaf in leaves if isinstance(leaf, Tensor) and leaf.requires_grad and not leaf.is_leaf]
        nodes = [node for node in nodes if node.saved is not None]  # backward has not been there
        given = {leaf.node for leaf in flatten(arguments)[0] if isinstance(leaf, Tensor) and leaf.requires_grad}
        return bool(nodes and given) and not given.isdisjoint(walk(*nodes, constants=False))

    def _value_of(self, thing: Any) -> Value:
        """The Value of something that is handed out."""
        value = self.recording.operands(thing._data if isinstance(thing, Tensor) else thing)
        if not isinstance(value, Value):  # a number that was not traced
            value = self.recording.number(_the_number, thing, like=thing)
        self.now[value] = bare(thing._data if isinstance(thing, Tensor) else thing)
        return value

    def _look_at(self, source: Source) -> None:
        if source.kind == "grad":
            grad = source.thing._node and source.thing._node.grad
            source.recorded = isinstance(grad, Tensor) and grad.requires_grad
            source.after = None if grad is None else self._value_of(grad)
            return
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
        source.after = self._value_of(found)

    def _look_around(self, captured: Captured) -> None:
        """Find what the function changed that no source stands for."""
        single = [source for source in self.sources if len(source.places) == 1 and source.places[0] not in self.lost]
        follows = {(id(place.container), place.key) for source in single for place in source.places}
        for container in self.surroundings.containers:
            if container.regrown():
                captured.changed.append(container.name or f"a {type(container.thing).__name__}")
            elif not container.fixed:
                for place, child in container.entries:
                    if (id(place.container), place.key) in follows or place.holds(child):
                        continue
                    after = place.get()
                    if after is self._known.get(id(child), (child,))[0] or (is_plain(after) and after == child):
                        continue
                    captured.changed.append(f"{container.name}.{place.key}".lstrip("."))
                    if _is_number(child) and _is_number(after):
                        captured.numbers.add((id(place.container), place.key))

    def _output(self, leaf: Any) -> Output:
        """How to make a leaf of what the function returns."""
        if isinstance(leaf, Tensor):
            if id(leaf) in self._known:
                return Output("known", self._known[id(leaf)][1])
            if not leaf.requires_grad:
                return Output("tensor", value=self._value_of(leaf))
            nodes = {node for node in walk(leaf.node, constants=False) if node.primitive is None}
            found = [s for s in self.sources if s.kind == "tensor" and s.thing._node in nodes]
            return Output("recorded" if found else "tensor", found, self._value_of(leaf))
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

    # --- and back ---------------------------------------------------------------------------------------------------
    def take_back(self) -> None:
        """Undo the call."""
        for container in self.surroundings.containers:
            container.restore()
        for place, thing, _ in self._swapped:
            if not place.holds(thing):
                place.put(thing)
        for tensor, array, node, grad in self._tensors:
            tensor._data, tensor._node = array, node
            if node is not None:
                node.grad = grad
        for generator, state in self._generators:
            generator.bit_generator.state = state

    def leave(self, captured: Captured) -> None:
        """Replace the stand-ins by real things, as an ordinary call would have left them."""
        for place, thing, stand_in in self._swapped:
            if place.holds(stand_in):
                place.put(thing)
        for tensor, array, _, _ in self._tensors:
            tensor._data = array
        for source in self.sources:
            new = None if source.after is None else self.now[source.after]
            if source.kind == "grad":
                if source.thing._node is not None:
                    source.thing._node.grad = None if new is None else handed_out(np.asarray(new), [source.thing._node] * source.recorded)
            elif not source.changes:
                continue
            elif source.kind == "tensor":
                if source.rebound:
                    source.places[0].put(wrap(np.asarray(new)))
                else:
                    source.thing._data = np.asarray(new)
            elif source.kind == "array" and not source.rebound:
                np.copyto(source.thing, new)
            else:
                source.places[0].put(new)
        if captured.changed:
            _made_real(Surroundings([(Place({}, ""), thing, "") for thing in self.surroundings.roots]).leaves)


def _input(array: Any, name: str, weak: bool = False) -> Value:
    if type(array) not in (np.ndarray, np.memmap) or array.dtype.kind not in "biufc":
        raise CaptureError(
            f"{name!r} is a {type(array).__name__} of dtype {getattr(array, 'dtype', None)}, which cannot be captured; "
            f"give the function an ndarray of numbers"
        )
    return Value(None, (), {}, array.shape, array.dtype, name, weak=weak)


def _is_number(thing: Any) -> bool:
    return isinstance(thing, int | float | np.number) and not isinstance(thing, bool)


def _the_number(number: Any) -> Any:
    """A number that the function itself has put there."""
    return number


def _made_real(leaves: Iterable[Leaf]) -> None:
    """Replace what is traced by what it is in this run: in what a function has newly put somewhere."""
    for leaf in leaves:
        if isinstance(leaf.thing, Symbol):
            leaf.place.put(bare(leaf.thing))
        elif isinstance(leaf.thing, Tensor):
            leaf.thing._data = bare(leaf.thing._data)
            for node in walk(leaf.thing.node) if leaf.thing.requires_grad else ():
                node.saved, node.grad = bare(node.saved), bare(node.grad)


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
            stack: list[Any] = [step.args, step.kwargs]
            while stack:
                arg = stack.pop()
                if isinstance(arg, Value):
                    needed.add(arg)
                elif isinstance(arg, tuple | list):
                    stack.extend(arg)
                elif isinstance(arg, dict):
                    stack.extend(arg.values())
    return needed
