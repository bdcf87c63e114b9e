"""Constant factors wait: ``(c a) b = c (a b)``, ``sum(c a) = c sum(a)``, ``c (d a) = (c d) a``.

So the ``1/N`` of a mean scales the few numbers at the end, rather than each element on the way there. What is merged
rounds less often than what was written: results differ by an ulp per factor.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_contraction, is_elementwise, reducing_ufunc, scalar_of
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, constant, rewrite, size, uses

__all__ = ["with_factors_gathered"]

#: A value that is ``c * y``, as (c, y).
Scaled = tuple[float, Value]

_LIMIT = 2.0**27  # a factor beyond it, or below its inverse, stays: without it, the rest could overflow


def with_factors_gathered(program: Program) -> Program:
    """Move constant factors behind products, sums and views, as long as nothing larger has to be scaled."""
    counts: Counter[Value] = uses(program)
    once: set[Value] = set()  # values of the new program that are read once
    scaled: dict[Value, Scaled] = {}
    steps = iter(program.steps)

    def taken_apart(arg: Any) -> Scaled | None:
        return scaled[arg] if arg in once and arg in scaled else None

    def rule(value: Value, call: Call) -> Value | None:
        result = value
        if value.dtype.kind == "f" and value.dtype.itemsize >= 4:
            apart = tuple(taken_apart(arg) if isinstance(arg, Value) else None for arg in value.args)
            found = _one_factor(value, apart) or _moved(value, apart, call)
            if found and 1 / _LIMIT < abs(found[0]) < _LIMIT:
                c, y = found
                if any(apart):
                    result = call(np.multiply, y, constant(np.array(c, value.dtype)), shape=y.shape, dtype=y.dtype)
                scaled[result] = found
        if counts[next(steps)] == 1:
            once.add(result)
        return result if result is not value else None

    return rewrite(program, rule)


def _one_factor(value: Value, apart: tuple[Scaled | None, ...]) -> Scaled | None:
    """``x * c``, ``c * x``, ``x / c``, ``-x``."""
    if value.function is np.negative:
        c, y = apart[0] or (1.0, value.args[0])
        return (-c, y) if y.dtype == value.dtype else None
    if value.function not in (np.multiply, np.divide) or not is_elementwise(value):
        return None
    for i, other in ((0, 1), (1, 0)):
        number, x = scalar_of(value.args[other]), value.args[i]
        if number is None or not isinstance(x, Value) or x.shape != value.shape or x.dtype != value.dtype:
            continue
        c, y = apart[i] or (1.0, x)
        if value.function is np.multiply:
            return c * float(number), y
        if i == 0 and number != 0:
            return c / float(number), y
    return None


def _moved(value: Value, apart: tuple[Scaled | None, ...], call: Call) -> Scaled | None:
    """Apply the operation without the factors of its operands, which come after it."""
    if not any(apart) or any(found and size(found[1]) < size(value) for found in apart):
        return None
    bare = [found[1] if found else arg for found, arg in zip(apart, value.args, strict=True)]
    factors = [found[0] if found else 1.0 for found in apart]
    linear = reducing_ufunc(value) is np.add or value.function in (np.reshape, np.transpose)
    if value.function is np.square:
        c = factors[0] ** 2
    elif linear or value.function is np.multiply or is_contraction(value):
        c = float(np.prod(factors))
    elif value.function in (np.add, np.subtract) and len(apart) == 2 and factors[0] == factors[1]:
        c = factors[0]
    else:
        return None
    return c, call(value.function, *bare, shape=value.shape, dtype=value.dtype, **value.kwargs)
