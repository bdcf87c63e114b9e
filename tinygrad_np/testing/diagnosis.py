"""From a wrong gradient and the right one to the class of the mistake.

Each hypothesis is a computation that would have given the wrong numbers: the right gradient with the inputs
swapped, with ones in place of an input, the Jacobian in place of its transpose, the backward pass without one edge of the
graph. The first one that explains all that is wrong is the guess; the plainest come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import Any, Literal, get_args

import numpy as np

from tinygrad_np.testing.calls import Call
from tinygrad_np.testing.elements import LIMIT, Elements, expected_gradient
from tinygrad_np.testing.report import Mistake, short
from tinygrad_np.testing.shares import without_an_edge
from tinygrad_np.testing.slopes import COARSE, THOROUGH, Line, differences, flat, scales

__all__ = ["MISTAKES", "Evidence", "Kind", "diagnose", "diagnose_shape"]

Array = np.ndarray[Any, np.dtype[Any]]
Kind = Literal[
    "sign", "factor", "1/N", "transpose", "broadcast not summed", "missing accumulation", "input ignored",
    "result ignored", "missing term", "missing factor", "swapped arguments", "wrong axis", "permuted", "not symmetric",
    "no dependence", "tie", "singular point", "dtype", "conjugate", "shape", "input mutated",
    "not linear in the cotangent", "not deterministic", "second derivative", "unknown",
]  # fmt: skip
#: All classes of mistakes.
MISTAKES: tuple[str, ...] = get_args(Kind)


@dataclass
class Evidence:
    """A wrong gradient, and all that is known of the function at that point.

    Attributes
    ----------
    call : Call
    point, outs, cotangents : list of array
        Where, the results there, and what they were paired with; in double precision.
    found : list of array
        The gradient under suspicion.
    expected : list of Elements
        The right one.
    kink : bool
        The slope jumps here.
    """

    call: Call
    point: list[Array]
    outs: list[Array]
    cotangents: list[Array]
    found: list[Array]
    expected: list[Elements]
    kink: bool
    rng: np.random.Generator

    @cached_property
    def wrong(self) -> list[int]:
        """Which gradients are wrong anywhere."""
        return [i for i, (g, e) in enumerate(zip(self.found, self.expected, strict=True)) if np.any(e.wrong(g))]

    @cached_property
    def small(self) -> bool:
        """Whether experiments, each of which takes a whole gradient by differences, are affordable."""
        return sum(x.size for x in self.point) <= LIMIT

    def explains(self, i: int, candidate: Any) -> bool:
        """Whether ``candidate`` is what was found for the argument ``i``, as far as it is known."""
        found, expected = self.found[i], self.expected[i]
        candidate = np.asarray(candidate)
        if candidate.shape != found.shape:
            return False
        known = np.isfinite(expected.value) & np.isfinite(candidate)
        with np.errstate(all="ignore"):
            size = np.max(np.abs(found), where=known, initial=0)
            close = np.abs(found - candidate) <= 1e-6 * size + 30 * expected.error
        return bool(np.all(close[known]) and np.any(known))

    def gradient(
        self, point: Sequence[Array] | None = None, cotangents: Sequence[Array] | None = None, call: Call | None = None
    ) -> list[Array]:
        """Return the right gradient under other circumstances."""
        point = list(self.point if point is None else point)
        call = call or self.call
        outs = call.value(point)
        weights = flat(self.cotangents if cotangents is None else cotangents)
        zeros = [np.zeros_like(x) for x in point]
        return [e.value for e in expected_gradient(call.value, point, weights, outs, zeros, self.rng)]

    def ratios(self, i: int) -> Array:
        """Found / expected, at the wrong elements that have a ratio."""
        bad = self.expected[i].wrong(self.found[i])
        with np.errstate(all="ignore"):
            return np.asarray(self.found[i][bad] / self.expected[i].value[bad])


def diagnose(evidence: Evidence) -> Mistake:
    """Return the best guess."""
    wrong = evidence.wrong
    for suspects in [wrong, *([i] for i in wrong if len(wrong) > 1)]:
        for hypothesis in HYPOTHESES:
            if hypothesis not in _NEEDS_EXPERIMENTS or evidence.small:
                try:
                    guess = hypothesis(evidence, suspects)
                except (ArithmeticError, ValueError, TypeError, IndexError, np.linalg.LinAlgError):
                    continue  # the function does not take what the experiment gave it
                if guess:
                    return guess
    return Mistake("unknown", "no simple change of the right gradient gives the one that was found")


# --- where there are no numbers to compare ------------------------------------------------------------------------------
def singular_point(e: Evidence, suspects: list[int]) -> Mistake | None:
    bad = [i for i in suspects if not np.all(np.isfinite(e.found[i]))]
    if not bad:
        return None
    kind = "NaN" if np.any(np.isnan(e.found[bad[0]])) else "infinite"
    return Mistake(
        "singular point",
        f"the gradient is {kind} where the function is finite: look for a division by zero, for 0 * inf, for an overflow",
    )


def tie(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The slope jumps where the gradient is wrong."""
    if not e.kink:
        return None
    for i in suspects:
        for place in np.argwhere(e.expected[i].wrong(e.found[i]))[:8]:
            along = [np.zeros_like(x) for x in e.point]
            along[i][tuple(place)] = scales(e.point[i])[tuple(place)]
            jump = Line(e.call.value, e.point, along, flat(e.cotangents), e.outs).jump(THOROUGH)
            if not abs(jump.value) > 30 * jump.error:
                return None
    return Mistake(
        "tie",
        "this is a kink (equal elements, an edge), and the gradient is none of the slopes around, nor a mixture of them: "
        "among ties, shares have to add up to one",
    )


