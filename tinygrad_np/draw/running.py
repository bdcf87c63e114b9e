"""Running a function to draw it: what the graph does not know is seen on the way, such as who called an operation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_np.draw.constants import Call, link
from tinygrad_np.draw.failure import stopped, up_to
from tinygrad_np.draw.scene import Item, Scene, Scope, traced
from tinygrad_np.draw.words import place_of
from tinygrad_np.errors import OperationError
from tinygrad_np.grad_mode import enable_grad, observed_by
from tinygrad_np.graph import Node, leaf
from tinygrad_np.nn.module import Module, call_watcher
from tinygrad_np.observe import Place, caller
from tinygrad_np.record import wrap
from tinygrad_np.rules.parts import part
from tinygrad_np.tensor import Tensor
from tinygrad_np.tree import flatten

__all__ = ["Run", "performed"]


class Run:
    """One call of a function or a model, watched.

    Attributes
    ----------
    facts : dict of Node to Call
    calls : dict of int to Call
        The same, and those whose results have no gradient, by the ``id`` of the result.
    error : Exception or None
        What stopped it.
    result
        What it returned.
    scope : Scope or None
        The module that was being called when it stopped.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], here: Place | None) -> None:
        self.here = here
        self.facts: dict[Node, Call] = {}
        self.calls: dict[int, Call] = {}
        self.error: Exception | None = None
        self.result: Any = None
        self._paths = {
            id(module): path for prefix, model in _models(function, args) for path, module in _named(prefix, model)
        }
        self.scope: Scope | None = None
        self._model = function if isinstance(function, Module) else None
        token = call_watcher.set(self._begin)
        try:
            with enable_grad(), observed_by(self._operation):
                self.result = function(*args)
        except Exception as error:  # whatever a model raises is what its user wants to see
            self.error = error
        finally:
            call_watcher.reset(token)

    @property
    def roots(self) -> list[Node]:
        """The Tensors that it returned, in the graph."""
        return list(dict.fromkeys(t.node for t in flatten(self.result)[0] if isinstance(t, Tensor)))

    def _begin(self, module: Module) -> Callable[[Any], None]:
        if module is self._model and self.scope is None:  # the picture is of this one: no frame around all of it
            return lambda result: None
        around = self.scope
        self.scope = Scope(self._paths.get(id(module), ""), type(module).__name__, around)

        def done(result: Any) -> None:
            self.scope = around

        return done

    def _operation(self, operation: Any, operands: Any, metadata: Any, out: Any, node: Node | None) -> None:
        call = Call(self.scope, caller(), operation, tuple(operands), metadata, out, node is not None)
        self.calls[id(out)] = call
        if node is not None:
            self.facts[node] = call


def performed(
    function: Callable[..., Any], args: tuple[Any, ...], names: Mapping[Node, str], values: bool = False
) -> tuple[Scene, Exception | None]:
    """Call a function or a model; return what it computed and, if it has not come to an end, what stopped it.

    Floating-point arrays among the arguments, or floats if there is nothing else, become Tensors that require a
    gradient, so that all that is done to them is seen. Where the function does not take these, it is called with the
    arguments as they are. ``values`` keeps all arrays.
    """
    here = caller()
    labels = _labels(function, len(args))
    lifted, inputs = _lifted(args, labels)
    run = Run(function, lifted, here)
    if isinstance(run.error, RuntimeError | TypeError) and not isinstance(run.error, OperationError):
        again = Run(function, args, here)  # it may take arrays only
        run = again if again.roots else run
    called = {p.node: path for prefix, model in _models(function, args) for path, p in _parameters(prefix, model)}
    called |= {t.node: name for name, t in _closure(function).items() if isinstance(t, Tensor) and t.name is None}
    called |= names
    if run.error is None:
        if not run.roots:
            name = getattr(function, "__name__", type(function).__name__)
            raise TypeError(f"draw: {name} returned {type(run.result).__name__}, where a Tensor was expected")
        scene = traced(*run.roots, names=called)
    elif isinstance(run.error, OperationError):
        scene = up_to(run.error, called)
    else:
        scene = stopped(run.error, run.facts, called)
    _enrich(scene, run, inputs, args, labels)
    if not values:
        for item in scene.items:
            item.value = None
    return scene, run.error


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
    for item in scene.items:
        item.scope = run.scope if item.problem else None
    for node, item in scene.nodes.items():
        if node in inputs:
            item.kind = "input"
        elif node in run.facts:
            fact = run.facts[node]
            item.scope, item.value = fact.scope, fact.out
            item.where = place_of(None if fact.where == run.here else fact.where)
            for operand, array in zip(item.operands, fact.operands, strict=False):
                if isinstance(operand, Item) and operand.operation is None:
                    operand.value = array
                    if operand.name is None and id(array) in known:
                        operand.name, operand.kind = known[id(array)], "input"
        elif item.operation is part:
            (whole,) = item.operands
            item.scope, item.where = whole.scope, whole.where
            item.value = None if whole.value is None else whole.value[item.metadata["index"]]
    link(scene, run.calls)


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
