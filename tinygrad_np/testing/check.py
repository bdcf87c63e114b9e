"""The check of one function at one point: collect what the oracles say, find who disagrees, and say it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np.observe import observe
from tinygrad_np.testing import kinks, properties
from tinygrad_np.testing.calls import Array, Call, cotangents_like, double
from tinygrad_np.testing.convergence import taylor_remainder
from tinygrad_np.testing.diagnosis import Evidence, diagnose, diagnose_shape
from tinygrad_np.testing.elements import Elements, expected_gradient, inner
from tinygrad_np.testing.functions import engine
from tinygrad_np.testing.kinks import AtKink
from tinygrad_np.testing.location import locate
from tinygrad_np.testing.report import Disagreement, GradientError, KinkError, Mistake, Report, short
from tinygrad_np.testing.slopes import QUICK, THOROUGH, Estimate, Line, differences, flat, random_direction
from tinygrad_np.transforms import vjp
from tinygrad_np.tree import flatten

__all__ = ["Check"]

_TRIES = 8  # to get away from kinks
_EPS = float(np.finfo(float).eps)


class Oracle:
    """Somebody's gradient: what it promises along a direction, and how far rounding may have moved that."""

    def __init__(self, name: str, gradients: Sequence[Array], along: Sequence[Array], eps: float) -> None:
        self.name, self.gradients = name, gradients
        with np.errstate(all="ignore"):
            self.slope = inner(gradients, along)
            parts = np.concatenate([np.abs(g * v).reshape(-1) for g, v in zip(gradients, along, strict=True)])
            self.size = float(np.sqrt(np.sum(parts**2)))
            self.rounding = 64 * _EPS * float(np.sum(parts)) if eps <= _EPS else 32 * eps * self.size

    def agrees(self, truth: Estimate) -> bool:
        """Whether its slope is the measured one, within a few of the errors of the two."""
        return bool(abs(self.slope - truth.value) <= 4 * truth.error + self.rounding)


