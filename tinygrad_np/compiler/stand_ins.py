"""Stand-ins: for the time of a call, traced arrays are in the places of what :mod:`~tinygrad_np.compiler.places` finds.

Afterwards everything is as an ordinary call would have left it or, if the call has failed, as it was before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_np.compiler.arguments import bare
from tinygrad_np.compiler.captured import Followed, Source
from tinygrad_np.compiler.generator import Draw, TracedGenerator
from tinygrad_np.compiler.number import TracedNumber
from tinygrad_np.compiler.places import Leaf, Place, Surroundings
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.recording import Recording, Symbol
from tinygrad_np.compiler.results import handed_out
from tinygrad_np.compiler.traced import Traced
from tinygrad_np.graph import Node, walk
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__all__ = ["StandIns", "is_number"]


class StandIns:
    """What is put into the places of arrays, numbers and generators for the time of one call."""

    def __init__(self, surroundings: Surroundings, followed: Followed) -> None:
        self.surroundings, self.followed = surroundings, followed
        self.recording = Recording()
        self.draws: list[Draw] = []
        self.sources: list[Source] = []
        self.known: dict[int, tuple[Any, Source | None]] = {}  # id of a thing -> (its stand-in, its source)
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
                items = [self.known.get(id(child), (child,))[0] for _, child in container.entries]
                if any(new is not old for new, (_, old) in zip(items, container.entries, strict=True)):
                    kind = type(container.thing)
                    new = kind(*items) if hasattr(kind, "_fields") else kind(items)
                    self.known[id(container.thing)] = new, None
                    if id(container.place.container) not in fixed:
                        self._swap(container.place, container.thing, new)

    def _swap(self, place: Place, thing: Any, stand_in: Any) -> None:
        self._swapped.append((place, thing, stand_in))
        place.put(stand_in)

    def _stand_in(self, leaf: Leaf) -> Any:
        thing = leaf.thing
        if (known := self.known.get(id(thing))) is not None:
            if known[1] is not None:
                known[1].places.append(leaf.place)
            return known[0]
        if isinstance(thing, Tensor):
            self._tensor(leaf)
            return thing
        if (id(leaf.place.container), leaf.place.key) in self.followed and is_number(thing):
            return self._number(leaf)  # others of the same value are other numbers: not known from here on
        stand_in, source = thing, None
        if isinstance(thing, np.random.Generator):
            self._generators.append((thing, thing.bit_generator.state))
            stand_in = TracedGenerator(thing, self.draws)
        elif type(thing) in (np.ndarray, np.memmap) and thing.dtype.kind in "biufc":
            value = _input(thing, leaf.name)
            stand_in, source = Traced(thing, value, borrowed=True), Source("array", thing, [leaf.place], value, value)
            self.sources.append(source)
        if stand_in is not thing:
            self.known[id(thing)] = stand_in, source
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
        new = _input(np.asarray(number), leaf.name, weak=True)
        if optimizer is not None:  # it has mostly taken as many steps with each parameter: one number for all
            new = self._counts.setdefault((optimizer, number), new)
        self.sources.append(Source("number", leaf.thing, [leaf.place], new, new))
        return TracedNumber(number, new)

    def _tensor(self, leaf: Leaf) -> None:
        tensor: Tensor = leaf.thing
        array: Any = tensor._data
        node, name = tensor._node, leaf.name or tensor.name or ""
        if not tensor.is_leaf and tensor.requires_grad:  # it may be here for no purpose; to use it is an error
            self._tensors.append((tensor, array, node, None if node is None else node.grad))
            self.known[id(tensor)] = tensor, None
            why = (
                f"{name or 'a Tensor'} is a result that requires a gradient, and a compiled function does not reach "
                f"the graph outside: pass it detached, or compile all of the computation"
            )
            tensor._data = Traced(array, why)  # type: ignore[arg-type, assignment]
            return
        value = _input(array, name)
        source = Source("tensor", tensor, [leaf.place], value, value)
        self.sources.append(source)
        self.known[id(tensor)] = tensor, source
        grad = None if node is None else node.grad
        self._tensors.append((tensor, array, node, grad))
        tensor._data = Traced(array, value, borrowed=True)  # type: ignore[assignment]
        if node is not None and node.requires_grad:
            before = None
            if grad is not None:
                bare_grad = np.asarray(getattr(grad, "_data", grad))
                before = _input(bare_grad, f"{name}.grad")
                node.grad = wrap(Traced(bare_grad, before, borrowed=True))
            self.sources.append(Source("grad", tensor, source.places, before))

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

    def leave(self, now: dict[Value, Any], changed: bool) -> None:
        """Replace the stand-ins by real things, as an ordinary call would have left them.

        Parameters
        ----------
        now : dict
            What the values are that are handed out.
        changed : bool
            Whether something may be where nothing was before.
        """
        for place, thing, stand_in in self._swapped:
            if place.holds(stand_in):
                place.put(thing)
        for tensor, array, _, _ in self._tensors:
            tensor._data = array
        for source in self.sources:
            new: Any = now.get(source.after) if source.after else None
            if source.kind == "grad":
                if source.thing._node is not None:
                    parents = (source.thing._node,) * source.recorded
                    source.thing._node.grad = None if new is None else handed_out(np.asarray(new), parents)
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
        if changed:
            _made_real(Surroundings([(Place({}, ""), thing, "") for thing in self.surroundings.roots]).leaves)


def _input(array: Any, name: str, weak: bool = False) -> Value:
    return Value(None, (), {}, array.shape, array.dtype, name, weak=weak)


def is_number(thing: Any) -> bool:
    return isinstance(thing, int | float | np.number) and not isinstance(thing, bool)


def _made_real(leaves: Iterable[Leaf]) -> None:
    """Replace what is traced by what it is in this run: in what a function has newly put somewhere."""
    for leaf in leaves:
        if isinstance(leaf.thing, Symbol):
            leaf.place.put(bare(leaf.thing))
        elif isinstance(leaf.thing, Tensor):
            leaf.thing._data = bare(leaf.thing._data)
            for node in walk(leaf.thing.node) if leaf.thing.requires_grad else ():
                node.saved, node.grad = bare(node.saved), bare(node.grad)
