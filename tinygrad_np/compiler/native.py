"""Regions as text: a run of items as one function for numba, which finds its arrays by their addresses."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any

from tinygrad_np.compiler.contractions import Product
from tinygrad_np.compiler.elements import number_text
from tinygrad_np.compiler.kinds import is_contraction, is_view
from tinygrad_np.compiler.layouts import Layout, Layouts
from tinygrad_np.compiler.memory import Memory, Place
from tinygrad_np.compiler.nests import lines_of
from tinygrad_np.compiler.packing import Block
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import operands
from tinygrad_np.compiler.schedule import Item
from tinygrad_np.compiler.source import Source
from tinygrad_np.compiler.spelling import Names

__all__ = ["Region", "regions_of"]

#: Names that the text of a region uses otherwise.
_TAKEN = re.compile(r"[i-n]|s|[apst]\d+|whole\d+|block|plus|contiguous|\w+_at|\w+_float(32|64)")


def regions_of(items: list[Item], memory: Memory) -> dict[int | None, Region]:
    """Prepare all regions; each takes the memory that it needs."""
    found: dict[int | None, Region] = {}
    layouts = Layouts(memory)
    seen = _seen_by_python(items, memory, layouts)
    for number, run in itertools.groupby(enumerate(items), key=lambda pair: pair[1].region):
        if number is not None:
            pairs = list(run)
            found[number] = Region([item for _, item in pairs], pairs[0][0], memory, layouts)
            found[number].views = [step for _, item in pairs for step in item.steps if step in seen and is_view(step)]
    return found


def _seen_by_python(items: list[Item], memory: Memory, layouts: Layouts) -> set[Value]:
    """What calls between the regions use, and what regions are given."""
    seen = {*memory.program.results, *memory.program.updates.values()}
    for item in reversed(items):
        for step in reversed(item.steps):
            if item.region is None or (is_view(step) and step in seen):
                seen.update(operands(step))
            elif not is_view(step) or step in memory.place:
                seen.update(layouts[arg].base for arg in operands(step) if not arg.weak and arg not in memory.scratch)
    return seen


class Region:
    """A run of items that becomes one function.

    Parameters
    ----------
    items : list of Item
    first : int
        The index of the first of them in the plan.
    memory : Memory
    layouts : Layouts

    Attributes
    ----------
    views : list of Value
        Steps that are done in Python, before the call: views of arrays that are not the same in each run.
    checks : list of str
        Lines that raise an error before anything is computed.
    """

    views: list[Value]

    def __init__(self, items: list[Item], first: int, memory: Memory, layouts: Layouts) -> None:
        self.items, self.memory, self.layouts = items, memory, layouts
        self.products: dict[Value, Product] = {}
        self._turned: dict[Value, Block] = {}
        for i, item in enumerate(items, first):
            for step in item.steps:
                if is_contraction(step):
                    found = self.products[step] = Product(step, layouts)
                    if found.turned:
                        self._turned[step] = memory.temporary(found.turned * step.dtype.itemsize, i)

    def write(self, source: Source, comments: dict[Item, str]) -> None:
        """Add the function, and its call."""
        self.source = source
        self.checks: list[str] = []
        self._parameters: dict[str, str] = {}  # and what is given for them
        self._numbers: dict[Value, str] = {}
        self._pointers: dict[Any, str] = {}
        self._declared: list[str] = []
        self._unused = Names()
        for view in self.views:
            source.add_step(view)
        body = []
        for item in self.items:
            if item in comments:
                body.append(f"# {comments[item]}")
            if not self._is_view(item.steps[0]):
                body += lines_of(item, self)
        name = source.unused("region")
        source.loops += ["@compiled", f"def {name}({', '.join(self._parameters)}):"]
        source.loops += [*(f"    {line}" for line in (*self._declared, *self.checks, *body)), "", ""]
        source.body.append(f"{name}({', '.join(self._parameters.values())})")

    # --- what the loops work on -------------------------------------------------------------------------------------
    def element(self, value: Value, strides: Iterable[int], variables: Iterable[str], shift: int = 0) -> str:
        """The text of an element, as the variables count along the axes, ``shift`` further on in memory."""
        layout = self.layouts[value]
        if layout.number is not None:
            return number_text(layout.number, layout.dtype)
        text = f"{self._pointer(layout)}[{position(strides, variables, layout.offset // value.dtype.itemsize + shift)}]"
        return f"({text} != 0)" if layout.dtype == "bool" else text

    def stored(self, value: Value, strides: Iterable[int], variables: Iterable[str], text: str, shift: int = 0) -> str:
        """The line that puts a number there."""
        target = self.element(value, strides, variables, shift)
        if value.dtype.kind == "b":
            return f"{target[1 : -len(' != 0)')]} = np.uint8({text})"
        return f"{target} = {text}"

    def number(self, arg: Value) -> str:
        """The name of a Python number."""
        if arg not in self._numbers:
            self._numbers[arg] = self._name(self.source.name(arg))
            self._parameters[self._numbers[arg]] = self.source.name(arg)
        return self._numbers[arg]

    def turned(self, step: Value) -> str:
        """The name of the memory that a product has for one of its operands, or nothing."""
        if step not in self._turned:
            return ""
        kind, offset = self._address_of(Place(self._turned[step], 0))
        name = self._name("turned")
        self._declared.append(f"{name} = {step.dtype.name}_at({kind}, {offset})")
        return name

    def _pointer(self, layout: Layout) -> str:
        """The name of the pointer to the first element of a base."""
        dtype = "uint8" if layout.dtype == "bool" else layout.dtype
        place = self.memory.place.get(layout.base)
        key = (place or layout.base, dtype)
        if key not in self._pointers:
            address, offset = self._given(layout.base) if place is None else self._address_of(place)
            wish = layout.base.name or self.source.hints.get(layout.base) or f"v{len(self._pointers) + 1}"
            self._pointers[key] = self._name(wish)
            self._declared.append(f"{self._pointers[key]} = {dtype}_at({address}, {offset})  # {layout.base.shape}")
        return self._pointers[key]

    def _address_of(self, place: Place) -> tuple[str, int]:
        kind = place.block.kind
        self._parameters[kind] = self.source.address(kind)
        return kind, place.block.offset + place.offset

    def _given(self, base: Value) -> tuple[str, int]:
        """The address of an array that is not in memory of ours."""
        name = self.source.name(base)
        if base.array is not None:
            at = self.source.once(f"{name}_at", f"{name}.ctypes.data")
            self._parameters[at] = at
            return at, 0
        given = self._name(f"{name}_given")
        self._parameters[given] = f"contiguous({name})"
        return f"{given}.ctypes.data", 0

    def _name(self, wish: str) -> str:
        name = self._unused(wish)
        return self._unused(f"{wish}_given") if _TAKEN.fullmatch(name) else name

    def _is_view(self, step: Value) -> bool:
        return is_view(step) and step not in self.memory.place


def position(strides: Iterable[int], variables: Iterable[str], offset: int) -> str:
    """``32 * i + j + 5``."""
    pairs = [(s, v) for s, v in zip(strides, variables, strict=True) if s]
    terms = [v if s == 1 else f"{s} * {v}" for s, v in pairs]
    return " + ".join([*terms, str(offset)] if offset or not terms else terms)
