"""Are the gradients of this model on these data right? Three answers that know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import functional as F
from tinygrad_np.data import Dataset
from tinygrad_np.data.preprocessing import one_hot
from tinygrad_np.nn import MLP, Module
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.testing.slopes import COARSE, THOROUGH, Line, random_direction
from tinygrad_np.train import by_hand
from tinygrad_np.train.evaluate import task_for
from tinygrad_np.train.state import generators_of
from tinygrad_np.train.step import Loss, objective
from tinygrad_np.train.tasks import Task

__all__ = ["GradientVerdict", "ParameterVerdict", "check_gradients"]

Array = NDArray[Any]

#: Relative differences of two right gradients in double precision stay far below this.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class ParameterVerdict:
    """How far the answers for one parameter are apart.

    Attributes
    ----------
    name : str
    shape : tuple of int
    formula : float or None
        ``|a - b| / (|a| + |b|)`` for the gradient a of the engine and b of the formula; ``None`` where there is no
        formula for this model.
    differences : float
        The same for the slope along a random direction, and that of finite differences.
    uncertain : float
        How far off finite differences may be themselves, in the same measure.
    """

    name: str
    shape: tuple[int, ...]
    formula: float | None
    differences: float
    uncertain: float

    @property
    def right(self) -> bool:
        """Whether all agree."""
        by_formula = self.formula is None or self.formula <= TOLERANCE
        return by_formula and self.differences <= max(TOLERANCE, 4 * self.uncertain)


@dataclass(frozen=True)
class GradientVerdict:
    """What :func:`check_gradients` found; prints as a table.

    Attributes
    ----------
    parameters : list of ParameterVerdict
    n_examples : int
        How many examples the cost was computed of.
    cost, cost_by_hand : float
        By the model, and by the formula (``None`` where there is none).
    """

    parameters: list[ParameterVerdict]
    n_examples: int
    cost: float
    cost_by_hand: float | None

    @property
    def right(self) -> bool:
        """Whether all gradients are."""
        same_cost = self.cost_by_hand is None or abs(self.cost - self.cost_by_hand) <= TOLERANCE * abs(self.cost)
        return same_cost and all(each.right for each in self.parameters)

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        width = max(len("parameter"), *(len(each.name) for each in self.parameters))
        shapes = {each.name: " x ".join(map(str, each.shape)) or "number" for each in self.parameters}
        across = max(len("shape"), *map(len, shapes.values()))
        lines = [f"{'parameter':{width}}  {'shape':{across}}  by the formula  by differences"]
        for each in self.parameters:
            formula = "-" if each.formula is None else f"{each.formula:.1e}"
            wrong = "" if each.right else "  WRONG"
            lines.append(
                f"{each.name:{width}}  {shapes[each.name]:{across}}  {formula:>14}  {each.differences:14.1e}{wrong}"
            )
        bad = [each.name for each in self.parameters if not each.right]
        verdict = "the gradients are right" if self.right else f"WRONG gradients of {', '.join(bad) or 'the cost'}"
        by_hand = "" if self.cost_by_hand is None else f", by hand {self.cost_by_hand:.12g}"
        lines += [
            f"Relative differences from the engine's gradients, of the cost {self.cost:.12g}{by_hand}",
            f"of {self.n_examples} examples in double precision: {verdict}.",
        ]
        return "\n".join(lines)


def check_gradients(
    model: Module,
    data: Dataset,
    task: Task | str | None = None,
    *,
    l2: float = 0.0,
    loss: Loss | None = None,
    examples: int = 64,
    rng: np.random.Generator | int | None = 0,
) -> GradientVerdict:
    """Compare the gradients of ``model`` on ``data`` with the formula derived by hand, and with finite differences.

    The formula is that of the textbook, for an :class:`~tinygrad_np.nn.MLP` and the loss of its task: in plain NumPy,
    without a graph (:mod:`tinygrad_np.train.by_hand`). Finite differences go along a random direction for each
    parameter, with steps that are extrapolated to zero. All is computed on a copy of the model in double precision,
    with the dropout masks of one step. What is exactly 0, as biases are at the beginning, is a small random number
    there: what has met only dead units before would stand exactly on the kink of a relu, where nothing can be said.

    Parameters
    ----------
    model : Module
        Is left alone.
    data : Dataset
    task : Task or str, optional
    l2 : float
        Of the penalty, shared among the examples that are looked at.
    loss : callable, optional
        Another loss, as :func:`fit` takes it; there is no formula for it.
    examples : int
        The first so many of ``data``, at most, are looked at.
    rng : Generator or int, optional
        Draws the directions.

    Returns
    -------
    GradientVerdict
        True where everything agrees.

    Examples
    --------
    >>> from tinygrad_np import nn
    >>> data = Dataset(np.random.default_rng(0).standard_normal((9, 4)), np.arange(9) % 3)
    >>> verdict = check_gradients(nn.MLP([4, 5, 3], rng=0), data)
    >>> verdict.right
    True
    >>> print(verdict)
    parameter        shape  by the formula  by differences
    layers.0.weight  4 x 5         ...
    """
    rng = np.random.default_rng(rng)
    task = task_for(model, data, task)
    part = data.take(np.arange(min(examples, data.size)))
    twin = _in_double_precision(model, rng).train()
    parameters = dict(twin.named_parameters())
    masks = [generator.bit_generator.state for generator in generators_of(twin)]
    losses, x = loss or task.losses, part.x.astype(np.float64)

    def cost() -> Tensor:
        """The objective, with the same masks in each call."""
        for generator, state in zip(generators_of(twin), masks, strict=True):
            generator.bit_generator.state = state
        value = losses(twin(wrap(x)), part.y)
        if part.weights is not None and value.ndim:
            value = value * (part.weights * (part.size / part.total_weight))
        return objective(np.mean(value), twin, l2, part.total_weight)  # type: ignore[arg-type]

    total = cost()
    total.backward()
    gradients = {
        name: np.zeros(p.shape) if p.grad is None else p.grad.detach().numpy() for name, p in parameters.items()
    }
    formula = None if loss is not None else _formula(twin, task, part, l2, masks)
    verdicts = []
    for name, tensor in parameters.items():
        slope, expected, error = _slope(tensor, gradients[name], cost, rng)
        size = abs(slope) + abs(expected) or 1.0
        by_formula = None if formula is None else _distance(gradients[name], formula[1][name])
        verdicts.append(ParameterVerdict(name, tensor.shape, by_formula, abs(slope - expected) / size, error / size))
    return GradientVerdict(verdicts, part.size, total.item(), None if formula is None else formula[0])


def _in_double_precision(model: Module, rng: np.random.Generator) -> Module:
    """A copy whose parameters are float64, and none of them exactly 0."""
    others: dict[int, Any] = {}
    for p in model.parameters():
        array = p.detach().numpy().astype(np.float64)
        nearby = rng.choice((-0.01, 0.01), array.shape) * rng.uniform(0.5, 1, array.shape)
        others[id(p)] = Tensor(np.where(array == 0, nearby, array), requires_grad=True)
    return deepcopy(model, others)


def _slope(
    tensor: Tensor, gradient: Array, cost: Callable[[], Tensor], rng: np.random.Generator
) -> tuple[float, float, float]:
    """Along a random direction: the slope by differences, by the gradient, and how far off differences may be."""
    at = tensor.detach().numpy()

    def value(point: list[Array]) -> list[Array]:
        tensor._data = point[0]
        return [cost().detach().numpy()]

    (along,) = random_direction([at], rng)
    line = Line(value, [at], [along], np.ones(1))
    found = line.slope(COARSE)
    if not found.error <= TOLERANCE / 10 * abs(found.value):  # a kink nearby, say
        found = min(found, line.slope(THOROUGH), key=lambda estimate: float(estimate.error))
    tensor._data = at
    return float(found.value), float(np.vdot(gradient, along)), float(found.error)


def _distance(a: Array, b: Array) -> float:
    size = float(np.linalg.norm(a) + np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / size if size else 0.0


#: Functions of the package -> their names in the textbook.
_ACTIVATIONS = {
    F.relu: "relu", F.leaky_relu: "leaky_relu", F.tanh: "tanh", F.sigmoid: "sigmoid", F.softplus: "softplus",
    F.silu: "silu", F.gelu: "gelu", np.tanh: "tanh",
}  # fmt: skip

#: Task -> the last activation, which tells the loss.
_OUTPUTS = {"binary": "sigmoid", "multilabel": "sigmoid", "multiclass": "softmax", "regression": "identity"}


def _formula(
    model: Module, task: Task, data: Dataset, l2: float, masks: list[Any]
) -> tuple[float, dict[str, Any]] | None:
    """The cost and the gradients of all parameters by hand; ``None`` for what the textbook does not know."""
    if type(model) is not MLP or data.weights is not None or task.name not in _OUTPUTS:
        return None
    if not all(activation in _ACTIVATIONS for activation in model.activations):
        return None
    layers = dict(enumerate(model.layers, start=1))
    depth = len(layers)
    k = layers[depth].weight.shape[1]
    Y = one_hot(data.y, k, float) if task.name == "multiclass" else data.y.astype(float).reshape(data.size, k)
    net = by_hand.Network(
        W={i: layer.weight.detach().numpy().T for i, layer in layers.items()},
        b={i: layer.bias.detach().numpy()[:, None] for i, layer in layers.items() if layer.bias is not None},
        activation={
            **{i: _ACTIVATIONS[activation] for i, activation in enumerate(model.activations, start=1)},
            depth: _OUTPUTS[task.name],
        },
        lambd=l2,
        share=1 if task.name == "multiclass" else 1 / k,
    )
    if model.dropout is not None:
        generator = model.dropout.rng
        generator.bit_generator.state = masks[0]
        net.keep_prob = 1 - model.dropout.p
        for i in range(1, depth):
            units = np.ones((data.size, net.W[i].shape[0]))
            net.D[i] = 1.0 * (F.dropout(units, model.dropout.p, rng=generator) > 0).T
    Z, A = by_hand.forward(net, data.x.reshape(data.size, -1).astype(np.float64).T)
    dW, db, _ = by_hand.backward(net, Z, A, Y.T)
    gradients: dict[str, Any] = {}
    for i in layers:
        gradients |= {f"layers.{i - 1}.weight": dW[i].T, f"layers.{i - 1}.bias": db[i][:, 0]}
    return float(by_hand.cost(net, Z, Y.T)), gradients
