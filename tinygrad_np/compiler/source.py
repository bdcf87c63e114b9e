"""The plan as text: straight-line NumPy that a person can read, with every result told where to go."""

from __future__ import annotations

import operator
import textwrap
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import (
    SLOW_WITH_A_NUMBER,
    is_array_of,
    is_contraction,
    is_running,
    is_seen,
    reduced_axes,
    reducing_ufunc,
    scalar_of,
)
from tinygrad_np.compiler.memory import Memory, Place
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Program, Value, written
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.spelling import Names, array_text, function_text, plain_text

__all__ = ["Source", "gradient_names"]


class Source:
    """The text of a program, part by part.

    Attributes
    ----------
    header, bound, body, loops : list of str
        Lines: what is done once, what is done once for each memory for results, what
        ``step`` does, the functions that go block by block.
    given : dict
        What has no text: long constants, functions of the user. The code finds them under these names.
    """

    def __init__(self, program: Program, memory: Memory, full: bool = False) -> None:
        self.program, self.memory, self.full = program, memory, full
        self._imported: list[str] = []
        self.header: list[str] = []
        self.bound: list[str] = []
        self.loops: list[str] = []
        self.body: list[str] = []
        self.given: dict[str, Any] = {}
        self._number = 0
        self.functions: dict[str, str] = {}
        self.unused, self._named, self._unique = Names(), dict[Value, str](), dict[Any, str]()
        self.hints = gradient_names(program)
        for value in [*program.inputs, *program.state]:
            self._named[value] = self.unused(value.name or "x")
        for value in program.state:
            self._unique[memory.place[value], value.shape, value.dtype, False] = self._named[value]
            self._declare(value)

    # --- names ------------------------------------------------------------------------------------------------------
    def name(self, value: Value) -> str:
        """The name of a value, which is declared first, if it is one that does not change from run to run."""
        if value in self._named:
            return self._named[value]
        if value.array is not None:
            return self._constant(value)
        place = self.memory.place.get(value)
        key = (place, value.shape, value.dtype, self.memory.by_columns(value))
        if place is not None and key in self._unique:
            self._named[value] = self._unique[key]  # it is computed in place
            return self._named[value]
        self._named[value] = self._unique[key] = self.variable(value)
        if value in self.memory.fixed:
            self._declare(value)
        return self._named[value]

    def variable(self, value: Value) -> str:
        """A new name for a value."""
        wish = value.name or self.hints.get(value)
        self._number += not wish
        return self.unused(wish or f"v{self._number}")

    def rename(self, value: Value, name: str) -> None:
        """Call a value by a name that stands already."""
        self._named[value] = name

    def lines(self, *values: Value) -> list[str]:
        """Where to declare what depends on some values."""
        return self.bound if any(map(self.memory.in_results, values)) else self.header

    def _declare(self, value: Value) -> None:
        place = self.memory.place.get(value)
        text = self.view_text(value) if place is None else self.array(place, value)
        self.lines(value).append(f"{self._named[value]} = {text}")

    def array(self, place: Place, value: Value, columns: bool | None = None) -> str:
        """The array of a value, at a place: as it lies there, or column by column, or not."""
        dtype = "" if value.dtype == np.float32 else f", {value.dtype.name!r}"
        columns = self.memory.by_columns(value) if columns is None else columns
        shape = value.shape[::-1] if columns else value.shape
        return (
            f"array({place.block.kind}, {place.block.offset + place.offset}, {shape}{dtype}){'.T' if columns else ''}"
        )

    def _constant(self, value: Value) -> str:
        assert value.array is not None
        key = (value.array.tobytes(), value.shape, value.dtype) if value.array.nbytes < 1 << 20 else value
        if key not in self._unique:
            text = array_text(value.array, self.full)
            name = self.unused(value.name or _constant_name(value.array))
            self._unique[key] = name
            self._give(name, text, value.array)
        self._named[value] = self._unique[key]
        return self._unique[key]

    def _give(self, name: str, text: str | None, thing: Any) -> None:
        if text is None:
            self.given[name] = thing
        else:
            self.header.append(f"{name} = {text}")

    def once(self, wish: str, text: str, *values: Value) -> str:
        """The name of something that is computed once, and depends on some values."""
        if text not in self._unique:
            self._unique[text] = self.unused(wish)
            self.lines(*values).append(f"{self._unique[text]} = {text}")
        return self._unique[text]

    def address(self, kind: str) -> str:
        """The name of the address of one of the memories."""
        name = f"{kind}_at"
        if name not in self._unique:
            self._unique[name] = self.unused(name)
            lines = self.bound if kind == "results" else self.header
            lines.append(f"{self._unique[name]} = {kind}.ctypes.data")
        return self._unique[name]

    def function(self, function: Any) -> str:
        """The name of a function."""
        if function not in self.functions:
            text = function_text(function)
            if text is None:
                name = self.unused(getattr(function, "__name__", "function"))
                self.given[name] = function
            elif text.startswith("np.ndarray."):
                name = text
            else:
                name = text.removeprefix("np.").replace(".", "_")
                self.unused.taken.add(name)
                self._imported.append(
                    name if isinstance(function, np.ufunc) or name == text[3:] else f"{name} = {text}"
                )
            self.functions[function] = name
        return self.functions[function]

    # --- arguments --------------------------------------------------------------------------------------------------
    def text(self, arg: Any) -> str:
        """An argument."""
        if isinstance(arg, Value):
            return self.name(arg)
        if isinstance(arg, tuple) and not hasattr(arg, "_fields"):
            return f"({', '.join(map(self.text, arg))}{',' if len(arg) == 1 else ''})"
        if isinstance(arg, list):
            return f"[{', '.join(map(self.text, arg))}]"
        if isinstance(arg, slice):
            return f"slice({self.text(arg.start)}, {self.text(arg.stop)}, {self.text(arg.step)})"
        text = plain_text(arg)
        if text is None:
            text = self.unused("given")
            self.given[text] = arg
        return text

    def _keywords(self, kwargs: dict[str, Any]) -> list[str]:
        """Keyword arguments; what is given as ``out`` shows where a mask is false, and is not written to."""
        return [f"{key}={self.text(arg)}{'.copy()' if key == 'out' else ''}" for key, arg in kwargs.items()]

    def _index_text(self, index: Any) -> str:
        entries = index if isinstance(index, tuple) else (index,)
        texts = []
        for entry in entries:
            if isinstance(entry, slice):
                ends = [("" if end is None else self.text(end)) for end in (entry.start, entry.stop, entry.step)]
                texts.append(":".join(ends if entry.step is not None else ends[:2]))
            else:
                texts.append("..." if entry is Ellipsis else self.text(entry))
        return ", ".join(texts) + ("," if isinstance(index, tuple) and len(index) == 1 else "") if texts else "()"

    def view_text(self, value: Value) -> str:
        x = self.name(value.args[0])
        if value.function is operator.getitem:
            return f"{x}[{self._index_text(value.args[1])}]"
        if value.function is np.ndarray.view:
            return f"{x}.view({plain_text(value.args[1])})"
        if value.function is np.transpose:
            axes = value.args[1]
            return f"{x}.T" if axes == tuple(range(len(axes)))[::-1] else f"{x}.transpose({axes})"
        return (
            f"np.broadcast_to({x}, {value.shape})"
            if value.function is np.broadcast_to
            else f"{x}.reshape({value.shape})"
        )

    # --- calls ------------------------------------------------------------------------------------------------------
    def call(self, step: Value, out: str) -> str:
        """The call that computes a step into ``out``."""
        function = step.function
        if is_contraction(step):
            a, b = step.args
            plain = all(1 <= len(arg.shape) <= 2 and arg.dtype == step.dtype for arg in (a, b))
            product = np.dot if plain and step.dtype.kind in "fc" else np.matmul  # dot asks less about shapes
            return f"{self.function(product)}({self.name(a)}, {self.name(b)}, {out})"
        if isinstance(function, np.ufunc):
            args = [self.name(arg) if isinstance(arg, Value) else self.text(arg) for arg in step.args]
            if function not in SLOW_WITH_A_NUMBER:
                return f"{self.function(function)}({', '.join([*args, out])})"
            return f"{self.function(function)}({', '.join(args)}, out={out})"  # it takes no third argument by position
        x = self.name(step.args[0])
        if is_running(step):
            return f"{self.function(function)}({x}, 0, None, {out})"
        if function is np.ndarray.astype:
            safe = np.can_cast(step.args[0].dtype, step.dtype, "same_kind")
            unsafe = "" if safe else ", 'unsafe'"
            return f"{self.function(np.copyto)}({out}, {x}{unsafe})"
        if function is np.reshape:
            seen = f"np.reshape({out}, {step.args[0].shape})"
            return f"{self.function(np.copyto)}({self.once(f'{out}_as_{x}', seen, step)}, {x})"
        assert reducing_ufunc(step), step
        axes = reduced_axes(step)
        axis = axes[0] if len(axes) == 1 else None if len(axes) == len(step.args[0].shape) else axes
        return f"{self.function(function)}({x}, {axis}, None, {out}{', True' if step.kwargs['keepdims'] else ''})"

    def add_step(self, step: Value) -> None:
        """A line, or none, for a step that is not part of a loop."""
        memory = self.memory
        if memory.is_view(step) and step in memory.fixed:
            return  # it is declared when it is used
        for arg in operands(step):
            self.name(arg)  # what is computed in place keeps the name
        if memory.is_view(step) or (step.function is np.reshape and step not in memory.fixed):
            if step not in memory.fixed:
                self.body.append(f"{self.name(step)} = {self.view_text(step)}")
        elif step.function is join and step in memory.place:
            self._add_join(step)
        elif is_array_of(step):
            self.body.append(f"{self.name(step)}[()] = {self.name(step.args[0])}")
        elif step in memory.fixed:
            filled = tuple(self.filled(step, arg) for arg in step.args)
            line = self.call(Value(step.function, filled, step.kwargs, step.shape, step.dtype), self.name(step))
            self.body.append(f"{line}  # {step.shape}")
        elif step.function is written:
            self._add_written(step)
        else:
            self.body.append(f"{self.name(step)} = {self.expression(step)}")

    def expression(self, step: Value) -> str:
        """The call of a function that makes the array of its result itself."""
        if step.function is operator.getitem:
            return f"{self.name(step.args[0])}[{self._index_text(step.args[1])}]"
        args = [*map(self.text, step.args), *self._keywords(step.kwargs)]
        return f"{self.function(step.function)}({', '.join(args)})"

    def _add_written(self, step: Value) -> None:
        """A copy, and the line that writes into it."""
        name, (function, x, *args) = self.name(step), step.args
        self.body.append(f"{name} = {self.text(x)}.copy()")
        if function is operator.setitem:
            self.body.append(f"{name}[{self._index_text(args[0])}] = {self.text(args[1])}")
            return
        texts = [name, *map(self.text, args), *self._keywords(step.kwargs)]
        self.body.append(f"{self.function(function)}({', '.join(texts)})")

    def filled(self, step: Value, arg: Any) -> Any:
        """A number as an array of the result's shape, where that makes the call faster."""
        number = scalar_of(arg)
        if step.function not in SLOW_WITH_A_NUMBER or number is None or not step.shape:
            return arg
        return Value(None, (), {}, step.shape, step.dtype, array=np.full(step.shape, number, step.dtype))

    def _add_join(self, step: Value) -> None:
        """Copy what does not lie in its place."""
        place, offset = self.memory.place[step], 0
        for arg in step.args:
            here = self.memory.root_place(arg)
            if here is None or here.block is not place.block or here.offset != place.offset + offset:
                constant = arg.array is not None and place.block.kind == "arena"
                self.copy_part(step, arg, offset, self.header if constant else self.body)
            offset += size(arg) * arg.dtype.itemsize

    def copy_part(self, step: Value, arg: Value, offset: int, lines: list[str]) -> None:
        """Add the copy of an array to where it belongs among those that it is joined with."""
        place = self.memory.place[step]
        there = self.array(Place(place.block, place.offset + offset), arg, columns=False)
        part = self.once(f"{self.name(step)}_part", there, step)
        lines.append(f"{self.function(np.copyto)}({part}, {self.name(arg)})")

    # --- the whole --------------------------------------------------------------------------------------------------
    def finish(self) -> None:
        """Write what comes last: the copies of new states that do not lie there yet, and the results."""
        results, states = [], set(self.program.state)
        for result in self.program.results:
            ours = is_seen(result) or result in self.memory.fixed or self.memory.may_be_ours(result)
            lent = result in self.memory.lent and self.name(result) not in results
            text = f"{self.name(result)}.copy()" if ours and not lent else self.name(result)
            known = result.function is None or result in self.memory.fixed
            results.append(text if known else f"np.asarray({text})")  # a view of one element is a NumPy scalar
        if results and self.memory.copies:
            self.body += [f"results = [{', '.join(results)}]"]
        copies = []
        for state, value in self.memory.copies:
            text = self.name(value)
            if self.memory.roots(value) & states:
                self.body.append(f"{(old := self.unused('old'))} = {text}.copy()")
                text = old
            copies.append(f"{self.function(np.copyto)}({self.name(state)}, {text})")
        self.body += copies
        listed = f"[{', '.join(results)}]"
        self.body.append(f"return {'results' if results and copies else listed}")

    def imports(self) -> str:
        """The lines that import NumPy."""
        names = ", ".join(sorted(name for name in self._imported if "=" not in name))
        lines = textwrap.wrap(names, 112, initial_indent="    ", subsequent_indent="    ")
        named = (
            "from numpy import (\n" + "\n".join(lines) + ",\n)\n" if len(lines) > 1 else f"from numpy import {names}\n"
        )
        return "import numpy as np\n" + (named if names else "")

    def code(self) -> str:
        """All of it, but for imports and memory."""
        inputs = ", ".join(self.name(value) for value in self.program.inputs)
        state = ", ".join(self.name(value) for value in self.program.state)
        lines = sorted(name for name in self._imported if "=" in name)
        lines += ["", *self.header, f"STATE = [{state}]", "", "", *self.loops]
        step = [f"def step({inputs}):", *(f"    {line}" for line in self.body)]
        lent = ", ".join(map(self.name, self.memory.lent))
        lines += ["def bound(results):", *(f"    {line}" if line else "" for line in [*self.bound, "", *step, ""])]
        return "\n".join([*lines, f"    return step, [{lent}]", ""])

    def memories(self) -> str:
        """The lines that allocate what the code works on."""
        return f"arena = memory({self.memory.arena})\nstate = memory({self.memory.state})\n"


def _constant_name(array: Any) -> str:
    """``c_0_5`` for a number, ``zeros`` for zeros."""
    if array.size == 1:
        return "c_" + f"{array.item():.6g}".replace("-", "m").replace(".", "_").replace("+", "")
    if not array.size or (array != array.reshape(-1)[0]).any():
        return "constant"
    return {0: "all_zeros", 1: "all_ones"}.get(array.reshape(-1)[0].item(), "all_equal")


def gradient_names(program: Program) -> dict[Value, str]:
    """What is updated with a parameter is its gradient."""
    joins = [step for step in program.steps if step.function is join]
    states = set(program.state)
    names: dict[Value, str] = {}
    for step in joins:
        for other in joins:
            alike = [arg.shape for arg in step.args] == [arg.shape for arg in other.args]
            if alike and states.issuperset(step.args) and not states & set(other.args):
                for parameter, gradient in zip(step.args, other.args, strict=True):
                    names.setdefault(gradient, f"{parameter.name}.grad")
    return names
