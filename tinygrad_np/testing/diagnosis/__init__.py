"""From a wrong gradient and the right one to the class of the mistake.

Each hypothesis is a computation that would have given the wrong numbers: the right gradient with the inputs
swapped, with ones in place of an input, the Jacobian in place of its transpose, the backward pass without one edge of
the graph. The first one that explains all that is wrong is the guess; the plainest come first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np

from tinygrad_np.testing.diagnosis.evidence import Evidence
from tinygrad_np.testing.diagnosis.factors import conjugate, constant_ratio, input_taken_for_one, missing_factor
from tinygrad_np.testing.diagnosis.parts import (
    missing_accumulation,
    missing_edge,
    missing_term,
    only_the_diagonal,
    result_ignored,
)
from tinygrad_np.testing.diagnosis.places import (
    no_dependence,
    not_symmetric,
    permuted,
    swapped_arguments,
    transposed,
    wrong_axis,
)
from tinygrad_np.testing.diagnosis.shapes import diagnose_shape
from tinygrad_np.testing.diagnosis.special import input_ignored, singular_point, tie
from tinygrad_np.testing.report import Mistake

__all__ = ["MISTAKES", "Evidence", "Kind", "diagnose", "diagnose_shape"]

Kind = Literal[
    "sign", "factor", "1/N", "transpose", "broadcast not summed", "missing accumulation", "input ignored",
    "result ignored", "missing term", "missing factor", "swapped arguments", "wrong axis", "permuted", "not symmetric",
    "no dependence", "tie", "singular point", "dtype", "conjugate", "shape", "input mutated",
    "not linear in the cotangent", "not deterministic", "second derivative", "unknown",
]  # fmt: skip
#: All classes of mistakes.
MISTAKES: tuple[str, ...] = get_args(Kind)

_HYPOTHESES: list[Callable[[Evidence, list[int]], Mistake | None]] = [
    singular_point, tie, input_ignored, result_ignored, swapped_arguments, constant_ratio, conjugate, transposed,
    missing_accumulation, missing_factor, only_the_diagonal, missing_edge, input_taken_for_one, wrong_axis,
    not_symmetric, no_dependence, permuted, missing_term,
]  # fmt: skip
#: Those that take derivatives by differences: too expensive for large inputs.
_EXPERIMENTS = {result_ignored, missing_accumulation, only_the_diagonal, input_taken_for_one}


def diagnose(evidence: Evidence) -> Mistake:
    """Return the best guess."""
    wrong = evidence.wrong
    if not wrong:
        return Mistake("unknown", "the numbers that were looked at one by one are right")
    for suspects in [wrong, *([i] for i in wrong if len(wrong) > 1)]:
        for hypothesis in _HYPOTHESES:
            if hypothesis not in _EXPERIMENTS or evidence.small:
                try:
                    with np.errstate(all="ignore"):
                        guess = hypothesis(evidence, suspects)
                except (ArithmeticError, ValueError, TypeError, IndexError, np.linalg.LinAlgError):
                    continue  # the function does not take what the experiment gave it
                if guess:
                    return guess
    return Mistake("unknown", "no simple change of the right gradient gives the one that was found")
