"""Applying an operation and recording it: the forward half of the engine.

Operators with one or two operands have paths of their own, since on small arrays every layer of Python shows:
recording ``a * b`` costs little more than NumPy's multiplication. :func:`apply` is the general path; both leave the
same records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_np.grad_mode import mode
from tinygrad_np.graph import MANY, ONE, Node, leaf, tick
from tinygrad_np.primitives import Primitive
from tinygrad_np.rules.parts import part
from tinygrad_np.tree import tree_map

if TYPE_CHECKING:
    from tinygrad_np.tensor import Tensor

__all__ = ["Recorded", "apply", "as_array", "lift", "operator", "wrap"]


def depth(array: Any) -> float:
    """Return how many wrappers an array is in. Among operands, the deepest one handles an operation."""
    return getattr(array, "_depth", 0)


class Recorded:
    """An array and its place in the graph: what :class:`tinygrad_np.Tensor` is to this module."""

    __slots__ = ("__weakref__", "_data", "_node")

    _data: np.ndarray[Any, Any]
    _node: Node | None  # None: a constant that no graph has met yet

    @property
    def _depth(self) -> float:
        return 1 + depth(self._data)

    def __init_subclass__(cls) -> None:
        global Result
        Result = cls


#: Python's scalars are weak (NEP 50): they take the dtype of what they meet, so they stay as they are.
SCALARS = frozenset({float, int, bool, complex})
_OPERANDS = (Recorded, np.ndarray, np.generic, list, tuple, float, int, complex)
_UNCHANGING = frozenset({int, float, bool, str, slice, type(None), type(Ellipsis)})
_NOTHING: dict[str, Any] = {}
_new, _ndarray = object.__new__, np.ndarray
Result: type[Any] = Recorded  # results are made of this class: Tensor


def as_array(value: Any) -> Any:
    """Return an ndarray, or the array of another library that takes part in NumPy's protocols, as CuPy's do."""
    if isinstance(value, np.ndarray) or not hasattr(type(value), "__array_function__"):
        return np.asarray(value)
    return value


def wrap(array: Any, node: Node | None = None) -> Tensor:
    """Return a Tensor of an array that nobody will write to, without copying it."""
    tensor: Tensor = _new(Result)
    tensor._data = array if array.__class__ is _ndarray else as_array(array)
    tensor._node = node
    return tensor


def apply(primitive: Primitive, args: tuple[Any, ...], metadata: dict[str, Any] = _NOTHING) -> Tensor:
    """Compute ``primitive.forward(*args, **metadata)`` on Tensors and arrays, and record it where a gradient is wanted.

    Raises
    ------
    TypeError, ValueError, IndexError
        What NumPy raises for such operands, with a message that names the operation and all operands.
    """
    arrays: list[Any] = []
    parents: list[Any] = []  # None: what has no node yet
    wrt: tuple[int, ...] = ()
    for i, arg in enumerate(args):
        if arg.__class__ is Result or isinstance(arg, Recorded):
            arrays.append(arg._data)
            parents.append(node := arg._node)
            if node is not None and node.requires_grad:
                wrt += (i,)
        elif arg.__class__ in SCALARS:
            arrays.append(arg)
            parents.append(arg)
        elif (rank := depth(arg)) and rank > max(depth(a) for a in args if isinstance(a, Recorded)):
            return NotImplemented  # type: ignore[no-any-return]  # a transform has wrapped Tensors: it handles this
        else:
            arrays.append(as_array(arg))
            parents.append(None)
    try:
        out = primitive.forward(*arrays, **metadata)
    except (TypeError, ValueError, IndexError) as error:
        raise explained(primitive, args, metadata, error) from None
    if out.__class__ is not _ndarray:
        if isinstance(out, tuple):
            return _several(primitive, wrt, args, arrays, parents, out, metadata)  # type: ignore[no-any-return]
        out = as_array(out)
    tensor: Tensor = _new(Result)
    tensor._data, tensor._node = out, None
    if wrt and (watched := mode()):
        if (dtype := out.dtype).kind in "fc" and (keep := primitive.keepers[wrt]) is not None:
            tensor._node = node = _record(primitive, keep, args, arrays, parents, out, metadata)
            node.shape, node.dtype = out.shape, dtype
        if watched is not True:
            watched(primitive, arrays, metadata, out, tensor._node)
    return tensor


def _several(
    primitive: Primitive,
    wrt: tuple[int, ...],
    args: tuple[Any, ...],
    arrays: list[Any],
    parents: list[Any],
    out: Any,
    metadata: dict[str, Any],
) -> Any:
    """The results of an operation that has several, in the type of tuple that NumPy returns."""
    results = [as_array(o) for o in out]
    tensors = [wrap(o) for o in results]
    if wrt and (watched := mode()):
        if (keep := primitive.keepers[wrt]) is not None:
            whole = _record(primitive, keep, args, arrays, parents, tuple(results), metadata)
            whole.shape = whole.dtype = None  # type: ignore[assignment]
            for i, tensor in enumerate(tensors):
                if tensor.dtype.kind in "fc":
                    tensor._node = _part_node(whole, i, results)
        if watched is not True:
            watched(primitive, arrays, metadata, tuple(results), whole if keep else None)
    return type(out)(*tensors) if hasattr(out, "_fields") else tuple(tensors)


def lift(array: Any, node: Node) -> Any:
    """Return a saved array as the Tensor that it was: what makes a backward pass itself recordable."""
    if isinstance(array, tuple):  # the results of an operation that has several
        return tuple(wrap(a, _part_node(node, i, array)) for i, a in enumerate(array))
    return wrap(array, node)


def _part_node(whole: Node, index: int, results: Sequence[Any]) -> Node:
    """Return the node of one of the results of ``whole``."""
    return recorded(part, [whole], results[index], {"index": index, "count": len(results)})


def _record(
    primitive: Primitive,
    keep: Callable[[Any], Any],
    args: tuple[Any, ...],
    arrays: list[Any],
    parents: list[Any],
    out: Any,
    metadata: dict[str, Any],
) -> Node:
    for value in metadata.values():
        kind = value.__class__
        if kind in _UNCHANGING or (kind is tuple and _UNCHANGING.issuperset(map(type, value))):
            continue
        if _can_change(value):  # by the caller, as an operand can
            metadata = tree_map(lambda part: part.copy() if isinstance(part, _ndarray) else part, metadata)
            break
    if None in parents:
        parents = [_parent(arg) if parent is None else parent for parent, arg in zip(parents, args, strict=True)]
        if primitive.slots:
            arrays = list(map(_private, arrays, args))
    node = recorded(primitive, parents, None, metadata)
    if primitive.slots:
        if primitive.variadic:
            fixed = len(primitive.arguments) - 1
            arrays = [*arrays[:fixed], tuple(arrays[fixed:])]
        node.saved = keep((*arrays, out, None))
    return node


def _can_change(value: Any) -> bool:
    return isinstance(value, (list, dict, _ndarray)) or (isinstance(value, tuple) and any(map(_can_change, value)))


def recorded(primitive: Primitive, parents: list[Any], out: Any, metadata: dict[str, Any] = _NOTHING) -> Node:
    """Return the node of an operation whose result is ``out``, with nothing saved yet."""
    node: Node = _new(Node)
    n = len(parents)
    if n == 1:
        node.first, node.second = parents[0], ONE
    elif n == 2:
        node.first, node.second = parents
    else:
        node.first, node.second = tuple(parents), MANY
    node.primitive, node.metadata, node.saved = primitive, metadata, ()
    if out is not None:
        node.shape, node.dtype = out.shape, out.dtype
    node.requires_grad, node.order, node.grad, node.name = True, tick(), None, None
    return node


def _parent(arg: Any) -> Any:
    """An operand's place in the graph."""
    if isinstance(arg, Recorded):
        node = arg._node
        if node is None:
            node = arg._node = leaf(arg._data, False)
        return node
    return arg if arg.__class__ in SCALARS else leaf(as_array(arg), False)