class Check:
    """The check of one :class:`Call`. Its findings go into :attr:`report`; what is wrong is raised.

    Attributes
    ----------
    others : dict of str to Call
        Further oracles: name -> a function with the same inputs.
    """

    def __init__(
        self, call: Call, title: str, rng: np.random.Generator, at_kinks: str, stage: str = "first derivative"
    ) -> None:
        self.call, self.title, self.rng, self.at_kinks, self.stage = call, title, rng, at_kinks, stage
        self.others: dict[str, Call] = {}
        self.report = Report(title)
        self.at = call.at
        self.on_tensors = isinstance(call.function, engine)
        self.locating = self.on_tensors and stage == "first derivative"

    def run(self, full: bool = False, order: int = 1) -> Report:
        """Check at the point; at a kink, what is asked for."""
        for attempt in range(_TRIES):
            try:
                self.first_derivative(full)
                if order > 1 and self.on_tensors:
                    self.second_derivative()
                break
            except AtKink as kink:
                if self.at_kinks == "reject":
                    self.fail(f"{self.title}: {kink.reason}; choose another place, or at_kinks='move'", error=KinkError)
                if attempt == 0 and kink.line is not None:
                    self.between_slopes()
                if self.at_kinks == "interval":
                    break
                self.at = kinks.moved(self.call.at, self.rng, attempt)
                self.report.notes = [f"at the given point {kink.reason}, so a point nearby was tested, too"]
        else:
            self.fail(f"{self.title}: nowhere near this point is there a derivative to test", error=KinkError)
        self.report.evaluations = dict(self.call.counts)
        return self.report

    def first_derivative(self, full: bool = False) -> None:
        """Compare all gradients with differences along a line; on request, element by element."""
        self.measure()
        line = Line(self.call.value, self.point, self.along, self.weights, self.start)
        self.judge(line)
        self.check_dtypes()
        if full:
            self.every_element()
            properties.thorough(self)

    # --- what there is to know --------------------------------------------------------------------------------------
    def measure(self) -> None:
        """Compute the value and all gradients, and see that each of these is a gradient at all."""
        self.outs, self.pull = self.linearize()
        if not self.outs:
            raise TypeError(f"{self.title}: no result is of floating-point dtype, so there is nothing to differentiate")
        self.point = [double(x) for x in self.at]
        self.low = any(x.dtype.itemsize < p.dtype.itemsize for x, p in zip(self.at, self.point, strict=True))
        self.start = self.call.value(self.point) if self.low else self.outs
        if not all(np.all(np.isfinite(out)) for out in self.start):
            raise AtKink("the value is not finite")
        self.along = random_direction(self.point, self.rng)
        self.cotangents = cotangents_like(self.outs, self.rng)
        self.weights = flat(self.cotangents)
        self.raw = self.pulled_untouched()
        self.check_shapes()
        properties.homogeneous(self)
        eps = max(float(np.finfo(x.dtype).eps) for x in self.at)
        self.oracles = [Oracle(self.owner, [double(g) for g in self.filled(self.raw)], self.along, eps)]
        for name, other in self.others.items():
            self.oracles.append(Oracle(name, self.gradients_of(name, other), self.along, _EPS))

    def linearize(self) -> Any:
        """Record the function once: for its gradient, and for the margins of all steps."""
        if not self.locating:
            return self.call.linearize(self.at)
        with observe() as steps:
            found = self.call.linearize(self.at)
        self.report.margin = kinks.smallest(steps)
        return found

    def pulled_untouched(self) -> list[Array | None]:
        """The gradients; nothing may be written to on the way."""
        x_before, given = [x.copy() for x in self.at], [c.copy() for c in self.cotangents]
        found = self.pull(given)
        labels = [*self.call.labels, *(f"the cotangent of result {i}" for i in range(len(given)))]
        for label, now, before in zip(labels, [*self.at, *given], [*x_before, *self.cotangents], strict=True):
            if not np.array_equal(now, before, equal_nan=True):
                text = "others may still need these numbers: compute into a new array"
                self.fail(f"{self.title} changes {label} in place", Mistake("input mutated", text))
        return found

    @property
    def owner(self) -> str:
        """Whose gradient is under test."""
        return "the engine" if self.on_tensors else "its own gradient"

    def filled(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Gradients with zeros in place of ``None``."""
        return [np.zeros_like(x) if g is None else g for x, g in zip(self.at, gradients, strict=True)]

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

    # --- the verdict ------------------------------------------------------------------------------------------------
    def judge(self, line: Line) -> None:
        """See whether all oracles promise the slope that differences find; where they do not, look closer."""
        steps, truth = QUICK, line.slope(QUICK)
        size = max(oracle.size for oracle in self.oracles)
        certain = truth.error <= 1e-6 * size + 8 * line.rounding / QUICK[-1]
        if not (certain and all(oracle.agrees(truth) for oracle in self.oracles)):
            steps, truth = THOROUGH, line.slope(THOROUGH)
            replayed = self.replay() if self.low else None
            nan = any(np.any(np.isnan(g)) for oracle in self.oracles for g in oracle.gradients)
            certain = truth.error <= 1e-3 * size + 8 * line.rounding / THOROUGH[-1]
            wrong = [o for o in self.oracles if not o.agrees(truth)]
            if not nan and not certain and not (wrong and all(self.far(o, truth) for o in wrong)):
                raise AtKink("finite differences do not converge (there is a kink or a pole near)", line)
            if wrong:
                self.convict(line, truth, wrong)
            if replayed is not None:
                properties.precise(self, replayed, self.oracles[0].gradients, self.at)
        self.report.order = taylor_remainder(line, self.oracles[0].slope, steps).order
        self.report.error = abs(self.oracles[0].slope - float(truth.value)) / max(size, np.finfo(float).tiny)

    def far(self, oracle: Oracle, truth: Estimate) -> bool:
        """Whether it is off by far more than errors explain."""
        return bool(abs(oracle.slope - truth.value) > 100 * truth.error + oracle.rounding)

    def replay(self) -> list[Array]:
        """Replace the gradient in low precision by that in double precision; return the former."""
        low = self.oracles[0].gradients
        _, pull = self.call.linearize(self.point)
        exact = [double(g) for g in self.filled(pull([double(c) for c in self.cotangents]))]
        self.oracles[0] = Oracle(self.owner, exact, self.along, _EPS)
        return list(low)

    def convict(self, line: Line, truth: Estimate, wrong: list[Oracle]) -> None:
        """Some oracles disagree with the differences: rule out what else it may be, then say so."""
        jump = line.jump(THOROUGH)
        off = max(abs(o.slope - float(truth.value)) for o in wrong)
        kink = bool(abs(jump.value) > 30 * jump.error + 1e-6 * max(o.size for o in wrong))
        if kink and off <= 0.55 * abs(jump.value) + 4 * truth.error:
            raise AtKink("the slope jumps (there is a kink)", line)
        if off <= 1e-5 * max(o.size for o in wrong):  # is it conditioning?
            blurred = 16 * self.blurred()
            wrong = [o for o in wrong if abs(o.slope - truth.value) > 30 * truth.error + o.rounding + blurred]
        if wrong:
            self.denounce(wrong, line, truth, kink)

    def blurred(self) -> float:
        """How much the promised slope moves when all inputs move by rounding: a gradient may be ill-conditioned."""
        point = [np.asarray(x * (1 + 4 * _EPS * self.rng.choice([-1.0, 1.0], x.shape))) for x in self.point]
        _, pull = self.call.linearize(point)
        slope = inner(self.filled(pull([double(c) for c in self.cotangents])), self.along)
        return abs(slope - self.oracles[0].slope) if np.isfinite(slope) else 0.0

    def denounce(self, wrong: list[Oracle], line: Line, truth: Estimate, kink: bool = False) -> None:
        """Raise, with names and numbers."""
        guilty = wrong[0]
        expected = expected_gradient(self.call.value, self.point, self.weights, self.start, guilty.gradients, self.rng)
        guess = self.diagnosed(guilty.gradients, expected, kink)
        self.report.disagreements = list(self.disagreements(guilty, expected, guess.kind))
        if np.isfinite(guilty.slope):
            remainder = taylor_remainder(line, guilty.slope, THOROUGH)
            self.report.order = remainder.order
            if not kink:
                text = f"the Taylor remainder falls as {remainder} where a right gradient gives 2"
                self.report.evidence.append(text)
        slopes = [f"finite differences {short(truth.value)} ± {float(truth.error):.0e}"]
        slopes += [f"{o.name} {short(o.slope)}{' (disagrees)' if o in wrong else ''}" for o in self.oracles]
        self.report.evidence.append(f"slope along a random direction: {', '.join(slopes)}")
        if guilty.name == self.owner and self.locating:
            search = locate(self.call, self.point, self.rng)
            self.report.location, self.report.graph = search.location, search.graph
            self.report.notes += search.notes
            if search.location is not None and search.location.report.guess and guess.kind == "unknown":
                guess = search.location.report.guess
        whose = "" if guilty.name == self.owner else f"{guilty.name} disagrees with the rest: "
        self.fail(f"{self.title}, {self.stage}: {whose}{self.headline(guilty, expected)}", guess)

    def diagnosed(self, found: Sequence[Array], expected: list[Elements], kink: bool) -> Mistake:
        cotangents = [double(c) for c in self.cotangents]
        guess = diagnose(Evidence(self.call, self.point, self.start, cotangents, list(found), expected, kink, self.rng))
        if self.stage != "second derivative":
            return guess
        return Mistake("second derivative", f"the rule is right, its own derivative is not ({guess}); "
                       "is a value taken out of the graph there?")  # fmt: skip

    def headline(self, guilty: Oracle, expected: list[Elements]) -> str:
        """The worst that is wrong, in a sentence."""
        for label, g, e in zip(self.call.labels, guilty.gradients, expected, strict=True):
            if np.any(e.wrong(g)) and not np.any(g):
                return f"no gradient comes to {label}, but there is a dependence on it"
        if self.report.disagreements:
            return str(self.report.disagreements[0])
        return "the slope along a random direction is wrong, though each element that was looked at is right"

    def disagreements(self, guilty: Oracle, expected: list[Elements], kind: str) -> list[Disagreement]:
        """All wrong numbers, the worst first."""
        found = []
        for i, (g, e) in enumerate(zip(guilty.gradients, expected, strict=True)):
            size = np.max(np.abs(e.value), where=np.isfinite(e.value), initial=0) or 1.0
            for place in np.argwhere(e.wrong(g)):
                index = tuple(int(k) for k in place)
                off = abs(g[index] - e.value[index]) / size
                argument, label = self.call.arguments[i], self.call.labels[i]
                entry = Disagreement(argument, label, index, g[index], e.value[index], guilty.name, kind)
                found.append((-off if np.isfinite(off) else -np.inf, entry))
        return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]

    def between_slopes(self) -> None:
        """At a kink, a gradient has to lie between the slopes around."""
        if self.at_kinks == "move" and self.on_tensors:
            at_kink = [m for m in kinks.margins(kinks.steps_of(self.call, self.point)) if m.distance == 0]
            if len(at_kink) > 1:
                return  # relu(x) - relu(-x) is smooth, yet each relu has to choose: nothing can be said of the sum
        for oracle in self.oracles:
            if all(np.all(np.isfinite(g)) for g in oracle.gradients):
                found = kinks.outside_of_interval(self.call.value, self.point, self.weights, oracle.gradients, self.rng)
                if found is not None:
                    slope, low, high = found
                    self.report.evidence.append(
                        f"this is a kink: along one direction the gradient promises the slope {short(slope)}, where the "
                        f"slopes around are from {short(low)} to {short(high)}"
                    )
                    line = Line(self.call.value, self.point, self.along, self.weights, self.start)
                    self.denounce([oracle], line, line.slope(THOROUGH), kink=True)
        self.report.notes.append("at a kink, where the gradient lies between the slopes around")

    # --- form -------------------------------------------------------------------------------------------------------
    def check_shapes(self) -> None:
        """A gradient has the shape of what it belongs to."""
        for i, (label, x, g) in enumerate(zip(self.call.labels, self.at, self.raw, strict=True)):
            if g is not None and g.shape != x.shape:
                zeros = [np.zeros_like(p) for p in self.point]
                expected = expected_gradient(self.call.value, self.point, self.weights, self.start, zeros, self.rng)
                guess = diagnose_shape(double(g), expected[i].value) if g.dtype.kind in "fc" else Mistake("shape")
                self.report.disagreements = [
                    Disagreement(self.call.arguments[i], label, None, None, None, self.owner, guess.kind)
                ]
                headline = f"{label} has shape {x.shape}, its gradient {g.shape}"
                self.fail(f"{self.title}, {self.stage}: {headline}", guess)

    def check_dtypes(self) -> None:
        """A gradient has the dtype of what it belongs to."""
        for i, (label, x, g) in enumerate(zip(self.call.labels, self.at, self.raw, strict=True)):
            if g is not None and g.dtype != x.dtype and g.dtype.kind in "fc":
                text = "the gradient has the dtype of its input: look for float64 or int64 constants, masks and counts"
                if g.dtype.kind != x.dtype.kind:
                    text = "by a real input the gradient is real: take .real"
                self.report.disagreements = [
                    Disagreement(self.call.arguments[i], label, None, None, None, self.owner, "dtype")
                ]
                self.fail(f"{self.title}: {label} is {x.dtype}, but its gradient is {g.dtype}", Mistake("dtype", text))

    # --- more than one line ---------------------------------------------------------------------------------------
    def every_element(self) -> None:
        """The whole Jacobian: each result by each input."""
        own = self.oracles[0].gradients
        line = Line(self.call.value, self.point, self.along, self.weights, self.start)
        count = self.weights.size
        rows = [self.row(k) for k in range(count)]
        every = [[Elements(x) for x in self.point] for _ in range(count + 1)]
        for i, x in enumerate(self.point):
            for index in np.ndindex(x.shape):
                found = differences(self.call.value, self.point, i, index, None, self.start)
                pair = x.dtype.kind == "c"
                values = found.value[0] + 1j * found.value[1] if pair else found.value
                errors = np.hypot(*found.error) if pair else found.error
                for k in range(count):
                    every[k][i].value[index], every[k][i].error[index] = values[k], errors[k]
                every[-1][i].value[index] = self.weights @ values
                every[-1][i].error[index] = np.abs(self.weights) @ errors
        for k, (row, expected) in enumerate(zip([*rows, own], every, strict=True)):
            if any(np.any(e.wrong(g)) and not self.all_at_kinks(e, g) for g, e in zip(row, expected, strict=True)):
                guilty = Oracle(self.owner, row, self.along, _EPS)
                if k < count:
                    self.weights = np.eye(count)[k]
                    self.cotangents = self.one_hot(k)
                    line = Line(self.call.value, self.point, self.along, self.weights, self.start)
                self.oracles = [guilty]
                self.denounce([guilty], line, line.slope(THOROUGH))

    def all_at_kinks(self, expected: Elements, found: Array) -> bool:
        """Whether what is wrong is so only where differences cannot tell."""
        size = np.max(np.abs(expected.value), where=np.isfinite(expected.value), initial=0)
        return not np.any(expected.wrong(found) & (expected.error <= 1e-3 * size))

    def one_hot(self, k: int) -> list[Array]:
        """The cotangents that pick the real number ``k`` among all results."""
        found, first = [], 0
        for out in self.start:
            width = 2 if out.dtype.kind == "c" else 1
            numbers = np.zeros(out.size * width)
            if first <= k < first + numbers.size:
                numbers[k - first] = 1
            first += numbers.size
            found.append((numbers.reshape(-1, 2) @ [1, 1j] if width == 2 else numbers).reshape(out.shape))
        return found

    def row(self, k: int) -> list[Array]:
        """The gradient of the real number ``k`` among all results."""
        if self.low:
            _, self.pull_double = self.call.linearize(self.point)
        pull = self.pull_double if self.low else self.pull
        return [double(g) for g in self.filled(pull(self.one_hot(k)))]

    def second_derivative(self) -> None:
        """The gradient as a function of the inputs and of the cotangents is a function like any other."""
        count = len(self.call.at)

        def results(*variables: Any) -> list[Any]:
            return flatten(self.call.function.call(*self.call.arguments_at(variables)))[0]

        def gradient(*variables: Any) -> tuple[Any, ...]:
            _, pullback = vjp(results, *variables[:count])
            return tuple(pullback(list(variables[count:])))

        second = Call(engine(gradient, name=self.title), [*self.point, *map(double, self.cotangents)])
        second.labels = [*self.call.labels, *(f"the cotangent of result {i}" for i in range(len(self.cotangents)))]
        second.arguments = [*self.call.arguments, *[-1] * len(self.cotangents)]
        check = Check(second, self.title, self.rng, self.at_kinks, "second derivative")
        check.report.reproduce, check.report.margin = self.report.reproduce, self.report.margin
        try:
            properties.forward_mode(self)
            check.first_derivative()
            self.report.order = check.third_order(self, count) or self.report.order
        except (GradientError, AtKink):
            raise
        except Exception as error:
            error.add_note(
                f"raised by the derivative of the derivative of {self.title}: its rules have to use functions that "
                f"themselves have derivatives; order=1 leaves this test out"
            )
            raise
        self.call.counts["second derivatives"] += 1

    def third_order(self, first: Check, count: int) -> float | None:
        """With the second derivative taken away as well, the Taylor remainder falls as the third power."""
        zeros = [np.zeros_like(c) for c in self.call.at[count:]]
        products = self.filled(self.pull([*first.along]))  # the Hessian, times the direction
        curvature = inner(products, [*first.along, *zeros])
        line = Line(first.call.value, first.point, first.along, first.weights, first.start)
        return taylor_remainder(line, first.oracles[0].slope, [2.0**-k for k in range(2, 9)], curvature).order

    def fail(self, headline: str, guess: Mistake | None = None, error: type[GradientError] = GradientError) -> None:
        """Raise the report."""
        self.report.headline, self.report.guess = headline, guess
        self.report.evaluations = dict(self.call.counts)
        raise error(self.report)
