"""Hypothesis strategies for derivatives: tensors at which a check is fair, drawn by construction and not by filtering.

A gradient can be tested where the function is smooth, so kinks, ties and poles have to be kept away from; and it has to
be tested where implementations break: 0-d and empty arrays, axes of length 1, reversed and read-only memory, one array
given twice, half precision, numbers near overflow. Each strategy here draws all of that, throws no example away, and
shrinks to the smallest array that still fails, with its elements as simple as its domain has them.

>>> import numpy as np
>>> from hypothesis import given
>>> from tinygrad_np.testing import strategies as gs
>>> @given(gs.broadcastable_tensors(2, domain=[gs.reals(), gs.avoiding(0)]))
... def test_quotient(xy):
...     x, y = xy
...     np.sum(x / y).backward()
...     assert x.grad.shape == x.shape and y.grad.shape == y.shape
>>> test_quotient()

- arrays: :func:`arrays`, :func:`tensors`, :func:`well_separated`, :func:`away_from`, :func:`broadcastable_tensors`,
  :func:`aliased_tensors`; and what these are drawn from: :func:`shapes`, :func:`dtypes`, :func:`layouts`;
- domains, which say what values an array may have: :func:`reals`, :func:`integers`, :func:`booleans`, :func:`among`,
  :func:`near`, :func:`avoiding`, :func:`separated`, :func:`extreme`;
- learning: :func:`logits`, :func:`labels`, :func:`logits_and_labels`, :func:`positive_definite`, :func:`mlps`.
"""

from tinygrad_np.testing.strategies.domains import (
    Domain,
    among,
    avoiding,
    booleans,
    extreme,
    integers,
    near,
    reals,
    separated,
)
from tinygrad_np.testing.strategies.layouts import LAYOUTS, laid_out, layouts
from tinygrad_np.testing.strategies.models import labels, logits, logits_and_labels, mlps, positive_definite
from tinygrad_np.testing.strategies.tensors import (
    aliased_tensors,
    arrays,
    away_from,
    broadcastable_tensors,
    dtypes,
    shapes,
    tensor_of,
    tensors,
    well_separated,
)

__all__ = [
    "LAYOUTS", "Domain", "aliased_tensors", "among", "arrays", "avoiding", "away_from", "booleans",
    "broadcastable_tensors", "dtypes", "extreme", "integers", "labels", "laid_out", "layouts", "logits",
    "logits_and_labels", "mlps", "near", "positive_definite", "reals", "separated", "shapes", "tensor_of", "tensors",
    "well_separated",
]  # fmt: skip
