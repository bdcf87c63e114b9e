"""``TracedGenerator``: a source of random numbers whose draws are inputs of the program.

A compiled function draws the same numbers, in the same order and from the same generator, as the function does that it
was captured from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_np.compiler.number import TracedNumber
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.recording import CaptureError, Symbol, user_line
from tinygrad_np.compiler.traced import Traced

__all__ = ["Draw", "TracedGenerator"]


@dataclass(slots=True, eq=False)
class Draw:
    """One call of a generator.

    Attributes
    ----------
    generator : Generator
        The real one.
    method : str
    args, kwargs
        Of the call.
    value : Value
        What stands for the result in the program.
    before, after
        The state of the generator.
    """

    generator: np.random.Generator
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Value
    before: Any
    after: Any


class TracedGenerator(np.random.Generator):
    """Draws from a generator, and lists what it drew.

    Parameters
    ----------
    generator : Generator
        Shares its state.
    draws : list of Draw
        Of all generators of a capture, in order.
    """

    def __init__(self, generator: np.random.Generator, draws: list[Draw]) -> None:
        super().__init__(generator.bit_generator)
        self.generator, self.draws = generator, draws

    def _draw(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if any(isinstance(arg, Symbol) for arg in (*args, *kwargs.values())):
            raise CaptureError(
                f"{user_line()}: a compiled function draws with a computed parameter, rng.{method}({args}, {kwargs}); "
                f"draw standard numbers and compute with these: loc + scale * rng.standard_normal(size)"
            )
        mine = [draw for draw in self.draws if draw.generator is self.generator]
        before, call = _frozen(self.bit_generator.state), repr((method, args, kwargs))
        number = getattr(self.generator, method)(*args, **kwargs)
        draw = next((d for d in mine if d.before == before and repr((d.method, d.args, d.kwargs)) == call), None)
        if draw is None:
            if mine and mine[-1].after != before:
                raise CaptureError(
                    f"{user_line()}: a compiled function sets the state of a generator, which cannot be repeated; "
                    f"give it a generator of its own"
                )
            weak = isinstance(number, bool | int | float) and not isinstance(number, np.generic)
            like = np.asarray(number)
            value = Value(None, (), {}, like.shape, like.dtype, f"draw{len(self.draws)}", weak=weak)
            draw = Draw(self.generator, method, args, kwargs, value, before, _frozen(self.bit_generator.state))
            self.draws.append(draw)
        if draw.value.weak:
            return TracedNumber(number, draw.value)
        return Traced(np.asarray(number), draw.value, scalar=isinstance(number, np.generic))


def _frozen(state: Any) -> Any:
    """The state of a generator, to be compared."""
    if isinstance(state, dict):
        return {key: _frozen(part) for key, part in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state


def _method(name: str) -> Callable[..., Any]:
    def method(self: TracedGenerator, *args: Any, **kwargs: Any) -> Any:
        return self._draw(name, args, kwargs)

    return method


def _refused(name: str) -> Callable[..., Any]:
    def method(self: TracedGenerator, *args: Any, **kwargs: Any) -> Any:
        raise CaptureError(
            f"{user_line()}: a compiled function calls rng.{name}, which it cannot repeat; call it outside"
        )

    return method


for _name in dir(np.random.Generator):
    if not _name.startswith("_") and _name != "bit_generator":
        _how = _refused if _name in ("shuffle", "permuted", "spawn") else _method
        setattr(TracedGenerator, _name, _how(_name))
