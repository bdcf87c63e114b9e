"""Products of arrays, diagonals and powers of matrices."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable, primitive


def conj(x: Any) -> Any:
    """Complex conjugate, without a copy of what is real."""
    return np.conj(x) if x.dtype.kind == "c" else x


def adjoint(x: Any) -> Any:
    """Conjugate transpose."""
    return conj(x).mT


def hermitian_part(x: Any) -> Any:
    """The mean of a matrix and its adjoint."""
    return (x + adjoint(x)) / 2


def _array(x: Any) -> Any:
    """A Tensor or an array, of what may also be a list or a number."""
    return x if hasattr(x, "ndim") else np.asarray(x)


def as_rows(x: Any) -> Any:
    """One matrix of all the vectors along the last axis."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


# --- products -----------------------------------------------------------------------------------------------------
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


@composite(np.dot)
def dot(a: Any, b: Any, out: None = None) -> Any:
    """Dot product: the last axis of ``a`` with the last but one of ``b``."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, (-1, -2))


@composite(np.linalg.matmul)
def _matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@composite(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    """Dot product of two arrays, flattened."""
    return np.matmul(conj(np.ravel(_array(a))), np.ravel(_array(b)))


@primitive(x1=lambda g, x2: conj(g[..., None] * x2), x2=lambda g, x1: g[..., None] * conj(x1))
def vecdot(x1: Any, x2: Any) -> Any:
    """Dot products over the last axis, with the conjugate of the first argument."""
    return np.vecdot(x1, x2)


@composite(np.vecdot, np.linalg.vecdot)
def _vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return vecdot(x1, x2) if axis == -1 else vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


if hasattr(np, "matvec"):  # NumPy 2.2

    @composite(np.matvec)
    def matvec(x1: Any, x2: Any, /) -> Any:
        """Matrices times vectors."""
        return (x1 @ _array(x2)[..., None])[..., 0]

    @composite(np.vecmat)
    def vecmat(x1: Any, x2: Any, /) -> Any:
        """Conjugates of vectors, times matrices."""
        return (conj(_array(x1))[..., None, :] @ x2)[..., 0, :]


@composite(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """Sum of products over the last axes."""
    return np.multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else np.tensordot(a, b, (-1, -1))


@composite(np.outer)
def outer(a: Any, b: Any, out: None = None) -> Any:
    """Products of all pairs."""
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@composite(np.linalg.outer)
def _outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(f"linalg.outer is for two vectors, not shapes {np.shape(x1)} and {np.shape(x2)}; see np.outer")
    return np.outer(x1, x2)


@composite(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Kronecker product: each element of ``a``, times all of ``b``."""
    a, b = _array(a), _array(b)
    ndim = max(a.ndim, b.ndim)
    rows, columns = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    apart = a.reshape([m for n in rows for m in (n, 1)]) * b.reshape([m for n in columns for m in (1, n)])
    return apart.reshape([n * m for n, m in zip(rows, columns, strict=True)])


@primitive(a=lambda g, b: cross_of_three(b, g), b=lambda g, a: cross_of_three(g, a))
def cross_of_three(a: Any, b: Any) -> Any:
    """Cross products of vectors with three components, along the last axis."""
    return np.cross(a, b)


