"""Elementwise steps as expressions on numbers, for the functions that numba compiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.compiler import fused
from tinygrad_np.compiler.fused import EXPRESSIONS
from tinygrad_np.compiler.kinds import is_scalar
from tinygrad_np.compiler.program import Value

__all__ = ["expression", "number_text"]

_FLOATS = ("float32", "float64")
_WHOLE = ("int8", "int16", "int32", "int64")
_COMPARISONS = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)
_OF_FLOATS: dict[Any, str] = {
    **{f: text for f, text in EXPRESSIONS.items() if isinstance(f, np.ufunc) and f not in _COMPARISONS},
    np.reciprocal: "np.{dtype}(1) / {0}", np.positive: "{0}", np.power: "{0} ** {1}", np.sign: "np.sign({0})",
    np.sin: "np.sin({0})", np.cos: "np.cos({0})", np.expm1: "np.expm1({0})", np.sinh: "np.sinh({0})",
    np.cosh: "np.cosh({0})", np.arctan: "np.arctan({0})", np.floor: "np.floor({0})", np.ceil: "np.ceil({0})",
}  # fmt: skip
_OF_TRUTH: dict[Any, str] = {
    np.logical_and: "{0} & {1}", np.logical_or: "{0} | {1}", np.bitwise_and: "{0} & {1}", np.bitwise_or: "{0} | {1}",
    np.logical_not: "not {0}", np.invert: "not {0}", np.logical_xor: "{0} != {1}", np.not_equal: "{0} != {1}",
    np.equal: "{0} == {1}",
}  # fmt: skip
_OF_BITS: dict[Any, str] = {
    np.bitwise_and: "{0} & {1}", np.bitwise_or: "{0} | {1}", np.bitwise_xor: "{0} ^ {1}", np.negative: "-{0}",
    np.add: "{0} + {1}", np.subtract: "{0} - {1}", np.multiply: "{0} * {1}",
}  # fmt: skip


def expression(step: Value) -> tuple[str, str] | None:
    """The text of an elementwise step, with ``{0}`` for its first operand, and the dtype that Python numbers take.

    None, if it has none. ``np.where`` is elementwise, too.
    """
    function, name = step.function, step.dtype.name
    arrays = [arg for arg in step.args if isinstance(arg, Value) and not arg.weak]
    kinds = {arg.dtype.name for arg in arrays}
    if function is np.ndarray.astype:
        to_float = name in _FLOATS and kinds <= {*_FLOATS, *_WHOLE, "bool"}
        return (f"np.{name}({{0}})", name) if to_float or (name in _WHOLE and kinds == {"bool"}) else None
    if function is np.where and len(step.args) == 3 and not step.kwargs and isinstance(step.args[0], Value):
        rest = {arg.dtype.name for arg in step.args[1:] if isinstance(arg, Value) and not arg.weak}
        plain = step.args[0].dtype.kind == "b" and rest <= {name} and name in (*_FLOATS, *_WHOLE)
        numbers = [arg for arg in step.args[1:] if not isinstance(arg, Value)]
        return ("{1} if {0} else {2}", name) if plain and _fit(numbers, name) else None
    if not isinstance(function, np.ufunc) or len(kinds) != 1:
        return None
    (kind,) = kinds
    if not _fit([arg for arg in step.args if not isinstance(arg, Value)], kind):
        return None
    if any(isinstance(arg, Value) and arg.weak for arg in step.args) and kind not in _FLOATS:
        return None
    if function in _COMPARISONS and kind in (*_FLOATS, *_WHOLE):
        return EXPRESSIONS[function], kind
    table = _OF_FLOATS if kind in _FLOATS else _OF_BITS if kind in _WHOLE else _OF_TRUTH if kind == "bool" else {}
    if function not in table or name != kind:
        return None
    text = table[function]
    widened = kind in _WHOLE or text.startswith("np.") or "**" in text  # numba computes these in more bits
    return (f"np.{name}({text})" if widened else text), kind


def _fit(numbers: list[Any], kind: str) -> bool:
    """Whether Python numbers take a dtype."""
    types = (bool,) if kind == "bool" else (int, float) if kind in _FLOATS else (int,)
    return all(is_scalar(number) and type(number) in types for number in numbers)


def number_text(number: Any, dtype: str) -> str:
    """A number of a dtype."""
    if dtype == "bool":
        return repr(bool(number))
    return fused.number_text(number, dtype) if dtype in _FLOATS else f"np.{dtype}({int(number)})"
