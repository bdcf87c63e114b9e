"""What one can get wrong in a rule: the single edits of a piece of code that make a mutant of it.

They are the mistakes that people make in derivatives (a sign, a factor, a term, an axis, arguments swapped, a transpose
or a conjugate forgotten, the wrong side of a tie) on the syntax tree. What cannot change a derivative is left alone:
annotations, docstrings, the raising of errors and their messages, types and their tests.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["Edit", "edits"]

Function = ast.FunctionDef | ast.Lambda


@dataclass(frozen=True, eq=False)
class Edit:
    """Put ``new`` in the place of ``old``, an expression of the tree; ``kind`` says what that is a case of."""

    kind: str
    old: ast.expr
    new: ast.expr


#: Calls with nothing in them to get wrong, or nothing that a derivative depends on.
_IGNORED = {"errstate", "isinstance", "hasattr", "getattr", "type", "finfo", "catch_warnings", "simplefilter"}
#: Python's own functions without which there is nothing that would run.
_NEEDED = {"len", "range", "zip", "tuple", "list", "set", "sorted", "enumerate", "iter", "next", "map", "filter", "min",
           "max", "int", "bool", "str"}  # fmt: skip
#: Functions of two arguments that can be swapped.
_SYMMETRIC = {"maximum", "minimum", "fmax", "fmin", "add", "multiply", "hypot", "logaddexp", "convolve"}
#: Functions that mend an operator at its poles: without them it is the operator.
_MENDED: dict[str, ast.operator] = {"quotient": ast.Div(), "product": ast.Mult()}
_SHARE = ast.Name("share", ast.Load())
_TIES: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Gt: ast.GtE(), ast.GtE: ast.Gt(), ast.Lt: ast.LtE(), ast.LtE: ast.Lt(),
    ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
}  # fmt: skip


def edits(function: Function, variadic: bool = False, is_global: Callable[[str], bool] = "np".__eq__) -> Iterator[Edit]:
    """Yield the single edits of a function.

    Parameters
    ----------
    function
        Its tree.
    variadic
        It returns the cotangents of several arguments.
    is_global
        Whether a name is none of an array, but of a module or the like, so that ``np.sum(x)`` is no method of ``np``.
    """
    for result in _results(function):
        yield from _of_result(result, variadic)
    for node in _expressions(function):
        for kind, new in _of(node, is_global):
            yield Edit(kind, node, new)


# --- what to look at ----------------------------------------------------------------------------------------------
def _results(function: Function) -> Iterator[ast.expr]:
    if isinstance(function, ast.Lambda):
        yield function.body
    else:
        for node in _own_statements(function.body):
            if isinstance(node, ast.Return) and node.value is not None:
                yield node.value


def _own_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            yield statement
            for name in ("body", "orelse", "handlers", "finalbody"):
                yield from _own_statements(getattr(statement, name, []))


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    """All expressions in which a mistake could be, outer ones first."""
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.arguments():
            return
        case ast.Expr(value=ast.Constant()):  # a docstring
            return
        case ast.AnnAssign():
            children: list[ast.AST] = [] if node.value is None else [node.value]
        case ast.If() if all(isinstance(statement, ast.Raise) for statement in node.body):
            children = list(node.orelse)
        case ast.Call() if _name(node) in _IGNORED:
            return
        case ast.Call(func=ast.Name(id="zip")):  # strict= is for errors
            children = list(node.args)
        case ast.FunctionDef():
            children = list(node.body)
        case _:
            children = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.expr):
        yield node
    for child in children:
        yield from _expressions(child)


# --- what to do to it ---------------------------------------------------------------------------------------------
def _of_result(result: ast.expr, variadic: bool) -> Iterator[Edit]:
    """The sign and a factor, of each cotangent that is returned."""
    match result:
        case ast.IfExp():
            yield from _of_result(result.body, variadic)
            yield from _of_result(result.orelse, variadic)
        case ast.ListComp() | ast.GeneratorExp():
            yield from _of_result(result.elt, False)
        case ast.List() | ast.Tuple():
            for element in result.elts:
                yield from _of_result(element, False)
        case ast.UnaryOp(op=ast.USub()):
            yield Edit("factor", result, _binary(ast.Constant(2), ast.Mult(), result))
        case ast.Constant():
            return
        case ast.Call() if _name(result) in ("zeros", "zeros_like"):
            return
        case _ if variadic:
            for kind, share in (("sign", _minus(_SHARE)), ("factor", _twice(_SHARE))):
                over = ast.comprehension(ast.Name("share", ast.Store()), result, [], 0)
                yield Edit(kind, result, ast.ListComp(share, [over]))
        case _:
            yield Edit("sign", result, _minus(result))
            yield Edit("factor", result, _twice(result))


def _of(node: ast.expr, is_global: Callable[[str], bool]) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.BinOp():
            yield from _of_operator(node)
        case ast.UnaryOp(op=ast.USub() | ast.Invert() | ast.Not()) if not isinstance(node.operand, ast.Constant):
            yield "sign" if isinstance(node.op, ast.USub) else "condition", node.operand
        case ast.BoolOp():
            for i in range(len(node.values)):
                rest = node.values[:i] + node.values[i + 1 :]
                yield "condition", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
        case ast.Compare(ops=[op]) if type(op) in _TIES:
            yield "tie", ast.Compare(node.left, [_TIES[type(op)]], node.comparators)
        case ast.IfExp():
            yield "condition", node.body
            yield "condition", node.orelse
        case ast.Attribute(attr="mT" | "T" | "H"):
            yield "transpose", node.value
        case ast.Attribute(attr="real" | "imag") if not (isinstance(node.value, ast.Name) and is_global(node.value.id)):
            yield "call", node.value
        case ast.Subscript() if any(isinstance(i, ast.Constant) and i.value is None for i in _indices(node)):
            yield "axis", node.value
        case ast.Constant(value=bool()):
            yield "constant", ast.Constant(not node.value)
        case ast.Constant(value=int() | float() | complex() as value):
            other = {0: 1, 1: 2}.get(value, value + 1) if isinstance(value, int) else 2 * value or 1.0
            yield "constant", ast.Constant(other)
        case ast.Call():
            yield from _of_call(node, is_global)


def _of_operator(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    left, right = node.left, node.right
    match node.op:
        case ast.Add():
            yield "term", left
            yield "term", right
            yield "sign", _binary(left, ast.Sub(), right)
        case ast.Sub():
            yield "term", left
            yield "term", _minus(right)
            yield "swap", _binary(right, ast.Sub(), left)
        case ast.Mult() | ast.BitAnd() | ast.BitOr():
            yield "factor", left
            yield "factor", right
        case ast.MatMult():
            yield "factor", left
            yield "factor", right
            yield "swap", _binary(right, node.op, left)
        case ast.Div():
            yield "factor", left
            yield "factor", _binary(ast.Constant(1), node.op, right)
            yield "swap", _binary(right, node.op, left)
        case ast.Pow():
            yield "factor", left
            yield "swap", _binary(right, node.op, left)
        case ast.Mod() | ast.FloorDiv():
            yield "factor", left


def _of_call(node: ast.Call, is_global: Callable[[str], bool]) -> Iterator[tuple[str, ast.expr]]:
    name, args = _name(node), [arg for arg in node.args if not isinstance(arg, ast.Starred)]
    if name == "where" and len(args) == 3:
        yield "call", args[1]
        yield "call", args[2]
        yield "swap", _call(node, [args[0], args[2], args[1]])
    elif not (isinstance(node.func, ast.Name) and name in _NEEDED):
        if name in _MENDED and len(args) == 2:
            yield "pole", _binary(args[0], _MENDED[name], args[1])
        method = isinstance(node.func, ast.Attribute) and not _is_of_namespace(node.func.value, is_global)
        if method:
            assert isinstance(node.func, ast.Attribute)
            yield "call", node.func.value
        elif args and args[0] is node.args[0]:
            yield "call", args[0]
        several = len(args) == len(node.args) > 1
        if several and not method and name not in _SYMMETRIC and all(map(_may_be_array, args[:2])):
            yield "swap", _call(node, [args[1], args[0], *args[2:]])
        if several and _word(args[-1]) in ("axis", "axes"):
            yield "axis", _call(node, args[:-1])
    for keyword in node.keywords:
        if keyword.arg is not None and name != "zip":
            rest = [other for other in node.keywords if other is not keyword]
            yield "axis" if keyword.arg in ("axis", "keepdims") else "option", ast.Call(node.func, node.args, rest)


def _name(node: ast.Call) -> str:
    return _word(node.func)


def _word(node: ast.expr) -> str:
    """What it is called, if it is a name or an attribute."""
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def _is_of_namespace(node: ast.expr, is_global: Callable[[str], bool]) -> bool:
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and is_global(node.id)


def _may_be_array(node: ast.expr) -> bool:
    """Not a number, and not called a shape or an axis."""
    shapely = _word(node).endswith(("shape", "shapes", "axis"))
    return not isinstance(node, ast.Constant | ast.Tuple | ast.List) and not shapely


def _indices(node: ast.Subscript) -> list[ast.expr]:
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def _minus(node: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.USub(), node)


def _twice(node: ast.expr) -> ast.expr:
    return _binary(ast.Constant(2), ast.Mult(), node)


def _binary(left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
    return ast.BinOp(left, op, right)


def _call(node: ast.Call, args: list[ast.expr]) -> ast.expr:
    return ast.Call(node.func, args, node.keywords)
