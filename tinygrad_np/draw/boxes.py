"""What is written in each box."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from tinygrad_np.draw.grouping import Cluster
from tinygrad_np.draw.numbers import numbers_of
from tinygrad_np.draw.outline import Box, Kind
from tinygrad_np.draw.repeats import items_of
from tinygrad_np.draw.scene import Item, Scene
from tinygrad_np.draw.words import family_of, formula_of, name_of, options_of, rules_of, shape_of

__all__ = ["cluster_box", "cluster_title", "counted", "fold_box", "is_single", "item_box", "with_numbers"]


def item_box(item: Item, home: Cluster | None, group: int | None) -> Box:
    """The box of an operation or a leaf in an open cluster."""
    return _leaf(item, home, group) if item.operation is None else _operation(item, home, group)


def with_numbers(box: Box, item: Item, scene: Scene) -> Box:
    """The box with what is in the arrays of ``item``, if that is to be shown."""
    value = numbers_of(item.value) if scene.values and item.value is not None and item.shape is not None else None
    grad = numbers_of(item.grad) if scene.grads and item.grad is not None else None
    return replace(box, value=value, grad=grad) if value or grad else box


def is_single(cluster: Cluster) -> bool:
    """Whether it is one operation, repeated: such a cluster needs no frame."""
    return cluster.scope is None and cluster.count > 1 and [*map(type, cluster.children)] == [Item]


def _operation(item: Item, home: Cluster | None, group: int | None) -> Box:
    name = name_of(item.operation)
    formula = formula_of(item.operation, item.operands, item.metadata)
    lines = [name] if item.name else []
    if all(isinstance(o, Item) for o in item.operands):
        lines += options_of(item.operation, item.metadata)
    else:
        lines.append(formula)
    if item.problem:
        lines = item.problem
    elif item.kind == "result" or item.shape is None:
        lines.append(_form(item))
    count = math.prod(c.count for c in home.around()) if home else 1
    times = f" ×{home.count:,}" if home and is_single(home) else ""
    return Box(
        item.kind,
        (item.name or name) + times,
        tuple(lines),
        name,
        item.shape,
        item.dtype and str(item.dtype),
        item.marked,
        group,
        family_of(item.operation),
        formula,
        rules_of(item.operation),
        item.where,
        _bytes(item),
        count,
    )


def _leaf(item: Item, home: Cluster | None, group: int | None) -> Box:
    name = item.name
    if name and home:  # layers.0.weight is the weight inside of layers.0
        paths = [f"{cluster.scope.path}." for cluster in home.around() if cluster.scope and cluster.scope.path]
        name = next((name.removeprefix(path) for path in paths if name.startswith(path)), name)
    title = name or (item.role if item.role.isidentifier() else item.kind)
    return Box(
        item.kind, title, (_form(item),), None, item.shape, str(item.dtype), item.marked, group,
        bytes=_bytes(item), stands_for=0,
    )  # fmt: skip


def cluster_box(cluster: Cluster, leaves: Iterable[Item], size: int, group: int | None) -> Box:
    """The box of a closed module; ``leaves`` are those that it alone uses, ``size`` its number of operations."""
    parameters = [leaf for leaf in leaves if leaf.kind == "parameter"]
    each = " each" if cluster.count > 1 else ""
    items = items_of(cluster)
    n = size // math.prod(c.count for c in cluster.around())
    lines = [f"{counted(n, 'operation')}{each}"] if n > 1 else []
    if parameters:
        lines.append(f"{sum(math.prod(p.shape or ()) for p in parameters):,} parameters{each}")
    if not lines:
        lines.append(name_of(items[0].operation))
    out = items[-1]
    result = any(item.kind == "result" for item in items)
    return Box(
        "module", cluster_title(cluster), (*lines, *([_form(out)] if result else [])), None, out.shape,
        out.dtype and str(out.dtype), any(item.marked for item in items), group,
        family_of(out.operation) if len(items) == 1 else None, stands_for=size,
    )  # fmt: skip


def cluster_title(cluster: Cluster) -> str:
    """Path and class of a module, what is in a repeated block; and how often it is there."""
    times = f" ×{cluster.count:,}" if cluster.count > 1 else ""
    if cluster.scope is None:
        parts = [
            name_of(c.operation) if isinstance(c, Item) else c.scope.kind if c.scope else "" for c in cluster.children
        ]
        parts = [part for part in parts if part]
        return " + ".join(parts if len(parts) <= 4 else [*parts[:3], f"{len(parts) - 3} more"]) + times
    path = cluster.scope.path
    outer = next((c.scope.path for c in cluster.around() if c is not cluster and c.scope and c.scope.path), "")
    if cluster.count > 1:
        path = _span(path, cluster.last)
    path = path.removeprefix(f"{outer}.") if outer else path
    return ": ".join(part for part in (path, cluster.scope.kind) if part) + times


def _span(first: str, last: str) -> str:
    """``blocks.0`` to ``blocks.11`` as ``blocks.0-11``."""
    stem, _, number = last.rpartition(".")
    return f"{first}-{number}" if stem == first.rpartition(".")[0] and number.isdigit() else first


def fold_box(items: Iterable[Item], operations: int) -> Box:
    """The box of all that there was no room for: leaves, and so many operations."""
    counts: Counter[Kind] = Counter(item.kind for item in items)
    counts["operation"] = operations
    kinds: tuple[Kind, ...] = ("operation", "parameter", "input", "constant")
    lines = tuple(counted(counts[kind], kind) for kind in kinds if counts[kind])
    return Box("folded", f"{counts.total():,} more", lines, stands_for=operations)


def counted(n: int, what: str) -> str:
    """``2 operations``."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def _form(item: Item) -> str:
    return shape_of(item.shape) if item.shape is None else f"{shape_of(item.shape)} {item.dtype}"


def _bytes(item: Item) -> int | None:
    return None if item.shape is None or item.dtype is None else math.prod(item.shape) * item.dtype.itemsize
