"""The kinks that operations declare: no operation jumps within its margin, and where one does, its margin is 0.

Both are tested along lines through the operands, for each row of the table of cases. A *jump* is where results or
gradients keep differing however close two points of the line come; a pole, the end of a domain and a change of shape
are jumps, too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import cases_creation  # noqa: F401 - importing these enters their rows
import cases_fft  # noqa: F401
import cases_linalg  # noqa: F401
import cases_numpy  # noqa: F401
import cases_special  # noqa: F401
import numpy as np
import pytest
from cases import CASES, Case
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tinygrad_np import Tensor
from tinygrad_np.observe import Step, observe
from tinygrad_np.primitives import Primitive, primitive

Array = np.ndarray
Values = list[Array] | None
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

#: Their results are unique up to the order or the phase of some vectors: only what a row makes of them is smooth.
CHOOSING = {"svd", "eigh", "eig", "qr", "roots"}

#: Rows whose results come in an order that LAPACK does not keep.
NO_ORDER = {"roots"}


# --- values and gradients along a line ----------------------------------------------------------------------------
def moves(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def flattened(results: Any) -> list[Any]:
    return [r for part in results for r in flattened(part)] if isinstance(results, tuple | list) else [results]


def computed(op: Callable[..., Any], operands: Sequence[Any], options: dict[str, Any], wrt: Sequence[int]) -> Values:
    """All results, and the gradients of their random combination; ``None`` where the operation refuses."""
    args = [Tensor(a, requires_grad=True) if i in wrt else a for i, a in enumerate(operands)]
    found: list[Array] = []
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            outs = flattened(op(*args, **options))
            for i, out in enumerate(outs):
                if isinstance(out, Tensor):
                    found.append(out.detach().numpy())
                    if out.requires_grad:
                        rng = np.random.default_rng(i)
                        c = rng.choice([-1.0, 1.0], out.shape) * rng.uniform(0.5, 1, out.shape)
                        out.backward(c.astype(out.dtype), retain_graph=True)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return None
    return found + [np.zeros(()) if args[i].grad is None else args[i].grad.numpy() for i in wrt]


def difference(a: Values, b: Values) -> float:
    """How much they differ, relative to their size: from 0 to 2, or infinitely."""
    if a is None or b is None:
        return 0.0 if a is b else np.inf
    if [x.shape for x in a] != [x.shape for x in b]:
        return np.inf
    worst = 0.0
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x, complex), np.asarray(y, complex)
        if np.any(np.isfinite(x) != np.isfinite(y)):
            return np.inf
        with np.errstate(all="ignore"):
            apart = np.abs(x - y) / (1 + np.maximum(np.abs(x), np.abs(y)))
        worst = max(worst, np.max(apart, where=np.isfinite(apart), initial=0.0))
    return worst


def jump(along: Callable[[float], Values], pieces: int = 12, tries: int = 3) -> tuple[float, float] | None:
    """Two neighbouring numbers between 0 and 1 between which there is a jump: bisection of the worst differences."""
    ends = np.linspace(0, 1, pieces + 1)
    values = [along(t) for t in ends]
    steps = [difference(a, b) for a, b in zip(values, values[1:], strict=False)]
    for i in np.argsort(steps)[::-1][:tries]:
        (low, high), (a, b), step = ends[i : i + 2], values[i : i + 2], steps[i]
        while step > 1e-3:
            middle = (low + high) / 2
            if high - low < 1e-11:
                return low, high
            value = along(middle)
            first, second = difference(a, value), difference(value, b)
            if first > second:
                high, b, step = middle, value, first
            else:
                low, a, step = middle, value, second
    return None


# --- margins ------------------------------------------------------------------------------------------------------
def steps_of(op: Callable[..., Any], arrays: Sequence[Any], options: dict[str, Any], wrt: Sequence[int]) -> list[Step]:
    """What a row does with operands some of which require a gradient."""
    with observe() as steps, np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            op(*(Tensor(a, requires_grad=True) if i in wrt else a for i, a in enumerate(arrays)), **options)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            pass
    return steps


def least(steps: Sequence[Step]) -> float:
    return min((float(np.min(step.margin(), initial=np.inf)) for step in steps), default=np.inf)


def line(arrays: Sequence[Any], moved: Sequence[Any]) -> Callable[[float], list[Any]]:
    """The points between ``arrays``, at 0, and ``moved``, at 1."""
    return lambda t: [np.asarray(a + t * (b - a)) if moves(a) else a for a, b in zip(arrays, moved, strict=True)]


@st.composite
def calls(draw: Any, case: Case) -> Any:
    """Operands and options of a row, not empty, in some examples near ties and integers; and a source of randomness."""
    arrays, options = draw(case.examples().filter(lambda call: all(np.size(a) for a in call[0])))
    near = draw(st.sampled_from([1.0, 1.0, 0.1, 1e-3]))
    arrays = [np.asarray(np.rint(a) + near * (a - np.rint(a))) if moves(a) else a for a in arrays]
    return arrays, options, np.random.default_rng(draw(st.integers(0, 2**32 - 1)))


def movable(case: Case, arrays: Sequence[Any]) -> list[int]:
    """What may move: where there is a derivative, the operands that have one."""
    return [i for i, a in enumerate(arrays) if moves(a)] if case.flat else case.differentiable(arrays)


@every_case
@settings(max_examples=4, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_every_jump_is_declared(case: Case, data: Any) -> None:
    arrays, options, rng = data.draw(calls(case))
    wrt = movable(case, arrays)
    at = line(arrays, [np.asarray(a + rng.uniform(-4, 4, a.shape)) if i in wrt else a for i, a in enumerate(arrays)])
    found = jump(lambda t: computed(case.op, at(t), options, wrt))
    if found:
        steps = [steps_of(case.op, at(t), options, wrt) for t in found]
        margin = min(map(least, steps))
        assert margin < 1e-5, f"a jump at {at(found[0])}, where the margin is {margin}: {steps[0]}"


# --- within the margin --------------------------------------------------------------------------------------------
def lent(margin: Any, operand: Array) -> Array:
    """What of a margin is left for an operand that broadcasts against others."""
    try:
        margin = np.broadcast_to(margin, np.broadcast_shapes(np.shape(margin), operand.shape))
    except ValueError:  # operands that do not broadcast against each other
        margin = np.full(operand.shape, np.min(margin, initial=np.inf))
    margin = np.min(margin, tuple(range(margin.ndim - operand.ndim)), initial=np.inf)
    ones = tuple(i for i, n in enumerate(operand.shape) if n == 1)
    return np.min(margin, ones, keepdims=True, initial=np.inf)


def operands_of(step: Step) -> list[Any]:
    """All of them in one list; those that cannot move, because no derivative is known, as plain numbers."""
    return [part for operand in step.operands for part in (operand if isinstance(operand, tuple) else [operand])]


def calling(step: Step) -> Callable[..., Any]:
    """The operation as a function of :func:`operands_of`."""

    def op(*operands: Any, **options: Any) -> Any:
        rest = iter(operands)
        return step.operation(
            *(tuple(next(rest) for _ in x) if isinstance(x, tuple) else next(rest) for x in step.operands), **options
        )

    return op


def unknown(step: Step) -> set[int]:
    """Operands by which there is a derivative, but no rule."""
    if not isinstance(step.operation, Primitive):
        return set()
    return {i for i, vjp in enumerate(step.operation.vjps) if vjp and "unknown" in vjp.rule.__qualname__}


@every_case
@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_no_step_jumps_within_its_margin(case: Case, data: Any) -> None:
    arrays, options, rng = data.draw(calls(case))
    seen = set()
    for step in steps_of(case.op, arrays, options, movable(case, arrays)):
        key = step.name, *map(np.shape, operands_of(step)), str(step.metadata)
        if step.name in CHOOSING or key in seen or not np.isfinite(least([step])):
            continue
        seen.add(key)
        operands, margin = operands_of(step), step.margin()
        wrt = [i for i, a in enumerate(operands) if moves(a) and i not in unknown(step)]
        moved = list(operands)
        for i in wrt:
            amount = lent(margin, operands[i])
            amount = 0.9 * np.where(amount < 1e-9, 0, np.minimum(amount, 1))  # rounding takes it across
            sizes = rng.choice([1.0, rng.random()], np.shape(operands[i]))
            moved[i] = np.asarray(operands[i] + rng.choice([-1.0, 1.0], np.shape(operands[i])) * sizes * amount)
        at = line(operands, moved)
        differentiated = wrt if not isinstance(step.operation, Primitive) else [
            i for i in wrt if step.operation.vjps[min(i, len(step.operation.vjps) - 1)]
        ]  # fmt: skip
        found = jump(lambda t: computed(calling(step), at(t), step.metadata, differentiated), 8, 2)
        assert not found, f"a jump of {step.name} from {operands} to {moved}, within {margin}: at {at(found[0])}"


@every_case
@settings(max_examples=3, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_no_row_jumps_while_its_steps_keep_their_margins(case: Case, data: Any) -> None:
    """What the steps of a row see, all together: also those that choose vectors, of which the row is independent."""
    arrays, options, rng = data.draw(calls(case))
    wrt = movable(case, arrays)
    steps = steps_of(case.op, arrays, options, wrt)
    if not {step.name for step in steps} & CHOOSING or case.name in NO_ORDER:
        return
    directions = [rng.uniform(-1, 1, a.shape) if i in wrt else a for i, a in enumerate(arrays)]
    for length in 2.0 ** -np.arange(0, 30, 2):
        moved = [np.asarray(a + length * d) if i in wrt else a for i, (a, d) in enumerate(zip(arrays, directions, strict=True))]
        at = line(arrays, moved)
        if all(map(kept, steps, steps_of(case.op, at(0.5), options, wrt))) and all(map(kept, steps, steps_of(case.op, moved, options, wrt))):
            found = jump(lambda t: computed(case.op, at(t), options, wrt), 8, 2)
            assert not found, f"a jump at {at(found[0])}"
            return


def kept(step: Step, moved: Step) -> bool:
    """Whether all operands have moved by less than the margin."""
    margin = step.margin()
    return all(
        np.shape(a) == np.shape(b) and bool(np.all(np.abs(b - a) <= 0.9 * lent(margin, np.asarray(a))))
        for a, b in zip(operands_of(step), operands_of(moved), strict=True)
        if moves(a)
    )
