"""PyTorch: eager, or with ``torch.compile``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, linear

from benchmarks.implementations import Step
from benchmarks.tasks import Chain, Elementwise, HessianVector, Training, Update

__all__ = ["PyTorch"]

Array = Any


class PyTorch:
    """With the optimizers in their fused form, which is the fastest.

    Parameters
    ----------
    compiled : bool
        Whether the loss, and so its backward pass, is compiled.
    """

    arrays_are_numpys = False

    def __init__(self, compiled: bool) -> None:
        self.compiled = compiled

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return torch.compile(function) if self.compiled else function

    def training(self, task: Training) -> Any:
        return _Trainer(task, self._compiled)

    def chain(self, task: Chain) -> Step:
        return self._gradient(lambda x, b: task.last(x, b).sum(), task.arrays())

    def elementwise(self, task: Elementwise) -> Step:
        return self._gradient(lambda x, w, b: ((x * w + b).tanh().square() * x.sigmoid()).mean(), task.arrays())

    def _gradient(self, function: Callable[..., Any], arrays: list[Array]) -> Step:
        leaves = [torch.tensor(a, requires_grad=True) for a in arrays]
        function = self._compiled(function)

        def step() -> list[Any]:
            value = function(*leaves)
            return [value.detach(), *torch.autograd.grad(value, leaves)]

        return step

    def hessian_vector(self, task: HessianVector) -> Step:
        x, labels = map(torch.tensor, task.network.data()[0])

        def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
            return cross_entropy(torch.relu(x @ w1 + b1) @ w2 + b2, labels)

        def product(primals: Any, tangents: Any) -> Any:
            return torch.func.jvp(torch.func.grad(loss, (0, 1, 2, 3)), primals, tangents)[1]

        product = self._compiled(product)
        arguments = [tuple(map(torch.tensor, arrays)) for arrays in (task.network.parameters(), task.vector())]
        return lambda: product(*arguments)

    def update(self, task: Update) -> Step:
        p, g = map(torch.tensor, task.arrays())
        p.requires_grad_()
        p.grad = g
        optimizer = torch.optim.Adam([p], task.lr, fused=True)

        def step() -> list[Any]:
            optimizer.step()
            return [p.detach()]

        return step


class _Trainer:
    def __init__(self, task: Training, compiled: Callable[..., Any]) -> None:
        self.leaves = [torch.tensor(p.T.copy() if p.ndim == 2 else p, requires_grad=True) for p in task.parameters()]
        self.optimizer: Any = (
            torch.optim.Adam(self.leaves, task.lr, fused=True)
            if task.optimizer == "adam"
            else torch.optim.SGD(self.leaves, task.lr, 0.9 * (task.optimizer == "momentum"), fused=True)
        )
        activation = torch.relu if task.activation == "relu" else torch.tanh
        loss_of = binary_cross_entropy_with_logits if task.binary else cross_entropy

        def loss(leaves: list[Any], x: Any, y: Any) -> Any:
            for w, b in zip(leaves[:-2:2], leaves[1:-2:2], strict=True):
                x = activation(linear(x, w, b))
            return loss_of(linear(x, *leaves[-2:]), y)

        self.loss = compiled(loss)

    def batch(self, x: Array, y: Array) -> tuple[Any, Any]:
        return torch.from_numpy(x), torch.from_numpy(y)

    def step(self, x: Any, y: Any) -> float:
        loss = self.loss(self.leaves, x, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.item())

    def parameters(self) -> list[Array]:
        return [p.detach().numpy().T for p in self.leaves]
