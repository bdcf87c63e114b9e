"""What regions call besides their own text: pointers into memory, and numba, once for each text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache, partial
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from tinygrad_np._extras import require
from tinygrad_np.compiler import vectorizable

__all__ = ["functions"]

numba: Any = require("numba", "numba")

#: dtypes that a region can read and write; truth values lie in memory as bytes.
DTYPES = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8")


def contiguous(a: Any) -> Any:
    """An array as regions take it, copied if need be: row by row, without gaps, its elements where they ought to be."""
    return a if a.flags.carray else np.array(a, order="C")


def _pointer(dtype: str) -> Any:
    """A function of an address and a number of bytes: the pointer to what lies there."""
    types, pointer = numba.core.types, numba.core.types.CPointer(getattr(numba.core.types, dtype))

    def at(typingctx: Any, address: Any, offset: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start = builder.gep(builder.inttoptr(args[0], context.get_value_type(types.voidptr)), [args[1]])
            return builder.bitcast(start, context.get_value_type(pointer))

        return pointer(types.intp, types.intp), codegen

    return numba.extending.intrinsic(at)


@cache
def functions() -> dict[str, Any]:
    """All that generated code may call."""
    names = {name: getattr(vectorizable, name) for name in ("maximum", "minimum", "plus")}
    names |= vectorizable.functions("float32") | vectorizable.functions("float64")
    names |= {f"{dtype}_at": _pointer(dtype) for dtype in DTYPES}
    decorators = {name: partial(_compiled_once, name) for name in ("compiled", "exactly")}
    return names | decorators | {"np": np, "contiguous": contiguous}


def _compiled_once(how: str, function: Callable[..., Any]) -> Any:
    """Compile a function whose text says all: the same text is compiled once, whatever plan it is in."""
    return _compiled(how, function.__code__)


@lru_cache(256)
def _compiled(how: str, code: CodeType) -> Any:
    return getattr(vectorizable, how)(FunctionType(code, functions()))
