"""What a check found: as fields, and as text that says where to look."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tinygrad_np.draw import Drawing
    from tinygrad_np.testing.kinks import Margin
    from tinygrad_np.testing.location import Location

__all__ = ["Disagreement", "GradientError", "KinkError", "Mistake", "Report", "unpacked"]


@dataclass(frozen=True)
class Mistake:
    """A guess at what went wrong.

    Attributes
    ----------
    kind : str
        One of the classes of :mod:`tinygrad_np.testing.diagnosis`.
    text : str
        The same in words, with what to do about it.
    """

    kind: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" if self.text else self.kind


@dataclass(frozen=True)
class Disagreement:
    """One number that is wrong.

    Attributes
    ----------
    argument : int
        Which input of the function.
    name : str
        What the function calls it.
    element : tuple of int or None
        Where in that input; ``None`` if the gradient as a whole is meant.
    found, expected : number or None
    ratio : number or None
        ``found / expected``.
    oracle : str
        Who says so: the function's own derivative, the formula, or the reference.
    mistake : str
        The class of the mistake.
    """

    argument: int
    name: str
    element: tuple[int, ...] | None
    found: Any
    expected: Any
    oracle: str
    mistake: str = "unknown"

    @property
    def ratio(self) -> Any:
        if self.found is None or self.expected is None or not self.expected:
            return None
        with np.errstate(all="ignore"):
            return self.found / self.expected

    def __str__(self) -> str:
        place = f" at {list(self.element)}" if self.element else ""
        if self.found is None:
            return self.name
        known = self.ratio is not None and np.isfinite(self.ratio)
        digits = 12 if known and abs(self.ratio - 1) < 1e-4 else 6
        found, expected = short(self.found, digits), short(self.expected, digits)
        ratio = f" (ratio {short(self.ratio, digits)})" if known else ""
        return f"{self.name} is wrong{place}: {found} instead of {expected}{ratio}"


@dataclass
class Report:
    """What a check found. As text, one line if all is well.

    Attributes
    ----------
    name : str
        Of the function.
    order : float or None
        At what power of the step the Taylor remainder falls: about 2 if the gradient is right (3 with ``order=2``);
        ``None`` where it is lost in rounding, as that of a linear function is.
    error : float
        The worst disagreement, relative to the size of what was compared.
    margin : Margin or None
        The smallest distance of an operand to a kink, and the operation that it belongs to.
    evaluations : mapping
        How many values and gradients were computed.
    notes : list of str
        What else there is to know: that the point was moved away from a kink, say.
    disagreements : list of Disagreement
        The worst first. Empty if all is well.
    mistake : str or None
        The class of the mistake.
    guess : Mistake or None
        The same with words.
    location : Location or None
        The operation, the file and the line.
    graph : Drawing or None
        The computation, with the guilty operation marked.
    reproduce : str
        What to paste into Python to see it again, after an import of the function.
    """

    name: str
    order: float | None = None
    error: float = 0.0
    margin: Margin | None = None
    evaluations: Mapping[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    guess: Mistake | None = None
    evidence: list[str] = field(default_factory=list)
    headline: str = ""
    location: Location | None = None
    graph: Drawing | None = None
    again: Callable[[], str] = field(default=str, repr=False)

    @property
    def reproduce(self) -> str:
        return self.again()

    @property
    def passed(self) -> bool:
        return not self.headline

    @property
    def mistake(self) -> str | None:
        return self.guess.kind if self.guess else None

    def __str__(self) -> str:
        return "\n".join(self._lines()) if self.headline else self._one_line()

    __repr__ = __str__

    def _one_line(self) -> str:
        order = "remainder at the floor of rounding" if self.order is None else f"order {self.order:.1f}"
        parts = [order, f"error {self.error:.0e}"]
        if self.margin is not None and np.isfinite(self.margin.distance):
            parts.append(f"nearest kink {self.margin}")
        parts.append(", ".join(f"{n} {what}" for what, n in self.evaluations.items()))
        return f"{self.name}: gradient right ({'; '.join([*parts, *self.notes])})"

    def _lines(self) -> Iterator[str]:
        yield self.headline
        if len(self.disagreements) > 1:
            wrong = self.disagreements[1:4]
            more = len(self.disagreements) - 1 - len(wrong)
            yield from (f"  also      {d}" for d in wrong)
            if more:
                yield f"            and {more} more"
        if self.guess:
            yield f"  guess     {self.guess}"
        yield from (f"  evidence  {line}" for line in self.evidence)
        if self.location is not None:
            yield f"  where     {self.location}"
        yield from (f"  note      {note}" for note in self.notes)
        if self.reproduce:
            yield f"  again     {self.reproduce}"


class GradientError(AssertionError):
    """A gradient is wrong. Its text is for people, its ``.report`` for programs."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


class KinkError(GradientError):
    """Here the function has no derivative, so none can be tested: there is a kink, or a pole."""


def short(x: Any, digits: int = 6) -> str:
    """Return a number in few digits."""
    return f"{complex(x):.{digits}g}" if np.iscomplexobj(x) else f"{float(x):.{digits}g}"


def reproduction(name: str, inputs: Sequence[Any], options: Mapping[str, Any], check: str = "check_gradients") -> str:
    """Return a call that can be pasted: the inputs are written out, or packed if they are long."""
    words = [name if name.isidentifier() else "f", *map(_literal, inputs)]
    words += [f"{key}={_word(value)}" for key, value in options.items() if not _by_default(key, value)]
    return f"{check}({', '.join(words)})"


#: What need not be said.
_DEFAULTS = {"mode": "fast", "at_kinks": "move", "rng": 0}


def _by_default(key: str, value: Any) -> bool:
    return value is None or (isinstance(value, str | int) and key in _DEFAULTS and value == _DEFAULTS[key])


def _word(value: Any) -> str:
    """A value as its name, if it is of those that have one."""
    named: Any = getattr(value, "__name__", None) or getattr(value, "name", None)
    return named if isinstance(named, str) and named.isidentifier() else repr(value)


def _literal(x: Any) -> str:
    if isinstance(x, dict):
        return "{" + ", ".join(f"{key!r}: {_literal(value)}" for key, value in x.items()) + "}"
    if isinstance(x, list | tuple):
        inner = ", ".join(map(_literal, x))
        return f"[{inner}]" if isinstance(x, list) else f"({inner},)"
    if not isinstance(x, np.ndarray):
        return repr(x)
    if x.size <= 16:
        numbers = repr(x.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
        return f"np.array({numbers}, np.{x.dtype.name})" + (f".reshape{x.shape}" if not x.size else "")
    if x.size > 4096:
        return f"<{x.dtype}{list(x.shape)}>"
    file = io.BytesIO()
    np.save(file, x, allow_pickle=False)
    return f"unpacked({base64.b85encode(zlib.compress(file.getvalue(), 9)).decode()!r})"


def unpacked(text: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Return the array that a report has packed into a line of text."""
    array: np.ndarray[Any, np.dtype[Any]] = np.load(
        io.BytesIO(zlib.decompress(base64.b85decode(text))), allow_pickle=False
    )
    return array
