"""The signature of a capture, as Python code: what has to be as it was, where the arrays are, where results go.

A captured program is right for calls that find the same things: arguments of the same structure, shapes and dtypes, the
same parameters, flags and settings. To look at all of them in every call has to be cheap, so it is written out as a
function of straight-line code and compiled. ``Signature.source`` can be read.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from tinygrad_np.compiler.capture import Captured, Source
from tinygrad_np.compiler.places import Place, is_plain
from tinygrad_np.compiler.results import handed_out
from tinygrad_np.grad_mode import is_grad_enabled
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__all__ = ["MISS", "Signature"]

#: What a call returns that has another signature.
MISS = object()


class Signature:
    """The code around a program.

    Parameters
    ----------
    captured : Captured

    Attributes
    ----------
    source : str
        The code of two functions, ``matches(args, kwargs)`` and ``call(args, kwargs, plan, conditions)``.
    """

    def __init__(self, captured: Captured) -> None:
        self._captured = captured
        self._names: dict[int, str] = {}
        self._scope: dict[str, Any] = {
            "is_": is_, "ndarray": np.ndarray, "asarray": np.asarray, "copyto": np.copyto, "Tensor": Tensor,
            "wrap": wrap, "handed_out": handed_out, "is_grad_enabled": is_grad_enabled, "MISS": MISS,
        }  # fmt: skip
        self._expected: list[tuple[Any, list[Any]]] = []  # containers whose entries are compared all at once
        self._arguments: dict[int, str] = {id(captured.arguments): ""}  # containers of a call -> local variable
        self._reads: dict[Source, str] = {}
        self._tensors: dict[int, str] = {}
        conditions = [*self._structure_of_arguments(), *self._entries(), *self._arrays()]
        guarded = ["try:", *(f"    {line}" for line in conditions), "except (LookupError, AttributeError, ValueError):"]
        guarded.append("    return MISS")
        self.source = "\n".join([
            "def matches(args, kwargs):", *(f"    {line}" for line in [*guarded, "return True"]), "", "",
            "def call(args, kwargs, plan, conditions):", *(f"    {line}" for line in guarded + self._run()), "",
        ])  # fmt: skip
        exec(compile(self.source, "<signature of a compiled function>", "exec"), self._scope)
        self.matches: Callable[[Any, Any], Any] = self._scope["matches"]
        self.call: Callable[[Any, Any, Any, Any], Any] = self._scope["call"]
        del self._captured  # and with it the arrays of the first call

    def refresh(self) -> None:
        """Take over numbers that are equal to those that were there, but other objects."""
        for container, expected in self._expected:
            found = list(container.values()) if isinstance(container, dict) else container
            if len(found) == len(expected):
                for i, (old, new) in enumerate(zip(expected, found, strict=True)):
                    if old is not new and type(old) is type(new) and is_plain(old) and old == new:
                        expected[i] = new

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
        lines += [unless(f"is_grad_enabled() is not {is_grad_enabled()}")]
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
        lines = []
        for container in self._captured.surroundings.containers:
            own, thing = self._is_ours(container.thing), container.thing
            if container.fixed and not own:
                continue
            rest = [(p, child) for p, child in container.entries if (id(p.container), p.key) not in arrays]
            if own:
                kept = [(p, child) for p, child in rest if not self._is_ours(child) and not isinstance(child, Tensor)]
                lines += [unless(self._other(place, child)) for place, child in kept]
                continue
            name = self._bind(thing)
            if isinstance(thing, dict):
                keys = self._bind([place.key for place, _ in container.entries], "keys")
                lines.append(unless(f"len({name}) != {len(thing)} or not all(map(is_, {name}, {keys}))"))
            elif isinstance(thing, list):
                lines.append(unless(f"len({name}) != {len(thing)}"))
            if isinstance(thing, dict | list) and len(rest) == len(container.entries) > 1:
                expected = [child for _, child in rest]
                self._expected.append((thing, expected))
                found = f"{name}.values()" if isinstance(thing, dict) else name
                lines.append(unless(f"not all(map(is_, {found}, {self._bind(expected, 'expected')}))"))
            else:
                lines += [unless(self._other(place, child)) for place, child in rest]
        return lines

    def _other(self, place: Place, thing: Any) -> str:
        """The condition that something else is at a place."""
        at = self._at(place)
        if isinstance(thing, np.random.Generator) and self._is_ours(place.container):
            return f"type({at}) is not {self._bind(type(thing), 'type')}"
        if thing is None or isinstance(thing, bool):
            return f"{at} is not {thing}"
        name = self._bind(thing)
        if is_plain(thing) and not isinstance(thing, type):
            return f"{at} is not {name} and (type({at}) is not type({name}) or {at} != {name})"
        return f"{at} is not {name}"

    def _arrays(self) -> list[str]:
        """Arrays, the values of Tensors, gradients: of the same shapes and dtypes. Numbers: of the same types."""
        lines = []
        for source in self._captured.sources:
            at = self._reads[source] = f"v{len(self._reads)}"
            first, *others = source.places
            if source.kind == "array":
                lines += [unless(f"{self._at(place)} is not {self._at(first)}") for place in others]
            match source.kind:
                case "number":
                    lines.append(f"{at} = {self._at(first)}")
                    lines.append(unless(f"type({at}) is not {self._bind(type(source.thing), 'type')}"))
                    if isinstance(source.thing, np.generic):
                        lines.append(f"{at} = float({at})")
                case "array":
                    lines.append(f"{at} = {self._at(first)}")
                    lines.append(unless(f"type({at}) is not {self._bind(type(source.thing), 'type')}"))
                    lines += self._same_form(source, at)
                case "tensor":
                    lines += [*self._same_tensor(source), f"{at} = {self._tensors[id(source.thing)]}._data"]
                    lines += self._same_form(source, at)
                case "grad":
                    lines += self._same_grad(source, at)
        return lines

    def _same_form(self, source: Source, at: str) -> list[str]:
        assert source.before is not None
        dtype = self._bind(source.before.dtype, "dtype")
        other = f"({at}.dtype is not {dtype} and {at}.dtype != {dtype})"
        return [unless(f"{at}.shape != {source.before.shape} or {other}")]

    def _same_tensor(self, source: Source) -> list[str]:
        tensor, place = source.thing, source.places[0]
        if not source.rebound and not self._is_ours(place.container):
            self._tensors[id(tensor)] = name = self._bind(tensor, "tensor")
            if tensor.requires_grad:
                return [unless(f"{name}._node is not {self._bind(tensor._node, 'node')}")]
            return [unless(f"{name}._node is not None and {name}._node.requires_grad")]
        self._tensors[id(tensor)] = name = f"t_{len(self._tensors)}"
        lines = [f"{name} = {self._at(place)}"]
        lines.append(unless(f"not isinstance({name}, Tensor) or {name}.requires_grad is not {tensor.requires_grad}"))
        return [*lines, unless(f"not {name}.is_leaf")] if tensor.requires_grad else lines

    def _same_grad(self, source: Source, at: str) -> list[str]:
        tensor = self._tensors[id(source.thing)]
        node = f"{tensor}._node" if tensor.startswith("t_") else self._bind(source.thing._node, "node")
        if source.before is None:
            return [unless(f"{node}.grad is not None")]
        lines = [unless(f"{node}.grad is None")]
        if source.before in self._captured.program.inputs:
            lines += [f"{at} = {node}.grad", f"{at} = {at}._data if isinstance({at}, Tensor) else asarray({at})"]
        return lines

    # --- the call ---------------------------------------------------------------------------------------------------
    def _run(self) -> list[str]:
        captured = self._captured
        names = {source.before: name for source, name in self._reads.items() if source.before}
        names |= {draw.value: f"draw{i}" for i, draw in enumerate(captured.draws)}
        inputs = f"[{', '.join(names[value] for value in captured.program.inputs)}]"
        state = f"[{', '.join(names[value] for value in captured.program.state)}]"
        lines = self._draws(f"conditions({inputs}, {state})[0]")
        lines.append(f"results, state = plan({inputs}, {state})")
        place_of = {value: f"state[{i}]" for i, value in enumerate(captured.program.state)}
        grads = iter(range(sum(output.value is not None for output in captured.outputs), len(captured.program.results)))
        for source in captured.sources:
            if source.kind == "grad":
                if source.changes:
                    new = f"asarray(results[{next(grads)}])" if source.after is not None else "None"
                    new = f"handed_out({new}, True)" if source.recorded else new
                    lines.append(f"{self._tensors[id(source.thing)]}._node.grad = {new}")
            elif source.changes:
                assert source.before is not None
                lines += self._write(source, place_of[source.before])
        return [*lines, f"return {self._result()}"]

    def _draws(self, looked_at: str) -> list[str]:
        """Draw random numbers and see whether conditions hold; if they do not, nothing has been drawn."""
        captured = self._captured
        places = {id(leaf.thing): leaf.place for leaf in captured.surroundings.leaves}
        lines = []
        for i, draw in enumerate(captured.draws):
            args = ", ".join([*map(self._bind, draw.args), *(f"{k}={self._bind(v)}" for k, v in draw.kwargs.items())])
            drawn = f"{self._at(places[id(draw.generator)])}.{draw.method}({args})"
            lines.append(f"draw{i} = {drawn if draw.value.weak else f'asarray({drawn})'}")
        if not captured.checks:
            return lines
        used = sorted({self._at(places[id(draw.generator)]) for draw in captured.draws})
        before = [f"before = [{', '.join(f'{generator}.bit_generator.state' for generator in used)}]"] if used else []
        expected = self._bind([check.expected for check in captured.checks], "expected")
        undo = [f"    {generator}.bit_generator.state = before[{i}]" for i, generator in enumerate(used)]
        return [*before, *lines, f"if {looked_at} != {expected}:", *undo, "    return MISS"]

    def _write(self, source: Source, new: str) -> list[str]:
        if source.kind == "tensor" and not source.rebound:
            return [f"{self._tensors[id(source.thing)]}._data = {new}"]
        if source.kind == "tensor":
            return [f"{self._at(source.places[0])} = wrap({new})"]
        if source.kind == "number" or source.rebound or self._is_memory(source):
            return [f"{self._at(place)} = {new}" for place in source.places]
        return [f"copyto({self._reads[source]}, {new})"]

    def _is_memory(self, source: Source) -> bool:
        """Whether an array is an optimizer's own: that it becomes another array in place of changing, nobody sees."""
        memories = {i for i, key in self._captured.surroundings.steps_and_rates if key == "step"}
        return all(id(place.container) in memories for place in source.places)

    def _result(self) -> str:
        made, n = [], 0
        for output in self._captured.outputs:
            if output.value is None:
                made.append(
                    self._bind(output.thing) if output.kind == "object" else self._tensors[id(output.thing.thing)]
                )
                continue
            found = f"results[{n}]"
            n += 1
            match output.kind:
                case "tensor" | "recorded":
                    made.append(f"handed_out(asarray({found}), {output.kind == 'recorded'})")
                case "array":
                    made.append(f"asarray({found})")
                case "scalar":
                    made.append(f"asarray({found})[()]")
                case _:
                    made.append(found)
        rebuild = self._captured.rebuild
        return made[0] if rebuild is None else f"{self._bind(rebuild, 'rebuild')}([{', '.join(made)}])"


def unless(condition: str) -> str:
    """A line of code."""
    return f"if {condition}: return MISS"


def _by_place(source: Source) -> bool:
    """Whether other objects may come to the place of a source."""
    return source.kind in ("array", "number") or source.rebound
