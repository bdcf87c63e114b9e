"""``Compiled``: a function that is captured at first, and replayed from then on."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable
from functools import update_wrapper
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.compiler.capture import capture
from tinygrad_np.compiler.captured import Captured, Followed
from tinygrad_np.compiler.fingerprint import difference, fingerprint
from tinygrad_np.compiler.interpret import Interpreted
from tinygrad_np.compiler.lending import Lent
from tinygrad_np.compiler.places import Place, Surroundings
from tinygrad_np.compiler.plan import build
from tinygrad_np.compiler.program import Program
from tinygrad_np.compiler.recording import CaptureError, current
from tinygrad_np.compiler.signature import MISS, Signature
from tinygrad_np.grad_mode import mode
from tinygrad_np.vectorize import active_sizes

if TYPE_CHECKING:
    from tinygrad_np.compiler.pictures import Pictures

__all__ = ["Compiled"]

#: What can run a program. The interpreter runs it call by call, as it was recorded.
BACKENDS = ("numpy", "numba", "interpreter")

#: How often a function may change something that a program cannot repeat, as it does when it sets something up.
_PATIENCE = 3


_capturing, _batching = current.get, active_sizes.get


class _Case:
    """A signature, its program, and how to run it."""

    def __init__(self, captured: Captured, build: Callable[[Program], Any]) -> None:
        self.signature, self.program = Signature(captured), captured.program
        self.steps = fingerprint(captured)
        self.text = [text for text, _ in self.steps]
        self.expected = [check.expected for check in captured.checks]
        self.confirmed = False
        self._build, self._plan = build, None

    @property
    def plan(self) -> Any:
        """The program, ready to run."""
        if self._plan is None:
            self._plan = self._build(self.signature.program)
        return self._plan

    def take_plan(self, other: _Case) -> None:
        """Use the plan of the same program."""
        self._build, self.confirmed = lambda program: other.plan, True


class _ToBeDifferentiated(Exception):
    """The function belongs to a larger graph: its results depend on arguments that are differentiated."""


class Compiled:
    """What :func:`tinygrad_np.compile` returns: the function, as it was captured.

    Attributes
    ----------
    function : callable
        The function itself.
    captures : int
        How often Python has run it to capture it.
    program : Program
        What the last capture has recorded.
    graph : Pictures
        The same as a picture; ``graph.after`` is what the passes have made of it.
    source : str
        The code that computes it.
    memory : int
        Bytes of the buffers of that code.
    """

    def __init__(self, function: Callable[..., Any], backend: str = "numpy", max_captures: int = 16) -> None:
        update_wrapper(self, function)
        self.function, self.backend, self.max_captures = function, backend, max_captures
        if backend not in BACKENDS:
            raise ValueError(f"compile: there is no backend {backend!r}; there are {', '.join(map(repr, BACKENDS))}")
        self._cases: list[_Case] = []
        self._plain: list[Signature] = []  # calls that are not to be compiled
        self._ready: list[tuple[Callable[..., Any], Any]] = []  # how confirmed cases are called, and their plans
        self._latest: _Case | None = None
        self._followed: Followed = set()
        self._numbers: dict[tuple[int, Any], tuple[Any, Any]] = {}  # a number's place -> its container, the number
        self._unsteady = 0
        self._left: dict[str, Any] = {}  # what the last call changed -> a sign of what it was then
        self.captures = 0

    def __reduce__(self) -> Any:
        return Compiled, (self.function, self.backend, self.max_captures)  # a copy captures anew

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if _capturing() is None and not _batching():
            for call, plan in self._ready:
                if (result := call(args, kwargs, plan)) is not MISS:
                    return result
            if isinstance(mode(), bool):
                return self._call_of_a_new_kind(args, kwargs)
        return self.function(*args, **kwargs)  # inside of another capture, or of vmap, or somebody watches

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.function, '__name__', self.function)}>"

    def _call_of_a_new_kind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        known = [call for call, _ in self._ready]
        new = [case for case in self._cases if case.confirmed and case.signature.call not in known]
        self._ready[:0] = [(case.signature.call, case.plan) for case in new]
        return self(*args, **kwargs) if new else self._capture(args, kwargs)

    # --- capturing --------------------------------------------------------------------------------------------------
    def _capture(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        refreshed = [case.signature.refresh() for case in self._cases]
        if any(refreshed):
            return self(*args, **kwargs)
        waiting = [case for case in self._cases if case.signature.matches(args, kwargs) is not MISS]
        if any(signature.matches(args, kwargs) is not MISS for signature in self._plain):
            return self.function(*args, **kwargs)
        if not waiting and len(self._cases) >= self.max_captures:
            return self._give_up(args, kwargs)
        positional = _names(self.function, len(args))
        arguments = dict(zip(positional, args, strict=True)) | kwargs
        surroundings = Surroundings([(Place({}, ""), self.function, ""), (Place({}, ""), arguments, "")])
        followed = self._follow(surroundings, arguments)
        self.captures += 1
        try:
            return capture(
                self.function, arguments, positional, surroundings, followed,
                lambda captured: self._accept(captured, waiting),
            )  # fmt: skip
        except _ToBeDifferentiated as found:
            self._plain.append(found.args[0])
            return self.function(*args, **kwargs)

    def _follow(self, surroundings: Surroundings, arguments: dict[str, Any]) -> Followed:
        """The numbers that have been others before: the program is to compute with what they are in each call."""
        for leaf in surroundings.leaves:
            if type(leaf.thing) in (int, float) or isinstance(leaf.thing, np.number):
                container = leaf.place.container
                where = (0 if container is arguments else id(container), leaf.place.key)
                if where in self._numbers and self._numbers[where][1] != leaf.thing:
                    self._followed.add(where)
                self._numbers[where] = container if where[0] else None, leaf.thing
        return {(where or id(arguments), key) for where, key in self._followed}

    def _accept(self, captured: Captured, waiting: list[_Case]) -> None:
        """See whether a capture can be replayed; ``waiting`` are the cases with its signature."""
        if captured.open_graph:
            raise _ToBeDifferentiated(Signature(captured))
        if captured.changed:
            new = captured.numbers - self._followed
            self._followed |= new
            if not any(self._left.get(name) == found for name, (found, _) in captured.changed.items()):
                self._unsteady = 0  # somebody has undone what the last call did
            self._left = {name: left for name, (_, left) in captured.changed.items()}
            self._unsteady += not new
            if self._unsteady >= _PATIENCE:
                raise CaptureError(
                    f"{self!r} changes {', '.join(captured.changed)} in each call, and a replay would not: return what "
                    f"is to be kept, or keep numbers in Tensors that are made before"
                )
            return
        self._unsteady = 0
        case = self._latest = _Case(captured, self._build)
        for known in waiting:
            if known.text == case.text:
                known.confirmed, self._latest = True, known  # it may have a plan already
                return
            if known.expected == case.expected:
                what = difference(known.steps, case.steps, captured.lines)
                raise CaptureError(
                    f"{self!r} computed something else when it was called again: {what}. It depends on something that "
                    f"is not an argument, nor in its closure or its globals, such as a file, the time, an iterator, or "
                    f"random numbers without a Generator: pass it as an argument"
                )
        for known in self._cases:
            if known.text == case.text:
                case.take_plan(known)
        self._cases.insert(0, case)

    def _give_up(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.max_captures >= 0:
            warnings.warn(
                f"{self!r} has been captured {len(self._cases)} times, with arguments or surroundings of different "
                f"shapes or settings, and runs uncompiled where these are new; pass changing numbers as arrays, pad "
                f"batches to one size, or raise max_captures",
                RuntimeWarning,
                stacklevel=4,
            )
        return self.function(*args, **kwargs)

    def _build(self, program: Program) -> Any:
        return Interpreted(program) if self.backend == "interpreter" else Lent(build(program, self.backend))

    # --- looking inside ---------------------------------------------------------------------------------------------
    def _case(self) -> _Case:
        if self._latest is None:
            raise RuntimeError(f"{self!r} has not been captured yet: call it once, or once more")
        return self._latest

    @property
    def program(self) -> Program:
        """What the last capture has recorded."""
        return self._case().program

    @property
    def graph(self) -> Pictures:
        """Two drawings: what was captured, and what the passes have made of it."""
        from tinygrad_np.compiler.pictures import Pictures, drawn

        case = self._case()
        return Pictures(drawn(case.program), drawn(case.plan.program))

    @property
    def source(self) -> str:
        """The code that computes it."""
        case = self._case()
        return "".join(f"# {formula}\n" for formula in case.signature.formulas) + str(case.plan.source)

    @property
    def memory(self) -> int:
        """Bytes of the buffers of that code."""
        return int(self._case().plan.memory)

    @property
    def signature(self) -> str:
        """The code that decides whether a call is of the kind that was captured."""
        return self._case().signature.source

    def save_source(self, path: str | os.PathLike[str]) -> None:
        """Write the code to a file that needs NumPy only."""
        self._case().plan.save_source(path)


def _names(function: Callable[..., Any], n: int) -> list[str]:
    """Names for ``n`` positional arguments."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:n]
    return names + [f"args.{i}" for i in range(len(names), n)]
