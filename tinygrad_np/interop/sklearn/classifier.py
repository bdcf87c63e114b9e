"""``MLPClassifier``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import type_of_target

from tinygrad_np import functional as F
from tinygrad_np.interop.sklearn.estimator import Array, Estimator
from tinygrad_np.interop.sklearn.parameters import with_shared_parameters
from tinygrad_np.train import TASKS

__all__ = ["MLPClassifier"]


@with_shared_parameters("the cross-entropy of the softmax or, for two classes and for labels, of the sigmoid")
@dataclass(eq=False, repr=False, kw_only=True)
class MLPClassifier(ClassifierMixin, Estimator):
    """A multilayer perceptron that tells classes apart, or says which of several labels an example has.

    Parameters
    ----------
    {parameters}
    class_weight : dict or "balanced", optional
        How much examples of a class count: as the dict says, or the rarer the more. For multi-label ``y``, a list with
        a dict for each label.

    Attributes
    ----------
    classes_ : array
        The classes, sorted; for multi-label ``y``, the numbers of its columns.
    {attributes}

    Examples
    --------
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> classifier = MLPClassifier((8,), "tanh", learning_rate_init=0.1, random_state=0).fit(X, y)
    >>> classifier.predict(X)
    array(['no', 'yes', 'yes', 'no'], dtype='<U3')
    >>> classifier.predict_proba(X).shape
    (4, 2)
    """

    class_weight: Mapping[Any, float] | list[Mapping[Any, float]] | Literal["balanced"] | None = None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Estimator._parameter_constraints,
        "class_weight": [None, dict, list, StrOptions({"balanced"})],
    }

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on learning: one pass over these examples.

        Parameters
        ----------
        X, y, sample_weight
            See :meth:`fit`.
        classes : array, optional
            All classes that there will ever be: needed in the first call, unless ``y`` is multi-label.

        Returns
        -------
        self
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all examples at once, which partial_fit does not see: give a dict, as "
                "sklearn.utils.class_weight.compute_class_weight makes it"
            )
        if classes is None and not hasattr(self, "model_") and type_of_target(y) != "multilabel-indicator":
            raise ValueError("classes must be passed on the first call to partial_fit: all that there will ever be")
        return self._partial_fit(X, y, sample_weight, classes)

    def _targets(self, y: Array, weights: Array | None, first: bool, classes: Any = None) -> tuple[Array, Array | None]:
        kind = type_of_target(y, input_name="y")
        if kind.startswith(("continuous", "unknown")):
            raise ValueError(
                f"Unknown label type: y is {kind}. A classifier learns classes; MLPRegressor learns numbers"
            )
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y has several columns of several classes each, and multi-label y is of zeros and ones: fit a "
                "classifier for each column, as sklearn.multioutput.MultiOutputClassifier does"
            )
        if kind == "multilabel-indicator":
            return self._label_targets(y, weights, first)
        y = column_or_1d(y, warn=True)
        if first:
            self._see_classes(y if classes is None else column_or_1d(classes))
        codes = np.searchsorted(self.classes_, y)
        if self._task == "multilabel" or not np.array_equal(self.classes_[codes.clip(max=len(self.classes_) - 1)], y):
            raise ValueError(f"y has other classes, {np.unique(y)}, than were said or seen at first: {self.classes_}")
        if self.class_weight is not None:
            of_class = compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[codes])
            weights = of_class[codes] * (1 if weights is None else weights)
        return codes, weights

    def _see_classes(self, y: Array) -> None:
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"y has 1 class only, {self.classes_[0]!r}, where weights are not zero: give two or more")
        self._task = "binary" if len(self.classes_) == 2 else "multiclass"
        self._class_names = tuple(map(str, self.classes_))

    def _label_targets(self, y: Array, weights: Array | None, first: bool) -> tuple[Array, Array | None]:
        if first:
            self.classes_, self._task = np.arange(y.shape[1]), "multilabel"
            self._class_names = tuple(map(str, self.classes_))
        if self._task != "multilabel" or y.shape[1] != len(self.classes_):
            raise ValueError(f"y has {y.shape[1]} columns of labels; at first, there were the classes {self.classes_}")
        if self.class_weight is not None:
            weights = compute_sample_weight(self.class_weight, y) * (1 if weights is None else weights)
        return y.astype(np.float64), weights

    # --- what it has learnt -----------------------------------------------------------------------------------------
    def predict(self, X: Any) -> Array:
        """Return the most probable class of each example, shape (m,); or zeros and ones, shape (m, n_labels)."""
        logits = self._logits(X)
        predicted = TASKS[self._task].predict(logits)
        return predicted if self._task == "multilabel" else self.classes_[predicted]

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, shape (m, n_classes), or of each label, shape (m, n_labels)."""
        logits = self._logits(X)
        return TASKS[self._task].proba(logits)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities: exact where these are too small for a number."""
        z = self._logits(X)
        if self._task == "multiclass":
            return F.log_softmax(z)
        return -F.softplus(np.concatenate([z, -z], axis=1) if self._task == "binary" else -z)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
