"""Optimizers and learning-rate schedules by their names, and the numbers that suit them where none are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinygrad_np import optim
from tinygrad_np.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_np.train.config import Config

__all__ = ["OPTIMIZERS", "SCHEDULES", "build_optimizer", "build_schedule"]


@dataclass(frozen=True)
class Recipe:
    """An optimizer: its class, what it is called with, and the learning rate that suits it."""

    make: Callable[..., optim.Optimizer]
    learning_rate: float
    options: dict[str, Any]


OPTIMIZERS = {
    "gd": Recipe(optim.SGD, 0.2, {}),
    "sgd": Recipe(optim.SGD, 0.2, {}),
    "momentum": Recipe(optim.SGD, 0.02, {"momentum": 0.9}),
    "nesterov": Recipe(optim.SGD, 0.02, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": Recipe(optim.RMSProp, 0.001, {"alpha": 0.99}),
    "adam": Recipe(optim.Adam, 0.002, {"betas": (0.9, 0.999)}),
    "adamw": Recipe(optim.AdamW, 0.002, {"betas": (0.9, 0.999)}),
}

#: Name -> the schedule of (decay rate, every so many epochs, epochs in all), and the first two, where none are given.
SCHEDULES: dict[str, tuple[Callable[[float, int, int], Callable[[int], float]] | None, float, int]] = {
    "constant": (None, 0, 1),
    "continuous": (lambda rate, every, epochs: optim.inverse_time(rate), 0.05, 1),
    "discrete": (lambda rate, every, epochs: optim.inverse_time(rate, every), 1.0, 10),
    "exponential": (lambda rate, every, epochs: optim.exponential(rate), 0.95, 1),
    "step": (lambda rate, every, epochs: optim.exponential(rate, every), 0.5, 10),
    "cosine": (lambda rate, every, epochs: optim.cosine(max(epochs, 1)), 0, 1),
    "plateau": (None, 0.5, 5),
}


def build_optimizer(config: Config, parameters: Iterable[Tensor]) -> optim.Optimizer:
    """The optimizer of ``parameters`` that ``config`` names."""
    recipe = OPTIMIZERS[config.optimizer]
    options = dict(recipe.options)
    if "betas" in options:
        given = (config.beta1, config.beta2)
        options["betas"] = tuple(b if g is None else g for g, b in zip(given, options["betas"], strict=True))
    if "alpha" in options and config.beta2 is not None:
        options["alpha"] = config.beta2
    if "momentum" in options and config.momentum is not None:
        options["momentum"] = config.momentum
    if config.eps is not None and recipe.make is not optim.SGD:
        options["eps"] = config.eps
    if config.weight_decay is not None:
        options["weight_decay"] = config.weight_decay
        if recipe.make is not optim.AdamW:
            options["decoupled_weight_decay"] = True
    return recipe.make(parameters, config.learning_rate, **options)


def build_schedule(config: Config, optimizer: optim.Optimizer, steps_per_epoch: int) -> Any:
    """The schedule that ``config`` names, as :func:`~tinygrad_np.train.fit` takes it; ``None`` for a constant rate."""
    make, rate, every = SCHEDULES[config.lr_schedule]
    rate = rate if config.decay_rate is None else config.decay_rate
    every = every if config.decay_every is None else config.decay_every
    if config.lr_schedule == "plateau":
        mode = "max" if config.monitor.endswith("accuracy") else "min"
        return optim.Plateau(optimizer, rate, every, mode=mode)
    epochs = [config.epochs] if config.epochs is not None else []
    epochs += [-(-config.iterations // steps_per_epoch)] if config.iterations is not None else []
    factor = make(rate, every, min(epochs) - config.warmup_epochs) if make is not None else None
    if config.warmup_epochs:
        return optim.warm_up(config.warmup_epochs, *(() if factor is None else (factor,)))
    return factor
