"""Running a function to draw it: what the graph does not know is seen on the way, such as who called an operation."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.draw.scene import Item, Scene, Scope, traced
from tinygrad_np.grad_mode import enable_grad, observed_by
from tinygrad_np.graph import Node, leaf
from tinygrad_np.nn.module import Module, call_watcher
from tinygrad_np.observe import Place, caller
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.tree import flatten

__all__ = ["Run", "performed"]


class Fact(NamedTuple):
    """What was seen of one operation."""

    scope: Scope | None
    where: Place | None
    operands: Sequence[Any]
    out: Any


class Run:
    """One call of a function or a model, watched.

    Attributes
    ----------
    facts : dict of Node to Fact
    error : Exception or None
        What stopped it.
    result
        What it returned.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], here: Place | None) -> None:
        self.here = here
        self.facts: dict[Node, Fact] = {}
        self.error: Exception | None = None
        self.result: Any = None
        self._paths = {
            id(module): path for prefix, model in _models(function, args) for path, module in _named(prefix, model)
        }
        self._scope: Scope | None = None
        self._model = function if isinstance(function, Module) else None
        token = call_watcher.set(self._begin)
        try:
            with enable_grad(), observed_by(self._operation):
                self.result = function(*args)
        except Exception as error:  # whatever a model raises is what its user wants to see
            self.error = error
        finally:
            call_watcher.reset(token)

    def _begin(self, module: Module) -> Callable[[Any], None]:
        if module is self._model and self._scope is None:  # the picture is of this one: no frame around all of it
            return lambda result: None
        around = self._scope
        self._scope = Scope(self._paths.get(id(module), ""), type(module).__name__, around)

        def done(result: Any) -> None:
            self._scope = around

        return done

    def _operation(self, operation: Any, operands: Any, metadata: Any, out: Any, node: Node | None) -> None:
        if node is not None:
            self.facts[node] = Fact(self._scope, caller(), operands, out)


def performed(
    function: Callable[..., Any], args: tuple[Any, ...], names: Mapping[Node, str], values: bool = False
) -> Scene:
    """Call a function or a model and return what it computed.

    Floating-point arrays among the arguments, or floats if there is nothing else, become Tensors that require a
    gradient, so that all that is done to them is seen. Where the function does not take these, it is called with the
    arguments as they are. ``values`` keeps all arrays.
    """
    here = caller()
    labels = _labels(function, len(args))
    lifted, inputs = _lifted(args, labels)
    run = Run(function, lifted, here)
    if run.error is not None:
        again = Run(function, args, here)
        run = again if again.error is None else run
    if run.error is not None:
        raise run.error
    roots = list(dict.fromkeys(t.node for t in flatten(run.result)[0] if isinstance(t, Tensor)))
    if not roots:
        name = getattr(function, "__name__", type(function).__name__)
        raise TypeError(f"draw: {name} returned {type(run.result).__name__}, where a Tensor was expected")
    called = {p.node: path for prefix, model in _models(function, args) for path, p in _parameters(prefix, model)}
    called |= {t.node: name for name, t in _closure(function).items() if isinstance(t, Tensor) and t.name is None}
    scene = traced(*roots, names=called | dict(names))
    _enrich(scene, run, inputs, args, labels)
    if not values:
        for item in scene.items:
            item.value = None
    return scene


def _lifted(args: tuple[Any, ...], labels: list[str]) -> tuple[tuple[Any, ...], set[Node]]:
    """The arguments, their floating-point arrays as Tensors that require a gradient; and the nodes of these."""
    inputs: set[Node] = set()
    lone = all(isinstance(leaf, float | int) for leaf in flatten(args)[0])  # else a float is weak, and stays so

    def lift(value: Any, name: str) -> Any:
        known = value if isinstance(value, Tensor) else None
        array = value._data if known is not None else np.float64(value) if lone and isinstance(value, float) else value
        if (known is not None and known.requires_grad) or getattr(array, "dtype", np.dtype(int)).kind not in "fc":
            return value
        node = leaf(array, True, (known.name if known is not None else None) or name)
        inputs.add(node)
        return wrap(np.asarray(array) if lone else array, node)

    found = []
    for arg, label in zip(args, labels, strict=True):
        leaves, rebuild = flatten(arg) if isinstance(arg, list | tuple | dict) else ([arg], lambda leaves: leaves[0])
        many = len(leaves) > 1
        found.append(rebuild([lift(value, f"{label}.{i}" if many else label) for i, value in enumerate(leaves)]))
    return tuple(found), inputs


def _enrich(scene: Scene, run: Run, inputs: set[Node], args: tuple[Any, ...], labels: list[str]) -> None:
    """Write into the items what was seen of them."""
    known = {id(getattr(arg, "_data", arg)): label for arg, label in zip(args, labels, strict=True)}
    for node, item in scene.nodes.items():
        fact = run.facts.get(node)
        if node in inputs:
            item.kind = "input"
        elif fact is not None:
            item.scope = fact.scope
            if fact.where is not None and fact.where != run.here:
                item.where = f"{os.path.basename(fact.where.file)}:{fact.where.line}, in {fact.where.function}"
            item.value = fact.out
            for operand, array in zip(item.operands, fact.operands, strict=False):
                if isinstance(operand, Item) and operand.operation is None:
                    operand.value = array
                if (
                    isinstance(operand, Item)
                    and operand.operation is None
                    and operand.name is None
                    and id(array) in known
                ):
                    operand.name, operand.kind = known[id(array)], "input"
        elif item.operation is not None and isinstance(item.operands[0], Item):  # one of several results
            whole = item.operands[0]
            item.scope, item.where = whole.scope, whole.where
            item.value = None if whole.value is None else whole.value[item.metadata["index"]]


def _labels(function: Callable[..., Any], n: int) -> list[str]:
    """Names of the positional arguments."""
    target = function.forward if isinstance(function, Module) else function
    try:
        parameters = inspect.signature(target).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:n]
    return names + [f"args.{i}" for i in range(len(names), n)]


def _models(function: Callable[..., Any], args: tuple[Any, ...]) -> list[tuple[str, Module]]:
    """The models that a function uses, with their names: itself, its arguments, what it refers to."""
    if isinstance(function, Module):
        return [("", function)]
    around = _closure(function) | dict(zip(_labels(function, len(args)), args, strict=True))
    return [(name, value) for name, value in around.items() if isinstance(value, Module)]


def _closure(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        found = inspect.getclosurevars(inspect.unwrap(function))
    except (TypeError, ValueError):
        return {}
    return {**found.globals, **found.nonlocals}


def _named(prefix: str, model: Module) -> list[tuple[str, Module]]:
    return [(".".join(filter(None, (prefix, path))), module) for path, module in model.named_modules()]


def _parameters(prefix: str, model: Module) -> list[tuple[str, Tensor]]:
    return [(".".join(filter(None, (prefix, path))), p) for path, p in model.named_parameters()]
