"""Einstein summation. Where two operands meet it is a matrix product, forwards and backwards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable, primitive
from tinygrad_np.rules.tools import as_array

_LABELS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _einsum_vjp(
    g: Any, operands: tuple[Any, ...], shapes: list[tuple[int, ...]], wrt: tuple[int, ...], subscripts: str,
    optimize: Any,
) -> list[Any]:  # fmt: skip
    """The cotangent takes the result's place, the result's labels become the operand's.

    A label that only this operand has was summed over: there the cotangent is constant, and the engine broadcasts.
    """
    inputs, output = (part.split(",") for part in subscripts.split("->"))
    found = []
    for i in wrt:
        terms = output + inputs[:i] + inputs[i + 1 :]
        labels = [label for label in inputs[i] if label in "".join(terms)]
        spelled = f"{','.join(terms)}->{''.join(labels)}"
        part = einsum(g, *operands[:i], *operands[i + 1 :], subscripts=spelled, optimize=bool(optimize))
        lengths = iter(part.shape)
        found.append(part.reshape([next(lengths) if label in labels else 1 for label in inputs[i]]))
    return found


@primitive(operands=_einsum_vjp)
def einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    """Einstein summation; explicit subscripts without an ellipsis or a label repeated within a term."""
    if len(operands) == 2:
        product = _as_matrix_product(*operands, subscripts)
        if product is not None:
            return product
    return np.einsum(subscripts, *operands, optimize=optimize)


def _as_matrix_product(x: Any, y: Any, subscripts: str) -> Any:
    """The same by BLAS, which is several times as fast; ``None`` where it would not pay."""
    if max(x.size, y.size) < 400 or not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return None
    if not {x.dtype.char, y.dtype.char} <= set("fdFD"):
        return None
    inputs, output = subscripts.split("->")
    first, second = inputs.split(",")
    size = dict(zip(first, x.shape, strict=True)) | dict(zip(second, y.shape, strict=True))
    stack = [label for label in first if label in second and label in output]
    summed = [label for label in first if label in second and label not in output]
    rows = [label for label in first if label not in second]
    columns = [label for label in second if label not in first]
    if not set(rows + columns) <= set(output) or not summed or not (rows and columns if stack else rows or columns):
        return None
    if math.prod(size.values()) < 20_000:
        return None

    def matrices(a: Any, term: str, *axes: list[str]) -> Any:
        shape = [math.prod(size[label] for label in group) for group in axes]
        return a.transpose([term.index(label) for group in axes for label in group]).reshape(shape)

    product = matrices(x, first, stack, rows, summed) @ matrices(y, second, stack, summed, columns)
    labels = stack + rows + columns
    return product.reshape([size[label] for label in labels]).transpose([labels.index(label) for label in output])


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
    arrays = list(map(as_array, arrays))
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


nondifferentiable(np.einsum_path)
