"""Packing: blocks of memory, each in use for some time, at offsets in one arena."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, field

from tinygrad_np.compiler.program import Value

__all__ = ["Block", "in_a_row", "pack"]

_ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
_PAGE = 4096
_LARGE = 1 << 13  # bytes: what may be gone through in a loop of its own
_MANY = 1000  # blocks: to pack more of them closely takes too long


@dataclass(slots=True, eq=False)
class Block:
    """A piece of memory, and the items during which it is in use."""

    nbytes: int
    kind: str  # "arena", "state" or "results"
    first: int
    last: int
    offset: int = -1
    members: list[Value] = field(default_factory=list)


def pack(blocks: list[Block]) -> int:
    """Give each block its offset, so that blocks in use at the same time do not overlap; return the end of the last."""
    (_pack_closely if len(blocks) <= _MANY else _pack_quickly)(blocks)
    return max((block.offset + block.nbytes for block in blocks), default=0)


def in_a_row(blocks: list[Block], first: int = 0) -> int:
    """Give each block an offset of its own; return the end of the last.

    Large blocks begin at different places in their pages, from ``first`` on: a processor that finds a load at the place
    of a page where a store has just been takes them for the same, and waits. Adam's update, for one, goes through four
    arrays at once. (At the beginning of a page is what others have allocated.)
    """
    end = n = 0
    for block in blocks:
        if block.nbytes >= _LARGE:
            end += (first + n % 5 * 768 - end) % _PAGE
            n += 1
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


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
