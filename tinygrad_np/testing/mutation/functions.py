"""A Python function as source: its syntax tree, found by its code; and other code in its place.

Code is exchanged inside of the function itself (``function.__code__``). So whoever holds the function, a table, a
closure, another module, runs the new code; globals, defaults and closure cells stay.
"""

from __future__ import annotations

import ast
import copy
import linecache
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

__all__ = ["compiled", "installed", "source_of", "tree_of"]

Function = ast.FunctionDef | ast.Lambda
_FUTURE = 0x1FF0000  # the flags of code that ``from __future__ import ...`` sets


def tree_of(function: types.FunctionType) -> Function | None:
    """Return the part of its file's syntax tree that a function was made from; ``None`` where that is not to be had."""
    code = function.__code__
    found = [node for node in _functions(code.co_filename) if _is_source(node, code)]
    return found[0] if len(found) == 1 else None


def source_of(file: str) -> list[bytes]:
    """Return the lines of a file; positions in a syntax tree count bytes."""
    return [line.encode() for line in linecache.getlines(file)]


@lru_cache(maxsize=64)
def _functions(file: str) -> list[Function]:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]


def _is_source(node: Function, code: types.CodeType) -> bool:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    if tuple(names) != code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        return False
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return (node.name, first) == (code.co_name, code.co_firstlineno)
    if (code.co_name, node.lineno) != ("<lambda>", code.co_firstlineno):
        return False
    body = node.body
    whole = (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset)
    places = set(code.co_positions())
    return whole in places or all(None in place for place in places)  # python -X no_debug_ranges


def compiled(tree: Function, function: types.FunctionType) -> types.CodeType:
    """Return code made from a tree, to be the ``__code__`` of a function."""
    old = function.__code__
    tree = copy.deepcopy(tree)
    cells = ast.Tuple([ast.Name(name, ast.Load()) for name in old.co_freevars], ast.Load())  # mentioned, to stay cells
    if isinstance(tree, ast.FunctionDef):
        tree.decorator_list = []
        tree.body = [*tree.body, ast.Expr(cells)] if old.co_freevars else tree.body
        inner: list[ast.stmt] = [ast.Global([tree.name]), tree]  # where it calls itself, it means the global one
    else:
        tree.body = ast.IfExp(ast.Constant(True), tree.body, cells) if old.co_freevars else tree.body
        inner = [ast.Return(tree)]
    arguments = ast.arguments([], [ast.arg(name) for name in old.co_freevars], None, [], [], None, [])
    outer = ast.parse("def outer(): pass").body[0]  # with the fields that this version of Python has
    assert isinstance(outer, ast.FunctionDef)
    outer.args, outer.body = arguments, inner
    module = ast.fix_missing_locations(ast.Module([outer], []))
    code = compile(module, old.co_filename, "exec", old.co_flags & _FUTURE, dont_inherit=True)
    code = _inside(_inside(code, "outer"), old.co_name)
    return code.replace(co_qualname=old.co_qualname, co_firstlineno=old.co_firstlineno)


def _inside(code: types.CodeType, name: str) -> types.CodeType:
    return next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name)


def announced(tree: Function, call: str, number: int) -> Function:
    """Return the tree of the function that first calls ``call(number)``, a global which returns ``None``."""
    tree = copy.deepcopy(tree)
    announcement = ast.Call(ast.Name(call, ast.Load()), [ast.Constant(number)], [])
    if isinstance(tree, ast.FunctionDef):
        tree.body.insert(0, ast.Expr(announcement))
    else:
        tree.body = ast.BoolOp(ast.Or(), [announcement, tree.body])
    return tree


@contextmanager
def installed(functions: Sequence[types.FunctionType], code: types.CodeType) -> Iterator[None]:
    """Let functions run other code inside of the ``with`` block."""
    before = [function.__code__ for function in functions]
    try:
        for function in functions:
            function.__code__ = code
        yield
    finally:
        for function, old in zip(functions, before, strict=True):
            function.__code__ = old
