"""The library that multiplies NumPy's matrices: up to what size it does so without copying the operands first."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Blas"]

#: OpenBLAS's kernels with a way of their own for small products: those for processors with AVX-512.
_KERNELS = (b"SkylakeX", b"Cooperlake", b"SapphireRapids")

_SMALL = 10**6  # multiplications: OpenBLAS's limit (sgemm_small_matrix_permit)


class Blas(NamedTuple):
    """How a library multiplies matrices.

    Attributes
    ----------
    small : int
        Up to so many multiplications, operands are not copied; 0, if that is not known.
    threads : int
        How many multiply large matrices.
    """

    small: int
    threads: int = 1

    @classmethod
    def of_numpy(cls) -> Blas:
        """What NumPy uses at the moment."""
        small = _SMALL if _told("get_corename", ctypes.c_char_p) in _KERNELS else 0
        return cls(small, _told("get_num_threads", ctypes.c_int) or 1)


def _told(question: str, kind: Any) -> Any:
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
