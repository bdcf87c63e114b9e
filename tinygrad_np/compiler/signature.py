"""The signature of a capture, as Python code: what has to be as it was, where arrays are found, where results go.

A captured program is right for calls that find the same things: arguments of the same structure, shapes and dtypes, the
same parameters, flags and settings. To look at all of these in each call has to be cheap, so it is written out as a
function of straight-line code, and compiled. Its text can be read: :attr:`Signature.source`.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
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

#: Stands between the entries of one container and those of the next: so none can have moved over.
_GAP = object()


class Signature:
    """The code around a program.

    Parameters
    ----------
    captured : Captured

    Attributes
    ----------
    source : str
        The text of three functions: ``surroundings()``, all that has to be the same thing as before;
        ``matches(args, kwargs)``; and ``call(args, kwargs, plan)``, which runs the program.
    program : Program
        What ``plan`` has to compute.
    formulas : list of str
        How the numbers among its inputs are computed.
    """

    def __init__(self, captured: Captured) -> None:
        self._captured = captured
        self._names: dict[int, str] = {}
        self._scope: dict[str, Any] = {
            "is_": is_, "asarray": np.asarray, "copyto": np.copyto,
            "Tensor": Tensor, "apart": apart, "entangled": entangled, "overlap": np.may_share_memory, "wrap": wrap,
            "handed_out": handed_out,
            "mode": mode, "MISS": MISS, "GAP": _GAP, "LAST": [],
        }  # fmt: skip
        self._arguments: dict[int, str] = {id(captured.arguments): ""}  # containers of a call -> local variable
        self.reads: dict[Source, str] = {}  # the variable for what a call finds
        self.tensors: dict[int, str] = {}
        self._keys: tuple[list[str], list[Any]] = [], []  # keys of dicts, compared to those that were, all at once
        self._same: list[str] = []  # what is compared to ...
        self._things: list[Any] = []  # ... these, all at once
        replay = Replay(captured, self)
        structure, entries = self._structure_of_arguments(), self._entries()
        arrays, forms = self._arrays()
        tests = [unless(f"[{', '.join(self._keys[0])}] != KEYS"), unless("not all(map(is_, surroundings(), THINGS))")]
        conditions = ["try:", *map(indented, [*structure, *tests, *entries, *arrays])]
        conditions += ["except (LookupError, AttributeError, ValueError):", "    return MISS"]
        known = [
            "if LAST and all(map(is_, state, LAST)):",
            "    state = LAST",
            "else:",
            *map(indented, forms or ["pass"]),
        ]
        self.source = "\n".join([
            "def surroundings():", f"    return [{', '.join([*self._same, 'GAP'])}]", "", "",
            "def matches(args, kwargs):", *map(indented, [*conditions, *forms, "return True"]), "", "",
            "def call(args, kwargs, plan):", "    global LAST",
            *map(indented, [*conditions, *known, *replay.lines()]), "",
        ])  # fmt: skip
        self._scope |= {"KEYS": self._keys[1], "THINGS": [*self._things, _GAP]}
        self.program, self.formulas = replay.program, replay.formulas
        exec(compile(self.source, "<signature of a compiled function>", "exec"), self._scope)
        self.matches: Callable[[Any, Any], Any] = self._scope["matches"]
        self.call: Callable[[Any, Any, Any], Any] = self._scope["call"]
        del self._captured, self.reads  # and with them the arrays of the first call

    def refresh(self) -> bool:
        """Take over numbers and strings that are other objects, but equal; tell whether there were any."""
        try:
            found = list(self._scope["surroundings"]())
        except (LookupError, AttributeError, ValueError):
            return False
        things, before = self._scope["THINGS"], list(self._scope["THINGS"])
        if len(found) == len(things):
            for i, (old, new) in enumerate(zip(before, found, strict=True)):
                if old is not new and type(old) is type(new) and is_plain(old) and old == new:
                    things[i] = new
        return not all(map(is_, things, before))

    # --- names ------------------------------------------------------------------------------------------------------
    def bind(self, thing: Any, stem: str = "o") -> str:
        """Return the name of a constant of the code."""
        if id(thing) not in self._names:
            self._names[id(thing)] = name = f"{stem}{len(self._names)}"
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
        single: dict[Any, tuple[Place, Any]] = {}
        for container in self._captured.surroundings.containers:
            rest = [(p, child) for p, child in container.entries if (id(p.container), p.key) not in arrays]
            if self._is_ours(container.thing):
                kept = [(p, child) for p, child in rest if not self._is_ours(child) and not isinstance(child, Tensor)]
                lines += [unless(self._other(place, child)) for place, child in kept]
            elif not container.fixed:
                single |= {(id(p.container), p.key): (p, child) for p, child in self._of_container(container, rest)}
        self._same += [self.at(place) for place, _ in single.values()]
        self._things += [child for _, child in single.values()]
        return lines

    def _of_container(self, container: Container, rest: list[tuple[Place, Any]]) -> list[tuple[Place, Any]]:
        """Compare a list or a dict as a whole; return the entries that are left, to be compared one by one."""
        if container.snapshot is None:
            return rest
        name, whole = self.bind(container.thing), len(rest) == len(container.entries)
        if isinstance(container.thing, set):
            whole, rest = True, [(container.place, thing) for thing in container.snapshot]
        if isinstance(container.thing, dict) and not self._captured.surroundings.is_memory(container.thing):
            self._keys[0].extend([f"*{name}", "GAP"])
            self._keys[1].extend([*(place.key for place, _ in container.entries), _GAP])
        if whole:
            self._same += [f"*{name}.values()" if isinstance(container.thing, dict) else f"*{name}", "GAP"]
            self._things += [*(child for _, child in rest), _GAP]
        elif not isinstance(container.thing, dict):
            self._keys[0].extend([f"len({name})"])
            self._keys[1].extend([len(container.entries)])
        return [] if whole else rest

    def _other(self, place: Place, thing: Any) -> str:
        """The condition that something else is at a place."""
        at = self.at(place)
        if isinstance(thing, np.random.Generator):
            return f"type({at}) is not {self.bind(type(thing), 'type')}"
        if thing is None or isinstance(thing, bool):
            return f"{at} is not {thing}"
        name = self.bind(thing)
        if is_plain(thing) and not isinstance(thing, type):
            return f"{at} is not {name} and (type({at}) is not type({name}) or {at} != {name})"
        return f"{at} is not {name}"

    def _arrays(self) -> tuple[list[str], list[str]]:
        """Lines that find arrays, numbers and gradients; and lines that look at the shapes of those that are state."""
        captured = self._captured
        lines, forms, grads, reads = list[str](), list[str](), list[str](), list[str]()
        numbers: dict[Any, list[Source]] = {}
        state: dict[Any, str] = {}
        for source in captured.sources:
            at = self.reads[source] = f"v{len(self.reads)}"
            first = source.places[0]
            if source.kind == "number":
                numbers.setdefault(source.before, []).append(source)
            elif source.kind == "grad":
                node = self.node(source)
                grads.append(f"{node}.grad is {'not ' if source.before is None else ''}None")
                if source.before in captured.program.inputs:
                    reads.append(
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
                if source.before in captured.program.state:
                    state[source.before] = found
                    at = self.reads[source] = f"state[{captured.program.state.index(source.before)}]"
                    forms.append(unless(self._other_form(source, at)))
                else:
                    lines += [f"{at} = {found}", unless(self._other_form(source, at))]
        lines += [*([unless(" or ".join(grads))] if grads else []), *reads]
        for sources in numbers.values():
            lines += self._same_number(sources)
        return [
            *lines,
            f"state = [{', '.join(state[value] for value in captured.program.state if not value.weak)}]",
        ], forms + self._nobody_else()

    def _nobody_else(self) -> list[str]:
        """Who is changed is nobody else. A plan's own arrays need not be looked at: who holds one has been noticed."""
        lines = []
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
                    lines.append(unless(f"entangled({same}, {len(some)}, [{listed}])"))
        return lines

    def _same_number(self, sources: list[Source]) -> list[str]:
        """A number of the same type; if it was found in several places, it still has to be the same in all of them."""
        first, at = sources[0], self.reads[sources[0]]
        lines = [f"{at} = {self.at(first.places[0])}"]
        lines.append(unless(f"type({at}) is not {self.bind(type(first.thing), 'type')}"))
        if len(sources) > 1:
            lines.append(unless(f"len({{{', '.join(self.at(source.places[0]) for source in sources)}}}) != 1"))
        return [*lines, f"{at} = float({at})"] if isinstance(first.thing, np.generic) else lines

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
                self._same.append(f"{name}._node")
                self._things += [tensor._node]
                return []
            return [
                unless(f"{name}._node is not None and ({name}._node.requires_grad or {name}._node.grad is not None)")
            ]
        self.tensors[id(tensor)] = name = f"t_{len(self.tensors)}"
        lines = [f"{name} = {self.at(place)}"]
        lines.append(unless(f"not isinstance({name}, Tensor) or {name}.requires_grad is not {tensor.requires_grad}"))
        other = f"not {name}.is_leaf" if tensor.requires_grad else f"{name}._node and {name}._node.grad is not None"
        return [*lines, unless(other)]

    def node(self, source: Source) -> str:
        tensor = self.tensors[id(source.thing)]
        return f"{tensor}._node" if tensor.startswith("t_") else self.bind(source.thing._node, "node")


def unless(condition: str) -> str:
    """A line of code."""
    return f"if {condition}: return MISS"


def _by_place(source: Source) -> bool:
    """Whether other objects may come to the place of a source."""
    return source.kind in ("array", "number", "scalar") or source.rebound
