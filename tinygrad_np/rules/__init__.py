"""The table of derivatives. Importing this package fills it; each module holds one family of operations."""

from tinygrad_np.rules import (
    arranging,
    calling,
    complex,
    cumulative,
    decompositions,
    differences,
    elementwise,
    fft,
    indexing,
    inverses,
    linalg,
    nan,
    neural,
    norms,
    options,
    parts,
    polynomials,
    quantiles,
    ranges,
    reductions,
    refusals,
    selection,
    shapes,
    signal,
    sorting,
    statistics,
    tools,
    ufuncs,
    writing,
)

__all__ = [
    "arranging", "calling", "complex", "cumulative", "decompositions", "differences", "elementwise", "fft", "indexing",
    "inverses", "linalg", "nan", "neural", "norms", "options", "parts", "polynomials", "quantiles", "ranges",
    "reductions", "refusals", "selection", "shapes", "signal", "sorting", "statistics", "tools", "ufuncs", "writing",
]  # fmt: skip
