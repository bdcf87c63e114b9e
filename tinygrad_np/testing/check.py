"""The check of one function: its course, what there is to know at a point, and that each gradient is one at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn

import numpy as np

from tinygrad_np.observe import observe
from tinygrad_np.testing import jacobian, kinks, location, properties, second
from tinygrad_np.testing.calls import Array, Call, Pull, cotangents_like, double
from tinygrad_np.testing.diagnosis import diagnose_shape
from tinygrad_np.testing.elements import expected_gradient
from tinygrad_np.testing.functions import engine
from tinygrad_np.testing.kinks import AtKink
from tinygrad_np.testing.report import Disagreement, GradientError, KinkError, Mistake, Report, short
from tinygrad_np.testing.slopes import Line, flat, random_direction
from tinygrad_np.testing.verdict import DOUBLE, Oracle, Verdict

__all__ = ["Check"]

_TRIES = 8  # to get away from kinks


class Check:
    """The check of one :class:`Call`. Its findings go into :attr:`report`; what is wrong is raised.

    Attributes
    ----------
    others : dict of str to Call
        Further oracles: name -> a function with the same inputs.
    at, point : list of array
        Where: as given, and in double precision.
    outs : list of array
        The results there.
    cotangents, along : list of array
        What the results are paired with, and the direction in which to go.
    weights : array
        The cotangents as one vector.
    raw : list of array or None
        The gradient under test, as the function returned it.
    oracles : list of Oracle
        The gradients to compare, in double precision; that under test is the first.
    """

    outs: list[Array]
    pull: Pull

    def __init__(
        self, call: Call, title: str, rng: np.random.Generator, at_kinks: str, stage: str = "first derivative"
    ) -> None:
        self.call, self.title, self.rng, self.at_kinks, self.stage = call, title, rng, at_kinks, stage
        self.others: dict[str, Call] = {}
        self.report = Report(title)
        self.at = call.at
        self.on_tensors = isinstance(call.function, engine)
        self.locating = self.on_tensors and stage == "first derivative"

    # --- the course of it -------------------------------------------------------------------------------------------
    def run(self, full: bool = False, order: int = 1) -> Report:
        """Check at the point; at a kink, what is asked for."""
        for attempt in range(_TRIES):
            try:
                self.first_derivative(full)
                if order > 1 and self.on_tensors:
                    second.derivative(self)
                break
            except AtKink as kink:
                properties.repeatable(self)
                if self.at_kinks == "reject":
                    self.fail(f"{self.title}: {kink.reason}; choose another place, or at_kinks='move'", error=KinkError)
                if attempt == 0 and kink.line is not None:
                    self.between_slopes(kink.line)
                if self.at_kinks == "interval":
                    break
                self.at = kinks.moved(self.call.at, self.rng, attempt)
                if attempt == 0:
                    self.report.notes = [f"at the given point {kink.reason}; so a point nearby was tested, too"]
        else:
            self.fail(f"{self.title}: nowhere near this point is there a derivative to test", error=KinkError)
        self.report.evaluations = dict(self.call.counts)
        return self.report

    def first_derivative(self, full: bool = False) -> None:
        """Compare all gradients with differences along a line; on request, element by element."""
        self.measure()
        Verdict(self, self.line()).reach(thorough=full)
        self.check_dtypes()
        if full:
            jacobian.check_every_element(self)
            properties.thorough(self)

    def line(self) -> Line:
        """Return the line along which slopes are compared."""
        start = self.outs if not self.low else self.__dict__.get("start")
        return Line(self.call.value, self.point, self.along, self.weights, start)

    def between_slopes(self, line: Line) -> None:
        """At a kink, a gradient has to lie between the slopes around.

        Of a function of Tensors, this is asked of each operation that is at a kink, one by one: relu(x) - relu(-x) is
        smooth, yet each relu has to choose, and of the sum of two choices nothing can be said.
        """
        if self.locating and self.at_kinks == "move":
            steps = [step for step in kinks.steps_of(self.call, self.point) if kinks.margin_of(step).distance == 0]
            search = location.locate(self.call, self.point, self.rng, "interval", steps)
            if search.location is not None:
                verdict = Verdict(self, line)
                verdict.name_the_place(search)
                self.fail(f"{self.title}: {search.location.headline}", search.location.report.guess)
            if steps:
                return
        for oracle in self.oracles:
            if all(np.all(np.isfinite(g)) for g in oracle.gradients):
                found = kinks.outside_of_interval(self.call.value, self.point, self.weights, oracle.gradients, self.rng)
                if found is not None:
                    promised, low, high = map(short, found)
                    self.report.evidence.append(
                        f"this is a kink: along one direction the gradient promises the slope {promised}, but the "
                        f"slopes around are from {low} to {high}"
                    )
                    Verdict(self, line).denounce([oracle], kink=True)
        self.report.notes.append("at a kink, where the gradient lies between the slopes around")

    # --- what there is to know --------------------------------------------------------------------------------------
    def measure(self) -> None:
        """Compute the value and all gradients."""
        before = [x.copy() for x in self.at]
        self.linearize()
        if not self.outs:
            raise TypeError(f"{self.title}: no result is of floating-point dtype, so there is nothing to differentiate")
        self.point = [double(x) for x in self.at]
        self.low = any(x.dtype.itemsize < p.dtype.itemsize for x, p in zip(self.at, self.point, strict=True))
        self.__dict__.pop("start", None)
        self.along = random_direction(self.point, self.rng)
        self.cotangents = cotangents_like(self.outs, self.rng)
        self.weights = flat(self.cotangents)
        if not all(np.all(np.isfinite(out)) for out in self.outs):
            raise AtKink("the value is not finite")
        self.raw = self.pulled_untouched(before)
        self.check_shapes()
        properties.homogeneous(self)
        eps = max(float(np.finfo(x.dtype).eps) for x in self.at)
        self.oracles = [Oracle(self.owner, [double(g) for g in self.filled(self.raw)], self.along, eps)]
        for name, other in self.others.items():
            self.oracles.append(Oracle(name, self.gradients_of(name, other), self.along, DOUBLE))

    def linearize(self) -> None:
        """Record the function once: for its gradient, and for the margins of all steps."""
        if self.locating:
            with observe() as steps:
                self.outs, self.pull = self.call.linearize(self.at)
            self.report.margin = kinks.smallest(steps)
        else:
            self.outs, self.pull = self.call.linearize(self.at)

    @property
    def owner(self) -> str:
        """Whose gradient is under test."""
        return "the engine" if self.on_tensors else "its own gradient"

    def filled(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Return gradients with zeros in place of ``None``."""
        return [np.zeros_like(x) if g is None else g for x, g in zip(self.at, gradients, strict=True)]

    def exact(self, point: Sequence[Array] | None = None, cotangents: Sequence[Array] | None = None) -> list[Array]:
        """Return the gradient under test in double precision."""
        _, pull = self.call.linearize(self.point if point is None else point)
        found = pull([double(c) for c in (self.cotangents if cotangents is None else cotangents)])
        return [double(g) for g in self.filled(found)]

    def gradients_of(self, name: str, other: Call) -> list[Array]:
        """Ask another oracle, which has to compute the same value."""
        outs, pull = other.linearize(self.point)
        if [o.shape for o in outs] != [o.shape for o in self.start]:
            shapes, own = ([list(o.shape) for o in some] for some in (outs, self.start))
            self.fail(f"{self.title}: {name} has results of shapes {shapes} and not {own}")
        for i, (theirs, mine) in enumerate(zip(outs, self.start, strict=True)):
            eps = float(max(np.finfo(theirs.dtype).eps, np.finfo(mine.dtype).eps))
            off = np.abs(theirs - mine)
            if not np.all(off <= 1e4 * eps * np.max(np.abs(mine), initial=0)):
                place = np.unravel_index(np.argmax(off), off.shape)
                at = f" at {[int(k) for k in place]}" if place else ""
                values = f"{short(theirs[place])} and not {short(mine[place])}"
                self.fail(f"{self.title}: {name} computes another value: result {i}{at} is {values}")
        found = self.filled(pull([double(c) for c in self.cotangents]))
        for label, x, g in zip(self.call.labels, self.at, found, strict=True):
            if g.shape != x.shape:
                self.fail(f"{self.title}: {label} has shape {x.shape}, {name} gives a gradient of shape {g.shape}")
        return [g if g.dtype.kind == "c" else g.astype(float) for g in found]

    # --- form -------------------------------------------------------------------------------------------------------
    @cached_property
    def start(self) -> list[Array]:
        """The results in double precision."""
        return self.call.value(self.point) if self.low else self.outs

    def pulled_untouched(self, before: list[Array]) -> list[Array | None]:
        """Return the gradients; nobody may have written into what he was given, here or in the function."""
        given = [c.copy() for c in self.cotangents]
        found = self.pull(given)
        labels = [*self.call.labels, *(f"the cotangent of result {i}" for i in range(len(given)))]
        for label, now, was in zip(labels, [*self.at, *given], [*before, *self.cotangents], strict=True):
            if not (np.array_equal(now, was) or np.array_equal(now, was, equal_nan=True)):
                np.copyto(now, was)
                text = "others may still need these numbers: compute into a new array"
                self.fail(f"{self.title} changes {label} in place", Mistake("input mutated", text))
        return found

    def check_shapes(self) -> None:
        """A gradient has the shape of what it belongs to."""
        for i, (label, x, g) in enumerate(zip(self.call.labels, self.at, self.raw, strict=True)):
            if g is not None and g.shape != x.shape:
                zeros = [np.zeros_like(p) for p in self.point]
                expected = expected_gradient(self.call.value, self.point, self.weights, self.start, zeros, self.rng)
                guess = diagnose_shape(g, expected[i].value)
                self.report.disagreements = [self.whole(i, guess.kind)]
                headline = f"{label} has shape {x.shape}, its gradient {g.shape}"
                self.fail(f"{self.title}, {self.stage}: {headline}", guess)

    def check_dtypes(self) -> None:
        """A gradient has the dtype of what it belongs to."""
        for i, (label, x, g) in enumerate(zip(self.call.labels, self.at, self.raw, strict=True)):
            if g is not None and g.dtype != x.dtype and g.dtype.kind in "fc":
                self.report.disagreements = [self.whole(i, "dtype")]
                self.fail(f"{self.title}: {label} is {x.dtype}, but its gradient is {g.dtype}",
                          properties.OF_ITS_DTYPE if g.dtype.kind == x.dtype.kind else properties.REAL)  # fmt: skip

    def whole(self, i: int, kind: str) -> Disagreement:
        """Return a disagreement on a gradient as a whole."""
        return Disagreement(self.call.arguments[i], self.call.labels[i], None, None, None, self.owner, kind)

    def fail(self, headline: str, guess: Mistake | None = None, error: type[GradientError] = GradientError) -> NoReturn:
        """Raise the report."""
        self.report.headline, self.report.guess = headline, guess
        self.report.evaluations = dict(self.call.counts)
        raise error(self.report)
