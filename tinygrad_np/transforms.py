"""Derivatives as functions of functions: gradients, products with Jacobians and Hessians, and these themselves.

All of them are the one reverse pass of :mod:`tinygrad_np.graph`, run on a record of the function. They nest: inside
of another transform, or where a Tensor from outside requires a gradient, the pass is itself recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_np.grad_mode import enable_grad, is_grad_enabled
from tinygrad_np.graph import Node, backpropagate, leaf, tick, walk
from tinygrad_np.record import apply, lift, wrap
from tinygrad_np.rules import shapes
from tinygrad_np.tensor import Tensor, conjugated, seed
from tinygrad_np.tree import flatten, tree_map
from tinygrad_np.vectorize import of_each_example

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


class _Trace:
    """A record of one call of a function, from variables of its own to its results."""

    def __init__(self, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums) -> None:
        numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        name = getattr(function, "__name__", "the function")
        if not all(-len(args) <= i < len(args) for i in numbers):
            raise TypeError(f"argnums={argnums!r}, but {name} was called with {len(args)} positional arguments")
        self.name = name
        leaves, self.rebuild = flatten(args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in numbers))
        self.recorded_outside = is_grad_enabled()
        start = tick()
        with enable_grad():
            self.variables = [_variable(array, name) for array in leaves]
            chosen = self.rebuild(self.variables)
            chosen = [chosen] if isinstance(argnums, int) else chosen
            replaced = {i % len(args): argument for i, argument in zip(numbers, chosen, strict=True)}
            self.value = function(*(replaced.get(i, arg) for i, arg in enumerate(args)), **kwargs)
        self.outputs, self.rebuild_outputs = flatten(self.value)
        for output in self.outputs:
            if not isinstance(output, Tensor):
                raise TypeError(
                    f"{name} returned {type(output).__name__} where a Tensor was expected; if it called .numpy(), "
                    f".item() or float(), the derivative was lost there"
                )
        self.nodes = [variable.node for variable in self.variables]
        live = [output.node for output in self.outputs if output.requires_grad]
        outside = any(node.primitive is None and node.order < start for node in walk(*live, constants=False))
        self.create_graph = self.recorded_outside and outside  # somebody may differentiate what is returned

    def scalar(self, transform: str) -> Tensor:
        """Return the only result, which must be a real scalar."""
        if not isinstance(self.value, Tensor) or self.value.size != 1:
            what = f"a Tensor of shape {self.value.shape}" if isinstance(self.value, Tensor) else "several"
            raise TypeError(
                f"{transform} differentiates functions with a scalar result, but {self.name} returned {what}; "
                f"reduce it (.sum(), .mean()), or use jacobian or vjp"
            )
        if self.value.dtype.kind not in "fc":
            raise TypeError(
                f"{transform} differentiates functions with a floating-point result, but {self.name} returned "
                f"{self.value.dtype}; argmax, comparisons and the like have no derivative"
            )
        if self.value.dtype.kind == "c":
            raise TypeError(
                f"{transform} differentiates real functions, but {self.name} returned a complex number; "
                f"take .real or np.abs(), or use vjp"
            )
        return self.value

    def pull_back(
        self, cotangents: list[Any], create_graph: bool, retain_graph: bool, ends: Callable[[Any], Any] = conjugated
    ) -> list[Tensor]:
        """Return the cotangents of the variables, given those of the results."""
        seeds: dict[Node, Any] = {}
        for output, cotangent in zip(self.outputs, cotangents, strict=True):
            if output.requires_grad:
                g = ends(seed(output, cotangent, f"the cotangent of {self.name}", create_graph))
                seeds[output.node] = seeds[output.node] + g if output.node in seeds else g
        with enable_grad():
            found = backpropagate(
                seeds, self.nodes, retain_graph=retain_graph or create_graph, lift=lift if create_graph else None
            )
            return [_tensor(ends(found[x.node])) if x.node in found else _zeros(x) for x in self.variables]

    def result(self, value: Any) -> Any:
        """Results as the caller gets them: recorded only if something outside of the function is."""
        return value if self.create_graph else tree_map(Tensor.detach, value)


def _variable(value: Any, name: str) -> Tensor:
    """A Tensor to differentiate with respect to, with a node of its own."""
    value = of_each_example(value)
    if isinstance(value, Tensor) and value.requires_grad:
        return apply(shapes.alias, (value,))
    tensor = value.detach() if isinstance(value, Tensor) else Tensor(value)
    if tensor.dtype.kind not in "fc":
        raise TypeError(
            f"{name} is to be differentiated with respect to floating-point numbers, but one argument is of dtype "
            f"{tensor.dtype}; write 3.0 for 3, or choose others by argnums="
        )
    return wrap(tensor._data, leaf(tensor._data, True))


def _zeros(tensor: Tensor) -> Tensor:
    return wrap(np.zeros_like(tensor._data))


def _tensor(array: Any) -> Tensor:
    return array if isinstance(array, Tensor) else wrap(array)


def value_and_grad(function: Function, argnums: Argnums = 0) -> Function:
    """Return a function that computes the value of ``function`` and its gradient.

    Parameters
    ----------
    function : callable
        Returns a Tensor with one element.
    argnums : int or tuple of int
        With respect to which positional arguments. Each may be a Tensor or array, or nested lists, tuples and
        dicts of them.

    Returns
    -------
    callable
        Takes the arguments of ``function``; returns ``(value, gradient)``. The gradient has the structure of the
        argument, or is a tuple of such for a tuple of ``argnums``. Each part has the dtype and shape of its argument.

    Raises
    ------
    TypeError
        If the result is no scalar Tensor, or an argument is not of floating-point dtype.

    Examples
    --------
    >>> def loss(parameters, x, y):
    ...     return np.mean((x @ parameters["w"] + parameters["b"] - y) ** 2)
    >>> x, y = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 0.0])
    >>> value, gradient = value_and_grad(loss)({"w": np.zeros(2), "b": 0.0}, x, y)
    >>> value, gradient
    (Tensor(0.5, dtype=float64), {'w': Tensor([-1., -2.], dtype=float64), 'b': Tensor(-1., dtype=float64)})
    """

    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        trace = _Trace(function, args, kwargs, argnums)
        value = trace.scalar("grad")
        gradient = trace.pull_back([1.0], trace.create_graph, retain_graph=False)
        return trace.result(value), trace.rebuild(gradient)

    return transformed


def grad(function: Function, argnums: Argnums = 0) -> Function:
    """Return a function that computes the gradient of ``function``. See :func:`value_and_grad`.

    Examples
    --------
    >>> grad(np.tanh)(0.5)
    Tensor(0.78644773, dtype=float64)
    >>> grad(grad(np.tanh))(0.5)  # the second derivative: -2 tanh(x) (1 - tanh(x)^2)
    Tensor(-0.72686198, dtype=float64)
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        return value_and_grad(function, argnums)(*args, **kwargs)[1]

    return transformed


