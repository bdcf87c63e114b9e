"""How much of NumPy is differentiable: every public function, ufunc and ufunc method, and what becomes of it.

``python -m tinygrad_np.rules`` prints it. What is said here of a function is read from the table that the dispatch
itself uses; what is said of a method of a ufunc is found out by calling it.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from tinygrad_np.creation import ARRAYLESS
from tinygrad_np.primitives import composites, constant, refused, table
from tinygrad_np.rules import complete
from tinygrad_np.tensor import Tensor

__all__ = ["Entry", "Status", "as_markdown", "as_text", "survey"]


class Status(Enum):
    """What becomes of a function when it is called with Tensors."""

    ENTRY = "a rule of its own"
    COMPOSITE = "composed of others"
    CONSTANT = "no derivative by nature"
    REFUSED = "refused"
    MISSING = "unaccounted for"

    @property
    def differentiable(self) -> bool:
        """Whether gradients pass through it."""
        return self in (Status.ENTRY, Status.COMPOSITE)


@dataclass(frozen=True)
class Entry:
    """One function of NumPy.

    Attributes
    ----------
    group : str
        Where it belongs: ``numpy``, ``numpy.linalg``, ``numpy.fft``, ``ufuncs``, ``methods of ufuncs``.
    names : tuple of str
        All names that it has there.
    status : Status
    reason : str
        Why it is refused, if it is.
    """

    group: str
    names: tuple[str, ...]
    status: Status
    reason: str = ""


def survey(scipy: bool = False) -> list[Entry]:
    """Return an entry for each public function of NumPy, once, in alphabetical order by group.

    Parameters
    ----------
    scipy : bool
        Also the ufuncs of ``scipy.special``, where SciPy is installed.

    Examples
    --------
    >>> next(entry for entry in survey() if "tanh" in entry.names)
    Entry(group='ufuncs', names=('tanh',), status=<Status.ENTRY: 'a rule of its own'>, reason='')
    """
    complete()
    modules: dict[str, Any] = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft}
    found = []
    for group, module in modules.items():
        functions = [f for f in _public(module) if not isinstance(f[1], np.ufunc)]
        found += [Entry(group, names, *_status(function)) for names, function in functions]
    ufuncs = [(names, f) for names, f in _public(np) if isinstance(f, np.ufunc)]
    found += [Entry("ufuncs", names, *_status(f)) for names, f in ufuncs]
    found += [
        Entry("methods of ufuncs", (f"{ufunc.__name__}.{method}",), *probed)
        for _, ufunc in ufuncs
        for method in ("reduce", "accumulate", "reduceat", "outer", "at")
        if ufunc.signature is None and (probed := _probe(ufunc, method))
    ]
    if scipy:
        found += [Entry("scipy.special", names, *_status(f)) for names, f in _of_scipy()]
    return found


#: NumPy's tests, and the deprecated name of vstack.
_NOT_TOLD = {"test", "row_stack"}


def _public(module: Any) -> list[tuple[tuple[str, ...], Callable[..., Any]]]:
    """The functions of a module, each with all of its names."""
    names: dict[Any, list[str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in sorted(set(module.__all__)):
            thing = getattr(module, name)
            if callable(thing) and not isinstance(thing, type) and name not in _NOT_TOLD:
                names.setdefault(thing, []).append(name)
    return [(tuple(sorted(found, key=lambda n: (n != f.__name__, n))), f) for f, found in names.items()]


def _of_scipy() -> Iterator[tuple[tuple[str, ...], np.ufunc]]:
    from tinygrad_np.rules import special

    return ((names, f) for names, f in _public(special.scipy) if isinstance(f, np.ufunc))


def _status(function: Callable[..., Any]) -> tuple[Status, str]:
    if function in composites:
        return Status.COMPOSITE, ""
    if function in table:
        return Status.ENTRY if table[function].differentiable else Status.CONSTANT, ""
    if function in constant or function in ARRAYLESS:
        return Status.CONSTANT, ""
    if function in refused:
        return Status.REFUSED, refused[function]
    return Status.MISSING, ""


_ARGUMENTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "reduce": lambda a: (a,),
    "accumulate": lambda a: (a,),
    "reduceat": lambda a: (a, [0, 2]),
    "outer": lambda a: (a, a),
    "at": lambda a: (a, [0, 2], a[:2]),
}


def _probe(ufunc: np.ufunc, method: str) -> tuple[Status, str] | None:
    """Call a method; ``None`` if NumPy has none for this ufunc."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for dtype in (float, int):
            array = np.ones(3, dtype)
            arguments = _ARGUMENTS[method](array.copy())
            try:
                getattr(ufunc, method)(*arguments[: 2 if method == "at" and ufunc.nin == 1 else 3])
            except (TypeError, ValueError):
                continue
            break
        else:
            return None
        leaf = Tensor(array, requires_grad=dtype is float)
        tensor = leaf * 1 if dtype is float else leaf
        arguments = _ARGUMENTS[method](tensor)
        try:
            result = getattr(ufunc, method)(*arguments[: 2 if method == "at" and ufunc.nin == 1 else 3])
        except (NotImplementedError, TypeError) as refusal:
            return Status.REFUSED, str(refusal).replace(f"np.{ufunc.__name__}", "np.f")
        result = tensor if method == "at" else result
        results = result if isinstance(result, tuple) else (result,)
        return (Status.COMPOSITE if any(r.requires_grad for r in results) else Status.CONSTANT), ""


