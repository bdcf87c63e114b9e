"""The table of test cases: one row per operation says how it is called and what inputs it may get.

``test_rules.py`` turns each row into tests of the forward function, of the first and the second derivative, of dtypes,
broadcasting, memory layouts, empty and 0-d arrays. A new operation gets them all from its row, and an operation
without a row fails the suite.

Inputs stay away from kinks and poles *by construction*: their values come from domains that do not contain any. The
kinks themselves have named tests, in ``test_rules_kinks.py``.
"""

from importlib import import_module

from rows.case import CASES, Case

FAMILIES = (
    "elementwise", "reductions", "shapes", "indexing", "products", "networks", "twice", "running", "order",
    "statistics", "signals", "complex_numbers", "creation", "fft", "linalg", "special",
)  # fmt: skip

for family in FAMILIES:
    import_module(f"rows.{family}")  # enters its rows

__all__ = ["CASES", "Case"]
