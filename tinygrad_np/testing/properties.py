"""What a vector-Jacobian product has to be besides right: linear, the same each time, of one mind with forward mode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.graph import leaf
from tinygrad_np.record import wrap
from tinygrad_np.testing.calls import Array, double
from tinygrad_np.testing.functions import engine
from tinygrad_np.testing.report import Mistake, short
from tinygrad_np.testing.slopes import flat
from tinygrad_np.transforms import jvp
from tinygrad_np.tree import flatten

if TYPE_CHECKING:
    from tinygrad_np.testing.check import Check

__all__ = ["OF_ITS_DTYPE", "REAL", "forward_mode", "homogeneous", "precise", "repeatable", "thorough"]

_SINGLE = {"f": np.float32, "c": np.complex64}

OF_ITS_DTYPE = Mistake(
    "dtype", "the gradient has the dtype of its input: look for float64 or int64 constants, masks and counts"
)
REAL = Mistake("dtype", "by a real input the gradient is real: take .real")
_LOST = Mistake("dtype", "precision is lost on the way: look for a difference of large numbers, for an overflow")
_NOT_LINEAR = Mistake("not linear in the cotangent", "a vector-Jacobian product multiplies by the cotangent, once")
_NOT_DETERMINISTIC = Mistake(
    "not deterministic", "random numbers, memory that nobody initialized, or a state that one call leaves to the next"
)
_NOT_ADDED = Mistake("missing accumulation", "something is changed in place, or kept from one pass to the next")
_NOT_RECORDED = Mistake(
    "second derivative", "a rule is not linear in its cotangent, or not written with functions of the table"
)


def homogeneous(check: Check) -> None:
    """The gradient of -2 times the cotangent is -2 times the gradient, to the last bits.

    One pass sees three things: a rule that forgets its cotangent or is not linear in it, one that does not give zero
    for zero, and one that gives another result at each call.
    """
    expected = (None if g is None else -2 * g for g in check.raw)  # one at a time: less memory, which takes time
    if (i := _differing(check.pull([-2 * c for c in check.cotangents]), expected)) is None:
        return
    gradient = f"{check.title}: the gradient by {check.call.labels[i]}"
    if _differing(check.pull([c.copy() for c in check.cotangents]), check.raw) is not None:
        check.fail(f"{gradient} is another one at each call", _NOT_DETERMINISTIC)
    check.fail(f"{gradient} is not linear in the cotangent: at -2 c it is not -2 times that at c", _NOT_LINEAR)


def repeatable(check: Check) -> None:
    """The same inputs give the same value."""
    first, second = (flat(check.call.value(check.point)) for _ in range(2))
    if not np.array_equal(first, second, equal_nan=True):
        check.fail(f"{check.title} returns another value at each call", _NOT_DETERMINISTIC)


def thorough(check: Check) -> None:
    """All properties that cost further passes."""
    _additive(check)
    repeatable(check)
    if isinstance(check.call.function, engine):
        _accumulates(check)
        if not check.low:
            _single_precision(check)


def precise(check: Check, low: Sequence[Array], exact: Sequence[Array], at: Sequence[Array]) -> None:
    """In low precision the gradient is off by no more than rounding of inputs and cotangents explains.

    How much that is, the gradient in double precision shows, when its inputs move by the rounding of the lower one.
    """
    eps = max(float(np.finfo(x.dtype).eps) for x in at)

    def rounded(x: Array) -> Array:
        return np.asarray(x * (1 + eps * check.rng.choice([-1.0, 1.0], x.shape)))

    nudged = check.exact(list(map(rounded, check.point)), [rounded(double(c)) for c in check.cotangents])
    start = flat(check.start)
    unit = float(np.max(np.abs(check.weights), initial=0) * np.max(np.abs(start), initial=0))
    for label, x, g, e, n in zip(check.call.labels, at, low, exact, nudged, strict=True):
        if not x.size or not np.all(np.isfinite(n)) or not np.all(np.isfinite(x)):
            continue
        off = np.where(np.isfinite(g), np.abs(g - e), np.inf)
        size = float(np.max(np.abs(e)))
        # What is rounded on the way is of the size of the results: where these saturate, little is left but rounding.
        rounding = eps * (size + unit / float(np.max(np.abs(x)) or 1))
        allowed = 64 * (float(np.max(np.abs(n - e))) + rounding + float(np.finfo(x.dtype).smallest_normal))
        if np.max(off) > allowed:
            place = np.unravel_index(np.argmax(off), off.shape)
            where = f" at {[int(k) for k in place]}" if place else ""
            numbers = f"{short(g[place])} in {x.dtype}, {short(e[place])} in double precision"
            check.fail(f"{check.title}, single precision: {label} is wrong{where}: {numbers}", _LOST)


def forward_mode(check: Check) -> None:
    """Forward mode, which is the derivative of reverse mode by the cotangent, promises the same slope."""

    def function(*variables: Any) -> list[Any]:
        return flatten(check.call.function.call(*check.call.arguments_at(variables)))[0]

    _, products = jvp(function, tuple(check.point), tuple(check.along))
    forward = float(check.weights @ flat([p._data for p in products]))
    own = check.oracles[0]
    zero = 1e-13 * float(np.max(np.abs(check.weights), initial=0))
    eps = max(float(np.finfo(out.dtype).eps) for out in check.outs)
    if abs(forward - own.slope) > 64 * own.rounding + (1e-9 + 64 * eps) * own.size + zero:
        slopes = f"{short(forward)} and {short(own.slope)} along one direction"
        check.fail(f"{check.title}: forward mode and reverse mode differ: {slopes}", _NOT_RECORDED)


def _additive(check: Check) -> None:
    others = [np.flip(c).reshape(c.shape) / 2 for c in check.cotangents]
    one, other = check.filled(check.raw), check.filled(check.pull(others))
    both = check.filled(check.pull([c + o for c, o in zip(check.cotangents, others, strict=True)]))
    zero = check.filled(check.pull([0 * c for c in check.cotangents]))
    unit = float(np.max(np.abs(check.weights), initial=0))
    eps = max(float(np.finfo(a.dtype).eps) for a in [*one, *check.outs])
    for label, v, a, b, s, z in zip(check.call.labels, check.along, one, other, both, zero, strict=True):
        size = float(np.max(np.abs(a) + np.abs(b), initial=0))
        if np.any(np.where(v == 0, 0, z)):
            check.fail(f"{check.title}: {label}: a zero cotangent gives a gradient", _NOT_LINEAR)
        if np.isfinite(size) and np.any(np.abs(s - a - b) > (1e-10 + 1e3 * eps) * size + 1e3 * eps * unit):
            check.fail(f"{check.title}: {label}: the gradient of a sum is not the sum of gradients", _NOT_LINEAR)


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
        label = check.call.labels[i]
        check.fail(
            f"{check.title}: after two backward passes, the .grad of {label} is not twice the gradient", _NOT_ADDED
        )


def _single_precision(check: Check) -> None:
    """The same in single precision: of its dtype, and not far off."""
    with np.errstate(over="ignore"):
        at: list[Array] = [x.astype(_SINGLE[x.dtype.kind]) for x in check.at]
    outs, pull = check.call.linearize(at)
    if not all(np.all(np.isfinite(out)) for out in outs):
        return  # too large for it
    found = check.filled(pull([c.astype(out.dtype) for c, out in zip(check.cotangents, outs, strict=True)]))
    for label, x, g in zip(check.call.labels, at, found, strict=True):
        if g.dtype != x.dtype:
            check.fail(f"{check.title}: {label} is {x.dtype}, but its gradient is {g.dtype}", OF_ITS_DTYPE)
    precise(check, [double(g) for g in found], check.oracles[0].gradients, at)


def _differing(found: Iterable[Array | None], expected: Iterable[Array | None]) -> int | None:
    """The first of some gradients that is not, up to rounding, the expected one."""
    for i, (f, e) in enumerate(zip(found, expected, strict=True)):
        f, e = (np.zeros(()) if a is None else a for a in (f, e))
        if np.array_equal(f, e) or f.dtype.kind not in "fc" or e.dtype.kind not in "fc":
            continue
        eps = float(max(np.finfo(f.dtype).eps, np.finfo(e.dtype).eps))
        size = float(np.max(np.abs(e), where=np.isfinite(e), initial=0)) + float(np.finfo(f.dtype).smallest_normal)
        if f.shape != e.shape or not np.allclose(f, e, 256 * eps, 64 * eps * size, equal_nan=True):
            return i
    return None
