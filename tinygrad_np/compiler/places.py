"""Where a function finds what it works on: its arguments, its closure, the globals that it names, and all below these.

The walk stops at Tensors, arrays, numbers and generators of random numbers, the leaves. A leaf is known by its
:class:`Place`, where the capture puts a traced stand-in and where later calls look again.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from dis import get_instructions
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from tinygrad_np.graph import Node
from tinygrad_np.optim import Optimizer
from tinygrad_np.primitives import Primitive
from tinygrad_np.tensor import Tensor

__all__ = ["Container", "Leaf", "Place", "Surroundings", "is_plain"]


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of a container.

    Attributes
    ----------
    container : object
    key : object
        Of an item or, with ``attribute``, the name of one.
    """

    container: Any
    key: Any
    attribute: bool = False

    def get(self) -> Any:
        """Return what is there."""
        return getattr(self.container, self.key) if self.attribute else self.container[self.key]

    def holds(self, thing: Any) -> bool:
        """Whether it is ``thing`` itself that is there."""
        try:
            return self.get() is thing
        except (AttributeError, LookupError, ValueError):
            return False

    def put(self, thing: Any) -> None:
        """Put something else there."""
        if self.attribute:
            setattr(self.container, self.key, thing)
        else:
            self.container[self.key] = thing


@dataclass(slots=True)
class Leaf:
    """A Tensor, an array, a number or a generator, and where it was found.

    Attributes
    ----------
    place : Place
    thing : object
    name : str
        The path to it: ``"model.layers.0.weight"``.
    """

    place: Place
    thing: Any
    name: str


@dataclass(slots=True)
class Container:
    """What holds leaves and other containers, as it was.

    Attributes
    ----------
    thing : object
    place : Place
    entries : list of (Place, object)
    snapshot : object
        A copy of a list, a set or a dict, to see later whether it has changed, and to undo that.
    """

    thing: Any
    place: Place
    name: str
    entries: list[tuple[Place, Any]] = field(default_factory=list)
    snapshot: Any = None

    @property
    def fixed(self) -> bool:
        """Whether other things cannot be put in the place of its entries."""
        return isinstance(self.thing, tuple | MethodType | partial)

    def regrown(self) -> bool:
        """Whether a list, a set or a dict has got more or fewer elements, or other keys."""
        if self.snapshot is None or len(self.snapshot) == len(self.thing):
            return isinstance(self.snapshot, dict | set) and list(self.snapshot) != list(self.thing)
        return True

    def restore(self) -> None:
        """Put back what was there."""
        if isinstance(self.thing, dict):
            if self.regrown():
                self.thing.clear()
            self.thing.update(self.snapshot)
        elif self.snapshot is not None:
            self.thing.clear()
            (self.thing.update if isinstance(self.thing, set) else self.thing.extend)(self.snapshot)
        elif not self.fixed:
            for place, child in self.entries:
                if not place.holds(child):
                    place.put(child)


class Surroundings:
    """All that can be reached from some roots.

    Parameters
    ----------
    roots : list of (Place, object, str)
        Where each is, what it is, and its name.

    Attributes
    ----------
    containers : list of Container
        Outer ones before inner ones.
    leaves : list of Leaf
    rates : set of (int, str)
        Containers (``id``) and keys of the learning rates of optimizers, which schedules change.
    counts : dict of (int, str) to int
        Containers and keys of the numbers of steps that optimizers have taken -> the optimizer (``id``).
    unordered : set of int
        Dicts (``id``) in which only optimizers look, by key.
    """

    def __init__(self, roots: list[tuple[Place, Any, str]]) -> None:
        self.roots = [thing for _, thing, _ in roots]
        self.containers: list[Container] = []
        self.leaves: list[Leaf] = []
        self.rates: set[tuple[int, Any]] = set()
        self.counts: dict[tuple[int, Any], int] = {}
        self.unordered: set[int] = set()
        self._seen: set[int] = set()
        stack = roots[::-1]
        while stack:
            place, thing, name = stack.pop()
            if is_plain(thing) or isinstance(thing, Tensor | np.ndarray | np.random.Generator):
                self.leaves.append(Leaf(place, thing, name))
                continue
            found = list(_entries(thing, name))
            if not found and not isinstance(thing, dict | list | deque | set):
                self.leaves.append(Leaf(place, thing, name))
            elif id(thing) not in self._seen:
                self._seen.add(id(thing))
                container = Container(thing, place, name, [(entry, child) for entry, child, _ in found])
                if isinstance(thing, dict | list | deque | set):
                    container.snapshot = thing.copy()
                self.containers.append(container)
                self._expect_changes(thing)
                stack += reversed(found)

    def is_memory(self, container: Any) -> bool:
        """Whether a dict is what an optimizer remembers of a parameter: it alone looks there, and knows the keys."""
        return (id(container), "step") in self.counts

    def _expect_changes(self, thing: Any) -> None:
        if _is_optimizer(thing):
            self.rates |= {(id(group), "lr") for group in thing.param_groups}
            self.counts |= {(id(memory), "step"): id(thing) for memory in thing.state.values()}
            self.unordered |= {id(thing.state), *map(id, thing.param_groups)}


def _is_optimizer(thing: Any) -> bool:
    """Whether it is one of this package, of which it is known what a step looks at."""
    return isinstance(thing, Optimizer) and type(thing).__module__.startswith("tinygrad_np.")


