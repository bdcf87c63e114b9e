"""How an estimator learns: scikit-learn's conventions on the outside, ``train.fit`` inside."""

from __future__ import annotations

import sys
import warnings
from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tinygrad_np import nn, train
from tinygrad_np.data import Dataset
from tinygrad_np.interop.sklearn.parameters import Parameters
from tinygrad_np.interop.sklearn.rows import SparseRows
from tinygrad_np.interop.sklearn.solvers import make_optimizer, make_schedule

__all__ = ["Array", "Estimator"]

Array = NDArray[Any]

#: Steps from which compiling them pays: it costs as much as so many steps of a small network do uncompiled.
WORTH_COMPILING = 300


class Estimator(Parameters):
    """A multilayer perceptron. What differs between classes and numbers is left to the subclasses."""

    #: The task, in ``train.TASKS``, and the names of its classes: set when the first targets are seen.
    _task: str
    _class_names: tuple[str, ...] = ()

    def _targets(self, y: Array, weights: Array | None, first: bool, classes: Any = None) -> tuple[Array, Array | None]:
        """Turn ``y`` into the numbers that are learnt, and complete the weights of the examples."""
        raise NotImplementedError

    # --- fitting ----------------------------------------------------------------------------------------------------
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from examples.

        Parameters
        ----------
        X : array or sparse matrix, shape (m, n_features)
            Sparse examples become dense a batch at a time.
        y : array, shape (m,) or (m, n_outputs)
        sample_weight : array of shape (m,), optional
            An example of weight 2 counts as much as two, and one of weight 0 is left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of its limits, or the data are not what they should be.
        DivergedError
            If the cost became infinite or NaN.
        """
        self._validate_params()
        first = not (self.warm_start and hasattr(self, "model_"))
        x, y, weights = self._checked(X, y, sample_weight, first)
        seed = self._seeded()
        parts = self._held_out(y, seed) if self.early_stopping else [slice(None)]
        training, *validation = [self._dataset(x, y, weights, part) for part in parts]
        self._begin(training, first)
        stopping, figure = None, "validation_cost" if self.early_stopping else "cost"
        if self.early_stopping or self.n_iter_no_change is not None:
            stopping = train.EarlyStopping(figure, self.n_iter_no_change or self.max_iter, self.tol)
        history = self._train(training, *validation, epochs=self.max_iter, early_stopping=stopping)
        if self.n_iter_no_change is not None and history.ended_by == "epochs":
            warnings.warn(
                f"{type(self).__name__}: the {figure.replace('_', ' ')} was still becoming better after "
                f"max_iter={self.max_iter} epochs: allow more, or try a larger learning_rate_init; "
                f"n_iter_no_change=None says that just so many are meant",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        self._validate_params()
        if self.early_stopping:
            raise ValueError("partial_fit is one pass over what it is given: it goes without early_stopping")
        first = not hasattr(self, "model_")
        data = self._dataset(*self._checked(X, y, sample_weight, first, classes))
        if first:
            self._seeded()
            self._begin(data, first)
        self._train(data, epochs=1)
        return self

    def _checked(
        self, X: Any, y: Any, sample_weight: Any, first: bool, classes: Any = None
    ) -> tuple[Any, Array, Array | None]:
        """The examples, without those that have no weight."""
        dtype = (self.dtype or (np.float64, np.float32)) if first else self._dtype
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=dtype, multi_output=True, reset=first)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            kept = weights > 0
            if not kept.any():
                raise ValueError("all sample weights are zero: there is nothing to learn from")
            if not kept.all():
                X, y, weights = X[kept], y[kept], weights[kept]
        y, weights = self._targets(y.toarray() if issparse(y) else y, weights, first, classes)
        return X, y.astype(X.dtype) if y.dtype.kind == "f" else y, weights

    def _dataset(self, x: Any, y: Array, weights: Array | None, part: Any = slice(None)) -> Dataset:
        x = SparseRows(x[part]) if issparse(x) else x[part]
        return Dataset(x, y[part], self._class_names, weights=None if weights is None else weights[part])

    def _held_out(self, y: Array, seed: int) -> list[Array]:
        """The indices of the training and of the validation part, with the same mix of classes where there is one."""
        m, classes = len(y), y if self._class_names and y.ndim == 1 else None
        n_validation = round(self.validation_fraction * m)
        if min(n_validation, m - n_validation) < 2:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} of {m} examples leaves {m - n_validation} to learn "
                f"from, and {n_validation} to validate: give more examples, or go without early_stopping"
            )
        if classes is not None:
            counts = np.bincount(classes)
            counts = counts[counts > 0]
            if counts.min() < 2 or min(n_validation, m - n_validation) < len(counts):
                classes = None
        parts: list[Array] = train_test_split(np.arange(m), test_size=n_validation, random_state=seed, stratify=classes)
        return parts

    def _seeded(self) -> int:
        """Draw a seed, and begin with the generators that it gives."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._model_rng, self._rng = np.random.default_rng(seed).spawn(2)
        return seed

    def _begin(self, data: Dataset, first: bool) -> None:
        """Make the optimizer and, the first time, the network."""
        hidden = _sizes(self.hidden_layer_sizes)
        if first:
            f, n_outputs = self.activation, train.TASKS[self._task].n_outputs(data)
            self.model_ = nn.MLP(
                [data.x.shape[1], *hidden, n_outputs],
                _known(f) if isinstance(f, str) or callable(f) else list(map(_known, f)),
                dropout=self.dropout,
                initializer=self.initializer,
                dtype=data.x.dtype,
                rng=self._model_rng,
            )
            self.history_ = train.History()
        elif hidden != (known := [b.size for b in self.intercepts_[:-1]]):
            raise ValueError(f"warm_start goes on with hidden_layer_sizes={known}, which are {hidden} now: begin anew")
        self._optimizer = make_optimizer(self, self.model_.parameters())
        self._schedule = make_schedule(self, self._optimizer)

    def _train(
        self,
        training: Dataset,
        validation: Dataset | None = None,
        *,
        epochs: int,
        early_stopping: train.EarlyStopping | None = None,
    ) -> train.History:
        self.history_.score_name = score_name = train.TASKS[self._task].score_name
        m, before = training.size, len(self.history_)
        size = min(m, 200, max(64, m // 8)) if self.batch_size == "auto" else min(m, self.batch_size)
        steps = epochs * -(-m // size)
        with train.progress(epochs, sys.stdout, score_name) if self.verbose else nullcontext() as show:
            history = train.fit(
                self.model_, training, validation,
                optimizer=self._optimizer, schedule=self._schedule, task=self._task, loss=self.loss, epochs=epochs,
                batch_size=size, l2=self.alpha * m / size, early_stopping=early_stopping, rng=self._rng,
                compile=steps >= WORTH_COMPILING if self.compile == "auto" else self.compile,
                callbacks=[*self.callbacks, *([show] if show else [])],
            )  # fmt: skip
        self.model_.eval()
        for epoch in history:
            self.history_.append(replace(epoch, epoch=before + epoch.epoch))
        self.n_iter_ = len(history)
        return history

    # --- what it has learnt -----------------------------------------------------------------------------------------
    def _logits(self, X: Any) -> Array:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=self._dtype, reset=False)
        rows: Any = SparseRows(X) if issparse(X) else X
        return train.predict_logits(self.model_, rows)

    @property
    def _dtype(self) -> Any:
        return self.model_.layers[0].weight.dtype

    @property
    def coefs_(self) -> list[Array]:
        """The weight matrices, of shape (units before, units after)."""
        return [layer.weight.detach().numpy() for layer in self.model_.layers]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases."""
        return [layer.bias.detach().numpy() for layer in self.model_.layers if layer.bias is not None]

    @property
    def loss_curve_(self) -> list[float | None]:
        """The cost of each epoch."""
        return self.history_.column("cost")

    @property
    def loss_(self) -> float | None:
        """The cost of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def validation_scores_(self) -> list[float | None]:
        """The score of the held-out part after each epoch, where there is one."""
        return self.history_.column("validation_accuracy")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _identity(x: Any) -> Any:
    return x


def _sizes(hidden: Any) -> list[int]:
    sizes: list[Any] = [hidden] if np.isscalar(hidden) else list(hidden)
    if not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be whole numbers from 1, such as (100,) or (64, 32), not {hidden!r}")
    return list(map(int, sizes))


def _known(activation: Any) -> Any:
    """An activation as ``nn.MLP`` knows it: scikit-learn has other names for two of them."""
    return {"logistic": "sigmoid", "identity": _identity}.get(activation, activation)
