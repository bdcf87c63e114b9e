"""Functions with a derivative, whoever wrote them, through one small protocol.

A function under test has a value and a vector-Jacobian product (VJP), nothing else. :class:`engine` gives both to a
function of Tensors, :class:`with_gradient` to NumPy code with a derivative by hand, and
:mod:`tinygrad_np.testing.adapters` to functions of other libraries.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from tinygrad_np.grad_mode import no_grad
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.transforms import vjp
from tinygrad_np.tree import flatten, tree_map

__all__ = ["Adapted", "Differentiable", "differentiable", "engine", "linearized", "with_gradient"]

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[..., Any]
Pullback = Callable[[Any], tuple[Any, ...]]


class Differentiable(Protocol):
    """What has a value and a vector-Jacobian product.

    A number is differentiated if it is of floating-point or complex dtype; everything else is passed on. Of complex
    numbers a cotangent or gradient is ``dL/dx + i dL/dy``, as in PyTorch. An object may also have a method
    ``linearize(*inputs)`` that returns the value and the function from cotangents to gradients, and so save a pass.

    Attributes
    ----------
    name : str
        For messages.
    """

    name: str

    def value(self, *inputs: Any) -> Any:
        """Return an array, or a tuple of arrays."""

    def vjp(self, cotangents: Any, *inputs: Any) -> tuple[Any, ...]:
        """Return one gradient per input, of its structure; ``None`` where there is no dependence.

        ``cotangents`` is of the structure of the value: an array, or a tuple of arrays.
        """


def differentiable(function: Any, parameters: Any = None) -> Any:
    """Return a :class:`Differentiable`: of a pair by :class:`with_gradient`, of a callable by :class:`engine`."""
    if isinstance(function, tuple) and len(function) == 2:
        return with_gradient(*function)
    if callable(getattr(function, "value", None)) and callable(getattr(function, "vjp", None)):
        return function
    if not callable(function):
        raise TypeError(
            f"a function of Tensors is wanted, a pair (f, vjp), or an object with 'value' and 'vjp' (see "
            f"tinygrad_np.testing.functions), not {type(function).__name__}"
        )
    return engine(function, parameters=parameters)


def linearized(function: Any, inputs: Sequence[Any], places: Sequence[int] | None = None) -> tuple[Any, Pullback]:
    """Return the value, and the function from cotangents to gradients (by the leaves at ``places``, if it can)."""
    if isinstance(function, Adapted):
        return function.linearize(*inputs, places=places)
    if hasattr(function, "linearize"):
        found: tuple[Any, Pullback] = function.linearize(*inputs)
        return found
    return function.value(*inputs), lambda cotangents: function.vjp(cotangents, *inputs)


def is_differentiable(x: Any) -> bool:
    """Whether ``x`` is an array of floating-point or complex numbers."""
    return hasattr(x, "dtype") and getattr(x.dtype, "kind", "") in "fc"


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


class with_gradient:
    """Plain NumPy code, and its derivative by hand.

    Parameters
    ----------
    function : callable
        ``function(*inputs)`` returns an array, or a tuple of arrays.
    gradient : callable
        ``gradient(cotangent, *inputs)`` returns the gradient, or a tuple with one gradient per input (``None``: no
        dependence). If ``function`` returns a tuple, ``cotangent`` is one, too. If its result is a real scalar,
        the gradient may be a function of ``*inputs`` alone.

    Examples
    --------
    >>> softplus = with_gradient(lambda x: np.log1p(np.exp(x)), lambda g, x: g / (1 + np.exp(-x)))
    >>> softplus.vjp(np.array([1.0, 2.0]), np.zeros(2))
    (array([0.5, 1. ]),)
    """

    def __init__(self, function: Function, gradient: Function, name: str | None = None) -> None:
        self.function, self.gradient = function, gradient
        self.name = name or _name(function)

    def value(self, *inputs: Any) -> Any:
        """Call the function."""
        return self.function(*inputs)

    def vjp(self, cotangents: Any, *inputs: Any) -> tuple[Any, ...]:
        """Call the gradient."""
        if not isinstance(cotangents, tuple) and np.ndim(cotangents) == 0 and not takes(self.gradient, len(inputs) + 1):
            return tuple(None if g is None else cotangents * g for g in one_each(self.gradient(*inputs), inputs))
        return one_each(self.gradient(cotangents, *inputs), inputs)


def one_each(gradients: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return a gradient by hand as a tuple with one entry per input; those that have no derivative may be left out."""
    if not isinstance(gradients, tuple) and not (isinstance(gradients, list) and len(inputs) != 1):
        gradients = (gradients,)
    if len(gradients) == len(inputs):
        return tuple(gradients)
    floating = [i for i, x in enumerate(inputs) if any(map(is_differentiable, flatten(x)[0]))]
    if len(gradients) != len(floating):
        raise TypeError(
            f"a gradient by hand is to have one part for each of the {len(inputs)} inputs, not {len(gradients)}"
        )
    found = dict(zip(floating, gradients, strict=True))
    return tuple(found.get(i) for i in range(len(inputs)))


