"""The table of test cases: one row per operation says how it is called and what inputs it may get.

``test_rules.py`` turns each row into tests of the forward function, of the first and the second derivative, of dtypes,
broadcasting, memory layouts, empty and 0-d arrays. A new operation gets them all from its row, and an operation
without a row fails the suite.

Inputs stay away from kinks and poles *by construction*: their values come from domains that do not contain any. The
kinks themselves have named tests.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from tinygrad_np import Tensor
from tinygrad_np.rules import elementwise, indexing, linalg, neural, norms, reductions, shapes

Shape = tuple[int, ...]
Domain = Callable[[np.random.Generator, Shape], np.ndarray]
Calls = st.SearchStrategy[tuple[Sequence[Shape], dict[str, Any]]]


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes
    ----------
    op
        The operation as a user calls it: ``op(*arrays, **options)``, on arrays or Tensors.
    domains
        What values each array may have; the last one holds for all further arrays.
    calls
        Draws the shapes of the arrays, and options that fit them.
    of
        The entries of the tables that this row tests. By default ``op``.
    wrt
        Positions of the differentiable arguments; ``None`` for all of a floating-point domain.
    reference
        The same function of bare arrays, written with NumPy alone. By default ``op``, where that is NumPy's.
    spellings
        Other ways to say the same: an operator, a method.
    flat
        Without derivative, because it is piecewise constant.
    exact
        The result equals the reference's bit for bit. Otherwise to a few units in the last place.
    scalars
        Python scalars may stand in for arrays.
    integers
        It takes integers and booleans, too, and then does what NumPy does.
    """

    name: str
    op: Callable[..., Any]
    domains: tuple[Domain, ...]
    calls: Calls
    of: tuple[Any, ...]
    reference: Callable[..., Any]
    wrt: tuple[int, ...] | None = None
    spellings: tuple[Callable[..., Any], ...] = ()
    flat: bool = False
    exact: bool = True
    scalars: bool = False
    integers: bool = True

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.name)  # hypothesis would print all fields

    @st.composite
    @staticmethod
    def _examples(draw: Any, case: Case) -> tuple[list[np.ndarray], dict[str, Any]]:
        shapes, options = draw(case.calls)
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        last = len(case.domains) - 1
        return [np.asarray(case.domains[min(i, last)](rng, shape)) for i, shape in enumerate(shapes)], options

    def examples(self) -> st.SearchStrategy[tuple[list[np.ndarray], dict[str, Any]]]:
        """Draw the arrays (float64, integer or bool) and the options of one call."""
        return Case._examples(self)

    def differentiable(self, arrays: Sequence[np.ndarray]) -> list[int]:
        """Positions of the arguments that have a derivative."""
        return [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and (self.wrt is None or i in self.wrt)]


# --- domains: functions that draw values --------------------------------------------------------------------------
def reals(low: float = -2.0, high: float = 2.0) -> Domain:
    """Any number between two."""
    return lambda rng, shape: rng.uniform(low, high, shape)


def lattice(offset: float) -> Domain:
    """Numbers near ``k + offset``: of two lattices with different offsets, no number meets one of the other."""
    return lambda rng, shape: rng.integers(-2, 3, shape) + offset + rng.uniform(-0.1, 0.1, shape)


