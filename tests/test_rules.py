"""What every operation has to do, tested on the table of ``cases.py``; and the kinks, each by name."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import cases_creation  # noqa: F401 - importing these enters their rows
import cases_fft  # noqa: F401
import cases_linalg  # noqa: F401
import cases_numpy  # noqa: F401
import cases_special  # noqa: F401
import numpy as np
import pytest
from cases import CASES, Case
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor, rules
from tinygrad_np.graph import leaf, walk
from tinygrad_np.primitives import Primitive, composites, constant, table
from tinygrad_np.record import wrap
from tinygrad_np.rules import elementwise, neural, reductions

Array = np.ndarray
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
differentiable_cases = pytest.mark.parametrize("case", [c for c in CASES if not c.flat], ids=lambda case: case.name)


# --- tools --------------------------------------------------------------------------------------------------------
def flattened(results: Any) -> list[Any]:
    """The arrays or Tensors of a result, which may be a tuple or a list of them."""
    if isinstance(results, tuple | list):
        return [found for result in results for found in flattened(result)]
    return [results]


def floats(results: Any) -> list[Any]:
    """Those that can have a derivative."""
    return [r for r in flattened(results) if np.asarray(value(r)).dtype.kind == "f"]


def value(x: Any) -> Any:
    """The array of a Tensor."""
    return x._data if isinstance(x, Tensor) else x


def inner(a: Iterable[Array], b: Iterable[Array]) -> float:
    """The inner product of two lists of arrays."""
    return float(sum(np.sum(x * y) for x, y in zip(a, b, strict=True)))


def like(arrays: Iterable[Array], seed: int) -> list[Array]:
    """Numbers of either sign, none of them near 0, in the shapes of ``arrays``."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.choice([-1.0, 1.0], np.shape(a)) * rng.uniform(0.5, 1, np.shape(a))) for a in arrays]


def slope(function: Callable[..., list[Array]], at: Sequence[Array], along: Sequence[Array]) -> list[Array]:
    """The derivative of ``function(*(at + t * along))`` at ``t = 0``, numerically.

    Central differences with steps h, h/2, h/4; Richardson's extrapolation cancels their errors of order 2 and 4. What
    remains is h**6 / 64 times the seventh term of the Taylor series, below 1e-12 for our domains, and rounding:
    about 2 * eps / (h/4), which is 5e-13 times the size of the function.
    """
    h = 2.0**-8
    differences = []
    for step in (h, h / 2, h / 4):
        forth = function(*(np.asarray(a + step * d) for a, d in zip(at, along, strict=True)))
        back = function(*(np.asarray(a - step * d) for a, d in zip(at, along, strict=True)))
        differences.append([(np.asarray(f) - b) / (2 * step) for f, b in zip(forth, back, strict=True)])
    return [
        (16 * (4 * d3 - d2) / 3 - (4 * d2 - d1) / 3) / 15 if d1.size else d1
        for d1, d2, d3 in zip(*differences, strict=True)
    ]


def assert_equal_pairing(found: float, expected: float, *sizes: Iterable[Array]) -> None:
    """Compare two inner products, by the size of what was summed."""
    size = 1 + sum(float(np.sum(np.abs(a))) for arrays in sizes for a in arrays)
    assert abs(found - expected) <= 1e-10 * size, f"{found} instead of {expected}, sizes sum to {size}"


LAYOUTS = ("C", "transposed", "reversed", "sliced", "readonly")


