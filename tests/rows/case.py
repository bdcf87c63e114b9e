"""One row of the table of cases, and the words that enter it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from rows.calls import Calls, broadcastable
from rows.domains import Domain


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes
    ----------
    op
        The operation as a user calls it: ``op(*arrays, **options)``, on arrays or Tensors.
    domains
        What values each array may have; the last one holds for all further arrays.
    calls
        Draws the shapes of the arrays, and options that fit them.
    of
        The entries of the tables that this row tests. By default ``op``.
    wrt
        Positions of the differentiable arguments; ``None`` for all of a floating-point domain.
    reference
        The same function of bare arrays, written with NumPy alone. By default ``op``, where that is NumPy's.
    spellings
        Other ways to say the same: an operator, a method.
    flat
        Without derivative, because it is piecewise constant.
    exact
        The result equals the reference's bit for bit. Otherwise to a few units in the last place.
    scalars
        Python scalars may stand in for arrays.
    integers
        It takes integers and booleans, too, and then does what NumPy does.
    special
        Of infinities, NaN and zeros, too, it makes what NumPy makes (where it is exact).
    """

    name: str
    op: Callable[..., Any]
    domains: tuple[Domain, ...]
    calls: Calls
    of: tuple[Any, ...]
    reference: Callable[..., Any]
    wrt: tuple[int, ...] | None = None
    spellings: tuple[Callable[..., Any], ...] = ()
    flat: bool = False
    exact: bool = True
    scalars: bool = False
    integers: bool = True
    special: bool = True

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.name)  # hypothesis would print all fields

    @st.composite
    @staticmethod
    def _examples(draw: Any, case: Case) -> tuple[list[np.ndarray], dict[str, Any]]:
        shapes, options = draw(case.calls)
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        last = len(case.domains) - 1
        return [np.asarray(case.domains[min(i, last)](rng, shape)) for i, shape in enumerate(shapes)], options

    def examples(self) -> st.SearchStrategy[tuple[list[np.ndarray], dict[str, Any]]]:
        """Draw the arrays (float64, integer or bool) and the options of one call."""
        return Case._examples(self)

    def differentiable(self, arrays: Sequence[np.ndarray]) -> list[int]:
        """Positions of the arguments that have a derivative."""
        return [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and (self.wrt is None or i in self.wrt)]


CASES: list[Case] = []


def row(op: Any, *domains: Domain, calls: Calls | None = None, of: Any = None, name: str = "", **more: Any) -> None:
    """Enter a case. Without ``calls``, the operation is elementwise."""
    of = of if isinstance(of, tuple) else (op if of is None else of,)
    name = name or getattr(of[0], "name", None) or of[0].__name__
    more.setdefault("scalars", calls is None and len(domains) > 1 and isinstance(op, np.ufunc))
    more.setdefault("reference", op)
    taken = sum(case.name.split("#")[0] == name for case in CASES)
    name = f"{name}#{taken + 1}" if taken else name
    CASES.append(Case(name, op, domains, broadcastable(len(domains)) if calls is None else calls, of, **more))


def flat(op: Any, *domains: Domain, **more: Any) -> None:
    """Enter a case without derivative."""
    row(op, *domains, flat=True, **more)
