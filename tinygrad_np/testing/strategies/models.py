"""Strategies for what is learned, and from what: logits and labels, covariances, networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_np.nn import MLP
from tinygrad_np.tensor import Tensor
from tinygrad_np.testing.strategies._hypothesis import st
from tinygrad_np.testing.strategies.domains import Array, Shape, among, integers, reals
from tinygrad_np.testing.strategies.layouts import laid_out, layouts
from tinygrad_np.testing.strategies.tensors import arrays, drawn, shapes, tell, tensor_of, tensors

__all__ = ["labels", "logits", "logits_and_labels", "mlps", "positive_definite"]

SMOOTH = ("tanh", "sigmoid", "softplus", "silu", "gelu")
BATCHES = shapes(max_dims=1)
CLASSES = st.integers(2, 4)
BETWEEN, DIAGONAL, WEIGHTS, SHARES = reals(-1, 1), reals(0.5, 2), reals(-1.5, 1.5), reals(0.125, 2)
Kind = Literal["index", "one_hot", "distribution"]
#: Of eight logits, seven are ordinary and one is far out, where exp overflows or a probability rounds to 0 or 1.
ORDINARY = [0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -1.5, 3, -3, 4, -4, 0.25, -0.25, 0.75, -0.75, 2.5, -2.5, 3.5, -3.5]
FAR_OUT = among([*ORDINARY, 50, -50, 1e4, -1e4])


@st.composite
def logits(
    draw: st.DrawFn,
    /,
    batch: st.SearchStrategy[Shape] = BATCHES,
    classes: st.SearchStrategy[int] = CLASSES,
    *,
    far: bool = True,
    **how: Any,
) -> Tensor:
    """Scores of classes before softmax: Tensors of shape ``(*batch, classes)``.

    Parameters
    ----------
    batch : strategy of tuples
        The axes before the last one.
    classes : strategy of int
        The length of the last axis.
    far : bool
        Whether some are of size 50 and 10,000, where a softmax that does not subtract the maximum overflows. (float16
        has them, too.) Finite differences see nothing but zero slopes there.
    **how
        For :func:`tensors`.

    Examples
    --------
    >>> from hypothesis import find, settings, strategies as st
    >>> once = settings(derandomize=True, database=None)
    >>> find(logits(classes=st.just(2)), lambda z: np.any(np.isinf(np.exp(z.detach()))), settings=once)
    Tensor([10000.,     0.], dtype=float64, requires_grad=True)
    """
    domain = FAR_OUT if far else reals(-4, 4)
    return draw(tensors((*draw(batch), draw(classes)), domain=domain, **how))


@st.composite
def labels(
    draw: st.DrawFn,
    /,
    batch: st.SearchStrategy[Shape] = BATCHES,
    classes: st.SearchStrategy[int] = CLASSES,
    kind: Kind | st.SearchStrategy[Kind] = "index",
    dtype: DTypeLike = np.float64,
) -> Array:
    """What the classes ought to be: arrays that need no gradient.

    Parameters
    ----------
    batch, classes
        See :func:`logits`.
    kind : str, or a strategy
        ``"index"``: integers of shape ``batch``; ``"one_hot"`` and ``"distribution"``: ``(*batch, classes)``, each row
        of sum 1, of the given dtype.

    Examples
    --------
    >>> from hypothesis import find, settings, strategies as st
    >>> once = settings(derandomize=True, database=None)
    >>> find(labels(st.just((2,)), st.just(3)), lambda y: y[0] == 2, settings=once)
    array([2, 0])
    >>> find(labels(st.just((2,)), st.just(3), kind="one_hot"), lambda y: True, settings=once)
    array([[1., 0., 0.],
           [1., 0., 0.]])
    """
    return _labels(draw, draw(batch), draw(classes), kind, dtype)


@st.composite
def logits_and_labels(
    draw: st.DrawFn,
    /,
    batch: st.SearchStrategy[Shape] = BATCHES,
    classes: st.SearchStrategy[int] = CLASSES,
    kind: Kind | st.SearchStrategy[Kind] = "index",
    **how: Any,
) -> tuple[Tensor, Array]:
    """Logits, and labels for them: see :func:`logits` and :func:`labels`.

    Examples
    --------
    >>> from hypothesis import given
    >>> from tinygrad_np import functional as F
    >>> @given(logits_and_labels())
    ... def test_a_loss_is_not_negative(pair):
    ...     assert np.all(F.softmax_cross_entropy(*pair, reduction="none") >= 0)
    >>> test_a_loss_is_not_negative()
    """
    b, n = draw(batch), draw(classes)
    scores = draw(logits(st.just(b), st.just(n), **how))
    return scores, _labels(draw, b, n, kind, scores.dtype)


def _labels(draw: st.DrawFn, batch: Shape, n: int, kind: Kind | st.SearchStrategy[Kind], dtype: DTypeLike) -> Array:
    chosen = draw(kind) if isinstance(kind, st.SearchStrategy) else kind
    if chosen == "distribution":
        weights = SHARES(draw, (*batch, n))
        return np.asarray(weights / weights.sum(-1, keepdims=True)).astype(dtype)
    indices = integers(0, n - 1)(draw, batch)
    return np.eye(n, dtype=dtype)[indices] if chosen == "one_hot" else indices


@st.composite
def positive_definite(
    draw: st.DrawFn,
    /,
    n: st.SearchStrategy[int] | None = None,
    batch: st.SearchStrategy[Shape] = BATCHES,
    *,
    dtype: DTypeLike | st.SearchStrategy[Any] = np.float64,
    layout: str | st.SearchStrategy[str] | None = None,
    requires_grad: bool = True,
) -> Tensor:
    """Symmetric (of a complex dtype: Hermitian) matrices with positive eigenvalues, of shape ``(*batch, n, n)``.

    They are ``L L^H`` with a lower triangle whose diagonal is between 1/2 and 2 and whose other elements are between
    -1 and 1; each positive definite matrix has such a factor (Cholesky), of some size. The simplest is the identity.

    Parameters
    ----------
    n : strategy of int
        By default from 1 to 3.
    batch : strategy of tuples
        The axes before the last two.
    dtype, layout, requires_grad
        See :func:`tensors`; not half precision, in which the eigenvalues may round to 0.

    Examples
    --------
    >>> from hypothesis import find, settings, strategies as st
    >>> once = settings(derandomize=True, database=None)
    >>> find(positive_definite(st.just(2), st.just(())), lambda a: a[0, 1] != 0, settings=once)
    Tensor([[1., 1.],
            [1., 2.]], dtype=float64, requires_grad=True)
    """
    k = draw(st.integers(1, 3) if n is None else n)
    shape, numbers = (*draw(batch), k, k), np.dtype(drawn(draw, dtype))
    lower: Array = np.tril(BETWEEN(draw, shape), -1) + DIAGONAL(draw, (*shape[:-1], 1)) * np.eye(k)
    if numbers.kind == "c":
        lower = lower + 1j * np.tril(BETWEEN(draw, shape), -1)
    product = lower @ np.conj(lower).swapaxes(-1, -2)
    product = (product + np.conj(product).swapaxes(-1, -2)) / 2  # equal on both sides to the last bit
    where = drawn(draw, layouts() if layout is None else layout)
    tell(product, where)
    return tensor_of(laid_out(product.astype(numbers), where), requires_grad)


@st.composite
def mlps(
    draw: st.DrawFn,
    /,
    *,
    activations: Sequence[str] = SMOOTH,
    max_layers: int = 3,
    max_width: int = 3,
    dtype: DTypeLike = np.float64,
    margin: float = 0.1,
) -> tuple[MLP, Array]:
    """Multilayer perceptrons, and a batch of inputs for each, where no hidden unit is near a kink.

    Parameters
    ----------
    activations : sequence of str
        Names for :class:`tinygrad_np.nn.MLP`; one for each hidden layer is drawn.
    max_layers, max_width : int
        Layers with weights, and units in a layer.
    margin : float
        Where an activation is ``"relu"`` or ``"leaky_relu"``, what it gets is at least so far from 0, for each unit and
        each input: the biases are put into gaps between the sums that the inputs give, so that some units are active
        for some of the inputs only, and nothing is thrown away.

    Returns
    -------
    strategy of (MLP, ndarray)
        The inputs have the shape (examples, inputs). The simplest is one layer from one input to one output.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> once = settings(derandomize=True, database=None)
    >>> model, x = find(mlps(activations=["relu"]), lambda found: len(found[0].layers) > 1, settings=once)
    >>> model, x
    (MLP([1, 1, 1], activation=relu), array([[0.]]))
    """
    sizes = draw(st.lists(st.integers(1, max_width), min_size=2, max_size=max_layers + 1))
    names = [draw(st.sampled_from(list(activations))) for _ in sizes[2:]]
    model = MLP(sizes, names, dtype=dtype, rng=0)
    x = draw(arrays((draw(st.integers(1, 3)), sizes[0]), dtype=dtype, layout="C"))
    hidden = x
    for i, layer in enumerate(model.layers):
        weight = WEIGHTS(draw, (sizes[i], sizes[i + 1])).astype(dtype)
        bias = BETWEEN(draw, (sizes[i + 1],)).astype(dtype)
        sums = hidden @ weight
        if i < len(names) and names[i].endswith("relu"):
            bias = np.array([_between(draw, column, margin) for column in sums.T], dtype)
        layer.weight, layer.bias = Tensor(weight, requires_grad=True), Tensor(bias, requires_grad=True)
        hidden = np.asarray(model.activations[i](sums + bias)) if i < len(names) else hidden
    return model, x


def _between(draw: st.DrawFn, sums: Array, margin: float) -> float:
    """A bias that leaves none of the sums near 0; the simplest leaves all of them above."""
    room = max(1.0, 2 * margin)
    levels = np.sort(np.concatenate([sums.astype(np.float64), [sums.min() - room, sums.max() + room]]))
    wide = np.diff(levels) >= 2 * margin
    return -float(draw(st.sampled_from(((levels[1:] + levels[:-1]) / 2)[wide].tolist())))
