"""Axes, indices and arrangements that do not fit; and numbers of the wrong type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_np.errors.broadcasting import swapped
from tinygrad_np.errors.cases import Array, Case, Diagnosis, Shape, diagnosis, hollow
from tinygrad_np.record import Recorded
from tinygrad_np.rules.indexing import ARRAY, join_index

__all__ = ["no_such_axis", "wrong_dtype"]


def no_such_axis(case: Case) -> Diagnosis | None:
    """Say which axes there are."""
    error: Any = case.error
    axis = error.axis
    array = next((a for a in case.arrays if a.ndim == error.ndim), None)
    given = case.options.get("axis")
    if case.operation == "expand_dims" and axis is not None:
        a = case.arrays[0]
        return f"{a.name} has {_axes(a.ndim)}, so a new one can be axis 0 ... {a.ndim}, but not {given}", []
    if array is None and isinstance(given, int) and case.arrays:
        first = case.arrays[0]
        if not -first.ndim <= given < first.ndim:
            array, axis = first, given  # the error counts an axis more than the caller, as of all examples
    if axis is None or array is None:
        return None
    if not array.ndim:
        return f"{array.name} is a single number, without axes, so it has no axis {axis}", []
    axes = [*range(array.ndim)]
    names = "axis 0" if len(axes) == 1 else f"axes {', '.join(map(str, axes[:-1]))} and {axes[-1]}"
    problem = f"{array.name} has no axis {axis}, but the {names}"
    hint = "axis=-1 is the last one" if axis > 0 else "axis=0 is the first one"
    return problem, [hint] if len(axes) > 1 else []


def wrong_dtype(case: Case) -> Diagnosis | None:
    """Say for which numbers there is no such operation."""
    words = str(case.error)
    if "not supported for the input types" not in words and "did not contain a loop" not in words:
        return None
    kinds = " and ".join(dict.fromkeys(str(o.dtype or type(o.value).__name__) for o in case.operands))
    bits = case.operation.startswith("bitwise_") or case.operation in ("invert", "left_shift", "right_shift")
    floats = [a for a in case.arrays if a.operand.dtype is not None and a.operand.dtype.kind in "fc"]
    mend = [f"{floats[0].code} > 0, or another comparison, makes booleans"] if bits and floats else []
    return f"it is not defined for {kinds}{', but for integers and booleans' if bits else ''}", mend


@diagnosis("reshape")
def _reshape(case: Case) -> Diagnosis | None:
    (a,), shape = case.arrays, case.options.get("shape")
    size = math.prod(a.shape)
    try:
        wanted: Shape = tuple(map(int, shape)) if isinstance(shape, tuple | list) else (int(shape),)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if wanted.count(-1) > 1:
        return f"only one length can be left open by -1, but {wanted} has {wanted.count(-1)}", []
    if -1 in wanted:
        each = -math.prod(wanted)
        return f"the {size} elements of {a.name} are no multiple of {each}, so {wanted} cannot hold them", []
    open_ = ((*wanted[:i], -1, *wanted[i + 1 :]) for i in range(len(wanted)))
    fitting = [s for s in open_ if -math.prod(s) > 0 and size % -math.prod(s) == 0]
    found = tuple(size // -math.prod(fitting[0]) if n == -1 else n for n in fitting[0]) if fitting else ()
    mend = [f"{a.code}.reshape{fitting[0]} has shape {found}".replace(",)", ")", 1)] if fitting else []
    return f"{a.name} has {size} elements, and shape {wanted} has {math.prod(wanted)}", mend


@diagnosis("broadcast_to")
def _broadcast_to(case: Case) -> Diagnosis | None:
    (a,), shape = case.arrays, case.options.get("shape")
    return f"{a.name} of shape {a.shape} cannot be stretched to {shape}: only axes of length 1 stretch", []


@diagnosis("concatenate", "vstack", "hstack", "column_stack", "dstack", "append")
def _concatenate(case: Case) -> Diagnosis | None:
    if isinstance(case.error, np.exceptions.AxisError):
        return no_such_axis(case)
    if case.operation not in ("concatenate", "append"):
        return None
    arrays, axis = case.arrays, case.options.get("axis", 0)
    if not arrays or not isinstance(axis, int):
        return None
    first = arrays[0]
    odd = next((a for a in arrays if a.ndim != first.ndim), None)
    if odd is not None:
        axes = f"{first.name} has {_axes(first.ndim)} and {odd.name} has {odd.ndim}"
        return f"{axes}, but arrays to join have equally many", []
    wrong = _other_axes(arrays, axis)
    if wrong is None:
        return None
    other, i = wrong
    lengths = f"{first.name} has {first.shape[i]} and {other.name} has {other.shape[i]} on axis {i}"
    problem = f"joined along axis {axis}, the other axes must agree, but {lengths}"
    fitting = [k for k in range(first.ndim) if _other_axes(arrays, k) is None]
    if fitting:
        return problem, [f"axis={fitting[0]}"]
    if len(arrays) == 2 and first.ndim == 2 and swapped(other.shape)[1 - axis % 2] == first.shape[1 - axis % 2]:
        return problem, [f"{other.code}.mT has shape {swapped(other.shape)}"]
    return problem, []


def _other_axes(arrays: list[Array], axis: int) -> tuple[Array, int] | None:
    """An array that differs from the first one on another axis than ``axis``, and that axis."""
    first = arrays[0]
    for a in arrays[1:]:
        for i, (m, n) in enumerate(zip(first.shape, a.shape, strict=True)):
            if m != n and i != axis % first.ndim:
                return a, i
    return None


def _bare(value: Any) -> Any:
    """The array of a Tensor."""
    return value._data if isinstance(value, Recorded) else value


def _axes(n: int) -> str:
    return "1 axis" if n == 1 else f"{n} axes"


@diagnosis("stack")
def _stack(case: Case) -> Diagnosis | None:
    arrays = case.arrays
    odd = next((a for a in arrays if a.shape != arrays[0].shape), None)
    if odd is None:
        return None
    mend = []
    if odd.ndim == arrays[0].ndim and any(_other_axes([arrays[0], odd], k) is None for k in range(odd.ndim)):
        mend = ["np.concatenate joins arrays that differ in length along one axis"]
    return f"all shapes must be equal, but {arrays[0].name} has {arrays[0].shape} and {odd.name} has {odd.shape}", mend


@diagnosis("getitem", "setitem")
def _index(case: Case) -> Diagnosis | None:
    a, index = case.arrays[0], case.options.get("index", ())
    words = str(case.error)
    used = sum(part is not None and part is not Ellipsis for part in index)
    if "too many indices" in words:
        return f"{a.name} has {_axes(a.ndim)}, but the index is for {used}", []
    if "out of bounds" in words:
        found = _out_of_bounds(a, case)
        if found:
            axis, i, n = found
            range_ = f"0 ... {n - 1}, or -{n} ... -1 from the end" if n else "no elements at all"
            return f"axis {axis} of {a.name} has the indices {range_}, and {i} is none of them", []
    floats = [o for o in case.operands[1:] if getattr(o.dtype, "kind", "") == "f" or isinstance(o.value, float)]
    if "integer" in words and floats and isinstance(case.error, IndexError):
        return f"an index is an integer, a slice or a mask, but {floats[-1].name} is floating point", [
            f"{floats[-1].code}.astype(int), or // for / in what computes it"
            if floats[-1].shape
            else "int(...), or // for / in what computes it"
        ]
    mask = next((o for o in case.arrays[1:] if o.operand.dtype == bool), None)
    if "boolean" in words and mask is not None:
        return (
            f"a mask covers axes of its own length, but {mask.name} has shape {mask.shape} and {a.name} has {a.shape}",
            [],
        )
    if case.operation == "setitem" and "broadcast" in words:
        chosen = hollow(a.shape)[join_index(index, tuple(_bare(o.value) for o in case.operands[2:]))].shape
        return f"the index chooses a part of {a.name} of shape {chosen}, but the value has {case.operands[1].shape}", []
    return None


def _out_of_bounds(a: Array, case: Case) -> tuple[int, int, int] | None:
    """The axis, the index and the length of the axis."""
    index = case.options["index"]
    arrays = iter(case.operands[1 if case.operation == "getitem" else 2 :])
    if any(part is None or part is Ellipsis for part in index):
        return None
    for axis, part in enumerate(index):
        if isinstance(part, slice) or axis >= a.ndim:
            continue
        indices = np.asarray(_bare(next(arrays).value) if part is ARRAY else part)
        n = a.shape[axis]
        if indices.dtype.kind not in "iu":
            return None
        wrong = indices[(indices < -n) | (indices >= n)]
        if wrong.size:
            return axis, int(wrong.flat[0]), n
    return None
