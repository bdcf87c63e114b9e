"""Neural networks: modules, layers, initial weights."""

from tinygrad_np.nn import initializers
from tinygrad_np.nn.layers import Dropout, Linear, Sequential
from tinygrad_np.nn.mlp import MLP
from tinygrad_np.nn.module import Module

__all__ = ["MLP", "Dropout", "Linear", "Module", "Sequential", "initializers"]
