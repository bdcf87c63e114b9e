"""Fourier transforms.

The matrix of the discrete Fourier transform is symmetric, so its transpose, which pulls cotangents back, is the
transform itself, of the same normalization. Four transforms along one axis are entries of the table; those along
several axes apply them in turn, as NumPy does.

Transforms of real numbers keep half of the spectrum: the other half is its mirror image. Each kept frequency
stands for two, except the zero frequency and, for even lengths, the highest one (Nyquist's), which are their own
mirror images. That factor is all that :func:`_mirrored` adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, primitive
from tinygrad_np.rules.tools import cut

Axes = Any  # int, sequence of int, or None
Norm = Any  # None, "backward", "ortho", "forward"


def _resized(a: Any, n: int, axis: int) -> Any:
    """Crop or pad with zeros to length ``n``: what a transform does to its operand, and the transpose of that."""
    axis, missing = axis % a.ndim, n - a.shape[axis]
    if missing > 0:
        return np.concatenate([a, np.zeros((*a.shape[:axis], missing, *a.shape[axis + 1 :]), a.dtype)], axis)
    return a if missing == 0 else cut(a, None, n, axis)


def _mirrored(n: int, axis: int, like: Any) -> Any:
    """How many of the ``n`` frequencies each kept one stands for: 1, 2, 2 ... 2, and again 1 if ``n`` is even."""
    count = np.full(n // 2 + 1, 2, like.dtype.char.lower())
    count[0] = 1
    if n % 2 == 0:
        count[-1] = 1
    return count.reshape([-1 if i == axis % like.ndim else 1 for i in range(like.ndim)])


#: Which normalization of the inverse transform has the factor that this one of the forward transform has.
_OPPOSITE: dict[Norm, Norm] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


@primitive(np.fft.fft, a=lambda g, a_shape, axis, norm: (
    _resized(np.fft.fft(g, axis=axis, norm=norm), a_shape[axis], axis)
))  # fmt: skip
def fft(a: Any, *, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """Discrete Fourier transform along an axis."""
    return np.fft.fft(a, n, axis, norm)


@primitive(np.fft.ifft, a=lambda g, a_shape, axis, norm: (
    _resized(np.fft.ifft(g, axis=axis, norm=norm), a_shape[axis], axis)
))  # fmt: skip
def ifft(a: Any, *, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """Inverse of :func:`fft`."""
    return np.fft.ifft(a, n, axis, norm)


def _rfft_vjp(g: Any, a_shape: tuple[int, ...], n: int | None, axis: int, norm: Norm) -> Any:
    """Sum of ``g[k] exp(-2 pi i j k / n)`` over the kept frequencies, real part: an inverse transform without its 2."""
    n = a_shape[axis] if n is None else n
    signal = np.fft.irfft(np.conj(g) / _mirrored(n, axis, g), n, axis, _OPPOSITE[norm])
    return _resized(signal, a_shape[axis], axis)


@primitive(np.fft.rfft, a=_rfft_vjp)
def rfft(a: Any, *, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """First half of the Fourier transform of real numbers."""
    return np.fft.rfft(a, n, axis, norm)


def _irfft_vjp(g: Any, a_shape: tuple[int, ...], axis: int, norm: Norm) -> Any:
    spectrum = np.conj(np.fft.rfft(g, axis=axis, norm=_OPPOSITE[norm]))
    return _resized(spectrum * _mirrored(g.shape[axis], axis, g), a_shape[axis], axis)


@primitive(np.fft.irfft, a=_irfft_vjp)
def irfft(a: Any, *, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """Inverse of :func:`rfft`; imaginary parts of the zero and of Nyquist's frequency do not count."""
    return np.fft.irfft(a, n, axis, norm)


@composite(np.fft.hfft)
def hfft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """Transform of a signal whose other half is the mirror image of ``a``: a real spectrum."""
    return np.fft.irfft(np.conj(a), n, axis, _opposite(norm))


@composite(np.fft.ihfft)
def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Any:
    """Inverse of :func:`hfft`."""
    return np.conj(np.fft.rfft(a, n, axis, _opposite(norm)))


def _opposite(norm: Norm) -> Norm:
    if norm not in _OPPOSITE:
        raise ValueError(f"norm={norm!r}, but there are 'backward', 'ortho' and 'forward'")
    return _OPPOSITE[norm]


# --- along several axes
def _lengths(a: Any, s: Sequence[int] | None, axes: Axes) -> list[tuple[int, int]]:
    """Length and number of each axis to transform."""
    if axes is None:
        axes = range(-a.ndim if s is None else -len(s), 0)
    s = [-1] * len(axes) if s is None else list(s)
    if len(s) != len(axes):
        raise ValueError(f"{len(s)} lengths s={tuple(s)} for {len(axes)} axes {tuple(axes)}")
    return [(a.shape[axis] if n == -1 else n, axis) for n, axis in zip(s, axes, strict=True)]


@composite(np.fft.fftn)
def fftn(a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: Norm = None) -> Any:
    """Transform along several axes."""
    for n, axis in reversed(_lengths(a, s, axes)):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composite(np.fft.ifftn)
def ifftn(a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: Norm = None) -> Any:
    """Inverse of :func:`fftn`."""
    for n, axis in reversed(_lengths(a, s, axes)):
        a = np.fft.ifft(a, n, axis, norm)
    return a


@composite(np.fft.rfftn)
def rfftn(a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: Norm = None) -> Any:
    """Transform of real numbers along several axes; half of the last one is kept."""
    *others, (n, last) = _lengths(a, s, axes)
    a = np.fft.rfft(a, n, last, norm)
    for n, axis in reversed(others):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composite(np.fft.irfftn)
def irfftn(a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: Norm = None) -> Any:
    """Inverse of :func:`rfftn`."""
    *others, (n, last) = _lengths(a, s, axes)
    for m, axis in others:
        a = np.fft.ifft(a, m, axis, norm)
    return np.fft.irfft(a, 2 * (n - 1) if s is None else n, last, norm)


@composite(np.fft.fft2)
def fft2(a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: Norm = None) -> Any:
    """Transform along two axes."""
    return fftn(a, s, axes, norm)


@composite(np.fft.ifft2)
def ifft2(a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: Norm = None) -> Any:
    """Inverse of :func:`fft2`."""
    return ifftn(a, s, axes, norm)


@composite(np.fft.rfft2)
def rfft2(a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: Norm = None) -> Any:
    """Transform of real numbers along two axes."""
    return rfftn(a, s, axes, norm)


@composite(np.fft.irfft2)
def irfft2(a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: Norm = None) -> Any:
    """Inverse of :func:`rfft2`."""
    return irfftn(a, s, axes, norm)


# --- the order of the frequencies
@composite(np.fft.fftshift)
def fftshift(x: Any, axes: Axes = None) -> Any:
    """Move the zero frequency into the middle."""
    axes = _numbers(x, axes)
    return np.roll(x, tuple(x.shape[i] // 2 for i in axes), axes)


@composite(np.fft.ifftshift)
def ifftshift(x: Any, axes: Axes = None) -> Any:
    """Inverse of :func:`fftshift`."""
    axes = _numbers(x, axes)
    return np.roll(x, tuple(-(x.shape[i] // 2) for i in axes), axes)


def _numbers(x: Any, axes: Axes) -> tuple[int, ...]:
    return tuple(range(x.ndim)) if axes is None else (axes,) if np.ndim(axes) == 0 else tuple(axes)
