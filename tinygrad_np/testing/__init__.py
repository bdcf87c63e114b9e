"""Tests of derivatives, for operations of your own as for those of this library."""

from tinygrad_np.testing.operations import check_primitive

__all__ = ["check_primitive"]
