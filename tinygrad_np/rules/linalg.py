"""Products of arrays, and norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np.primitive import composite, define, primitive
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.reductions import Axis, unreduce


def as_rows(x: Any) -> Any:
    """One matrix of all the vectors along the last axis."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _matmul_vjp_x(g: Any, x_shape: tuple[int, ...], y: Any) -> Any:
    if y.ndim == 1:
        return g[..., None] * y
    if len(x_shape) == 1:
        return (g[..., None, :] @ y.mT)[..., 0, :]
    return g @ y.mT


def _matmul_vjp_y(g: Any, x: Any, y_shape: tuple[int, ...]) -> Any:
    if x.ndim == 1:
        return g * x if len(y_shape) == 1 else x[:, None] * g[..., None, :]
    if len(y_shape) == 1:
        return (x.mT @ g[..., None])[..., 0]
    if len(y_shape) == 2 and x.ndim > 2:  # one matrix for the whole batch: a single large product, no sum after it
        return as_rows(x).mT @ as_rows(g)
    return x.mT @ g


matmul = primitive(np.matmul, x=lambda g, y, x_shape: _matmul_vjp_x(g, x_shape, y),
                              y=lambda g, x, y_shape: _matmul_vjp_y(g, x, y_shape))(np.matmul)  # fmt: skip


vecdot = define(np.vecdot, x1=lambda g, x2: g[..., None] * x2,
                           x2=lambda g, x1: g[..., None] * x1)  # fmt: skip


@composite(np.dot)
def dot(a: Any, b: Any, out: None = None) -> Any:
    """Dot product: the last axis of ``a`` with the last but one of ``b``."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, (-1, -2))


@composite(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Dot product of two arrays, flattened."""
    return np.matmul(np.ravel(a), np.ravel(b))


