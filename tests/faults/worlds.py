"""The faults as functions of other worlds: an operation of this library, a PyTorch function, a JAX one, a HIPS one.

Each takes a :class:`~.fault.Fault` and one of its rules, and returns a function whose backward pass is that rule.
The worlds are imported when they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_np import custom_vjp

from .fault import Fault, is_differentiable

__all__ = ["autograd_function", "engine_function", "jax_function", "torch_function"]

Rule = Callable[..., Any]


def engine_function(fault: Fault, rule: Rule) -> Any:
    """One operation of this library, by the name of the fault."""

    def forward(*inputs: Any) -> tuple[Any, Any]:
        inputs = tuple(_array(x) for x in inputs)
        return fault.value(*inputs), inputs

    forward.__name__ = fault.name
    operation = custom_vjp(forward)

    @operation.backward
    def _(inputs: Any, g: Any) -> Any:
        return rule(tuple(map(_array, g)) if isinstance(g, tuple) else _array(g), *inputs)

    return operation


def _array(x: Any) -> np.ndarray:
    return np.array(x.detach().numpy() if hasattr(x, "detach") else x)


def _filled(gradients: Sequence[Any], inputs: Sequence[np.ndarray]) -> list[Any]:
    """Zeros in place of None, by those inputs that are differentiated."""
    pairs = zip(gradients, inputs, strict=True)
    return [np.zeros_like(x) if g is None else np.asarray(g) for g, x in pairs if is_differentiable(x)]


def _arguments(inputs: Sequence[np.ndarray], variables: Sequence[Any]) -> tuple[Any, ...]:
    """All inputs, the differentiated ones replaced."""
    rest = iter(variables)
    return tuple(next(rest) if is_differentiable(x) else x for x in inputs)


def torch_function(fault: Fault, rule: Rule, inputs: Sequence[np.ndarray]) -> Callable[..., Any]:
    """An ``autograd.Function``, of the differentiated ones of these inputs."""
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *variables: Any) -> Any:
            arrays = _arguments(inputs, [v.detach().numpy() for v in variables])
            ctx.arrays = [np.array(x) for x in arrays]
            out = fault.value(*arrays)
            return tuple(map(torch.tensor, out)) if isinstance(out, tuple) else torch.tensor(out)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            g = tuple(c.resolve_conj().numpy() for c in cotangents)
            gradients = rule(g if len(g) > 1 else g[0], *ctx.arrays)
            differentiated = [d for d, x in zip(gradients, inputs, strict=True) if is_differentiable(x)]
            return tuple(None if d is None else torch.tensor(np.array(d)) for d in differentiated)

    Function.__name__ = fault.name
    return Function.apply


def jax_function(fault: Fault, rule: Rule, inputs: Sequence[np.ndarray]) -> Callable[..., Any]:
    """A ``custom_vjp`` whose passes are callbacks, of the differentiated ones of these inputs."""
    import jax

    def described(x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(map(described, x))
        return jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype)

    def compute(*variables: Any) -> Any:
        out = fault.value(*_arguments(inputs, [np.asarray(v) for v in variables]))
        return tuple(map(np.asarray, out)) if isinstance(out, tuple) else np.asarray(out)

    results = described(fault.value(*inputs))

    @jax.custom_vjp
    def function(*variables: Any) -> Any:
        return jax.pure_callback(compute, results, *variables)

    def backward(variables: Any, g: Any) -> Any:
        def pull(g: Any, *variables: Any) -> Any:
            arrays = _arguments(inputs, [np.array(v) for v in variables])
            g = jax.tree.map(lambda c: np.conj(np.array(c)), g)  # JAX's cotangents are dL/dx - i dL/dy
            return [np.conj(d) for d in _filled(rule(g, *arrays), inputs)]

        return tuple(pull(g, *variables))  # check_grads does not compile: the callback can be left out

    function.defvjp(lambda *variables: (function(*variables), variables), backward)
    return function


def autograd_function(fault: Fault, rule: Rule, inputs: Sequence[np.ndarray]) -> Callable[..., Any]:
    """A primitive of HIPS autograd, of the differentiated ones of these inputs; for one result."""
    from autograd.extend import defvjp_argnums, primitive

    @primitive
    def function(*variables: Any) -> Any:
        return fault.value(*_arguments(inputs, variables))

    def vjps(argnums: Any, out: Any, variables: Any, _: Any) -> Any:
        def pull(g: Any) -> Any:  # its cotangents, too, are dL/dx - i dL/dy
            g = np.conj(g) if np.iscomplexobj(g) else np.asarray(g)
            gradients = _filled(rule(g, *_arguments(inputs, variables)), inputs)
            return [np.conj(gradients[i]) for i in argnums]

        return pull

    defvjp_argnums(function, vjps)
    return function