def vjp(function: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Return ``function(*primals)`` and the function from its cotangent to theirs: ``v -> v^T J``.

    Parameters
    ----------
    function : callable
        Returns a Tensor, or nested lists, tuples and dicts of Tensors.
    *primals
        Arguments, as for :func:`value_and_grad`.

    Returns
    -------
    value
        The result.
    pullback : callable
        Takes a cotangent of the result's structure and shapes, returns a tuple with one entry per argument. It may be
        called any number of times.

    Examples
    --------
    >>> value, pullback = vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (Tensor([ 2., 40.], dtype=float64),)
    """
    trace = _Trace(function, primals, {}, tuple(range(len(primals))))

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        leaves, _ = flatten(cotangent)
        create = trace.create_graph or (
            is_grad_enabled() and any(isinstance(g, Tensor) and g.requires_grad for g in leaves)
        )
        found: tuple[Any, ...] = trace.rebuild(trace.pull_back(leaves, create, retain_graph=True))
        return found

    return trace.result(trace.value), pullback


def jvp(function: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return ``function(*primals)`` and its derivative in the direction ``tangents``: ``J v``.

    The pullback ``u -> u^T J`` is linear, and its own pullback is the product ``J v`` (Townsend, 2017, "A new trick for
    calculating Jacobian vector products"): forward mode needs no rules of its own.

    Parameters
    ----------
    function : callable
        Returns a Tensor, or nested lists, tuples and dicts of Tensors.
    primals, tangents : tuple
        One entry per argument; a tangent has the structure and shapes of its argument.

    Examples
    --------
    >>> jvp(lambda x: x * x, (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    (Tensor([1., 4.], dtype=float64), Tensor([ 2., 40.], dtype=float64))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise TypeError("jvp takes tuples of arguments: jvp(f, (x,), (v,))")
    trace = _Trace(function, primals, {}, tuple(range(len(primals))))
    directions, _ = flatten(tangents)
    if len(directions) != len(trace.variables):
        raise ValueError(f"{len(trace.variables)} arrays to differentiate by, but {len(directions)} tangents")
    dummies = [Tensor(np.ones_like(output._data), requires_grad=True) for output in trace.outputs]
    pulled = trace.pull_back(dummies, create_graph=True, retain_graph=True, ends=lambda g: g)
    create = trace.recorded_outside and (
        trace.create_graph or any(isinstance(v, Tensor) and v.requires_grad for v in directions)
    )
    seeds: dict[Node, Any] = {}
    for g, v in zip(pulled, directions, strict=True):
        if g.requires_grad:  # one cotangent may have come to several arguments, as to both of x + y
            tangent = seed(g, v, "the tangent", create)
            seeds[g.node] = seeds[g.node] + tangent if g.node in seeds else tangent
    with enable_grad():
        found = backpropagate(seeds, [dummy.node for dummy in dummies], lift=lift if create else None)
    products = [_tensor(found[u.node]) if u.node in found else _zeros(u) for u in dummies]
    return trace.result(trace.value), trace.rebuild_outputs(products)


def hvp(function: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the product of the Hessian of a scalar ``function`` at ``primals`` with ``tangents``: ``H v``.

    The gradient is differentiated once more, with ``v`` for its cotangent: ``v^T H``, and the Hessian is symmetric
    (Pearlmutter, 1994). It costs a few gradients, and never forms the matrix.

    Parameters
    ----------
    function : callable
        Returns a Tensor with one element.
    primals, tangents : tuple
        One entry per argument; a tangent has the structure and shapes of its argument.

    Returns
    -------
    tuple
        One entry per argument, of its structure.

    Examples
    --------
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    (Tensor([  6., 120.], dtype=float64),)
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise TypeError("hvp takes tuples of arguments: hvp(f, (x,), (v,))")
    everything = tuple(range(len(primals)))
    directions, _ = flatten(tangents)
    trace = _Trace(grad(function, everything), primals, {}, everything)
    if len(directions) != len(trace.outputs):
        raise ValueError(f"{len(trace.outputs)} arrays to differentiate by, but {len(directions)} tangents")
    trace.name = "the gradient"  # where errors speak of its cotangent
    create = trace.create_graph or (
        trace.recorded_outside and any(isinstance(v, Tensor) and v.requires_grad for v in directions)
    )
    products: tuple[Any, ...] = trace.rebuild(trace.pull_back(directions, create, retain_graph=False))
    return products


def jacobian(function: Function, argnums: Argnums = 0) -> Function:
    """Return a function that computes all derivatives of all elements of ``function``'s result.

    One reverse pass per element of the result, over one record of the function.

    Returns
    -------
    callable
        Its result has shape ``result.shape + argument.shape``; for nested results and arguments, it is nested as
        the result is, and within as the argument is.

    Examples
    --------
    >>> jacobian(lambda x: x[::-1] * x)(np.array([1.0, 2.0]))
    Tensor([[2., 1.],
            [2., 1.]], dtype=float64)
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        trace = _Trace(function, args, kwargs, argnums)
        blocks = []
        for k, output in enumerate(trace.outputs):
            rows = []
            for i in range(output.size):
                cotangents = [np.zeros(other.shape, other.dtype) for other in trace.outputs]
                cotangents[k].reshape(-1)[i] = 1
                rows.append(trace.pull_back(cotangents, trace.create_graph, retain_graph=True))
            columns = [[row[j] for row in rows] for j in range(len(trace.variables))]
            blocks.append(trace.rebuild([_block(output, x, c) for x, c in zip(trace.variables, columns, strict=True)]))
        return trace.rebuild_outputs(blocks)

    return transformed


def _block(output: Tensor, variable: Tensor, rows: list[Tensor]) -> Tensor:
    """The derivatives of one result by one argument, from those of each element of the result."""
    shape = output.shape + variable.shape
    return apply(shapes.stack, tuple(rows)).reshape(shape) if rows else wrap(np.zeros(shape, variable.dtype))


def hessian(function: Function, argnums: Argnums = 0) -> Function:
    """Return a function that computes all second derivatives of a scalar ``function``: the Jacobian of its gradient.

    Examples
    --------
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    Tensor([[6., 2.],
            [2., 0.]], dtype=float64)
    """
    return jacobian(grad(function, argnums), argnums)