def input_ignored(e: Evidence, suspects: list[int]) -> Mistake | None:
    if not suspects or any(np.any(e.found[i]) for i in suspects):
        return None
    return Mistake("input ignored", "the gradient is zero or None, though the result depends on that input")


# --- the right numbers, but ... -----------------------------------------------------------------------------------------
def constant_ratio(e: Evidence, suspects: list[int]) -> Mistake | None:
    """A sign, a number, a number of elements."""
    ratios = np.concatenate([e.ratios(i) for i in suspects])
    if not ratios.size or not np.all(np.isfinite(ratios)) or np.any(np.abs(ratios - ratios[0]) > 1e-5 * abs(ratios[0])):
        return None
    k = complex(np.mean(ratios))
    if abs(k.imag) > 1e-6 * abs(k) or k == 0:
        return None
    if abs(k.real + 1) < 1e-5:
        return Mistake("sign", "the gradient has the opposite sign; look for a minus too many or too few")
    sizes = {n: what for what, n in _sizes(e) if n > 2}
    for n, what in sizes.items():
        for value, mend in ((n, f"divide by it: is the function a mean over {what}?"),
                            (1 / n, f"do not divide by it: is the function a sum over {what}?")):  # fmt: skip
            if abs(k.real / value - 1) < 1e-5:
                return Mistake("1/N", f"found is {short(k.real)} times what it should be, and {what} is {n}; {mend}")
    if ratios.size > 1 or _simple(k.real):
        if e.small and (name := _scalar_named(e, k.real)):
            return Mistake("missing factor", f"found / expected is {name}")
        where = "everywhere" if all(np.all(e.expected[i].wrong(e.found[i])) for i in suspects) else "where it is wrong"
        return Mistake("factor", f"found is {short(k.real)} times what it should be, {where}")
    return None


def conjugate(e: Evidence, suspects: list[int]) -> Mistake | None:
    if not any(x.dtype.kind == "c" for x in [*e.point, *e.outs]):
        return None
    text = "a complex factor is to be conjugated on the way back (the gradient is dL/dx + i dL/dy)"
    if all(e.explains(i, np.conj(e.expected[i].value)) for i in suspects):
        return Mistake("conjugate", text)
    if e.small:
        other = e.gradient(cotangents=[np.conj(c) for c in e.cotangents])
        if all(e.explains(i, np.conj(other[i])) for i in suspects):
            return Mistake("conjugate", text)
    return None


