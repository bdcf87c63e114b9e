"""Gradients of NumPy's functions, family by family, on arrays so large that the rules show and the engine does not.

A row of the table is what NumPy and PyTorch call a function, and what it is given. HIPS autograd gets NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Contender, Effort, Times, compare, gather
from benchmarks.report import Goal, Result
from tinygrad_np import Tensor

__all__ = ["ROWS", "Row", "families"]

_KERNEL = np.hanning(64)  # the same from both ends

Array = Any
Function = Callable[..., Any]


@dataclass(frozen=True)
class Row:
    """One function.

    Attributes
    ----------
    family, name : str
    numpy : callable
        ``numpy(np, *arrays)``, also called with ``autograd.numpy``; in the family "special", with modules of that name.
    torch : callable or None
        ``torch(torch, *arrays)``, where PyTorch has such a function.
    draw : callable
        ``draw(rng, n)`` returns the arrays to differentiate by, of about ``n`` elements together.
    """

    family: str
    name: str
    numpy: Function
    torch: Function | None
    draw: Callable[[np.random.Generator, int], Sequence[Array]]


def families(effort: Effort) -> Result:
    """All rows: a sum over the function's result, with weights, forward and backward."""
    effort = replace(effort, rounds=min(effort.rounds, 7))
    measured, missing = {}, {}
    scipy = find_spec("scipy") is not None
    for row in ROWS:
        if row.family == "special" and not scipy:
            missing["SciPy"] = None
            continue
        contenders, absent = gather(_contenders(row, effort.elements))
        missing |= dict.fromkeys(absent)
        able = {name: contender for name, contender in contenders.items() if name == OURS or _works(contender)}
        measured[row.name] = compare(able, effort, tolerance=1e-7)
    times = {name: {peer: t.median(peer) for peer in t.rounds} for name, t in measured.items()}
    notes = ["forward and backward; a dash: no derivative there", *(f"not installed: {peer}" for peer in missing)]
    title = f"Families of functions, about {effort.elements:,} float64 each"
    return Result(title, [_goal(measured, peer) for peer in ("HIPS autograd", "PyTorch")], notes=notes, rows=times)


def _goal(measured: Mapping[str, Times], peer: str) -> Goal:
    ratios = {name: times.ratio(OURS, peer) for name, times in measured.items() if peer in times.rounds}
    if not ratios:
        return Goal(f"families of functions, against {peer}", "1 x", f"{peer} is not installed", None)
    mean = math.exp(sum(map(math.log, ratios.values())) / len(ratios))
    worst = max(ratios, key=ratios.__getitem__)
    found = f"{mean:.2f} x; from {min(ratios.values()):.2f} to {ratios[worst]:.2f} ({worst})"
    return Goal(f"{len(ratios)} functions, geometric mean against {peer}", "1 x", found, mean <= 1)


def _works(contender: Contender) -> bool:
    """Whether there is a derivative. Libraries have many ways to say that there is none."""
    try:
        contender.outcome()
    except (NotImplementedError, AttributeError, TypeError, ValueError):
        return False
    return True


def _nowhere(*_: Any) -> Any:
    raise NotImplementedError


def _contenders(row: Row, n: int) -> dict[str, Callable[[], Contender]]:
    arrays = row.draw(np.random.default_rng(0), n)

    def library(numpy: str, special: str) -> ModuleType:
        return import_module(special if row.family == "special" else numpy)

    def ours() -> Contender:
        xp, tensors = library("numpy", "tinygrad_np.special"), [Tensor(a, requires_grad=True) for a in arrays]
        return backward(lambda: np.sum(row.numpy(xp, *tensors) * weights), tensors)

    def pytorch() -> Contender:
        import torch

        function = row.torch or _nowhere
        tensors, w = [torch.tensor(a, requires_grad=True) for a in arrays], torch.tensor(weights)
        return backward(lambda: torch.sum(function(torch, *tensors) * w), tensors)

    def backward(loss: Callable[[], Any], tensors: list[Any]) -> Contender:
        def work() -> None:
            for tensor in tensors:
                tensor.grad = None
            loss().backward()

        def gradients() -> list[Any]:
            work()
            return [tensor.grad.numpy() for tensor in tensors]

        return Contender(work, gradients)

    def hips() -> Contender:
        import autograd
        import autograd.numpy as anp

        xp = library("autograd.numpy", "autograd.scipy.special")
        gradient = autograd.grad(lambda *a: anp.sum(row.numpy(xp, *a) * weights), tuple(range(len(arrays))))
        return Contender(lambda: gradient(*arrays), lambda: gradient(*arrays))

    shape = np.shape(row.numpy(library("numpy", "tinygrad_np.special"), *arrays))
    weights = np.random.default_rng(1).random(shape)
    return {OURS: ours, "PyTorch": pytorch, "HIPS autograd": hips}


# --- what the functions are given ---------------------------------------------------------------------------------
def _flat(rng: np.random.Generator, n: int) -> Sequence[Array]:
    return [rng.normal(size=n)]


