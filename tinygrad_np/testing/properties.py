"""What a vector-Jacobian product has to be besides right: linear, the same each time, of one mind with forward mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.graph import leaf
from tinygrad_np.record import wrap
from tinygrad_np.testing.calls import Array, double
from tinygrad_np.testing.elements import inner
from tinygrad_np.testing.functions import engine
from tinygrad_np.testing.report import Mistake, short
from tinygrad_np.testing.slopes import flat
from tinygrad_np.transforms import jvp
from tinygrad_np.tree import flatten

if TYPE_CHECKING:
    from tinygrad_np.testing.check import Check

__all__ = ["forward_mode", "homogeneous", "precise", "thorough"]

_SINGLE = {"f": np.float32, "c": np.complex64}


def homogeneous(check: Check) -> None:
    """The gradient of -2 times the cotangent is -2 times the gradient, to the last bits.

    One pass sees three things: a rule that forgets its cotangent or is not linear in it, one that does not give zero
    for zero, and one that gives another result at each call.
    """
    found = [None if g is None else -2 * g for g in check.raw]
    if (i := _differing(check.pull([-2 * c for c in check.cotangents]), found)) is None:
        return
    label = check.call.labels[i]
    if _differing(check.pull([c.copy() for c in check.cotangents]), check.raw) is not None:
        check.fail(f"{check.title}: the gradient by {label} is another one at each call", NOT_DETERMINISTIC)
    check.fail(f"{check.title}: the gradient by {label} is not linear in the cotangent: at -2 c it is not -2 times that at c",
               Mistake("not linear in the cotangent", "a vector-Jacobian product multiplies by the cotangent, once"))  # fmt: skip


NOT_DETERMINISTIC = Mistake(
    "not deterministic", "random numbers, memory that nobody initialized, or a state that one call leaves to the next"
)


def thorough(check: Check) -> None:
    """All properties that cost further passes."""
    _additive(check)
    _repeatable(check)
    if isinstance(check.call.function, engine):
        _accumulates(check)
        if not check.low:
            _single_precision(check)


def precise(check: Check, low: Sequence[Array], exact: Sequence[Array], at: Sequence[Array]) -> None:
    """In low precision the gradient is off by no more than rounding of inputs and cotangents explains.

    How much that is, the gradient in double precision shows, when its inputs move by the rounding of the lower one.
    """
    eps = max(float(np.finfo(x.dtype).eps) for x in at)
    moved = [np.asarray(x * (1 + eps * check.rng.choice([-1.0, 1.0], x.shape))) for x in check.point]
    cotangents = [double(c) for c in check.cotangents]
    outs, pull = check.call.linearize(moved)
    nudged = check.filled(
        pull([np.asarray(c * (1 + eps * check.rng.choice([-1.0, 1.0], c.shape))) for c in cotangents])
    )
    for label, x, g, e, n in zip(check.call.labels, at, low, exact, nudged, strict=True):
        if not x.size:
            continue
        off = np.where(np.isfinite(g), np.abs(g - e), np.inf)
        allowed = 64 * (float(np.max(np.abs(n - e))) + eps * float(np.max(np.abs(e))))
        tiny = 64 * float(np.finfo(x.dtype).smallest_normal)
        if np.all(np.isfinite(n)) and np.max(off) > allowed + tiny:
            place = np.unravel_index(np.argmax(off), off.shape)
            where = f" at {[int(k) for k in place]}" if place else ""
            check.fail(
                f"{check.title}, single precision: {label} is wrong{where}: {short(g[place])} in {x.dtype}, "
                f"{short(e[place])} in double precision",
                Mistake(
                    "dtype", "precision is lost on the way: look for a difference of large numbers, for an overflow"
                ),
            )


def _differing(found: Sequence[Array | None], expected: Sequence[Array | None]) -> int | None:
    """The first of some gradients that is not, up to rounding, the expected one."""
    for i, (f, e) in enumerate(zip(found, expected, strict=True)):
        if f is None and e is None:
            continue
        f, e = (np.zeros(()) if a is None else a for a in (f, e))
        if f.dtype.kind not in "fc" or e.dtype.kind not in "fc":
            continue
        eps = float(max(np.finfo(f.dtype).eps, np.finfo(e.dtype).eps))
        size = np.max(np.abs(e), where=np.isfinite(e), initial=0)
        tiny = float(np.finfo(f.dtype).smallest_normal)
        if f.shape != e.shape or not np.allclose(f, e, 256 * eps, 64 * (eps * size + tiny), equal_nan=True):
            return i
    return None


def _additive(check: Check) -> None:
    others = [np.flip(c).reshape(c.shape) / 2 for c in check.cotangents]
    one, other = check.filled(check.raw), check.filled(check.pull(others))
    both = check.pull([c + o for c, o in zip(check.cotangents, others, strict=True)])
    size = [np.abs(a) + np.abs(b) for a, b in zip(one, other, strict=True)]
    zero = check.filled(check.pull([0 * c for c in check.cotangents]))
    for label, a, b, s, sizes, z in zip(check.call.labels, one, other, check.filled(both), size, zero, strict=True):
        eps = float(np.finfo(a.dtype).eps)
        bound = 1e3 * eps * float(np.max(sizes, initial=0))
        if np.all(np.isfinite(sizes)) and (np.any(np.abs(s - a - b) > bound) or np.any(z)):
            what = (
                "a zero cotangent gives a gradient"
                if np.any(z)
                else "the gradient of a sum is not the sum of gradients"
            )
            check.fail(f"{check.title}: {label}: {what}",
                       Mistake("not linear in the cotangent", "a vector-Jacobian product multiplies by the cotangent, once"))  # fmt: skip


def _repeatable(check: Check) -> None:
    first, second = (flat(check.call.value(check.point)) for _ in range(2))
    if not np.array_equal(first, second, equal_nan=True):
        check.fail(f"{check.title} returns another value at each call", NOT_DETERMINISTIC)


def forward_mode(check: Check) -> None:
    """Forward mode, which is the derivative of reverse mode by the cotangent, promises the same slope."""

    def function(*variables: Any) -> list[Any]:
        return flatten(check.call.function.call(*check.call.arguments_at(variables)))[0]

    _, products = jvp(function, tuple(check.point), tuple(check.along))
    forward = float(check.weights @ flat([p._data for p in products]))
    reverse = check.oracles[0].slope
    if abs(forward - reverse) > check.oracles[0].rounding * 64 + 1e-9 * check.oracles[0].size:
        check.fail(
            f"{check.title}: forward mode and reverse mode differ: {short(forward)} and {short(reverse)} along one direction",
            Mistake(
                "second derivative", "a rule is not linear in its cotangent, or not written with functions of the table"
            ),
        )


def _accumulates(check: Check) -> None:
    leaves = [wrap(x, leaf(x, True)) for x in check.at]
    outs = flatten(check.call.function.call(*check.call.arguments_at(leaves)))[0]
    for _ in range(2):
        for out, c in zip(outs, check.cotangents, strict=True):
            if out.requires_grad:
                out.backward(c, retain_graph=True)
    twice = [None if x.grad is None else x.grad.numpy() for x in leaves]
    expected = [None if t is None else 2 * g for t, g in zip(twice, check.filled(check.raw), strict=True)]
    if (i := _differing(twice, expected)) is not None:
        check.fail(
            f"{check.title}: after two backward passes, the .grad of {check.call.labels[i]} is not twice the gradient",
            Mistake("missing accumulation", "something is changed in place, or kept from one pass to the next"),
        )


def _single_precision(check: Check) -> None:
    """The same in single precision: of its dtype, and not far off."""
    at = [x.astype(_SINGLE[x.dtype.kind]) for x in check.at]
    outs, pull = check.call.linearize(at)
    found = check.filled(pull([c.astype(out.dtype) for c, out in zip(check.cotangents, outs, strict=True)]))
    for label, x, g in zip(check.call.labels, at, found, strict=True):
        if g.dtype != x.dtype:
            check.fail(
                f"{check.title}: {label} is {x.dtype}, but its gradient is {g.dtype}",
                Mistake(
                    "dtype", "the gradient has the dtype of its input: look for float64 or int64 constants and counts"
                ),
            )
    precise(check, [double(g) for g in found], check.oracles[0].gradients, at)
