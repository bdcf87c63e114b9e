"""One step of training: forward, backward, update."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import functional as F
from tinygrad_np.compiler import compile as tinygrad_compile
from tinygrad_np.nn import Module
from tinygrad_np.optim import Optimizer, clip_by_norm, clip_by_value
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.train.state import State

__all__ = ["Loss", "Step", "objective"]

Array = NDArray[Any]
Loss = Callable[[Any, Any], Any]

#: How many calls of a kind it takes until a compiled function is ready: two that are captured, and the first replay.
_CALLS_TO_COMPILE = 3


class Step:
    """What is done with each mini-batch.

    Parameters
    ----------
    model : Module
    optimizer : Optimizer
    losses : callable
        ``losses(logits, y)``: the loss of each example or, where there are no weights, their mean.
    marks : callable
        ``marks(logits, y)``: a number for each example, whose mean is the score.
    l2, m : float
        The penalty is ``l2 / (2 m) * sum(W²)``.
    clip, clip_value : float, optional
        Limits of the norm of all gradients together, and of each of their elements.
    backend : str, optional
        What :func:`tinygrad_np.compile` is to use; without it, steps run as they are.

    Attributes
    ----------
    compiled : bool
        Whether steps are replayed. It becomes false, with a warning, where the model cannot be captured.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        losses: Loss,
        marks: Loss,
        *,
        l2: float = 0.0,
        m: float = 1,
        clip: float | None = None,
        clip_value: float | None = None,
        backend: str | None = "numpy",
    ) -> None:
        def step(x: Array, y: Array, weights: Array | None) -> tuple[Any, Any]:
            logits = model(wrap(x))  # the batch is ours alone: no need to copy it
            cost, right = losses(logits, y), marks(logits.detach(), y)
            if weights is not None:
                if not cost.ndim:
                    raise ValueError(
                        "examples have weights, but the loss is one number for all of them: let it return one number "
                        "for each example, as the losses in tinygrad_np.functional do with reduction='none'"
                    )
                cost, right = cost * weights, right * weights
            mean: Any = np.mean(cost) if cost.ndim else cost
            for p in parameters:
                p.grad = None
            objective(mean, model, l2, m).backward()
            if clip is not None:
                clip_by_norm(trained, clip)
            if clip_value is not None:
                clip_by_value(trained, clip_value)
            optimizer.step()
            for p in parameters:  # nobody asks for the gradients any more
                p.grad = None
            return mean.detach(), np.sum(right)

        trained = [p for group in optimizer.param_groups for p in group["params"]]
        parameters = list(dict.fromkeys([*trained, *model.parameters()]))
        self.compiled = backend is not None
        self._eager = step
        self._step = tinygrad_compile(step, backend=backend) if backend is not None else step

    def __call__(self, x: Array, y: Array, weights: Array | None = None) -> tuple[float, float]:
        """Take a step; return the mean cost of the examples as they met the model, and the sum of their marks.

        After a cost that is not finite, the parameters may be spoilt.
        """
        # An overflow shows in the cost; a warning would only say it worse.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if not self.compiled:
                cost, right = self._eager(x, y, weights)
                return cost.item(), right.item()
            from tinygrad_np.compiler.recording import CaptureError

            try:
                cost, right = self._step(x, y, weights)
            except CaptureError as error:  # it has changed nothing
                warnings.warn(
                    f"training goes on uncompiled, and slower: {error} (compile=False says that this is meant)",
                    RuntimeWarning,
                    stacklevel=3,
                )
                self.compiled = False
                return self(x, y, weights)
        return cost.item(), right.item()

    def prepare(self, state: State, *examples: tuple[Array, Array, Array | None]) -> None:
        """Compile steps for batches like ``examples``, and put everything back as it was.

        So all steps of a training run are replays, from the first on, and where a run is resumed does not matter.
        """
        if self.compiled:
            before = state.copy()
            for batch in examples * _CALLS_TO_COMPILE:
                self(*batch)
            state.put_back(before)


def objective(cost: Tensor, model: Module, l2: float, m: float) -> Tensor:
    """What is differentiated: the cost, plus λ/(2m) ΣW² over the weight matrices for m training examples."""
    if not l2:
        return cost
    return cost + F.l2_penalty([p for p in model.parameters() if p.ndim > 1], l2, m)
