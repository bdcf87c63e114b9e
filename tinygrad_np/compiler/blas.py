"""The library that multiplies NumPy's matrices: up to what size it does so without copying the operands first."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

__all__ = ["small_product"]

#: OpenBLAS's kernels with a way of their own for small products: those for processors with AVX-512.
_KERNELS = (b"SkylakeX", b"Cooperlake", b"SapphireRapids")

_SMALL = 10**6  # multiplications: OpenBLAS's limit (sgemm_small_matrix_permit)


def small_product() -> int:
    """Return up to how many multiplications a product needs no copies while larger ones do; 0, if nothing is known.

    Large products are worth two threads; with more than one, nothing is gained by going without.
    """
    return _SMALL if _told("get_corename", ctypes.c_char_p) in _KERNELS and _told("get_num_threads") == 1 else 0


def _told(question: str, kind: Any = ctypes.c_int) -> Any:
    """What OpenBLAS answers; None, if NumPy has another library."""
    for name in (f"scipy_openblas_{question}64_", f"openblas_{question}64_", f"openblas_{question}"):
        function = getattr(_library(), name, None)
        if function is not None:
            function.restype = kind
            return function()
    return None


@cache
def _library() -> Any:
    try:
        return ctypes.CDLL(np.linalg._umath_linalg.__file__)  # what it is linked to is found through it
    except (AttributeError, OSError):
        return None