def laid_out(array: Array, layout: str) -> Array:
    """The same values in other places of memory."""
    if layout == "transposed":
        return array.T.copy().T
    if layout == "reversed" and array.ndim:
        return np.flip(np.flip(array).copy())
    if layout == "sliced" and array.ndim:
        wide = np.full((*array.shape[:-1], 2 * array.shape[-1]), 99, array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    array = np.array(array)
    array.flags.writeable = layout != "readonly"
    return array


def tensor(array: Array, requires_grad: bool = True) -> Tensor:
    """A Tensor of this very memory: results of views have any layout, but ``Tensor(array)`` makes a compact copy."""
    return wrap(array, leaf(array, requires_grad))


@st.composite
def operands(draw: Any, case: Case, arrays: Sequence[Array]) -> tuple[list[Any], list[int]]:
    """Tensors that require a gradient, others, ndarrays and Python scalars; and the positions of the first of these."""
    candidates = case.differentiable(arrays)
    wrt = sorted(draw(st.sets(st.sampled_from(candidates), min_size=1)))
    found: list[Any] = []
    for i, array in enumerate(arrays):
        array = laid_out(array, draw(st.sampled_from(LAYOUTS)))
        kinds = ["Tensor", "ndarray"] + ["scalar"] * (case.scalars and array.ndim == 0)
        kind = "leaf" if i in wrt else draw(st.sampled_from(kinds))
        found.append(
            array if kind == "ndarray" else array.item() if kind == "scalar" else tensor(array, kind == "leaf")
        )
    return found, wrt


def pull_back(outs: list[Any], leaves: list[Tensor], cotangents: Sequence[Any], **how: Any) -> list[Any]:
    """The vector-Jacobian product: one gradient per leaf."""
    for out, c in zip(outs, cotangents, strict=True):
        if isinstance(out, Tensor) and out.requires_grad:
            out.backward(c, retain_graph=True, **how)
    found = [x.grad for x in leaves]
    for x in leaves:
        x.grad = None
    return found


def first_derivative(case: Case, arrays: Sequence[Array], options: Any, wrt: list[int], cotangents: Any) -> Any:
    """The gradients as arrays."""
    args = [tensor(a) if i in wrt else a for i, a in enumerate(arrays)]
    outs = floats(case.op(*args, **options))
    grads = pull_back(outs, [args[i] for i in wrt], cotangents)
    return [np.zeros_like(arrays[i]) if g is None else g.numpy() for i, g in zip(wrt, grads, strict=True)]


# --- the table is complete ----------------------------------------------------------------------------------------
def test_every_operation_has_a_row() -> None:
    rules.complete()
    modules = [module for module in vars(rules).values() if isinstance(module, ModuleType)]
    own = {e for m in modules for e in vars(m).values() if isinstance(e, Primitive) and e not in table.values()}
    entries = {*table, *composites, *constant, *own}
    covered = {entry for case in CASES for entry in case.of}
    names = [getattr(e, "name", None) or e.__name__ for e in entries - covered]
    assert not names, f"no row in cases.py for {names}"
    names = [getattr(e, "name", None) or e.__name__ for e in covered - entries if e not in table.values()]
    assert not names, f"rows in cases.py for what is no entry of a table: {names}"


# --- forward ------------------------------------------------------------------------------------------------------
def outcome(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The result, or the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*args, **options)
        except (TypeError, ValueError, IndexError) as error:
            return error


def assert_same(found: Any, expected: Any, exact: bool, eps: float) -> None:
    """Compare a result on Tensors with NumPy's on arrays: values, dtypes, shapes, and how they are packed."""
    if isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            assert_same(f, e, exact, eps)
    elif isinstance(expected, np.ndarray | np.generic):
        assert isinstance(found, Tensor), f"{found!r} instead of {expected!r}"
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        if exact or expected.dtype.kind not in "fc":
            np.testing.assert_array_equal(found._data, expected)
        else:
            atol = 8 * eps * max(1, np.abs(expected).max(initial=0))
            np.testing.assert_allclose(found._data.astype(float), expected.astype(float), 0, float(atol))
    else:
        assert found == expected


@every_case
@given(data=st.data())
def test_forward_is_numpys(case: Case, data: st.DataObject) -> None:
    arrays, options = data.draw(case.examples())
    some = ["e", "f", "d"] + list("bqB?") * case.integers
    arrays = [a.astype(data.draw(st.sampled_from(some))) if a.dtype.kind == "f" else a for a in arrays]
    arrays = [laid_out(a, data.draw(st.sampled_from(LAYOUTS))) for a in arrays]
    floating = [i for i in case.differentiable(arrays) if not case.flat]
    args = [tensor(a, i in floating) for i, a in enumerate(arrays)]
    expected = outcome(case.reference, *arrays, **options)
    found = outcome(data.draw(st.sampled_from([case.op, *case.spellings])), *args, **options)
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected).__mro__[-4 if isinstance(expected, LookupError) else -3]), found
        return
    if isinstance(found, Exception):
        raise found
    eps = max(np.finfo(x.dtype).eps for x in [*arrays, np.array(0.0)] if x.dtype.kind == "f")
    assert_same(found, expected, case.exact, float(eps))
    for f in flattened(found):
        if isinstance(f, Tensor):
            assert f.requires_grad <= (bool(floating) and f.dtype.kind == "f"), "it cannot require a gradient"


# --- first derivative ---------------------------------------------------------------------------------------------
@differentiable_cases
@given(data=st.data())
def test_gradient(case: Case, data: st.DataObject) -> None:
    """``<vjp(c), v> == <c, slope along v>`` for the NumPy function, whatever the operands are and however they lie."""
    arrays, options = data.draw(case.examples())
    args, wrt = data.draw(operands(case, arrays))
    before = [a.copy() for a in arrays]
    spelling = data.draw(st.sampled_from([case.op, *case.spellings]))
    with np.errstate(divide="raise", invalid="raise", over="raise"):  # away from singular points nothing is singular
        outs = floats(spelling(*args, **options))
        cotangents = like(map(value, outs), 1)
        given_cotangents = [laid_out(c, data.draw(st.sampled_from(LAYOUTS))) for c in cotangents]
        grads = pull_back(outs, [args[i] for i in wrt], given_cotangents)
    for i, grad in zip(wrt, grads, strict=True):
        assert isinstance(grad, Tensor), "no gradient arrived"
        assert (grad.shape, grad.dtype) == (args[i].shape, args[i].dtype)
    for array, arg in zip(before, args, strict=True):
        np.testing.assert_array_equal(value(arg), array, "an input was changed")
    for c, given_c in zip(cotangents, given_cotangents, strict=True):
        np.testing.assert_array_equal(c, given_c, "the cotangent was changed")

    def function(*moved: Array) -> list[Array]:
        full = list(arrays)
        for i, a in zip(wrt, moved, strict=True):
            full[i] = a
        return floats(case.reference(*full, **options))

    at = [arrays[i] for i in wrt]
    along = like(at, 2)
    slopes = slope(function, at, along)
    found = [g.numpy() for g in grads]
    assert_equal_pairing(inner(found, along), inner(cotangents, slopes), found, slopes, function(*at))


