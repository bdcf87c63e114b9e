"""Functions with a derivative of their own: :func:`custom_vjp`.

The derivative of a composition is known to the engine. Sometimes one knows better: the solution of an equation does
not depend on how it was found, an integral need not remember its steps, a formula is more stable than what the chain
rule makes of the code. Then the function is one node of the graph, whose rule is given by the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from tinygrad_np.grad_mode import enable_grad, is_grad_enabled, no_grad
from tinygrad_np.primitives import Primitive
from tinygrad_np.pullback import fit
from tinygrad_np.record import Recorded, apply, depth, wrap
from tinygrad_np.rules.parts import Parts
from tinygrad_np.tensor import conjugated
from tinygrad_np.tree import flatten, tree_map

__all__ = ["custom_vjp"]

Function = Callable[..., Any]


class custom_vjp:
    """Decorate a function that comes with its own derivative.

    The function computes its result and returns it together with whatever the derivative will need:
    ``return out, residuals``. Its ``backward``, called with these residuals and the cotangent of the result, returns
    the cotangents of the arguments.

    Parameters
    ----------
    forward : callable
        ``forward(*args, **options) -> (out, residuals)``. Arguments, result and residuals may be nested lists, tuples
        and dicts. Arrays among the positional arguments are differentiable; they arrive as Tensors if any of them is
        one. Anything else (functions, numbers, strings) is passed on, and so are keyword arguments.

    Notes
    -----
    ``backward(residuals, g)`` returns a tuple with one entry per positional argument, of its structure and shapes, or
    ``None`` for one without a derivative; for a single argument, the tuple may be left out. Cotangents are
    those of :func:`tinygrad_np.vjp`: of complex numbers, what ``.grad`` would hold. What was broadcast may be left
    unsummed.

    Written with NumPy functions, ``backward`` can itself be differentiated. A residual that is an argument or a result
    is differentiated as what it is; for any other, ``forward`` is called again and recorded, step by step.

    Examples
    --------
    A square root by Newton's iteration. Its derivative ``1 / (2 x)`` knows nothing of the iteration:

    >>> @custom_vjp
    ... def root(a):
    ...     x = a
    ...     for _ in range(60):
    ...         x = (x + a / x) / 2
    ...     return x, x
    >>> @root.backward
    ... def _(x, g):
    ...     return g / (2 * x)
    >>> from tinygrad_np import grad
    >>> grad(root)(4.0), grad(grad(root))(4.0)
    (Tensor(0.25, dtype=float64), Tensor(-0.03125, dtype=float64))
    """

    def __init__(self, forward: Function) -> None:
        update_wrapper(self, forward)
        self.forward = forward
        self.name: str = getattr(forward, "__name__", "custom")
        self._backward: Function | None = None
        self._primitive = Primitive(_compute, {"operands": _pull_back}, self.name)

    def backward(self, function: Function) -> Function:
        """Decorate the function ``(residuals, g) -> cotangents of the arguments``."""
        self._backward = function
        return function

    def __call__(self, *args: Any, **options: Any) -> Any:
        leaves, rebuild = flatten(args)
        places = [i for i, leaf in enumerate(leaves) if hasattr(type(leaf), "__array_function__")]
        operands = [leaves[i] for i in places]
        if operands and hasattr(deepest := max(operands, key=depth), "level") and any(map(_has_history, operands)):
            return _of_all_examples(self, deepest, leaves, places, rebuild, options)
        if not any(isinstance(operand, Recorded) for operand in operands):
            return self.run(args, options)[0]
        operands = [a if isinstance(a, Recorded) else wrap(a.copy()) for a in operands]
        call = _Call(self, leaves, places, rebuild, options)
        results = call.compute([wrap(operand._data) for operand in operands])
        if is_grad_enabled() and any(a._node is not None and a._node.requires_grad for a in operands):
            self.derivative()
            found = apply(self._primitive, tuple(operands), {"call": call})
            results = list(found) if isinstance(found, tuple) else [found]
        return call.output(results)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> str:
        return getattr(self, "__qualname__", self.name)  # as functions are, it is pickled by its name

    def __repr__(self) -> str:
        return f"<custom_vjp {self.name}>"

    def derivative(self) -> Function:
        """Return the function that :meth:`backward` was given."""
        if self._backward is None:
            raise TypeError(f"{self.name} has no derivative yet: decorate its function by @{self.name}.backward")
        return self._backward

    def run(self, args: Any, options: dict[str, Any]) -> tuple[Any, Any]:
        """Call the forward function, and check the form of what it returns."""
        returned = self.forward(*args, **options)
        if not isinstance(returned, tuple) or len(returned) != 2:
            what = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else type(returned).__name__
            raise TypeError(f"{self.name} is to return (out, residuals), but it returned {what}")
        return returned


def _has_history(operand: Any) -> bool:
    """Whether it is a Tensor that requires a gradient, perhaps inside of what vmap puts around an array."""
    while hasattr(operand, "level"):
        operand = operand.array
    return isinstance(operand, Recorded) and operand._node is not None and operand._node.requires_grad


def _of_all_examples(
    owner: custom_vjp, batch: Any, leaves: list[Any], places: list[int], rebuild: Any, options: dict[str, Any]
) -> Any:
    """A call inside of vmap and differentiated outside: it becomes a call with all examples, whose backward is mapped.

    ``batch`` is one of the operands that vmap has wrapped, of the innermost vmap.
    """
    from tinygrad_np.vectorize import vmap

    inner = [getattr(leaves[i], "level", 0) == batch.level for i in places]
    arrays = [leaves[i].array if wrapped else leaves[i] for i, wrapped in zip(places, inner, strict=True)]
    mapped = [wrapped and leaves[i].mapped for i, wrapped in zip(places, inner, strict=True)]
    pull = owner.derivative()
    rebuild_result: Callable[[Any], Any] = list  # of all numbers in what the function returns; it is called to know

    def arguments(operands: Any) -> Any:
        filled = list(leaves)
        for i, operand in zip(places, operands, strict=True):
            filled[i] = operand
        return rebuild(filled)

    def one_example(*operands: Any) -> list[Any]:
        nonlocal rebuild_result
        numbers, rebuild_result = _numbers(owner.run(arguments(operands), options))
        return numbers

    def pull_one_back(numbers: list[Any], g: Any) -> list[Any]:
        _, residuals = rebuild_result(numbers)
        shares = list(_aligned(owner.name, arguments(arrays), pull(residuals, g)))
        return [fit(np.zeros(()) if shares[i] is None else _tensor(shares[i]), leaves[i]) for i in places]

    @custom_vjp
    def whole(*operands: Any) -> Any:
        numbers = vmap(one_example, tuple(0 if m else None for m in mapped))(*operands)
        return rebuild_result(numbers)[0], numbers

    @whole.backward
    def _(numbers: Any, g: Any) -> Any:
        cotangents, rebuild_g = _numbers(g)
        shares = vmap(lambda numbers, cotangents: pull_one_back(numbers, rebuild_g(cotangents)))(numbers, cotangents)
        return tuple(share if m else np.sum(share, 0) for share, m in zip(shares, mapped, strict=True))

    whole.name = owner.name
    results, rebuild_out = _numbers(whole(*arrays))
    return rebuild_out([type(batch)(result, batch.level) for result in results])


def _numbers(tree: Any) -> tuple[list[Any], Callable[[Any], Any]]:
    """The leaves of a tree that are numbers or arrays, and the function that puts others into their places."""
    leaves, fill = flatten(tree)
    places = [i for i, leaf in enumerate(leaves) if _is_number(leaf)]

    def rebuild(numbers: Any) -> Any:
        filled = list(leaves)
        for i, number in zip(places, numbers, strict=True):
            filled[i] = number
        return fill(filled)

    return [leaves[i] for i in places], rebuild


class _Call:
    """One call of such a function: what of its arguments is no array, and where its residuals come from."""

    def __init__(self, owner: custom_vjp, leaves: list[Any], places: list[int], rebuild: Any, options: Any) -> None:
        self.owner, self.options = owner, tree_map(_kept, options)
        self.constants = [None if i in places else leaf for i, leaf in enumerate(leaves)]
        self.places, self.rebuild = places, rebuild
        self.ready: tuple[Any, ...] | Any = None  # results that compute() has left for apply()

    def __repr__(self) -> str:
        return "..."

    def arguments(self, operands: Any) -> Any:
        """The positional arguments, with these operands in them."""
        leaves = list(self.constants)
        for i, operand in zip(self.places, operands, strict=True):
            leaves[i] = operand
        return self.rebuild(leaves)

    def compute(self, operands: list[Any]) -> list[Any]:
        """Call the function with operands that require no gradient; remember the residuals."""
        out, residuals = self.owner.run(self.arguments(operands), self.options)
        leaves, self.rebuild_out = flatten(out)
        self.out_constants = [None if _is_number(leaf) else leaf for leaf in leaves]
        self.out_places = [i for i, leaf in enumerate(leaves) if _is_number(leaf)]
        results = [leaves[i] for i in self.out_places]
        self.residuals, self.rebuild_residuals = flatten(residuals)
        for leaf in (*results, *self.residuals):
            if isinstance(leaf, Recorded) and leaf._node is not None and leaf._node.requires_grad:
                raise TypeError(
                    f"{self.owner.name} uses a Tensor that requires a gradient but is no argument, and its gradient "
                    f"would be lost: pass it as an argument, or detach it"
                )
        known = {id(leaf): ("result", i) for i, leaf in enumerate(results)}
        known |= {id(leaf): ("operand", i) for i, leaf in enumerate(operands)}
        self.origins = [known.get(id(leaf), ("", 0)) for leaf in self.residuals]
        self.residuals = [
            None if origin else _kept(leaf) for leaf, (origin, _) in zip(self.residuals, self.origins, strict=True)
        ]  # what the node saves anyway is not kept twice
        results = [_without_history(leaf) if isinstance(leaf, Recorded) else wrap(leaf) for leaf in results]
        arrays = tuple(result._data for result in results)
        self.ready = arrays[0] if len(arrays) == 1 else arrays
        return results

    def output(self, results: list[Any]) -> Any:
        """The result in the form in which the function returned it."""
        leaves = list(self.out_constants)
        for i, result in zip(self.out_places, results, strict=True):
            leaves[i] = result
        return self.rebuild_out(leaves)

    def restored(self, operands: list[Any], results: list[Any], recorded: bool) -> Any:
        """The residuals; ``recorded``, with their dependence on the operands."""
        own = self.residuals
        if recorded and not all(origin for origin, _ in self.origins):
            own, _ = flatten(self.owner.run(self.arguments(operands), self.options)[1])
        sources = {"operand": operands, "result": results}
        return self.rebuild_residuals([
            sources[origin][i] if origin else leaf for leaf, (origin, i) in zip(own, self.origins, strict=True)
        ])  # fmt: skip


def _is_number(leaf: Any) -> bool:
    return hasattr(type(leaf), "__array_function__") or isinstance(leaf, float | complex | np.generic)


def _kept(leaf: Any) -> Any:
    """What is needed in the backward pass, as it is now: somebody may still write to an ndarray."""
    return leaf.copy() if isinstance(leaf, np.ndarray) else _without_history(leaf)


def _without_history(leaf: Any) -> Any:
    return wrap(leaf._data) if isinstance(leaf, Recorded) else leaf


def _compute(*operands: Any, call: _Call) -> Any:
    if call.ready is None:  # somebody computes the node again
        with no_grad():
            call = _Call(call.owner, call.constants, call.places, call.rebuild, call.options)
            call.compute([wrap(a) for a in operands])
    ready, call.ready = call.ready, None
    return ready


def _pull_back(g: Any, operands: tuple[Any, ...], out: Any, wrt: tuple[int, ...], call: _Call) -> list[Any]:
    """The rule of all such functions: the user's backward, between Tensors in the user's conventions."""
    recorded = any(isinstance(operands[i], Recorded) for i in wrt)
    results = list(map(_tensor, out if isinstance(out, tuple) else (out,)))
    cotangents = g.filled(tuple(results)) if isinstance(g, Parts) else (g,)
    tensors = list(map(_tensor, operands))
    with enable_grad() if recorded else no_grad():
        residuals = call.restored(tensors, results, recorded)
        shares = call.owner.derivative()(residuals, call.output([conjugated(_tensor(c)) for c in cotangents]))
        found = list(_aligned(call.owner.name, call.arguments(tensors), shares))
        return [_share(call.owner.name, tensors[i], found[call.places[i]], recorded) for i in wrt]


def _tensor(array: Any) -> Any:
    return array if isinstance(array, Recorded) else wrap(array)


def _aligned(name: str, args: tuple[Any, ...], shares: Any) -> Iterator[Any]:
    """The share of each leaf of the arguments; ``None`` where there is none."""
    if len(args) == 1 and not isinstance(shares, tuple):
        shares = (shares,)
    if not isinstance(shares, tuple) or len(shares) != len(args):
        what = f"{len(shares)} of them" if isinstance(shares, tuple) else type(shares).__name__
        raise TypeError(
            f"the backward of {name} is to return a tuple with the cotangents of its {len(args)} arguments (None for "
            f"one without a derivative), but it returned {what}"
        )
    return _leaves(name, args, shares)


def _leaves(name: str, tree: Any, shares: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list | tuple):
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        if shares is not None and (type(shares) is not type(tree) or len(shares) != len(tree)):
            raise TypeError(
                f"the backward of {name} is to return cotangents of the structure of the arguments: in place of a "
                f"{type(tree).__name__} of {len(tree)} it returned {shares!r}"
            )
        for key in keys:
            yield from _leaves(name, tree[key], None if shares is None else shares[key])
    elif tree is not None:
        yield shares


def _share(name: str, operand: Any, share: Any, recorded: bool) -> Any:
    """A cotangent as the engine wants it: of a shape that fits, and recorded only where it asks for that."""
    if share is None:
        return np.zeros(operand.shape, operand.dtype)
    share = conjugated(_tensor(share))
    try:
        fits = np.broadcast_shapes(share.shape, operand.shape) in (share.shape, operand.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"the backward of {name} returned a cotangent of shape {share.shape} for an argument of shape "
            f"{operand.shape}"
        )
    return share if recorded else share._data
