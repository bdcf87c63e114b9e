"""What :func:`tinygrad_np.vmap` is made of: a batch of arrays that looks like one of them.

A :class:`Batched` hides the first axis of an array and takes part in NumPy's protocols as any array does, so the
rules of the table, and Tensors themselves, run on it without knowing. There is no rule per operation, but one per
family (:mod:`~tinygrad_np.batching.families`): elementwise functions line up the axes, functions with an ``axis``
count it from behind the hidden one, functions of stacked matrices take that for one more stack. What belongs to no
family is computed example by example, with a warning.
"""

from tinygrad_np.batching import families
from tinygrad_np.batching.batched import Batched

__all__ = ["Batched", "families"]