# --- second derivative --------------------------------------------------------------------------------------------
@differentiable_cases
@given(data=st.data())
def test_second_derivative(case: Case, data: st.DataObject) -> None:
    """The gradient of ``<vjp(x; c), w>`` with respect to ``x`` and ``c``, against the slope of the vjp."""
    arrays, options = data.draw(case.examples())
    wrt = case.differentiable(arrays)
    xs = [tensor(a, i in wrt) for i, a in enumerate(arrays)]
    leaves = [xs[i] for i in wrt]
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        outs = floats(case.op(*xs, **options))
        cs = [tensor(c) for c in like(map(value, outs), 1)]
        first = pull_back(outs, leaves, cs, create_graph=True)
        for c in cs:
            c.grad = None
        ws = like([x._data for x in leaves], 2)
        second = pull_back(first, leaves + cs, ws)
    at = [t._data for t in leaves + cs]
    along = like(at, 3)
    found = [np.zeros_like(a) if g is None else g.numpy() for a, g in zip(at, second, strict=True)]

    def vjp(*moved: Array) -> list[Array]:
        full = list(arrays)
        for i, a in zip(wrt, moved, strict=False):
            full[i] = a
        return first_derivative(case, full, options, wrt, moved[len(wrt) :])

    slopes = slope(vjp, at, along)
    assert_equal_pairing(inner(found, along), inner(ws, slopes), found, slopes, [g._data for g in first])


# --- dtypes -------------------------------------------------------------------------------------------------------
@differentiable_cases
@given(data=st.data())
def test_gradients_keep_the_dtype(case: Case, data: st.DataObject) -> None:
    """And nothing on the way is wider than the operands: float32 is not paid for in float64."""
    arrays, options = data.draw(case.examples())
    dtypes = st.sampled_from(data.draw(st.sampled_from(["e", "f", "ef", "efd"])))
    arrays = [a.astype(data.draw(dtypes)) if a.dtype.kind == "f" else a for a in arrays]
    args, wrt = data.draw(operands(case, arrays))
    leaves = [args[i] for i in wrt]
    outs = floats(case.op(*args, **options))
    cotangents = [c.astype(o.dtype) for c, o in zip(like(map(value, outs), 1), outs, strict=True)]
    grads = pull_back(outs, leaves, cotangents)
    recorded = pull_back(outs, leaves, list(map(tensor, cotangents)), create_graph=True)  # every step leaves a node
    widest = max([o.dtype for o in outs] + [x.dtype for x in leaves])
    coarsest = max(np.finfo(a.dtype).eps for a in [*outs, *arrays] if a.dtype.kind == "f")
    exact = first_derivative(
        case, [a.astype(float) if a.dtype.kind == "f" else a for a in arrays], options, wrt,
        [c.astype(float) for c in cotangents],
    )  # fmt: skip
    for x, grad, again, truth in zip(leaves, grads, recorded, exact, strict=True):
        assert (grad.dtype, grad.shape) == (x.dtype, x.shape)
        assert (again.dtype, again.shape) == (x.dtype, x.shape)
        scale = float(coarsest) * (1 + np.abs(truth).max(initial=0)) * (1 + truth.size)
        np.testing.assert_allclose(grad._data.astype(float), truth, 0, 20 * scale)
        np.testing.assert_allclose(again._data.astype(float), truth, 0, 20 * scale)
        if again.node.primitive is not None:
            dtypes = {node: node.dtype for node in walk(again.node) if node.dtype is not None}
            if any(dtype.kind == "c" for dtype in dtypes.values()):
                widest = max(widest, np.dtype("f"))  # there are no complex numbers of half precision
            wide = [node for node, dtype in dtypes.items() if dtype.kind == "f" and dtype > widest]
            assert not wide, f"{wide[-1]} is wider than {widest}"


# --- what is kept alive -------------------------------------------------------------------------------------------
GROUPS = {c.of[0]: [d for d in CASES if d.of[:1] == c.of[:1] and not d.flat] for c in CASES if c.of and not c.flat}


