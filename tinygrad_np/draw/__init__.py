"""Pictures of computation graphs.

:mod:`~tinygrad_np.draw.outline` turns a graph into plain boxes and arrows,
:mod:`~tinygrad_np.draw.dot` writes these for Graphviz, and :mod:`~tinygrad_np.draw.drawing` shows and saves
the result.
"""

from tinygrad_np.draw.drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
