"""From NumPy's error to one that says what was wrong in the caller's words. Nothing here runs before an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_np.errors import products  # noqa: F401 - its diagnoses enter the table
from tinygrad_np.errors.arranging import no_such_axis, wrong_dtype
from tinygrad_np.errors.broadcasting import unbroadcastable
from tinygrad_np.errors.cases import Case, Diagnosis, diagnoses
from tinygrad_np.errors.kinds import Operand, OperationError, ShapeError, kind_of
from tinygrad_np.errors.source import Caller, calling_code, parameter_paths
from tinygrad_np.record import Recorded

__all__ = ["explained", "refusal"]

_MOST_OPERANDS = 3
_SPOKEN = {"getitem": "indexing", "setitem": "assigning to elements"}


def explained(
    error: Exception,
    name: str,
    arguments: Sequence[str],
    args: Sequence[Any],
    options: Mapping[str, Any],
    *,
    composite: bool = False,
) -> Exception:
    """Return an error of the same kind that names the operation, its operands, what does not fit, and where.

    Parameters
    ----------
    error : Exception
        What NumPy, or an operation within this one, has raised.
    name : str
        Of the operation.
    arguments : sequence of str
        What NumPy calls its operands.
    args : sequence
        The operands. Of a function that is composed of operations, all of its arguments.
    options : mapping
        The keyword arguments. Of such a function, all arguments by name.
    composite : bool
        Whether it is such a function.
    """
    kind = kind_of(error)
    known = isinstance(error, OperationError) and (not composite or error.operation == name)
    if kind is None or (known and not any(hasattr(arg, "level") for arg in args)):  # which vmap has put there
        return error
    try:
        caller = calling_code()
        given = list(_arrays(args)) if composite else list(args)
        if composite:
            bound = [key for key, value in options.items() for _ in _arrays([value])]
            arguments = bound if len(bound) == len(given) else ()
        operands = _named(caller, arguments, given, None if composite else name)
        case = Case(name, operands, dict(options), error)
        problem, mends = diagnosed(case)
        return _made(kind, name, operands, problem, " or ".join(mends[:2]) or None, caller, error)
    except Exception as failure:  # an explanation that fails must not hide what it should have explained
        error.add_note(f"(it could not be explained better: {failure!r})")
        return error


def diagnosed(case: Case) -> Diagnosis:
    """Return what is wrong, and mends that fit; NumPy's own words where nobody knows better."""
    error = case.error
    known = [diagnoses[case.operation]] if case.operation in diagnoses else []
    if isinstance(error, np.exceptions.AxisError):
        known.append(no_such_axis)
    for diagnosis in (*known, wrong_dtype, unbroadcastable):
        found = diagnosis(case)
        if found is not None:
            return found
    if isinstance(error, OperationError):  # of an operation that this one is composed of
        return f"in {error.operation}, {error.problem}", []
    return str(error).removeprefix(f"{case.operation}: ").strip(), []


def refusal(
    name: str,
    operands: Mapping[str, Any],
    problem: str,
    mend: str | None = None,
    kind: type[OperationError] = ShapeError,
) -> OperationError:
    """Return the error of a function that has looked at its operands itself; ``operands`` maps names to them.

    In ``problem`` and ``mend``, ``{x}`` stands for what the caller calls the operand ``x``.
    """
    caller = calling_code()
    given = {argument: value for argument, value in operands.items() if value is not None}
    named = _named(caller, list(given), list(given.values()), None)
    words = {argument: operand.code for argument, operand in zip(given, named, strict=True)}
    return _made(kind, name, named, problem.format(**words), mend and mend.format(**words), caller)


def _made(
    kind: type[OperationError],
    name: str,
    operands: tuple[Operand, ...],
    problem: str,
    mend: str | None,
    caller: Caller | None,
    error: Exception | None = None,
) -> OperationError:
    shown = [operand for operand in operands if operand.shape is not None]
    lines = [f"{_SPOKEN.get(name, name)}: {problem}", *(f"  {operand}" for operand in shown[:_MOST_OPERANDS])]
    if len(shown) > _MOST_OPERANDS:
        lines[-1] += f", and {len(shown) - _MOST_OPERANDS} more"
    if caller is not None:
        lines.append(f"  at {caller.place.text}")
    if mend is not None:
        lines.append(f"  mend: {mend}")
    made = kind("\n".join(lines))
    made.operation, made.operands, made.problem, made.mend = name, operands, problem, mend
    made.where = None if caller is None else caller.place
    if isinstance(error, np.exceptions.AxisError) and isinstance(made, np.exceptions.AxisError):
        made.axis, made.ndim = error.axis, error.ndim
    return made


def _named(
    caller: Caller | None, arguments: Sequence[str], args: Sequence[Any], operation: str | None
) -> tuple[Operand, ...]:
    """The operands by the best names that are known for them."""
    words = caller.names(args, operation) if caller else [None] * len(args)
    paths = parameter_paths(args)
    starred = [*arguments, *[arguments[-1] if arguments else "operand"] * len(args)]
    numbers = [f"{name} {i}" if i >= len(arguments) - 1 and len(args) > len(arguments) else name
               for i, name in enumerate(starred[: len(args)])]  # fmt: skip
    return tuple(_operand(*found) for found in zip(args, words, paths, numbers, strict=True))


def _operand(value: Any, word: str | None, path: str | None, argument: str) -> Operand:
    node = value._node if isinstance(value, Recorded) else None
    if path and word and word.removeprefix("self.") == path:
        path = None
    name = path or word or (node.name if node is not None else None) or argument
    shape = getattr(value, "shape", None)
    if shape is None and isinstance(value, list | tuple):
        value = np.asarray(value)
        shape = value.shape
    if shape is None:
        return Operand(repr(value), None, None, value)
    return Operand(name, tuple(shape), value.dtype, value)


def _arrays(args: Sequence[Any]) -> Any:
    """The arrays among the arguments of a NumPy function, and in lists there."""
    for arg in args:
        if isinstance(arg, list | tuple):
            yield from _arrays(arg)
        elif hasattr(type(arg), "__array_function__"):
            yield arg
