"""This library: eager, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_np
from benchmarks.implementations import Step
from benchmarks.tasks import Chain, Elementwise, HessianVector, Training, Update
from tinygrad_np import Tensor, hvp, nn, optim, value_and_grad
from tinygrad_np import functional as F

__all__ = ["Tinygrad"]

Array = Any
_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "sgd": optim.SGD,
    "momentum": lambda parameters, lr: optim.SGD(parameters, lr, momentum=0.9),
    "adam": optim.Adam,
}


class Tinygrad:
    """Tensors and what is on top of them.

    Parameters
    ----------
    backend : "numpy", "numba" or None
        Of the compiled functions; ``None``: eager.
    """

    arrays_are_numpys = True

    def __init__(self, backend: str | None) -> None:
        self.backend = backend
        if backend:
            import tinygrad_np.compiler.compiled  # noqa: F401 - so that it is not part of the first step
        if backend == "numba":
            import numba  # noqa: F401 - whoever has it not is left out

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return tinygrad_np.compile(function, backend=self.backend) if self.backend else function  # type: ignore[no-any-return]

    def training(self, task: Training) -> Any:
        return _Trainer(task, self._compiled)

    def chain(self, task: Chain) -> Step:
        return self._gradient(lambda x, b: np.sum(task.last(x, b)), task.arrays())

    def elementwise(self, task: Elementwise) -> Step:
        return self._gradient(lambda x, w, b: np.mean(np.square(np.tanh(x * w + b)) * F.sigmoid(x)), task.arrays())

    def _gradient(self, function: Callable[..., Any], arrays: list[Array]) -> Step:
        gradient = self._compiled(value_and_grad(function, tuple(range(len(arrays)))))

        def step() -> list[Any]:
            value, gradients = gradient(*arrays)
            return [value, *gradients]

        return step

    def hessian_vector(self, task: HessianVector) -> Step:
        x, labels = map(Tensor, task.network.data()[0])

        def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
            return F.softmax_cross_entropy(F.linear(F.relu(F.linear(x, w1, b1)), w2, b2), labels)

        product = self._compiled(lambda primals, tangents: hvp(loss, primals, tangents))
        arguments = tuple(task.network.parameters()), tuple(task.vector())
        return lambda: product(*arguments)

    def update(self, task: Update) -> Step:
        p, g = task.arrays()
        parameter, gradient = Tensor(p, requires_grad=True), Tensor(g)
        optimizer = optim.Adam([parameter], task.lr)

        def update(g: Any) -> None:
            parameter.grad = g
            optimizer.step()

        compiled = self._compiled(update)

        def step() -> list[Any]:
            compiled(gradient)
            return [parameter.detach()]

        return step


class _Trainer:
    def __init__(self, task: Training, compiled: Callable[..., Any]) -> None:
        self.model = model = nn.MLP(task.sizes, task.activation, rng=0)
        for tensor, value in zip(model.parameters(), task.parameters(), strict=True):
            tensor.data = value
        loss_of = F.sigmoid_cross_entropy if task.binary else F.softmax_cross_entropy
        optimizer = _OPTIMIZERS[task.optimizer](model.parameters(), lr=task.lr)

        def step(x: Any, y: Any) -> Any:
            loss = loss_of(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        self._step = compiled(step)

    def batch(self, x: Array, y: Array) -> tuple[Any, Any]:
        return Tensor(x), Tensor(y)

    def step(self, x: Any, y: Any) -> float:
        return float(self._step(x, y).item())

    def parameters(self) -> list[Array]:
        return [p.detach().numpy() for p in self.model.parameters()]
