"""Data for training: loading it, a set of labelled examples, its split into parts, the mini-batches of an epoch."""

from tinygrad_np.data.batches import batches
from tinygrad_np.data.dataset import Dataset
from tinygrad_np.data.digits import digits
from tinygrad_np.data.errors import DataError
from tinygrad_np.data.examples import Examples
from tinygrad_np.data.loading import load
from tinygrad_np.data.named import named
from tinygrad_np.data.preprocessing import Preprocessing, Standardizer, one_hot
from tinygrad_np.data.split import hold_out, split
from tinygrad_np.data.weights import class_weights

__all__ = [
    "DataError", "Dataset", "Examples", "Preprocessing", "Standardizer", "batches", "class_weights", "digits",
    "hold_out", "load", "named", "one_hot", "split",
]  # fmt: skip
