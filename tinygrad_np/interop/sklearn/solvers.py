"""The optimizers and learning-rate schedules that an estimator may name, made from its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_np import optim
from tinygrad_np.tensor import Tensor

__all__ = ["SCHEDULES", "SOLVERS", "make_optimizer", "make_schedule"]


@dataclass(frozen=True)
class _Solver:
    """How to make an optimizer from an estimator's parameters, and the learning rate that suits it."""

    make: Callable[[Any, list[Tensor], float], optim.Optimizer]
    learning_rate: float


SOLVERS = {
    "adam": _Solver(lambda e, params, lr: optim.Adam(params, lr, (e.beta_1, e.beta_2), e.epsilon), 0.003),
    "adamw": _Solver(
        lambda e, params, lr: optim.AdamW(params, lr, (e.beta_1, e.beta_2), e.epsilon, e.weight_decay), 0.003
    ),
    "rmsprop": _Solver(lambda e, params, lr: optim.RMSProp(params, lr, eps=e.epsilon), 0.001),
    "sgd": _Solver(
        lambda e, params, lr: optim.SGD(params, lr, e.momentum, bool(e.momentum and e.nesterovs_momentum)), 0.02
    ),
}

SCHEDULES = ("constant", "adaptive", "cosine")


def make_optimizer(estimator: Any, parameters: list[Tensor]) -> optim.Optimizer:
    """Make the optimizer that ``estimator.solver`` names, or makes itself."""
    if callable(estimator.solver):
        made: optim.Optimizer = estimator.solver(parameters)
        return made
    solver, rate = SOLVERS[estimator.solver], estimator.learning_rate_init
    return solver.make(estimator, parameters, solver.learning_rate if rate is None else rate)


def make_schedule(estimator: Any, optimizer: optim.Optimizer) -> optim.Schedule | optim.Plateau | None:
    """Make the schedule that ``estimator.learning_rate`` names, or is."""
    match estimator.learning_rate:
        case "constant":
            return None
        case "adaptive":
            patience = (estimator.n_iter_no_change or 10) // 2
            return optim.Plateau(optimizer, 0.2, patience, least=estimator.tol)
        case "cosine":
            return optim.Schedule(optimizer, optim.cosine(estimator.max_iter))
    return optim.Schedule(optimizer, estimator.learning_rate)