def distinct(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers no two of which are close."""
    size = int(np.prod(shape))
    return 0.2 * (rng.permutation(size).reshape(shape) - size / 2) + rng.uniform(-0.05, 0.05, shape)


def distinct_sizes(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs no two of which have nearly the same absolute value; none is near 0."""
    size = int(np.prod(shape))
    return signs(rng, shape) * (0.4 + 0.1 * rng.permutation(size).reshape(shape) + rng.uniform(-0.02, 0.02, shape))


def graded(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs whose absolute values grow along each axis, and so do their sums."""
    steps = sum(i * step for i, step in zip(np.indices(shape), (0.5, 0.17, 0.06), strict=False))
    return signs(rng, shape) * (0.4 + steps + rng.uniform(0, 0.01, shape))


def nonzero(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of both signs, none near 0."""
    return signs(rng, shape) * rng.uniform(0.4, 2, shape)


def with_zeros(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Numbers of which every third or so is 0 exactly."""
    return nonzero(rng, shape) * (rng.random(shape) > 0.3)


def signs(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """-1 or 1."""
    return rng.choice([-1.0, 1.0], shape)


def powers_of_two(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Near 1, 2, 4, of both signs: a number near ``k + 1/2`` is not near any multiple of these."""
    return signs(rng, shape) * rng.choice([1.0, 2.0, 4.0], shape) * rng.uniform(0.98, 1.02, shape)


def not_powers_of_two(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Between 1 and 2, 2 and 4, 4 and 8, of both signs."""
    return signs(rng, shape) * rng.choice([1.0, 2.0, 4.0], shape) * rng.uniform(1.1, 1.9, shape)


def integers(low: int, high: int) -> Domain:
    """Integers from ``low`` to ``high``, both included."""
    return lambda rng, shape: rng.integers(low, high + 1, shape)


def booleans(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """True or False."""
    return rng.random(shape) > 0.5


any_real, positive, inside = reals(), reals(0.4, 2), reals(-0.8, 0.8)
between = lattice(0.5)  # not near an integer


# --- shapes and options -------------------------------------------------------------------------------------------
def shape(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> st.SearchStrategy[Shape]:
    """The shape of one array."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable(n: int) -> Calls:
    """Shapes of ``n`` arrays that broadcast against each other."""
    if n == 1:
        return shape().map(lambda s: ((s,), {}))
    return hnp.mutually_broadcastable_shapes(num_shapes=n, min_side=0, max_side=3, max_dims=3).map(
        lambda found: (found.input_shapes, {})
    )


@st.composite
def one_array(draw: Any, min_side: int = 0, min_dims: int = 0, max_dims: int = 3, **options: Any) -> Any:
    """One array, and each option drawn by a function of its shape (or simply drawn)."""
    s = draw(shape(min_dims, max_dims, min_side))
    return (s,), {key: draw(option(s) if callable(option) else option) for key, option in options.items()}


def axis_of(s: Shape) -> st.SearchStrategy[int]:
    """One axis, counted from either end."""
    return st.integers(-len(s), len(s) - 1)


def axes_of(s: Shape, min_size: int = 0) -> st.SearchStrategy[Any]:
    """Several axes, each counted from either end."""
    chosen = st.lists(st.sampled_from(range(len(s))), unique=True, min_size=min_size) if s else st.just([])
    return chosen.flatmap(lambda axes: st.tuples(*(st.sampled_from([i, i - len(s)]) for i in axes)))


@st.composite
def reduced(draw: Any, min_count: int = 0, axes: str = "any", **options: Any) -> Any:
    """One array, axis and keepdims, so that a reduction puts at least ``min_count`` elements together."""
    s = draw(shape(min_dims={"any": int(min_count > 1), "one": 1, "two": 2}[axes]))
    kinds = [st.none()] if axes == "any" or len(s) == {"one": 1, "two": 2}[axes] else []
    if axes != "two" and s:
        kinds.append(axis_of(s))
    if axes == "any":
        kinds.append(axes_of(s, min_size=int(min_count > 1)))
    if axes == "two":
        kinds.append(axes_of(s, min_size=2).map(lambda found: found[:2]))
    axis = draw(st.one_of(kinds)) if kinds else None
    over = range(len(s)) if axis is None else [i % len(s) for i in np.atleast_1d(axis).astype(int)]
    s = tuple(max(n, min_count) if i in over else n for i, n in enumerate(s))
    drawn = {key: draw(option) for key, option in options.items()}
    return (s,), {"axis": axis, "keepdims": draw(st.booleans()), **drawn}


@st.composite
def along_axis(draw: Any, min_side: int = 1, **options: Any) -> Any:
    """One array and an axis."""
    s = draw(shape(min_dims=1, min_side=min_side))
    return (s,), {"axis": draw(axis_of(s)), **{key: draw(option) for key, option in options.items()}}


@st.composite
def joined(draw: Any, min_dims: int = 1, flat: bool = False, axis: int | None = None, new_axis: bool = False) -> Any:
    """Several arrays to be joined along an axis."""
    s = draw(shape(min_dims=min_dims, max_dims=3))
    n = draw(st.integers(1, 3))
    if flat and draw(st.booleans()):
        return [draw(shape()) for _ in range(n)], {"axis": None}
    if new_axis:
        return [s] * n, {"axis": draw(st.integers(-len(s) - 1, len(s)))}
    at = draw(axis_of(s)) if axis is None else min(axis, len(s) - 1)
    lengths = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    found = [tuple(length if i == at % len(s) else m for i, m in enumerate(s)) for length in lengths]
    return found, {"axis": at} if axis is None else {}


@st.composite
def reshaped(draw: Any) -> Any:
    """One array, and another shape for as many elements."""
    s = draw(shape())
    size = int(np.prod(s))
    factors = [(size,), (1, size), (size, 1, 1)] + [(k, size // k) for k in range(1, size) if size % k == 0]
    new = draw(st.sampled_from(factors + ([s] if s else [()])))
    if size and new and draw(st.booleans()):
        new = (*new[:-1], -1)
    return (s,), {"shape": new}


@st.composite
def squeezed(draw: Any) -> Any:
    """One array with axes of length one, and some of these."""
    s = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=2))
    ones = [i for i, n in enumerate(s) if n == 1]
    some = st.lists(st.sampled_from(ones), unique=True).map(tuple) if ones else st.just(())
    return (s,), {"axis": draw(st.none() | some)}


@st.composite
def stretched(draw: Any) -> Any:
    """One array, and a shape that it broadcasts to."""
    found = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=3))
    return found.input_shapes[:1], {"shape": found.result_shape}


@st.composite
def split_at(draw: Any, even: bool, axis: int | None = None) -> Any:
    """One array, an axis and places to cut it: a number of equal pieces, or positions."""
    s = draw(shape(min_dims=1 if axis is None else max(2, axis + 1), max_side=4))
    at = draw(axis_of(s)) if axis is None else axis
    if draw(st.booleans()):
        pieces: Any = draw(st.sampled_from([k for k in range(1, 5) if not even or s[at] % k == 0]))
    else:
        pieces = draw(st.lists(st.integers(-1, 5), max_size=3).map(sorted))
    return (s,), {"indices_or_sections": pieces} | ({"axis": at} if axis is None else {})


@st.composite
def rolled(draw: Any) -> Any:
    """One array, shifts, and the axes to shift along."""
    s = draw(shape())
    axis = draw(st.none() | axes_of(s)) if s else None
    some = st.integers(-4, 4)
    return (s,), {"axis": axis, "shift": draw(some) if axis is None else tuple(draw(some) for _ in axis)}


@st.composite
def repeated(draw: Any) -> Any:
    """One array, an axis, and how often to repeat each element."""
    s = draw(shape(min_side=0))
    axis = draw(st.none() | axis_of(s)) if s else None
    n = int(np.prod(s)) if axis is None else s[axis]
    each = st.lists(st.integers(0, 2), min_size=n, max_size=n)
    return (s,), {"axis": axis, "repeats": draw(st.integers(0, 3) | each)}


@st.composite
def padded(draw: Any, *modes: str, **options: Any) -> Any:
    """One array, and how much to surround it with."""
    s = draw(shape(min_side=0 if modes == ("constant",) else 1))
    width = st.integers(0, 2)
    pair = st.tuples(width, width)
    widths = [width, pair, st.tuples(*(pair for _ in s))] if s else [width]
    if s:
        widths += [st.fixed_dictionaries({0: width, -1: pair})] * (np.lib.NumpyVersion(np.__version__) >= "2.2.0")
    mode = draw(st.sampled_from(modes))
    return (s,), {"pad_width": draw(st.one_of(widths)), "mode": mode} | {k: draw(o) for k, o in options.items()}


# --- indices
@st.composite
def index_for(draw: Any, s: Shape) -> Any:
    """Anything that may stand in the brackets behind an array of this shape."""
    basic = hnp.basic_indices(s, allow_newaxis=True, allow_ellipsis=True)
    if not s or draw(st.integers(0, 3)) == 0:
        return draw(st.one_of(basic, st.sampled_from([np.True_, np.False_, True]) if not s else basic))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    together = draw(st.sampled_from([(), (3,), (1,), (2, 2), (0,)]))
    parts: list[Any] = []
    axis = 0
    while axis < len(s):
        kind = draw(st.sampled_from(["slice", "array", "mask", "int", "list"]))
        if kind == "mask":
            over = draw(st.integers(1, len(s) - axis))
            if any(isinstance(part, np.ndarray | list) for part in parts):
                kind = "slice"  # several masks and arrays must agree in the number of elements
            else:
                parts.append(rng.random(s[axis : axis + over]) < draw(st.sampled_from([0, 0.5, 1])))
                axis += over
                together = None
                continue
        if kind == "int" and s[axis]:
            parts.append(draw(st.sampled_from([int, np.int64, np.asarray]))(draw(axis_of((0,) * s[axis]))))
        elif kind in ("array", "list") and together is not None and (s[axis] or together == (0,)):
            chosen = rng.integers(-s[axis], s[axis], together) if s[axis] else np.zeros(together, int)
            parts.append(chosen.tolist() if kind == "list" and chosen.ndim else chosen.astype(np.int32))
        else:
            parts.append(draw(st.slices(s[axis])))
        axis += 1
    k = draw(st.integers(1, len(parts)))
    parts = draw(st.sampled_from([parts[:k], [*parts[:k], ...], [..., *parts[-k:]]]))
    if draw(st.integers(0, 3)) == 0:
        parts.insert(draw(st.integers(0, len(parts))), None)
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], list) and draw(st.booleans()) else tuple(parts)