def _positive(rng: np.random.Generator, n: int) -> Sequence[Array]:
    return [rng.uniform(0.5, 2.0, n)]


def _two(rng: np.random.Generator, n: int) -> Sequence[Array]:
    return rng.uniform(0.5, 2.0, (2, n))


def _table(rng: np.random.Generator, n: int) -> Sequence[Array]:
    """Lines of 1000."""
    return [rng.normal(size=(max(n // 1000, 2), min(n, 1000)))]


def _matrices(k: int, symmetric: bool = False) -> Callable[[np.random.Generator, int], Sequence[Array]]:
    """A stack of square matrices, well apart from singular ones."""

    def draw(rng: np.random.Generator, n: int) -> Sequence[Array]:
        side = min(k, math.isqrt(n))
        a = rng.normal(size=(n // side**2, side, side))
        return [a @ a.mT / side + np.diag(np.arange(1.0, side + 1))] if symmetric else [a + 3 * k**0.5 * np.eye(side)]

    return draw


def _system(rng: np.random.Generator, n: int) -> Sequence[Array]:
    (a,) = _matrices(8)(rng, n)
    return [a, rng.normal(size=(*a.shape[:2], 2))]


def _product(rng: np.random.Generator, n: int) -> Sequence[Array]:
    k = max(math.isqrt(n // 2), 2)
    return rng.normal(size=(2, k, k))


@cache
def _places(n: int, repeated: bool = False) -> Array:
    rng = np.random.default_rng(2)
    return rng.integers(n, size=n) if repeated else rng.permutation(n)


def _symmetric(x: Any) -> Any:
    """The part that counts: libraries differ in the triangle that they give the gradient to."""
    return (x + x.swapaxes(-1, -2)) / 2


def _spectrum(w: Any, u: Any) -> Any:
    """Of eigenvalues and eigenvectors, what does not depend on signs."""
    return w + (u * u)[..., 0, :]


# fmt: off
ROWS = [
    Row("elementwise", "tanh", lambda np, x: np.tanh(x), lambda torch, x: torch.tanh(x), _flat),
    Row("elementwise", "x * y + x / y", lambda np, x, y: x * y + x / y, lambda torch, x, y: x * y + x / y, _two),
    Row("elementwise", "x ** y", lambda np, x, y: x**y, lambda torch, x, y: x**y, _two),
    Row("elementwise", "where(x > 0, exp(x), x)", lambda np, x: np.where(x > 0, np.exp(x), x),
        lambda torch, x: torch.where(x > 0, torch.exp(x), x), _flat),
    Row("reductions", "sum(axis=1)", lambda np, x: np.sum(x, axis=1), lambda torch, x: x.sum(1), _table),
    Row("reductions", "max(axis=1)", lambda np, x: np.max(x, axis=1), lambda torch, x: x.amax(1), _table),
    Row("reductions", "prod(axis=1)", lambda np, x: np.prod(x, axis=1), lambda torch, x: x.prod(1), _table),
    Row("reductions", "var(axis=1)", lambda np, x: np.var(x, axis=1), lambda torch, x: x.var(1, correction=0), _table),
    Row("reductions", "norm(axis=1)", lambda np, x: np.linalg.norm(x, axis=1),
        lambda torch, x: torch.linalg.norm(x, dim=1), _table),
    Row("cumulative", "cumsum", lambda np, x: np.cumsum(x), lambda torch, x: x.cumsum(0), _flat),
    Row("cumulative", "cumprod, lines", lambda np, x: np.cumprod(x, axis=1), lambda torch, x: x.cumprod(1), _table),
    Row("cumulative", "diff", lambda np, x: np.diff(x), lambda torch, x: x.diff(), _flat),
    Row("sorting", "sort", lambda np, x: np.sort(x), lambda torch, x: x.sort().values, _flat),
    Row("sorting", "sort, lines", lambda np, x: np.sort(x, axis=1), lambda torch, x: x.sort(1).values, _table),
    Row("sorting", "median", lambda np, x: np.median(x), lambda torch, x: x.quantile(0.5), _table),
    Row("sorting", "quantile(axis=1)", lambda np, x: np.quantile(x, 0.3, axis=1),
        lambda torch, x: x.quantile(0.3, 1), _table),
    Row("indexing", "x[::2, 1:]", lambda np, x: x[::2, 1:], lambda torch, x: x[::2, 1:], _table),
    Row("indexing", "x[permutation]", lambda np, x: x[_places(len(x))],
        lambda torch, x: x[torch.from_numpy(_places(len(x)))], _flat),
    Row("indexing", "x[repeated]", lambda np, x: x[_places(len(x), True)],
        lambda torch, x: x[torch.from_numpy(_places(len(x), True))], _flat),
    Row("indexing", "rows[repeated]", lambda np, x: x[_places(len(x), True)],
        lambda torch, x: x[torch.from_numpy(_places(len(x), True))], _table),
    Row("indexing", "x[mask]", lambda np, x: x[_places(len(x)) % 3 == 0],
        lambda torch, x: x[torch.from_numpy(_places(len(x)) % 3 == 0)], _flat),
    Row("indexing", "pad", lambda np, x: np.pad(x, 3), lambda torch, x: torch.nn.functional.pad(x, (3,) * 4), _table),
    Row("indexing", "concatenate", lambda np, x: np.concatenate([x, x[:, :9], x], 1),
        lambda torch, x: torch.cat([x, x[:, :9], x], 1), _table),
    Row("products", "matmul", lambda np, x, y: np.matmul(x, y), lambda torch, x, y: x @ y, _product),
    Row("products", "einsum ij,ik->jk", lambda np, x, y: np.einsum("ij,ik->jk", x, y),
        lambda torch, x, y: torch.einsum("ij,ik->jk", x, y), _product),
    Row("products", "einsum nij,njk->nik", lambda np, x: np.einsum("nij,njk->nik", x, x),
        lambda torch, x: torch.einsum("nij,njk->nik", x, x), _matrices(8)),
    Row("products", "cross", lambda np, x, y: np.cross(x.reshape(-1, 3), y.reshape(-1, 3)),
        lambda torch, x, y: torch.linalg.cross(x.reshape(-1, 3), y.reshape(-1, 3)),
        lambda rng, n: rng.normal(size=(2, n // 3 * 3))),
    Row("linalg", "inv, 8 x 8", lambda np, x: np.linalg.inv(x), lambda torch, x: torch.linalg.inv(x), _matrices(8)),
    Row("linalg", "inv, 300 x 300", lambda np, x: np.linalg.inv(x), lambda torch, x: torch.linalg.inv(x),
        _matrices(300)),
    Row("linalg", "solve, 8 x 8", lambda np, x, y: np.linalg.solve(x, y),
        lambda torch, x, y: torch.linalg.solve(x, y), _system),
    Row("linalg", "det, 3 x 3", lambda np, x: np.linalg.det(x), lambda torch, x: torch.linalg.det(x), _matrices(3)),
    Row("linalg", "slogdet, 8 x 8", lambda np, x: np.linalg.slogdet(x)[1],
        lambda torch, x: torch.linalg.slogdet(x).logabsdet, _matrices(8)),
    Row("linalg", "cholesky, 8 x 8", lambda np, x: np.linalg.cholesky(x),
        lambda torch, x: torch.linalg.cholesky(x), _matrices(8, True)),
    Row("linalg", "cholesky, 300 x 300", lambda np, x: np.linalg.cholesky(x),
        lambda torch, x: torch.linalg.cholesky(x), _matrices(300, True)),
    Row("linalg", "qr, 8 x 8", lambda np, x: np.linalg.qr(x)[1], lambda torch, x: torch.linalg.qr(x).R, _matrices(8)),
    Row("linalg", "svd, 8 x 8", lambda np, x: _spectrum(*np.linalg.svd(x, full_matrices=False)[1::-1]),
        lambda torch, x: _spectrum(*torch.linalg.svd(x, full_matrices=False)[1::-1]), _matrices(8)),
    Row("linalg", "eigh, 8 x 8", lambda np, x: _spectrum(*np.linalg.eigh(_symmetric(x))),
        lambda torch, x: _spectrum(*torch.linalg.eigh(_symmetric(x))), _matrices(8, True)),
    Row("linalg", "eigh, 300 x 300", lambda np, x: _spectrum(*np.linalg.eigh(_symmetric(x))),
        lambda torch, x: _spectrum(*torch.linalg.eigh(_symmetric(x))), _matrices(300, True)),
    Row("fft", "fft", lambda np, x: np.real(np.fft.fft(x)), lambda torch, x: torch.fft.fft(x).real, _table),
    Row("fft", "rfft", lambda np, x: np.real(np.fft.rfft(x)), lambda torch, x: torch.fft.rfft(x).real, _table),
    Row("fft", "fft2", lambda np, x: np.real(np.fft.fft2(x)), lambda torch, x: torch.fft.fft2(x).real, _table),
    Row("signal", "convolve with 64", lambda np, x: np.convolve(x, _KERNEL, "valid"),
        lambda torch, x: torch.nn.functional.conv1d(x[None, None], torch.tensor(_KERNEL)[None, None])[0, 0], _flat),
    Row("signal", "interp", lambda np, x: np.interp(x, np.linspace(-3.0, 3.0, 100), np.sin(np.arange(100))),
        None, _flat),  # PyTorch has no such function
    Row("special", "gammaln", lambda special, x: special.gammaln(x), lambda torch, x: torch.lgamma(x), _positive),
    Row("special", "erf", lambda special, x: special.erf(x), lambda torch, x: torch.erf(x), _flat),
    Row("special", "logsumexp", lambda special, x: special.logsumexp(x, 1),
        lambda torch, x: torch.logsumexp(x, 1), _table),
]
# fmt: on
