"""What a fault is: a function of NumPy arrays, with the gradient that somebody once wrote for it, and the right one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = ["FAULTS", "Fault", "drawn", "fault", "is_differentiable"]

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Fault:
    """A wrong gradient, as it occurred, and the right gradient of the same function.

    Attributes
    ----------
    name : str
    source : str
        ``owner/repository#number``: the issue or pull request where it is told.
    story : str
        What was wrong, in one line.
    mistake : str
        The class that a diagnosis has to name.
    inputs : strategy
        Draws the arguments, away from kinks unless the kink is the fault. Those of floating-point or complex dtype are
        differentiated.
    value : callable
        ``value(*inputs)``, in plain NumPy; an array, or a tuple of them.
    wrong, right : callable
        ``vjp(g, *inputs)``: a tuple with one entry per argument, which is ``None`` for one that is not differentiated.
        Gradients by complex numbers are dL/dx + i dL/dy.
    differs : bool
        The wrong gradient has other numbers than the right one. If not, it breaks another rule: of dtype, of purity.
    kink : bool
        The inputs are at a kink, and the right gradient is an accepted choice there.
    engine : bool
        ``value`` also runs on Tensors.
    """

    name: str
    source: str
    story: str
    mistake: str
    inputs: st.SearchStrategy[Arrays]
    value: Callable[..., Any]
    wrong: Callable[..., Arrays]
    right: Callable[..., Arrays]
    differs: bool = True
    kink: bool = False
    engine: bool = True

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.name)  # hypothesis would print all fields


#: All of them, by name.
FAULTS: dict[str, Fault] = {}


def fault(source: str, mistake: str, inputs: st.SearchStrategy[Arrays], **flags: bool) -> Callable[[type], type]:
    """Enter a class that holds ``value``, ``wrong`` and ``right``, and the story as its docstring, into the list."""

    def enter(cls: type) -> type:
        name, story = cls.__name__, inspect.cleandoc(cls.__doc__ or "")
        if name in FAULTS or not story:
            raise ValueError(f"{name} is there already, or has no docstring")
        functions = cls.value, _per_input(cls.wrong), _per_input(cls.right)
        FAULTS[name] = Fault(name, source, story, mistake, inputs, *functions, **flags)
        return cls

    return enter


def _per_input(rule: Callable[..., Any]) -> Callable[..., Arrays]:
    """Let a rule return only the gradients of the differentiable inputs, and a single one without a tuple."""

    def vjp(g: Any, *inputs: np.ndarray) -> Arrays:
        with np.errstate(all="ignore"):  # wrong ones overflow, divide by zero
            found = rule(g, *inputs)
        gradients = iter(found if isinstance(found, tuple) else (found,))
        return tuple(next(gradients) if is_differentiable(x) else None for x in inputs)

    return vjp


def is_differentiable(x: np.ndarray) -> bool:
    """By real or complex numbers, not by indices and masks."""
    return x.dtype.kind in "fc"


def drawn(make: Callable[..., Any], **sizes: tuple[int, int]) -> st.SearchStrategy[Arrays]:
    """Draw sizes, and let ``make(rng, *sizes)`` draw the numbers: no two are equal unless it says so.

    ``sizes`` are the least and the largest of each; shrinking makes them smaller.
    """

    def arrays(seed: int, *sizes: int) -> Arrays:
        made = make(np.random.default_rng(seed), *sizes)
        return tuple(np.asarray(x) for x in (made if isinstance(made, tuple) else (made,)))

    return st.builds(arrays, st.integers(0, 2**32 - 1), *(st.integers(*bounds) for bounds in sizes.values()))