def _private(array: Any, arg: Any) -> Any:
    """An operand that may be saved: copied, if the caller could still write to it, for saved values must not rot."""
    if isinstance(arg, Recorded | list | tuple | np.generic) or arg.__class__ in SCALARS:
        return array
    return array.copy()


def operator(primitive: Primitive) -> Callable[..., Tensor]:
    """Return the fast path of an elementwise operation with one or two operands."""
    return _unary(primitive) if len(primitive.arguments) == 1 else _binary(primitive)


def _unary(primitive: Primitive) -> Callable[[Any], Tensor]:
    forward, keep, saves = primitive.forward, primitive.keepers[0,], bool(primitive.slots)

    def unary(x: Any) -> Tensor:
        a, parent = x._data, x._node
        try:
            out = forward(a)
        except TypeError as error:
            raise explained(primitive, (x,), _NOTHING, error) from None
        if out.__class__ is not _ndarray:
            out = as_array(out)
        tensor: Tensor = _new(Result)
        tensor._data = out
        if parent is not None and parent.requires_grad and (watched := mode()):
            node = None
            if keep:
                node = _new(Node)
                node.primitive, node.first, node.second, node.metadata = primitive, parent, ONE, _NOTHING
                node.saved = keep((a, out, None)) if saves else ()
                node.shape, node.dtype, node.requires_grad = parent.shape, out.dtype, True
                node.order, node.grad, node.name = tick(), None, None
            tensor._node = node
            if watched is not True:
                watched(primitive, [a], _NOTHING, out, node)
        else:
            tensor._node = None
        return tensor

    return unary


