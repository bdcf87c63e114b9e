"""Where each array lies: views, results in place of dying operands, states updated in place, one arena for the rest."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_array_of, is_contraction, is_elementwise, is_view, reducing_ufunc
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands, size
from tinygrad_np.compiler.schedule import Item

__all__ = ["ALIGNMENT", "Block", "Memory", "Place", "placed"]

_LENT = 1 << 14  # bytes: smaller results are copied, larger ones are lent
_FEW = 16  # columns
_MANY = 1000  # blocks: to pack more of them closely takes too long
ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


@dataclass(slots=True, eq=False)
class Block:
    """A piece of memory, and the items during which it is in use."""

    nbytes: int
    kind: str  # "arena", "state" or "results"
    first: int
    last: int
    offset: int = -1
    members: list[Value] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Place:
    """Where in a block an array begins."""

    block: Block
    offset: int


def nbytes(value: Value) -> int:
    """Bytes of an array."""
    return size(value) * value.dtype.itemsize


class Memory:
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
    """

    def __init__(self, program: Program, items: list[Item]) -> None:
        self.program, self.items = program, items
        self.place: dict[Value, Place] = {}
        self.scratch: set[Value] = set()
        self.fixed: set[Value] = set()
        self.blocks: list[Block] = []
        self.at = {step: (i, j) for i, item in enumerate(items) for j, step in enumerate(item.steps)}
        self._probes: dict[Value, Any] = {}
        self._reads: dict[Value, list[tuple[int, int]]] = defaultdict(list)  # root -> where it is read
        self._end = len(items)
        self._roots: dict[Value, frozenset[Value]] = {}
        self._columns = self._by_columns()
        self._find_views()
        self._find_reads()

    def _by_columns(self) -> set[Value]:
        """The results that lie in memory column by column: with few columns, a call then has long runs to go through.

        It is so for what is computed elementwise, or by a reduction, from what does not come row by row, and as long
        as nobody goes through it block by block.
        """
        found: set[Value] = set()
        looped = {arg for item in self.items if item.space for step in item.steps for arg in (step, *operands(step))}
        for step in self.at:
            rows, columns = step.shape if len(step.shape) == 2 else (0, 0)
            if step in looped or not 2 <= columns <= _FEW or rows < 4 * columns or not is_elementwise(step):
                continue
            alike = [arg for arg in operands(step) if arg.shape == step.shape]
            if all(arg in found or is_contraction(arg) for arg in alike):
                found.add(step)
        return found

    # --- what is a view of what -------------------------------------------------------------------------------------
    def _find_views(self) -> None:
        program = self.program
        for value in program.state:
            self._roots[value] = frozenset([value])
            self._probes[value] = np.empty(value.shape, value.dtype)
        for item in self.items:
            for step in item.steps:
                self._roots[step] = self._root_of(step)

    def _root_of(self, step: Value) -> frozenset[Value]:
        x = step.args[0] if step.args else None
        if is_view(step) and isinstance(x, Value):
            probe = x.array if x.array is not None else self._probes.get(x)
            if probe is None:  # a view, or for reshape perhaps a copy: as the array comes that is not ours
                return self.roots(x) | ({step} if step.function is np.reshape else frozenset())
            seen = step.function(probe, *step.args[1:])  # type: ignore[misc]
            if np.may_share_memory(seen, probe) or not seen.size:
                self._probes[step] = seen
                return self.roots(x)
        if is_computed_into(step):
            self._probes[step] = np.empty(step.shape, step.dtype, order="F" if step in self._columns else "C")
            return frozenset([step])
        return frozenset([step]).union(*map(self.roots, operands(step)))  # it may return a view of an operand

    def roots(self, value: Value) -> frozenset[Value]:
        """The values whose memory a value may be seen through."""
        return self._roots.get(value, frozenset())

    def may_be_ours(self, value: Value) -> bool:
        """Whether an array may show memory that the next run writes to."""
        return any(root in self.place for root in self.roots(value))

    def is_view(self, step: Value) -> bool:
        """Whether a step is nothing but another look at its operand."""
        return is_view(step) and step not in self._roots[step]

    def by_columns(self, value: Value) -> bool:
        """Whether an array lies in memory column by column."""
        return value in self._columns and value in self.place

    def contiguous(self, value: Value) -> bool:
        """Whether an array of ours lies in memory in its own order, without gaps."""
        return value in self._probes and bool(self._probes[value].flags.c_contiguous)

    def _within(self, value: Value) -> tuple[Value, int] | None:
        """The one root of a contiguous view, and where in it the view begins."""
        if len(self.roots(value)) != 1 or not self.contiguous(value):
            return None
        (root,) = self.roots(value)
        if root not in self._probes:
            return None
        return root, self._probes[value].ctypes.data - self._probes[root].ctypes.data

    # --- when it is read --------------------------------------------------------------------------------------------
    def _find_reads(self) -> None:
        for step, at in self.at.items():
            for arg in operands(step):
                for root in self.roots(arg):
                    self._reads[root].append(at)
        for value in [*self.program.results, *self.program.updates.values()]:
            for root in self.roots(value):
                self._reads[root].append((self._end, 0))
        for reads in self._reads.values():
            reads.sort()
        for step, (i, _) in self.at.items():
            inside = all(at[0] == i for at in self._reads[step])
            if self.items[i].space is not None and is_elementwise(step) and inside:
                self.scratch.add(step)

    def _until(self, value: Value) -> tuple[int, int]:
        """When a value is read for the last time, or made."""
        return max(self._reads[value][-1:] + [self.at.get(value, (-1, 0))])

    # --- where it lies ----------------------------------------------------------------------------------------------
    def _new(self, n: int, kind: str, first: int, last: int) -> Block:
        self.blocks.append(Block(n, kind, first, last))
        return self.blocks[-1]

    def _put(self, value: Value, block: Block, offset: int) -> None:
        self.place[value] = Place(block, offset)
        block.members.append(value)
        block.last = max(block.last, self._until(value)[0])

    def _place_states(self) -> None:
        states = set(self.program.state)
        for step in self.at:
            if step.function is join and states.issuperset(step.args) and not states & set(self.place) & set(step.args):
                self._side_by_side(step, "state", 0)
        for state in self.program.state:
            if state not in self.place:
                self._put(state, self._new(nbytes(state), "state", 0, self._end), 0)

    def _place_joined(self) -> None:
        shown = {root for result in self.program.results for root in self.roots(result)}
        for step, (i, _) in self.at.items():
            if step.function is join and step not in self.place:
                kind = "results" if any(shown & self.roots(arg) for arg in step.args) else "arena"
                self._side_by_side(step, kind, i)

    def _side_by_side(self, step: Value, kind: str, first: int) -> None:
        block, offset = self._new(nbytes(step), kind, first, first), 0
        self._put(step, block, 0)
        for arg in step.args:
            found = self._within(arg)
            if found and found[0] not in self.place and found[1] == 0 and nbytes(found[0]) == nbytes(arg):
                root = found[0]
                if (kind == "state") == (root not in self.at) and root not in self.scratch:
                    self._put(root, block, offset)
                    block.first = min(block.first, self.at.get(root, (0,))[0])
            offset += nbytes(arg)

    def _targets(self) -> dict[Value, Place]:
        """New value -> the place of the states that it becomes, if it covers them exactly."""
        found: dict[Value, set[tuple[Block, int]]] = defaultdict(set)
        covered: dict[Value, int] = defaultdict(int)
        for state, value in self.program.updates.items():
            if (within := self._within(value)) is not None and within[0] in self.at:
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
            if step in self.place or step in self.scratch or step not in self._probes or self.is_view(step):
                continue
            target = targets.get(step)
            if target and self._may_overwrite(step, target):
                self._put(step, target.block, target.offset)
            elif step in results and nbytes(step) >= _LENT and step not in self._columns and not target:
                self._put(step, self._new(nbytes(step), "results", i, i), 0)
            else:
                self._place_alone(step, i)
        self._lend()
        self.fixed = set(self._probes) - self.scratch
        self.copies = [
            (state, value) for state, value in self.program.updates.items()
            if value is not state and not self._is_at(value, self.place[state])
        ]  # fmt: skip

    def _lend(self) -> None:
        """Find the results that need not be copied, which do not overlap."""
        self.lent: list[Value] = []
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
        return any(root in self.place and self.place[root].block.kind == "results" for root in self.roots(value))

    def _place_alone(self, step: Value, i: int) -> None:
        for arg in operands(step):
            found = (arg, 0) if arg in self._columns else self._within(arg)
            if found is None or found[0] not in self.place or not is_elementwise(step):
                continue
            place = self.place[found[0]]
            whole = place.offset == found[1] == 0 and place.block.nbytes == nbytes(arg) == nbytes(step)
            whole &= (arg in self._columns) == (step in self._columns)
            if whole and place.block.kind == "arena" and arg.dtype == step.dtype and self._may_overwrite(step, place):
                self._put(step, place.block, 0)
                return
        self._put(step, self._new(nbytes(step), "arena", i, i), 0)

    def _may_overwrite(self, step: Value, place: Place) -> bool:
        """Whether nothing that lies there is read after a step, nor by it at other places than where it writes."""
        here, end = self.at[step], place.offset + nbytes(step)
        members = place.block.members
        members[:] = [member for member in members if self._until(member) >= here]  # the others are gone for good
        for member in members:
            start = self.place[member].offset
            if start >= end or start + nbytes(member) <= place.offset:
                continue
            if self._until(member) > here:
                return False
            aligned = start == place.offset and nbytes(member) == nbytes(step) and is_elementwise(step)
            if here in self._reads[member] and not aligned:
                return False
            if aligned and not all(self._plain(arg, member) for arg in operands(step)):
                return False
        return True

    def _plain(self, arg: Value, member: Value) -> bool:
        """Whether an operand does not look at ``member`` otherwise than from its beginning to its end."""
        if arg is member or member not in self.roots(arg):
            return True
        return self._within(arg) == (member, 0) and size(arg) == size(member)

    def root_place(self, value: Value) -> Place | None:
        """Where a contiguous array of ours begins."""
        within = self._within(value)
        if within is None or within[0] not in self.place:
            return None
        place = self.place[within[0]]
        return Place(place.block, place.offset + within[1])

    def _is_at(self, value: Value, place: Place) -> bool:
        return self.root_place(value) == place

    def temporary(self, n: int, i: int) -> Block:
        """Memory for the time of one item."""
        return self._new(n, "arena", i, i)

    def pack(self) -> None:
        """Give each block its offset."""
        self.state = self._in_a_row("state")
        self.results = self._in_a_row("results")
        blocks = [block for block in self.blocks if block.kind == "arena"]
        (_pack_closely if len(blocks) <= _MANY else _pack_quickly)(blocks)
        self.arena = max((block.offset + block.nbytes for block in blocks), default=0)

    def _in_a_row(self, kind: str) -> int:
        end = 0
        for block in self.blocks:
            if block.kind == kind:
                block.offset, end = end, _aligned(end + block.nbytes)
        return end


