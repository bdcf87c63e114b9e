"""The table of derivatives. Importing this package fills it; each module holds one family of operations."""

from tinygrad_np.rules import complex, elementwise, indexing, linalg, neural, parts, reductions, shapes

__all__ = ["complex", "elementwise", "indexing", "linalg", "neural", "parts", "reductions", "shapes"]