@st.composite
def indexed(draw: Any, writing: bool = False) -> Any:
    """One array and an index; for writing, also the shape of a value that fits there."""
    s = draw(shape(max_side=4))
    index = draw(index_for(s))
    if not writing:
        return (s,), {"index": index}
    target = np.zeros(s)[index].shape
    value = tuple(draw(st.sampled_from([1, n])) for n in target)
    return (s, value[draw(st.integers(0, len(value))) :] if draw(st.booleans()) else value), {"index": index}


@st.composite
def taken(draw: Any) -> Any:
    """One array, an axis, and positions along it, possibly outside."""
    s = draw(shape(min_side=1))
    axis = draw(st.none() | axis_of(s)) if s else None
    n = int(np.prod(s)) if axis is None else s[axis]
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    low, high = (-n, n - 1) if mode == "raise" else (-2 * n, 2 * n)
    indices = draw(st.integers(low, high) | hnp.arrays(np.int64, shape(max_dims=2), elements=st.integers(low, high)))
    return (s,), {"indices": indices, "axis": axis, "mode": mode}


# --- products
def generalized(signature: str, **options: Any) -> Calls:
    """Shapes for a generalized ufunc."""
    return hnp.mutually_broadcastable_shapes(signature=signature, min_side=0, max_side=3, max_dims=2).map(
        lambda found: (found.input_shapes, {})
    )


@st.composite
def dotted(draw: Any, inner: bool = False) -> Any:
    """Two arrays that ``np.dot`` (or ``np.inner``) accepts."""
    a, b = draw(shape()), draw(shape())
    if a and b:
        axis = -1 if inner else max(-2, -len(b))
        b = (*b[: len(b) + axis], a[-1], *b[len(b) + axis + 1 :])
    return (a, b), {}


