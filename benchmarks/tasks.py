"""What the libraries are compared on: each task is defined here, once, and :data:`TASKS` is the table of all.

A task says what is computed and of which numbers; how, is up to :mod:`benchmarks.implementations`, which have a method
for each ``kind`` of task. All is float32.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

__all__ = ["TASKS", "Chain", "Elementwise", "HessianVector", "Task", "Training", "Update"]

Array = Any


@dataclass(frozen=True)
class Training:
    """Steps of training a multilayer perceptron: forward, backward, update, and the loss as a number.

    Attributes
    ----------
    sizes : tuple of int
        Of the layers, from the input to the output. One output means yes or no (sigmoid cross-entropy), more mean
        classes (softmax cross-entropy).
    batch : int
        Examples per step.
    optimizer : "sgd", "momentum" or "adam"
        Momentum is 0.9.
    activation : "relu" or "tanh"
    lr : float
    batches : int
        How many there are to go through.
    """

    kind: ClassVar[str] = "training"
    sizes: tuple[int, ...]
    batch: int
    optimizer: str
    activation: str = "relu"
    lr: float = 1e-3
    batches: int = 4

    @property
    def binary(self) -> bool:
        """Whether the answers are yes and no."""
        return self.sizes[-1] == 1

    def __str__(self) -> str:
        return f"step of {'-'.join(map(str, self.sizes))}, {self.activation}, batch {self.batch}, {self.optimizer}"

    def small(self) -> Training:
        """The same in little, to see whether it works."""
        return replace(
            self, sizes=tuple(min(n, 12) for n in self.sizes), batch=min(self.batch, 8), batches=min(self.batches, 2)
        )

    def parameters(self) -> list[Array]:
        """Return ``W1, b1, W2, b2, ...`` to start from, with ``W`` of shape (n_in, n_out)."""
        rng = np.random.default_rng(1)
        parameters: list[Array] = []
        for n_in, n_out in zip(self.sizes, self.sizes[1:]):  # noqa: B905 - pairs of neighbours
            weight = rng.standard_normal((n_in, n_out), np.float32) * np.float32(np.sqrt(2 / n_in))
            parameters += [weight, np.zeros(n_out, np.float32)]
        return parameters

    def data(self) -> list[tuple[Array, Array]]:
        """Return pairs of examples, (batch, n_in), and labels: class numbers, or zeros and ones of (batch, 1)."""
        rng = np.random.default_rng(0)
        x = rng.random((self.batches, self.batch, self.sizes[0]), np.float32)
        if self.binary:
            return list(zip(x, rng.integers(2, size=(*x.shape[:2], 1)).astype(np.float32), strict=True))
        return list(zip(x, rng.integers(self.sizes[-1], size=x.shape[:2]), strict=True))

    def given(self) -> list[Array]:
        """Return what is there before: the batches."""
        return [array for pair in self.data() for array in pair]

    def flops(self) -> int:
        """Return the operations of a step in its matrix products: forward, by the weights, by the layers between."""
        sizes = list(zip(self.sizes, self.sizes[1:]))  # noqa: B905 - pairs of neighbours
        return 2 * self.batch * (3 * sum(n * m for n, m in sizes) - sizes[0][0] * sizes[0][1])


@dataclass(frozen=True)
class Chain:
    """``y = y * x + b``, again and again from ``y = x``; the sum of the end, and its gradient by x and b.

    Attributes
    ----------
    operations : int
        Half of them products, half of them sums.
    elements : int
        Of ``x`` and ``b``.
    """

    kind: ClassVar[str] = "chain"
    operations: int
    elements: int = 10

    def __str__(self) -> str:
        return f"gradient of a chain of {self.operations:,} operations on {self.elements} numbers"

    def small(self) -> Chain:
        """The same in little."""
        return replace(self, operations=20)

    def arrays(self) -> list[Array]:
        """Return x and b."""
        rng = np.random.default_rng(0)
        return [rng.uniform(0.5, 0.9, self.elements).astype(np.float32), rng.random(self.elements, np.float32)]

    given = arrays

    def last(self, x: Any, b: Any) -> Any:
        """Return the end of the chain, in the arrays of any library."""
        y = x
        for _ in range(self.operations // 2):
            y = y * x + b
        return y


@dataclass(frozen=True)
class Elementwise:
    """``mean(tanh(x * w + b)**2 * sigmoid(x))``, and its gradient by x, w and b."""

    kind: ClassVar[str] = "elementwise"
    elements: int

    def __str__(self) -> str:
        return f"gradient of mean(tanh(x * w + b)² sigmoid(x)), {self.elements:,} elements"

    def small(self) -> Elementwise:
        """The same in little."""
        return replace(self, elements=100)

    def arrays(self) -> list[Array]:
        """Return x, w and b."""
        return list(np.random.default_rng(0).standard_normal((3, self.elements), np.float32))

    given = arrays


@dataclass(frozen=True)
class HessianVector:
    """The Hessian of a classifier's loss, by its weights and biases, times a vector.

    Attributes
    ----------
    network : Training
        Whose loss it is: relu, softmax cross-entropy, one hidden layer.
    """

    kind: ClassVar[str] = "hessian_vector"
    network: Training

    def __str__(self) -> str:
        sizes = "-".join(map(str, self.network.sizes))
        return f"Hessian-vector product of the loss of {sizes}, batch {self.network.batch}"

    def small(self) -> HessianVector:
        """The same in little."""
        return replace(self, network=self.network.small())

    def vector(self) -> list[Array]:
        """Return one array for each parameter."""
        rng = np.random.default_rng(2)
        return [rng.standard_normal(p.shape, np.float32) for p in self.network.parameters()]

    def given(self) -> list[Array]:
        """Return the batch, the parameters and the vector."""
        return [*self.network.given(), *self.network.parameters(), *self.vector()]


@dataclass(frozen=True)
class Update:
    """Adam's step alone, from gradients that are there."""

    kind: ClassVar[str] = "update"
    parameters: int
    lr: float = 1e-3

    def __str__(self) -> str:
        return f"Adam's update alone, {self.parameters:,} parameters"

    def small(self) -> Update:
        """The same in little."""
        return replace(self, parameters=50)

    def arrays(self) -> list[Array]:
        """Return the parameters and their gradients."""
        return list(np.random.default_rng(0).standard_normal((2, self.parameters), np.float32))

    given = arrays


Task = Training | Chain | Elementwise | HessianVector | Update

#: Name -> task.
TASKS: dict[str, Task] = {
    "W1": Training((2, 16, 16, 1), 32, "sgd", activation="tanh"),
    "W2": Training((784, 128, 64, 10), 64, "adam"),
    "W3": Training((784, 256, 128, 10), 512, "adam"),
    "W4": Training((1024, 1024, 1024, 1024, 10), 1024, "momentum"),
    "W5": Training((12288, 20, 7, 5, 1), 209, "sgd", batches=1),
    "W6": Training((784, 10), 128, "sgd"),
    "W7": Chain(10_000),
    "W7-100k": Chain(100_000),
    "W7-1M": Chain(1_000_000),
    "W8": Elementwise(1_000_000),
    "W9": HessianVector(Training((784, 64, 10), 64, "sgd", batches=1)),
    "adam-235k": Update(235_146),
    "adam-10M": Update(10_000_000),
}
