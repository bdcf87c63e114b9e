"""Optimizers for libraries that have none, as fast as NumPy makes them.

Parameters, gradients and moments are one vector each, and updated block by block, so that all that an update touches
stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy import add, divide, maximum, multiply, sqrt, square, subtract

__all__ = ["BLOCK", "Call", "Optimizer", "straight"]

Array = Any
Call = tuple[Callable[..., Any], Any]  # a function, and what it is called with

BLOCK = 32768  # numbers of float32 in half of a second-level cache, with all that an update touches


class Optimizer:
    """Gradient descent, with a momentum of 0.9, or Adam: call it when the gradients are there.

    Attributes
    ----------
    parameters, gradients : list of arrays
        Views of the two vectors.
    calls : list of Call
        What changes the parameters, after :meth:`prepare`.
    """

    def __init__(self, name: str, parameters: Sequence[Array], lr: float) -> None:
        self.adam, self.lr, self.steps, self.calls = name == "adam", lr, 0, list[Call]()
        p = np.concatenate([a.reshape(-1) for a in parameters])
        g, m, v = np.zeros_like(p), *(np.zeros(p.size * n, p.dtype) for n in _MOMENTS[name])
        ends = np.cumsum([a.size for a in parameters])[:-1]
        self.parameters, self.gradients = (
            [view.reshape(a.shape) for view, a in zip(np.split(flat, ends), parameters, strict=True)] for flat in (p, g)
        )
        self.rate, self.eps = np.array(lr, p.dtype), np.array(0, p.dtype)
        t, u = np.empty((2, min(BLOCK, p.size)), p.dtype)
        for i in range(0, p.size, BLOCK):
            part = slice(i, min(i + BLOCK, p.size))
            k = part.stop - i
            self.calls += _RULES[name](self, p[part], g[part], m[part], v[part], t[:k], u[:k])
        self._update = straight(self.calls)

    def prepare(self) -> None:
        """Count the step, and correct Adam's moments for it as the paper proposes at the end of its section 2."""
        if self.adam:
            self.steps += 1
            root = (1 - 0.999**self.steps) ** 0.5
            self.rate[()] = self.lr * root / (1 - 0.9**self.steps)
            self.eps[()] = 1e-8 * root

    def __call__(self) -> None:
        """Change the parameters."""
        self.prepare()
        self._update()


def _descent(o: Optimizer, p: Array, g: Array, m: Array, v: Array, t: Array, u: Array) -> Iterator[Call]:
    """``p = p - lr g``."""
    yield multiply, (g, o.rate, t)
    yield subtract, (p, t, p)


def _momentum(o: Optimizer, p: Array, g: Array, m: Array, v: Array, t: Array, u: Array) -> Iterator[Call]:
    """``m = 0.9 m + g; p = p - lr m``."""
    yield multiply, (m, np.array(0.9, p.dtype), m)
    yield add, (m, g, m)
    yield from _descent(o, p, m, m, v, t, u)


def _adam(o: Optimizer, p: Array, g: Array, m: Array, v: Array, t: Array, u: Array) -> Iterator[Call]:
    """Kingma and Ba, 2015."""
    beta1, rest1, beta2, rest2 = (np.array(x, p.dtype) for x in (0.9, 0.1, 0.999, 0.001))
    yield multiply, (m, beta1, m)
    yield multiply, (g, rest1, t)
    yield add, (m, t, m)
    yield multiply, (v, beta2, v)
    yield square, (g, u)
    yield multiply, (u, rest2, u)
    yield add, (v, u, v)
    yield sqrt, (v, u)
    yield add, (u, o.eps, u)
    yield divide, (m, u, u)
    yield multiply, (u, o.rate, u)
    yield subtract, (p, u, p)


_RULES = {"sgd": _descent, "momentum": _momentum, "adam": _adam}
_MOMENTS = {"sgd": (0, 0), "momentum": (1, 0), "adam": (1, 1)}


def straight(calls: Sequence[Call], arguments: str = "") -> Callable[..., None]:
    """Return a function of one line for each call, as one would type it: a loop over the calls would cost time.

    Strings among what is called with are code: the ``arguments`` of the function.
    """
    names, known = dict[int, str](), dict[str, Any]()

    def name(thing: Any) -> str:
        if isinstance(thing, str):
            return thing
        known[names.setdefault(id(thing), f"v{len(names)}")] = thing
        return names[id(thing)]

    lines = []
    for function, given in calls:
        *operands, out = map(name, given)
        by_name = "out=" * (function is maximum)  # NumPy warns where it is told by position, which takes time
        lines.append(f"    {name(function)}({', '.join(operands)}, {by_name}{out})")
    exec("\n".join([f"def run({arguments}):", *lines]), known)
    return known["run"]  # type: ignore[no-any-return]