@st.composite
def contracted(draw: Any) -> Any:
    """Two arrays and the axes over which ``np.tensordot`` sums."""
    over, rows, columns = (draw(shape(max_dims=2)) for _ in range(3))
    if draw(st.booleans()):
        return (rows + over, over + columns), {"axes": len(over)}

    def placed(kept: Shape) -> tuple[Shape, list[int]]:
        order = draw(st.sampled_from(list(permutations(range(len(kept) + len(over))))))
        lengths = kept + over
        axes = [order.index(i) for i in range(len(kept), len(lengths))]
        return tuple(lengths[i] for i in order), [i - draw(st.sampled_from([0, len(order)])) for i in axes]

    (a, over_a), (b, over_b) = placed(rows), placed(columns)
    return (a, b), {"axes": (over_a[0], over_b[0]) if len(over) == 1 and draw(st.booleans()) else (over_a, over_b)}


SUBSCRIPTS = (
    "i->", "ij->ji", "ij->i", "ii->i", "ii", "iji->j", "iij->ji", "ij,jk->ik", "ij,jk", "ij,ij->", "i,j->ij", "i,i,i",
    "bij,bjk->bik", "ij,jk,kl->il", "ii,i->i", "ab,cd->", "ij,k->j", ",i->i", "ba,b", "...", "...i->...", "i...->...i",
    "...i,...i->...", "...ij,jk...->...ik", "...ij,...jk", "i...,j->j...", "ij -> ji", "ij,ij,ij->j",
)  # fmt: skip


@st.composite
def summed_by_labels(draw: Any, sublists: bool = False) -> Any:
    """Subscripts, and arrays that fit them: a label has one length, but 1 stretches; so does what ... stands for."""
    subscripts = draw(st.sampled_from([s for s in SUBSCRIPTS if not sublists or " " not in s]))
    terms = subscripts.replace(" ", "").partition("->")[0].split(",")
    lengths = {label: draw(st.integers(0, 3)) for label in "".join(terms).replace(".", "")}
    dots = draw(shape(max_dims=2))

    def length(term: str, label: str) -> int:
        return 1 if term.count(label) == 1 and draw(st.integers(0, 5)) == 0 else lengths[label]

    found = []
    for term in terms:
        before, ellipsis, after = term.partition("...")
        middle = dots[draw(st.integers(0, len(dots))) :] if ellipsis and len(terms) > 1 else dots if ellipsis else ()
        found.append((*(length(term, x) for x in before), *middle, *(length(term, x) for x in after)))
    return found, {"subscripts": subscripts, "optimize": draw(st.booleans())}


def _einsum(*operands: Any, subscripts: str, optimize: bool) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum_sublists(*operands: Any, subscripts: str, optimize: bool) -> Any:
    def numbers(term: str) -> list[Any]:
        return [Ellipsis if c == "." else ord(c) - ord("a") for c in term.replace("...", ".")]

    terms, arrow, output = subscripts.partition("->")
    pairs = [x for pair in zip(operands, map(numbers, terms.split(",")), strict=True) for x in pair]
    return np.einsum(*pairs, *([numbers(output)] if arrow else []), optimize=optimize)


# --- networks
@st.composite
def layer(draw: Any) -> Any:
    """Input, weight and bias of a linear layer."""
    n, m = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    return ((*draw(shape(max_dims=2)), n), (n, m), (m,)), {}


@st.composite
def logits_and(draw: Any, targets: str) -> Any:
    """Logits of at least three classes, and labels (one per row) or a distribution (of the same shape)."""
    batch, classes = draw(shape(max_dims=2)), draw(st.integers(3, 4))
    if targets == "labels":
        return ((*batch, classes), batch), {}
    return ((*draw(st.sampled_from([batch, (1,) * len(batch)])), classes), (*batch, classes)), {}


def _assigned(a: Any, v: Any, index: Any) -> Any:
    a = Tensor(a) if isinstance(v, Tensor) and not isinstance(a, Tensor) else a.copy()
    a[index] = v
    return a


def _filled(a: Any, v: Any) -> Any:
    return np.full_like(Tensor(a) if isinstance(v, Tensor) else a, v)


