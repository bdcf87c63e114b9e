"""The table of derivatives. Importing this package fills it; each module holds one family of operations."""

from tinygrad_np.rules import elementwise, indexing, linalg, neural, reductions, shapes

__all__ = ["elementwise", "indexing", "linalg", "neural", "reductions", "shapes"]
