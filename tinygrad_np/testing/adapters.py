"""Functions of other libraries: PyTorch, JAX, HIPS autograd. Each is imported when its adapter is used.

Cotangents and gradients by complex numbers come in PyTorch's convention, ``dL/dx + i dL/dy``; the others have the
conjugate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_np._extras import require
from tinygrad_np.testing.functions import Adapted
from tinygrad_np.tree import tree_map

__all__ = ["autograd", "jax", "pytorch"]

Array = np.ndarray[Any, np.dtype[Any]]
Function = Callable[..., Any]
Recorded = tuple[list[Array], Callable[[Any], Sequence[Any]]]


class pytorch(Adapted):
    """A function of PyTorch tensors, or a subclass of ``torch.autograd.Function``.

    Examples
    --------
    ``check_gradients(f, x, reference=pytorch(torch.nn.functional.gelu))`` compares with PyTorch's gradient;
    ``check_gradients(pytorch(MyFunction), x)`` tests one of your own.
    """

    def __init__(self, function: Any, name: str | None = None) -> None:
        super().__init__(function, name)
        self.torch = require("torch", "bench")
        self.torch_function = (
            function.apply if isinstance(function, self.torch.autograd.function.FunctionMeta) else function
        )

    def call(self, *inputs: Any) -> Any:
        tensor = self.torch.as_tensor
        inputs = tree_map(lambda x: tensor(x) if isinstance(x, np.ndarray | np.generic) else x, inputs)
        return self.torch_function(*inputs)

    def record(self, function: Function, variables: list[Array]) -> Recorded:
        torch = self.torch
        tensors = [torch.tensor(x, requires_grad=True) for x in variables]
        outs = function(tensors)

        def pullback(cotangents: Any) -> Sequence[Any]:
            live = [(out, torch.tensor(c)) for out, c in zip(outs, cotangents, strict=True) if out.requires_grad]
            if not live:
                return [None] * len(tensors)
            outputs, seeds = zip(*live, strict=True)
            found = torch.autograd.grad(outputs, tensors, seeds, retain_graph=True, allow_unused=True)
            return [None if g is None else g.resolve_conj().numpy() for g in found]

        return [out.detach().resolve_conj().numpy() for out in outs], pullback


class jax(Adapted):
    """A function of JAX arrays, computed in double precision where the inputs are."""

    def __init__(self, function: Any, name: str | None = None) -> None:
        super().__init__(function, name)
        self.jax = require("jax", "bench")

    def record(self, function: Function, variables: list[Array]) -> Recorded:
        with self._double():
            outs, pull = self.jax.vjp(lambda *arrays: function(arrays), *variables)

        def pullback(cotangents: Any) -> Sequence[Any]:
            with self._double():  # JAX's cotangents are dL/dx - i dL/dy
                found = pull(
                    [self.jax.numpy.asarray(np.conj(c), o.dtype) for c, o in zip(cotangents, outs, strict=True)]
                )
                return [np.conj(np.asarray(g)) for g in found]

        return list(map(np.asarray, outs)), pullback

    def _double(self) -> Any:
        own = getattr(self.jax, "enable_x64", None)
        return own(True) if own is not None else require("jax.experimental", "bench").enable_x64()


class autograd(Adapted):
    """A function written with ``autograd.numpy`` (HIPS autograd)."""

    def __init__(self, function: Any, name: str | None = None) -> None:
        super().__init__(function, name)
        self.make_vjp = require("autograd", "bench").make_vjp

    def record(self, function: Function, variables: list[Array]) -> Recorded:
        outs = function(variables)

        def pullback(cotangents: Any) -> Sequence[Any]:
            found = [np.zeros_like(x) for x in variables]
            for i, c in enumerate(cotangents):  # its cotangents, too, are dL/dx - i dL/dy
                pull, _ = self.make_vjp(lambda arrays, i=i: function(arrays)[i])(variables)
                found = [np.asarray(f + np.conj(g)) for f, g in zip(found, pull(np.conj(c)), strict=True)]
            return found

        return list(map(np.asarray, outs)), pullback
