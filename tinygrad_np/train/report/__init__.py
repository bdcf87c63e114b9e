"""The page that a training run leaves behind: ``report.html``, which needs no other file and no internet."""

from tinygrad_np.train.report.outcome import Outcome
from tinygrad_np.train.report.page import report_page

__all__ = ["Outcome", "report_page"]
