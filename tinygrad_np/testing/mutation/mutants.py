"""A mutant: a function with one edit, as code and as text."""

from __future__ import annotations

import ast
import copy
import types
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tinygrad_np.primitives import Primitive, table
from tinygrad_np.testing.mutation.edits import Edit, edits
from tinygrad_np.testing.mutation.functions import compiled, installed, source_of
from tinygrad_np.testing.mutation.subjects import Subject, subjects

__all__ = ["Mutant", "mutants", "mutants_of"]


@dataclass(eq=False)
class Mutant:
    """One rule with one mistake in it.

    Attributes
    ----------
    subject : Subject
        The function that is broken.
    kind : str
        ``"sign"``, ``"factor"``, ``"term"``, ``"swap"``, ``"transpose"``, ``"axis"``, ``"tie"``, ``"pole"``,
        ``"constant"``, ``"condition"``, ``"call"`` or ``"option"``.
    change : str
        ``"before -> after"``, the two pieces of source.
    line : int
        Where it is in the file.
    diff : str
        The lines that differ.
    code : code object
        What runs instead.
    """

    subject: Subject
    kind: str
    change: str
    line: int
    diff: str
    code: types.CodeType

    @property
    def name(self) -> str:
        """The function and the change."""
        return f"{self.subject.name}: {self.change}"

    def installed(self) -> AbstractContextManager[None]:
        """Let the operation have the mistake inside of a ``with`` block.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_np import grad
        >>> mutant = mutants(np.tanh)[0]
        >>> with mutant.installed():
        ...     wrong = grad(np.tanh)(0.0)
        >>> mutant.change, wrong.item(), grad(np.tanh)(0.0).item()
        ('g * (1 - out * out) -> -(g * (1 - out * out))', -1.0, 1.0)
        """
        return installed(self.subject.functions, self.code)

    def __repr__(self) -> str:
        return f"<mutant {self.name}>"


def mutants(operation: object) -> list[Mutant]:
    """Return the mutants of the rules of an operation.

    Parameters
    ----------
    operation : Primitive or callable
        An operation, a NumPy function which is one, or a Python function: a gradient that is written by hand.

    Returns
    -------
    list of Mutant

    Raises
    ------
    TypeError
        If it is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> for mutant in mutants(np.sin):
    ...     print(mutant.kind, "|", mutant.change)
    sign | g * np.cos(x) -> -(g * np.cos(x))
    factor | g * np.cos(x) -> 2 * (g * np.cos(x))
    factor | g * np.cos(x) -> g
    factor | g * np.cos(x) -> np.cos(x)
    call | np.cos(x) -> x
    """
    entry = table.get(operation, operation) if callable(operation) else operation
    if not isinstance(entry, Primitive | types.FunctionType):
        raise TypeError(f"{operation!r} is neither an operation nor a Python function, so there is no rule to break")
    return [mutant for subject in subjects([entry]) for mutant in mutants_of(subject)]


def mutants_of(subject: Subject) -> Iterator[Mutant]:
    """Yield the mutants of one function, each once, each with a name of its own."""
    tree, function = subject.tree, subject.functions[0]
    if tree is None:
        return

    seen = {ast.dump(tree)}
    names: dict[str, int] = {}
    for edit in edits(tree, subject.variadic, function.__globals__.__contains__):
        new = ast.copy_location(copy.deepcopy(edit.new), edit.old)
        mutated = copy.deepcopy(tree, {id(edit.old): new})
        if (dump := ast.dump(mutated)) in seen:
            continue
        seen.add(dump)
        before, after, diff = _texts(subject.file, edit)
        change = f"{before} -> {after}"
        names[change] = names.get(change, 0) + 1
        change += f" ({names[change]})" if names[change] > 1 else ""
        yield Mutant(subject, edit.kind, change, edit.old.lineno, diff, compiled(mutated, function))


def _texts(file: str, edit: Edit) -> tuple[str, str, str]:
    """The piece of source before and after, and the lines that differ."""
    old = edit.old
    assert old.end_lineno is not None
    lines = source_of(file)[old.lineno - 1 : old.end_lineno]
    head, tail = lines[0][: old.col_offset], lines[-1][old.end_col_offset :]
    before, after = ast.unparse(old), ast.unparse(edit.new)
    atoms = ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript | ast.List | ast.ListComp
    is_whole = not isinstance(edit.new, atoms) and not (head.endswith(b"(") and tail.startswith(b")"))
    text = f"({after})".encode() if is_whole else after.encode()
    found = [line.rstrip().decode() for line in lines]
    mutated = (head + text + tail).rstrip().decode()
    return before, after, "\n".join([*(f"- {line}" for line in found), f"+ {mutated}"])
