"""Strategies for arrays and Tensors: shapes, dtypes, and what several arguments of one call have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tinygrad_np.graph import leaf
from tinygrad_np.record import wrap
from tinygrad_np.tensor import Tensor
from tinygrad_np.testing.strategies import domains
from tinygrad_np.testing.strategies._hypothesis import currently_in_test_context, hnp, note, st
from tinygrad_np.testing.strategies.domains import Array, Domain, Shape
from tinygrad_np.testing.strategies.layouts import backwards, laid_out, layouts

__all__ = [
    "aliased_tensors", "arrays", "away_from", "broadcastable_tensors", "drawn", "dtypes", "shapes", "tell", "tensor_of",
    "tensors", "well_separated",
]  # fmt: skip

REALS = domains.reals()
QUARTERS = st.integers(0, 3)


@st.composite
def shapes(
    draw: st.DrawFn, /, min_dims: int = 0, max_dims: int = 3, *, min_side: int = 0, max_side: int = 3
) -> tuple[int, ...]:
    """Shapes, of 0-d and empty arrays and of axes of length 1, too; ``()`` is the simplest.

    Those of :func:`hypothesis.extra.numpy.array_shapes`, with the limits that derivatives want: three axes tell all
    permutations apart, and a side of three tells a sum from a mean from a last element. Where an axis may be empty, it
    is so in one shape of four only, and the others have something to say.
    """
    if min_side == 0 and max_side > 0 and draw(QUARTERS) < 3:
        min_side = 1
    return draw(hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side))


def dtypes(half: bool = True, complex_numbers: bool = False) -> st.SearchStrategy[np.dtype[Any]]:
    """Floating-point dtypes: float64, float32 and, with ``half``, float16; and complex128 and complex64."""
    names = ["float64", "float32", *["float16"] * half, *["complex128", "complex64"] * complex_numbers]
    return st.sampled_from([np.dtype(name) for name in names])


@st.composite
def arrays(
    draw: st.DrawFn,
    /,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    *,
    dtype: DTypeLike | st.SearchStrategy[Any] = np.float64,
    domain: Domain = REALS,
    layout: str | st.SearchStrategy[str] | None = None,
) -> Array:
    """NumPy arrays: of any shape, dtype and values, wherever their elements lie in memory.

    Parameters
    ----------
    shape : tuple of int, or a strategy
        By default :func:`shapes`.
    dtype : dtype, or a strategy such as :func:`dtypes`
        What the domain's numbers are converted to. Of a complex dtype, real and imaginary parts are both drawn from the
        domain.
    domain : Domain
        What values there may be: :func:`reals`, :func:`avoiding`, :func:`separated`, ...
    layout : str, or a strategy
        By default :func:`layouts`.

    Returns
    -------
    strategy of ndarray
        It shrinks to the smallest shape, to C order, and each element by itself to the simplest number of the domain.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> once = settings(derandomize=True, database=None)
    >>> find(arrays(), lambda x: x.size > 1 and np.any(x > 0), settings=once)
    array([1., 0.])
    >>> find(arrays((2, 2)), lambda x: x.strides[0] < 0, settings=once).strides
    (-16, -8)
    """
    s = drawn(draw, shapes() if shape is None else shape)
    numbers = np.dtype(drawn(draw, dtype))
    where = drawn(draw, layouts() if layout is None else layout)
    if where == "broadcast":  # draw fewer elements, and stretch an axis of length 1
        axis = draw(st.integers(0, len(s))) - 1  # -1: all of a new axis
        part = tuple(n if i != axis or n == 0 else 1 for i, n in enumerate(s)) if axis >= 0 else ()
        found = np.broadcast_to(_values(draw, domain, part, numbers), s)
    else:
        found = laid_out(_values(draw, domain, s, numbers), where)
    tell(found, where)
    return found


@st.composite
def tensors(
    draw: st.DrawFn,
    /,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    *,
    requires_grad: bool = True,
    **how: Any,
) -> Tensor:
    """Tensors of such arrays, in their very memory.

    Parameters
    ----------
    shape, dtype, domain, layout
        See :func:`arrays`.
    requires_grad : bool
        Whether those of floating-point or complex dtype require a gradient; others cannot.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> once = settings(derandomize=True, database=None)
    >>> find(tensors(), lambda x: x.ndim == 2, settings=once)
    Tensor([[0.]], dtype=float64, requires_grad=True)
    """
    return tensor_of(draw(arrays(shape, **how)), requires_grad)


def away_from(
    points: ArrayLike, gap: float = 0.1, *, low: float = -2.0, high: float = 2.0, **how: Any
) -> st.SearchStrategy[Tensor]:
    """Tensors none of whose elements is near one of the points: away from kinks and poles, by construction.

    Parameters
    ----------
    points, gap, low, high
        See :func:`avoiding`.
    **how
        For :func:`tensors`.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(away_from(0.0, gap=0.25))
    ... def test_absolute(x):
    ...     assert np.all(np.abs(x) >= 0.25)
    >>> test_absolute()
    """
    return tensors(domain=domains.avoiding(points, gap, low, high), **how)


def well_separated(gap: float = 0.1, **how: Any) -> st.SearchStrategy[Tensor]:
    """Tensors no two elements of which are nearer than ``gap``: sorting, max and median are smooth there.

    Parameters
    ----------
    gap : float
        In the units of float64; float16 rounds it.
    **how
        For :func:`tensors`.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> once = settings(derandomize=True, database=None)
    >>> find(well_separated(0.5, shape=(3,)), lambda x: x[0] > x[1], settings=once)
    Tensor([ 1., -1.,  0.], dtype=float64, requires_grad=True)
    """
    return tensors(domain=domains.separated(gap), **how)


@st.composite
def broadcastable_tensors(
    draw: st.DrawFn,
    /,
    count: int = 2,
    *,
    min_dims: int = 0,
    max_dims: int = 3,
    min_side: int = 0,
    max_side: int = 3,
    domain: Domain | Sequence[Domain] = REALS,
    **how: Any,
) -> tuple[Tensor, ...]:
    """Tensors of shapes that broadcast against each other.

    Parameters
    ----------
    count : int
        How many.
    min_dims, max_dims, min_side, max_side : int
        For :func:`hypothesis.extra.numpy.mutually_broadcastable_shapes`.
    domain : Domain, or one for each
        See :func:`arrays`.
    **how
        For :func:`tensors`.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> once = settings(derandomize=True, database=None)
    >>> find(broadcastable_tensors(2), lambda xy: xy[0].size < xy[1].size, settings=once)
    (Tensor([], dtype=float64, requires_grad=True), Tensor(0., dtype=float64, requires_grad=True))
    """
    several = domain if isinstance(domain, Sequence) else (domain,) * count
    limits: dict[str, Any] = {"min_dims": min_dims, "max_dims": max_dims, "min_side": min_side, "max_side": max_side}
    found = draw(hnp.mutually_broadcastable_shapes(num_shapes=count, **limits)).input_shapes
    return tuple(draw(tensors(s, domain=d, **how)) for s, d in zip(found, several, strict=True))


@st.composite
def aliased_tensors(draw: st.DrawFn, /, count: int = 2, **how: Any) -> tuple[Tensor, ...]:
    """Tensors of one memory: the same one several times, as in ``f(x, x)``, other Tensors of its array, views of it.

    What is written into one of them is seen in the others, and each share of a cotangent has to arrive.

    Parameters
    ----------
    count : int
        How many.
    **how
        For :func:`tensors`.

    Examples
    --------
    >>> from hypothesis import find, settings
    >>> once = settings(derandomize=True, database=None)
    >>> x, y = find(aliased_tensors(shape=(2,)), lambda xy: xy[0] is not xy[1], settings=once)
    >>> np.shares_memory(x.detach().numpy(), y.detach().numpy())
    True
    """
    first = draw(tensors(**how))
    array = first._data
    kinds = {
        "same": lambda: first,
        "alike": lambda: tensor_of(array[...], first.requires_grad),
        "view": lambda: tensor_of(backwards(array), first.requires_grad),
    }
    return (first, *(kinds[draw(st.sampled_from(list(kinds)))]() for _ in range(count - 1)))


def tell(array: Array, layout: str) -> None:
    """Add a line on the memory layout to the report of a failing test: the repr of an array says nothing of it."""
    if layout != "C" and currently_in_test_context():
        note(f"an array of shape {array.shape} lies in memory as: {layout}")


def drawn(draw: st.DrawFn, what: Any) -> Any:
    return draw(what) if isinstance(what, st.SearchStrategy) else what


def _values(draw: st.DrawFn, domain: Domain, shape: Shape, dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "c":
        return np.asarray(domain(draw, shape) + 1j * domain(draw, shape)).astype(dtype)
    return np.asarray(domain(draw, shape)).astype(dtype)


def tensor_of(array: Array, requires_grad: bool = True) -> Tensor:
    """Return a Tensor of this very memory, whatever its layout; ``Tensor(array)`` makes a compact copy.

    Examples
    --------
    >>> x = np.arange(3.0)
    >>> np.shares_memory(tensor_of(x[::-1]).detach().numpy(), x)
    True
    """
    return wrap(array, leaf(array, requires_grad and array.dtype.kind in "fc"))
