"""What is written in a picture: formulas, options, shapes, and the rules of the table of derivatives."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from tinygrad_np.draw.outline import SIGNS, Outline
from tinygrad_np.observe import Place
from tinygrad_np.primitives import Primitive

__all__ = [
    "arguments_of",
    "family_of",
    "formula_of",
    "labels_of",
    "name_of",
    "options_of",
    "role_of",
    "rules_of",
    "shape_of",
    "text_of",
    "value_of",
]

#: Operations that are written with an operator.
_WRITTEN = {
    "add": "{} + {}", "subtract": "{} - {}", "multiply": "{} * {}", "divide": "{} / {}", "power": "{} ** {}",
    "matmul": "{} @ {}", "negative": "-{}", "absolute": "|{}|", "remainder": "{} % {}", "floor_divide": "{} // {}",
    "greater": "{} > {}", "greater_equal": "{} >= {}", "less": "{} < {}", "less_equal": "{} <= {}",
    "equal": "{} == {}", "not_equal": "{} != {}",
}  # fmt: skip

#: Where an operation's rules stand -> its family.
_FAMILIES = {
    "elementwise": "elementwise", "complex": "elementwise", "special": "elementwise", "writing": "shape",
    "linalg": "product", "einsum": "product", "decompositions": "product", "inverses": "product", "fft": "product",
    "signal": "product", "reductions": "reduction", "statistics": "reduction", "norms": "reduction",
    "cumulative": "reduction", "quantiles": "reduction", "nan": "reduction", "shapes": "shape", "arranging": "shape",
    "diagonals": "shape", "indexing": "shape", "selection": "shape", "sorting": "shape", "parts": "shape",
    "neural": "activation",
}  # fmt: skip
_NAMED = {"tanh": "activation", "linear": "product", "squared_error": "loss", "where": "elementwise"}


def name_of(operation: Any) -> str:
    """What NumPy calls an operation."""
    return str(getattr(operation, "__name__", operation))


@cache
def family_of(operation: Any) -> str:
    """What kind of operation it is, by the file of the table in which its rules are."""
    name = name_of(operation)
    if name in _NAMED or name.endswith("_cross_entropy"):
        return _NAMED.get(name, "loss")
    rules = [vjp.rule for vjp in getattr(operation, "vjps", ()) if vjp]
    package, _, module = (rules[0].__module__ or "").rpartition(".") if rules else ("", "", "")
    return _FAMILIES.get(module, "other") if package == "tinygrad_np.rules" else "other"


def arguments_of(operation: Any, n: int) -> list[str]:
    """Names of ``n`` operands, which are ``*arrays`` or stand in a NumPy function that is not in the table."""
    if not isinstance(operation, Primitive):
        return ["x", "y", "z"][:n] if n <= 3 else [f"x{i}" for i in range(n)]
    if not operation.variadic:
        return list(operation.arguments)
    *fixed, last = operation.arguments
    return [*fixed, *(f"{last}[{i}]" for i in range(n - len(fixed)))]


def role_of(operation: Any, i: int, n: int) -> str:
    """What operand ``i`` of ``n`` is to its operation, if there are several and the name tells (``x`` does not)."""
    arguments: Sequence[str] = getattr(operation, "arguments", ())
    variadic = getattr(operation, "variadic", False)
    if n == 1 or not arguments or (variadic and len(arguments) == 1):  # all operands are alike
        return ""
    name = arguments[min(i, len(arguments) - 1)]
    return name if len(name) > 2 else SIGNS.get(name_of(operation), "") if i == 1 else ""


def formula_of(operation: Any, operands: Sequence[Any], metadata: dict[str, Any]) -> str:
    """How the operation is written: operands by the names that its rules have for them, scalars as they are."""
    name, n = name_of(operation), len(operands)
    names = arguments_of(operation, n)
    if isinstance(operation, Primitive) and operation.variadic and n > 3 + len(operation.arguments):
        del names[3:-1]
        names[-2] += ", ..."
    said = [value_of(o) if _is_scalar(o) else name for o, name in zip(operands, names, strict=False)]
    said = said if len(said) == len(names) else names
    if name in _WRITTEN and len(said) == 2 - (name in ("negative", "absolute")):
        return _WRITTEN[name].format(*said)
    options = list(options_of(operation, metadata))
    if name in ("getitem", "part") and options:
        return f"{said[0]}{options[0]}"
    return f"{name}({', '.join([*said, *options])})"


def _is_scalar(operand: Any) -> bool:
    return isinstance(operand, bool | int | float | complex)


def value_of(scalar: Any) -> str:
    """A number, as short as it can be told."""
    return f"{scalar:.6g}" if isinstance(scalar, float) else str(scalar)


def options_of(operation: Any, metadata: dict[str, Any]) -> Iterator[str]:
    """The keyword arguments that say something: neither those at their default, nor what the shape shows."""
    defaults: dict[str, Any] = getattr(operation, "metadata", {})
    for key, value in metadata.items():
        text = text_of(value)
        if key == "index":
            text = f"[{', '.join(map(text_of, value if isinstance(value, tuple) else (value,)))}]"
        elif key in ("shape", "count") or (key in defaults and text == text_of(defaults[key])):
            continue
        else:
            text = f"{key}={text}"
        yield text if len(text) <= 40 else f"{text[:39]}…"


def text_of(value: Any) -> str:
    """An option, in a few words."""
    match value:
        case slice():
            ends = ["" if end is None else str(end) for end in (value.start, value.stop)]
            return ":".join(ends if value.step is None else [*ends, str(value.step)])
        case tuple() | list():
            return f"({', '.join(map(text_of, value))}{',' * (len(value) == 1)})"
        case np.ndarray():
            return f"{value.dtype}{list(value.shape)}"
        case np.dtype() | np.generic():
            return str(value)
        case _:
            return "..." if value is Ellipsis else getattr(value, "__name__", None) or repr(value)


def shape_of(shape: tuple[int, ...] | None) -> str:
    """A shape, in words where it has no numbers."""
    return "several results" if shape is None else str(shape) if shape else "scalar"


def size_of(n: float) -> str:
    """Bytes, in units that people read."""
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} B" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def place_of(where: Place | None) -> str | None:
    """A line of code, without the folder: pictures go to other machines."""
    return None if where is None else f"{os.path.basename(where.file)}:{where.line}, in {where.function}"


def labels_of(picture: Outline) -> list[str]:
    """What is written at each arrow: what it is to the operation, and its shape, at the first arrow that has it."""
    labels, known = [], set()
    for arrow in picture.arrows:
        form = "" if arrow.dtype is None else f"{shape_of(arrow.shape)} {arrow.dtype}"
        new = (arrow.tail, form) not in known or picture.boxes[arrow.tail].kind == "folded"
        known.add((arrow.tail, form))
        labels.append(" ".join(part for part in (arrow.label, form if new else "") if part))
    return labels


@cache
def rules_of(operation: Any) -> tuple[tuple[str, str], ...]:
    """Argument -> its rule, as it stands in the source; arguments without one are left out."""
    if not isinstance(operation, Primitive):
        return ()
    rules = zip(operation.arguments, operation.vjps, strict=True)
    return tuple((name, _rule(vjp.rule)) for name, vjp in rules if vjp is not None)


def _rule(rule: Any) -> str:
    """The body of a lambda; where that calls a function which says what it computes, ``dW = x^T dZ``, these words."""
    name = getattr(rule, "__name__", "rule")
    call = f"{name.strip('<>')}({', '.join(inspect.signature(rule).parameters)})"
    code = getattr(rule, "__code__", None)
    if code is None or name != "<lambda>":
        return _formula_in(rule) or call
    candidates = _lambdas(rule.__module__).get(code.co_firstlineno, [])
    spans = [(p[::2], p[1::2]) for p in code.co_positions() if None not in p and p[::2] < p[1::2]]
    if len(candidates) > 1 and spans:  # of several in one line, it is the one whose body has the columns of the code
        span = (min(start for start, _ in spans), max(end for _, end in spans))
        candidates = [c for c in candidates if ((c.lineno, c.col_offset), (c.end_lineno, c.end_col_offset)) == span]
    if len(candidates) != 1:
        return call
    match candidates[0]:
        case ast.Call(ast.Name(function)):
            return _formula_in(rule.__globals__.get(function)) or ast.unparse(candidates[0])
    return ast.unparse(candidates[0])


def _formula_in(function: Any) -> str | None:
    """What stands in double backquotes at the beginning of a docstring, if it is an equation."""
    found = re.match(r"``([^`]* = [^`]*)``", getattr(function, "__doc__", None) or "")
    return found and found[1]


@cache
def _lambdas(module: str) -> dict[int, list[ast.expr]]:
    """Line -> the bodies of the lambdas that begin there; none where there is no source."""
    found: dict[int, list[ast.expr]] = {}
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError, SyntaxError):
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            found.setdefault(node.lineno, []).append(node.body)
    return found
