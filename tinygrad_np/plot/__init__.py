"""Pictures of training, as Matplotlib figures that belong to nobody's global state (extra ``plot``).

Each function returns a :class:`matplotlib.figure.Figure`, which shows itself in Jupyter and is written by
:func:`save_png`; or draws into axes of your own, given as ``ax``. The colours are told apart by colour-blind people.
"""

from tinygrad_np.plot._figures import save_png
from tinygrad_np.plot.classifiers import confusion_matrix, decision_boundary
from tinygrad_np.plot.curves import cost_curves, learning_rate
from tinygrad_np.plot.histograms import activation_histograms, gradient_histograms
from tinygrad_np.plot.images import image_grid
from tinygrad_np.plot.recorder import Recorder

__all__ = [
    "Recorder", "activation_histograms", "confusion_matrix", "cost_curves", "decision_boundary", "gradient_histograms",
    "image_grid", "learning_rate", "save_png",
]  # fmt: skip