def _pack_closely(blocks: list[Block]) -> None:
    """The largest block first, each as low as it fits between those in use at its time."""
    packed: list[Block] = []
    for block in sorted(blocks, key=lambda b: (-b.nbytes, b.first)):
        busy = sorted(
            (other.offset, other.offset + other.nbytes)
            for other in packed
            if other.first <= block.last and block.first <= other.last
        )
        offset = 0
        for start, stop in busy:
            if offset + block.nbytes <= start:
                break
            offset = max(offset, _aligned(stop))
        block.offset = offset
        packed.append(block)


def _pack_quickly(blocks: list[Block]) -> None:
    """In the order of time, each where one of the same size was, or else at the end."""
    free: dict[int, list[int]] = defaultdict(list)
    used: list[tuple[int, int, int]] = []  # a heap of (last, offset, size)
    end = 0
    for block in sorted(blocks, key=lambda b: b.first):
        while used and used[0][0] < block.first:
            _, offset, n = heapq.heappop(used)
            free[n].append(offset)
        n = _aligned(block.nbytes)
        if free[n]:
            block.offset = free[n].pop()
        else:
            block.offset, end = end, end + n
        heapq.heappush(used, (block.last, block.offset, n))


def is_computed_into(step: Value) -> bool:
    """Whether a call can be told where to put its result."""
    if step.dtype is None or step.dtype.hasobject:
        return False
    contraction = is_contraction(step) and math.prod(step.shape) > 0
    return bool(is_elementwise(step) or reducing_ufunc(step) or contraction or is_array_of(step)) or step.function in (
        np.reshape,
        join,
    )


def placed(program: Program, items: list[Item]) -> Memory:
    """Find a place for each value of a program."""
    memory = Memory(program, items)
    memory.assign()
    return memory


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