def _binary(primitive: Primitive) -> Callable[[Any, Any], Tensor]:
    forward, saves = primitive.forward, bool(primitive.slots)
    keep = (None, primitive.keepers[0,], primitive.keepers[1,], primitive.keepers[0, 1])

    def binary(x: Any, y: Any) -> Tensor:
        wrt = 0  # bit 0: the derivative for x is wanted; bit 1: that for y
        if x.__class__ is Result:
            a, x_parent = x._data, x._node
            if x_parent is not None and x_parent.requires_grad:
                wrt = 1
        elif x.__class__ in SCALARS:
            a = x_parent = x
        else:
            return _other_operands(primitive, x, y)  # type: ignore[no-any-return]
        if y.__class__ is Result:
            b, y_parent = y._data, y._node
            if y_parent is not None and y_parent.requires_grad:
                wrt += 2
        elif y.__class__ in SCALARS:
            b = y_parent = y
        else:
            return _other_operands(primitive, x, y)  # type: ignore[no-any-return]
        try:
            out = forward(a, b)
        except (TypeError, ValueError) as error:
            raise explained(primitive, (x, y), _NOTHING, error) from None
        if out.__class__ is not _ndarray:
            out = as_array(out)
        tensor: Tensor = _new(Result)
        tensor._data = out
        if wrt and (watched := mode()):
            node = None
            if keeper := keep[wrt]:
                if x_parent is None:
                    x_parent = _parent(x)
                elif y_parent is None:
                    y_parent = _parent(y)
                node = _new(Node)
                node.primitive, node.first, node.second, node.metadata = primitive, x_parent, y_parent, _NOTHING
                node.saved = keeper((a, b, out, None)) if saves else ()
                shape, known = out.shape, (x_parent if wrt != 2 else y_parent).shape
                node.shape = known if shape == known else shape  # one tuple for many nodes
                node.dtype, node.requires_grad = out.dtype, True
                node.order, node.grad, node.name = tick(), None, None
            tensor._node = node
            if watched is not True:
                watched(primitive, [a, b], _NOTHING, out, node)
        else:
            tensor._node = None
        return tensor

    return binary


def _other_operands(primitive: Primitive, x: Any, y: Any) -> Any:
    for operand in (x, y):
        if not isinstance(operand, _OPERANDS) and not hasattr(type(operand), "__array_function__"):
            return NotImplemented  # let the other operand have its try
    return apply(primitive, (x, y))


def explained(primitive: Primitive, args: Sequence[Any], metadata: dict[str, Any], error: Exception) -> Exception:
    """NumPy's error, in terms of what the caller wrote: the operation, its operands, and what does not fit."""
    from tinygrad_np.errors import explain  # who makes no mistake need not import it

    return explain.explained(error, primitive.name, primitive.arguments, args, metadata)
