"""Drawings for the browser: one file that pans, zooms, searches, folds, and animates forward and backward."""

from tinygrad_np.draw.html.page import to_html

__all__ = ["to_html"]
