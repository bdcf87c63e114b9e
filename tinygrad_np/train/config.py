"""The options of a training run: their names, defaults, limits and help, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from numbers import Integral

import numpy as np

from tinygrad_np import nn
from tinygrad_np.data import Dataset
from tinygrad_np.nn import initializers
from tinygrad_np.train.early_stopping import MONITORS, EarlyStopping
from tinygrad_np.train.options import OptionError, check_options, option, sizes
from tinygrad_np.train.recipes import OPTIMIZERS, SCHEDULES
from tinygrad_np.train.tasks import TASKS, task_of

__all__ = ["Config"]

ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "softplus")

#: Hidden layers where nobody says: for most data, and for large pictures, of which there are mostly few.
_HIDDEN, _HIDDEN_OF_PICTURES, _LARGE = (256, 128), (64, 32), 4096

#: Option -> the optimizers, or the schedules, that it means something to.
_USED_BY = {
    "momentum": {"momentum", "nesterov"},
    "beta1": {"adam", "adamw"},
    "beta2": {"adam", "adamw", "rmsprop"},
    "eps": {"adam", "adamw", "rmsprop"},
    "decay_rate": SCHEDULES.keys() - {"constant", "cosine"},
    "decay_every": {"discrete", "step", "plateau"},
}

_NETWORK, _TRAINING, _RATE, _STOP, _DATA = (
    "the network", "the training", "the learning rate", "when to stop", "the data",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """What to train, and how. Each field knows its help text, limits and choices: see ``dataclasses.fields(Config)``.

    Raises
    ------
    OptionError
        If an option is out of its limits.

    Examples
    --------
    >>> Config(optimizer="sgd").learning_rate
    0.2
    >>> Config(epochs=0)
    Traceback (most recent call last):
        ...
    tinygrad_np.train.options.OptionError: epochs must be at least 1, not 0
    """

    # fmt: off
    layers: tuple[int, ...] | None = option(None, "sizes of the layers: all from inputs to outputs, or the hidden ones",
        _NETWORK, parse=sizes, shown="256,128 between inputs and outputs")
    activation: str = option("relu", f"after each hidden layer, or one for each, with commas: {', '.join(ACTIVATIONS)}",
        _NETWORK)
    initializer: str | None = option(None, "of the weights", _NETWORK, choices=initializers.NAMES,
        shown="what suits the activation")
    dropout: float = option(None, "probability of dropping a hidden unit while training", _NETWORK,
        parse=float, metavar="P", limit="fraction", shown="0.2")
    keep_prob: float | None = option(None, "probability of keeping it: 1 - dropout", _NETWORK, parse=float,
        metavar="P", limit="probability", shown="0.8")
    task: str | None = option(None, "what kind of problem it is", _NETWORK, choices=TASKS, shown="by the data")
    dtype: str = option("float32", "precision of the computation", _NETWORK, choices=("float32", "float64"))

    optimizer: str = option("adam", "how the weights are changed; gd takes all examples in one batch", _TRAINING,
        choices=OPTIMIZERS)
    batch_size: int = option(None, "examples per step; 0: all of them in one", _TRAINING, parse=int,
        limit="at least 0", shown="64")
    drop_last: bool = option(False, "leave out the last batch if it is smaller", _TRAINING, parse=bool)
    momentum: float | None = option(None, "how much of the last step momentum and nesterov keep", _TRAINING,
        parse=float, limit="fraction", shown="0.9")
    beta1: float | None = option(None, "of adam and adamw: how much of the mean is kept", _TRAINING, parse=float,
        limit="fraction", shown="0.9")
    beta2: float | None = option(None, "of adam, adamw and rmsprop: how much of the mean of squares is kept", _TRAINING,
        parse=float, limit="fraction", shown="0.999; rmsprop: 0.99")
    eps: float | None = option(None, "of adam, adamw and rmsprop: added to the divisor", _TRAINING, parse=float,
        limit="positive", shown="1e-08")
    l2: float = option(0.0, "adds L/(2m) times the sum of the squared weights to the cost, for m examples", _TRAINING,
        parse=float, metavar="L", limit="from zero")
    weight_decay: float | None = option(None, "decay of the weights in each step, times the learning rate", _TRAINING,
        parse=float, limit="from zero", shown="0; adamw: 0.01")
    label_smoothing: float = option(0.0, "what of the truth is spread over all classes", _TRAINING, parse=float,
        limit="fraction")
    class_weight: str | None = option(None, "balanced: rare classes count as much as frequent ones", _TRAINING,
        choices=("balanced",), shown="all examples count the same")
    clip: float | None = option(None, "longest gradient: limit of the norm of all together", _TRAINING, parse=float,
        limit="positive", shown="none")
    clip_value: float | None = option(None, "largest element of a gradient", _TRAINING, parse=float, limit="positive",
        shown="none")
    seed: int = option(0, "of initial weights, order and dropout; one seed, one result", _TRAINING, parse=int,
        limit="at least 0")
    compile: bool = option(True, "run compiled steps", _TRAINING, parse=bool)

    learning_rate: float = option(None, "step size", _RATE, parse=float, limit="positive",
        shown=f"what suits the optimizer; adam: {OPTIMIZERS['adam'].learning_rate}")
    lr_schedule: str = option(None, "how it falls: continuous 1/(1 + D epoch), discrete 1/(1 + D (epoch // N)), "
        "exponential D^epoch, step D^(epoch // N), cosine, or plateau: by D after N epochs in vain", _RATE,
        choices=SCHEDULES, shown="cosine; gd: constant")
    decay_rate: float | None = option(None, "the D of the schedule", _RATE, parse=float, metavar="D", limit="positive",
        shown="what suits it")
    decay_every: int | None = option(None, "the N of the schedule, in epochs", _RATE, parse=int, limit="at least 1",
        shown="what suits it")
    warmup_epochs: int = option(0, "epochs in which it first grows", _RATE, parse=int, limit="at least 0")

    epochs: int | None = option(None, "passes over the training data", _STOP, parse=int, limit="at least 1",
        shown="30, if nothing else is given")
    iterations: int | None = option(None, "steps in all", _STOP, parse=int, limit="at least 1", shown="no limit")
    time_limit: float | None = option(None, "seconds of training", _STOP, parse=float, metavar="SECONDS",
        limit="positive", shown="no limit")
    patience: int | None = option(None, "stop early after so many epochs in vain, with the best weights", _STOP,
        parse=int, limit="at least 0", shown="do not stop early")
    monitor: str = option("validation_accuracy", "what is to become better", _STOP, choices=MONITORS)
    min_delta: float = option(0.0, "by how much, to count", _STOP, parse=float, limit="from zero")

    validation: float = option(0.15, "fraction of the examples to watch progress by", _DATA, parse=float,
        limit="fraction")
    test: float = option(0.15, "fraction that is held out for the end, unless the data have a test set", _DATA,
        parse=float, limit="fraction")
    standardize: bool = option(False, "shift and scale each feature to mean 0 and deviation 1", _DATA, parse=bool)
    threshold: float = option(0.5, "probability from which on an example is of class 1, or has a label", _DATA,
        parse=float, metavar="P", limit="fraction")
    # fmt: on

    def __post_init__(self) -> None:
        check_options(self)
        self._settle()
        if self.layers is not None and not all(isinstance(n, Integral) and n > 0 for n in self.layers):
            raise OptionError("layers", f"must be positive whole numbers, not {_joined(self.layers)}")
        for name, users in _USED_BY.items():
            owner = "optimizer" if users <= OPTIMIZERS.keys() else "lr_schedule"
            if getattr(self, name) is not None and getattr(self, owner) not in users:
                raise OptionError(name, f"means nothing to {getattr(self, owner)}: it is of {', '.join(sorted(users))}")
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise OptionError("activation", f"must be one of {', '.join(ACTIVATIONS)}, not {name!r}")
        if self.validation + self.test >= 1:
            raise OptionError("test", f"and validation, {self.test} + {self.validation}, leave nothing to learn from")
        if self.lr_schedule == "cosine" and self.epochs is None and self.iterations is None:
            raise OptionError("lr_schedule", "cosine needs to know the end: give epochs or iterations")
        if self.lr_schedule == "plateau" and not 0 < (self.decay_rate or 0.5) < 1:
            raise OptionError("decay_rate", f"must be below 1 for a plateau, not {self.decay_rate}")
        if self.warmup_epochs and self.lr_schedule == "plateau":
            raise OptionError("warmup_epochs", "and a plateau do not go together")

    def _settle(self) -> None:
        """Put numbers into the places of those that other options decide."""

        def settle(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        if self.layers is not None:
            settle("layers", tuple(self.layers))
        if self.keep_prob is not None:
            if self.dropout is not None and abs(1 - self.keep_prob - self.dropout) > 1e-12:
                raise OptionError("keep_prob", f"is {self.keep_prob}, but dropout is {self.dropout}: give one of them")
            settle("dropout", 1 - self.keep_prob)
            settle("keep_prob", None)
        if self.dropout is None:
            settle("dropout", 0.2)
        if self.learning_rate is None:
            settle("learning_rate", OPTIMIZERS[self.optimizer].learning_rate)
        if self.batch_size is None:
            settle("batch_size", 0 if self.optimizer == "gd" else 64)
        if self.epochs is None and self.iterations is None and self.time_limit is None:
            settle("epochs", 30)
        if self.lr_schedule is None:
            ends = self.epochs is not None or self.iterations is not None
            settle("lr_schedule", "cosine" if ends and self.optimizer != "gd" else "constant")

    @property
    def activations(self) -> list[str]:
        """The names of the activations: one, or one for each hidden layer."""
        return [name.strip() for name in self.activation.split(",")]

    @property
    def early_stopping(self) -> EarlyStopping | None:
        """As :func:`~tinygrad_np.train.fit` takes it."""
        return None if self.patience is None else EarlyStopping(self.monitor, self.patience, self.min_delta)

    def fitted_to(self, data: Dataset) -> Config:
        """These options with the task and all layers that ``data`` ask for.

        Raises
        ------
        OptionError
            If the layers or the task do not fit the data.

        Examples
        --------
        >>> config = Config(layers=(16,)).fitted_to(Dataset(np.eye(3), np.array([0, 1, 2])))
        >>> config.layers, config.task
        ((3, 16, 3), 'multiclass')
        """
        n_inputs = prod(data.x.shape[1:])
        whole = self.layers is not None and len(self.layers) > 1 and self.layers[0] == n_inputs
        natural = task_of(data, self.layers[-1] if self.layers and whole else None)
        task = TASKS[self.task] if self.task is not None else natural
        if task is not natural and {task.name, natural.name} != {"binary", "multiclass"}:
            raise OptionError("task", f"cannot be {task.name}: {data!r} is for {natural.name}")
        if task.name == "binary" and len(data.class_names) != 2:
            raise OptionError("task", f"binary is for 2 classes, and {data.name} has {len(data.class_names)}")
        layers = self._layers(data, n_inputs, task.n_outputs(data))
        if len(self.activations) not in (1, len(layers) - 2):
            raise OptionError("activation", f"names {len(self.activations)} for {len(layers) - 2} hidden layers")
        return replace(self, layers=layers, task=task.name)

    def _layers(self, data: Dataset, n_inputs: int, n_outputs: int) -> tuple[int, ...]:
        """All sizes: where one end fits the data, those that were given are meant to be all."""
        if self.layers is None:
            return n_inputs, *(_HIDDEN if n_inputs < _LARGE else _HIDDEN_OF_PICTURES), n_outputs
        begins, ends = self.layers[:1] == (n_inputs,), self.layers[-1:] == (n_outputs,)
        if len(self.layers) > 1 and begins and ends:
            return self.layers
        if len(self.layers) < 2 or not (begins or ends):
            return n_inputs, *self.layers, n_outputs
        inner = self.layers[1:-1] or ()
        outputs = f"{n_outputs} {'classes' if data.class_names else 'outputs'}"
        raise OptionError(
            "layers",
            f"must begin with the {n_inputs} inputs of an example of {data.name} and end with its {outputs}, like "
            f"{_joined((n_inputs, *inner, n_outputs))}, not {_joined(self.layers)}",
        )

    def build_model(self, rng: np.random.Generator) -> nn.MLP:
        """Make the network, with initial weights drawn from ``rng``; the layers have to be all of them."""
        if self.layers is None:
            raise OptionError("layers", "are not known yet: Config.fitted_to(data) finds them")
        names = self.activations
        return nn.MLP(
            self.layers,
            activation=names if len(names) > 1 else names[0],
            dropout=self.dropout,
            initializer=self.initializer,
            dtype=np.dtype(self.dtype),
            rng=rng,
        )


def _joined(sizes: Iterable[int]) -> str:
    return ",".join(map(str, sizes))
