"""Dead code: steps that nothing needs are left out."""

from __future__ import annotations

from dataclasses import replace

from tinygrad_np.compiler.kinds import is_pure
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands

__all__ = ["without_dead_code"]


def without_dead_code(program: Program) -> Program:
    """Keep the steps that a result or an update depends on, and those that do more than compute (a random draw)."""
    needed: set[Value] = {*program.results, *program.updates.values()}
    kept = []
    for step in reversed(program.steps):
        if step in needed or not is_pure(step.function):
            kept.append(step)
            needed.update(operands(step))
    return replace(program, steps=kept[::-1]) if len(kept) < len(program.steps) else program
