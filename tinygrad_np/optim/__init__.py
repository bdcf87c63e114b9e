"""Optimizers: from gradients to better parameters."""

from tinygrad_np.optim.adam import Adam, AdamW
from tinygrad_np.optim.optimizer import Optimizer
from tinygrad_np.optim.rmsprop import RMSProp
from tinygrad_np.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSProp"]
