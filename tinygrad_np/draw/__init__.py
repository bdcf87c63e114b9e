"""Pictures of computation graphs, and summaries of models."""

from tinygrad_np.draw.drawing import Drawing, draw, failure
from tinygrad_np.draw.summary import Summary, summary

__all__ = ["Drawing", "Summary", "draw", "failure", "summary"]
