"""Hypothesis, or a sentence that says what to install."""

from tinygrad_np._extras import require

require("hypothesis", "test")

from hypothesis import currently_in_test_context, note  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as hnp  # noqa: E402

__all__ = ["currently_in_test_context", "hnp", "note", "st"]