def _one_hot(targets: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return np.eye(logits.shape[-1], dtype=logits.dtype)[targets] if targets.dtype.kind in "iu" else targets


def _softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


def _log_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def _gelu(x: np.ndarray) -> np.ndarray:
    return x / 2 * (1 + np.tanh(float(np.sqrt(2 / np.pi)) * (x + 0.044715 * x * x * x)))


# --- rows ---------------------------------------------------------------------------------------------------------
CASES: list[Case] = []


def row(op: Any, *domains: Domain, calls: Calls | None = None, of: Any = None, name: str = "", **more: Any) -> None:
    """Enter a case. Without ``calls``, the operation is elementwise."""
    of = of if isinstance(of, tuple) else (op if of is None else of,)
    name = name or getattr(of[0], "name", None) or of[0].__name__
    more.setdefault("scalars", calls is None and len(domains) > 1 and isinstance(op, np.ufunc))
    more.setdefault("reference", op)
    taken = sum(case.name.split("#")[0] == name for case in CASES)
    name = f"{name}#{taken + 1}" if taken else name
    CASES.append(Case(name, op, domains, broadcastable(len(domains)) if calls is None else calls, of, **more))


def flat(op: Any, *domains: Domain, **more: Any) -> None:
    """Enter a case without derivative."""
    row(op, *domains, flat=True, **more)


def method(name: str) -> Callable[..., Any]:
    """The method of an array; of a Tensor, where an operand is one."""

    def call(a: Any, *args: Any, **options: Any) -> Any:
        a = Tensor(a) if args and not isinstance(a, Tensor) else a
        return getattr(a, name)(*args, **options)

    return call


def reduce(ufunc: np.ufunc) -> Callable[..., Any]:
    """A ufunc's method of that name."""
    return lambda a, axis, keepdims: ufunc.reduce(a, axis=axis, keepdims=keepdims)


# arithmetic
row(np.add, any_real, any_real, spellings=(operator.add,))
row(np.subtract, any_real, any_real, spellings=(operator.sub,))
row(np.multiply, any_real, any_real, spellings=(operator.mul,))
row(np.divide, any_real, nonzero, spellings=(operator.truediv,))
row(np.positive, any_real, spellings=(operator.pos,))
row(np.negative, any_real, spellings=(operator.neg,))
row(np.reciprocal, nonzero)
row(np.absolute, nonzero, spellings=(operator.abs,))
row(np.fabs, nonzero)
row(np.conjugate, any_real)
row(np.remainder, between, powers_of_two, spellings=(operator.mod,))
row(np.fmod, between, powers_of_two)
row(np.divmod, between, powers_of_two, spellings=(divmod,))
row(np.modf, between, integers=False)
row(np.frexp, not_powers_of_two, of=(np.frexp, elementwise.exponent), integers=False)
row(np.ldexp, any_real, integers(-3, 3), scalars=False)
row(np.copysign, nonzero, nonzero, wrt=(0,))
row(np.nextafter, nonzero, nonzero, wrt=(0,))
row(np.hypot, nonzero, any_real)
row(elementwise.quotient, with_zeros, nonzero, reference=np.divide, integers=False)

# powers, roots, exponentials, logarithms
row(np.power, positive, any_real, spellings=(operator.pow,))
row(np.power, nonzero, integers(-3, 3), name="power of a negative number", integers=False)
row(np.float_power, positive, any_real)
for exponent in (-2, -1, 0, 1, 2, 3, 0.5, 2.0, 2.5):
    domain = any_real if isinstance(exponent, int) and exponent >= 0 else positive
    row(lambda x, p=exponent: x**p, domain, of=np.power, name=f"x**{exponent}", integers=False)
row(np.square, any_real)
row(np.sqrt, positive)
row(np.cbrt, nonzero)
for ufunc in (np.exp, np.exp2, np.expm1):
    row(ufunc, any_real)
for ufunc in (np.log, np.log2, np.log10):
    row(ufunc, positive)
row(np.log1p, inside)
row(np.logaddexp, any_real, any_real)
row(np.logaddexp2, any_real, any_real)

# trigonometric and hyperbolic
for ufunc in (np.sin, np.cos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh):
    row(ufunc, any_real)
for ufunc in (np.degrees, np.rad2deg, np.radians, np.deg2rad):
    row(ufunc, any_real)
for ufunc in (np.tan, np.arcsin, np.arccos, np.arctanh):
    row(ufunc, inside)
row(np.arccosh, reals(1.4, 3))
row(np.arctan2, any_real, nonzero)

# choice
row(np.maximum, between, lattice(0))
row(np.minimum, between, lattice(0))
row(np.fmax, between, lattice(0))
row(np.fmin, between, lattice(0))
row(np.heaviside, nonzero, any_real, wrt=(1,))
row(np.heaviside, integers(-1, 1), any_real, name="heaviside at 0", scalars=False)
row(np.where, booleans, any_real, any_real, of=(np.where, elementwise.where), scalars=True)
flat(lambda a: np.where(a), integers(0, 1), of=np.where, calls=one_array(min_dims=1), name="where of a condition")
row(np.clip, lattice(0), lattice(1 / 3), lattice(2 / 3), of=(np.clip, elementwise.clip), scalars=True)
row(lambda a, low: np.clip(a, low, None), lattice(0), between, of=np.clip, name="clip from below")
row(lambda a, high: np.clip(a, max=high), lattice(0), between, of=np.clip, name="clip from above")

# rounding, comparison, logic, bits: piecewise constant
for ufunc in (np.floor, np.ceil, np.trunc, np.rint, np.sign, np.signbit, np.isnan, np.isinf, np.isfinite,
              np.logical_not, np.spacing):  # fmt: skip
    flat(ufunc, between)
flat(np.round, lattice(0.02), calls=one_array(decimals=st.integers(0, 1)), spellings=(method("round"),))
flat(np.around, lattice(0.02), calls=one_array(decimals=st.integers(0, 1)))
flat(np.fix, between)
flat(np.floor_divide, between, powers_of_two, spellings=(operator.floordiv,))
for ufunc, spelling in ((np.equal, operator.eq), (np.not_equal, operator.ne), (np.less, operator.lt),
                        (np.less_equal, operator.le), (np.greater, operator.gt),
                        (np.greater_equal, operator.ge)):  # fmt: skip
    flat(ufunc, lattice(0), between, spellings=(spelling,))
    flat(ufunc, integers(-1, 1), integers(-1, 1), name=f"{ufunc.__name__} of integers", spellings=(spelling,))
for ufunc in (np.logical_and, np.logical_or, np.logical_xor):
    flat(ufunc, booleans, booleans)
for ufunc, spelling in ((np.bitwise_and, operator.and_), (np.bitwise_or, operator.or_), (np.bitwise_xor, operator.xor)):
    flat(ufunc, integers(-5, 5), integers(-5, 5), spellings=(spelling,))
for ufunc in (np.left_shift, np.right_shift):
    flat(ufunc, integers(-5, 5), integers(0, 3))
for ufunc in (np.gcd, np.lcm):
    flat(ufunc, integers(-6, 6), integers(-6, 6))
flat(np.invert, integers(-5, 5), spellings=(operator.invert,))
flat(np.bitwise_count, integers(-5, 5))

# reductions
row(np.sum, any_real, calls=reduced(), spellings=(method("sum"), reduce(np.add)))
row(np.mean, any_real, calls=reduced(1), spellings=(method("mean"),))
for extremum, alias, ufunc in ((np.max, np.amax, np.maximum), (np.min, np.amin, np.minimum)):
    row(extremum, distinct, calls=reduced(1), spellings=(method(extremum.__name__), reduce(ufunc)))
    row(alias, distinct, calls=reduced(1))
row(np.prod, with_zeros, calls=reduced(), spellings=(method("prod"), reduce(np.multiply)))
row(np.var, any_real, calls=reduced(2, ddof=st.sampled_from([0, 1])), spellings=(method("var"),))
row(np.std, distinct, calls=reduced(2, ddof=st.sampled_from([0, 1])), spellings=(method("std"),))
row(
    reductions.logsumexp, any_real, calls=reduced(1), integers=False, exact=False,
    reference=lambda a, axis, keepdims: np.log(np.sum(np.exp(a), axis=axis, keepdims=keepdims)),
)  # fmt: skip
row(np.linalg.norm, nonzero, calls=reduced(1, "one"), of=(np.linalg.norm, norms.norm), exact=False)
row(np.linalg.norm, nonzero, calls=reduced(1, "two", ord=st.sampled_from(["fro", None])), exact=False)
row(
    np.linalg.norm, distinct_sizes, exact=False,
    calls=reduced(1, "one", ord=st.sampled_from([2, 1, 3, 2.5, -1, np.inf, -np.inf])),
    of=(np.linalg.norm, norms.norm_of_order), name="norm of an order",
)  # fmt: skip
row(
    np.linalg.norm, graded, exact=False,
    calls=reduced(1, "two", ord=st.sampled_from([1, -1, np.inf, -np.inf])), name="norm of a matrix",
)  # fmt: skip
for function in (np.all, np.any, np.count_nonzero):
    flat(function, booleans, calls=reduced())
for function in (np.argmax, np.argmin):
    flat(function, distinct, calls=along_axis(), spellings=(method(function.__name__),))
flat(np.argsort, distinct, calls=along_axis(0))
for function in (np.nonzero, np.flatnonzero):
    flat(function, nonzero, calls=one_array(min_dims=1))
    flat(function, integers(0, 1), calls=one_array(min_dims=1))
flat(np.isclose, lattice(0), between)
for function in (np.allclose, np.array_equal, np.array_equiv):
    flat(function, lattice(0), between)
    flat(function, integers(0, 1), integers(0, 1), name=f"{function.__name__} of integers")
flat(np.searchsorted, lambda rng, s: np.sort(distinct(rng, s)), reals(-10, -9), reals(9, 10),
     calls=shape(1, 1).map(lambda s: ((s, (2,)), {})))  # fmt: skip

# shapes
row(np.reshape, any_real, calls=reshaped(), of=(np.reshape, shapes.reshape),
    spellings=(lambda a, shape: a.reshape(shape), lambda a, shape: a.reshape(*shape)))  # fmt: skip
row(np.ravel, any_real, spellings=(method("ravel"), method("flatten")))
row(np.squeeze, any_real, calls=squeezed(), spellings=(method("squeeze"),))
row(np.expand_dims, any_real, calls=one_array(axis=lambda s: st.sampled_from([0, -1, (0, 1), (-1, 0)])))
row(
    np.transpose, any_real,
    spellings=(lambda a, axes: a.transpose(axes and tuple(axes)), lambda a, axes: a.transpose(*axes or ())),
    calls=one_array(axes=lambda s: st.none() | st.permutations([i - len(s) * (i % 2) for i in range(len(s))])),
)  # fmt: skip
row(lambda a: a.T, any_real, of=shapes.transpose, name=".T", reference=np.transpose)
for function in (np.matrix_transpose, np.linalg.matrix_transpose):
    row(function, any_real, calls=one_array(min_dims=2), spellings=(lambda x: x.mT,))
row(np.swapaxes, any_real, calls=one_array(min_dims=1, axis1=axis_of, axis2=axis_of), spellings=(method("swapaxes"),))
row(np.moveaxis, any_real, calls=one_array(min_dims=1, source=axis_of, destination=axis_of))
row(np.moveaxis, any_real, calls=st.permutations(range(3)).flatmap(
    lambda order: one_array(min_dims=3, source=st.just(order), destination=st.permutations(range(3)))))  # fmt: skip
row(np.broadcast_to, any_real, calls=stretched())
for function in (np.atleast_1d, np.atleast_2d):
    row(function, any_real)
    row(lambda *arrays, f=function: f(*arrays), any_real, calls=joined(0, new_axis=True).map(lambda c: (c[0], {})),
        of=function)  # fmt: skip
row(lambda *arrays, axis: np.concatenate(arrays, axis), any_real, calls=joined(flat=True),
    of=(np.concatenate, shapes.concatenate))  # fmt: skip
row(lambda *arrays, axis: np.stack(arrays, axis), any_real, calls=joined(0, new_axis=True),
    of=(np.stack, shapes.stack))  # fmt: skip
row(lambda *arrays: np.vstack(arrays), any_real, calls=joined(axis=0, min_dims=2), of=np.vstack)
row(lambda *arrays: np.hstack(arrays), any_real, calls=joined(axis=1), of=np.hstack)
row(lambda *arrays: np.dstack(arrays), any_real, calls=joined(axis=2, min_dims=3), of=np.dstack)
row(lambda x, y: np.column_stack([x, y]), any_real, of=np.column_stack,
    calls=st.integers(0, 3).flatmap(lambda n: st.sampled_from([((n,), (n, 2)), ((n, 1), (n,)), ((n,), (n,))])).map(
        lambda s: (s, {})))  # fmt: skip
row(lambda x, y, z: [np.vstack([x, y]), np.hstack([x, y]), np.dstack([x, z])], any_real,
    calls=st.integers(0, 3).map(lambda n: (((n,), (n,), (1, n)), {})), of=(np.vstack, np.hstack, np.dstack),
    name="stacks of vectors")  # fmt: skip
row(np.split, any_real, calls=split_at(even=True))
row(np.array_split, any_real, calls=split_at(even=False))
row(np.vsplit, any_real, calls=split_at(even=True, axis=0))
row(np.hsplit, any_real, calls=split_at(even=True, axis=1))
row(np.dsplit, any_real, calls=split_at(even=True, axis=2))
row(np.hsplit, any_real, calls=st.just((((4,),), {"indices_or_sections": 2})))
row(np.flip, any_real, calls=one_array(axis=lambda s: st.none() | axes_of(s)))
row(np.flipud, any_real, calls=one_array(min_dims=1))
row(np.fliplr, any_real, calls=one_array(min_dims=2))
row(np.roll, any_real, calls=rolled())
row(np.repeat, any_real, calls=repeated(), spellings=(method("repeat"),))
row(np.tile, any_real, calls=one_array(reps=st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=4)))
row(np.pad, any_real, calls=padded("constant", constant_values=st.integers(0, 2)), of=(np.pad, shapes.pad))
row(np.pad, any_real, calls=padded("edge", "reflect", "symmetric", "wrap"))
row(np.copy, any_real, spellings=(method("copy"),))
row(method("astype"), any_real, calls=one_array(dtype=st.just(np.float64)), of=shapes.astype, name="astype")
row(shapes.alias, any_real, reference=np.positive, integers=False)
for function in (np.zeros_like, np.ones_like):
    flat(function, any_real)
