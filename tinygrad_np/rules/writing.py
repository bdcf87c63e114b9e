"""Functions that write into their first argument.

Tensors have value semantics: as with ``t[i] = v``, the name that is passed is bound to a new value, and nothing else
changes. Where only what is written is a Tensor and the target an ndarray, NumPy's assignment itself complains.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import composite
from tinygrad_np.rules.indexing import ARRAY, setitem
from tinygrad_np.rules.tools import as_array


def _check(values: Any, dtype: Any, casting: Any, name: str) -> None:
    if not isinstance(values, int | float | complex) and not np.can_cast(np.result_type(values), dtype, casting):
        raise TypeError(f"{name}: {np.result_type(values)} does not go into {dtype} by casting={casting!r}")


@composite(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write at positions of the flattened array; too few values are repeated."""
    n = a.size
    if mode != "raise":
        ind = np.mod(ind, n) if mode == "wrap" else np.clip(ind, 0, n - 1)
    if np.size(ind):
        values = np.resize(as_array(v).astype(a.dtype), np.shape(ind))
        a[...] = np.reshape(setitem(np.reshape(a, -1), values, ind, index=(ARRAY,)), a.shape)


@composite(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write where a mask is true: element ``i`` gets value ``i``, counted over and over."""
    _check(values, a.dtype, "safe", "putmask")
    a[...] = np.where(np.reshape(mask, a.shape), np.resize(values, a.shape), a)


@composite(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write where a mask is true: the first place gets the first value."""
    _check(vals, arr.dtype, "safe", "place")
    places = np.flatnonzero(mask)
    if np.size(places) and not np.size(vals):
        raise ValueError("place: there are no values to write")
    put(arr, places, vals)


@composite(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Write all, or where a mask is true."""
    _check(src, dst.dtype, casting, "copyto")
    src = as_array(src).astype(dst.dtype)
    dst[...] = src if where is True else np.where(where, src, dst)


@composite(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write on the main diagonal."""
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ValueError(f"fill_diagonal: a matrix, or an array with axes of one length, has a diagonal; not {a.shape}")
    step = 1 + int(np.cumprod(a.shape[:0:-1]).sum())
    end = a.shape[1] ** 2 if a.ndim == 2 and not wrap else None
    put(a, np.arange(a.size)[:end:step], val)
