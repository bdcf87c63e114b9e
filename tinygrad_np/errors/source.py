"""The line of somebody's code that called an operation, and what its operands are called there.

Nothing of this happens before an error: then the code is read that was running. A code object tells for each of its
instructions from which piece of the source it was made, to the column.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any

from tinygrad_np.observe import Place, user_frame
from tinygrad_np.record import Recorded

__all__ = ["Caller", "calling_code", "parameter_paths"]

_LONGEST_NAME = 40


@dataclass(frozen=True)
class Caller:
    """Who called an operation.

    Attributes
    ----------
    frame : FrameType
        That frame.
    place : Place
        Its line.
    expression : ast.AST or None
        The part of the line that was being computed.
    """

    frame: FrameType
    place: Place
    expression: ast.AST | None

    def names(self, operands: Sequence[Any], operation: str | None) -> list[str | None]:
        """Return what the calling expression calls each of ``operands``; ``None`` where that is not known.

        A variable is recognized by its value. Other expressions are known by their position, if the expression is a
        call of ``operation``, or an operator, and no variable in it has another value than the operand at its place.
        """
        parts = list(self._parts())
        values = [_value(part, self.frame) for part in parts]
        called = self.expression.func if isinstance(self.expression, ast.Call) else None
        positional = (
            operation is not None
            and (called is None or ast.unparse(called).split(".")[-1] == operation)
            and len(parts) == len(operands)
            and all(v is _UNKNOWN or v is o for v, o in zip(values, operands, strict=True))
        )
        names: list[str | None] = []
        for i, operand in enumerate(operands):
            same = next((p for p, value in zip(parts, values, strict=True) if value is operand), None)
            if same is None and positional:
                same = parts[i]
            name = ast.unparse(same) if same is not None else ""
            names.append(name if 0 < len(name) <= _LONGEST_NAME and "\n" not in name else None)
        return names

    def _parts(self) -> Iterator[ast.expr]:
        """The expressions that the operands may have come from, in order."""
        match self.expression:
            case ast.BinOp(left=left, right=right) | ast.Compare(left=left, comparators=[right]):
                yield from (left, right)
            case ast.AugAssign(target=target, value=value):
                yield from (target, value)
            case ast.UnaryOp(operand=operand) | ast.Attribute(value=operand) | ast.Subscript(value=operand):
                yield operand
            case ast.Call(func=function, args=arguments, keywords=keywords):
                if isinstance(function, ast.Attribute) and not isinstance(
                    _value(function.value, self.frame), ModuleType
                ):
                    yield function.value  # a method
                for argument in [*arguments, *(keyword.value for keyword in keywords)]:
                    yield from argument.elts if isinstance(argument, ast.List | ast.Tuple) else (argument,)
            case _:
                pass


def calling_code() -> Caller | None:
    """Return who called the library, in the innermost frame outside of it and of NumPy."""
    frame = user_frame()
    if frame is None:
        return None
    code = frame.f_code
    positions = list(code.co_positions())[frame.f_lasti // 2]
    lines = linecache.getlines(code.co_filename, frame.f_globals)
    return Caller(frame, Place(code.co_filename, frame.f_lineno, code.co_name), _expression(lines, positions))


def _expression(lines: list[str], positions: tuple[int | None, ...]) -> ast.AST | None:
    first, last, start, stop = positions
    if first is None or last is None or start is None or stop is None or not 0 < first <= last <= len(lines):
        return None
    piece = [line.encode() for line in lines[first - 1 : last]]  # the columns count bytes
    piece[-1] = piece[-1][:stop]
    piece[0] = piece[0][start:]
    source = b"".join(piece).decode()
    try:
        return ast.parse(f"({source})", mode="eval").body
    except SyntaxError:
        pass
    try:  # a += b is a statement
        return ast.parse(textwrap.dedent(source)).body[0]
    except (SyntaxError, IndexError):
        return None


_UNKNOWN = object()


def _value(expression: ast.expr, frame: FrameType) -> Any:
    """The value of a variable or of a plain attribute, found without running anybody's code."""
    match expression:
        case ast.Name(id=name):
            scopes = (frame.f_locals, frame.f_globals, frame.f_builtins)
            return next((scope[name] for scope in scopes if name in scope), _UNKNOWN)
        case ast.Attribute(value=owner, attr=name):
            found = _value(owner, frame)
            attributes = inspect.getattr_static(found, "__dict__", None)
            return _UNKNOWN if attributes is None else vars(found).get(name, _UNKNOWN)
    return _UNKNOWN


def parameter_paths(operands: Sequence[Any]) -> list[str | None]:
    """Return the path of each operand in the outermost module that is being called and has it: ``layers.0.weight``."""
    paths: list[str | None] = [None] * len(operands)
    modules = sys.modules.get("tinygrad_np.nn.module")
    if modules is None:
        return paths
    called: list[Any] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        # A look at f_locals leaves a copy of them in the frame, which must not be one that handles the error: a cycle.
        owner = frame.f_locals.get("self") if frame.f_code.co_varnames[:1] == ("self",) else None
        if isinstance(owner, modules.Module) and all(owner is not other for other in called):
            called.append(owner)
        frame = frame.f_back
    for module in reversed(called):
        for path, found in module._walk():
            for i, operand in enumerate(operands):
                if found is operand and isinstance(found, Recorded) and paths[i] is None:
                    paths[i] = path
    return paths
