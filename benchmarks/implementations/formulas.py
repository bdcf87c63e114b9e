"""What several libraries write in the same way, by their own operators and their own ``np``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["network", "sigmoid_cross_entropy", "wave"]


def network(parameters: Sequence[Any], x: Any, activation: Callable[[Any], Any]) -> Any:
    """Return the last layer's result, of ``W1, b1, W2, b2, ...``."""
    for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = activation(x @ w + b)
    return x @ parameters[-2] + parameters[-1]


def sigmoid_cross_entropy(np: Any, z: Any, y: Any) -> Any:
    """Return the mean, in the form that does not overflow."""
    return np.mean(np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z))))


def wave(np: Any, x: Any, w: Any, b: Any) -> Any:
    """Return ``mean(tanh(x * w + b)**2 * sigmoid(x))``, where there is no sigmoid."""
    return np.mean(np.square(np.tanh(x * w + b)) / (1 + np.exp(-x)))
