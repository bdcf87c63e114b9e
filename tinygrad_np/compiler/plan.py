"""``build``: from a program to a plan, which is run again and again."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_np.compiler import loops, runtime
from tinygrad_np.compiler.memory import Memory, placed
from tinygrad_np.compiler.passes import optimized
from tinygrad_np.compiler.program import Program
from tinygrad_np.compiler.schedule import LARGE, scheduled
from tinygrad_np.compiler.source import Source

__all__ = ["Plan", "build"]

Array = np.ndarray[Any, Any]


class Plan:
    """A program that owns its memory, as compiled NumPy.

    ``results, new_state = plan(inputs, state)``. The results are the caller's. The new state is the plan's own list of
    its own arrays, which the next run changes: copy what is to be kept. Given back as it is, it costs nothing;
    other arrays are copied in.

    Attributes
    ----------
    source : str
        The code that runs, to be read.
    memory : int
        Bytes of the arena, which holds all that lies between inputs and results.
    program : Program
        After the passes.
    """

    def __init__(
        self, program: Program, source: str, given: dict[str, Any], memory: Memory, options: tuple[int, int, int]
    ) -> None:
        self.program, self.source, self.memory = program, source, memory.arena
        self._options = options
        self._code = compile(source, "<tinygrad_np.compile>", "exec")
        self._set_up(dict(given))

    def _set_up(self, namespace: dict[str, Any]) -> None:
        exec(self._code, namespace)
        self._step, self._state = namespace["step"], namespace["STATE"]
        self._all_state = namespace["state"]
        self._lock = threading.Lock()

    def again(self) -> Plan:
        """Return the same plan with memory of its own."""
        plan = copy(self)
        plan._set_up(dict(self._step.__globals__))
        return plan

    @property
    def state(self) -> list[Array]:
        """The arrays that it updates."""
        return self._state  # type: ignore[no-any-return]

    def __call__(self, inputs: Sequence[Array], state: list[Array]) -> tuple[list[Array], list[Array]]:
        """Run once."""
        with self._lock:
            if state is not self._state:
                self.load(state)
            return self._step(*inputs), self._state

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
        source, _ = _written(self.program, *self._options, full=True)
        if source.given:
            raise ValueError(
                f"this program cannot be a file of its own: NumPy alone does not provide {', '.join(source.given)}"
            )
        helpers = inspect.getsource(runtime).split("__all__", 1)[1].split("\n", 1)[1]
        imports = (
            "import base64\nimport os\nimport sys\nimport threading\nfrom collections.abc import Callable, Iterable\n"
        )
        imports += "from queue import SimpleQueue\nfrom typing import Any\n\nimport numpy as np\n"
        Path(path).write_text(f"{imports}{helpers}\n\n{source.code()}")


def build(
    program: Program, backend: str = "numpy", *, threads: int = 2, large: int = LARGE, block: int = loops.BLOCK
) -> Plan:
    """Optimize a program and compile it.

    Parameters
    ----------
    program : Program
    backend : "numpy"
    threads : 1 or 2
        How many go through a large loop.
    large : int
        From how many elements on arrays are gone through block by block.
    block : int
        Bytes of a block.

    Raises
    ------
    ValueError
        If there is no such backend.
    """
    if backend != "numpy":
        raise ValueError(f"there is no backend {backend!r}; there is 'numpy'")
    program = optimized(program)
    source, memory = _written(program, threads, large, block)
    imports = (
        "import numpy as np\n\nfrom tinygrad_np.compiler.runtime import Fresh, array, blocks, both, memory, scratch\n"
    )
    return Plan(program, f"{imports}{source.code()}", source.given, memory, (threads, large, block))


def _written(program: Program, threads: int, large: int, block: int, full: bool = False) -> tuple[Source, Memory]:
    items = scheduled(program, large)
    memory = placed(program, items)
    planned = {
        item: loops.planned(item, i, memory, threads, block) for i, item in enumerate(items) if item.space is not None
    }
    memory.pack()
    source = Source(program, memory, full)
    for item in items:
        if item in planned:
            loops.write(source, planned[item])
        else:
            source.add_step(item.steps[0])
    source.finish()
    return source, memory
