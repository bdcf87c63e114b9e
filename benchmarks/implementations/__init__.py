"""How the tasks are done in each library: one class each, and :data:`IMPLEMENTATIONS`, the table of all.

A class has a method for each kind of task that it can do, named after it: ``training(task)`` returns a
:class:`Trainer`, the others (``chain``, ``elementwise``, ``hessian_vector``, ``update``) a function without arguments
that returns the arrays that it computes. What is done before, once, is not timed; a result is complete when it is
returned, also where a library computes in the background. If ``arrays_are_numpys``, their memory can be counted. To add
a library is to write such a class and its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

__all__ = ["IMPLEMENTATIONS", "LIMITS", "PRODUCTS", "SGEMM", "TRAFFIC", "TUNED", "Trainer", "implementation"]

Array = Any
Step = Callable[[], Sequence[Any]]

TUNED = "NumPy, tuned by hand"
#: What a task takes at least; they compute nothing that could be compared.
LIMITS = PRODUCTS, SGEMM, TRAFFIC = "matrix products alone", "SGEMM", "memory traffic alone"

#: Name -> module, class, and what the class is made with. The first is what the others have to agree with.
IMPLEMENTATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    TUNED: ("numpy_tuned", "Tuned", {}),
    "tinygrad_np, eager": ("tinygrad", "Tinygrad", {"backend": None}),
    "tinygrad_np, compiled": ("tinygrad", "Tinygrad", {"backend": "numpy"}),
    "tinygrad_np, numba": ("tinygrad", "Tinygrad", {"backend": "numba"}),
    "PyTorch": ("pytorch", "PyTorch", {"compiled": False}),
    "torch.compile": ("pytorch", "PyTorch", {"compiled": True}),
    "JAX, jit": ("jax", "JAX", {}),
    "HIPS autograd": ("hips", "HIPS", {}),
    "MyGrad": ("mygrad", "MyGrad", {}),
    "scikit-learn": ("sklearn", "ScikitLearn", {}),
    PRODUCTS: ("limits", "Products", {}),
    SGEMM: ("limits", "Sgemm", {}),
    TRAFFIC: ("limits", "Traffic", {}),
}


class Trainer(Protocol):
    """A network in training."""

    def batch(self, x: Array, y: Array) -> tuple[Any, Any]:
        """Return examples and labels in the library's kind of arrays."""

    def step(self, x: Any, y: Any) -> float:
        """Take a step; return the loss before it."""

    def parameters(self) -> list[Array]:
        """Return ``W1, b1, ...`` as NumPy arrays."""


def implementation(name: str) -> Any:
    """Return an implementation, ready for work.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed.
    """
    module, kind, options = IMPLEMENTATIONS[name]
    return getattr(import_module(f"benchmarks.implementations.{module}"), kind)(**options)
