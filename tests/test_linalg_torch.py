"""Linear algebra against PyTorch: first and second derivatives, of real and complex matrices and of stacks of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor

torch = pytest.importorskip("torch")
L, T = np.linalg, torch.linalg
LEVELS = np.array([1.0, 2.0, 4.0])  # tell the vectors apart


def positive(a: Any) -> Any:
    """A Hermitian positive definite matrix; of NumPy's kind, or PyTorch's."""
    return a @ a.mH + torch.eye(3) if isinstance(a, torch.Tensor) else a @ np.conj(a).mT + np.eye(3)


def half(a: Any) -> Any:
    """The Hermitian part."""
    return (a + (a.mH if isinstance(a, torch.Tensor) else np.conj(a).mT)) / 2


def spectrum(w: Any, v: Any, inverse: Any) -> Any:
    """What does not depend on the sign or phase of vectors."""
    if isinstance(w, torch.Tensor):
        return w, torch.abs(v), v * (torch.exp(w) * torch.tensor(LEVELS))[..., None, :] @ inverse
    return w, np.abs(v), v * (np.exp(w) * LEVELS)[..., None, :] @ inverse


def eigh(a: Any) -> Any:
    w, v = L.eigh(half(a))
    return spectrum(w, v, np.conj(v).mT)


def eigh_t(a: Any) -> Any:
    w, v = T.eigh(half(a))
    return spectrum(w, v, v.mH)


def eig(a: Any) -> Any:
    w, v = L.eig(a)
    return spectrum(w, v, L.inv(v))


def eig_t(a: Any) -> Any:
    w, v = T.eig(a)
    return spectrum(w, v, T.inv(v))


def svd(a: Any) -> Any:
    u, s, vh = L.svd(a, full_matrices=False)
    return (*spectrum(s, u, vh), np.abs(vh))


def svd_t(a: Any) -> Any:
    u, s, vh = T.svd(a, full_matrices=False)
    return (*spectrum(s, u, vh), torch.abs(vh))


def least_squares(a: Any, b: Any) -> Any:
    x = T.pinv(a) @ b
    return x, ((a @ x - b).abs() ** 2).sum(0), T.svdvals(a)


S, R, W = (3, 3), (4, 3), (3, 5)  # square, tall, wide
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "inv": (L.inv, T.inv, (S,)),
    "solve": (L.solve, T.solve, (S, (3, 2))),
    "solve for a vector": (L.solve, lambda a, b: T.solve(a, b[:, None])[..., 0], (S, (3,))),
    "det": (L.det, T.det, (S,)),
    "slogdet": (L.slogdet, T.slogdet, (S,)),
    "pinv": (L.pinv, T.pinv, (S,)),
    "pinv, tall": (L.pinv, T.pinv, (R,)),
    "pinv, wide": (L.pinv, T.pinv, (W,)),
    "cholesky": (lambda a: L.cholesky(positive(a)), lambda a: T.cholesky(positive(a)), (S,)),
    "cholesky, upper": (
        lambda a: L.cholesky(positive(a), upper=True), lambda a: T.cholesky(positive(a), upper=True), (S,),
    ),
    "qr": (L.qr, T.qr, (S,)),
    "qr, tall": (L.qr, T.qr, (R,)),
    "qr, wide": (lambda a: L.qr(a, "complete"), T.qr, (W,)),
    "eigh": (eigh, eigh_t, (S,)),
    "eigvalsh": (lambda a: L.eigvalsh(half(a)), lambda a: T.eigvalsh(half(a)), (S,)),
    "eig": (eig, eig_t, (S,)),
    "svd": (svd, svd_t, (S,)),
    "svd, tall": (svd, svd_t, (R,)),
    "svd, wide": (svd, svd_t, (W,)),
    "svdvals": (L.svdvals, T.svdvals, (R,)),
    "matrix_power": (lambda a: L.matrix_power(a, -3), lambda a: T.matrix_power(a, -3), (S,)),
    "cond": (L.cond, T.cond, (S,)),
    "cond, smallest": (lambda a: L.cond(a, -2), lambda a: T.cond(a, -2), (S,)),
    "cond, nuclear": (lambda a: L.cond(a, "nuc"), lambda a: T.cond(a, "nuc"), (S,)),
    "vecdot": (np.vecdot, T.vecdot, (R, (2, 1, 3))),
    "kron": (np.kron, torch.kron, ((2, 3), (3, 2, 2))),
    "diagonal": (lambda a: np.diagonal(a, 1, -1, 0), lambda a: torch.diagonal(a, 1, -1, 0), (R,)),
    "vander": (lambda a: np.vander(a.reshape(-1), 4, True), lambda a: T.vander(a.reshape(-1), N=4), ((1, 2),)),
} | {
    f"matrix norm {order}": (
        lambda a, o=order: L.norm(a, o, (-2, -1)), lambda a, o=order: T.matrix_norm(a, o), (R,),
    )
    for order in ("fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)
} | {
    f"vector norm {order}": (
        lambda a, o=order: L.norm(a, o, -1), lambda a, o=order: T.vector_norm(a, o, -1), (R,),
    )
    for order in (2, 1, 3, 0.5, -1, -2.5, np.inf, -np.inf)
}  # fmt: skip
UNSTACKED = {
    "cross": (lambda a, b: np.cross(a, b, axis=0), lambda a, b: T.cross(a, b, dim=0), ((3, 4), (3, 4))),
    "lstsq": (lambda a, b: [L.lstsq(a, b)[i] for i in (0, 1, 3)], least_squares, (R, (4, 2))),
    "lstsq, wide": (lambda a, b: L.lstsq(a, b)[0], lambda a, b: T.pinv(a) @ b, (W, (3, 2))),
    "tensorinv": (L.tensorinv, T.tensorinv, ((2, 3, 6),)),
    "tensorsolve": (
        lambda a, b: L.tensorsolve(a, b, (0, 2)), lambda a, b: T.tensorsolve(a, b, (0, 2)), ((3, 6, 2), (6,)),
    ),
    "vdot": (np.vdot, torch.vdot, ((3,), (3,))),
    "multi_dot": (
        lambda *a: L.multi_dot(a), lambda *a: T.multi_dot(a), ((3,), (3, 4), (4, 2), (2, 5), (5,)),
    ),
}  # fmt: skip


def loss(out: Any, weight: Callable[[np.ndarray], Any], sin: Callable[[Any], Any]) -> Any:
    """A real number that depends on all parts of all results, and not linearly, so that second derivatives say much."""
    rng = np.random.default_rng(1)
    total: Any = 0
    for o in out if isinstance(out, tuple | list) else [out]:
        for part in (o.real, o.imag) if "complex" in str(o.dtype) else (o,):
            total = total + (part * weight(rng.normal(size=tuple(o.shape)))).sum()
    return sin(total)


def assert_close(found: Tensor, expected: Any, tolerance: float) -> None:
    truth = expected.detach().resolve_conj().numpy()
    np.testing.assert_allclose(found.detach().numpy(), truth, 0, tolerance * (1 + np.abs(truth).max()))


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize(("name", "batch"), [(n, ()) for n in (*CASES, *UNSTACKED)] + [(n, (2, 1)) for n in CASES])
def test_derivatives_are_those_of_torch(name: str, batch: tuple[int, ...], dtype: type) -> None:
    ours, theirs, shapes = {**CASES, **UNSTACKED}[name]
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(*batch * (i == 0), *s)) for i, s in enumerate(shapes)]
    if dtype is complex or name == "eig":  # of a real matrix, PyTorch's are complex, NumPy's as it happens
        arrays = [a + 1j * rng.normal(size=a.shape) for a in arrays]
    xs = [Tensor(a, requires_grad=True) for a in arrays]
    ts = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = loss(ours(*xs), np.asarray, np.sin), loss(theirs(*ts), torch.tensor, torch.sin)
    np.testing.assert_allclose(y.item(), z.item(), 0, 1e-10)

    y.backward(create_graph=True)
    first, firsts = [x.grad for x in xs], torch.autograd.grad(z, ts, create_graph=True)
    for f, t in zip(first, firsts, strict=True):
        assert_close(f, t, 1e-9)

    for x in xs:
        x.grad = None
    loss(first, np.asarray, np.sin).backward()
    try:
        seconds = torch.autograd.grad(loss(firsts, torch.tensor, torch.sin), ts)
    except RuntimeError as error:
        assert "inplace" in str(error)  # noqa: PT017 - PyTorch trips over itself for some norms: no oracle here
        return
    for x, t in zip(xs, seconds, strict=True):
        assert_close(x.grad, t, 1e-8)
