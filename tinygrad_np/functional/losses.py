"""Losses: what a network gets wrong, as one number."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_np.errors.warning import warn
from tinygrad_np.functional._operands import Array, T, bare_array, known, shown
from tinygrad_np.primitives import Primitive, table
from tinygrad_np.record import wrap
from tinygrad_np.rules import neural, reductions
from tinygrad_np.tensor import Tensor

__all__ = ["l2_penalty", "mse", "one_hot", "sigmoid_cross_entropy", "softmax_cross_entropy"]

Reduction = Literal["mean", "sum", "none"]


def softmax_cross_entropy(logits: T, labels: Array, reduction: Reduction = "mean") -> T:
    """Cross-entropy of the classes that ``softmax(logits)`` predicts: ``-sum(y * log(softmax(z)))``.

    Its derivative is ``softmax(z) - y`` per example. Both are exact for logits of any size.

    Parameters
    ----------
    logits : Tensor or ndarray, shape (..., n_classes)
        Floating point.
    labels : Tensor or array
        Class numbers: integers of shape (...). Or a probability per class, as one-hot and soft labels are: shape
        (..., n_classes), any dtype.
    reduction : "mean", "sum" or "none"
        Over the examples.

    Returns
    -------
    Tensor
        A scalar of the dtype of the logits or, with "none", one number for each example.

    Raises
    ------
    TypeError
        If the logits are not floating point, or class numbers are no integers.
    ValueError
        If the shapes do not fit, a label is outside the classes, or a mean is asked for of no examples.

    Examples
    --------
    >>> logits = Tensor([[0.0, 0.0], [1e4, -1e4]], requires_grad=True)
    >>> loss = softmax_cross_entropy(logits, [0, 1], reduction="sum")
    >>> loss.item()
    20000.69314718056
    >>> loss.backward()
    >>> logits.grad
    Tensor([[-0.5,  0.5],
            [ 1. , -1. ]], dtype=float64)
    """
    _check_floating("softmax_cross_entropy: logits", logits)
    if not logits.shape:
        raise ValueError("softmax_cross_entropy: logits need an axis of classes, the last one, but have shape ()")
    _warn_of_probabilities("softmax_cross_entropy", logits, neural.softmax)
    return _reduced(neural.softmax_cross_entropy(logits, _class_targets(labels, logits)), reduction)  # type: ignore[no-any-return]


def sigmoid_cross_entropy(logits: T, targets: Array, reduction: Reduction = "mean") -> T:
    """Cross-entropy of the yes-or-no answers that ``sigmoid(logits)`` predicts: binary, or one per label.

    ``-y log(s(z)) - (1 - y) log(1 - s(z))`` for each element, computed as ``max(z, 0) - z y + log(1 + exp(-|z|))``.
    Its derivative is ``s(z) - y``.

    Parameters
    ----------
    logits : Tensor or ndarray, any shape
        Floating point.
    targets : Tensor or array, the same shape
        Numbers between 0 and 1, or booleans.
    reduction : "mean", "sum" or "none"
        Over all elements.

    Raises
    ------
    TypeError
        If the logits are not floating point.
    ValueError
        If the shapes differ (nothing is broadcast), a target is not between 0 and 1, or a mean is asked for of nothing.
    """
    _check_floating("sigmoid_cross_entropy: logits", logits)
    targets = _alike("sigmoid_cross_entropy", "targets", targets, "logits", logits)
    bare = bare_array(targets)
    if bare.size and not (bare.min() >= 0 and bare.max() <= 1):
        bare = shown(bare)
        raise ValueError(
            f"sigmoid_cross_entropy: targets must lie between 0 and 1, but go from {bare.min()} to {bare.max()}; "
            f"labels -1 and +1 become 0 and 1 by (targets + 1) / 2"
        )
    _warn_of_probabilities("sigmoid_cross_entropy", logits, neural.sigmoid)
    return _reduced(neural.sigmoid_cross_entropy(logits, targets), reduction)  # type: ignore[no-any-return]


def mse(predictions: T, targets: Array, reduction: Reduction = "mean") -> T:
    """Squared error, ``(x - y)^2`` for each element; its mean by default.

    Parameters
    ----------
    predictions : Tensor or ndarray, any shape
        Floating point.
    targets : Tensor or array, the same shape
    reduction : "mean", "sum" or "none"
        Over all elements.

    Raises
    ------
    TypeError
        If the predictions are not floating point.
    ValueError
        If the shapes differ (nothing is broadcast), or a mean is asked for of nothing.
    """
    _check_floating("mse: predictions", predictions)
    targets = _alike("mse", "targets", targets, "predictions", predictions)
    return _reduced(neural.squared_error(predictions, targets), reduction)  # type: ignore[no-any-return]


def l2_penalty(weights: Iterable[Tensor], lambd: float, m: float) -> Tensor:
    """The penalty ``lambd / (2 m) * sum(W^2)`` over some weights; its gradient is ``lambd / m * W``.

    Parameters
    ----------
    weights : iterable of Tensors
        What to penalize: by custom the weight matrices, and not the biases.
    lambd : float
        The strength λ.
    m : float
        How many examples λ is shared among: usually all those of the training data, or the sum of their weights.

    Raises
    ------
    ValueError
        If there are no weights.
    """
    squares = [reductions.sum(table[np.square](w)) for w in weights]
    if not squares:
        raise ValueError("l2_penalty: no weights were given")
    total: Tensor = sum(squares[1:], start=squares[0])
    return total * (lambd / (2 * m))


def one_hot(labels: Array, n_classes: int, dtype: Any = np.float32) -> Any:
    """Class numbers as rows with a single one.

    Parameters
    ----------
    labels : Tensor or array of integers, shape (...)
    n_classes : int
    dtype : dtype

    Returns
    -------
    Tensor or ndarray, as ``labels`` is; shape (..., n_classes)

    Raises
    ------
    TypeError
        If the labels are no integers.
    ValueError
        If one is not in ``0 ... n_classes - 1``.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = known(labels)
    bare = bare_array(labels)
    _check_class_numbers("one_hot: labels", bare, n_classes)
    rows = neural.one_hot(bare, n_classes, np.dtype(dtype))
    return wrap(rows) if isinstance(labels, Tensor) else rows


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return reductions.sum(losses)
    if reduction != "mean":
        raise ValueError(f'reduction must be "mean", "sum" or "none", not {reduction!r}')
    if losses.size == 0:
        raise ValueError("the mean loss of no examples is not defined; is the batch empty?")
    return reductions.mean(losses)