@pytest.mark.parametrize("cases", GROUPS.values(), ids=lambda cases: cases[0].name)
def test_saves_only_what_its_rules_need(cases: list[Case]) -> None:
    """Each saved array matters: spoil it, and the gradient changes."""
    kept: Counter[Any] = Counter()
    needed = set()

    @given(data=st.data())
    def collect(data: st.DataObject) -> None:
        case = data.draw(st.sampled_from(cases))
        arrays, options = data.draw(case.examples())
        args, wrt = data.draw(operands(case, arrays))
        outs = floats(case.op(*args, **options))
        cotangents = like(map(value, outs), 1)
        leaves = [args[i] for i in wrt]
        truth = pull_back(outs, leaves, cotangents)
        for node in walk(*(o.node for o in outs if isinstance(o, Tensor) and o.requires_grad), constants=False):
            for k, array in enumerate(saved := node.saved or ()):
                parts = array if isinstance(array, tuple) else (array,)
                if not (parts and all(isinstance(a, Array) and a.size for a in parts)):
                    continue  # an empty array, or a Python scalar, or nothing
                key = (node.primitive, k, tuple(getattr(p, "requires_grad", False) for p in node.parents))
                kept[key] += 1
                for spoil in (_not_a_number, _another, _opposite) if key not in needed else ():
                    node.saved = (*saved[:k], tuple(map(spoil, array)) if array is not parts[0] else spoil(array))
                    node.saved += saved[k + 1 :]
                    if not _equal(outcome(pull_back, outs, leaves, cotangents), truth):
                        needed.add(key)
                    for x in leaves:
                        x.grad = None
                node.saved = saved

    collect()
    tested = {
        table.get(entry, entry) for case in cases for entry in case.of
    }  # what a composite is made of has rows, too
    useless = {key for key, times in kept.items() if times > 20 and key not in needed and key[0] in tested}
    useless -= {key for key in useless if key[:2] == (elementwise.quotient, 0)}  # it matters at 0 / 0 only
    assert not useless, f"kept alive for nothing: {useless}"


def _not_a_number(array: Array) -> Any:
    return array * np.nan if array.dtype.kind == "f" else _another(array)


def _another(array: Array) -> Any:
    return ~array if array.dtype.kind == "b" else array + 10**6  # as an index, it is out of bounds


def _opposite(array: Array) -> Any:
    return ~array if array.dtype.kind == "b" else array - 10**6


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(found, Exception):
        return False
    return all(np.array_equal(value(f), value(e)) for f, e in zip(found, expected, strict=True))


# --- no derivative ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", [c for c in CASES if c.flat or c.wrt is not None], ids=lambda case: case.name)
@given(data=st.data())
def test_what_has_no_rule_is_piecewise_constant(case: Case, data: st.DataObject) -> None:
    """An argument without a rule may move a little: the result does not, and does not require a gradient."""
    arrays, options = data.draw(case.examples())
    ruled = [] if case.flat else case.differentiable(arrays)
    free = [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and i not in ruled]
    moved = [a + 1e-9 if i in free else a for i, a in enumerate(arrays)]
    outs = case.op(*(tensor(a) if i in free else a for i, a in enumerate(arrays)), **options)
    for out, there in zip(flattened(outs), flattened(case.reference(*moved, **options)), strict=True):
        assert not (isinstance(out, Tensor) and out.requires_grad)
        np.testing.assert_array_equal(value(out), there)


# --- kinks and singular points ------------------------------------------------------------------------------------
def derivatives(function: Callable[..., Any], *xs: Any, dtype: Any = float) -> tuple[list[Array], list[Array]]:
    """The gradients of ``function(*xs).sum()``; and those of the sum of these gradients, weighted."""
    leaves = [Tensor(x, requires_grad=True, dtype=dtype) for x in xs]
    out = function(*leaves)
    first = pull_back([out], leaves, [np.ones(out.shape, out.dtype)], create_graph=True)
    weights = like([x.numpy() for x in map(Tensor.detach, leaves)], 5)
    second = pull_back(first, leaves, weights)
    found = [np.zeros(x.shape) if s is None else s.numpy() for s, x in zip(second, leaves, strict=True)]
    return [f.detach().numpy() for f in first], found


