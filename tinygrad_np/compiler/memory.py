"""Where each array lies: views, results in place of dying operands, states updated in place, one arena for the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate

from tinygrad_np.compiler.kinds import is_elementwise
from tinygrad_np.compiler.packing import Block, in_a_row, pack
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.schedule import Item
from tinygrad_np.compiler.views import Views, is_computed_into, nbytes

__all__ = ["Memory", "Place", "placed"]

_LENT = 1 << 14  # bytes: smaller results are copied, larger ones are lent


@dataclass(slots=True, frozen=True)
class Place:
    """Where in a block an array begins."""

    block: Block
    offset: int


class Memory(Views):
    """The places of all values of a program that are allocated once.

    Attributes
    ----------
    place : dict of Value to Place
        Of what is computed into memory of ours, and of states.
    fixed : set of Value
        What is the same array in each run: all these, constants, and views of them.
    scratch : set of Value
        What exists block by block only, within one loop.
    copies : list of (Value, Value)
        State, and the new value to be copied there at the end.
    lent : list of Value
        Results that lie in memory of ours: it is not used again while somebody holds them.
    arena, state, results : int
        Bytes.
    fused : set of Item
        Loops that keep what exists within one turn in registers.
    """

    def __init__(self, program: Program, items: list[Item], fused: Collection[Item] = ()) -> None:
        super().__init__(program, items)
        self.fused = fused
        self.place: dict[Value, Place] = {}
        self.blocks: list[Block] = []
        self.scratch = {step for step in self.at if self._is_scratch(step)}
        self.fixed: set[Value] = set()
        self.copies: list[tuple[Value, Value]] = []
        self.lent: list[Value] = []
        self._lasting: list[tuple[Block, int]] = []  # blocks with constants in them, and the bytes before these

    def _is_scratch(self, step: Value) -> bool:
        here = self.at[step][0]
        inside = all(item == here for item, _ in self.reads[step])
        return self.items[here].space is not None and is_elementwise(step) and inside

    def may_be_ours(self, value: Value) -> bool:
        """Whether an array may show memory that the next run writes to."""
        return any(root in self.place for root in self.roots(value))

    def by_columns(self, value: Value) -> bool:
        """Whether an array lies in memory column by column."""
        return value in self.columns and value in self.place

    # --- where it lies ----------------------------------------------------------------------------------------------
    def _new(self, n: int, kind: str, first: int, last: int) -> Block:
        self.blocks.append(Block(n, kind, first, last))
        return self.blocks[-1]

    def _put(self, value: Value, block: Block, offset: int) -> None:
        self.place[value] = Place(block, offset)
        block.members.append(value)
        block.last = max(block.last, self.until(value)[0])

    def _place_states(self) -> None:
        states = set(self.program.state)
        joins = [step for step in self.at if step.function is join and states.issuperset(step.args)]
        for step in sorted(joins, key=lambda step: -len(step.args)):
            if not states & set(self.place) & set(step.args):
                self._side_by_side(step, "state", 0)
        for state in self.program.state:
            if state not in self.place:
                self._put(state, self._new(nbytes(state), "state", 0, len(self.items)), 0)
        for step in joins:  # part of a larger one
            first = self.place[step.args[0]]
            if step not in self.place and self._stand_in_a_row(step.args, first):
                self._put(step, first.block, first.offset)

    def _stand_in_a_row(self, values: tuple[Value, ...], place: Place) -> bool:
        for value in values:
            if self.place[value] != place:
                return False
            place = Place(place.block, place.offset + nbytes(value))
        return True

    def _place_joined(self) -> None:
        shown = {root for result in self.program.results for root in self.roots(result)}
        for step, (i, _) in self.at.items():
            if step.function is join and step not in self.place:
                kind = "results" if any(shown & self.roots(arg) for arg in step.args) else "arena"
                self._side_by_side(step, kind, i)

    def _side_by_side(self, step: Value, kind: str, first: int) -> None:
        block, offset = self._new(nbytes(step), kind, first, first), 0
        self._put(step, block, 0)
        ends = accumulate(map(nbytes, step.args), initial=0)
        constants = [end for arg, end in zip(step.args, ends, strict=False) if arg.array is not None]
        if constants and kind == "arena":  # they are put there once
            block.first, block.last = 0, len(self.items)
            self._lasting.append((block, constants[0]))
        parts: dict[tuple[Value, int], int] = defaultdict(int)  # root, and where it would begin -> bytes that are shown
        for arg in step.args:
            if found := self.within(arg):
                parts[found[0], offset - found[1]] += nbytes(arg)
            offset += nbytes(arg)
        for (root, start), shown in parts.items():
            if root not in self.place and shown == nbytes(root) and (kind == "state") == (root not in self.at):
                here: Value | None = root
                while here is not None and here not in self.scratch:
                    self._put(here, block, start)
                    block.first = min(block.first, self.at.get(here, (0,))[0])
                    here = self._overwritten_by(here)

    def _overwritten_by(self, step: Value) -> Value | None:
        """An operand that only lives to be overwritten, in its place, by a step."""
        for arg in operands(step) if is_elementwise(step) else ():
            ours = arg in self.at and self.is_ours(arg) and not self.is_view(arg) and arg not in self.place
            alike = (arg.shape, arg.dtype) == (step.shape, step.dtype) and arg not in self.columns
            if ours and alike and self.reads[arg][-1] == self.at[step]:
                return arg
        return None

    def _targets(self) -> dict[Value, Place]:
        """New value -> the place of the states that it becomes, if it covers them exactly."""
        found: dict[Value, set[tuple[Block, int]]] = defaultdict(set)
        covered: dict[Value, int] = defaultdict(int)
        for state, value in self.program.updates.items():
            if (within := self.within(value)) is not None and within[0] in self.at:
                root, offset = within
                place = self.place[state]
                found[root].add((place.block, place.offset - offset))
                covered[root] += nbytes(state)
        return {
            root: Place(*next(iter(places)))
            for root, places in found.items()
            if len(places) == 1 and covered[root] == nbytes(root) and next(iter(places))[1] >= 0
        }

    def assign(self) -> None:
        """Find a place for each value."""
        self._place_states()
        self._place_joined()
        targets = self._targets()
        results = {r for r in self.program.results if self.roots(r) == {r}} & self.at.keys()
        for step, (i, _) in self.at.items():
            if step in self.scratch and self.items[i] not in self.fused:
                self._place_on_the_way(step, targets, results)
            if step in self.place or step in self.scratch or not self.is_ours(step) or self.is_view(step):
                continue
            target = targets.get(step)
            if target and self._may_overwrite(step, target):
                self._put(step, target.block, target.offset)
            elif step in results and nbytes(step) >= _LENT and step not in self.columns and not target:
                self._put(step, self._new(nbytes(step), "results", i, i), 0)
            else:
                self._place_alone(step, i)
        self._lend()
        self.fixed = set(self._probes) - self.scratch
        self.copies = [
            (state, value) for state, value in self.program.updates.items()
            if value is not state and not self._is_at(value, self.place[state])
        ]  # fmt: skip

    def _place_on_the_way(self, step: Value, targets: dict[Value, Place], results: set[Value]) -> None:
        """Compute what exists within a loop only where the loop leaves something later: one array less in the cache."""
        i, j = self.reads[step][-1]
        for later in self.items[i].steps[j:]:
            if (later.shape, later.dtype) != (step.shape, step.dtype) or not is_elementwise(later):
                continue
            if later in results and later not in self.place and later not in targets and nbytes(later) >= _LENT:
                targets[later] = Place(self._new(nbytes(later), "results", i, i), 0)
            if later in targets and self._may_overwrite(step, targets[later]):
                self._put(step, targets[later].block, targets[later].offset)
                self.scratch.remove(step)
                return

    def _lend(self) -> None:
        """Find the results that need not be copied, which do not overlap."""
        taken: list[tuple[Block, int, int]] = []
        for result in self.program.results:
            place = self.root_place(result)
            if place is None or place.block.kind != "results" or result in self.lent:
                continue
            end = place.offset + nbytes(result)
            if all(place.block is not b or end <= first or last <= place.offset for b, first, last in taken):
                taken.append((place.block, place.offset, end))
                self.lent.append(result)

    def in_results(self, value: Value) -> bool:
        """Whether an array lies among results, and so elsewhere whenever these are held."""
        return any(map(self._is_result, self.roots(value)))

    def overwrites_late(self) -> bool:
        """Whether all steps that may raise an error come before the first that writes to memory for results."""
        first = [at for step, at in self.at.items() if self._is_result(step)]
        risky = [at for step, at in self.at.items() if not (is_computed_into(step) or self.is_view(step))]
        return not first or not risky or max(risky) < min(first)

    def _is_result(self, step: Value) -> bool:
        return step in self.place and self.place[step].block.kind == "results"

    def _place_alone(self, step: Value, i: int) -> None:
        for arg in operands(step) if is_elementwise(step) else ():
            place = self.place.get(arg) if arg in self.columns else self.root_place(arg)
            alike = (arg.dtype, size(arg), arg in self.columns) == (step.dtype, size(step), step in self.columns)
            if place and alike and place.block.kind == "arena" and self._may_overwrite(step, place):
                self._put(step, place.block, place.offset)
                return
        for block, room in self._lasting:
            if nbytes(step) <= room and self._may_overwrite(step, Place(block, 0)):
                self._put(step, block, 0)
                return
        self._put(step, self._new(nbytes(step), "arena", i, i), 0)

    def _may_overwrite(self, step: Value, place: Place) -> bool:
        """Whether nothing that lies there is read after a step, nor by it at other places than where it writes."""
        here, end = self.at[step], place.offset + nbytes(step)
        members = place.block.members
        members[:] = [member for member in members if self.until(member) >= here]  # the others are gone for good
        for member in members:
            start = self.place[member].offset
            if start >= end or start + nbytes(member) <= place.offset:
                continue
            if self.until(member) > here:
                return False
            aligned = start == place.offset and nbytes(member) == nbytes(step) and is_elementwise(step)
            if here in self.reads[member] and not aligned:
                return False
            if aligned and not all(self._plain(arg, member) for arg in operands(step)):
                return False
        return True

    def _plain(self, arg: Value, member: Value) -> bool:
        """Whether an operand does not look at ``member`` otherwise than from its beginning to its end."""
        if arg is member or member not in self.roots(arg):
            return True
        return self.within(arg) == (member, 0) and size(arg) == size(member)

    def root_place(self, value: Value) -> Place | None:
        """Where a contiguous array of ours begins."""
        within = self.within(value)
        if within is None or within[0] not in self.place:
            return None
        place = self.place[within[0]]
        return Place(place.block, place.offset + within[1])

    def _is_at(self, value: Value, place: Place) -> bool:
        return self.root_place(value) == place

    def temporary(self, n: int, i: int) -> Block:
        """Memory for the time of one item."""
        return self._new(n, "arena", i, i)

    def at_place(self, like: Value, place: Place, turns: int | None = None) -> Value:
        """An array like another one, or one for each of so many turns, that always lies in the same place."""
        value = Value(None, (), {}, like.shape if turns is None else (turns, *like.shape), like.dtype, like.name)
        self.place[value] = place
        self.fixed.add(value)
        return value

    def pack(self) -> None:
        """Give each block its offset."""
        kinds = {kind: [b for b in self.blocks if b.kind == kind] for kind in ("arena", "state", "results")}
        self.arena = pack(kinds["arena"])
        self.state, self.results = in_a_row(kinds["state"], 640), in_a_row(kinds["results"], 256)


def placed(program: Program, items: list[Item], fused: Collection[Item] = ()) -> Memory:
    """Find a place for each value of a program."""
    memory = Memory(program, items, fused)
    memory.assign()
    return memory