def is_plain(thing: Any) -> bool:
    """Whether it is a number, a string, or another thing without parts."""
    return thing is None or isinstance(
        thing, bool | int | float | complex | str | bytes | np.generic | np.dtype | type | range | slice
    )


def _entries(thing: Any, name: str) -> Iterator[tuple[Place, Any, str]]:
    """Yield (place, child, name) for what is directly below."""
    prefix = f"{name}." if name else ""
    if isinstance(thing, dict):
        for key, child in thing.items():
            yield Place(thing, key), child, f"{prefix}{_label(key)}"
    elif isinstance(thing, list | tuple | deque):
        for i, child in enumerate(thing):
            yield Place(thing, i), child, f"{prefix}{i}"
    elif isinstance(thing, FunctionType):
        yield from _of_function(thing)
    elif isinstance(thing, MethodType):
        yield Place(thing, "__self__", True), thing.__self__, "self"
        yield Place(thing, "__func__", True), thing.__func__, name
    elif isinstance(thing, partial):
        yield Place(thing, "func", True), thing.func, name
        yield Place(thing, "args", True), thing.args, f"{prefix}args"
        yield Place(thing, "keywords", True), thing.keywords, name
    elif _is_optimizer(thing):
        for key in ("param_groups", "state"):
            yield Place(thing, key, True), getattr(thing, key), f"{prefix}{key}"
    elif _has_parts(thing):
        yield Place(thing, "__dict__", True), vars(thing), name
        yield from _of_class(type(thing), name)
        for slot in _slots(type(thing)):
            if hasattr(thing, slot):
                yield Place(thing, slot, True), getattr(thing, slot), f"{prefix}{slot}"


def _of_function(function: FunctionType) -> Iterator[tuple[Place, Any, str]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield Place(cell, "cell_contents", True), cell.cell_contents, name
        except ValueError:  # not yet bound
            continue
    if function.__defaults__:
        yield Place(function, "__defaults__", True), function.__defaults__, f"{function.__name__}.defaults"
    if function.__kwdefaults__:
        yield Place(function, "__kwdefaults__", True), function.__kwdefaults__, f"{function.__name__}.defaults"
    if not function.__code__.co_filename.startswith(_LIBRARIES):
        names, attributes = _names(function.__code__)
        yield from _of_globals(function.__globals__, names, attributes, "")


def _of_globals(
    namespace: dict[str, Any], names: set[str], attributes: set[str], prefix: str
) -> Iterator[tuple[Place, Any, str]]:
    for name in sorted(names & namespace.keys()):
        thing = namespace[name]
        if not isinstance(thing, ModuleType):
            yield Place(namespace, name), thing, f"{prefix}{name}"
        elif not _is_library(thing.__name__):
            yield from _of_globals(vars(thing), attributes, attributes - {name}, f"{prefix}{name}.")


def _of_class(kind: type, name: str) -> Iterator[tuple[Place, Any, str]]:
    """What objects find in their class: numbers and the like, and what its methods name."""
    known: set[str] = set()
    for base in kind.__mro__:
        for key, thing in vars(base).items():
            if key in known or (key.startswith("__") and key != "__call__"):
                continue
            known.add(key)
            place = Place(thing, "fget", True) if isinstance(thing, property) else Place(thing, "__func__", True)
            place = Place(base, key, True) if isinstance(thing, FunctionType) else place
            function = getattr(place.container, place.key, None)
            if isinstance(function, FunctionType):
                if not function.__code__.co_filename.startswith(_LIBRARIES):
                    yield place, function, f"{name}.{key}"
            elif is_plain(thing) or isinstance(thing, Tensor | np.ndarray | dict | list):
                yield Place(base, key, True), thing, f"{name}.{key}"


def _slots(kind: type) -> list[str]:
    slots = [vars(base).get("__slots__", ()) for base in kind.__mro__]
    return [slot for names in slots for slot in ((names,) if isinstance(names, str) else names) if slot[:2] != "__"]


def _names(code: CodeType) -> tuple[set[str], set[str]]:
    """The names of globals, and of attributes, in a function and in those that are defined within."""
    loaded = {step.argval for step in get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    names, attributes = loaded, set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            more = _names(constant)
            names, attributes = names | more[0], attributes | more[1]
    return names, attributes


def _has_parts(thing: Any) -> bool:
    if isinstance(thing, type | ModuleType | Primitive | Node) or not hasattr(thing, "__dict__"):
        return False
    top = type(thing).__module__.partition(".")[0]
    return isinstance(thing, SimpleNamespace | Namespace) or top == "__main__" or top not in _WITHOUT_STATE


#: Where code lies that does not depend on globals which change: Python's, installed packages', NumPy's, ours.
_LIBRARIES = tuple(f"{os.path.dirname(file)}{os.sep}" for file in (os.__file__, np.__file__, os.path.dirname(__file__)))

#: Whose objects are taken as they are.
_WITHOUT_STATE = sys.stdlib_module_names | {"numpy"}


def _is_library(module: str | None) -> bool:
    """Whether a module belongs to Python, to NumPy, to this package, or is installed: it has no state to look for."""
    if not module:
        return True
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names and top != "__main__":
        return True
    if top in ("numpy", "tinygrad_np"):
        return True
    return "-packages" in (getattr(sys.modules.get(module), "__file__", None) or "")


def _label(key: Any) -> str:
    return (key.name or "tensor") if isinstance(key, Tensor) else str(key)