ZEROS = np.zeros((2, 3))
KINKS: dict[str, tuple[Callable[..., Any], Sequence[Any]]] = {
    "absolute": (np.absolute, [0.0]),
    "fabs": (np.fabs, [0.0]),
    "relu": (neural.relu, [0.0]),
    "leaky_relu": (neural.leaky_relu, [0.0]),
    "hypot": (np.hypot, [0.0, 0.0]),
    "norm": (np.linalg.norm, [np.zeros(3)]),
    "norm over an axis": (lambda x: np.linalg.norm(x, axis=1).sum(), [np.array([[0.0, 0.0], [3.0, 4.0]])]),
    "norm, Frobenius": (lambda x: np.linalg.norm(x, "fro"), [ZEROS]),
    **{
        f"norm, order {p}": (lambda x, p=p: np.linalg.norm(x, p), [np.zeros(3)])
        for p in (1, 2, 2.5, 3, np.inf, -np.inf)
    },
    "norm, order 3, one zero": (lambda x: np.linalg.norm(x, 3), [np.array([0.0, 2.0])]),
    "norm, order 1, one zero": (lambda x: np.linalg.norm(x, 1), [np.array([0.0, 2.0])]),
    "norm of a matrix, order 1": (lambda x: np.linalg.norm(x, 1), [ZEROS]),
    "norm of a matrix, order inf": (lambda x: np.linalg.norm(x, np.inf), [ZEROS]),
    "std": (np.std, [np.full(4, 2.0)]),
    "std, ddof": (lambda x: np.std(x, ddof=1), [np.full(3, 2.0)]),
    "a std that is 0 but for rounding": (np.std, [np.full(3, 0.1)]),
    "std over an axis": (lambda x: np.std(x, axis=0).sum(), [np.array([[1.0, 5.0], [1.0, 2.0]])]),
    "var": (np.var, [np.full(4, 3.0)]),
    "maximum": (np.maximum, [2.0, 2.0]),
    "minimum": (np.minimum, [2.0, 2.0]),
    "fmax": (np.fmax, [2.0, 2.0]),
    "fmin": (np.fmin, [2.0, 2.0]),
    "max": (np.max, [np.array([1.0, 3.0, 3.0])]),
    "min": (np.min, [np.array([[1.0, 1.0], [3.0, 1.0]])]),
    "clip at the lower limit": (lambda x: np.clip(x, 1.0, 2.0), [1.0]),
    "clip at the upper limit": (lambda x: np.clip(x, 1.0, 2.0), [2.0]),
    "clip, all equal": (np.clip, [1.0, 1.0, 1.0]),
    "clip, limits equal, below": (np.clip, [0.0, 1.0, 1.0]),
    "clip, limits equal, above": (np.clip, [2.0, 1.0, 1.0]),
    "clip at the upper limit, limits crossed": (np.clip, [1.0, 2.0, 1.0]),
    "copysign": (lambda x: np.copysign(x, -1.0), [0.0]),
    "remainder": (np.remainder, [4.0, 2.0]),
    "fmod": (np.fmod, [-4.0, 2.0]),
    "fractional part": (lambda x: np.modf(x)[0], [2.0]),
    "fractional part of 0": (lambda x: np.modf(x)[0], [0.0]),
    "mantissa": (lambda x: np.frexp(x)[0], [2.0]),
    "x * |x|": (lambda x: x * np.abs(x), [0.0]),
    "power, 1": (lambda x: x**1.0, [0.0]),
    "power, 2.5": (lambda x: np.power(x, 2.5), [np.array([0.0, 1.0])]),
    "cube root of a cube": (lambda x: np.cbrt(x**3), [0.5]),
    "sum of squares under a root": (lambda x: np.sqrt(np.sum(x * x)), [np.array([3.0, 4.0])]),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_kinks(name: str) -> None:
    """Between the one-sided derivatives along each axis, never NaN; second derivatives finite."""
    function, at = KINKS[name]
    with np.errstate(all="raise"):
        first, second = derivatives(function, *at)
    points = [np.asarray(x) for x in at]
    h = 1e-6
    for i, gradient in enumerate(first):
        assert np.isfinite(second[i]).all()
        for place in np.ndindex(gradient.shape):

            def moved(t: float, i: int = i, place: tuple[int, ...] = place) -> Any:
                there = [p.copy() for p in points]
                there[i][place] += t
                with np.errstate(invalid="ignore"):
                    return float(np.sum(function(*there)))

            sides = (moved(2 * h) - moved(h)) / h, (moved(-h) - moved(-2 * h)) / h
            if all(map(np.isfinite, sides)):
                assert min(sides) - 1e-4 <= gradient[place] <= max(sides) + 1e-4


@pytest.mark.parametrize("name", [n for n in KINKS if n.startswith(("abs", "fabs", "relu", "hypot", "norm", "std"))])
def test_the_subgradient_at_a_singular_point_is_zero(name: str) -> None:
    function, at = KINKS[name]
    for x, gradient, second in zip(at, *derivatives(function, *at), strict=True):
        singular = np.asarray(x) == (1 if name == "std over an axis" else 2 if "std" in name else 0)
        assert not np.any(gradient[singular])
        assert not np.any(second[singular])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("extremum", "sign"), [(np.max, 1), (np.min, -1), (np.amax, 1), (np.amin, -1)])
