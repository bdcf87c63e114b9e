"""The items of a scene as a tree: modules, the modules and operations inside of them, and so on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from operator import attrgetter

from tinygrad_np.draw.scene import Item, Scene, Scope

__all__ = ["Cluster", "by_names", "grouped", "opened"]


@dataclass(slots=True, eq=False, repr=False)
class Cluster:
    """Items that belong together, and clusters inside of them.

    Attributes
    ----------
    scope : Scope or None
        Of a module; ``None`` at the top, and for a block that is repeated.
    parent : Cluster or None
    depth : int
        How many modules it is in, and itself.
    children : list of Item or Cluster
        In the order in which they were computed.
    count : int
        How often it is repeated.
    last : str
        The path of the last of these modules.
    opened : bool
        Somebody wants to see what is inside.
    closed : bool
        It is to be one box.
    """

    scope: Scope | None = None
    parent: Cluster | None = None
    depth: int = 0
    children: list[Item | Cluster] = field(default_factory=list)
    count: int = 1
    last: str = ""
    opened: bool = False
    closed: bool = False

    def around(self) -> Iterator[Cluster]:
        """It, and the clusters around it, from the inside out."""
        cluster: Cluster | None = self
        while cluster is not None:
            yield cluster
            cluster = cluster.parent

    def within(self) -> list[Cluster]:
        """It, and the clusters inside of it, from the outside in."""
        found = [self]
        for cluster in found:  # which grows on the way
            found += [child for child in cluster.children if isinstance(child, Cluster)]
        return found


def grouped(scene: Scene) -> tuple[Cluster, dict[Item, Cluster]]:
    """Return the cluster of all operations, and the innermost cluster of each."""
    top = Cluster()
    clusters: dict[Scope | None, Cluster] = {None: top}
    homes: dict[Item, Cluster] = {}
    for item in scene.items:
        if item.operation is None:
            continue
        missing = []
        scope = item.scope
        while scope not in clusters:
            assert scope is not None
            missing.append(scope)
            scope = scope.parent
        for scope in reversed(missing):
            parent = clusters[scope.parent]
            clusters[scope] = Cluster(scope, parent, parent.depth + 1)
            parent.children.append(clusters[scope])
        homes[item] = clusters[item.scope]
        homes[item].children.append(item)
    return top, homes


def opened(top: Cluster, patterns: Iterable[str]) -> None:
    """Mark the modules whose path matches, and those around them."""
    patterns = list(patterns)
    for cluster in top.within():
        if cluster.scope is not None and any(fnmatchcase(cluster.scope.path, pattern) for pattern in patterns):
            for each in cluster.around():
                each.opened = True


def by_names(scene: Scene) -> None:
    """Give the operations scopes by the names of their parameters: ``layers.0.weight`` belongs to ``layers.0``.

    What has no parameters belongs to what its operands and its users have in common. A graph does not know of
    modules; who wants them exact draws the model with an example input instead.
    """
    users: dict[Item, Item] = {}  # the first of each, for what is used again later is a short cut past a module
    own: dict[Item, str] = {}
    operations = [item for item in scene.items if item.operation is not None]
    for item in operations:
        paths = []
        for operand in item.operands:
            if isinstance(operand, Item):
                users.setdefault(operand, item)
                if operand.operation is None and operand.kind == "parameter" and "." in (operand.name or ""):
                    paths.append(str(operand.name).rpartition(".")[0])
        if paths:
            own[item] = _common(paths)
    if not own:
        return
    before: dict[Item, str | None] = {}  # where the newest operand of each comes from
    for item in operations:
        inflow = [o for o in item.operands if isinstance(o, Item) and o.operation is not None]
        newest = max(inflow, key=attrgetter("order"), default=None)
        before[item] = own.get(item, before[newest] if newest else None)
    after: dict[Item, str | None] = {}
    for item in reversed(operations):
        after[item] = own.get(item, after[users[item]] if item in users else None)
    named = {path for full in own.values() for path in _prefixes(full)}
    last: list[Scope] = []  # the scopes around the item before
    for item in operations:
        path = own.get(item)
        if path is None:
            path = _common([before[item] or "", after[item] or ""])
        prefixes = [prefix for prefix in _prefixes(path) if prefix in named]
        kept = 0
        while kept < min(len(last), len(prefixes)) and last[kept].path == prefixes[kept]:
            kept += 1
        del last[kept:]  # a module that comes again later is called again
        for prefix in prefixes[kept:]:
            last.append(Scope(prefix, parent=last[-1] if last else None))
        item.scope = last[-1] if last else None
    _drop_lists(operations)


def _prefixes(path: str) -> list[str]:
    parts = path.split(".") if path else []
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _common(paths: list[str]) -> str:
    """The longest path that all of them begin with."""
    first, *others = [path.split(".") for path in paths]
    n = 0
    while n < len(first) and all(path[n : n + 1] == first[n : n + 1] for path in others):
        n += 1
    return ".".join(first[:n])


def _drop_lists(operations: list[Item]) -> None:
    """Leave out ``layers`` of ``layers.0`` and ``layers.1``: it is a list and no module."""
    scopes: dict[Scope, None] = {}
    for item in operations:
        scope = item.scope
        while scope is not None and scope not in scopes:
            scopes[scope] = None
            scope = scope.parent
    numbered = Counter(scope.path.rpartition(".")[0] for scope in scopes if scope.path.rpartition(".")[2].isdigit())
    for item in operations:
        while item.scope is not None and item.scope.path in numbered:
            item.scope = item.scope.parent
    for scope in scopes:
        while scope.parent is not None and scope.parent.path in numbered:
            scope.parent = scope.parent.parent
