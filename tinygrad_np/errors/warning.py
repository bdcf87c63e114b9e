"""Warnings of code that runs, but is most probably not what was meant."""

from __future__ import annotations

import warnings

from tinygrad_np.observe import user_frame

__all__ = ["MistakeWarning", "warn"]


class MistakeWarning(UserWarning):
    """Code that runs, but computes something else than what was most probably meant.

    It is shown once for each line, as Python's warnings are. If it is meant so, or as an error in tests::

        warnings.filterwarnings("ignore", category=tinygrad_np.errors.MistakeWarning)
        warnings.filterwarnings("error", category=tinygrad_np.errors.MistakeWarning)
    """


def warn(text: str) -> None:
    """Warn of the line that called the library."""
    frame = user_frame()
    if frame is None:
        warnings.warn(text, MistakeWarning, stacklevel=2)
        return
    names = frame.f_globals
    registry = names.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        text, MistakeWarning, frame.f_code.co_filename, frame.f_lineno, names.get("__name__"), registry
    )
