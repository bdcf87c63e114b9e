"""Who is right? The slopes that gradients promise along a line, and the slope that differences find there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_np.testing import kinks, location, properties
from tinygrad_np.testing.calls import Array, double
from tinygrad_np.testing.convergence import taylor_remainder
from tinygrad_np.testing.diagnosis import Evidence, diagnose
from tinygrad_np.testing.elements import Elements, expected_gradient, inner, products
from tinygrad_np.testing.kinks import AtKink
from tinygrad_np.testing.report import Disagreement, Mistake, short
from tinygrad_np.testing.slopes import QUICK, THOROUGH, Estimate, Line

if TYPE_CHECKING:
    from tinygrad_np.testing.check import Check

__all__ = ["DOUBLE", "Oracle", "Verdict"]

DOUBLE = float(np.finfo(float).eps)


class Oracle:
    """Somebody's gradient.

    Attributes
    ----------
    name : str
    gradients : sequence of array
    slope : float
        What they promise along the direction.
    size : float
        The Euclidean norm of the contributions of all elements to that slope.
    rounding : float
        How far rounding may have moved it.
    """

    def __init__(self, name: str, gradients: Sequence[Array], along: Sequence[Array], eps: float) -> None:
        self.name, self.gradients = name, gradients
        with np.errstate(all="ignore"):
            parts = [products(g, v).reshape(-1) for g, v in zip(gradients, along, strict=True)]
            self.slope = float(sum(part.sum() for part in parts))
            squares = float(sum(part @ part for part in parts))
            if not 1e-250 < squares < np.inf:  # too small or too large to be squared
                largest = max((float(np.max(np.abs(part), initial=0)) for part in parts), default=0.0) or 1.0
                squares = float(sum((part / largest) @ (part / largest) for part in parts))
                self.size = largest * squares**0.5
            else:
                self.size = squares**0.5
            count = sum(part.size for part in parts)
            self.rounding = self.size * (64 * eps * count**0.5 if eps <= DOUBLE else 32 * eps)

    def agrees(self, truth: Estimate, times: float = 4) -> bool:
        """Whether its slope is the measured one, within a few of the errors of the two."""
        return bool(abs(self.slope - truth.value) <= times * truth.error + self.rounding)


class Verdict:
    """The comparison of all oracles of a check along one line."""

    def __init__(self, check: Check, line: Line) -> None:
        self.check, self.line = check, line
        self.truth = Estimate(np.asarray(np.nan), np.asarray(np.inf))

    def reach(self, thorough: bool = False) -> None:
        """Return if all agree, and the point is no kink; where they do not, look closer.

        Raises
        ------
        GradientError
            If somebody is wrong.
        AtKink
            If there is no derivative here.
        """
        check, report = self.check, self.check.report
        size = max((o.size for o in check.oracles if np.isfinite(o.size)), default=0.0)
        # in low precision two values will do: what they miss is far below its rounding, or shows as a disagreement
        steps = QUICK[-1:] if check.low and not check.others else QUICK
        self.truth = self.line.slope(steps)
        certain = self.truth.error <= 1e-6 * size + 8 * self.line.rounding / QUICK[-1]
        agreed = certain and all(o.agrees(self.truth) for o in check.oracles)
        if not agreed or (thorough and check.low) or (len(steps) > 1 and self.order(steps) < 1.5):
            steps, self.truth = THOROUGH, self.line.slope(THOROUGH)
            low = check.oracles[0].gradients
            if check.low:
                check.oracles[0] = Oracle(check.owner, check.exact(), check.along, DOUBLE)
            self.look_closer(size)
            if check.low:
                properties.precise(check, low, check.oracles[0].gradients, check.at)
        own = check.oracles[0]
        if len(steps) > 1:
            report.order = taylor_remainder(self.line, own.slope, steps, uncertainty=own.rounding).order
        off = abs(own.slope - float(self.truth.value))
        report.error = off / size if size else off

    def order(self, steps: Sequence[float]) -> float:
        """The least order at which the Taylor remainder of an oracle falls; at the floor of rounding, any."""
        own = self.check.oracles[0]
        found = taylor_remainder(self.line, own.slope, steps, uncertainty=own.rounding).order
        return np.inf if found is None else found

    def look_closer(self, size: float) -> None:
        """Rule out, one after the other, what may look like a wrong gradient."""
        check, line, truth = self.check, self.line, self.truth
        wrong = [o for o in check.oracles if not o.agrees(truth)]
        nan = any(np.isnan(o.slope) for o in wrong)
        error = float(truth.error)
        unit = float(np.max(np.abs(check.weights), initial=0))
        unit *= max(float(np.max(np.abs(v), initial=0)) for v in check.along)
        # a zero that comes from what cancels, as second derivatives do, has more noise than its rounding tells
        floor = 8 * float(line.rounding) / THOROUGH[-1] + 1e-9 * line.reach(THOROUGH) + 16 * DOUBLE * unit
        certain = np.isfinite(error) and error <= 1e-3 * size + floor
        far = wrong and not any(o.agrees(truth, 100) for o in wrong)
        if not nan and not certain and not (far and np.isfinite(error)):
            raise AtKink("finite differences do not converge (there is a kink or a pole near)", line)
        jump = line.jump(THOROUGH)
        kink = bool(abs(jump.value) > 30 * jump.error + 1e-6 * size)
        off = max((abs(o.slope - float(truth.value)) for o in wrong), default=0.0)
        if kink and off <= 0.55 * abs(jump.value) + 4 * error:
            raise AtKink("the slope jumps (there is a kink)", line)
        if not wrong:
            return
        if off <= 1e-5 * size or off <= 1e-9 * unit:
            blurred = 16 * self.blurred()
            if abs(truth.value) <= 8 * error:  # a zero, of which rounding leaves something
                blurred += 1e3 * DOUBLE * unit
            wrong = [o for o in wrong if abs(o.slope - truth.value) > 30 * error + o.rounding + blurred]
        if wrong and not nan and check.locating and self.inside_a_kink():
            raise AtKink("an operation inside is at a kink", line)
        if wrong:
            self.denounce(wrong, kink)

    def blurred(self) -> float:
        """How much the promised slope moves when all inputs move by rounding: a gradient may be ill-conditioned."""
        check, moves = self.check, [0.0]
        for _ in range(3):
            point = [np.asarray(x * (1 + 4 * DOUBLE * check.rng.choice([-1.0, 1.0], x.shape))) for x in check.point]
            moves.append(abs(inner(check.exact(point), check.along) - check.oracles[0].slope))
        return max(move for move in moves if np.isfinite(move))

    def inside_a_kink(self) -> bool:
        """Whether an operand of some operation is exactly at a kink."""
        margin = kinks.smallest(kinks.steps_of(self.check.call, self.check.point))
        return margin is not None and margin.distance == 0

    # --- saying so --------------------------------------------------------------------------------------------------
    def denounce(self, wrong: list[Oracle], kink: bool = False) -> None:
        """Raise, with names and numbers, if it is more than a matter of the last digits."""
        check, guilty = self.check, wrong[0]
        properties.repeatable(check)
        expected = expected_gradient(
            check.call.value, check.point, check.weights, check.start, guilty.gradients, check.rng
        )
        if abs(guilty.slope - self.truth.value) <= 1e-7 * guilty.size and not any(
            np.any(e.wrong(g)) for g, e in zip(guilty.gradients, expected, strict=True)
        ):
            return  # less exact than it could be, but right
        guess = self.diagnosed(guilty.gradients, expected, kink)
        check.report.disagreements = list(self.disagreements(guilty, expected, guess.kind))
        self.add_evidence(guilty, wrong, kink)
        if guilty.name == check.owner and check.locating:
            search = location.locate(check.call, check.point, check.rng, "interval" if kink else "reject")
            self.name_the_place(search)
            if search.location is not None and search.location.report.mistake not in (None, "unknown"):
                assert search.location.report.guess is not None
                guess = search.location.report.guess
        whose = "" if guilty.name == check.owner else f"{guilty.name} disagrees with the rest: "
        check.fail(f"{check.title}, {check.stage}: {whose}{self.headline(guilty, expected)}", guess)

    def name_the_place(self, search: location.Search) -> None:
        """Enter what a search found into the report."""
        report = self.check.report
        report.location, report.graph = search.location, search.graph
        report.notes += search.notes

    def add_evidence(self, guilty: Oracle, wrong: list[Oracle], kink: bool) -> None:
        """Say why."""
        check, report = self.check, self.check.report
        if np.isfinite(guilty.slope):
            remainder = taylor_remainder(self.line, guilty.slope, THOROUGH)
            report.order = remainder.order
            if not kink:
                smooth = ""
                if check.locating:
                    near = [x + QUICK[0] * v for x, v in zip(check.point, check.along, strict=True)]
                    if kinks.crosses_no_kink(check.call, check.point, near):
                        smooth = ", and no operation meets a kink on the way"
                report.evidence.append(
                    f"the Taylor remainder falls as {remainder} where a right gradient gives 2{smooth}"
                )
        slopes = [f"finite differences {short(self.truth.value)} ± {float(self.truth.error):.0e}"]
        slopes += [f"{o.name} {short(o.slope)}{' (disagrees)' if o in wrong else ''}" for o in check.oracles]
        report.evidence.append(f"slope along a random direction: {', '.join(slopes)}")

    def diagnosed(self, found: Sequence[Array], expected: list[Elements], kink: bool) -> Mistake:
        """Guess what the mistake is."""
        check = self.check
        cotangents = [double(c) for c in check.cotangents]
        guess = diagnose(
            Evidence(check.call, check.point, check.start, cotangents, list(found), expected, kink, check.rng)
        )
        if check.stage != "second derivative":
            return guess
        text = f"the rule is right, its own derivative is not ({guess}); is a value taken out of the graph there?"
        return Mistake("second derivative", text)

    def headline(self, guilty: Oracle, expected: list[Elements]) -> str:
        """The worst that is wrong, in a sentence."""
        for label, g, e in zip(self.check.call.labels, guilty.gradients, expected, strict=True):
            if np.any(e.wrong(g)) and not np.any(g):
                return f"no gradient comes to {label}, but there is a dependence on it"
        if self.check.report.disagreements:
            return str(self.check.report.disagreements[0])
        return "the slope along a random direction is wrong, though each element that was looked at is right"

    def disagreements(self, guilty: Oracle, expected: list[Elements], kind: str) -> Iterator[Disagreement]:
        """All wrong numbers, the worst first."""
        call, found = self.check.call, []
        for i, (g, e) in enumerate(zip(guilty.gradients, expected, strict=True)):
            size = np.max(np.abs(e.value), where=np.isfinite(e.value), initial=0) or 1.0
            for place in np.argwhere(e.wrong(g)):
                index = tuple(int(k) for k in place)
                off = abs(g[index] - e.value[index]) / size
                entry = Disagreement(
                    call.arguments[i], call.labels[i], index, g[index], e.value[index], guilty.name, kind
                )
                found.append((-off if np.isfinite(off) else -np.inf, entry))
        return (entry for _, entry in sorted(found, key=lambda pair: pair[0]))
