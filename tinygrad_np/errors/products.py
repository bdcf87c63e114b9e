"""Products and matrices whose shapes do not fit."""

from __future__ import annotations

import math
import re

import numpy as np

from tinygrad_np.errors.broadcasting import clash, swapped
from tinygrad_np.errors.cases import Case, Diagnosis, Shape, diagnosis

__all__: list[str] = []


@diagnosis("matmul", "dot")
def _matmul(case: Case) -> Diagnosis | None:
    if len(case.arrays) < 2 or not all(a.shape for a in case.arrays):
        return "it multiplies matrices, but one of the operands is a single number", ["* multiplies by a number"]
    x, y = case.arrays[:2]
    k, n = x.shape[-1], y.shape[0 if y.ndim == 1 else -2]
    if k == n:
        return _stacks(x.name, x.shape, y.name, y.shape)
    last = "the only axis" if x.ndim == 1 else "the last axis"
    first = "the only axis" if y.ndim == 1 else "the first axis" if y.ndim == 2 else "axis -2"
    problem = f"{last} of {x.name} has {k} and {first} of {y.name} has {n}, but these must be equal"
    tries = [
        (f"{x.code} @ {y.code}.mT", x.shape, swapped(y.shape)),
        (f"{x.code}.mT @ {y.code}", swapped(x.shape), y.shape),
        (f"{x.code}.reshape(len({x.name}), -1) @ {y.code}", (x.shape[0], math.prod(x.shape[1:])), y.shape),
    ]
    fitting = [(code, shape) for code, a, b in tries if (shape := _product(a, b)) is not None]
    return problem, [f"{code} has shape {shape}" for code, shape in fitting[:1]]


def _product(x: Shape, y: Shape) -> Shape | None:
    """The shape of a matrix product; ``None`` if there is none."""
    if x[-1] != y[0 if len(y) == 1 else -2] or clash([x[:-2], y[:-2]]):
        return None
    return (*np.broadcast_shapes(x[:-2], y[:-2]), *x[-2:-1], *(y[-1:] if len(y) > 1 else ()))


def _stacks(x: str, x_shape: Shape, y: str, y_shape: Shape) -> Diagnosis | None:
    found = clash([x_shape[:-2], y_shape[:-2]])
    if found is None:
        return None
    axis = found[0] - 2
    return f"the matrices fit, but on axis {axis} {x} is a stack of {x_shape[axis]} and {y} of {y_shape[axis]}", []


@diagnosis("vecdot", "inner")
def _inner(case: Case) -> Diagnosis | None:
    if len(case.arrays) < 2 or not all(a.shape for a in case.arrays) or not isinstance(case.error, ValueError):
        return None
    x, y = case.arrays[:2]
    if x.shape[-1] == y.shape[-1]:
        return None
    return (
        f"the last axis of {x.name} has {x.shape[-1]} and that of {y.name} has {y.shape[-1]}, but these must be equal",
        [],
    )


@diagnosis("tensordot")
def _tensordot(case: Case) -> Diagnosis | None:
    a, b = case.arrays[:2]
    axes = case.options.get("axes", 2)
    if isinstance(axes, int):
        pairs = list(zip(range(-axes, 0), range(axes), strict=True))
    else:
        left, right = (np.atleast_1d(part).tolist() for part in axes)
        if len(left) != len(right):
            return f"axes= names {len(left)} axes of {a.name} and {len(right)} of {b.name}, but they are paired", []
        pairs = list(zip(left, right, strict=True))
    for i, j in pairs:
        for operand, axis in ((a, i), (b, j)):
            if not -operand.ndim <= axis < operand.ndim:
                return f"{operand.name} has {operand.ndim} axes, and no axis {axis}", []
        if a.shape[i] != b.shape[j]:
            return (
                f"axis {i} of {a.name} has {a.shape[i]} and axis {j} of {b.name} has {b.shape[j]}, but they are paired",
                [],
            )
    return None


@diagnosis("einsum")
def _einsum(case: Case) -> Diagnosis | None:
    subscripts = case.options.get("subscripts")
    if not isinstance(subscripts, str):
        return None
    terms = re.sub(r"\s", "", subscripts).split("->")[0].split(",")
    if len(terms) != len(case.arrays):
        return f"{subscripts!r} describes {len(terms)} operands, but {len(case.arrays)} were given", []
    known: dict[str, tuple[str, int]] = {}
    for term, array in zip(terms, case.arrays, strict=True):
        if "." in term:
            return None
        if len(term) != array.ndim:
            return f"{subscripts!r} gives {array.name} {len(term)} axes, but it has {array.ndim}", []
        for letter, length in zip(term, array.shape, strict=True):
            name, first = known.setdefault(letter, (array.name, length))
            if length != first and 1 not in (length, first):
                return f"{letter!r} is {first} in {name} and {length} in {array.name}", []
    return None


@diagnosis("inv", "det", "slogdet", "cholesky", "eig", "eigh", "eigvals", "eigvalsh", "matrix_power", "solve")
def _square(case: Case) -> Diagnosis | None:
    a, *rest = case.arrays
    words = str(case.error)
    if "Singular" in words:
        return f"{a.name} is singular: its rows depend on each other", [
            "np.linalg.lstsq or pinv, which solve without it"
        ]
    if "definite" in words:
        return f"{a.name} is not positive definite: it has an eigenvalue that is not above 0", []
    if a.ndim < 2:
        return f"{a.name} is no matrix: it has the shape {a.shape}", []
    if a.shape[-1] != a.shape[-2]:
        return f"{a.name} is not square: its last two axes have {a.shape[-2]} and {a.shape[-1]}", []
    if rest:
        (b,) = rest
        axis = 0 if b.ndim == 1 else -2
        if b.ndim and b.shape[axis] != a.shape[-1]:
            other = f"axis {axis} of {b.name} has {b.shape[axis]}"
            return f"{a.name} has {a.shape[-1]} rows and {other}, but these must be equal", []
    return None
