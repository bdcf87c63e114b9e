"""Wrong gradients as they occurred in public issue trackers, each beside the right one.

Nothing here is copied: each is a function of NumPy arrays that makes the mistake which the cited issue describes.
"""

from . import broadcasting, contracts, elementwise, indexing, linalg, networks, reductions
from .fault import FAULTS, Fault, is_differentiable

__all__ = [
    "FAULTS", "Fault", "broadcasting", "contracts", "elementwise", "indexing", "is_differentiable", "linalg",
    "networks", "reductions",
]  # fmt: skip
