"""Complex numbers: the operations that are not analytic.

A cotangent is ``dL/dx - i dL/dy`` inside of the engine (see :func:`tinygrad_np.tensor.conjugated`), so analytic
functions need no conjugates in their rules; only what takes a number apart is special.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite, nondifferentiable, primitive, table
from tinygrad_np.rules.elementwise import quotient
from tinygrad_np.rules.kinks import to_zero


@primitive(np.real, val=lambda g: g)
def real(val: Any) -> Any:
    """Real part."""
    return np.real(val)


@primitive(np.imag, val=lambda g: g * -1j)
def imag(val: Any) -> Any:
    """Imaginary part."""
    return np.imag(val)


@composite(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """Argument, counted from the positive real axis."""
    radians = np.arctan2(np.imag(z), np.real(z))
    return np.degrees(radians) if deg else radians


def _direction_vjp(g: Any, x: Any, out: Any) -> Any:
    """Only a step across changes the direction, the more, the closer to 0; at 0 itself take none."""
    across = g - np.real(g * out) * np.conj(out)
    return quotient(np.where(x == 0, 0, across), np.absolute(x))


@primitive(x=_direction_vjp, kink=to_zero)
def direction(x: Any) -> Any:
    """``z / abs(z)``, which NumPy calls the sign of a complex number."""
    return np.sign(x)


_sign = table[np.sign]


@composite(np.sign)
def sign(x: Any, /) -> Any:
    """Sign: piecewise constant on the real line, but not in the plane."""
    return direction(x) if x.dtype.kind == "c" else _sign(x)


@composite(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    """Real part, where the imaginary parts are all but zero."""
    if a.dtype.kind != "c":
        return a
    limit = tol if tol <= 1 else tol * np.finfo(a.dtype).eps
    return np.real(a) if np.all(np.absolute(np.imag(a)) < limit) else a


nondifferentiable(np.iscomplex, np.isreal, kink=lambda x: np.abs(np.imag(x)) if np.iscomplexobj(x) else np.inf)
nondifferentiable(np.iscomplexobj, np.isrealobj)
