"""The right gradient, multiplied by something: a sign, a number, an array; or by something that is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_np.testing.calls import Array
from tinygrad_np.testing.diagnosis.evidence import Evidence
from tinygrad_np.testing.report import Mistake, short

__all__ = ["conjugate", "constant_ratio", "input_taken_for_one", "missing_factor"]


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


#: What a factor may be made of: a word, and the function.
_FUNCTIONS: list[tuple[str, Callable[[Any], Any]]] = [
    ("{}", lambda a: a), ("(1 + {}) / (1 - {})", lambda a: (1 + a) / (1 - a)), ("{}**2", lambda a: a * a),
    ("{}**3", lambda a: a**3), ("sqrt({})", np.sqrt),
    ("1 - {}", lambda a: 1 - a), ("1 + {}", lambda a: 1 + a), ("1 - {}**2", lambda a: 1 - a * a),
    ("1 + {}**2", lambda a: 1 + a * a), ("(1 + {})**2", lambda a: (1 + a) ** 2),
    ("(1 + {}**2) / (1 - {}**2)", lambda a: (1 + a * a) / (1 - a * a)), ("{} * (1 - {})", lambda a: a * (1 - a)),
    ("exp({})", np.exp), ("log({})", np.log), ("sin({})", np.sin), ("cos({})", np.cos), ("tanh({})", np.tanh),
]  # fmt: skip


def missing_factor(e: Evidence, suspects: list[int]) -> Mistake | None:
    """Found / expected is an input, the result, the cotangent, or a simple function of one."""
    for name, array in e.named():
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


def _sizes(e: Evidence) -> Iterator[tuple[str, int]]:
    """Numbers of elements by which somebody may have divided."""
    every = [*e.call.leaves, *e.outs]
    names = ["the length of an axis of an input", "the length of an axis of the result"]
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
    for name, array in e.named():
        if array.size == 1 and array.dtype.kind == "f" and (a := float(array.reshape(-1)[0])) and not _simple(k):
            if abs(k / a - 1) < 1e-6:
                return name
            if abs(k * a - 1) < 1e-6:
                return f"1 / {name}"
    return None
