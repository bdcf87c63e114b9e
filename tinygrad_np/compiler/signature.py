"""The signature of a capture, as Python code: what has to be as it was, where arrays are found, where results go.

A captured program is right for calls that find the same things: arguments of the same structure, shapes and dtypes, the
same parameters, flags and settings. To look at all of these in each call has to be cheap, so it is written out as a
function of straight-line code, and compiled. Its text can be read: :attr:`Signature.source`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import chain
from operator import is_
from typing import Any

import numpy as np

from tinygrad_np.compiler.arithmetic import Arithmetic
from tinygrad_np.compiler.captured import Captured, Source
from tinygrad_np.compiler.places import Container, Place, is_plain
from tinygrad_np.compiler.results import handed_out
from tinygrad_np.grad_mode import mode
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__all__ = ["MISS", "Signature"]

#: What a call returns that has another signature.
MISS = object()

#: Stands between the entries of one container and those of the next: so none can have moved over.
_GAP = (object(),)


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
    """

    def __init__(self, captured: Captured) -> None:
        self._captured = captured
        self._names: dict[int, str] = {}
        self._scope: dict[str, Any] = {
            "is_": is_, "chain": chain, "ndarray": np.ndarray, "asarray": np.asarray, "copyto": np.copyto,
            "Tensor": Tensor, "apart": apart, "wrap": wrap, "handed_out": handed_out, "mode": mode,
            "MISS": MISS, "GAP": _GAP, "LAST": [],
        }  # fmt: skip
        self._arguments: dict[int, str] = {id(captured.arguments): ""}  # containers of a call -> local variable
        self._reads: dict[Source, str] = {}  # the variable for what a call finds
        self._tensors: dict[int, str] = {}
        self._keys: tuple[list[str], list[Any]] = [], []  # keys of dicts, compared to those that were, all at once
        self._same: list[str] = []  # what is compared to ...
        self._things: list[Any] = []  # ... these, all at once
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
            "def surroundings():", f"    return chain({', '.join([*self._same, 'GAP'])})", "", "",
            "def matches(args, kwargs):", *map(indented, [*conditions, *forms, "return True"]), "", "",
            "def call(args, kwargs, plan):", "    global LAST", *map(indented, [*conditions, *known, *self._run()]), "",
        ])  # fmt: skip
        self._scope |= {"KEYS": self._keys[1], "THINGS": [*self._things, *_GAP]}
        exec(compile(self.source, "<signature of a compiled function>", "exec"), self._scope)
        self.matches: Callable[[Any, Any], Any] = self._scope["matches"]
        self.call: Callable[[Any, Any, Any], Any] = self._scope["call"]
        del self._captured  # and with it the arrays of the first call

    def refresh(self) -> None:
        """Take over numbers and strings that are equal to those that were there, but other objects."""
        try:
            found = list(self._scope["surroundings"]())
        except (LookupError, AttributeError, ValueError):
            return
        things = self._scope["THINGS"]
        if len(found) == len(things):
            for i, (old, new) in enumerate(zip(things, found, strict=True)):
                if old is not new and type(old) is type(new) and is_plain(old) and old == new:
                    things[i] = new

    # --- names ------------------------------------------------------------------------------------------------------
    def _bind(self, thing: Any, stem: str = "o") -> str:
        """Return the name of a constant of the code."""
        if id(thing) not in self._names:
            self._names[id(thing)] = name = f"{stem}{len(self._names)}"
            self._scope[name] = thing  # which keeps it alive, and its id its own
        return self._names[id(thing)]

    def _at(self, place: Place) -> str:
        """The expression for what is at a place."""
        key, positional = place.key, self._captured.positional
        if place.container is self._captured.arguments:
            return f"args[{positional.index(key)}]" if key in positional else f"kwargs[{key!r}]"
        container = self._arguments.get(id(place.container)) or self._bind(place.container)
        if place.attribute:
            return f"{container}.{key}"
        return f"{container}[{key!r}]" if isinstance(key, str | int) else f"{container}[{self._bind(key)}]"

    def _is_ours(self, container: Any) -> bool:
        """Whether a container belongs to the arguments, so that every call brings its own."""
        return id(container) in self._arguments

    # --- conditions -------------------------------------------------------------------------------------------------
    def _structure_of_arguments(self) -> list[str]:
        captured = self._captured
        names = {name for name in captured.arguments if name not in captured.positional}
        keywords = f"kwargs.keys() != {self._bind(names, 'keys')}" if names else "kwargs"
        lines = [unless(f"len(args) != {len(captured.positional)} or {keywords}")]
        lines += [unless(f"mode() is not {mode()}")]
        for container in captured.surroundings.containers:
            if self._is_ours(container.place.container) and isinstance(container.thing, dict | list | tuple):
                name = f"a{len(self._arguments)}"
                lines.append(f"{name} = {self._at(container.place)}")
                lines.append(unless(f"type({name}) is not {self._bind(type(container.thing), 'type')}"))
                keys = [place.key for place, _ in container.entries]
                other = f"list({name}) != {self._bind(keys, 'keys')}" if isinstance(container.thing, dict) else ""
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
        self._same.append(f"({''.join(f'{self._at(place)}, ' for place, _ in single.values())})")
        self._things += [child for _, child in single.values()]
        return lines

    def _of_container(self, container: Container, rest: list[tuple[Place, Any]]) -> list[tuple[Place, Any]]:
        """Compare a list or a dict as a whole; return the entries that are left, to be compared one by one."""
        if container.snapshot is None:
            return rest
        name, whole = self._bind(container.thing), len(rest) == len(container.entries)
        if isinstance(container.thing, set):
            whole, rest = True, [(container.place, thing) for thing in container.snapshot]
        if isinstance(container.thing, dict) and not self._is_memory(container.thing):
            self._keys[0].extend([f"*{name}", "GAP"])
            self._keys[1].extend([*(place.key for place, _ in container.entries), _GAP])
        if whole:
            self._same += [f"{name}.values()" if isinstance(container.thing, dict) else name, "GAP"]
            self._things += [*(child for _, child in rest), *_GAP]
        elif not isinstance(container.thing, dict):
            self._keys[0].extend([f"len({name})"])
            self._keys[1].extend([len(container.entries)])
        return [] if whole else rest

    def _other(self, place: Place, thing: Any) -> str:
        """The condition that something else is at a place."""
        at = self._at(place)
        if isinstance(thing, np.random.Generator):
            return f"type({at}) is not {self._bind(type(thing), 'type')}"
        if thing is None or isinstance(thing, bool):
            return f"{at} is not {thing}"
        name = self._bind(thing)
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
            at = self._reads[source] = f"v{len(self._reads)}"
            first, *others = source.places
            if source.kind == "number":
                numbers.setdefault(source.before, []).append(source)
            elif source.kind == "grad":
                node = self._node(source)
                grads.append(f"{node}.grad is {'not ' if source.before is None else ''}None")
                if source.before in captured.program.inputs:
                    reads.append(
                        f"{at} = {node}.grad._data if isinstance({node}.grad, Tensor) else asarray({node}.grad)"
                    )
            else:
                found = self._at(first)
                if source.kind == "tensor":
                    lines += self._same_tensor(source)
                    found = f"{self._tensors[id(source.thing)]}._data"
                elif source.kind == "scalar":
                    lines.append(unless(f"type({found}) is not {self._bind(type(source.thing), 'type')}"))
                    found = f"asarray({found})"
                lines += [unless(f"{self._at(place)} is not {found}") for place in others if source.kind == "array"]
                if source.before in captured.program.state:
                    state[source.before] = found
                    at = self._reads[source] = f"state[{captured.program.state.index(source.before)}]"
                    forms.append(unless(self._other_form(source, at)))
                else:
                    lines += [f"{at} = {found}", unless(self._other_form(source, at))]
        lines += [*([unless(" or ".join(grads))] if grads else []), *reads]
        for sources in numbers.values():
            lines += self._same_number(sources)
        return [
            *lines,
            f"state = [{', '.join(state[value] for value in captured.program.state if not value.weak)}]",
        ], forms

    def _same_number(self, sources: list[Source]) -> list[str]:
        """A number of the same type; if it was found in several places, it still has to be the same in all of them."""
        first, at = sources[0], self._reads[sources[0]]
        lines = [f"{at} = {self._at(first.places[0])}"]
        lines.append(unless(f"type({at}) is not {self._bind(type(first.thing), 'type')}"))
        if len(sources) > 1:
            lines.append(unless(f"len({{{', '.join(self._at(source.places[0]) for source in sources)}}}) != 1"))
        return [*lines, f"{at} = float({at})"] if isinstance(first.thing, np.generic) else lines

    def _other_form(self, source: Source, at: str) -> str:
        assert source.before is not None
        dtype = self._bind(source.before.dtype, "dtype")
        kind = "" if source.kind != "array" else f"type({at}) is not {self._bind(type(source.thing), 'type')} or "
        return f"{kind}{at}.shape != {source.before.shape} or {at}.dtype is not {dtype} and {at}.dtype != {dtype}"

    def _same_tensor(self, source: Source) -> list[str]:
        tensor, place = source.thing, source.places[0]
        if not source.rebound and not self._is_ours(place.container):
            self._tensors[id(tensor)] = name = self._bind(tensor, "tensor")
            if tensor.requires_grad:
                self._same += [f"({name}._node,)"]
                self._things += [tensor._node]
                return []
            return [unless(f"{name}._node is not None and {name}._node.requires_grad")]
        self._tensors[id(tensor)] = name = f"t_{len(self._tensors)}"
        lines = [f"{name} = {self._at(place)}"]
        lines.append(unless(f"not isinstance({name}, Tensor) or {name}.requires_grad is not {tensor.requires_grad}"))
        return [*lines, unless(f"not {name}.is_leaf")] if tensor.requires_grad else lines

    def _node(self, source: Source) -> str:
        tensor = self._tensors[id(source.thing)]
        return f"{tensor}._node" if tensor.startswith("t_") else self._bind(source.thing._node, "node")

    # --- the call ---------------------------------------------------------------------------------------------------
    def _run(self) -> list[str]:
        captured = self._captured
        names: dict[Any, str] = {source.before: name for source, name in reversed(self._reads.items())}
        names |= {draw.value: f"draw{i}" for i, draw in enumerate(captured.draws)}
        arithmetic = Arithmetic(captured, names, self._bind)
        lines = [*arithmetic.before(()), *self._draws(arithmetic), *arithmetic.numbers()]
        inputs = f"[{', '.join(names[value] for value in arithmetic.program.inputs)}]"
        lines += [f"results, new = plan({inputs}, state)"]
        place_of: dict[Any, str] = {value: f"new[{i}]" for i, value in enumerate(arithmetic.program.state)}
        n_returned = sum(output.value is not None and not output.value.weak for output in captured.outputs)
        grads = iter(range(n_returned, len(arithmetic.program.results)))
        writes, always = [], []
        for source in captured.sources:
            if source.kind == "grad":
                if source.changes:
                    new = f"asarray(results[{next(grads)}])" if source.after is not None else "None"
                    new = f"handed_out({new}, [{self._node(source)}])" if source.recorded else new
                    always.append(f"{self._node(source)}.grad = {new}")
            elif source.changes and source.kind == "number":
                always += [f"{self._at(place)} = {names[source.after]}" for place in source.places]
            elif source.changes:
                writes += self._write(source, place_of[source.before])
        targets = [write[7:].partition(",")[0] for write in writes if write.startswith("copyto(")]
        if targets:
            listed = f"[{', '.join(targets)}]"
            writes[:0] = [f"results, new = apart(results, {listed}), apart(new, {listed})"]
        else:
            writes.append("LAST = new")  # the arrays are found again, if nobody replaces them
        lines += ["if new is not state:", *map(indented, writes)]
        self.program = arithmetic.program
        return [*lines, *always, f"return {self._result(names)}"]

    def _draws(self, arithmetic: Arithmetic) -> list[str]:
        """Draw random numbers; if a condition on them does not hold, nothing has been drawn."""
        captured = self._captured
        places = {id(leaf.thing): leaf.place for leaf in captured.surroundings.leaves}
        drawn = []
        for i, draw in enumerate(captured.draws):
            args = ", ".join([*map(self._bind, draw.args), *(f"{k}={self._bind(v)}" for k, v in draw.kwargs.items())])
            made = f"{self._at(places[id(draw.generator)])}.{draw.method}({args})"
            drawn.append(f"draw{i} = {made if draw.value.weak else f'asarray({made})'}")
        used = sorted({self._at(places[id(draw.generator)]) for draw in captured.draws})
        undo = tuple(f"{generator}.bit_generator.state = before[{i}]" for i, generator in enumerate(used))
        conditions = arithmetic.before(undo)
        if not conditions:
            return drawn
        return [f"before = [{', '.join(f'{g}.bit_generator.state' for g in used)}]", *drawn, *conditions]

    def _write(self, source: Source, new: str) -> list[str]:
        if source.kind == "tensor" and not source.rebound:
            return [f"{self._tensors[id(source.thing)]}._data = {new}"]
        if source.kind == "tensor":
            return [f"{self._at(source.places[0])} = wrap({new})"]
        if source.kind == "scalar":
            return [f"{self._at(source.places[0])} = {new}[()]"]
        if source.rebound or all(self._is_memory(place.container) for place in source.places):
            return [f"{self._at(place)} = {new}" for place in source.places]
        return [f"copyto({self._reads[source]}, {new})"]

    def _is_memory(self, container: Any) -> bool:
        """Whether a dict is what an optimizer remembers of a parameter: it alone looks there, and knows the keys."""
        return (id(container), "step") in self._captured.surroundings.counts

    def _result(self, names: dict[Any, str]) -> str:
        made, n = [], 0
        for output in self._captured.outputs:
            if output.value is None:
                made.append(self._bind(output.thing) if output.kind == "object" else self._known(output.thing))
                continue
            if output.value.weak:
                made.append(names[output.value])
                continue
            found = f"asarray(results[{n}]){'.copy()' if _is_seen(output.value) else ''}"
            n += 1
            match output.kind:
                case "tensor":
                    made.append(f"wrap({found})")
                case "recorded":
                    made.append(f"handed_out({found}, [{', '.join(map(self._node, output.thing))}])")
                case "array":
                    made.append(found)
                case _:
                    made.append(f"{found}[()]")
        rebuild = self._captured.rebuild
        return made[0] if rebuild is None else f"{self._bind(rebuild, 'rebuild')}([{', '.join(made)}])"

    def _known(self, source: Source) -> str:
        """The expression for a Tensor or an array that was there before."""
        return self._tensors[id(source.thing)] if source.kind == "tensor" else self._reads[source]


def apart(arrays: list[Any], targets: list[Any]) -> list[Any]:
    """Return arrays that do not change when ``targets`` are written to."""
    return [a.copy() if any(np.may_share_memory(a, target) for target in targets) else a for a in arrays]


def unless(condition: str) -> str:
    """A line of code."""
    return f"if {condition}: return MISS"


def indented(line: str) -> str:
    """A line of code, further in."""
    return f"    {line}"


def _by_place(source: Source) -> bool:
    """Whether other objects may come to the place of a source."""
    return source.kind in ("array", "number", "scalar") or source.rebound


def _is_seen(value: Any) -> bool:
    """Whether an array is one that was there before, or a view of it: what is returned would change with it."""
    while value.function in (operator.getitem, np.reshape, np.transpose, np.broadcast_to):
        value = value.args[0]
    return value.function is None
