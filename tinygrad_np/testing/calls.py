"""One call of a function under test: its differentiated inputs as one flat list, and what to call each of them."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import Any

import numpy as np

from tinygrad_np.primitives import table
from tinygrad_np.tensor import Tensor
from tinygrad_np.testing.functions import is_differentiable, linearized
from tinygrad_np.tree import flatten

__all__ = ["Call", "as_input", "cotangents_like", "double"]

Array = np.ndarray[Any, np.dtype[Any]]
Pull = Callable[[Sequence[Array]], list[Array | None]]


class Call:
    """A call of a :class:`~tinygrad_np.testing.functions.Differentiable`, with other numbers in place of its inputs.

    Attributes
    ----------
    at : list of array
        The inputs that are differentiated: those of floating-point or complex dtype, as they were given.
    labels : list of str
        What to call each of them: ``argument 0 'x'``.
    names : list of str
        Its name alone: ``x``.
    arguments : list of int
        To which input of the function each belongs.
    counts : Counter
        How many values and gradients were computed.
    """

    def __init__(self, function: Any, inputs: Sequence[Any], wrt: Any = None, parameters: bool = False) -> None:
        self.function, self.inputs = function, tuple(inputs)
        names = _names(function, len(self.inputs))
        if parameters:
            names[-1] = ""
        wanted = _positions(wrt, names, function.name)
        if parameters:
            wanted.add(len(names) - 1)
        self.leaves, self.rebuild = flatten(self.inputs)
        self.places, self.labels, self.names, self.arguments = [], [], [], []
        place = 0
        for i, tree in enumerate(self.inputs):
            for path, leaf in _paths(tree):
                if i in wanted and is_differentiable(leaf):
                    self.places.append(place)
                    self.labels.append(f"parameter {path[2:-2]!r}" if not names[i] else _label(i, names[i], path))
                    self.names.append(f"{names[i]}{path}" if names[i] else path[2:-2])
                    self.arguments.append(i)
                place += 1
        self.at: list[Array] = [self.leaves[place] for place in self.places]
        self.counts: Counter[str] = Counter()

    def of(self, function: Any, leaves: list[Any] | None = None) -> Call:
        """Return the same call of another function, or with other constants."""
        other = copy(self)
        other.function, other.leaves = function, self.leaves if leaves is None else leaves
        return other

    def arguments_at(self, at: Sequence[Any]) -> Any:
        """Return all inputs, with others in place of those that are differentiated."""
        replaced = dict(zip(self.places, at, strict=True))
        return self.rebuild([replaced.get(i, leaf) for i, leaf in enumerate(self.leaves)])

    def value(self, at: Sequence[Any]) -> list[Array]:
        """Return the results of floating-point or complex dtype."""
        self.counts["values"] += 1
        with np.errstate(all="ignore"):
            return [out for out in _results(self.function.value(*self.arguments_at(at))) if out.dtype.kind in "fc"]

    def linearize(self, at: Sequence[Any]) -> tuple[list[Array], Pull]:
        """Return these results, and the function from their cotangents to the gradients of :attr:`at`."""
        with np.errstate(all="ignore"):
            value, pullback = linearized(self.function, self.arguments_at(at), self.places)
        results = _results(value)
        places = [i for i, out in enumerate(results) if out.dtype.kind in "fc"]

        def pull(cotangents: Sequence[Array]) -> list[Array | None]:
            self.counts["gradients"] += 1
            every = [np.zeros(out.shape) for out in results]
            for i, c in zip(places, cotangents, strict=True):
                every[i] = c
            with np.errstate(all="ignore"):
                found = pullback(tuple(every) if isinstance(value, tuple) else every[0])
            return self.aligned(found)

        return [results[i] for i in places], pull

    def aligned(self, gradients: Any) -> list[Array | None]:
        """Return gradients of the structure of the inputs as a list like :attr:`at`."""
        if not isinstance(gradients, tuple | list) or len(gradients) != len(self.inputs):
            what = f"{len(gradients)} of them" if isinstance(gradients, tuple | list) else type(gradients).__name__
            raise TypeError(f"{self.function.name}: one gradient per input is wanted ({len(self.inputs)}), not {what}")
        shares = list(_shares(self.inputs, tuple(gradients)))
        return [None if shares[i] is None else _array(shares[i]) for i in self.places]


def as_input(x: Any) -> Any:
    """Return an input as a tree of arrays: Tensors become arrays, and so do lists of numbers and floats."""
    if isinstance(x, Tensor):
        return x.detach().numpy().copy()
    if isinstance(x, dict):
        return {key: as_input(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        if x and all(isinstance(leaf, int | float | complex) for leaf in flatten(x)[0]) and isinstance(x, list):
            return np.array(x)
        parts = [as_input(value) for value in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return np.array(x) if isinstance(x, float | complex | np.ndarray | np.floating | np.complexfloating) else x


def double(x: Any) -> Any:
    """Return an array of floating-point or complex numbers in double precision."""
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64, copy=False)


def cotangents_like(outs: Sequence[Array], rng: np.random.Generator) -> list[Array]:
    """Return random cotangents, of both signs, none near 0, with so few bits that they are the same in float32."""

    def draw(shape: tuple[int, ...]) -> Array:
        return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.integers(2**20, 2**21, shape) / 2**21)

    return [
        np.asarray(draw(o.shape) + 1j * draw(o.shape) if o.dtype.kind == "c" else draw(o.shape)).astype(o.dtype)
        for o in outs
    ]


def _results(value: Any) -> list[Array]:
    return [_array(out) for out in flatten(value)[0]]


def _array(x: Any) -> Array:
    return x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _names(function: Any, count: int) -> list[str]:
    """What the function calls its inputs."""
    named = getattr(function, "names", None)
    inner = getattr(function, "function", function)
    named = named or getattr(table.get(inner, inner), "arguments", None)
    if named:
        return [named[min(i, len(named) - 1)] for i in range(count)]
    inner = getattr(inner, "forward", inner)
    try:
        parameters = list(inspect.signature(inner).parameters.values())
    except (TypeError, ValueError):
        return [str(i) for i in range(count)]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    starred = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
    return [names[i] if i < len(names) else f"*{starred}" if starred else str(i) for i in range(count)]


def _label(number: int, name: str, path: str) -> str:
    named = "" if name.isdigit() else f" {name + path!r}" if not path else f" {name}{path}"
    return f"argument {number}{named}"


def _positions(wrt: Any, names: list[str], function: str) -> set[int]:
    if wrt is None:
        return set(range(len(names)))
    found: set[int] = set()
    for which in (wrt,) if isinstance(wrt, int | str) else wrt:
        if which not in names and not (isinstance(which, int) and -len(names) <= which < len(names)):
            raise ValueError(f"wrt={wrt!r}: {function} has the arguments {names}, and {which!r} is none of them")
        found.add(names.index(which) if isinstance(which, str) else which % len(names))
    return found


def _paths(tree: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of a tree, in the order of :func:`tinygrad_np.tree.flatten`, with what to write to get there."""
    if isinstance(tree, dict | list | tuple):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            yield from ((f"[{key!r}]{path}", leaf) for path, leaf in _paths(tree[key]))
    elif tree is not None:
        yield "", tree


def _shares(tree: Any, shares: Any) -> Iterator[Any]:
    """What stands in ``shares`` in the place of each leaf of ``tree``; ``None`` where there is nothing."""
    if isinstance(tree, dict | list | tuple):
        for key in tree if isinstance(tree, dict) else range(len(tree)):
            known = shares is not None and (key in shares if isinstance(tree, dict) else key < len(shares))
            yield from _shares(tree[key], shares[key] if known else None)
    elif tree is not None:
        yield shares
