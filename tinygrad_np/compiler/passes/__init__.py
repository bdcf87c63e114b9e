"""Passes: pure functions from program to program, and the order in which they run."""

from __future__ import annotations

from tinygrad_np.compiler.passes.algebra import simplified
from tinygrad_np.compiler.passes.biases import with_biases_in_products
from tinygrad_np.compiler.passes.canonical import in_canonical_form
from tinygrad_np.compiler.passes.casts import with_casts_apart
from tinygrad_np.compiler.passes.common import without_repetitions
from tinygrad_np.compiler.passes.dead_code import without_dead_code
from tinygrad_np.compiler.passes.factors import with_factors_gathered
from tinygrad_np.compiler.passes.flat import with_flat_updates
from tinygrad_np.compiler.passes.folding import with_constants_folded
from tinygrad_np.compiler.passes.selection import with_bits_selected
from tinygrad_np.compiler.passes.sums import with_sums_as_products
from tinygrad_np.compiler.program import Program

__all__ = ["STAGES", "optimized"]

#: What is done in turn; after each stage, what others have left is cleaned up.
STAGES = [
    [without_dead_code, in_canonical_form], [], [with_factors_gathered],
    [with_flat_updates, with_biases_in_products], [with_bits_selected, with_sums_as_products, with_casts_apart],
]  # fmt: skip
_CLEANING = [with_constants_folded, simplified, without_repetitions, without_dead_code]


def optimized(program: Program) -> Program:
    """Run all passes. One that has nothing to do returns the program that it was given."""
    dirty = True
    for stage in STAGES:
        before = program
        for each in stage:
            program = each(program)
        if dirty or program is not before:
            before = program
            for each in _CLEANING:
                program = each(program)
            dirty = program is not before
    return program
