"""How much of a scene is shown: modules open or closed, blocks that repeat folded, a limit on the number of boxes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter

from tinygrad_np.draw.backward import with_backward
from tinygrad_np.draw.boxes import cluster_box, cluster_title, fold_box, is_single, item_box, with_numbers
from tinygrad_np.draw.grouping import Cluster, grouped, opened
from tinygrad_np.draw.heat import heated
from tinygrad_np.draw.outline import Arrow, Box, Group, Outline
from tinygrad_np.draw.repeats import fold_repeats, items_of
from tinygrad_np.draw.scene import Item, Scene
from tinygrad_np.draw.spread import spread
from tinygrad_np.draw.words import arguments_of, role_of

__all__ = ["folded"]

Place = Item | Cluster

#: A picture of that many boxes is drawn as it is, whatever repeats.
_SMALL = 40


def folded(
    scene: Scene,
    max_nodes: int = 100,
    depth: int | None = None,
    open: Iterable[str] = (),  # noqa: A002
    repeats: bool | None = None,
) -> Outline:
    """Return the boxes, arrows and groups of a scene.

    Parameters
    ----------
    scene : Scene
    max_nodes : int
        How many boxes there may be. Modules are closed, the innermost first, until that is so; where that does not
        help, the operations computed last are shown, and all that is older is folded into one more box, number 0.
    depth : int, optional
        How many levels of modules are open; by default as many as there is room for.
    open : iterable of str
        Paths of modules that are open in any case, with ``*`` for any text.
    repeats : bool, optional
        Whether three or more blocks that follow each other and are alike are drawn as one; by default in pictures of
        more than 40 boxes.
    """
    top, homes = grouped(scene)
    opened(top, open)
    stands_for: dict[Item, Item] = {}
    if repeats or (repeats is None and len(scene.items) > _SMALL):
        stands_for = fold_repeats(top, homes)
    clusters = top.within()
    # Where there is much to see, a layer of one operation is one box.
    small = {c for c in clusters if len(scene.items) > _SMALL and c.scope and not c.opened and len(items_of(c)) == 1}
    for level in range(max(cluster.depth for cluster in clusters), -1, -1) if depth is None else [depth]:
        for cluster in clusters:
            closed = cluster.depth > level or (depth is None and cluster in small)
            cluster.closed = closed and cluster.scope is not None and not cluster.opened
        view = _View(scene, homes, stands_for)
        if len(view.boxes) <= max_nodes:
            break
    outline = view.outline(max_nodes)
    return with_backward(outline) if scene.backward else outline


class _View:
    """Where each item is to be seen.

    Attributes
    ----------
    boxes : dict
        What is drawn, in order: items, and clusters that are closed -> how many operations that is.
    """

    def __init__(self, scene: Scene, homes: dict[Item, Cluster], stands_for: dict[Item, Item]) -> None:
        self.scene, self.homes, self.stands_for = scene, homes, stands_for
        self._places: dict[Cluster, Cluster | None] = {}
        self.users: dict[Item, dict[Place, None]] = defaultdict(dict)  # of leaves
        sizes = Counter(map(self.place, homes))
        self.members: dict[Place, list[Item]] = defaultdict(list)  # the operations, without those that others stand for
        for item in homes:
            if item not in stands_for:
                place = self.place(item)
                self.members[place].append(item)
                for operand in item.operands:
                    if operand.__class__ is Item and operand.operation is None:
                        self.users[operand][place] = None
        self.inside: dict[Place, list[Item]] = defaultdict(list)  # the leaves that only a closed cluster uses
        self.boxes: dict[Place, int] = {}
        last = {place: members[-1] for place, members in self.members.items()}
        for item in scene.items:
            if item in stands_for:
                continue
            place = self.place(item)
            if item.operation is not None:
                if last[place] is item:  # a closed module comes where it ends
                    self.boxes[place] = sizes[place]
            elif (home := self._closed_around(item)) is not None:
                self.inside[home].append(item)
            else:
                self.boxes[item] = 0

    def shown(self, item: Item) -> Item:
        """What stands for an item."""
        while item in self.stands_for:
            item = self.stands_for[item]
        return item

    def place(self, item: Item) -> Place:
        """What an item is drawn as: itself, or the outermost closed cluster that it is in."""
        item = self.shown(item)
        home = self.homes.get(item)
        if home is None:
            return item
        if home not in self._places:
            self._places[home] = next((c for c in reversed([*home.around()]) if c.closed), None)
        return self._places[home] or item

    def _closed_around(self, leaf: Item) -> Cluster | None:
        """The closed cluster that alone uses a leaf, which then is not drawn; arguments are in any case."""
        users = self.users[leaf]
        if len(users) == 1 and not (leaf.kind == "input" and leaf.name):
            (user,) = users
            return user if isinstance(user, Cluster) else None
        return None

    def home(self, place: Place) -> Cluster | None:
        """The innermost cluster around a box; of a leaf, around all that use it."""
        if isinstance(place, Cluster):
            return place.parent
        if place.operation is not None:
            return self.homes[place]
        if place.kind == "input" and place.name:
            return None
        homes = dict.fromkeys(
            user.parent if isinstance(user, Cluster) else self.homes[user] for user in self.users[place]
        )
        around = [list(home.around()) for home in homes if home]
        return next((c for c in around[0] if all(c in others for others in around)), None) if around else None

    def newest(self, room: int) -> set[Place]:
        """The boxes to show: what was computed last and its operands, as many as there is room for.

        What is left out is older than everything that is shown, so no path leads from the picture into the fold and
        back.
        """
        used: dict[Place, list[Item]] = defaultdict(list)
        for leaf, users in self.users.items():
            for user in users:
                used[user].append(leaf)
        shown: set[Place] = set()
        for place in reversed(self.boxes):
            if room <= 0:
                break
            if isinstance(place, Item) and place.operation is None:
                continue
            shown.add(place)
            room -= 1
            for leaf in used[place]:
                if room > 0 and leaf in self.boxes and leaf not in shown:
                    shown.add(leaf)
                    room -= 1
        return shown

    def outline(self, max_nodes: int) -> Outline:
        """Draw it; what is used very often is drawn at each use, if there is room for that."""
        whole = len(self.boxes) <= max_nodes
        picture = self._drawn(set(self.boxes) if whole else self.newest(max_nodes))
        if self.scene.backward:  # a gradient is the sum of what comes back from all uses
            return picture
        roomy = picture
        for room in (max_nodes * 3 // 4, max_nodes // 2, 0):
            if len((found := spread(roomy)).boxes) <= max_nodes + (not whole):
                return found
            if whole or not room:
                break
            roomy = self._drawn(self.newest(room))
        return picture

    def _drawn(self, shown: set[Place]) -> Outline:
        hidden = [place for place in self.boxes if place not in shown]
        numbers = dict.fromkeys(hidden, 0)
        numbers |= {place: i for i, place in enumerate((p for p in self.boxes if p in shown), bool(hidden))}
        groups = _Groups(self, [place for place in self.boxes if place in shown])
        drawn = [place for place in numbers if place in shown]
        boxes = [self._fold(hidden)] if hidden else []
        for place in drawn:
            if isinstance(place, Cluster):
                box = cluster_box(place, self.inside[place], self.boxes[place], groups.of(place))
                boxes.append(with_numbers(box, items_of(place)[-1], self.scene) if place.count == 1 else box)
            else:
                boxes.append(with_numbers(item_box(place, self.home(place), groups.of(place)), place, self.scene))
        notes = [*self.scene.notes, *self._missing(boxes)]
        if self.scene.heat:
            boxes, note = heated(boxes, self._members(hidden, drawn), self.scene.heat)
            notes.append(note)
        return Outline(tuple(boxes), tuple(self._arrows(numbers, bool(hidden))), tuple(groups.groups), tuple(notes))

    def _missing(self, boxes: list[Box]) -> Iterator[str]:
        """What is not to be seen, and where it is."""
        drawn = sum(box.kind in ("operation", "result") for box in boxes)
        if hidden := len(self.homes) - drawn:
            kinds = {box.kind for box in boxes}
            places = ["closed modules"] * ("module" in kinds) + ["repeated blocks"] * bool(self.stands_for)
            places += ["what is older"] * ("folded" in kinds)
            yield f"{len(self.homes):,} operations, {hidden:,} of them hidden: {', '.join(places)}"

    def _members(self, hidden: list[Place], drawn: list[Place]) -> list[list[Item]]:
        """The items that each box stands for."""
        members: dict[Place, list[Item]] = defaultdict(list)
        for item in self.scene.items:
            members[self.place(item)].append(item)
        return [[]] * bool(hidden) + [members[place] for place in drawn]

    def _fold(self, hidden: list[Place]) -> Box:
        leaves = [place for place in hidden if isinstance(place, Item) and place.operation is None]
        leaves += [leaf for place in hidden for leaf in self.inside[place]]
        return fold_box(leaves, sum(self.boxes[place] for place in hidden))

    def _arrows(self, numbers: dict[Place, int], folds: bool) -> list[Arrow]:
        hidden = {place for place, number in numbers.items() if folds and number == 0}
        arrows = [
            Arrow(numbers[leaf], 0)  # what is used in the fold, too
            for leaf, users in self.users.items()
            if leaf in numbers and leaf not in hidden and not hidden.isdisjoint(users)
        ]
        known: set[tuple[Place, Place, Item]] = set()
        unseen: dict[int, dict[Item, None]] = defaultdict(dict)  # what a box gets from the fold
        drawn = (item for place in numbers if place not in hidden for item in self.members[place])
        for item in sorted(drawn, key=attrgetter("order")):
            head = self.place(item)
            n = len(item.operands)
            names = arguments_of(item.operation, n)
            for i, operand in enumerate(item.operands):
                if not isinstance(operand, Item):
                    continue
                tail = self.place(operand)
                if tail is head or tail not in numbers:
                    continue
                ends = tail, head, self.shown(operand)
                if ends in known and not (head is item and tail is operand):
                    continue  # a box that stands for several things gets each operand once
                known.add(ends)
                if tail in hidden:
                    unseen[numbers[head]][ends[2]] = None
                    continue
                is_leaf = operand.operation is None
                role = role_of(item.operation, i, n) if head is item else ""
                label = "" if is_leaf and role.isidentifier() else role
                argument = names[i] if head is item and i < len(names) else None
                form = (None, None) if is_leaf or operand.shape is None else (operand.shape, str(operand.dtype))
                arrows.append(Arrow(numbers[tail], numbers[head], label, argument, *form))
        return [*arrows, *(_from_fold(number, list(operands)) for number, operands in unseen.items())]


def _from_fold(head: int, operands: list[Item]) -> Arrow:
    if len(operands) > 1 or operands[0].shape is None:
        return Arrow(0, head, f"{len(operands)} operands")
    return Arrow(0, head, shape=operands[0].shape, dtype=str(operands[0].dtype))


class _Groups:
    """The groups of a picture, and the numbers of the clusters that they are."""

    def __init__(self, view: _View, shown: list[Place]) -> None:
        self.groups: list[Group] = []
        self.numbers: dict[Cluster, int | None] = {}
        self.view = view
        for place in shown:
            home = view.home(place)
            for cluster in reversed([*home.around()] if home else []):
                if cluster not in self.numbers:
                    self.numbers[cluster] = self._number(cluster)

    def _number(self, cluster: Cluster) -> int | None:
        parent = self.numbers[cluster.parent] if cluster.parent else None
        if cluster.parent is None or is_single(cluster):
            return parent
        scope = cluster.scope
        title, kind, path = cluster_title(cluster), scope.kind if scope else None, scope.path if scope else ""
        self.groups.append(Group(title, kind, path, parent, cluster.count))
        return len(self.groups) - 1

    def of(self, place: Place) -> int | None:
        """The number of the group that a box is in."""
        home = self.view.home(place)
        return None if home is None else self.numbers[home]