# --- reports
_COLUMNS = ("differentiable", *(s.value for s in (Status.CONSTANT, Status.REFUSED, Status.MISSING)), "in all")


def _counts(entries: list[Entry]) -> list[tuple[str, ...]]:
    """A row of numbers per group, and their sum."""
    groups = list(dict.fromkeys(entry.group for entry in entries))
    rows = []
    for group in (*groups, "in all"):
        count = Counter(entry.status for entry in entries if group in (entry.group, "in all"))
        yes = count[Status.ENTRY] + count[Status.COMPOSITE]
        numbers = (yes, count[Status.CONSTANT], count[Status.REFUSED], count[Status.MISSING], count.total())
        rows.append((group, *map(str, numbers)))
    return rows


def as_markdown(entries: list[Entry]) -> str:
    """Return the counts and the refusals as tables of Markdown."""
    lines = [f"| | {' | '.join(_COLUMNS)} |", f"|---|{'---:|' * len(_COLUMNS)}"]
    lines += [f"| {' | '.join(row)} |" for row in _counts(entries)]
    lines += ["", "| refused | because |", "|---|---|"]
    lines += [f"| {names} | {reason} |" for reason, names in _refusals(entries).items()]
    return "\n".join(lines)


def as_text(entries: list[Entry], width: int = 100) -> str:
    """Return the counts, and behind them every function by name."""
    rows = [("", *_COLUMNS), *_counts(entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(n) for cell, n in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    for group in dict.fromkeys(entry.group for entry in entries):
        for status in Status:
            names = [" = ".join(e.names) for e in entries if e.group == group and e.status is status]
            if names and status is not Status.REFUSED:
                lines += ["", f"{group}: {status.value} ({len(names)})", *_wrapped(names, width)]
    lines += ["", "refused"]
    for reason, found in _refusals(entries).items():
        lines += [*_wrapped(found.split(", "), width), f"      {reason}"]
    return "\n".join(lines)


def _refusals(entries: list[Entry]) -> dict[str, str]:
    """Reason -> the names of all functions that are refused for it."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry.status is Status.REFUSED:
            name = entry.names[0] if "." in entry.names[0] else f"{entry.group}.{entry.names[0]}"
            found.setdefault(entry.reason, []).append(name.replace("ufuncs.", "numpy."))
    return {reason: ", ".join(names) for reason, names in found.items()}


def _wrapped(names: list[str], width: int) -> list[str]:
    lines = ["   "]
    for name in names:
        if len(lines[-1]) + len(name) + 2 > width:
            lines.append("   ")
        lines[-1] += f" {name},"
    return [*lines[:-1], lines[-1].rstrip(",")]
