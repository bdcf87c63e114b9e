"""Data for training: a set of labelled examples, its split into parts, and the mini-batches of an epoch."""

from tinygrad_np.data.batches import batches
from tinygrad_np.data.dataset import Dataset
from tinygrad_np.data.digits import digits
from tinygrad_np.data.split import split

__all__ = ["Dataset", "batches", "digits", "split"]