flat(lambda a: np.zeros_like(np.empty_like(a)), any_real, of=np.empty_like)
row(_filled, any_real, any_real, of=np.full_like, wrt=(1,), calls=shape().map(lambda s: ((s, ()), {})))
flat(np.shape, any_real)
flat(np.ndim, any_real)
flat(np.size, any_real)
flat(np.result_type, any_real, any_real)
flat(np.can_cast, any_real, calls=one_array(to=st.just(np.float32)))
for function in (np.may_share_memory, np.shares_memory):
    flat(function, any_real, any_real)

# indexing
row(lambda a, index: a[index], any_real, calls=indexed(), of=indexing.getitem)
row(_assigned, any_real, any_real, calls=indexed(writing=True), of=indexing.setitem)
row(
    lambda x, weights: np.bincount(x, weights, minlength=3), integers(0, 4), any_real, of=np.bincount,
    calls=shape(1, 1, 1).map(lambda s: ((s, s), {})),
)  # fmt: skip
flat(np.bincount, integers(0, 4), calls=one_array(min_dims=1, max_dims=1))
row(np.unique, distinct, of=(np.unique, indexing._unique),
    calls=one_array(axis=lambda s: st.none() | axis_of(s) if s else st.none()))  # fmt: skip
flat(lambda a: np.unique(a, True, True, True)[1:], with_zeros, of=np.unique, calls=one_array(), name="unique places")
row(np.take, any_real, calls=taken(), spellings=(method("take"),))
row(
    lambda a, rows: indexing.scatter_add(a, rows, index=(indexing.ARRAY,), shape=(4, *a.shape[1:])), any_real,
    integers(-4, 3), calls=shape(1).map(lambda s: ((s, s[:1]), {})), of=indexing.scatter_add, integers=False,
    reference=lambda a, rows: np.tensordot(np.eye(4, dtype=a.dtype)[rows], a, (0, 0)), exact=False,
)  # fmt: skip