def takes(function: Function, count: int) -> bool:
    """Return whether it can be called with that many positional arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # a function in C that does not tell
        return True
    return True


class Adapted:
    """A function of another world: its floating-point inputs are variables there, its results come back as arrays."""

    def __init__(self, function: Any, name: str | None = None) -> None:
        self.function: Any = function
        self.name = name or _name(function)

    def value(self, *inputs: Any) -> Any:
        """Call the function."""
        return self.linearize(*inputs)[0]

    def vjp(self, cotangents: Any, *inputs: Any) -> tuple[Any, ...]:
        """Differentiate the function."""
        return self.linearize(*inputs)[1](cotangents)

    def linearize(self, *inputs: Any, places: Sequence[int] | None = None) -> tuple[Any, Pullback]:
        """Return the value, and the function from cotangents to gradients; by some of the leaves only, if need be."""
        leaves, rebuild = flatten(inputs)
        if places is None:
            places = [i for i, leaf in enumerate(leaves) if is_differentiable(leaf)]
        shape: list[type] = []

        def of_variables(variables: Sequence[Any]) -> list[Any]:
            replaced = dict(zip(places, variables, strict=True))
            out = self.call(*rebuild([replaced.get(i, leaf) for i, leaf in enumerate(leaves)]))
            shape[:] = [type(out)]
            return flatten(out)[0]

        results, pull_back = self.record(of_variables, [leaves[i] for i in places])
        several = len(results) != 1 or issubclass(shape[0], tuple | list | dict)

        def pullback(cotangents: Any) -> tuple[Any, ...]:
            gradients = dict(zip(places, pull_back(cotangents if several else (cotangents,)), strict=True))
            found: tuple[Any, ...] = rebuild([gradients.get(i) for i in range(len(leaves))])
            return found

        return (tuple(results) if several else results[0]), pullback

    def call(self, *inputs: Any) -> Any:
        """Call the function with variables of its world."""
        return self.function(*inputs)

    def record(self, function: Function, variables: list[Array]) -> tuple[list[Array], Callable[[Any], Sequence[Any]]]:
        """Return the results of ``function(variables)``, and the function from their cotangents to the gradients."""
        raise NotImplementedError


class engine(Adapted):
    """A function of Tensors, differentiated by this library.

    Parameters
    ----------
    function : callable
        Of arrays and nested lists, tuples and dicts of arrays. Of its results those of floating-point dtype count.
    parameters : Module, or dict or list of Tensors, optional
        Tensors that the function uses without being given them: they become one more input, a dict, behind the others.
        A :class:`tinygrad_np.nn.Module` as ``function`` brings its own.

    Examples
    --------
    >>> engine(np.tanh).vjp(np.array([1.0, 10.0]), np.zeros(2))
    (array([ 1., 10.]),)
    """

    def __init__(self, function: Function, *, parameters: Any = None, name: str | None = None) -> None:
        super().__init__(function, name)
        source = function if parameters is None and hasattr(function, "named_parameters") else parameters
        self.parameters = _named(source)
        self.names: tuple[str, ...] = ()  # what to call its inputs; none: ask its signature

    def call(self, *inputs: Any) -> Any:
        if not self.parameters:
            return self._results(self.function(*inputs))
        *inputs, values = inputs  # type: ignore[assignment]
        with _substituted(self.parameters, values):
            return self._results(self.function(*inputs))

    def value(self, *inputs: Any) -> Any:
        def constant(leaf: Any) -> Any:
            return wrap(leaf) if is_differentiable(leaf) and not isinstance(leaf, Tensor) else leaf

        with no_grad():
            out = self.call(*tree_map(constant, inputs))
        arrays = tuple(tree_map(_array, flatten(out)[0]))
        return arrays if isinstance(out, tuple) else arrays[0]

    def record(self, function: Function, variables: list[Array]) -> tuple[list[Array], Callable[[Any], Sequence[Any]]]:
        outs, pullback = vjp(lambda *tensors: function(tensors), *map(wrap, variables))
        return list(map(_array, outs)), lambda cotangents: list(map(_array, pullback(list(cotangents))))

    def _results(self, out: Any) -> Any:
        """The results that can be differentiated: one, or a tuple of them."""
        leaves = [leaf for leaf in flatten(out)[0] if not isinstance(leaf, Tensor) or leaf.dtype.kind in "fc"]
        for leaf in leaves:
            if isinstance(leaf, float | complex) or (is_differentiable(leaf) and not isinstance(leaf, Tensor)):
                raise TypeError(
                    f"{self.name} returned {type(leaf).__name__} where a Tensor was expected, so the gradient is lost; "
                    f"if it called .numpy(), .item() or float(), that is the place"
                )
        tensors = tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))
        return tensors[0] if isinstance(out, Tensor) and tensors else tensors


def _array(x: Any) -> Array:
    return x._data if isinstance(x, Tensor) else np.asarray(x)


def _named(parameters: Any) -> dict[str, Tensor]:
    if parameters is None:
        return {}
    if hasattr(parameters, "named_parameters"):
        return dict(parameters.named_parameters())
    if isinstance(parameters, dict):
        return dict(parameters)
    return {tensor.name or str(i): tensor for i, tensor in enumerate(parameters)}


@contextmanager
def _substituted(parameters: dict[str, Tensor], values: dict[str, Any]) -> Iterator[None]:
    """Let Tensors that somebody holds be others for a while."""
    before = {name: (p._data, p._node) for name, p in parameters.items()}
    try:
        for name, parameter in parameters.items():
            value = values[name] if isinstance(values[name], Tensor) else wrap(values[name])
            parameter._data, parameter._node = value._data, value.node
        yield
    finally:
        for name, parameter in parameters.items():
            parameter._data, parameter._node = before[name]