def test_ties_share_equally(extremum: Any, sign: int, dtype: Any) -> None:
    x = sign * np.array([[3.0, 1.0, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    (found,), (second,) = derivatives(lambda x: extremum(x, axis=1), x, dtype=dtype)
    assert found.dtype == dtype
    assert found.tolist() == [[0.5, 0, 0.5, 0], [0.25] * 4]
    assert not second.any()
    (found,), _ = derivatives(lambda x: extremum(x, axis=(0, 1)), np.full((2, 2), 7.0), dtype=dtype)
    assert found.tolist() == [[0.25, 0.25], [0.25, 0.25]]
    (found,), _ = derivatives(extremum, np.array([1.0, np.nan, 2.0, np.nan]), dtype=dtype)
    assert found.tolist() == [0, 0.5, 0, 0.5]  # NaN is what the extremum is


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("choice", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_two_equal_operands_share(choice: Any, dtype: Any) -> None:
    found, second = derivatives(choice, [1.0, -2.0], [1.0, -2.0], dtype=dtype)
    assert [f.tolist() for f in found] == [[0.5, 0.5], [0.5, 0.5]]
    assert not np.any(second)


def test_what_fmax_and_fmin_ignore_gets_nothing() -> None:
    for choice in (np.fmax, np.fmin):
        found, _ = derivatives(choice, [np.nan, 1.0], [1.0, np.nan])
        assert [f.tolist() for f in found] == [[0, 1], [1, 0]]


def test_a_product_with_zeros_is_exact() -> None:
    x = np.array([[2.0, 3, 5, 7], [2, 0, 5, 7], [2, 0, 5, 0], [0, 0, 0, 7]])

    def leave_out(row: Array, *places: int) -> float:
        return float(np.prod(np.delete(row, places))) if len(set(places)) == len(places) else 0.0

    leaf = Tensor(x, requires_grad=True)
    np.prod(leaf, axis=1).backward(np.ones(4), create_graph=True)
    gradient, leaf.grad = leaf.grad, None
    assert gradient.detach().tolist() == [[leave_out(row, i) for i in range(4)] for row in x]
    for j in range(4):
        gradient[:, j].backward(np.ones(4), retain_graph=True)
        assert leaf.grad.tolist() == [[leave_out(row, i, j) for i in range(4)] for row in x]
        leaf.grad = None


MASKED: dict[str, tuple[Callable[..., Any], float, float, float, float]] = {
    # function, singular point, regular point, and there the first and second derivative
    "sqrt": (np.sqrt, 0, 4, 1 / 4, -1 / 32),
    "x ** 0.5": (lambda x: x**0.5, 0, 4, 1 / 4, -1 / 32),
    "power 0.5": (lambda x: np.power(x, 0.5), 0, 4, 1 / 4, -1 / 32),
    "power -1": (lambda x: np.power(x, -1.0), 0, 2, -1 / 4, 1 / 4),
    "float_power": (lambda x: np.float_power(x, 0.5), 0, 4, 1 / 4, -1 / 32),
    "cbrt": (np.cbrt, 0, 8, 1 / 12, -1 / 144),
    "log": (np.log, 0, 2, 1 / 2, -1 / 4),
    "log2": (lambda x: np.log2(x) * np.log(2), 0, 2, 1 / 2, -1 / 4),
    "log10": (lambda x: np.log10(x) * np.log(10), 0, 2, 1 / 2, -1 / 4),
    "log1p": (np.log1p, -1, 1, 1 / 2, -1 / 4),
    "1 / x": (lambda x: 1 / x, 0, 2, -1 / 4, 1 / 4),
    "reciprocal": (np.reciprocal, 0, 2, -1 / 4, 1 / 4),
    "x / x": (lambda x: x / x, 0, 2, 0, 0),
    "arcsin": (np.arcsin, 1, 0.6, 1.25, 0.6 * 1.25**3),
    "arccos": (np.arccos, -1, 0.6, -1.25, -0.6 * 1.25**3),
    "arctanh": (np.arctanh, 1, 0.5, 4 / 3, 16 / 9),
    "arccosh": (np.arccosh, 1, 1.25, 4 / 3, -1.25 * (4 / 3) ** 3),
    "arctan2": (lambda x: np.arctan2(x, x), 0, 2, 0, 0),
    "hypot": (lambda x: np.hypot(x, 0), 0, 2, 1, 0),
}


@pytest.mark.parametrize("name", MASKED)
def test_a_pole_that_where_hides_does_no_harm(name: str) -> None:
    """``np.where(regular, f(x), 0)``: the gradient is that of ``f``, and 0 at the pole; so are its derivatives."""
    function, pole, regular, slope_there, curvature = MASKED[name]
    with np.errstate(all="ignore"):  # the forward pass does meet the pole
        x = Tensor([pole, regular], requires_grad=True, dtype=float)
        np.where(x._data == regular, function(x), 0).backward(np.ones(2), create_graph=True)
        first, x.grad = x.grad, None
        if first.requires_grad:
            first.backward(np.ones(2), create_graph=True)
    np.testing.assert_allclose(first.detach().numpy(), [0, slope_there], rtol=1e-14, atol=1e-16)
    second = np.zeros(2) if x.grad is None else x.grad.detach().numpy()
    np.testing.assert_allclose(second, [0, curvature], rtol=1e-13, atol=1e-15)


def test_an_open_pole_is_infinite() -> None:
    with np.errstate(all="ignore"):
        for function, at in ((np.sqrt, 0.0), (np.log, 0.0), (np.arctanh, 1.0), (lambda x: x**0.25, 0.0)):
            (dx,), _ = derivatives(function, at)
            assert dx == np.inf
        first, second = derivatives(elementwise.quotient, 1.0, 0.0)
        assert first == [np.inf, -np.inf]
        assert not np.isfinite(second).any()


def test_powers_at_their_special_points() -> None:
    with np.errstate(all="raise"):
        for power in (np.power, np.float_power):
            first, second = derivatives(lambda x, power=power: power(x, 0.0), [0.0, -1.0, 2.0])
            assert not np.any(first + second)
            (dx,), _ = derivatives(lambda x, power=power: power(x, 1.0), [0.0, -1.0, 2.0])
            assert dx.tolist() == [1, 1, 1]
            (dx,), (ddx,) = derivatives(lambda x, power=power: power(x, 2.0), [-3.0, 0.0, 1.0])
            assert dx.tolist() == [-6, 0, 2]
            assert np.abs(ddx / like([np.zeros(3)], 5)[0]).round(12).tolist() == [2, 2, 2]
            (dy,), (ddy,) = derivatives(lambda y, power=power: power(0.0, y), [0.0, 0.5, 2.0])
            assert not np.any([dy, ddy])
            (dx, dy), second = derivatives(power, [0.0, 0.0, 0.0], [0.0, 1.0, 2.0])
            assert dx.tolist() == [0, 1, 0]
            assert dy.tolist() == [0, 0, 0]
            assert np.isfinite(second).all()
    for k in (2, 3, 4):
        (dx,), _ = derivatives(lambda x, k=k: x**k, [-3.0, 0.0])
        assert dx.tolist() == [k * (-3.0) ** (k - 1), 0]


def test_indices_that_repeat() -> None:
    (found,), _ = derivatives(lambda t: t[[0, 2, 0, -3, 1]], [1.0, 2.0, 3.0])
    assert found.tolist() == [3, 1, 1]
    (found,), _ = derivatives(lambda t: t[np.array([[0, 0], [1, 0]]), [1, 1]], np.ones((2, 2)))
    assert found.tolist() == [[0, 3], [0, 1]]
    (a, v), _ = derivatives(lambda a, v: _written(a, [0, 1, 0], v), [1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert a.tolist() == [0, 0, 1]
    assert v.tolist() == [0, 1, 1], "of two values written to one place, the last is there"


def _written(a: Tensor, index: Any, v: Any) -> Tensor:
    a = a.copy()
    a[index] = v
    return a


def test_indices_of_every_kind() -> None:
    x = np.arange(6.0).reshape(2, 3)
    for index, expected in (
        (np.zeros((2, 3), bool), np.zeros((2, 3))),
        (np.zeros(2, bool), np.zeros((2, 3))),
        ([], np.zeros((2, 3))),
        (None, np.ones((2, 3))),
        (..., np.ones((2, 3))),
        ((..., None, 0), np.array([[1, 0, 0], [1, 0, 0]])),
        ((None, 1, ..., [0, 0]), np.array([[0, 0, 0], [2, 0, 0]])),
        (x > 3, (x > 3).astype(float)),
        ((), np.ones((2, 3))),
        (True, np.ones((2, 3))),
        (False, np.zeros((2, 3))),
    ):
        (found,), _ = derivatives(lambda t, index=index: t[index], x)
        assert found.tolist() == expected.tolist(), index
        (found, v), _ = derivatives(lambda t, v, index=index: _written(t, index, v), x, 5.0)
        assert found.tolist() == (expected == 0).astype(float).tolist(), index
        assert v == np.count_nonzero(expected)


def test_a_diagonal_by_labels() -> None:
    w = np.arange(1.0, 4)
    for function, expected in (
        (lambda t: np.einsum("ii->i", t) * w, np.diag(w)),
        (lambda t: np.einsum("ii", t), np.eye(3)),
        (lambda t: np.einsum("ii,i->", t, w), np.diag(w)),
        (lambda t: np.einsum(t, [0, 0], [0]) * w, np.diag(w)),
    ):
        (found,), _ = derivatives(function, np.ones((3, 3)))
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("subscripts", "shape"),
    [("ii->i", (1, 3)), ("ii", (2, 3)), ("...i->i", (2, 3)), ("ij->ijk", (2, 3)), ("ij->ii", (2, 3)), ("i", (2, 3)),
     ("ij,jk", (2, 3))],
)  # fmt: skip
def test_labels_that_numpy_refuses(subscripts: str, shape: Any) -> None:
    with pytest.raises(ValueError, match=r"einstein|operand"):
        np.einsum(subscripts, np.ones(shape))
    with pytest.raises(ValueError, match="einsum"):
        np.einsum(subscripts, Tensor(np.ones(shape)))


def test_broadcasting_an_empty_array() -> None:
    for function in (np.add, np.multiply, np.divide, np.maximum, lambda x, y: np.where(True, x, y), np.hypot):
        for shape_x, shape_y in (((0, 3), (3,)), ((0, 3), (1, 3)), ((0, 3), ()), ((1, 3), (0, 1))):
            (dx, dy), _ = derivatives(function, np.ones(shape_x), np.ones(shape_y))
            assert (dx.shape, dy.shape) == (shape_x, shape_y)
            assert not dx.any()
            assert not dy.any()


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod, "var": np.var, "std": np.std,
    "logsumexp": reductions.logsumexp, "norm": np.linalg.norm,
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_keeps_float32(name: str, dtype: Any) -> None:
    x = Tensor(np.linspace(0.5, 1.5, 6).reshape(2, 3), requires_grad=True, dtype=dtype)
    for axis in (None, 0, -1):
        out = REDUCTIONS[name](x, axis=axis)
        assert out.dtype == dtype
        out.backward(np.ones(out.shape), create_graph=True)
        assert x.grad.dtype == dtype
        x.grad = None


def test_a_variance_of_too_few_elements() -> None:
    """NaN forward, as NumPy has it, is no reason for an error in the backward pass."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for function in (np.var, np.std):
            (found,), _ = derivatives(lambda x, f=function: f(x, ddof=1), [2.0])
            assert found.shape == (1,)
            (found,), _ = derivatives(lambda x, f=function: f(x, axis=0), np.ones((0, 3)))
            assert found.shape == (0, 3)
        (found,), _ = derivatives(lambda x: np.mean(x, axis=0), np.ones((0, 3)))
        assert found.shape == (0, 3)


# --- far out ------------------------------------------------------------------------------------------------------
FAR: dict[str, tuple[Callable[..., Any], Sequence[float], Sequence[float]]] = {
    # at -1e4, 0, 1e4: the result, and the gradient of its sum
    "relu": (neural.relu, [0, 0, 1e4], [0, 0, 1]),
    "sigmoid": (neural.sigmoid, [0, 0.5, 1], [0, 0.25, 0]),
    "softplus": (neural.softplus, [0, np.log(2), 1e4], [0, 0.5, 1]),
    "silu": (neural.silu, [0, 0, 1e4], [0, 0.5, 1]),
    "gelu": (neural.gelu, [0, 0, 1e4], [0, 0.5, 1]),
    "softmax": (neural.softmax, [0, 0, 1], [0, 0, 0]),
    "log_softmax": (neural.log_softmax, [-2e4, -1e4, 0], [1, 1, -2]),
    "logsumexp": (lambda x: reductions.logsumexp(x), [1e4], [0, 0, 1]),
    "softmax_cross_entropy": (lambda x: neural.softmax_cross_entropy(x, np.array(0)), [2e4], [-1, 0, 1]),
    "sigmoid_cross_entropy": (
        lambda x: neural.sigmoid_cross_entropy(x, np.array([1, 0, 0], "f")), [1e4, np.log(2), 1e4], [-1, 0.5, 1],
    ),
    "tanh": (np.tanh, [-1, 0, 1], [0, 1, 0]),
    "logaddexp": (lambda x: np.logaddexp(x, 0), [0, np.log(2), 1e4], [0, 0.5, 1]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAR)
def test_no_overflow_far_out(name: str) -> None:
    function, expected, slopes = FAR[name]
    x = Tensor([-1e4, 0.0, 1e4], requires_grad=True, dtype=np.float32)
    with np.errstate(invalid="raise", divide="raise", over="raise"):
        out = function(x)
        out.backward(np.ones(out.shape, "f"), create_graph=True)
    np.testing.assert_allclose(out.detach().numpy().ravel(), expected, 1e-6)
    np.testing.assert_allclose(x.grad.detach().numpy(), slopes, 1e-6)
    first, x.grad = x.grad, None
    if first.requires_grad:
        first.backward(np.ones(3, "f"))
        assert np.isfinite(x.grad.numpy()).all()


def test_minus_infinity_is_a_logarithm_too() -> None:
    for function in (np.logaddexp, np.logaddexp2, lambda x, y: reductions.logsumexp(np.stack([x, y]), axis=0)):
        (dx, dy), second = derivatives(function, [-np.inf, -np.inf, 0.0], [-np.inf, 0.0, -np.inf])
        assert dx.tolist() == [0, 0, 1]
        assert dy.tolist() == [0, 1, 0]
        assert np.isfinite(second).all()
