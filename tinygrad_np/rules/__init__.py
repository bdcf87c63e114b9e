"""The table of derivatives; each module holds one family of operations.

Importing this package fills in what nearly every program uses. The other families are entered when a function is
called that the table does not know yet: see :func:`complete`.
"""

import sys
from importlib import import_module

from tinygrad_np.rules import (
    calling,
    complex,
    elementwise,
    indexing,
    linalg,
    neural,
    options,
    parts,
    reductions,
    refusals,
    shapes,
    tools,
    ufuncs,
    writing,
)

__all__ = [
    "calling", "complete", "complex", "elementwise", "indexing", "linalg", "neural", "options", "parts", "reductions",
    "refusals", "shapes", "tools", "ufuncs", "writing",
]  # fmt: skip

_later = {
    "arranging", "cumulative", "decompositions", "differences", "fft", "inverses", "nan", "norms", "polynomials",
    "quantiles", "ranges", "selection", "signal", "sorting", "statistics", "special",
}  # fmt: skip


def complete() -> bool:
    """Enter the families that are not there yet, and say whether there were any.

    SciPy's functions are among them once SciPy has been imported: whoever has one to call has done that.
    """
    missing = sorted(_later if "scipy.special" in sys.modules else _later - {"special"})
    _later.difference_update(missing)
    for name in missing:
        import_module(f"{__name__}.{name}")
    return bool(missing)
