"""``build``: from a program to a plan, which is run again and again."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from contextvars import Context
from copy import copy
from operator import is_
from pathlib import Path
from sys import getrefcount
from typing import Any, NamedTuple

import numpy as np

from tinygrad_np.compiler import fused as fusion
from tinygrad_np.compiler import fused_turns, loops, products, runtime, turns
from tinygrad_np.compiler.blas import Blas
from tinygrad_np.compiler.memory import placed
from tinygrad_np.compiler.native import regions_of
from tinygrad_np.compiler.passes import optimized
from tinygrad_np.compiler.passes.canonical import in_canonical_form
from tinygrad_np.compiler.passes.dead_code import without_dead_code
from tinygrad_np.compiler.program import Program
from tinygrad_np.compiler.regions import arranged
from tinygrad_np.compiler.roll import Roll
from tinygrad_np.compiler.rolling import rolled, with_turns
from tinygrad_np.compiler.schedule import LARGE, scheduled
from tinygrad_np.compiler.sections import sections
from tinygrad_np.compiler.source import Source
from tinygrad_np.compiler.spreading import spread

__all__ = ["Plan", "Step", "build"]

Array = np.ndarray[Any, Any]

_BACKENDS = ("numpy", "numba")

#: Steps: longer programs become loops first, and only then go through the passes, turn by turn.
_LONG = 20_000


class _Options(NamedTuple):
    """How to compile."""

    backend: str
    threads: int
    large: int
    block: int
    blas: Blas


_HELPERS = (
    "from tinygrad_np.compiler.runtime import array, blocks, both, by_two, halves, memory, rows, scratch, total\n"
)


class Step:
    """The code, with memory for results, and how often this is referred to when nobody else holds any.

    Parameters
    ----------
    bound : callable
    nbytes : int
        Of the memory.
    replacing : list of int, or None
        Which of the lent arrays take the places of those that the last run returned, in order.

    Attributes
    ----------
    run : callable
        Takes the inputs, returns the results; neither warns nor lets another thread wait.
    owners : list of arrays
        The lent ones, and the memory that they are views of.
    replaced : list of arrays
        Those among them that take the places of the last ones.
    free : list of int
        References to each of ``owners`` when nobody else holds it.
    """

    def __init__(self, bound: Any, nbytes: int, replacing: list[int] | None) -> None:
        memory = runtime.memory(nbytes)
        self.run, lent = bound(memory)
        self.owners = [*lent, memory.base]  # which all views of it refer to
        self.replaced = [lent[i] for i in replacing or ()]
        del lent, memory
        self.free = [*map(getrefcount, self.owners)]
        places = set(replacing or ())
        self.in_place = [n + 2 * (i in places) for i, n in enumerate(self.free)]

    def is_free(self, replaced: Sequence[Any]) -> bool:
        """Whether nobody holds what was returned but, at most, the places where the new results go, and this list."""
        counts = [*map(getrefcount, self.owners)]
        return counts == self.free or (
            counts == self.in_place and len(replaced) == len(self.replaced) and all(map(is_, replaced, self.replaced))
        )


class Plan:
    """A program that owns its memory, as compiled NumPy.

    ``results, new_state = plan(inputs, state)``. The results are the caller's. The new state is the plan's own list of
    its own arrays, which the next run changes: copy what is to be kept. Given back as it is, it costs nothing;
    other arrays are copied in. Of the results, ``plan(inputs, state, replaced)`` may overwrite those in the list
    ``replaced``, if they are the last ones in their order, and nobody holds them but one place that gets the new ones.

    Attributes
    ----------
    source : str
        The code that runs, to be read.
    memory : int
        Bytes of the arena, which holds all that lies between inputs and results.
    program : Program
        After the passes.
    quiet : Context
        In which it runs: NumPy does not warn there.
    """

    def __init__(self, program: Program, source: Source, options: _Options) -> None:
        memory = source.memory
        self.program, self.memory = program, memory.arena
        self.source = f"{source.imports()}\n{_HELPERS}\n{source.memories()}\n{source.code()}"
        self._options, self._sizes = options, (memory.arena, memory.state, memory.results)
        self._lent, self._overwrites_late = memory.lent, memory.overwrites_late()
        self._code = compile(f"{source.imports()}{_HELPERS}{source.code()}", "<tinygrad_np.compile>", "exec")
        self._set_up(source.given)

    def _set_up(self, namespace: dict[str, Any]) -> None:
        self._given = namespace
        self._all_state = runtime.memory(self._sizes[1])
        if self._options.backend == "numba":
            namespace = namespace | _numba_functions()
        namespace = namespace | {"arena": runtime.memory(self._sizes[0]), "state": self._all_state}
        exec(self._code, namespace)
        self._state = namespace["STATE"]
        self._lock = threading.Lock()
        self.quiet = Context()
        self.quiet.run(_ignore_warnings)
        self._bound = namespace["bound"]
        self._steps: list[Step] = []  # the one that ran last comes last

    def again(self) -> Plan:
        """Return the same plan with memory of its own."""
        plan = copy(self)
        plan._set_up(self._given)
        return plan

    @property
    def state(self) -> list[Array]:
        """The arrays that it updates."""
        return self._state  # type: ignore[no-any-return]

    @property
    def steps(self) -> list[Step]:
        """What has run, each with memory of its own for results; the one that ran last comes last."""
        return self._steps

    def __call__(
        self, inputs: Sequence[Array], state: list[Array], replaced: Sequence[Any] = ()
    ) -> tuple[list[Array], list[Array]]:
        """Run once."""
        with self._lock:
            if state is not self._state:
                self.load(state)
            if not self._steps or not self._steps[-1].is_free(replaced):
                self._find_a_step(replaced)
            return self.quiet.run(self._steps[-1].run, *inputs), self._state

    def _find_a_step(self, replaced: Sequence[Any]) -> None:
        """Put a step at the end whose memory nobody holds."""
        for i, step in enumerate(self._steps):
            if step.is_free(replaced):
                self._steps.append(self._steps.pop(i))
                return
        lent = [self._lent.index(result) if result in self._lent else -1 for result in self.program.results]
        last = lent[len(lent) - len(replaced) :]
        replacing = last if self._overwrites_late and len(set(last) - {-1}) == len(last) else None
        self._steps = [*self._steps[-1:], Step(self._bound, self._sizes[2], replacing)]

    def load(self, state: Sequence[Array]) -> list[Array]:
        """Take over a state; return the arrays that hold it."""
        given = [
            a.copy() if a is not own and np.may_share_memory(a, self._all_state) else a
            for a, own in zip(state, self._state, strict=True)
        ]
        for a, own in zip(given, self._state, strict=True):
            if a is not own:
                np.copyto(own, a)
        return self._state  # type: ignore[no-any-return]

    def save_source(self, path: str | Path) -> None:
        """Write a Python file that does the same and needs NumPy only: ``results = step(*inputs)``, and ``STATE``.

        Raises
        ------
        ValueError
            If the program calls functions that such a file has no access to.
        """
        source = _written(self.program, self._options._replace(backend="numpy", large=LARGE), full=True)
        if source.given:
            raise ValueError(
                f"this program cannot be a file of its own: NumPy alone does not provide {', '.join(source.given)}"
            )
        helpers = inspect.getsource(runtime).split("__all__", 1)[1].split("\n", 1)[1]
        imports = "import base64\nimport os\nimport threading\nfrom collections.abc import Callable\n"
        imports += "from contextvars import copy_context\n"
        imports += f"from queue import SimpleQueue\nfrom typing import Any\n\n{source.imports()}"
        code = f"{source.memories()}\n{source.code()}\n\nstep, _ = bound(memory({source.memory.results}))\n"
        Path(path).write_text(f"{imports}{helpers}\n\n{code}")


def _ignore_warnings() -> None:
    """What an operation did or did not warn of, it has said when it was captured."""
    np.errstate(all="ignore").__enter__()


def build(
    program: Program,
    backend: str = "numpy",
    *,
    threads: int | None = None,
    large: int | None = None,
    block: int = loops.BLOCK,
    blas: Blas | None = None,
) -> Plan:
    """Optimize a program and compile it.

    Parameters
    ----------
    program : Program
    backend : "numpy" or "numba"
        With numba, what would be gone through block by block is one compiled loop.
    threads : 1 or 2
        How many go through a large loop. Two, if it is not given, and the process may use two processors.
    large : int
        From how many elements on arrays are gone through block by block.
    block : int
        Bytes of a block.
    blas : Blas
        What multiplies matrices, if it is to be taken for another than it is.

    Raises
    ------
    ValueError
        If there is no such backend.
    """
    if backend not in _BACKENDS:
        raise ValueError(f"there is no backend {backend!r}; there are {', '.join(map(repr, _BACKENDS))}")
    options = _Options(
        backend,
        loops.available_threads() if threads is None else threads,
        LARGE if large is None else large,
        block,
        blas or Blas.of_numpy(),
    )
    fuses = fused_turns.can_fuse if backend == "numba" else lambda _: False
    if len(program.steps) > _LONG:
        program = rolled(in_canonical_form(without_dead_code(program)), options.large, options.blas.small)
        program = with_turns(program, optimized)
    program = spread(rolled(optimized(program), options.large, options.blas.small), fuses)
    return Plan(program, _written(program, options), options)


def _written(program: Program, options: _Options, full: bool = False) -> Source:
    numba = options.backend == "numba"
    items = arranged(scheduled(program, 2), options.large) if numba else scheduled(program, options.large)
    fused = {item for item in items if item.region is not None or (numba and item.space and fusion.can_fuse(item))}
    memory = placed(program, items, fused)
    planned, looped, cut = {}, {}, {}
    for i, item in enumerate(items):
        if item.region is not None:
            continue
        if item.space is not None:
            block = min(options.block, fusion.BLOCK) if item in fused else options.block
            planned[item] = loops.planned(item, i, memory, options.threads, block, item in fused)
        elif isinstance(item.steps[-1].function, Roll):
            kind = fused_turns if numba and fused_turns.can_fuse(item.steps[-1]) else turns
            looped[item] = kind.write, kind.planned(item, i, memory)
        elif parts := products.planned(item.steps[0], i, memory, options.blas, options.threads):
            cut[item] = parts
    regions = regions_of(items, memory)
    memory.pack()
    source = Source(program, memory, full)
    begins = {items[i]: name for i, name in sections(program, items).items()}
    for item in items:
        if item.region is not None:
            if item is regions[item.region].items[0]:
                regions[item.region].write(source, begins)
            continue
        if item in begins:
            source.body.append(f"# {begins[item]}")
        if item in planned:
            (fusion.write if item in fused else loops.write)(source, planned[item])
        elif item in looped:
            write, planned_turns = looped[item]
            write(source, planned_turns)
        elif item in cut:
            products.write(source, item.steps[0], cut[item])
        else:
            source.add_step(item.steps[0])
    source.finish()
    return source


def _numba_functions() -> dict[str, Any]:
    from tinygrad_np.compiler import pointers

    return pointers.functions()
