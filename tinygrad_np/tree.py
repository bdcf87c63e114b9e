"""Nested lists, tuples and dicts of arrays, seen as one flat list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["flatten", "tree_map"]


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Return the leaves of a tree, and the function that puts other leaves into the same places.

    Parameters
    ----------
    tree
        A leaf, or a list, tuple, named tuple or dict of trees. ``None`` is a tree without leaves.

    Examples
    --------
    >>> leaves, rebuild = flatten({"w": [1, 2], "b": (3, None)})
    >>> leaves
    [1, 2, 3]
    >>> rebuild([10, 20, 30])
    {'w': [10, 20], 'b': (30, None)}
    """
    leaves: list[Any] = []
    _collect(tree, leaves)

    def rebuild(new: list[Any]) -> Any:
        if len(new) != len(leaves):
            raise ValueError(f"this tree has {len(leaves)} leaves, not {len(new)}")
        return _fill(tree, iter(new))

    return leaves, rebuild


def tree_map(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to each leaf.

    Examples
    --------
    >>> tree_map(lambda leaf: leaf + 1, [1, {"a": 2}])
    [2, {'a': 3}]
    """
    leaves, rebuild = flatten(tree)
    return rebuild([function(leaf) for leaf in leaves])


def _collect(tree: Any, leaves: list[Any]) -> None:
    if isinstance(tree, dict):
        for branch in tree.values():
            _collect(branch, leaves)
    elif isinstance(tree, list | tuple):
        for branch in tree:
            _collect(branch, leaves)
    elif tree is not None:
        leaves.append(tree)


def _fill(tree: Any, leaves: Iterator[Any]) -> Any:
    if isinstance(tree, dict):
        return {key: _fill(branch, leaves) for key, branch in tree.items()}
    if isinstance(tree, list | tuple):
        branches = [_fill(branch, leaves) for branch in tree]
        return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)
    return None if tree is None else next(leaves)
