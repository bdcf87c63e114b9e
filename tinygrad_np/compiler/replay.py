"""The replay of a capture, as Python code: draw random numbers, run the program, put everything where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.compiler.arithmetic import Arithmetic
from tinygrad_np.compiler.captured import Captured, Source
from tinygrad_np.compiler.program import Program
from tinygrad_np.compiler.results import Output

if TYPE_CHECKING:
    from tinygrad_np.compiler.signature import Signature

__all__ = ["Replay", "apart", "entangled", "indented"]


class Replay:
    """What a call does when its signature is the captured one.

    Parameters
    ----------
    captured : Captured
    signature : Signature
        Has the names of what a call finds.

    Attributes
    ----------
    program : Program
        What the plan has to compute.
    formulas : list of str
        How the numbers among its inputs are computed.
    """

    def __init__(self, captured: Captured, signature: Signature) -> None:
        self._captured, self._signature = captured, signature
        self.program: Program
        self.formulas: list[str]

    def as_left(self, state: Iterable[str]) -> list[str]:
        """Lines that see whether the state is as the last call has left it, and so are the gradients to be replaced."""
        state, replaced = list(state), self._replaced()
        known = ["kept", *(f"{place} is kept[{i}]" for i, place in enumerate(state))]
        known += [f"getrefcount({tensor}) == IN_ONE_PLACE" for tensor in self._rebound()]
        grads = [f"{place} is kept[{i}]" for i, place in enumerate(replaced, len(state))]
        in_place = f"in_place = {' and '.join(['as_left', *grads])}"
        return [f"as_left = {' and '.join(known)}", *([in_place] if replaced else [])]

    def lines(self, state: Iterable[str], entanglement: Iterable[str]) -> list[str]:
        """Return the code, given where the arrays of the state are, and when one of them is another one, too."""
        captured = self._captured
        names: dict[Any, str] = {source.before: name for source, name in reversed(self._signature.reads.items())}
        names |= {draw.value: f"draw{i}" for i, draw in enumerate(captured.draws)}
        arithmetic = Arithmetic(captured, names, self._signature.bind)
        before, undo = self._generators()
        lines = [*arithmetic.before(()), *before, *self._draws(), *arithmetic.before(undo), *arithmetic.numbers()]
        inputs = ", ".join(names[value] for value in arithmetic.program.inputs)
        place_of: dict[Any, str] = {value: f"new[{i}]" for i, value in enumerate(arithmetic.program.state)}
        n_returned = sum(output.value is not None and not output.value.weak for output in captured.outputs)
        grads = iter([f"results[{i}]" for i in range(n_returned, len(arithmetic.program.results))])
        replaced = self._replaced()
        writes, stores, always = list[str](), list[str](), list[str]()
        for source in captured.sources:
            if source.kind == "grad":
                if source.changes:
                    new = self._gradient(source, grads)
                    new = f"handed_out({new}, ({self._signature.node(source)},))" if source.recorded else new
                    place = f"{self._signature.node(source)}.grad"
                    (stores if place in replaced else always).append(f"{place} = {new}")
            elif source.changes and source.kind == "number":
                places = map(self._signature.at, source.places)
                always.append(f"{' = '.join(places)} = {names[source.after]}")
            elif source.changes:
                writes += self._write(source, place_of[source.before])
        targets = [write[7:].partition(",")[0] for write in writes if write.startswith("copyto(")]
        if targets:
            listed = f"[{', '.join(targets)}]"
            writes[:0] = [f"results, new = apart(results, {listed}), apart(new, {listed})"]
        free = "counts == plan.counts or plan.turn()"
        run = [
            "if as_left:",
            "    with plan.lock:",
            "        counts = [*map(getrefcount, plan.owned)]",
            *(["        in_place = in_place and counts == plan.counts_in_place"] if replaced else []),
            f"        as_left = kept is plan.kept and ({f'in_place or {free}' if replaced else free})",
            "        if as_left:",
            f"            results = plan.run(plan.step{inputs and f', {inputs}'})",
            "if not as_left:",
            *(f"    if {condition}: {'; '.join([*undo, 'return MISS'])}" for condition in entanglement),
            "    kept = in_place = None",
            f"    results, new = plan([{inputs}], [{', '.join(map(self._unshared, state))}], [{', '.join(replaced)}])",
        ]
        if undo:
            run = ["try:", *map(indented, run), "except BaseException:", *map(indented, undo), "    raise"]
        writes = ["if not as_left:", *map(indented, writes)] if writes else []
        stores = ["if not in_place:", *map(indented, stores)] if stores else []
        self.program, self.formulas = arithmetic.program, arithmetic.formulas()
        return [*lines, *run, *writes, *stores, *always, f"return {self._result(names)}"]

    def _rebound(self) -> list[str]:
        """The Tensors whose places get others: somebody who holds one holds its array."""
        rebound = [s for s in self._captured.sources if s.kind == "tensor" and s.rebound]
        return [self._signature.tensors[id(source.thing)] for source in rebound]

    def _unshared(self, place: str) -> str:
        """The expression for an array of the state, copied if it belongs to a Tensor that somebody holds."""
        tensor = place.removesuffix("._data")
        shared = f"getrefcount({tensor}) > IN_ONE_PLACE"
        return f"{place}.copy() if {shared} else {place}" if tensor in self._rebound() else place

    def _replaced(self) -> list[str]:
        """The expressions for the gradients that the last results replace, as long as these have no graph."""
        grads = [s for s in self._captured.sources if s.kind == "grad" and s.changes and s.after and not s.given]
        known = all(s.before is not None and not s.recorded for s in grads)
        return [f"{self._signature.node(s)}.grad" for s in grads] if known else []

    def _gradient(self, source: Source, results: Iterator[str]) -> str:
        """The expression for what is left as a gradient."""
        if source.given is not None:
            return self._signature.reads[source.given]
        return next(results) if source.after is not None else "None"

    def _places(self) -> list[str]:
        """The expressions for the generator of each draw."""
        places = {id(leaf.thing): leaf.place for leaf in self._captured.surroundings.leaves}
        return [self._signature.at(places[id(draw.generator)]) for draw in self._captured.draws]

    def _generators(self) -> tuple[list[str], list[str]]:
        """Lines that remember the states of generators, and lines that set them back: as if nothing had been drawn."""
        used = sorted(set(self._places()))
        undo = [f"{generator}.bit_generator.state = before[{i}]" for i, generator in enumerate(used)]
        return [f"before = [{', '.join(f'{g}.bit_generator.state' for g in used)}]"] if used else [], undo

    def _draws(self) -> list[str]:
        bind, lines = self._signature.bind, []
        for i, (draw, place) in enumerate(zip(self._captured.draws, self._places(), strict=True)):
            args = ", ".join([*map(bind, draw.args), *(f"{key}={bind(arg)}" for key, arg in draw.kwargs.items())])
            drawn = f"{place}.{draw.method}({args})"
            lines.append(f"draw{i} = {drawn if draw.value.weak else f'asarray({drawn})'}")
        return lines

    def _write(self, source: Source, new: str) -> list[str]:
        if source.kind == "tensor" and not source.rebound:
            return [f"{self._signature.tensors[id(source.thing)]}._data = {new}"]
        if source.kind == "tensor":
            return [f"{self._signature.at(source.places[0])} = wrap({new})"]
        if source.kind == "scalar":
            return [f"{self._signature.at(source.places[0])} = {new}[()]"]
        if self._signature.is_copied(source):
            return [f"copyto({self._signature.reads[source]}, {new})"]
        return [f"{self._signature.at(place)} = {new}" for place in source.places]

    def _result(self, names: dict[Any, str]) -> str:
        made, n = [], 0
        for output in self._captured.outputs:
            if output.value is None:
                of_object = output.kind == "object"
                made.append(self._signature.bind(output.thing) if of_object else self._known(output.thing))
                continue
            if output.value.weak:
                made.append(names[output.value])
                continue
            found = f"results[{n}]"
            n += 1
            match output.kind:
                case "tensor":
                    made.append(f"wrap({found})")
                case "recorded":
                    made.append(f"handed_out({found}, {self._parents(output)})")
                case "array":
                    made.append(found)
                case _:
                    made.append(f"{found}[()]")
        rebuild = self._captured.rebuild
        return made[0] if rebuild is None else f"{self._signature.bind(rebuild, 'rebuild')}([{', '.join(made)}])"

    def _parents(self, output: Output) -> str:
        """The expression for the nodes that a result depends on."""
        names = list(map(self._signature.node, output.thing))
        if any("." in name for name in names):  # of arguments
            return f"({', '.join(names)},)"
        return self._signature.bind(tuple(source.thing._node for source in output.thing), "parents")

    def _known(self, source: Source) -> str:
        """The expression for a Tensor or an array that was there before."""
        return self._signature.tensors[id(source.thing)] if source.kind == "tensor" else self._signature.reads[source]


def apart(arrays: list[Any], targets: list[Any]) -> list[Any]:
    """Return arrays that do not change when ``targets`` are written to."""
    return [a.copy() if any(np.may_share_memory(a, target) for target in targets) else a for a in arrays]


def entangled(same: Callable[[Any, Any], bool], n: int, arrays: list[Any]) -> bool:
    """Whether one of the first ``n`` arrays is ``same`` as another one."""
    return any(same(arrays[i], other) for i in range(n) for other in arrays[i + 1 :])


def indented(line: str) -> str:
    """A line of code, further in."""
    return f"    {line}"
