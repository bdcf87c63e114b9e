"""Fourier transforms: against PyTorch's, and by the theorems about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, grad, jacobian
from tinygrad_np.graph import walk

REAL = ("rfft", "ihfft", "rfft2", "rfftn")
NAMES = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn",
         "irfftn")  # fmt: skip


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_torch(name: str, norm: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    several = name[-1] in "2n"
    for shape in ((2, 5), (3, 4)):
        x = rng.normal(size=shape) + (0 if name in REAL else 1j * rng.normal(size=shape))
        for length in (None, 3, 4, 7):
            lengths = None if length is None else (2, length)
            ours = {"s": lengths, "axes": (0, 1)} if several else {"n": length}
            theirs = {"s": lengths, "dim": (0, 1)} if several else {"n": length}
            a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
            y, z = getattr(np.fft, name)(a, norm=norm, **ours), getattr(torch.fft, name)(b, norm=norm, **theirs)
            np.testing.assert_allclose(y.detach().numpy(), z.detach().resolve_conj().numpy(), atol=1e-13)
            w = rng.normal(size=y.shape)
            np.sum(w * np.abs(y) ** 3).backward()
            (torch.tensor(w) * z.abs() ** 3).sum().backward()
            np.testing.assert_allclose(a.grad.numpy(), b.grad.resolve_conj().numpy(), rtol=1e-12, atol=1e-12)


def test_jacobian_is_the_matrix_of_the_transform() -> None:
    n = 5
    matrix = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
    found = jacobian(lambda x: np.fft.fft(x).real)(np.zeros(n)).numpy()
    np.testing.assert_allclose(found, matrix.real, atol=1e-14)
    found = jacobian(lambda x: np.fft.fft(x).imag)(np.zeros(n)).numpy()
    np.testing.assert_allclose(found, matrix.imag, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_parseval(n: int) -> None:
    """``sum |x|^2 = sum |X|^2 / n``: the gradient of the spectrum's energy is ``2 x``. A lost factor 2 shows here."""
    x = np.random.default_rng(n).normal(size=n)
    weights = np.full(n // 2 + 1, 2.0)
    weights[0] = 1
    weights[-1] = 1 if n % 2 == 0 or n == 1 else 2

    def energy(x: Any) -> Any:
        return np.sum(weights * np.abs(np.fft.rfft(x, norm="ortho")) ** 2)

    np.testing.assert_allclose(grad(energy)(x).numpy(), 2 * x, rtol=1e-12, atol=1e-15)
    direction = np.ones(n)
    second = grad(lambda x: np.sum(grad(energy)(x) * direction))(x)
    np.testing.assert_allclose(second.numpy(), 2 * direction, rtol=1e-12)


def test_what_irfft_ignores_has_no_gradient() -> None:
    z = Tensor(np.ones(4, complex), requires_grad=True)
    np.sum(np.fft.irfft(z, 6) * np.arange(6.0)).backward()
    assert z.grad.numpy()[[0, 3]].imag.tolist() == [0, 0]
    assert np.all(z.grad.numpy()[1:3].imag != 0)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_stays_single(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32 if name in REAL else np.complex64)
    x = Tensor(x, requires_grad=True)
    y = getattr(np.fft, name)(x)
    assert y.dtype == (np.float32 if name in ("irfft", "hfft", "irfft2", "irfftn") else np.complex64)
    np.sum(np.abs(y) ** 2).backward(create_graph=True)
    gradient, x.grad = x.grad, None
    assert gradient.dtype == x.dtype
    assert not [node for node in walk(gradient.node) if node.dtype in (np.float64, np.complex128)]
    np.sum(np.abs(gradient) ** 2).backward()
    assert x.grad.dtype == x.dtype


def test_convolution_theorem() -> None:
    rng = np.random.default_rng(0)
    a, b, w = rng.normal(size=5), rng.normal(size=3), rng.normal(size=7)

    def fast(a: Any, b: Any) -> Any:
        return np.sum(w * np.fft.irfft(np.fft.rfft(a, 7) * np.fft.rfft(b, 7), 7))

    da, db = grad(fast, (0, 1))(a, b)
    np.testing.assert_allclose(da.numpy(), np.correlate(w, b, "valid"), atol=1e-13)
    np.testing.assert_allclose(db.numpy(), np.correlate(w, a, "valid"), atol=1e-13)


def test_errors_say_what_was_wrong() -> None:
    t = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="norm"):
        np.fft.hfft(t, norm="sideways")
    with pytest.raises(ValueError, match="2 lengths"):
        np.fft.fftn(t, s=(2, 2), axes=(0,))
    with pytest.raises(TypeError, match="rfft"):
        np.fft.rfft(t * 1j)
    with pytest.raises(ValueError, match="fft"):
        np.fft.fft(t, n=0)
