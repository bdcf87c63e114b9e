"""What gradients and activations look like as training goes on: noted in passing, drawn afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_np import functional as F
from tinygrad_np.grad_mode import enable_grad, observed_by
from tinygrad_np.graph import backpropagate
from tinygrad_np.nn.module import Module, call_watcher
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor

__all__ = ["Distribution", "Recorder"]

_BINS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """How the values of an array are distributed, in so many bytes, whatever its size.

    Attributes
    ----------
    edges, counts : arrays of shape (bins + 1,) and (bins,)
        A histogram of the values that are finite and not exactly zero.
    size, zeros, non_finite : int
        How many values there are, how many are exactly zero, and how many are infinite or NaN.
    dead, units : int
        How many of the units (indices of the last axis) are zero for every example, and how many there are.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    size: int
    zeros: int
    non_finite: int
    dead: int
    units: int

    @classmethod
    def of(cls, array: NDArray[Any], *, magnitudes: bool = False) -> Distribution:
        """Of the values of ``array`` or, with ``magnitudes``, of the decimal logarithms of their absolute values."""
        finite = np.isfinite(array)
        zero = array == 0
        values = array[finite & ~zero].astype(np.float64)
        counts, edges = np.histogram(np.log10(np.abs(values)) if magnitudes else values, _BINS)
        units = zero.reshape(-1, zero.shape[-1] if zero.ndim else 1)
        dead = int(np.count_nonzero(units.all(axis=0)))
        return cls(edges, counts, array.size, int(zero.sum()), int((~finite).sum()), dead, units.shape[1])

    def quantile(self, q: float) -> float:
        """The value that a share ``q`` of those in the histogram lies below; NaN if there are none."""
        cumulative = np.concatenate([[0], np.cumsum(self.counts)])
        return float(np.interp(q * cumulative[-1], cumulative, self.edges)) if cumulative[-1] else np.nan

    def rebinned(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of the values in each of other bins, as if those of a bin lay evenly in it."""
        cumulative = np.concatenate([[0], np.cumsum(self.counts)])
        shares: NDArray[np.float64] = np.diff(np.interp(edges, self.edges, cumulative)) / max(self.size, 1)
        return shares


class Recorder:
    """Note the gradients of the parameters and the activations of the layers, for some fixed examples.

    Pass it to :func:`tinygrad_np.train.fit` as a callback, or call it in a loop of your own. It asks the model anew, in
    evaluation mode, so that times compare, and touches nothing that training uses. It keeps histograms, not arrays.

    Parameters
    ----------
    model : Module
    x : array
        Examples: some dozens are enough.
    y : array, optional
        What they are. Without it, there are no gradients, only activations.
    loss : callable
        ``loss(model(x), y)``.

    Attributes
    ----------
    times : list of int
        The epochs or, in a loop of your own, the number of the call, from 1.
    unit : str
        What ``times`` counts.
    gradients : dict of str to list of Distribution
        Of the decimal logarithms of absolute gradients, by the name of the parameter; one for each time.
    activations : dict of str to list of Distribution
        By the name of the layer: of its result or, where a function like relu is applied to that, of what it returns.

    Examples
    --------
    >>> from tinygrad_np import nn, optim
    >>> from tinygrad_np.data import Dataset
    >>> from tinygrad_np.train import fit
    >>> data = Dataset(np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32), np.arange(32) % 3)
    >>> model = nn.MLP([4, 8, 3], rng=0)
    >>> recorder = Recorder(model, data.x, data.y)
    >>> history = fit(model, data, optimizer=optim.Adam(model.parameters()), epochs=2, rng=0, callbacks=[recorder])
    >>> list(recorder.gradients), list(recorder.activations), recorder.times
    (['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias'], ['layers.0, relu', 'layers.1'], [1, 2])
    """

    def __init__(
        self, model: Module, x: Any, y: Any = None, loss: Callable[[Tensor, Any], Tensor] = F.softmax_cross_entropy
    ) -> None:
        self.model, self.x, self.y, self.loss = model, x, y, loss
        self.times: list[int] = []
        self.unit = "call"
        self.gradients: dict[str, list[Distribution]] = {}
        self.activations: dict[str, list[Distribution]] = {}

    def __call__(self, epoch: Any = None) -> None:
        """Note what the gradients and activations are now."""
        if epoch is not None:
            self.unit = "epoch"
        self.times.append(len(self.times) + 1 if epoch is None else epoch.epoch)
        result, activations = _watched(self.model, self.x)
        for name, activation in activations.items():
            self.activations.setdefault(name, []).append(Distribution.of(activation))
        if self.y is not None:
            with enable_grad():
                loss = self.loss(result, self.y)
            parameters = {p.node: name for name, p in self.model.named_parameters()}
            found = backpropagate({loss.node: np.ones_like(loss._data)}, parameters)
            for node, name in parameters.items():
                gradient = found.get(node, np.zeros(node.shape or ()))
                self.gradients.setdefault(name, []).append(Distribution.of(gradient, magnitudes=True))


def _watched(model: Module, x: Any) -> tuple[Any, dict[str, NDArray[Any]]]:
    """What a model returns, and what each of its layers sends on, by its name."""
    paths = {id(module): path for path, module in model.named_modules()}
    found: dict[str, NDArray[Any]] = {}
    sent_by: dict[int, tuple[str, Any]] = {}  # identity of a layer's result -> the layer, and the result, kept alive

    def begin(module: Module) -> Callable[[Any], None]:
        def done(result: Any) -> None:
            if isinstance(result, Tensor) and len(module.modules()) == 1:
                name = paths[id(module)]
                found[name] = result._data
                sent_by[id(result._data)] = name, result._data

        return done

    def operation(primitive: Any, operands: Any, metadata: Any, out: Any, node: Any) -> None:
        # A function of one array that keeps its shape, applied to what a layer returned, is an activation function.
        name, _ = sent_by.get(id(operands[0]), ("", None)) if len(operands) == 1 else ("", None)
        if name in found and getattr(out, "shape", None) == operands[0].shape:
            del found[name]
            found[f"{name}, {primitive.__name__}"] = out

    was_training = model.training
    model.eval()
    token = call_watcher.set(begin)
    try:
        with enable_grad(), observed_by(operation):
            return model(wrap(x)), found
    finally:
        call_watcher.reset(token)
        model.train(was_training)
