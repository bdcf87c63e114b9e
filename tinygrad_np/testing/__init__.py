"""Tests of gradients, for functions of your own as for those of this library."""

from tinygrad_np.testing.adapters import autograd, jax, pytorch
from tinygrad_np.testing.functions import Differentiable, engine, with_gradient
from tinygrad_np.testing.gradients import check_gradients
from tinygrad_np.testing.operations import check_primitive
from tinygrad_np.testing.report import Disagreement, GradientError, KinkError, Report, unpacked

__all__ = [
    "Differentiable", "Disagreement", "GradientError", "KinkError", "Report", "autograd", "check_gradients",
    "check_primitive", "engine", "jax", "pytorch", "unpacked", "with_gradient",
]  # fmt: skip
