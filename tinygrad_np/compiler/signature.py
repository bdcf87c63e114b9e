"""The signature of a capture, as Python code: what has to be as it was, where arrays are found, where results go.

A captured program is right for calls that find the same things: arguments of the same structure, shapes and dtypes, the
same parameters, flags and settings. To look at all of these in each call has to be cheap, so it is written out as a
function of straight-line code, and compiled. Its text can be read: :attr:`Signature.source`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, repeat
from operator import is_
from sys import getrefcount
from typing import Any

import numpy as np

from tinygrad_np.compiler.captured import Captured, Source
from tinygrad_np.compiler.places import Container, Place, is_plain
from tinygrad_np.compiler.replay import Replay, apart, entangled, indented
from tinygrad_np.compiler.results import handed_out
from tinygrad_np.grad_mode import mode
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__all__ = ["MISS", "Signature"]

#: What a call returns that has another signature.
MISS = object()

#: How many things are compared one by one.
_LONG = 16


class Signature:
    """The code around a program.

    Parameters
    ----------
    captured : Captured

    Attributes
    ----------
    source : str
        The text of two functions: ``matches(args, kwargs)``, and ``call(args, kwargs, plan)``, which runs the program.
    program : Program
        What ``plan`` has to compute.
    formulas : list of str
        How the numbers among its inputs are computed.
    """

    def __init__(self, captured: Captured) -> None:
        self._captured = captured
        self._names: dict[int, str] = {}
        self._scope: dict[str, Any] = {
            "is_": is_, "asarray": np.asarray, "copyto": np.copyto, "getrefcount": getrefcount, "differs": differs,
            "Tensor": Tensor, "apart": apart, "entangled": entangled, "overlap": np.may_share_memory, "wrap": wrap,
            "handed_out": handed_out, "mode": mode, "MISS": MISS, "IN_ONE_PLACE": _references(),
        }  # fmt: skip
        self._arguments: dict[int, str] = {id(captured.arguments): ""}  # containers of a call -> local variable
        self.reads: dict[Source, str] = {}  # the expression for what a call finds
        self.tensors: dict[int, str] = {}
        self._shapes: dict[str, list[Any]] = {}  # keys and lengths -> what they were, to be compared all at once
        self._same: dict[str, str] = {}  # expressions of what has to be the same thing -> the name of that
        self._unpacked: list[str] = []  # lines that find the parts of lists, and how many there are
        self._short: dict[str, str] = {}  # expressions -> the variables for them
        self._long: dict[str, list[Any]] = {}  # expressions of what has many parts -> what these have to be
        replay = Replay(captured, self)
        structure, entries = self._structure_of_arguments(), self._entries()
        arrays, state, forms, grads = self._arrays()
        entanglement = self._entanglement()
        same = " or ".join(f"{self._short.get(found, found)} is not {known}" for found, known in self._same.items())
        tests = [unless(f"[{', '.join(self._shapes)}] != SHAPES")] if self._shapes else []
        tests += [*self._unpacked, unless(same)] if same else []
        conditions = [*structure, *arrays, *tests, *entries]
        forms = [f"state = [{', '.join(state.values())}]", *forms, "del state"]
        failing = ["except (LookupError, AttributeError, ValueError):", "    return MISS"]
        as_left = replay.as_left(state.values())
        known = ["kept = plan.kept", *as_left, "if not as_left:", *map(indented, ["del kept", *forms])]
        known += ["if not in_place:", *map(indented, grads)] if len(as_left) > 1 else grads
        self.source = "\n".join([
            "def matches(args, kwargs):", "    try:",
            *map(indented, map(indented, [*conditions, *forms, *grads, *map(unless, entanglement)])),
            *map(indented, failing), "    return True", "", "",
            "def call(args, kwargs, plan):", "    try:",
            *map(indented, map(indented, [*conditions, *known])), *map(indented, failing),
            *map(indented, replay.lines(state.values(), entanglement)), "",
        ])  # fmt: skip
        self._scope["SHAPES"] = [*chain.from_iterable(self._shapes.values())]
        self.program, self.formulas = replay.program, replay.formulas
        exec(compile(self.source, "<signature of a compiled function>", "exec"), self._scope)
        self.matches: Callable[[Any, Any], Any] = self._scope["matches"]
        self.call: Callable[[Any, Any, Any], Any] = self._scope["call"]
        del self._captured, self.reads  # and with them the arrays of the first call

    def refresh(self) -> bool:
        """Take over numbers and strings that are other objects, but equal; tell whether there were any."""
        try:
            places: list[Any] = [
                (self._scope, known, eval(found, self._scope))
                for found, known in self._same.items()
                if known in self._scope
            ]
            for found, things in self._long.items():
                places += zip(repeat(things), range(len(things)), eval(found, self._scope), strict=False)
        except (LookupError, AttributeError, ValueError):
            return False
        refreshed = False
        for container, key, new in places:
            old = container[key]
            if old is not new and is_plain(old) and not differs(old, new):
                container[key], refreshed = new, True
        return refreshed

    # --- names ------------------------------------------------------------------------------------------------------
    def bind(self, thing: Any, stem: str = "") -> str:
        """Return the name of a constant of the code."""
        if id(thing) not in self._names:
            stem = stem or type(thing).__name__.strip("_").lower()
            stem = stem if stem.isidentifier() and len(stem) > 2 else "thing"  # the names of local variables are short
            self._names[id(thing)] = name = f"{stem}_{len(self._names)}"
            self._scope[name] = thing  # which keeps it alive, and its id its own
        return self._names[id(thing)]

    def at(self, place: Place) -> str:
        """The expression for what is at a place."""
        key, positional = place.key, self._captured.positional
        if place.container is self._captured.arguments:
            return f"args[{positional.index(key)}]" if key in positional else f"kwargs[{key!r}]"
        container = self._arguments.get(id(place.container)) or self.bind(place.container)
        if place.attribute:
            return f"{container}.{key}" if key.isidentifier() else f"getattr({container}, {key!r})"
        return f"{container}[{key!r}]" if type(key) in (str, int) else f"{container}[{self.bind(key)}]"

    def _is_ours(self, container: Any) -> bool:
        """Whether a container belongs to the arguments, so that every call brings its own."""
        return id(container) in self._arguments

    # --- conditions -------------------------------------------------------------------------------------------------
    def _structure_of_arguments(self) -> list[str]:
        captured = self._captured
        names = {name for name in captured.arguments if name not in captured.positional}
        keywords = f"kwargs.keys() != {self.bind(names, 'keys')}" if names else "kwargs"
        lines = [unless(f"len(args) != {len(captured.positional)} or {keywords}")]
        lines += [unless(f"mode() is not {mode()}")]
        for container in captured.surroundings.containers:
            if self._is_ours(container.place.container) and isinstance(container.thing, dict | list | tuple):
                name = f"a{len(self._arguments)}"
                lines.append(f"{name} = {self.at(container.place)}")
                lines.append(unless(f"type({name}) is not {self.bind(type(container.thing), 'type')}"))
                keys = [place.key for place, _ in container.entries]
                other = f"list({name}) != {self.bind(keys, 'keys')}" if isinstance(container.thing, dict) else ""
                lines.append(unless(other or f"len({name}) != {len(keys)}"))
                self._arguments[id(container.thing)] = name
        return lines

    def _entries(self) -> list[str]:
        """What is in containers, and is no array: settings, flags, objects, Tensors as objects."""
        sources = self._captured.sources
        arrays = {(id(place.container), place.key) for s in sources if _by_place(s) for place in s.places}
        lines: list[str] = []
        for container in self._captured.surroundings.containers:
            rest = [(p, child) for p, child in container.entries if (id(p.container), p.key) not in arrays]
            if self._is_ours(container.thing):
                kept = [(p, child) for p, child in rest if not self._is_ours(child) and not isinstance(child, Tensor)]
                lines += [unless(self._other(place, child)) for place, child in kept]
            elif not container.fixed:
                lines += self._of_container(container, rest)
        return lines

    def _of_container(self, container: Container, rest: list[tuple[Place, Any]]) -> list[str]:
        """Lines that compare a list, a dict or a set as a whole, where it is long; else the entries one by one."""
        thing, surroundings = container.thing, self._captured.surroundings
        name = self.bind(thing)
        if isinstance(thing, dict) and id(thing) not in surroundings.unordered:
            if not surroundings.is_memory(thing):
                self._shapes[f"*{name}"] = [place.key for place, _ in container.entries]
        elif isinstance(thing, list) and 0 < len(rest) == len(thing) <= _LONG:
            parts = {self.at(place): f"i{len(self._short) + i}" for i, (place, _) in enumerate(rest)}
            self._short |= parts
            self._unpacked.append(f"[{', '.join(parts.values())}] = {name}")
        elif container.snapshot is not None:
            self._shapes[f"len({name})"] = [len(thing)]
        long = container.snapshot is not None and len(rest) > _LONG and len(rest) == len(container.entries)
        if long or isinstance(thing, set):
            found = f"{name}.values()" if isinstance(thing, dict) else name
            self._shapes[f"len({name})"] = [len(thing)]
            self._long[found] = things = [*(thing.values() if isinstance(thing, dict) else thing)]
            return [unless(f"not all(map(is_, {found}, {self.bind(things, 'things')}))")]
        for place, child in rest:
            self._has_to_be(self.at(place), child)
        return []

    def _has_to_be(self, found: str, thing: Any) -> None:
        """There has to be the same thing as before."""
        if thing is None or isinstance(thing, bool):
            self._same[found] = repr(thing)
        elif is_plain(thing):  # an equal one may take its place
            self._same[found] = name = f"known{len(self._same)}"
            self._scope[name] = thing
        else:
            self._same[found] = self.bind(thing)

    def _other(self, place: Place, thing: Any) -> str:
        """The condition that something else is at a place."""
        at = self.at(place)
        if isinstance(thing, np.random.Generator):
            return f"type({at}) is not {self.bind(type(thing), 'type')}"
        if thing is None or isinstance(thing, bool):
            return f"{at} is not {thing}"
        name = self.bind(thing)
        if is_plain(thing) and not isinstance(thing, type):
            return f"{at} is not {name} and differs({at}, {name})"
        return f"{at} is not {name}"

    def _arrays(self) -> tuple[list[str], dict[Any, str], list[str], list[str]]:
        """Lines that find arrays and numbers; where the state is; lines that look at it; and at gradients."""
        captured = self._captured
        lines, forms, grads = list[str](), list[str](), list[str]()
        numbers: dict[Any, list[Source]] = {}
        state: dict[Any, str] = {}
        returned = {id(output.thing) for output in captured.outputs if output.kind == "known"}
        for source in captured.sources:
            at = self.reads[source] = f"v{len(self.reads)}"
            first = source.places[0]
            if source.kind == "number":
                numbers.setdefault(source.before, []).append(source)
            elif source.kind == "grad":
                node = self.node(source)
                grads.append(f"{node}.grad is {'not ' if source.before is None else ''}None")
                if source.before in captured.program.inputs:
                    lines.append(
                        f"{at} = {node}.grad._data if isinstance({node}.grad, Tensor) else asarray({node}.grad)"
                    )
            else:
                found = self.at(first)
                if source.kind == "tensor":
                    lines += self._same_tensor(source)
                    found = f"{self.tensors[id(source.thing)]}._data"
                elif source.kind == "scalar":
                    lines.append(unless(f"type({found}) is not {self.bind(type(source.thing), 'type')}"))
                    found = f"asarray({found})"
                if source.kind != "tensor" or self._is_ours(first.container):
                    lines += [unless(f"{self.at(place)} is not {self.at(first)}") for place in source.places[1:]]
                if source.before in captured.program.state and not (self.is_copied(source) or id(source) in returned):
                    self.reads[source] = found  # without a name for it: that would count as somebody who holds it
                else:
                    lines.append(f"{at} = {found}")
                if source.before in captured.program.state:
                    state[source.before] = self.reads[source]
                    at = f"state[{captured.program.state.index(source.before)}]"
                    forms.append(unless(self._other_form(source, at)))
                else:
                    lines.append(unless(self._other_form(source, at)))
        for sources in numbers.values():
            lines += self._same_number(sources)
        places = {value: state[value] for value in captured.program.state if not value.weak}
        return lines, places, forms, [unless(" or ".join(grads))] if grads else []

    def _entanglement(self) -> list[str]:
        """The conditions that somebody who is changed is somebody else, too."""
        conditions = []
        for kind in ("tensor", "array"):
            sources = [source for source in self._captured.sources if source.kind == kind]
            changed = [source for source in sources if source.changes]
            if kind == "tensor":  # those that are not arguments are looked at as objects
                changed = [source for source in changed if self._is_ours(source.places[0].container)]
            for same, some in (
                ("overlap", [source for source in changed if source.written]),
                ("is_", [source for source in changed if not source.written]),
            ):
                if some:
                    others = [source for source in sources if source not in some]
                    listed = ", ".join(self.at(source.places[0]) for source in [*some, *others])
                    conditions.append(f"entangled({same}, {len(some)}, [{listed}])")
        return conditions

    def _same_number(self, sources: list[Source]) -> list[str]:
        """A number of the same type; if it was found in several places, it still has to be the same in all of them."""
        first, at = sources[0], self.reads[sources[0]]
        places = [self.at(source.places[0]) for source in sources]
        lines = [f"{at} = {places[0]}"]
        lines.append(unless(f"type({at}) is not {self.bind(type(first.thing), 'type')}"))
        if len(sources) > 1:
            one_object = " is ".join([at, *places[1:]])
            lines.append(unless(f"not ({one_object}) and len({{{', '.join(places)}}}) != 1"))
        return [*lines, f"{at} = float({at})"] if isinstance(first.thing, np.generic) else lines

    def is_copied(self, source: Source) -> bool:
        """Whether the new numbers are copied into an array that others may know."""
        memory = self._captured.surroundings.is_memory
        return source.written and not all(memory(place.container) for place in source.places)

    def _other_form(self, source: Source, at: str) -> str:
        assert source.before is not None
        dtype = self.bind(source.before.dtype, "dtype")
        kind = "" if source.kind != "array" else f"type({at}) is not {self.bind(type(source.thing), 'type')} or "
        if kind and self._captured.layouts:
            kind += f"{at}.strides != {source.thing.strides} or "
        if source.written:  # to write into what is read-only is an error before anything else has changed
            kind += f"{at}.flags.writeable is not {source.thing.flags.writeable} or "
        return f"{kind}{at}.shape != {source.before.shape} or {at}.dtype is not {dtype} and {at}.dtype != {dtype}"

    def _same_tensor(self, source: Source) -> list[str]:
        tensor, place = source.thing, source.places[0]
        if not source.rebound and not self._is_ours(place.container):
            self.tensors[id(tensor)] = name = self.bind(tensor, "tensor")
            if tensor.requires_grad:
                self._has_to_be(f"{name}._node", tensor._node)
                return []
            return [unless(_unlike_a_constant(name))]
        self.tensors[id(tensor)] = name = f"t_{len(self.tensors)}"
        lines = [f"{name} = {self.at(place)}"]
        lines.append(unless(f"type({name}) is not Tensor and not isinstance({name}, Tensor)"))
        node = f"{name}._node"
        leaf = f"{node} is None or not {node}.requires_grad or {node}.primitive is not None"
        return [*lines, unless(leaf if tensor.requires_grad else _unlike_a_constant(name))]

    def node(self, source: Source) -> str:
        tensor = self.tensors[id(source.thing)]
        return f"{tensor}._node" if tensor.startswith("t_") else self.bind(source.thing._node, "node")


def _unlike_a_constant(tensor: str) -> str:
    """The condition that a gradient flows to a Tensor, or has done so."""
    return f"{tensor}._node is not None and ({tensor}._node.requires_grad or {tensor}._node.grad is not None)"


def unless(condition: str) -> str:
    """A line of code."""
    return f"if {condition}: return MISS"


def _by_place(source: Source) -> bool:
    """Whether other objects may come to the place of a source."""
    return source.kind in ("array", "number", "scalar") or source.rebound


def differs(number: Any, other: Any) -> bool:
    """Whether plain things are not the same: neither 1 and 1.0 are, nor 0.0 and -0.0."""
    return type(number) is not type(other) or number != other or str(number) != str(other)


def _references() -> int:
    """How many references there are to what is in one place, and in a local variable."""
    places = [object()]
    found = places[0]
    return getrefcount(found)
