"""Operations with several results.

Such an operation is recorded as one node without a shape, whose value is the tuple of its results, and one ``part``
node for each of them. The cotangent of the tuple is a tuple of cotangents; ``None`` stands for zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_np.primitives import primitive


class Parts(tuple[Any, ...]):
    """The cotangents of several results. Adding two of them adds them one by one.

    Examples
    --------
    >>> Parts([1.0, None, 2.0]) + Parts([None, None, 3.0])
    (1.0, None, 5.0)
    """

    __slots__ = ()
    shape = dtype = None  # as of the node that they belong to

    @property
    def base(self) -> Parts:
        """Never to be added to in place."""
        return self

    def __add__(self, other: Any) -> Parts:
        return Parts(a if b is None else b if a is None else a + b for a, b in zip(self, other, strict=True))

    def filled(self, out: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return them with zeros, of the shapes of ``out``, in place of what nobody asked for."""
        return tuple(np.zeros_like(o) if g is None else g for g, o in zip(self, out, strict=True))


@primitive(whole=lambda g, index, count: Parts(g if i == index else None for i in range(count)))
def part(whole: Any, *, index: int, count: int) -> Any:
    """One of several results."""
    return whole[index]
