"""Optimizers: from gradients to better parameters; learning-rate schedules and gradient clipping."""

from tinygrad_np.optim.adam import Adam, AdamW
from tinygrad_np.optim.clipping import clip_by_norm, clip_by_value
from tinygrad_np.optim.optimizer import Optimizer
from tinygrad_np.optim.rmsprop import RMSProp
from tinygrad_np.optim.schedules import Plateau, Schedule, cosine, exponential, inverse_time, warm_up
from tinygrad_np.optim.sgd import SGD

__all__ = [
    "SGD", "Adam", "AdamW", "Optimizer", "Plateau", "RMSProp", "Schedule", "clip_by_norm", "clip_by_value", "cosine",
    "exponential", "inverse_time", "warm_up",
]  # fmt: skip