# products
row(np.matmul, any_real, calls=generalized("(n?,k),(k,m?)->(n?,m?)"), spellings=(operator.matmul,), exact=False)
row(np.vecdot, any_real, calls=generalized("(n),(n)->()"), exact=False)
row(np.dot, any_real, calls=dotted(), spellings=(method("dot"),), exact=False)
row(np.vdot, any_real, calls=reshaped().map(lambda c: ((c[0][0], np.zeros(c[0][0]).reshape(c[1]["shape"]).shape), {})),
    exact=False)  # fmt: skip
row(np.inner, any_real, calls=dotted(inner=True), exact=False)
row(np.outer, any_real, calls=st.tuples(shape(), shape()).map(lambda s: (s, {})))
row(np.linalg.outer, any_real, calls=st.tuples(shape(1, 1), shape(1, 1)).map(lambda s: (s, {})))
for function in (np.tensordot, np.linalg.tensordot):
    row(function, any_real, calls=contracted(), exact=False)
row(_einsum, any_real, calls=summed_by_labels(), of=(np.einsum, linalg.einsum), exact=False)
row(_einsum_sublists, any_real, calls=summed_by_labels(sublists=True), of=np.einsum, name="einsum of sublists",
    exact=False)  # fmt: skip

# networks
row(neural.linear, any_real, calls=layer(), reference=lambda x, w, b: x @ w + b, exact=False)
row(neural.relu, nonzero, reference=lambda x: np.maximum(x, 0))
row(
    neural.leaky_relu, nonzero, calls=one_array(negative_slope=st.sampled_from([0.01, 0.2])), integers=False,
    reference=lambda x, negative_slope: np.maximum(x, 0) + negative_slope * np.minimum(x, 0),
)  # fmt: skip
row(neural.sigmoid, any_real, reference=lambda x: 1 / (1 + np.exp(-x)), exact=False, integers=False)
row(neural.softplus, any_real, reference=lambda x: np.log(1 + np.exp(x)), exact=False, integers=False)
row(neural.silu, any_real, reference=lambda x: x / (1 + np.exp(-x)), exact=False, integers=False)
row(neural.gelu, any_real, reference=_gelu, exact=False, integers=False)
row(neural.softmax, any_real, calls=along_axis(), reference=_softmax, exact=False, integers=False)
row(neural.log_softmax, any_real, calls=along_axis(), reference=_log_softmax, exact=False, integers=False)
row(
    neural.softmax_cross_entropy, any_real, integers(0, 2), calls=logits_and("labels"), exact=False, integers=False,
    reference=lambda z, y: -np.sum(_one_hot(y, z) * _log_softmax(z), -1), name="softmax_cross_entropy of labels",
)  # fmt: skip
row(
    neural.softmax_cross_entropy, any_real, positive, calls=logits_and("distribution"), exact=False, integers=False,
    reference=lambda z, y: -np.sum(y * _log_softmax(z), -1),
)  # fmt: skip
row(
    neural.sigmoid_cross_entropy, any_real, reals(0, 1), exact=False, integers=False,
    reference=lambda z, y: np.log(1 + np.exp(z)) - y * z,
)  # fmt: skip
row(neural.squared_error, any_real, any_real, reference=lambda x, y: (x - y) * (x - y), integers=False)

