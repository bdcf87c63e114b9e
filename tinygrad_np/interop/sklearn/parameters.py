"""The parameters that the classifier and the regressor have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from inspect import cleandoc
from numbers import Integral, Real
from textwrap import indent
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options, StrOptions

from tinygrad_np import optim, train
from tinygrad_np.interop.sklearn.solvers import SCHEDULES, SOLVERS
from tinygrad_np.tensor import Tensor

__all__ = ["Parameters", "with_shared_parameters"]

Activation = Callable[[Any], Any]
Class = TypeVar("Class", bound=type)


@dataclass(eq=False, repr=False)
class Parameters(BaseEstimator):
    """What an estimator may be told.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(100,)
        How many units each hidden layer has; ``()`` for a linear model.
    activation : str, callable, or a sequence of such, default="relu"
        After each hidden layer, or one for each of them: "relu", "leaky_relu", "gelu", "silu", "softplus", "tanh",
        "sigmoid" (or "logistic"), "identity", or a function of a Tensor.
    initializer : str or callable, default="glorot_uniform"
        Where the weights begin: the name of a function in :mod:`tinygrad_np.nn.initializers`, or such a function.
        "he_normal" suits many layers of relu.
    loss : callable, optional
        A Tensor expression ``loss(logits, y)`` of the outputs of a batch, of shape (m, outputs), that returns one
        number for each example, or their mean (then there can be no weights). By default {default_loss}.
    dropout : float, default=0.0
        The fraction of each hidden layer that is dropped in training.
    solver : {"adam", "adamw", "rmsprop", "sgd"} or callable, default="adam"
        The optimizer; or a function that makes one of the parameters:
        ``lambda parameters: optim.SGD(parameters, 0.1)``.
    learning_rate_init : float, optional
        By default what suits the solver: 0.003 for adam and adamw, 0.001 for rmsprop, 0.02 for sgd.
    learning_rate : {"constant", "adaptive", "cosine"} or callable, default="constant"
        How the learning rate goes on: "adaptive" divides it by 5 whenever the cost has not become better by ``tol``
        for half of ``n_iter_no_change`` epochs, "cosine" lets it fall to zero within ``max_iter``, and a function,
        such as those of :mod:`tinygrad_np.optim`, returns what to multiply it by in epoch 0, 1, 2 ...
    alpha : float, default=0.0001
        The strength of the L2 penalty: alpha / (2 batch_size) times the sum of the squared weights.
    weight_decay : float, default=0.01
        Of adamw: the part of the weights that decays in each step is ``weight_decay`` times the learning rate.
    momentum : float, default=0.9
        Of sgd.
    nesterovs_momentum : bool, default=True
        Of sgd: to look ahead along the momentum.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Of adam and adamw: how much is kept of the running means of the gradient and of its square.
    epsilon : float, default=1e-8
        Of adam, adamw and rmsprop: what keeps their quotient finite.
    batch_size : int or "auto", default="auto"
        Examples per step. "auto" is an eighth of them, but at least 64 and at most 200.
    max_iter : int, default=200
        The largest number of epochs: passes over the data.
    tol : float, default=0.0001
        By how much the cost (with early stopping: that of the held-out part) has to fall to count as better.
    n_iter_no_change : int, optional, default=10
        After how many epochs that were not better to stop; with ``None``, all ``max_iter`` are run.
    early_stopping : bool, default=False
        Hold out a part of the data, stop when its cost no longer falls, and keep the weights of the best epoch. (The
        score, which scikit-learn's networks watch, is too coarse where few examples are held out.)
    validation_fraction : float, default=0.1
        How much of the data to hold out.
    warm_start : bool, default=False
        Let ``fit`` go on from the weights of the last one.
    random_state : int, RandomState or None, default=None
        Where initial weights, the order of the examples, masks of dropout and the held-out part come from.
    dtype : {"float32", "float64"}, optional
        What to compute in; by default in that of ``X``. float32 takes half the time and half the memory.
    compile : bool, "auto" or "numba", default="auto"
        Whether to compile the training step (see :func:`tinygrad_np.compile`); "auto" does so where there are enough
        steps for it to pay.
    callbacks : sequence of callables, default=()
        Each is called with the :class:`tinygrad_np.train.Epoch` when an epoch is over, and may raise
        :class:`tinygrad_np.train.StopTraining`.
    verbose : bool, default=False
        Print a line for each epoch.

    Attributes
    ----------
    model_ : MLP
        The network, which returns logits.
    coefs_, intercepts_ : list of arrays
        The weight matrices of its layers, of shape (units before, units after), and their biases.
    history_ : History
        All epochs since the network was new.
    loss_curve_, loss_ : list of float, float
        The cost of each of these epochs, and of the last.
    validation_scores_ : list of float or None
        With early stopping: the score of the held-out part after each epoch.
    n_iter_ : int
        Epochs of the last call of ``fit``.
    n_features_in_ : int
    feature_names_in_ : array of str
        Where ``X`` had them.
    """

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str | Activation | Sequence[str | Activation] = "relu"
    _: KW_ONLY
    initializer: str | Callable[..., Any] = "glorot_uniform"
    loss: Callable[[Tensor, Any], Tensor] | None = None
    dropout: float = 0.0
    solver: str | Callable[[list[Tensor]], optim.Optimizer] = "adam"
    learning_rate_init: float | None = None
    learning_rate: str | Callable[[int], float] = "constant"
    alpha: float = 1e-4
    weight_decay: float = 0.01
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    batch_size: int | Literal["auto"] = "auto"
    max_iter: int = 200
    tol: float = 1e-4
    n_iter_no_change: int | None = 10
    early_stopping: bool = False
    validation_fraction: float = 0.1
    warm_start: bool = False
    random_state: int | np.random.RandomState | None = None
    dtype: Any = None
    compile: bool | Literal["auto", "numba"] = "auto"
    callbacks: Sequence[Callable[[train.Epoch], None]] = ()
    verbose: bool = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "activation": [str, callable, list, tuple],
        "initializer": [str, callable],
        "loss": [None, callable],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "solver": [StrOptions(set(SOLVERS)), callable],
        "learning_rate_init": [None, Interval(Real, 0, None, closed="neither")],
        "learning_rate": [StrOptions(set(SCHEDULES)), callable],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [None, Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "dtype": [None, StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
        "compile": ["boolean", StrOptions({"auto", "numba"})],
        "callbacks": [list, tuple],
        "verbose": ["verbose"],
    }


def with_shared_parameters(default_loss: str) -> Callable[[Class], Class]:
    """Write the docstring above into that of a class, in place of ``{parameters}`` and ``{attributes}``.

    So ``help`` and scikit-learn's pictures of estimators tell of all of them, though they are written down once.
    """

    def written(cls: Class) -> Class:
        if cls.__doc__ and Parameters.__doc__:  # not so under python -OO
            _, parameters, attributes = cleandoc(Parameters.__doc__).split("----------\n")
            parameters = parameters.removesuffix("\n\nAttributes\n").replace("{default_loss}", default_loss)
            for name, text in (("{parameters}", parameters), ("{attributes}", attributes)):
                cls.__doc__ = cls.__doc__.replace(name, indent(text, "    ").strip())
        return cls

    return written
