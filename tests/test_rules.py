"""What every operation has to do, tested on the table of ``rows``. Kinks are in ``test_rules_kinks.py``."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from derivatives import (
    Array,
    assert_slope,
    flattened,
    floats,
    inner,
    like,
    pull_back,
    slope,
    value,
)
from drawing import operands
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import CASES, Case

from tinygrad_np import Tensor, rules
from tinygrad_np.graph import walk
from tinygrad_np.primitives import Primitive, composites, constant, table
from tinygrad_np.rules import elementwise
from tinygrad_np.testing.strategies import laid_out, layouts, tensor_of

few = settings(max_examples=settings().max_examples // 6)  # of each, since there are thousands of these tests
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
differentiable_cases = pytest.mark.parametrize("case", [c for c in CASES if not c.flat], ids=lambda case: case.name)


def first_derivative(case: Case, arrays: Sequence[Array], options: Any, wrt: list[int], cotangents: Any) -> Any:
    """The gradients as arrays."""
    args = [tensor_of(a) if i in wrt else a for i, a in enumerate(arrays)]
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
    assert not names, f"no row in tests/rows for {names}"
    names = [getattr(e, "name", None) or e.__name__ for e in covered - entries if e not in table.values()]
    assert not names, f"rows in tests/rows for what is no entry of a table: {names}"


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
        assert isinstance(found, tuple | list)
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


def with_special_values(a: Array, seed: int) -> Array:
    """Some of its elements replaced by infinities, zeros and NaN."""
    rng = np.random.default_rng(seed)
    special = rng.choice([np.inf, -np.inf, np.nan, 0.0, -0.0], a.shape)
    return np.where(rng.random(a.shape) < 0.3, special, a).astype(a.dtype)


@every_case
@few
@given(data=st.data())
def test_forward_is_numpys(case: Case, data: st.DataObject) -> None:
    arrays, options = data.draw(case.examples())
    some = ["e", "f", "d"] + list("bqB?") * case.integers
    some = some if data.draw(st.booleans()) else [data.draw(st.sampled_from(some))]
    arrays = [a.astype(data.draw(st.sampled_from(some))) if a.dtype.kind == "f" else a for a in arrays]
    if case.exact and case.special and data.draw(st.booleans()):
        arrays = [with_special_values(a, k) if a.dtype.kind == "f" else a for k, a in enumerate(arrays)]
    arrays = [laid_out(a, data.draw(layouts())) for a in arrays]
    floating = [i for i in case.differentiable(arrays) if not case.flat]
    args = [tensor_of(a, i in floating) for i, a in enumerate(arrays)]
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
@few
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
        given_cotangents = [laid_out(c, data.draw(layouts())) for c in cotangents]
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
    found = [g.numpy() for g in grads]
    assert_slope(inner(found, along), slope(function, at, along, cotangents), found, function(*at))


# --- second derivative --------------------------------------------------------------------------------------------
@differentiable_cases
@few
@given(data=st.data())
def test_second_derivative(case: Case, data: st.DataObject) -> None:
    """The gradient of ``<vjp(x; c), w>`` with respect to ``x`` and ``c``, against the slope of the vjp."""
    arrays, options = data.draw(case.examples())
    wrt = case.differentiable(arrays)
    xs = [tensor_of(a, i in wrt) for i, a in enumerate(arrays)]
    leaves = [xs[i] for i in wrt]
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        outs = floats(case.op(*xs, **options))
        # a rule may treat a cotangent of 0 specially, so there are some
        cs = [tensor_of(c * (c > -0.8)) for c in like(map(value, outs), 1)]
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

    assert_slope(inner(found, along), slope(vjp, at, along, ws), found, [g._data for g in first])


# --- dtypes -------------------------------------------------------------------------------------------------------
@differentiable_cases
@few
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
    recorded = pull_back(outs, leaves, list(map(tensor_of, cotangents)), create_graph=True)  # every step leaves a node
    widest = max(a.dtype for a in [*outs, *arrays] if a.dtype.kind == "f")
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

    @few
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


@pytest.mark.parametrize("reduce", [np.sum, np.prod, np.max, np.min, np.nansum, np.ptp])
def test_a_scalar_is_reduced_along_an_axis_that_it_does_not_have(reduce: Any) -> None:
    """NumPy's ufuncs take axis 0 there."""
    x = Tensor(3.0, requires_grad=True)
    reduce(x, axis=0).backward()
    assert x.grad.item() == (0.0 if reduce is np.ptp else 1.0)


# --- no derivative ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("case", [c for c in CASES if c.flat or c.wrt is not None], ids=lambda case: case.name)
@few
@given(data=st.data())
def test_what_has_no_rule_is_piecewise_constant(case: Case, data: st.DataObject) -> None:
    """An argument without a rule may move a little: the result does not, and does not require a gradient."""
    arrays, options = data.draw(case.examples())
    ruled = [] if case.flat else case.differentiable(arrays)
    free = [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and i not in ruled]
    moved = [a + 1e-9 if i in free else a for i, a in enumerate(arrays)]
    outs = case.op(*(tensor_of(a) if i in free else a for i, a in enumerate(arrays)), **options)
    for out, there in zip(flattened(outs), flattened(case.reference(*moved, **options)), strict=True):
        assert not (isinstance(out, Tensor) and out.requires_grad)
        np.testing.assert_array_equal(value(out), there)