# one operand twice: both shares of the cotangent must arrive
for name, twice, domain, calls in (
    ("add", lambda x: x + x, any_real, None),
    ("subtract", lambda x: x - x, any_real, None),
    ("multiply", lambda x: x * x, any_real, None),
    ("divide", lambda x: x / x, nonzero, None),
    ("power", lambda x: x**x, positive, None),
    ("hypot", lambda x: np.hypot(x, x), nonzero, None),
    ("arctan2", lambda x: np.arctan2(x, x), nonzero, None),
    ("logaddexp", lambda x: np.logaddexp(x, x), any_real, None),
    ("where", lambda x: np.where(x > 0, x, x), nonzero, None),
    ("concatenate", lambda x: np.concatenate([x, x, x]), any_real, one_array(min_dims=1)),
    ("stack", lambda x: np.stack([x, x], -1), any_real, None),
    ("matmul", lambda x: x @ x, any_real, st.integers(0, 3).map(lambda n: (((2, n, n),), {}))),
    ("einsum", lambda x: np.einsum("ij,jk,ki->j", x, x, x), any_real, st.integers(0, 3).map(lambda n: (((n, n),), {}))),
    ("tensordot", lambda x: np.tensordot(x, x, (0, -1)), any_real, st.integers(0, 3).map(lambda n: (((n, n),), {}))),
    ("outer", lambda x: np.outer(x, x), any_real, None),
    ("setitem", lambda x: _assigned(x, x[::-1], slice(None)), any_real, one_array(min_dims=1)),
    ("sums", lambda x: x * x.sum(-1, keepdims=True) + x.mean(), any_real, one_array(min_dims=1, min_side=1)),
):  # fmt: skip
    row(twice, domain, calls=calls, name=f"{name} of x and x", exact=False, integers=False, of=())