def _class_targets(labels: Array, logits: Any) -> Any:
    """Labels as the operation takes them: integers without the axis of classes, or rows of the logits' dtype."""
    labels, name = known(labels), "softmax_cross_entropy: labels"
    if labels.shape == logits.shape[:-1]:
        _check_class_numbers(name, bare_array(labels), logits.shape[-1])
        return labels
    if labels.shape != logits.shape:
        raise _unlike_logits(labels, logits)
    bare = bare_array(labels)
    if bare.size and not (lowest := bare.min()) >= 0:
        raise ValueError(f"{name} of shape {labels.shape} are probabilities, but the lowest of them is {shown(lowest)}")
    return labels if labels.dtype == logits.dtype else labels.astype(logits.dtype)


def _unlike_logits(labels: Any, logits: Any) -> Exception:
    from tinygrad_np.errors.explain import refusal  # who makes no mistake need not import it

    numbers, rows = logits.shape[:-1], logits.shape
    mend = None
    if labels.shape == (*numbers, 1):
        mend = f"{{labels}}[..., 0] has shape {numbers}"
    elif labels.shape == rows[::-1]:
        mend = f"{{labels}}.T has shape {rows}"
    problem = f"{{labels}} must have shape {numbers} as class numbers, or {rows} as probabilities"
    return refusal("softmax_cross_entropy", {"labels": labels, "logits": logits}, problem, mend)


def _warn_of_probabilities(name: str, logits: Any, activation: Primitive) -> None:
    """Warn of logits that come from the very activation that the loss contains."""
    node = logits._node if isinstance(logits, Tensor) else None
    if node is None or node.primitive is not activation:
        return
    if node.metadata.get("axis", -1) in (-1, logits.ndim - 1):
        warn(
            f"{name}: its logits are the result of {activation.name}, which is a part of this loss and is now applied "
            f"twice: training will be slow and end early; pass what went into {activation.name}"
        )


def _check_class_numbers(name: str, labels: NDArray[Any], n_classes: int) -> None:
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name} of shape {labels.shape} must be integers, not {labels.dtype}: labels.astype(int)")
    if labels.size and not (labels.min() >= 0 and labels.max() < n_classes):
        labels = shown(labels)
        wrong = labels[(labels < 0) | (labels >= n_classes)].flat[0]
        raise ValueError(f"{name} must be in 0 ... {n_classes - 1} for {n_classes} classes, but one is {wrong}")


def _alike(operation: str, name: str, array: Array, other_name: str, other: Any) -> Any:
    """``array`` in the dtype of ``other``; nothing is broadcast: (m,) against (m, 1) would become (m, m)."""
    array = known(array)
    if array.shape != other.shape:
        from tinygrad_np.errors.explain import refusal  # who makes no mistake need not import it

        fits = math.prod(array.shape) == math.prod(other.shape)
        mend = f"{{{name}}}.reshape({other.shape}) has shape {other.shape}" if fits else None
        problem = f"{{{name}}} must have the shape of {{{other_name}}}, {other.shape}, for nothing is broadcast"
        raise refusal(operation, {name: array, other_name: other}, problem, mend)
    return array if array.dtype == other.dtype else array.astype(other.dtype)


def _check_floating(name: str, array: Any) -> None:
    if not hasattr(type(array), "__array_function__"):
        raise TypeError(f"{name} must be a Tensor or an ndarray, not {type(array).__name__}")
    if array.dtype.kind != "f":
        raise TypeError(f"{name} must be floating point, not {array.dtype}; they come first, before what is true")
