"""What an operation is, and the table of all of them.

An entry of the table is a NumPy function and, for each of its array arguments, the rule of its
vector-Jacobian product (VJP)::

    define(np.tanh,     x=lambda g, out: g * (1 - out * out))
    define(np.multiply, x=lambda g, y: g * y,
                        y=lambda g, x: g * x)

The keywords are the array arguments, in order; ``None`` marks one without a derivative. A rule takes the
incoming cotangent ``g`` and then *names what it needs*. The engine reads those names once, here, and keeps
alive only that:

==============  ====================================================================================
name            what the rule gets
==============  ====================================================================================
``g``           the cotangent of the result; always first
an argument     that array as it was in the forward pass (``x``, ``y``, ``a`` ...)
``out``         the result of the forward pass
metadata        any keyword of the forward call (``axis``, ``keepdims`` ...)
``a_shape``     the shape of argument ``a``, without keeping the array alive
``shapes``      for a variadic argument (``*arrays``): the shapes of all of them
``wrt``         for a variadic argument: the positions whose cotangents are wanted
==============  ====================================================================================

Array data is positional, metadata is keyword: that one convention lets a single mechanism record,
differentiate, draw and compile every operation. A rule says nothing of broadcasting, dtype or accumulation.
It returns anything that broadcasts to the shape of its argument, or that was broadcast from it, and the engine
does the rest. Rules are plain NumPy, so the same rule runs on arrays and, through NumPy's dispatch, on Tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

__all__ = [
    "VJP", "Primitive", "composite", "composites", "constant", "define", "margin", "nondifferentiable", "primitive",
    "refuse", "refused", "table",
]  # fmt: skip

Function = Callable[..., Any]

#: NumPy function -> its entry.
table: dict[Function, Primitive] = {}

#: NumPy function -> the same function written in terms of entries of the table: it needs no rule of its own.
composites: dict[Function, Function] = {}

#: NumPy functions whose results are piecewise constant, or no numbers at all -> their kink, as for an entry.
constant: dict[Function, Function | None] = {}

#: NumPy functions that do not take Tensors, and why.
refused: dict[Function, str] = {}


class VJP:
    """The rule for one argument, and what it asked for by naming its parameters.

    Attributes
    ----------
    rule : callable
        The function as it stands in the table.
    pick : callable
        Takes a node's saved arrays, returns those that the rule wants, in its order.
    needs : tuple of int
        Which arrays it wants: positions among the primitive's arguments and, behind them, ``out``.
    names : tuple of str
        What else it wants, by keyword: metadata, shapes, ``wrt``.
    variadic : bool
        It is the rule of ``*arrays``, and returns the cotangents of several of them.
    """

    __slots__ = ("names", "needs", "pick", "rule", "variadic")

    pick: Callable[[Any], tuple[Any, ...]]

    def __init__(self, rule: Function, arrays: tuple[str, ...], variadic: bool) -> None:
        first, *names = inspect.signature(rule).parameters
        wanted = [name for name in names if name in arrays]
        if first != "g" or names[: len(wanted)] != wanted:
            raise TypeError(f"a rule takes g, then arrays out of {arrays}, then metadata; got {(first, *names)}")
        self.rule = rule
        self.variadic = variadic
        self.needs = tuple(map(arrays.index, wanted))
        self.names = tuple(names[len(wanted) :])

    def __repr__(self) -> str:
        return f"VJP({inspect.signature(self.rule)})"


class Primitive:
    """One operation: its forward function and the rules of its derivative. Made by :func:`primitive`.

    Attributes
    ----------
    name : str
        What NumPy calls it.
    forward : callable
        ``forward(*arrays, **metadata)`` on bare arrays.
    arguments : tuple of str
        Names of the array arguments.
    variadic : bool
        The last argument collects all further arrays, as ``*arrays`` does in Python.
    metadata : dict
        The keyword parameters in NumPy's order, with their defaults.
    vjps : tuple of VJP or None
        The rule of each argument.
    slots : tuple of int
        Which arrays the rules need, all together (positions of arguments; behind them, of ``out``). A recorded
        node saves one entry per slot.
    keepers : dict
        Positions of the arguments to be differentiated by -> the function from ``(*arrays, out, None)`` to what a node
        then saves. A slot that no rule of these arguments asks for holds ``None``: ``x * 2`` does not keep ``x`` alive.
        Where none of them has a rule, there is nothing to record, and no such function: ``None``.
    kink : callable or None
        Tells how far the arguments are from where it is not smooth; see :meth:`margin`.
    """

    def __init__(
        self, forward: Function, rules: dict[str, Function | None], name: str, kink: Function | None = None
    ) -> None:
        parameters = _parameters(forward)
        _check_rules(name, parameters, rules)
        self.forward, self.kink = forward, kink
        self.name = self.__name__ = name
        self.__module__ = getattr(forward, "__module__", None) or "numpy"
        self.__doc__ = forward.__doc__
        self.arguments = tuple(rules)
        starred = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL and p.name in rules), None)
        self.variadic = starred is not None
        self.metadata = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        arrays = (*self.arguments, "out")
        self.vjps = tuple(rule and VJP(rule, arrays, name == starred) for name, rule in rules.items())
        self.slots = tuple(sorted({slot for vjp in self.vjps if vjp for slot in vjp.needs}))
        for vjp in filter(None, self.vjps):
            vjp.pick = _picker([self.slots.index(slot) for slot in vjp.needs])
        self.keepers = _Keepers(self)

    @property
    def differentiable(self) -> bool:
        """Whether any argument has a rule."""
        return any(self.vjps)

    def margin(self, arrays: Sequence[Any], out: Any, metadata: dict[str, Any]) -> Any:
        """Return how far ``arrays`` may move before they meet a kink: what broadcasts to their shape, or ``inf``."""
        if self.kink is None:
            return np.inf
        fixed = len(self.arguments) - self.variadic
        places = [*arrays[:fixed], tuple(arrays[fixed:])] if self.variadic else arrays
        named = dict(zip(self.arguments, places, strict=True))
        return margin(self.kink, self.metadata | metadata | named | {"out": out})

    def __call__(self, *arrays: Any, **metadata: Any) -> Any:
        """Apply to arrays or, where one of them is a Tensor, by that Tensor's own dispatch.

        It is what NumPy does for its functions (``__array_function__``), for operations that NumPy lacks.
        """
        if metadata and not metadata.keys().isdisjoint(self.arguments):  # arrays by keyword: into their places
            arrays += tuple(metadata.pop(name) for name in self.arguments[len(arrays) :] if name in metadata)
        for array in arrays:
            dispatch = getattr(type(array), "__primitive__", None)
            if dispatch is not None and (result := dispatch(self, arrays, metadata)) is not NotImplemented:
                return result
        return self.forward(*arrays, **metadata)

    def __reduce__(self) -> str:
        return self.name  # as functions are, it is pickled by its name, and a copy of it is itself

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join((*self.arguments, *self.metadata))})>"


class _Keepers(dict[tuple[int, ...], Callable[[Any], tuple[Any, ...]] | None]):
    """:attr:`Primitive.keepers`: each is made when it is first asked for."""

    def __init__(self, primitive: Primitive) -> None:
        self.primitive = primitive

    def __missing__(self, wrt: tuple[int, ...]) -> Callable[[Any], tuple[Any, ...]] | None:
        primitive, last = self.primitive, len(self.primitive.arguments) - 1
        vjps = [vjp for i in wrt if (vjp := primitive.vjps[min(i, last)])]
        needed = {slot for vjp in vjps for slot in vjp.needs}
        self[wrt] = _picker([slot if slot in needed else last + 2 for slot in primitive.slots]) if vjps else None
        return self[wrt]


def margin(kink: Function, named: dict[str, Any]) -> Any:
    """Call a ``kink`` with what it names. NaN, as of what is infinite, stands for infinity."""
    with np.errstate(all="ignore"):
        found = kink(**{name: named[name] for name in inspect.signature(kink).parameters})
    return np.where(np.isnan(found), np.inf, found)


def _parameters(function: Function) -> list[inspect.Parameter]:
    if isinstance(function, np.ufunc):
        return []  # it takes arrays only: where=, casting= and the like are not for Tensors
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:  # a function in C that does not tell
        return []


def _check_rules(name: str, parameters: list[inspect.Parameter], rules: dict[str, Function | None]) -> None:
    """Complain of a rule for what is no argument, and of an array argument without a word about its derivative."""
    arguments = [p.name for p in parameters if p.kind not in (p.KEYWORD_ONLY, p.VAR_KEYWORD)]
    if parameters and arguments != list(rules):
        raise TypeError(
            f"{name} takes the arrays {', '.join(arguments) or '(none)'}, but rules are given for "
            f"{', '.join(rules) or '(none)'}: each array needs its rule, or None if it has no derivative, in the same "
            f"order; what is no array has to be keyword-only (behind a *)"
        )


def _picker(positions: list[int]) -> Callable[[Any], tuple[Any, ...]]:
    """A fast function from a tuple to the tuple of its entries at ``positions``."""
    match positions:
        case []:
            return itemgetter(slice(0, 0))
        case [i]:
            return itemgetter(slice(i, i + 1))  # a plain itemgetter(i) would not return a tuple
        case _:
            return itemgetter(*positions)


def primitive(
    *functions: Function, kink: Function | None = None, **rules: Function | None
) -> Callable[[Function], Primitive]:
    """Decorate a forward function on bare arrays: it becomes an operation with these rules.

    ``@primitive(x=rule, y=rule)`` makes an operation of your own; ``@primitive(np.f, x=rule)`` gives a NumPy function
    that rule. A rule takes the cotangent ``g`` of the result, and names what else it needs: arguments, ``out``,
    options. It need not undo broadcasting, nor care for dtypes. Written with NumPy functions, it can itself be
    differentiated. :func:`tinygrad_np.testing.check_primitive` tests the operation.

    Parameters
    ----------
    *functions : callable
        The NumPy functions that it stands for; none for an operation of its own.
    kink : callable, optional
        How far the arguments may move, each of them, before they meet a place where the operation is not smooth: a
        kink, a jump, a pole. Elementwise, or anything that broadcasts to the arguments. Like a rule it names what it
        needs, but there is no ``g``. Tests of derivatives keep that distance. An operation without it is smooth.
    **rules : callable or None
        Rule per array argument, in the order of the arguments; ``None`` for one without a derivative. Where
        ``forward`` ends in ``*arrays``, that argument's rule returns the cotangents of those at ``wrt``, in order.

    Returns
    -------
    Callable
        The decorator, which returns a :class:`Primitive`: a function of arrays and Tensors.

    Raises
    ------
    TypeError
        If the rules do not name the positional arguments, or a rule asks for what there is not.

    Examples
    --------
    >>> from tinygrad_np import grad
    >>> @primitive(x=lambda g, x: g * 3 * x * x)
    ... def cube(x):
    ...     return x * x * x
    >>> cube(np.array(2.0)), grad(cube)(2.0), grad(grad(cube))(2.0)
    (np.float64(8.0), Tensor(12., dtype=float64), Tensor(12., dtype=float64))
    """

    def decorate(forward: Function) -> Primitive:
        name = functions[0].__name__ if functions else forward.__name__
        entry = Primitive(forward, rules, name, kink)
        for function in functions:
            table[function] = entry
        return entry

    return decorate


def define(function: Function, /, *, kink: Function | None = None, **rules: Function | None) -> Primitive:
    """Enter a NumPy function into the table that is its own forward function: all of its arguments are arrays.

    Examples
    --------
    >>> table[np.tanh]  # entered by define(np.tanh, x=lambda g, out: g * (1 - out * out))
    <primitive tanh(x)>
    """
    return primitive(function, kink=kink, **rules)(function)


def composite(*functions: Function) -> Callable[[Function], Function]:
    """Decorate a function that computes the same as these NumPy functions by means of entries of the table."""

    def decorate(function: Function) -> Function:
        composites.update(dict.fromkeys(functions, function))
        return function

    return decorate


def nondifferentiable(*functions: Function, kink: Function | None = None) -> None:
    """Enter functions whose results have no derivative: on Tensors they just compute.

    Where they jump, ``kink`` tells how far that is, as for :func:`primitive`, from what it names of their parameters.
    """
    constant.update(dict.fromkeys(functions, kink))


def refuse(reason: str, *functions: Function) -> None:
    """Enter functions that do not take Tensors: the error says why, and what to do instead."""
    refused.update(dict.fromkeys(functions, reason))
