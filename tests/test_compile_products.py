"""Matrix products in parts: what is computed, and that each part is small."""

from __future__ import annotations

import runpy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import Builder

from tinygrad_np.compiler import products
from tinygrad_np.compiler.blas import Blas
from tinygrad_np.compiler.plan import build
from tinygrad_np.compiler.products import lengths

_SIDES = st.integers(1, 3000)


@given(_SIDES, _SIDES, _SIDES, st.sampled_from([10**4, 10**6]))
def test_parts_are_small_and_not_larger_than_the_whole(m: int, k: int, n: int, small: int) -> None:
    parts = lengths(m, k, n, small)
    if parts is None:
        return
    rows, columns, terms = parts
    assert 0 < rows <= m
    assert 0 < columns <= n
    assert 0 < terms <= k
    assert rows * columns * terms <= small < m * k * n
    assert (rows < m) + (columns < n) + (terms < k) <= 2
    assert n % columns == 0


def _lying(array: Any, how: str) -> Any:
    """The same numbers, otherwise in memory."""
    if how == "with gaps":
        return np.repeat(np.repeat(array, 2, 0), 3, 1)[::2, ::3]
    return array[::-1].copy()[::-1] if how == "backwards" else array.copy(order=how)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "cut"), [
    ((100, 30, 20), (10, 20, 30)), ((103, 30, 20), (12, 20, 30)),  # rows, and a rest of them
    ((10, 300, 10), (10, 10, 100)), ((10, 311, 10), (10, 10, 96)),  # terms
    ((200, 15, 128), (20, 32, 15)), ((203, 15, 128), (18, 32, 15)),  # rows and columns
    ((1, 200, 200), None), ((200, 200, 1), None), ((200, 20, 2), None), ((50, 100, 130), None),
])  # fmt: skip
@pytest.mark.parametrize("threads", [1, 2])
def test_products_in_parts(
    shape: tuple[int, int, int],
    cut: tuple[int, ...] | None,
    dtype: Any,
    threads: int,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of whole numbers, so that sums are exact in any order."""
    monkeypatch.setattr(products, "_WORTH_A_THREAD", 0)
    m, k, n = shape
    rng = np.random.default_rng(0)
    x, w, z = (rng.integers(-9, 9, sides).astype(dtype) for sides in ((m, k), (k, n), (m, n)))
    built = Builder()
    a, b = built.input(x, "x"), built.state(w, "w")
    product = built(np.matmul, a, b)  # as forward ...
    turned = built(np.transpose, built(np.add, a, 1.0), (1, 0))
    gradient = built(np.matmul, turned, built.input(z, "z"))  # ... and backward
    back = built(np.matmul, built(np.multiply, product, 2.0), built(np.transpose, b, (1, 0)))
    built.program.results = [built(np.add, product, 1.0), back, gradient]
    built.program.updates = {b: gradient}
    plan = build(built.program, blas=Blas(10**4, threads))
    assert lengths(m, k, n, 10**4) == cut
    if cut and (threads == 1 or min(m, n) <= 32):
        assert ("total(x" if cut[2] < k else "matmul(x" if threads == 1 else "by_two(x") in plan.source
    plan.save_source(tmp_path / "step.py")
    alone = runpy.run_path(str(tmp_path / "step.py"))
    alone["STATE"][0][...] = w
    expected = [x @ w + 1, 2 * (x @ w) @ w.T, (x + 1).T @ z]
    for how in ("C", "F", "with gaps", "backwards"):
        given = [_lying(x, how), _lying(z, how)]
        found, state = plan(given, [_lying(w, how)])
        alone["STATE"][0][...] = w
        for results in (found, alone["step"](*given)):
            for right, ours in zip(expected, results, strict=True):
                np.testing.assert_array_equal(ours, right)
        np.testing.assert_array_equal(state[0], expected[2])


def test_products_are_left_whole_if_their_parts_would_be_spread_over_memory() -> None:
    for k, whole in ((2000, False), (3000, True)):
        built = Builder()
        x, z = built.input(np.zeros((k, 100)), "x"), built.input(np.zeros((k, 10)), "z")
        built.program.results = [built(np.matmul, built(np.transpose, x, (1, 0)), z)]
        assert ("matmul" not in build(built.program, blas=Blas(10**6)).source) == whole


def test_what_blas_tells_of_itself() -> None:
    """If threadpoolctl knows the library, we understand it, too."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    for limit in (1, 2):
        with threadpoolctl.threadpool_limits(limit):
            known = [info for info in threadpoolctl.threadpool_info() if "numpy.libs" in info["filepath"]]
            blas = Blas.of_numpy()
            for info in known:
                assert blas.threads == info["num_threads"]
                assert (blas.small > 0) == (info["architecture"] in ("SkylakeX", "Cooperlake", "SapphireRapids"))
