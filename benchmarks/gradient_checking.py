"""How good gradient checkers are on real faults, and what ours costs.

The faults are those of ``tests/faults``: wrong gradients from public issue trackers, each beside the right one. A false
alarm is a right gradient that is called wrong, a miss a wrong one that is called right. What the checker of
this library says of the kind of the mistake is judged, too.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.harness import OURS, Contender, Effort, measure
from benchmarks.report import Goal, Result, report_times
from tinygrad_np import Tensor, nn
from tinygrad_np import functional as F
from tinygrad_np._extras import require
from tinygrad_np.testing import GradientError, check_gradients

__all__ = ["Score", "check_faults", "checkers", "score"]

#: Takes a fault, one of its two gradients and the inputs; raises, or says what is wrong (``""``: nothing is).
Checker = Callable[[Any, Callable[..., Any], Any], str]

_SIZES, _BATCH = (784, 128, 10), 64
_STEP = 1e-6  # of finite differences, as everybody takes it


def check_faults(effort: Effort) -> Result:
    """Faults found and missed by each checker, and the time of a check in units of gradients."""
    require("hypothesis", "test")
    from tests.faults import FAULTS

    faults = list(FAULTS.values())[:: 1 if effort.rounds > 1 else 10]
    available, missing = checkers()
    scores = {OURS: score(ours, faults, max(1, effort.rounds // 3))}
    for name, checker in available.items():
        real = [fault for fault in faults if fault.mistake not in _MENDED.get(name, ())]
        scores[name] = score(checker, real, max(1, effort.rounds // 30))
    mine = scores[OURS]
    goals = [
        Goal(f"false alarms on {mine.examples} right gradients", "0", str(mine.alarms.total()), not mine.alarms),
        Goal(f"misses of {mine.examples} wrong gradients", "0", str(mine.misses.total()), not mine.misses),
        Goal("mistakes called by another name", "0", str(mine.misnamed.total()), not mine.misnamed),
    ]
    times = measure(_check_and_gradient(), effort)
    ratio = times.ratio(OURS, "one gradient")
    network = "-".join(map(str, _SIZES))
    goals.append(
        Goal(f"`check_gradients`, MLP {network}, batch {_BATCH}", "5 x a gradient", f"{ratio:.1f} x", ratio < 5)
    )
    result = report_times("Gradient checkers on real faults; time of one check", times, "one gradient", goals, missing)
    result.notes[:0] = [f"{name}: {found}" for name, found in scores.items()]
    return result


@dataclass
class Score:
    """How often a checker was wrong, by the name of the fault."""

    examples: int = 0
    alarms: Counter[str] = field(default_factory=Counter)
    misses: Counter[str] = field(default_factory=Counter)
    misnamed: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        def told(what: str, counts: Counter[str]) -> str:
            names = ", ".join(counts)
            return f"{what} {counts.total() / self.examples:.1%}{f' ({names})' if names else ''}"

        return f"{self.examples} examples; {told('false alarms', self.alarms)}; {told('misses', self.misses)}"


def score(checker: Checker, faults: Iterable[Any], count: int) -> Score:
    """Let a checker judge the right and the wrong gradient of each fault at that many inputs."""
    found = Score()
    for fault in faults:
        for inputs in _examples(fault, count):
            found.examples += 1
            found.alarms[fault.name] += bool(_verdict(checker, fault, fault.right, inputs))
            said = _verdict(checker, fault, fault.wrong, inputs)
            found.misses[fault.name] += not said
            found.misnamed[fault.name] += bool(said) and said != fault.mistake
    found.alarms, found.misses, found.misnamed = +found.alarms, +found.misses, +found.misnamed
    return found


def _verdict(checker: Checker, fault: Any, rule: Callable[..., Any], inputs: Any) -> str:
    """What a checker says; any exception is a complaint."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return checker(fault, rule, [x.copy() for x in inputs])
        except Exception:
            return "wrong"


def _examples(fault: Any, count: int) -> list[Any]:
    """Draw inputs, the same ones each time."""
    hypothesis = require("hypothesis", "test")
    drawn: list[Any] = []
    options = {"deadline": None, "database": None, "derandomize": True, "phases": [hypothesis.Phase.generate]}

    @hypothesis.settings(max_examples=count, suppress_health_check=list(hypothesis.HealthCheck), **options)
    @hypothesis.given(fault.inputs)
    def collect(inputs: Any) -> None:
        drawn.append(inputs)

    collect()
    return drawn[:count]