def swapped_arguments(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i, j in combinations(range(len(e.point)), 2):
        if not {i, j} & set(suspects) or not set(suspects) <= {i, j} or e.point[i].shape != e.point[j].shape:
            continue
        text = f"{e.call.labels[i]} and {e.call.labels[j]} are swapped: in the formula, or in what it returns"
        right = [x.value for x in e.expected]
        if len(suspects) == 2 and e.explains(i, right[j]) and e.explains(j, right[i]):
            return Mistake("swapped arguments", text)
        if e.small and len(suspects) == 2:
            point = list(e.point)
            point[i], point[j] = point[j], point[i]
            other = e.gradient(point)
            if all(e.explains(k, other[k]) for k in (i, j)):
                return Mistake("swapped arguments", text)
    return None


def transposed(e: Evidence, suspects: list[int]) -> Mistake | None:
    """Axes exchanged; a matrix, or the whole Jacobian, in place of its transpose."""
    if all(any(e.explains(i, e.expected[i].value.transpose(p)) for p in _permutations(e.point[i])) for i in suspects):
        return Mistake("transpose", "the axes of the gradient are in the wrong order")
    if len(e.outs) == 1 and e.small:
        for j, x in enumerate(e.point):
            if x.ndim > 1 and x.shape[-1] == x.shape[-2] > 1:
                point = list(e.point)
                point[j] = np.swapaxes(x, -1, -2)
                other = e.gradient(point)
                if all(e.explains(i, other[i]) for i in suspects):
                    return Mistake("transpose", f"on the way back, {e.call.labels[j]} is to be transposed")
        if all(_jacobian_applied(e, i) for i in suspects):
            return Mistake("transpose", "the cotangent was multiplied by the Jacobian, and not by its transpose")
    return None


def _jacobian_applied(e: Evidence, i: int) -> bool:
    if e.outs[0].shape != e.point[i].shape or e.point[i].dtype != e.outs[0].dtype or not e.point[i].ndim:
        return False
    along = [np.zeros_like(x) for x in e.point]
    along[i] = e.cotangents[0]
    found = Line(e.call.value, e.point, along, None, e.outs).slope(COARSE).value
    pairs = found.reshape(-1, 2) @ [1, 1j] if e.outs[0].dtype.kind == "c" else found
    return e.explains(i, pairs.reshape(e.point[i].shape))


def result_ignored(e: Evidence, suspects: list[int]) -> Mistake | None:
    for k in range(len(e.outs) if len(e.outs) > 1 else 0):
        other = e.gradient(cotangents=[c * (j != k) for j, c in enumerate(e.cotangents)])
        if all(e.explains(i, other[i]) for i in suspects):
            return Mistake("result ignored", f"the cotangent of result {k} goes nowhere")
    return None


# --- shares ---------------------------------------------------------------------------------------------------------------
def missing_accumulation(e: Evidence, suspects: list[int]) -> Mistake | None:
    """Elements that went to several places of the result, and got the gradient of some of them only."""
    text = "elements that are used several times get some of their shares only: add them up, as np.add.at does"
    checked = 0
    for i in suspects:
        for place in np.argwhere(e.expected[i].wrong(e.found[i]))[:8]:
            index = tuple(int(k) for k in place)
            column = differences(e.call.value, e.point, i, index, None, e.outs).value
            if column.ndim > 1:
                return None
            column = np.where(np.abs(column) > 1e-7 * np.max(np.abs(column)), column, 0)
            shares = (flat(e.cotangents) * column)[column != 0]
            alike = np.ptp(column[column != 0]) <= 1e-6 * np.max(np.abs(column))
            if not alike or not 2 <= shares.size <= 12 or not _is_partial_sum(float(e.found[i][index]), shares):
                return None
            checked += 1
    return Mistake("missing accumulation", text) if checked else None


def only_the_diagonal(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The derivative of each element of the result by its own element of the input, and by no other."""
    for i in suspects:
        x = e.point[i]
        if len(e.outs) != 1 or e.outs[0].shape != x.shape or x.dtype.kind == "c" or e.outs[0].dtype.kind == "c":
            return None
        own = [differences(e.call.value, e.point, i, index, None, e.outs).value[k]
               for k, index in enumerate(np.ndindex(x.shape))]  # fmt: skip
        if not e.explains(i, e.cotangents[0] * np.reshape(own, x.shape)):
            return None
    return Mistake("missing term", "only the diagonal of the Jacobian is there, as if the function was elementwise")


def missing_edge(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The backward pass without one edge of the graph."""
    for cut in without_an_edge(e.call, e.point, e.cotangents):
        if all(e.explains(i, cut.gradients[i]) for i in suspects):
            if cut.alike:
                text = f"it is used several times, and the share through {cut.text} is missing"
                return Mistake("missing accumulation", text)
            return Mistake("missing term", f"the share that goes through {cut.text} is missing")
        if all(_turned(e.found[i] - cut.gradients[i], e.expected[i].value - cut.gradients[i]) for i in suspects):
            return Mistake("wrong axis", f"in the share that goes through {cut.text}, a row stands for a column: keepdims?")
    return None


def _turned(found: Array, right: Array) -> bool:
    """Whether ``found[i, j] / right[i, j] = v[j] / v[i]``: a vector was laid along the wrong axis."""
    if right.ndim != 2 or right.shape[0] != right.shape[1] or right.shape[0] < 2:
        return False
    with np.errstate(all="ignore"):
        ratio = found / right
        guess = ratio[:1] / ratio[:1].T
    return bool(np.all(np.abs(ratio - guess) <= 1e-5 * np.abs(guess)))


def _is_partial_sum(found: float, shares: Array) -> bool:
    size = float(np.sum(np.abs(shares)))
    sums = np.zeros(1)
    for share in shares:
        sums = np.concatenate([sums, sums + share])
    return bool(np.any(np.abs(sums[1:-1] - found) <= 1e-7 * size))


# --- factors ----------------------------------------------------------------------------------------------------------------
#: What a factor may be made of: a word, and the function.
_FUNCTIONS: list[tuple[str, Callable[[Any], Any]]] = [
    ("{}", lambda a: a), ("{}**2", lambda a: a * a), ("{}**3", lambda a: a**3), ("sqrt({})", np.sqrt),
    ("1 - {}", lambda a: 1 - a), ("1 + {}", lambda a: 1 + a), ("1 - {}**2", lambda a: 1 - a * a),
    ("1 + {}**2", lambda a: 1 + a * a), ("(1 + {})**2", lambda a: (1 + a) ** 2), ("{} * (1 - {})", lambda a: a * (1 - a)),
    ("exp({})", np.exp), ("log({})", np.log), ("sin({})", np.sin), ("cos({})", np.cos), ("tanh({})", np.tanh),
]  # fmt: skip


def missing_factor(e: Evidence, suspects: list[int]) -> Mistake | None:
    """Found / expected is an input, the result, the cotangent, or a simple function of one."""
    for name, array in _named_arrays(e):
        if array.dtype.kind == "c":
            continue
        for word, function in _FUNCTIONS:
            with np.errstate(all="ignore"):
                factor = function(array.astype(float))
                for text, value in ((word, factor), (f"1 / ({word})", 1 / factor)):
                    if np.all(np.isfinite(value)) and all(_is_multiple(e, i, value) for i in suspects):
                        return Mistake("missing factor", f"found / expected is {text.replace('{}', name)}")
    return None


def _is_multiple(e: Evidence, i: int, factor: Array) -> bool:
    """Whether found = expected * factor, where the factor is neither constant nor of another shape."""
    x = e.expected[i].value
    known = np.isfinite(x) & (np.abs(x) > 1e-9 * np.nanmax(np.abs(x), initial=0))
    try:
        product = x * np.broadcast_to(factor, x.shape)
    except ValueError:
        return False
    return bool(np.count_nonzero(known) and e.explains(i, product))


def input_taken_for_one(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The right gradient of the function with ones in place of an input."""
    for place, leaf in enumerate(e.call.leaves):
        if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "bfc" or np.all(leaf == 1):
            continue
        if place in e.call.places:
            j = e.call.places.index(place)
            point = list(e.point)
            point[j] = np.ones_like(e.point[j])
            if suspects == [j]:
                continue
            other, name = e.gradient(point), e.call.labels[j]
        else:
            leaves = [*e.call.leaves[:place], np.ones_like(leaf), *e.call.leaves[place + 1 :]]
            call = e.call.of(e.call.function, leaves)
            other, name = e.gradient(call=call), f"the input of dtype {leaf.dtype}"
        if all(e.explains(i, other[i]) for i in suspects):
            return Mistake("missing factor", f"the gradient is that of the function with ones in place of {name}")
    return None


# --- the wrong places -------------------------------------------------------------------------------------------------------
def wrong_axis(e: Evidence, suspects: list[int]) -> Mistake | None:
    """The sum, over too many axes, of what is right."""
    for i in suspects:
        right = e.expected[i].value
        axes = [a for n in range(1, right.ndim + 1) for a in combinations(range(right.ndim), n)]
        sums = [np.broadcast_to(np.sum(right, axis=a, keepdims=True), right.shape) for a in axes]
        if not any(e.explains(i, s) or e.explains(i, s / max(1, right.size)) for s in sums):
            return None
    return Mistake("wrong axis", "the gradient is summed over axes that it should keep")


def not_symmetric(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i in suspects:
        found, right = e.found[i], e.expected[i].value
        if right.ndim < 2 or right.shape[-1] != right.shape[-2]:
            return None
        both, mirrored = found + np.swapaxes(found, -1, -2), np.swapaxes(right, -1, -2)
        size = 1e-6 * np.max(np.abs(right))
        if np.max(np.abs(right - mirrored)) > size or np.max(np.abs(both - 2 * right)) > 2 * size:
            return None
    return Mistake(
        "not symmetric", "the gradient by a symmetric matrix is to be symmetric: take the mean with its transpose"
    )


def no_dependence(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i in suspects:
        right = np.abs(e.expected[i].value[e.expected[i].wrong(e.found[i])])
        if np.max(right, initial=0) > 1e-7 * np.max(np.abs(e.found[i])):
            return None
    return Mistake(
        "no dependence", "there is a gradient for elements on which the result does not depend: it should be 0"
    )


def permuted(e: Evidence, suspects: list[int]) -> Mistake | None:
    for i in suspects:
        found, right = np.sort_complex(e.found[i].reshape(-1)), np.sort_complex(e.expected[i].value.reshape(-1))
        if found.size < 2 or not np.all(np.abs(found - right) <= 1e-6 * np.max(np.abs(right))):
            return None
    return Mistake("permuted", "these are the right numbers in the wrong places: reversed, or permuted the wrong way")


def missing_term(e: Evidence, suspects: list[int]) -> Mistake | None:
    """What is missing is constant along an axis, or a multiple of something that is known."""
    texts = []
    for i in suspects:
        missing = e.expected[i].value - e.found[i]
        size = np.max(np.abs(missing))
        flat_axes = [
            a for a in range(missing.ndim) if missing.shape[a] > 1 and np.max(np.ptp(missing, axis=a)) <= 1e-6 * size
        ]
        names = [name for name, array in _named_arrays(e) if _is_proportional(missing, array)]
        if flat_axes:
            texts.append(
                f"expected - found is constant along axis {flat_axes[0]}: a sum over it is missing, or too many"
            )
        elif names:
            texts.append(f"expected - found is a multiple of {names[0]}")
        else:
            return None
    return Mistake("missing term", texts[0]) if texts else None


def _is_proportional(missing: Array, array: Array) -> bool:
    if array.shape != missing.shape or missing.size < 3 or array.dtype.kind not in "f":
        return False
    factor = np.vdot(array, missing) / np.vdot(array, array)
    return bool(np.max(np.abs(missing - factor * array)) <= 1e-6 * np.max(np.abs(missing)))


HYPOTHESES: list[Callable[[Evidence, list[int]], Mistake | None]] = [
    singular_point, tie, input_ignored, result_ignored, swapped_arguments, constant_ratio, conjugate, transposed,
    missing_accumulation, missing_factor, only_the_diagonal, missing_edge, input_taken_for_one, wrong_axis, not_symmetric, no_dependence,
    permuted, missing_term,
]  # fmt: skip
_NEEDS_EXPERIMENTS = {result_ignored, missing_accumulation, only_the_diagonal, input_taken_for_one}


# --- shapes -----------------------------------------------------------------------------------------------------------------
def diagnose_shape(found: Array, expected: Array) -> Mistake:
    """Return the guess for a gradient of the wrong shape."""
    if found.ndim >= expected.ndim and found.size > expected.size:
        extra = found.ndim - expected.ndim
        stretched = [i for i in range(found.ndim) if i < extra or expected.shape[i - extra] == 1]
        summed = np.sum(found, axis=tuple(stretched), keepdims=True).reshape(-1)
        if summed.size == expected.size and _near(summed.reshape(expected.shape), expected):
            axes = tuple(stretched)
            return Mistake("broadcast not summed", f"the input was broadcast: sum its gradient over axes {axes}")
    if sorted(found.shape) == sorted(expected.shape):
        if any(
            _near(found.transpose(p), expected)
            for p in permutations(range(found.ndim))
            if found.transpose(p).shape == expected.shape
        ):
            return Mistake("transpose", "the axes of the gradient are in the wrong order")
    if found.size == expected.size and _near(found.reshape(expected.shape), expected):
        return Mistake("shape", "the numbers are right: reshape them to the shape of the input")
    return Mistake("shape", "a gradient has the shape of its input")


def _near(a: Array, b: Array) -> bool:
    return bool(np.max(np.abs(a - b), initial=0) <= 1e-6 * np.max(np.abs(b), initial=0))


# --- tools ------------------------------------------------------------------------------------------------------------------
def _sizes(e: Evidence) -> Iterator[tuple[str, int]]:
    """Numbers of elements by which somebody may have divided."""
    every = [*e.call.leaves, *e.outs]
    names = [f"the length of an axis of an input", "the length of an axis of the result"]
    for k, array in enumerate(every):
        for n in np.shape(array):
            yield names[k >= len(e.call.leaves)], n
    for array in every:
        yield "the number of elements", int(np.size(array))
        if np.ndim(array) > 2:
            for n in range(2, np.ndim(array)):
                yield "the number of elements of some axes", int(np.prod(np.shape(array)[:n]))


def _simple(k: float) -> bool:
    """Whether it is a fraction of small numbers, or a well-known one."""
    known = [np.pi, 2 * np.pi, np.sqrt(2), np.log(2), np.e, np.log(10)]
    fractions = [p / q for p in range(1, 13) for q in range(1, 13)]
    return any(abs(abs(k) / x - 1) < 1e-6 for value in [*fractions, *known] for x in (value, 1 / value))


def _scalar_named(e: Evidence, k: float) -> str | None:
    """What scalar of the computation is ``k``, or its inverse."""
    for name, array in _named_arrays(e):
        if array.size == 1 and array.dtype.kind == "f" and (a := float(array.reshape(-1)[0])) and not _simple(k):
            if abs(k / a - 1) < 1e-6:
                return name
            if abs(k * a - 1) < 1e-6:
                return f"1 / {name}"
    return None


def _named_arrays(e: Evidence) -> Iterator[tuple[str, Array]]:
    for label, x in zip(e.call.labels, e.point, strict=True):
        yield label.split(" ", 2)[-1].strip("'"), x
    for k, leaf in enumerate(e.call.leaves):
        if k not in e.call.places and isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biu":
            yield f"an input of dtype {leaf.dtype}", leaf.astype(float)
    for i, out in enumerate(e.outs):
        yield "the result" if len(e.outs) == 1 else f"result {i}", out
    for i, c in enumerate(e.cotangents):
        yield "the cotangent" if len(e.outs) == 1 else f"the cotangent of result {i}", c


def _permutations(x: Array) -> list[tuple[int, ...]]:
    return [p for p in permutations(range(x.ndim)) if p != tuple(range(x.ndim))] if 1 < x.ndim < 6 else []
