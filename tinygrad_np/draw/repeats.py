"""Blocks that follow each other and are alike: twelve layers are drawn as one, "×12".

Alike are operations, in the same order, with the same options, shapes and dtypes, that get their operands from the
same places: each block from the one before it, or all from the same place outside.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from tinygrad_np.draw.grouping import Cluster
from tinygrad_np.draw.scene import Item
from tinygrad_np.draw.words import name_of, options_of, value_of

__all__ = ["fold_repeats", "items_of"]

_LEAST = 3  # two blocks are drawn as they are
_PERIODS = 4  # how many lengths of a block are tried for each number of elements that are compared at once

Element = Item | Cluster


def fold_repeats(top: Cluster, homes: dict[Item, Cluster]) -> dict[Item, Item]:
    """Replace blocks that repeat by one cluster with the first of them; return what stands for the other items.

    ``homes`` are the innermost clusters of the items, which change where a block becomes a cluster.
    """
    folding = _Folding(homes)
    for cluster in reversed(top.within()):  # from the inside out: what is inside of a block is folded already
        folding.fold(cluster)
    stands_for = folding.stands_for
    for item in homes:
        if item not in stands_for:
            for operand in item.operands:
                if isinstance(operand, Item) and operand.operation is None:
                    stands_for.pop(operand, None)  # a leaf of a block, but somebody else uses it, too
    return stands_for


def items_of(element: Element) -> list[Item]:
    """The operations of an element, in order; of blocks that repeat, those of the first."""
    if isinstance(element, Item):
        return [element]
    stack, found = list(reversed(element.children)), []
    while stack:
        each = stack.pop()
        if isinstance(each, Item):
            found.append(each)
        else:
            stack += reversed(each.children)
    return found


def _signature(item: Item) -> Any:
    """What makes two operations alike. Positions in an index may differ: an unrolled loop counts with them."""
    options = re.sub(r"\d+", "#", " ".join(options_of(item.operation, item.metadata))) if item.metadata else ""
    operands = tuple([(o.shape, o.dtype) if o.__class__ is Item else value_of(o) for o in item.operands])
    return name_of(item.operation), options, item.shape, item.dtype, item.kind, item.marked, operands


class _Folding:
    """What is known of elements while blocks are looked for."""

    def __init__(self, homes: dict[Item, Cluster]) -> None:
        self.homes = homes
        self.stands_for: dict[Item, Item] = {}
        self.users: dict[Item, list[Item]] = {item: [] for item in homes}
        for item in homes:
            for operand in item.operands:
                if operand.__class__ is Item and operand.operation is not None:
                    self.users[operand].append(item)
        self._numbers: dict[Any, int] = {}
        self._words: dict[Item, int] = {}

    def shown(self, item: Item) -> Item:
        """What stands for an item."""
        while item in self.stands_for:
            item = self.stands_for[item]
        return item

    def word(self, element: Element) -> int:
        """A number, the same for elements that are alike but for where their operands come from."""
        if isinstance(element, Item):
            if element not in self._words:
                self._words[element] = self._number(_signature(element))
            return self._words[element]
        inside = {item: i for i, item in enumerate(items_of(element))}
        wiring = []
        for i, item in enumerate(inside):
            sources = (self.shown(o) for o in item.operands if isinstance(o, Item))
            wiring.append((self.word(item), *(i - inside[o] if o in inside else None for o in sources)))
        counts = tuple((c.count, c.depth) for c in element.within())
        return self._number((element.scope and element.scope.kind, element.opened, counts, *wiring))

    def _number(self, signature: Any) -> int:
        return self._numbers.setdefault(signature, len(self._numbers))

    def fold(self, cluster: Cluster) -> None:
        """Find the blocks among the children of a cluster."""
        elements = cluster.children
        if len(elements) < _LEAST:
            return
        sources = _Sources(elements, self)
        periods, covered = _covered(np.array([self.word(element) for element in elements]))
        hopeful = covered.max(axis=0)
        patience = 20 * len(elements) + 1000  # comparisons: what looks alike and is not must not take forever
        folded: list[Element] = []
        i = 0
        while i < len(elements):
            count = 0
            if hopeful[i] and patience > 0:
                for number in np.argsort(-covered[:, i], kind="stable")[:3]:
                    p = periods[number]
                    count = sources.alike(i, p, int(covered[number, i]) // p)
                    patience -= p * (count + 1)
                    if count >= _LEAST:
                        break
            if count >= _LEAST:
                folded.append(self._block(elements[i : i + p * count], p, cluster))
                i += p * count
            else:
                folded.append(elements[i])
                i += 1
        cluster.children = folded

    def _block(self, elements: list[Element], p: int, parent: Cluster) -> Cluster:
        """The cluster of the first of the blocks of ``p`` elements; it stands for the others."""
        first = elements[:p]
        originals = [item for element in first for item in items_of(element)]
        leaves = {o for item in originals for o in item.operands if isinstance(o, Item) and o.operation is None}
        for start in range(p, len(elements), p):
            copies = [item for element in elements[start : start + p] for item in items_of(element)]
            for copy, original in zip(copies, originals, strict=True):
                self.stands_for[copy] = original
                for a, b in zip(copy.operands, original.operands, strict=True):
                    if isinstance(a, Item) and a.operation is None and b.operation is None and a not in leaves:
                        self.stands_for.setdefault(a, b)
        if p == 1 and isinstance(first[0], Cluster) and first[0].count == 1:
            first[0].count, last = len(elements), elements[-1]
            if isinstance(last, Cluster) and last.scope is not None:
                first[0].last = last.scope.path
            return first[0]
        block = Cluster(None, parent, parent.depth, first, len(elements) // p)
        for element in first:
            if isinstance(element, Cluster):
                element.parent = block
            else:
                self.homes[element] = block
        return block


def _covered(codes: np.ndarray[Any, Any]) -> tuple[list[int], np.ndarray[Any, Any]]:
    """Likely lengths of a block, and how many elements whole blocks of each would cover from each position on."""
    periods: list[int] = []
    rows = []
    for p in sorted(_likely_periods(codes)):
        alike = codes[:-p] == codes[p:]
        ends = np.where(alike, len(alike), np.arange(len(alike)))
        run = np.minimum.accumulate(ends[::-1])[::-1] - np.arange(len(alike))
        row = np.where(run >= (_LEAST - 1) * p, (run + p) // p * p, 0)
        if row.any():
            periods.append(p)
            rows.append(np.concatenate([row, np.zeros(p, row.dtype)]))
    return periods, np.stack(rows) if rows else np.zeros((1, len(codes)), np.int64)


def _likely_periods(codes: np.ndarray[Any, Any]) -> set[int]:
    """The commonest distances from 1, 2, 4, 8 ... elements in a row to the next ones like them."""
    periods: set[int] = set()
    width = 1
    while len(codes) >= _LEAST:
        order = np.argsort(codes, kind="stable")
        same = codes[order[1:]] == codes[order[:-1]]
        distances = Counter((order[1:] - order[:-1])[same].tolist())
        periods.update(p for p, _ in distances.most_common(_PERIODS))
        pairs = codes[:-width] * (int(codes.max()) + 1) + codes[width:]
        codes = np.unique(pairs, return_inverse=True)[1]
        width *= 2
    return periods


class _Sources:
    """Where the operands of elements come from: positions among the elements, or from elsewhere."""

    def __init__(self, elements: list[Element], folding: _Folding) -> None:
        self.elements, self.folding = elements, folding
        self.positions = {item: i for i, element in enumerate(elements) for item in items_of(element)}
        self._known: dict[int, list[Any]] = {}

    def of(self, i: int) -> list[Any]:
        """For each operand that comes from outside of element ``i``: from which element, or else the item itself."""
        if i not in self._known:
            operands = [o for item in items_of(self.elements[i]) for o in item.operands if isinstance(o, Item)]
            found = [self.positions.get(shown, shown) for shown in map(self.folding.shown, operands)]
            self._known[i] = [source for source in found if source != i]
        return self._known[i]

    def alike(self, start: int, p: int, count: int) -> int:
        """How many of ``count`` blocks of ``p`` elements really are wired alike."""
        for block in range(1, count):
            for i in range(start + block * p, start + (block + 1) * p):
                before, now = self.of(i - p), self.of(i)
                if len(before) != len(now) or not all(
                    _same_place(u, v, p, start, block) for u, v in zip(before, now, strict=True)
                ):
                    count = block
                    break
            if count == block:
                break
        return count if count < _LEAST or self._end_alike(start, p, count) else 0

    def _end_alike(self, start: int, p: int, count: int) -> bool:
        """Whether what comes out of the blocks goes to the next block or, of all of them, to the same place.

        Query, key and value of an attention are not one layer, three times.
        """
        inside = range(start, start + p * count)
        expected = [self._users_outside(i, inside) for i in inside[:p]]
        for i in inside[p:-p]:
            if self._users_outside(i, inside) != expected[(i - start) % p]:
                return False
        last = [self._users_outside(i, inside) for i in inside[-p:]]
        return all(a <= b for now, then in zip(expected, last, strict=True) for a, b in zip(now, then, strict=True))

    def _users_outside(self, i: int, inside: range) -> list[set[Item]]:
        """For each operation of an element: who uses it outside of some elements."""
        found = []
        for item in items_of(self.elements[i]):
            users = set(map(self.folding.shown, self.folding.users[item]))
            found.append({user for user in users if self.positions.get(user, -1) not in inside})
        return found


def _same_place(u: Any, v: Any, p: int, start: int, block: int) -> bool:
    """Whether an operand of a block and that of the next one come from corresponding places.

    The first block gets from outside what the others get from the block before.
    """
    outside = isinstance(u, Item) or u < start
    if isinstance(v, int):
        if v < start:
            return bool(u == v)
        return (block == 1 and outside) or (isinstance(u, int) and v - u == p)
    if v.operation is None:
        return isinstance(u, Item) and u.operation is None and (u.kind == v.kind)
    return u is v