# --- the checkers -----------------------------------------------------------------------------------------------------
#: What is no fault there: PyTorch sums what was broadcast, JAX's arrays cannot be written to.
_MENDED = {"PyTorch": ("broadcast not summed",), "JAX": ("input mutated",)}


def checkers() -> tuple[dict[str, Checker], list[str]]:
    """Return the others' checkers that can be used here, and the names of those that cannot."""
    found, missing = {"central differences and allclose": plain}, []
    for name, make in {"PyTorch": pytorch, "JAX": jax, "HIPS autograd": autograd}.items():
        try:
            found[name] = make()
        except ModuleNotFoundError:
            missing.append(name)
    return found, missing


def ours(fault: Any, rule: Callable[..., Any], inputs: Any) -> str:
    """``check_gradients`` of this library, as it comes."""
    try:
        check_gradients((fault.value, rule), *inputs)
    except GradientError as error:
        return error.report.mistake or "wrong"
    return ""


def plain(fault: Any, rule: Callable[..., Any], inputs: Any) -> str:
    """The ten lines that people write."""
    from tests.faults.slopes import cotangent, paired

    arrays = _double(inputs)
    g = cotangent(fault, arrays, np.random.default_rng([0, 1]))
    for x, found in zip(arrays, rule(g, *arrays), strict=True):
        expected = np.zeros_like(x)
        for place in np.ndindex(x.shape if x.dtype.kind in "fc" else (0,)):
            for direction in (1, 1j) if x.dtype.kind == "c" else (1,):
                at, ends = x[place], []
                for h in (_STEP, -_STEP):
                    x[place] = at + h * direction
                    ends.append(paired(g, fault.value(*arrays)))
                x[place] = at
                expected[place] += direction * (ends[0] - ends[1]) / (2 * _STEP)
        if x.dtype.kind in "fc" and (np.shape(found) != x.shape or not np.allclose(found, expected)):
            return "wrong"
    return ""


def pytorch() -> Checker:
    """``torch.autograd.gradcheck``, in double precision, as it asks for."""
    import torch

    from tests.faults.worlds import torch_function

    def checker(fault: Any, rule: Callable[..., Any], inputs: Any) -> str:
        variables = [torch.tensor(x, requires_grad=True) for x in _variables(inputs)]
        torch.autograd.gradcheck(torch_function(fault, rule, _double(inputs)), variables)
        return ""

    return checker


def jax() -> Checker:
    """``jax.test_util.check_grads``, in double precision."""
    from jax import config
    from jax.test_util import check_grads

    from tests.faults.worlds import jax_function

    def checker(fault: Any, rule: Callable[..., Any], inputs: Any) -> str:
        config.update("jax_enable_x64", True)
        try:
            function = jax_function(fault, rule, _double(inputs))
            check_grads(function, _variables(inputs), order=1, modes=["rev"])
        finally:
            config.update("jax_enable_x64", False)
        return ""

    return checker


def autograd() -> Checker:
    """``autograd.test_util.check_grads``."""
    from autograd.test_util import check_grads

    from tests.faults.worlds import autograd_function

    def checker(fault: Any, rule: Callable[..., Any], inputs: Any) -> str:
        variables = _variables(inputs)
        function = autograd_function(fault, rule, _double(inputs))
        check_grads(function, tuple(range(len(variables))), modes=["rev"], order=1)(*variables)
        return ""

    return checker


def _double(inputs: Any) -> list[Any]:
    """The inputs, in double precision."""
    return [x.astype({"f": np.float64, "c": np.complex128}.get(x.dtype.kind, x.dtype)) for x in inputs]


def _variables(inputs: Any) -> list[Any]:
    """Those that are differentiated."""
    return [x for x in _double(inputs) if x.dtype.kind in "fc"]


# --- what a check costs -----------------------------------------------------------------------------------------------
def _check_and_gradient() -> dict[str, Contender]:
    """The fast check of a network's loss, and one gradient of it by the same variables."""
    rng = np.random.default_rng(0)
    model = nn.MLP(_SIZES, dtype=np.float64, rng=rng)
    x, labels = rng.random((_BATCH, _SIZES[0])), rng.integers(_SIZES[-1], size=_BATCH)

    def loss(x: Any) -> Any:
        return F.softmax_cross_entropy(model(x), labels)

    def gradient() -> None:
        for parameter in model.parameters():
            parameter.grad = None
        loss(Tensor(x, requires_grad=True)).backward()

    return {
        "one gradient": Contender(gradient, list),
        OURS: Contender(lambda: check_gradients(loss, x, parameters=model), list),
    }
