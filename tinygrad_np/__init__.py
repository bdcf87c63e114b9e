"""Automatic differentiation for NumPy: tensors that remember how they were computed."""

from tinygrad_np.anomaly import AnomalyError, detect_anomaly
from tinygrad_np.checkpointing import checkpoint
from tinygrad_np.compiler import compile
from tinygrad_np.custom import custom_vjp
from tinygrad_np.grad_mode import enable_grad, is_grad_enabled, no_grad
from tinygrad_np.mutation import MutationError, detect_mutation
from tinygrad_np.primitives import primitive
from tinygrad_np.tensor import Tensor
from tinygrad_np.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tinygrad_np.vectorize import vmap

__version__ = "0.1.0"

__all__ = [
    "AnomalyError", "MutationError", "Tensor", "__version__", "checkpoint", "compile", "custom_vjp", "detect_anomaly",
    "detect_mutation", "enable_grad", "grad", "hessian", "hvp", "is_grad_enabled", "jacobian", "jvp", "no_grad",
    "primitive", "value_and_grad", "vjp", "vmap",
]  # fmt: skip
