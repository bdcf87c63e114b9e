"""The kinks that operations declare: no operation jumps within its margin, and where one does, its margin is 0.

Both are tested along lines through operands from the table of cases. A *jump* is where results or gradients keep
differing however close two points of the line come: so corners, jumps, poles, ends of domains, changes of shape.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from calls_with_kinks import FURTHER, NEAREST
from derivatives import flattened
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rows import CASES, Case

from tinygrad_np import Tensor, primitive
from tinygrad_np.observe import Step, observe
from tinygrad_np.primitives import Primitive, table

Array = np.ndarray
Values = list[Array] | None

#: Operations whose results do not depend on what stands in their operands, or that refuse some.
WITHOUT_VALUE = {"empty_like", "undetermined"}

#: The row whose results come in the order that LAPACK gives them.
IN_NO_ORDER = {"roots"}

#: They choose an order, or the sign of a vector: nothing is smooth but what a row makes of all of their results.
CHOOSING = {"svd", "eigh", "eig", "roots"}


# --- what is tested -----------------------------------------------------------------------------------------------
def moves(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


@dataclass
class Probe:
    """A function, its operands, and which of these move."""

    op: Callable[..., Any]
    operands: list[Any]
    options: dict[str, Any]
    moving: list[int]

    def tensors(self, operands: Sequence[Any]) -> list[Any]:
        return [Tensor(a, requires_grad=True) if i in self.moving else a for i, a in enumerate(operands)]

    def values(self, operands: Sequence[Any]) -> Values:
        """All results, and the gradients of random combinations of them; ``None`` where the operation refuses."""
        args = self.tensors(operands)
        found: list[Array] = []
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for i, out in enumerate(flattened(self.op(*args, **self.options))):
                    found.append(out.detach().numpy() if isinstance(out, Tensor) else np.asarray(out))
                    if isinstance(out, Tensor) and out.requires_grad:
                        rng = np.random.default_rng(i)
                        c = rng.choice([-1.0, 1.0], out.shape) * rng.uniform(0.5, 1, out.shape)
                        out.backward(c.astype(out.dtype), retain_graph=True)
            except (ArithmeticError, ValueError):  # LinAlgError is one
                return None
        found = [a for a in found if a.dtype.kind in "biufc"]  # facts about arrays are no numbers
        return found + [np.zeros(()) if args[i].grad is None else args[i].grad.numpy() for i in self.moving]

    def steps(self, operands: Sequence[Any]) -> list[Step]:
        with observe() as steps, np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with suppress(ArithmeticError, ValueError):
                self.op(*self.tensors(operands), **self.options)
        return steps

    def along(self, target: Sequence[Any]) -> Callable[[float], list[Any]]:
        """A line from the operands, at 0, to ``target``, at 1/2 exactly, and as far behind it, at 1."""
        return lambda t: [
            np.asarray(b + (1 - 2 * t) * (a - b)) if i in self.moving else a
            for i, (a, b) in enumerate(zip(self.operands, target, strict=True))
        ]


def probes(case: Case, arrays: Sequence[Any], options: dict[str, Any]) -> Iterator[Probe]:
    """The steps of a row that are its own operations, one by one; or the row, where it takes a choice out again."""
    moving = [i for i, a in enumerate(arrays) if moves(a)] if case.flat else case.differentiable(arrays)
    row = Probe(case.op, list(arrays), options, moving)
    steps = row.steps(arrays)
    if any(step.name in CHOOSING for step in steps):
        yield from [row] * (case.name not in IN_NO_ORDER)
        return
    for step in {step.operation: step for step in steps}.values():
        if step.operation in {table.get(f, f) for f in case.of} and step.name not in WITHOUT_VALUE:
            yield isolated(step)


def isolated(step: Step) -> Probe:
    def op(*operands: Any, **options: Any) -> Any:
        rest = iter(operands)
        whole = (tuple(next(rest) for _ in x) if isinstance(x, tuple) else next(rest) for x in step.operands)
        found = step.operation(*whole, **options)
        return found[:3] if step.name == "lstsq" else found  # singular values have corners of their own

    operands = [part for x in step.operands for part in (x if isinstance(x, tuple) else [x])]
    vjps = step.operation.vjps if isinstance(step.operation, Primitive) else ()
    constant = [i for i, vjp in enumerate(vjps) if vjp and "unknown" in vjp.rule.__qualname__]  # no derivative is known
    if step.name == "_weighted_position":
        constant = [1, 2]  # weights of 0, quantiles of 0 and 1 are as good as any, but beyond them there are none
    return Probe(op, operands, step.metadata, [i for i, a in enumerate(operands) if moves(a) and i not in constant])


# --- jumps --------------------------------------------------------------------------------------------------------
def difference(a: Values, b: Values) -> float:
    """How much they differ, relative to their size: from 0 to 2, or infinitely."""
    if a is None or b is None:
        return 0.0 if a is b else np.inf
    if [x.shape for x in a] != [x.shape for x in b]:
        return np.inf
    worst = 0.0
    for x, y in zip(a, b, strict=True):
        x, y = (z.astype(float) if z.dtype.kind in "biu" else z for z in (x, y))
        if np.any(np.isfinite(x) != np.isfinite(y)):
            return np.inf
        with np.errstate(all="ignore"):
            apart = np.abs(x - y) / (1 + np.maximum(np.abs(x), np.abs(y)))
        worst = max(worst, np.max(apart, where=np.isfinite(apart), initial=0.0))
    return worst


def jump(values: Callable[[float], Values], pieces: int = 8) -> tuple[float, float] | None:
    """Two neighbouring numbers between 0 and 1 between which there is a jump.

    The interval with the greatest difference is halved, over and over. Half of an interval where all is smooth has half
    of the difference, or little more; so does a half without the jump, and such halves are left alone.
    """
    ends = np.linspace(0, 1, pieces + 1).tolist()
    found = {t: values(t) for t in ends}
    heap = [(-difference(found[low], found[high]), low, high) for low, high in pairwise(ends)]
    heapify(heap)
    while heap and -heap[0][0] > 1e-3:
        whole, low, high = heappop(heap)
        if high - low < 1e-11:
            return low, high
        middle = (low + high) / 2
        found[middle] = values(middle)
        for a, b in ((low, middle), (middle, high)):
            half = -difference(found[a], found[b])
            if half <= 0.6 * whole:
                heappush(heap, (half, a, b))
    return None


def least(steps: Sequence[Step]) -> float:
    return min((float(np.min(step.margin(), initial=np.inf)) for step in steps), default=np.inf)


def check_that_jumps_are_declared(probe: Probe, rng: np.random.Generator) -> None:
    """Along lines to anywhere, through 0, through equal elements, through multiples of the identity."""
    c = rng.uniform(-2, 2)
    targets = [
        lambda a: np.asarray(a + rng.uniform(-3, 3, a.shape)),
        np.zeros_like,
        lambda a: np.full_like(a, c),
        lambda a: c * np.broadcast_to(np.eye(*a.shape[-2:]), a.shape),
    ]
    for target in targets if any(np.ndim(probe.operands[i]) > 1 for i in probe.moving) else targets[:3]:
        if target is targets[3]:
            goal = [target(a) if np.ndim(a) > 1 and i in probe.moving else a for i, a in enumerate(probe.operands)]
        else:
            goal = [target(a) if i in probe.moving else a for i, a in enumerate(probe.operands)]
        at = probe.along(goal)
        if found := jump(lambda t, at=at: probe.values(at(t))):
            steps = [probe.steps(at(t)) for t in found]
            assert min(map(least, steps)) < 1e-3, f"a jump at {at(found[0])}, but the steps there are {steps[0]}"


# --- margins ------------------------------------------------------------------------------------------------------
def lent(margin: Any, operand: Array) -> Array:
    """What of a margin is left for an operand that broadcasts against others."""
    try:
        margin = np.broadcast_to(margin, np.broadcast_shapes(np.shape(margin), operand.shape))
    except ValueError:  # operands that do not broadcast against each other
        margin = np.full(operand.shape, np.min(margin, initial=np.inf))
    margin = np.min(margin, tuple(range(margin.ndim - operand.ndim)), initial=np.inf)
    ones = tuple(i for i, n in enumerate(operand.shape) if n == 1)
    return np.min(margin, ones, keepdims=True, initial=np.inf)


def check_that_margins_hold(probe: Probe, rng: np.random.Generator) -> None:
    """Along a line whose ends are in a corner of the region, or on a side of it."""
    steps = probe.steps(probe.operands)
    if not np.isfinite(least(steps)) or (len(steps) == 1 and coupled(steps[0])):
        return
    if any(step.name in CHOOSING for step in steps):
        goal = shortened(probe, steps, rng)
    else:
        goal = list(probe.operands)
        for i in probe.moving:
            a = probe.operands[i]
            margin = lent(steps[0].margin(), a)
            margin = np.where(np.isinf(margin), 1, np.where(margin < 1e-9, 0, margin))  # rounding would cross these
            sizes = rng.choice([-1.0, 1.0], a.shape) * np.where(rng.random(a.shape) < 0.8, 1, rng.random(a.shape))
            goal[i] = np.asarray(a + 0.9 * sizes * margin)
    for sign in (1, -1):
        at = probe.along([a + sign * (b - a) if i in probe.moving else a for i, (a, b) in enumerate(
            zip(probe.operands, goal, strict=True))])  # fmt: skip
        found = jump(lambda t, at=at: probe.values(at(t / 2)))
        assert not found, f"a jump within the margin of {probe.operands} at {at(found[0] / 2)}, steps: {steps}"


def coupled(step: Step) -> bool:
    """Whether an element of a sample is at an end of the bins: it made that end, and does not leave it."""
    if step.name != "_cells":
        return False
    sample, *edges = step.operands
    return any(np.isin(x, [edge[0], edge[-1]]).any() for x, edge in zip(sample.T, edges, strict=True))


def shortened(probe: Probe, steps: list[Step], rng: np.random.Generator) -> list[Any]:
    """The end of a line on which the operands of all steps keep within their margins."""
    directions = [rng.uniform(-1, 1, a.shape) if i in probe.moving else 0 for i, a in enumerate(probe.operands)]
    for length in 2.0 ** -np.arange(0, 30):
        goal = [a + length * d if moves(a) else a for a, d in zip(probe.operands, directions, strict=True)]
        at = probe.along(goal)
        if all(map(kept, steps * 4, [step for t in (0.25, 0.5, -0.25, -0.5) for step in probe.steps(at(t))])):
            return goal
    return probe.operands


def kept(step: Step, moved: Step) -> bool:
    pairs = zip(isolated(step).operands, isolated(moved).operands, strict=True)
    margin = step.margin()
    return all(bool(np.all(np.abs(b - a) <= 0.9 * lent(margin, np.asarray(a)))) for a, b in pairs if moves(a))


# --- tests --------------------------------------------------------------------------------------------------------
@st.composite
def calls(draw: Any, case: Case) -> Any:
    """Operands and options of a row, not empty, in some examples near ties and integers; and a source of randomness."""
    arrays, options = draw(case.examples().filter(lambda call: all(np.size(a) for a in call[0])))
    near = draw(st.sampled_from([1.0, 1.0, 1.0, 0.1, 1e-3]))
    with np.errstate(invalid="ignore"):  # infinities stay, as NaN
        arrays = (
            arrays
            if near == 1
            else [np.asarray(np.rint(a) + near * (a - np.rint(a))) if moves(a) else a for a in arrays]
        )
    return arrays, options, np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


every_case = pytest.mark.parametrize("case", [c for c in CASES if c.of], ids=lambda case: case.name)


few = settings(max_examples=max(settings().max_examples // 25, 1), phases=[Phase.explicit, Phase.generate])


@every_case
@few
@given(data=st.data())
def test_every_jump_is_declared(case: Case, data: Any) -> None:
    arrays, options, rng = data.draw(calls(case))
    for probe in probes(case, arrays, options):
        check_that_jumps_are_declared(probe, rng)


@every_case
@few
@given(data=st.data())
def test_margins_hold(case: Case, data: Any) -> None:
    arrays, options, rng = data.draw(calls(case))
    for probe in probes(case, arrays, options):
        check_that_margins_hold(probe, rng)


# --- single calls -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("near", [1.0, 0.05])
@pytest.mark.parametrize(("op", "operands", "options"), FURTHER)
def test_further_calls(op: Any, operands: list[Array], options: dict[str, Any], near: float) -> None:
    operands = [np.rint(a) + near * (a - np.rint(a)) for a in operands]
    rng = np.random.default_rng(0)
    for step in Probe(op, operands, options, list(range(len(operands)))).steps(operands):
        check_that_jumps_are_declared(isolated(step), rng)
        check_that_margins_hold(isolated(step), rng)


@pytest.mark.parametrize(("op", "operands", "nearest", "factor"), NEAREST)
def test_the_nearest_kink_is_not_much_farther_than_the_margin(
    op: Any, operands: Any, nearest: Any, factor: float
) -> None:
    operands, nearest = ([np.array(a) * 1.0 for a in arrays] for arrays in (operands, nearest))
    probe = Probe(op, operands, {}, list(range(len(operands))))
    distance = max(np.nanmax(np.abs(a - b)) for a, b in zip(operands, nearest, strict=True))
    margin = least(probe.steps(operands))
    assert margin * (1 - 1e-9) <= distance <= margin * factor * (1 + 1e-9)
    at = probe.along(nearest)
    found = jump(lambda t: probe.values(at(0.3 + 0.4 * t)))
    assert found, "no kink there"
    assert abs(found[0] - 0.5) < 1e-6


def test_a_forgotten_kink_and_one_that_is_too_far_are_found() -> None:
    def size(x: Array) -> Array:
        return np.abs(x)

    def probe(kink: Any) -> Probe:
        return Probe(primitive(x=lambda g, x: g * np.sign(x), kink=kink)(size), [np.array([0.3, -1.2])], {}, [0])

    check_that_jumps_are_declared(probe(lambda x: np.abs(x)), np.random.default_rng(0))
    check_that_margins_hold(probe(lambda x: np.abs(x)), np.random.default_rng(0))
    for broken in (None, lambda x: 1 + np.abs(x)):
        with pytest.raises(AssertionError, match="a jump at"):
            check_that_jumps_are_declared(probe(broken), np.random.default_rng(0))
    with pytest.raises(AssertionError, match="a jump within the margin"):
        check_that_margins_hold(probe(lambda x: 1.5 * np.abs(x)), np.random.default_rng(0))