@composite(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Sum of products over the last axes."""
    return np.multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else np.tensordot(a, b, (-1, -1))


@composite(np.outer, np.linalg.outer)
def outer(a: Any, b: Any, out: None = None) -> Any:
    """Products of all pairs."""
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@composite(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over the given axes: one matrix product."""
    if isinstance(axes, int):
        over_a, over_b = list(range(a.ndim - axes, a.ndim)), list(range(axes))
    else:
        over_a, over_b = ([axis] if np.ndim(axis) == 0 else list(axis) for axis in axes)
        over_a, over_b = [i % a.ndim for i in over_a], [i % b.ndim for i in over_b]
    lengths = [a.shape[i] for i in over_a]
    if lengths != [b.shape[i] for i in over_b]:
        raise ValueError(f"tensordot: axes {over_a} of {a.shape} and {over_b} of {b.shape} differ in length")
    kept_a = [i for i in range(a.ndim) if i not in over_a]
    kept_b = [i for i in range(b.ndim) if i not in over_b]
    n = int(np.prod(lengths))
    rows, columns = [a.shape[i] for i in kept_a], [b.shape[i] for i in kept_b]
    x = np.reshape(np.transpose(a, (*kept_a, *over_a)), (int(np.prod(rows)), n))
    y = np.reshape(np.transpose(b, (*over_b, *kept_b)), (n, int(np.prod(columns))))
    return np.reshape(np.matmul(x, y), (*rows, *columns))


def _einsum_vjp(
    g: Any, operands: tuple[Any, ...], shapes: list[tuple[int, ...]], wrt: tuple[int, ...], subscripts: str
) -> list[Any]:
    """The cotangent takes the result's place, the result's labels become the operand's.

    A label that only this operand has was summed over: there the cotangent is constant, and the engine broadcasts.
    """
    inputs, output = (part.split(",") for part in subscripts.split("->"))
    found = []
    for i in wrt:
        terms = output + inputs[:i] + inputs[i + 1 :]
        labels = [label for label in inputs[i] if label in "".join(terms)]
        part = np.einsum(f"{','.join(terms)}->{''.join(labels)}", g, *operands[:i], *operands[i + 1 :])
        lengths = iter(part.shape)
        found.append(part.reshape([next(lengths) if label in labels else 1 for label in inputs[i]]))
    return found


@primitive(operands=_einsum_vjp)
def einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    """Einstein summation; explicit subscripts without an ellipsis or a label repeated within a term."""
    return np.einsum(subscripts, *operands, optimize=optimize)


@composite(np.einsum)
def _einsum(*operands: Any, out: None = None, optimize: Any = False) -> Any:
    if isinstance(operands[0], str):
        subscripts, arrays = operands[0].replace(" ", ""), list(operands[1:])
    else:
        subscripts, arrays = _from_sublists(operands)
    terms, arrow, output = subscripts.partition("->")
    inputs = terms.split(",")
    if len(inputs) != len(arrays):
        raise ValueError(f"einsum: {subscripts!r} names {len(inputs)} operands, but {len(arrays)} were given")
    arrays = [a if hasattr(a, "ndim") else np.asarray(a) for a in arrays]
    free = [label for label in _LABELS if label not in subscripts]
    widths = [a.ndim - len(term.replace("...", "")) for a, term in zip(arrays, inputs, strict=True)]
    dots = free[: max((w for w, term in zip(widths, inputs, strict=True) if "..." in term), default=0)]
    inputs = [t.replace("...", "".join(dots[len(dots) - w :])) for t, w in zip(inputs, widths, strict=True)]
    if arrow:
        labels = output.replace("...", "")
        if len(set(labels)) < len(labels) or not set(labels) <= set(terms) or (dots and "..." not in output):
            raise ValueError(f"einsum: the result of {subscripts!r} must name labels of its operands, each once")
        output = output.replace("...", "".join(dots))
    else:  # implicit: the labels that occur once, in alphabetical order, behind the ellipsis
        once = (label for label in sorted(set(terms) - set(".,")) if terms.count(label) == 1)
        output = "".join([*dots, *once])
    for i, (term, a) in enumerate(zip(inputs, arrays, strict=True)):
        if len(term) != a.ndim:
            raise ValueError(f"einsum: {subscripts!r} gives operand {i} {len(term)} axes, but its shape is {a.shape}")
        if len(set(term)) < len(term):
            inputs[i], arrays[i] = _diagonal(term, a)
    if len(arrays) == 1 and arrays[0].dtype.kind == "f":  # a sum and a transpose need not keep their operand
        kept = [label for label in inputs[0] if label in output]
        summed = np.sum(arrays[0], axis=tuple(i for i, label in enumerate(inputs[0]) if label not in output))
        return np.transpose(summed, [kept.index(label) for label in output])
    return einsum(*arrays, subscripts=f"{','.join(inputs)}->{output}", optimize=optimize)


_LABELS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _from_sublists(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` says the same as ``einsum("ab,bc->ac", a, b)``."""
    *pairs, output = operands if len(operands) % 2 else (*operands, None)
    inputs = ",".join(map(_spelled, pairs[1::2]))
    return inputs if output is None else f"{inputs}->{_spelled(output)}", list(pairs[::2])


def _spelled(sublist: Sequence[Any]) -> str:
    return "".join("..." if i is Ellipsis else _LABELS[i] for i in sublist)


def _diagonal(term: str, a: Any) -> tuple[str, Any]:
    """Read the diagonal along axes that share a label: the derivative of indexing does the rest."""
    unique = "".join(dict.fromkeys(term))
    lengths = {label: a.shape[term.index(label)] for label in unique}
    if any(lengths[label] != n for label, n in zip(term, a.shape, strict=True)):
        raise ValueError(f"einsum: {term!r} repeats a label, but those axes of the shape {a.shape} differ in length")
    places = {label: [-1 if other == label else 1 for other in unique] for label in unique}
    return unique, a[tuple(np.arange(lengths[label]).reshape(places[label]) for label in term)]


@primitive(
    x=lambda g, x, out, axis, keepdims: quotient(
        unreduce(g, x.shape, axis, keepdims) * x, unreduce(out, x.shape, axis, keepdims)
    )
)
def norm(x: Any, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Euclidean (of two axes: Frobenius) norm; of zeros, the zero subgradient."""
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


@primitive(
    x=lambda g, x, out, ord, axis, keepdims: (
        unreduce(g, x.shape, axis, keepdims)
        * np.sign(x)
        * np.where(x == 0, 1, quotient(np.absolute(x), unreduce(out, x.shape, axis, keepdims))) ** (ord - 1)
    )
)
def norm_of_order(x: Any, *, ord: float, axis: Axis = None, keepdims: bool = False) -> Any:
    """``sum(abs(x)**ord) ** (1/ord)``; an element that is 0 has the zero subgradient."""
    return np.linalg.norm(x, ord, axis, keepdims)


@composite(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if np.ndim(axis) == 0 else tuple(axis)
    x = x.astype(float) if x.dtype.kind in "iub" else x
    ord = ord.item() if isinstance(ord, np.generic) else ord
    match len(axes), ord:
        case (_, None) | (1, 2) | (2, "fro"):
            return norm(x, axis=axis, keepdims=keepdims)
        case (1, np.inf):
            return np.max(np.absolute(x), axis=axis, keepdims=keepdims)
        case (1, _) if ord == -np.inf:
            return np.min(np.absolute(x), axis=axis, keepdims=keepdims)
        case (1, int() | float()) if ord:
            return norm_of_order(x, ord=ord, axis=axis, keepdims=keepdims)
        case (2, int() | float()) if abs(ord) in (1, np.inf):  # the largest, or smallest, sum of a column, or row
            over, along = axes if abs(ord) == 1 else axes[::-1]
            sums = np.sum(np.absolute(x), axis=over, keepdims=True)
            found = (np.max if ord > 0 else np.min)(sums, axis=along, keepdims=True)
            return found if keepdims else np.squeeze(found, axes)
    raise NotImplementedError(f"norm of order {ord!r} over {len(axes)} axes has no derivative here yet")