@composite(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """Cross product of vectors with three components; one with two components has the third one zero."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(_array(a), axisa, -1), np.moveaxis(_array(b), axisb, -1)
    lengths = a.shape[-1], b.shape[-1]
    if not set(lengths) <= {2, 3}:
        raise ValueError(f"cross: vectors have two or three components, not {lengths[0]} and {lengths[1]}")
    if lengths == (2, 2):
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (x if x.shape[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], -1) for x in (a, b))
    return np.moveaxis(cross_of_three(a, b), -1, axisc)


@composite(np.linalg.cross)
def _cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ValueError(f"linalg.cross: axis {axis} has length 3, but the shapes are {np.shape(x1)}, {np.shape(x2)}")
    return np.cross(x1, x2, axis=axis)


@composite(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """Product of several matrices in the order that takes the fewest multiplications; vectors at the ends."""
    if len(arrays) < 2:
        raise ValueError(f"multi_dot multiplies two arrays or more, not {len(arrays)}")
    first, *middle, last = map(_array, arrays)
    if any(x.ndim != 2 for x in middle) or not {first.ndim, last.ndim} <= {1, 2}:
        raise np.linalg.LinAlgError(
            f"multi_dot multiplies matrices, and vectors at the ends, but the shapes are {[*map(np.shape, arrays)]}"
        )
    chain = [first if first.ndim == 2 else first[None], *middle, last if last.ndim == 2 else last[:, None]]
    product = _multiplied(chain, _best_cuts([chain[0].shape[0], *(x.shape[1] for x in chain)]))
    if first.ndim == last.ndim == 2:
        return product
    return product[0, 0] if first.ndim == last.ndim else product.reshape(-1)


def _best_cuts(sides: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut the product of matrices ``i`` to ``j - 1`` in two (Cormen et al., section 14.2)."""
    n = len(sides) - 1
    cost = {(i, i + 1): 0 for i in range(n)}
    cuts = {}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length
            cost[i, j], cuts[i, j] = min(
                (cost[i, k] + cost[k, j] + sides[i] * sides[k] * sides[j], k) for k in range(i + 1, j)
            )
    return cuts


def _multiplied(chain: list[Any], cuts: dict[tuple[int, int], int]) -> Any:
    done = {(i, i + 1): x for i, x in enumerate(chain)}
    stack = [(0, len(chain))]
    while stack:
        i, j = stack[-1]
        if (i, j) in done:
            stack.pop()
            continue
        k = cuts[i, j]
        missing = [part for part in ((i, k), (k, j)) if part not in done]
        stack += missing
        if not missing:
            done[i, j] = done[i, k] @ done[k, j]
    return done[0, len(chain)]


@composite(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """Power of a square matrix, by repeated squaring; of its inverse, where ``n`` is negative."""
    n = operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"matrix_power: the last two axes have the same length, but the shape is {a.shape}")
    if n == 0:
        return np.zeros_like(a) + np.eye(a.shape[-1], dtype=a.dtype)
    a, n = (np.linalg.inv(a), -n) if n < 0 else (a, n)
    result = None
    while True:
        if n % 2:
            result = a if result is None else result @ a
        n //= 2
        if not n:
            return result
        a = a @ a


@composite(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over the given axes: one matrix product."""
    a, b = _array(a), _array(b)
    if np.ndim(axes) == 0:
        over_a, over_b = list(range(a.ndim - int(axes), a.ndim)), list(range(int(axes)))
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


nondifferentiable(np.einsum_path)


# --- diagonals ----------------------------------------------------------------------------------------------------
# Axes are counted from the end, and whatever comes before them is a stack.


@primitive(a=lambda g, a_shape, offset, axis1, axis2: from_diagonal(
    g, offset=offset, axis1=axis1, axis2=axis2, shape=a_shape
))  # fmt: skip
def diagonal(a: Any, *, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Any:
    """Diagonal of two axes, as the last axis."""
    return np.diagonal(a, offset, axis1, axis2)


@primitive(a=lambda g, offset, axis1, axis2: diagonal(g, offset=offset, axis1=axis1, axis2=axis2))
def from_diagonal(
    a: Any, *, shape: tuple[int, ...], offset: int = 0, axis1: int = -2, axis2: int = -1
) -> Any:  # fmt: skip
    """Zeros of ``shape``, with ``a`` on that diagonal."""
    out = np.zeros_like(a, shape=(*a.shape[: a.ndim + 1 - len(shape)], *shape))
    on = np.diagonal(out, offset, axis1, axis2)
    on.flags.writeable = True  # NumPy locks it for fear of misunderstandings: this one is understood
    on[...] = a
    return out


@composite(np.diagonal)
def _diagonal_of(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    np.diagonal(np.broadcast_to(0, a.shape), offset, axis1, axis2)  # raises NumPy's errors
    return diagonal(a, offset=offset, axis1=axis1 % a.ndim - a.ndim, axis2=axis2 % a.ndim - a.ndim)


@composite(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Diagonal of a matrix, or a matrix with this diagonal."""
    if v.ndim == 2:
        return diagonal(v, offset=k)
    if v.ndim == 1:
        return from_diagonal(v, offset=k, shape=(len(v) + abs(k),) * 2)
    raise ValueError(f"diag is for one or two axes, but the shape is {v.shape}; see np.diagonal")


@composite(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """A matrix with all elements of an array on its diagonal."""
    return diag(np.ravel(v), k)


@composite(np.linalg.diagonal)
def _matrix_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return _diagonal_of(x, offset, -2, -1)


@composite(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """Sum over a diagonal."""
    on = _diagonal_of(a, offset, axis1, axis2)
    return np.sum(on if dtype is None else on.astype(dtype), axis=-1)


@composite(np.linalg.trace)
def _trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace(x, offset, -2, -1, dtype)


@composite(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Powers of each element, from the highest to the lowest: a Vandermonde matrix."""
    if x.ndim != 1:
        raise ValueError(f"vander is for one axis, but the shape is {x.shape}")
    powers = np.arange(len(x) if N is None else N)
    wide = x.astype(np.promote_types(x.dtype, int))  # as NumPy has it: float32 becomes float64
    return wide[:, None] ** (powers if increasing else powers[::-1])
