"""Which functions to break: the rules of operations, and the functions that these rules, and nothing else, call."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tinygrad_np import primitives
from tinygrad_np.primitives import Primitive
from tinygrad_np.testing.mutation.functions import tree_of

__all__ = ["Subject", "load", "operations_of", "subjects"]

Function = types.FunctionType


@dataclass(eq=False)
class Subject:
    """A piece of code that is to be broken.

    Attributes
    ----------
    name : str
        The module and the name of the function; for the rule of one argument, module, operation and argument.
    functions : list of function
        All those that run it: the same code may be the rule of several operations.
    rule_of : list of str
        What it is the rule of, ``"operation.argument"``; empty for what rules call.
    concerns : set of str
        The operations whose derivatives it takes part in.
    variadic : bool
        It returns the cotangents of several arguments.
    tree : ast.FunctionDef or ast.Lambda or None
        Its source, if that can be found.
    """

    name: str
    functions: list[Function]
    rule_of: list[str] = field(default_factory=list)
    concerns: set[str] = field(default_factory=set)
    variadic: bool = False
    tree: ast.FunctionDef | ast.Lambda | None = None

    @property
    def file(self) -> str:
        """Where its source stands."""
        return self.functions[0].__code__.co_filename

    @property
    def source(self) -> str:
        """Its source, in a uniform layout."""
        return "" if self.tree is None else ast.unparse(self.tree)


def subjects(operations: Iterable[Primitive | Function], within: str | None = None) -> list[Subject]:
    """Return the rules of operations, and the functions of modules ``within`` that only rules call.

    A plain function is a subject of its own: a gradient that is written by hand.
    """
    operations = list(operations)
    found: dict[types.CodeType, Subject] = {}
    for operation in operations:
        if isinstance(operation, Primitive):
            for argument, vjp in zip(operation.arguments, operation.vjps, strict=True):
                if vjp is not None and isinstance(vjp.rule, Function):
                    _enter(found, vjp.rule, f"{operation.name}.{argument}", vjp.variadic)
        else:
            _enter(found, operation)
    if within is not None:
        rules = [function for subject in found.values() for function in subject.functions]
        for helper in _only_for(rules, within):
            if helper.__code__ not in found:
                _enter(found, helper)
    helpers = {f: subject for subject in found.values() if not subject.rule_of for f in subject.functions}
    for subject in found.values():
        subject.concerns.update(rule.rpartition(".")[0] for rule in subject.rule_of)
        for helper in _reached(subject.functions, helpers.__contains__):
            helpers[helper].concerns |= subject.concerns
    taken: dict[str, int] = {}
    for subject in found.values():
        taken[subject.name] = taken.get(subject.name, 0) + 1
        subject.name += f"({taken[subject.name]})" if taken[subject.name] > 1 else ""
    return list(found.values())


def _enter(found: dict[types.CodeType, Subject], function: Function, rule_of: str = "", variadic: bool = False) -> None:
    code = function.__code__
    if code not in found:
        plain = rule_of if code.co_name == "<lambda>" and rule_of else function.__qualname__
        name = f"{function.__module__.rpartition('.')[2]}.{plain}"
        found[code] = Subject(name, [], variadic=variadic, tree=tree_of(function))
    subject = found[code]
    if not any(function is other for other in subject.functions):
        subject.functions.append(function)
    if rule_of:
        subject.rule_of.append(rule_of)


# --- operations ---------------------------------------------------------------------------------------------------
def load(module: str) -> None:
    """Import a module; of a package, all of its modules but those for which something is not installed."""
    found = importlib.import_module(module)
    for info in pkgutil.walk_packages(getattr(found, "__path__", []), f"{module}."):
        if not info.name.endswith("__main__"):
            with suppress(ImportError):
                importlib.import_module(info.name)


def operations_of(module: str) -> list[Primitive]:
    """Return the operations whose rules stand in a module, or in the modules of a package, in their order there."""
    known = {id(entry): entry for entry in primitives.table.values()}
    for name in [name for name in sys.modules if _is_within(name, module)]:
        known |= {id(v): v for v in list(vars(sys.modules[name]).values()) if isinstance(v, Primitive)}

    def place(operation: Primitive) -> tuple[str, int]:
        for vjp in operation.vjps:
            if vjp is not None and isinstance(vjp.rule, Function) and _is_within(vjp.rule.__module__, module):
                return vjp.rule.__module__, vjp.rule.__code__.co_firstlineno
        return "", 0

    return sorted((entry for entry in known.values() if place(entry)[0]), key=place)


def _is_within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


# --- what rules call ----------------------------------------------------------------------------------------------
def _only_for(rules: list[Function], within: str) -> list[Function]:
    """The functions that rules reach, but the forward computations and the rest of the package do not."""
    by_rules = _reached(rules, lambda f: _is_within(f.__module__, within))
    package = within.partition(".")[0]
    others: list[Any] = [entry.forward for entry in primitives.table.values()]
    others += primitives.composites.values()
    for name in [name for name in sys.modules if _is_within(name, package)]:
        for value in list(vars(sys.modules[name]).values()):
            others += [value.forward] if isinstance(value, Primitive) else []
            others += [value] if isinstance(value, Function) and value not in by_rules else []
            others += [f for f in vars(value).values() if isinstance(f, Function)] if inspect.isclass(value) else []
    mine = {*rules, *by_rules}
    elsewhere = _reached(
        [f for f in others if isinstance(f, Function) and f not in {*rules}],
        lambda f: f in mine,
    )
    registered = {*primitives.composites.values()}
    return [f for f in by_rules if f not in elsewhere and f not in registered]


def _reached(roots: Iterable[Function], accept: Callable[[Function], bool]) -> dict[Function, None]:
    reached: dict[Function, None] = {}
    stack = list(roots)
    while stack:
        for called in _called(stack.pop()):
            if called not in reached and accept(called):
                reached[called] = None
                stack.append(called)
    return reached


def _called(function: Function) -> Iterator[Function]:
    """The functions that its code names."""
    names = {name for code in _codes(function.__code__) for name in code.co_names}
    values = [function.__globals__.get(name) for name in names]
    values += [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
    values += [vars(module).get(name) for module in values if inspect.ismodule(module) for name in names]
    yield from (value for value in values if isinstance(value, Function))


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)
