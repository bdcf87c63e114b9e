"""How good gradient checkers are: on real faults, and on the right gradients of the same functions.

A false alarm is a right gradient that is called wrong, a miss a wrong one that is called right. What the checker of
this library says of the kind of a mistake is counted, too.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Contender, Effort, gather, measure
from benchmarks.report import Goal, Result, report_times
from tests.faults import FAULTS, Fault
from tests.faults.slopes import cotangent, paired
from tests.faults.worlds import autograd_function, jax_function, torch_function
from tinygrad_np import nn
from tinygrad_np import functional as F
from tinygrad_np._extras import require
from tinygrad_np.testing import GradientError, check_gradients

__all__ = ["checkers", "examples", "verdicts"]

#: Says what is wrong with a gradient: ``""`` if nothing is, a class of mistakes, or ``"wrong"``.
Checker = Callable[[Fault, Callable[..., Any], Any], str]
EPS = 1e-6  # the step that everybody uses


def ours(fault: Fault, rule: Callable[..., Any], inputs: Any) -> str:
    """``check_gradients`` of this library, with the settings that it comes with."""
    try:
        check_gradients((fault.value, rule), *inputs)
    except GradientError as error:
        return error.report.mistake or "wrong"
    return ""


def plain(fault: Fault, rule: Callable[..., Any], inputs: Any) -> str:
    """The ten lines that people write: central differences with one step, and ``allclose``."""
    arrays = _double(inputs)
    g = cotangent(fault, arrays, np.random.default_rng([0, 1]))
    gradients = rule(g, *arrays)
    for x, found in zip(arrays, gradients, strict=True):
        if x.dtype.kind not in "fc":
            continue
        expected = np.zeros_like(x)
        for place in np.ndindex(x.shape):
            for direction in (1, 1j) if x.dtype.kind == "c" else (1,):
                at, ends = x[place], []
                for h in (EPS, -EPS):
                    x[place] = at + h * direction
                    ends.append(paired(g, fault.value(*arrays)))
                x[place] = at
                expected[place] += direction * (ends[0] - ends[1]) / (2 * EPS)
        if found is None or np.shape(found) != x.shape or not np.allclose(found, expected):
            return "wrong"
    return ""


def _double(inputs: Any) -> list[np.ndarray]:
    """Copies in double precision, which these checkers need."""
    return [x.astype({"f": np.float64, "c": np.complex128}.get(x.dtype.kind, x.dtype)) for x in inputs]


def pytorch() -> Checker:
    """``torch.autograd.gradcheck``."""
    import torch

    def checker(fault: Fault, rule: Callable[..., Any], inputs: Any) -> str:
        arrays = _double(inputs)
        variables = [torch.tensor(x, requires_grad=True) for x in arrays if x.dtype.kind in "fc"]
        torch.autograd.gradcheck(torch_function(fault, rule, arrays), variables)
        return ""

    return checker


def jax() -> Checker:
    """``jax.test_util.check_grads``, in double precision."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    def checker(fault: Fault, rule: Callable[..., Any], inputs: Any) -> str:
        arrays = _double(inputs)
        variables = [x for x in arrays if x.dtype.kind in "fc"]
        check_grads(jax_function(fault, rule, arrays), variables, order=1, modes=["rev"])
        return ""

    return checker


def autograd() -> Checker:
    """``autograd.test_util.check_grads``."""
    from autograd.test_util import check_grads

    def checker(fault: Fault, rule: Callable[..., Any], inputs: Any) -> str:
        arrays = _double(inputs)
        variables = [x for x in arrays if x.dtype.kind in "fc"]
        check_grads(autograd_function(fault, rule, arrays), tuple(range(len(variables))), modes=["rev"], order=1)(*variables)
        return ""

    return checker


def checkers() -> tuple[dict[str, Checker], list[str]]:
    """Return the checkers that can be used here, and the names of those that cannot."""
    found, missing = {OURS: ours, "plain differences": plain}, []
    for name, make in {"PyTorch": pytorch, "JAX": jax, "HIPS autograd": autograd}.items():
        try:
            found[name] = make()
        except ModuleNotFoundError:
            missing.append(name)
    return found, missing


def examples(fault: Fault, count: int) -> list[Any]:
    """Draw inputs, the same ones each time."""
    hypothesis = require("hypothesis", "test")
    drawn: list[Any] = []
    quiet = list(hypothesis.HealthCheck)
    phases = [hypothesis.Phase.generate]

    @hypothesis.settings(
        max_examples=count, database=None, derandomize=True, deadline=None, phases=phases, suppress_health_check=quiet
    )
    @hypothesis.given(fault.inputs)
    def collect(inputs: Any) -> None:
        drawn.append(inputs)

    collect()
    return drawn[:count]


def verdict(checker: Checker, fault: Fault, rule: Callable[..., Any], inputs: Any) -> str:
    """What a checker says; any exception is a complaint."""
    copies = tuple(x.copy() for x in inputs)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return checker(fault, rule, copies)
        except Exception:
            return "wrong"


def verdicts(checker: Checker, count: int) -> Iterator[tuple[Fault, str, str]]:
    """Yield (fault, what is said of its right gradient, what is said of its wrong one) for each example."""
    for fault in FAULTS.values():
        for inputs in examples(fault, count):
            yield fault, verdict(checker, fault, fault.right, inputs), verdict(checker, fault, fault.wrong, inputs)
