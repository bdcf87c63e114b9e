"""``draw``: a picture of how a tensor was computed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tinygrad_np._extras import require
from tinygrad_np._files import atomic_write
from tinygrad_np.draw.dot import Direction, to_dot
from tinygrad_np.draw.outline import Outline, outline
from tinygrad_np.graph import Node
from tinygrad_np.tensor import Tensor

__all__ = ["Drawing", "draw"]

_RENDERED = ("svg", "png", "pdf")
_DPI = 144  # twice what Graphviz assumes: sharp on today's screens


class Drawing:
    """A picture of a computation graph. It shows itself in Jupyter; see :func:`draw`.

    Attributes
    ----------
    outline : Outline
        The boxes and arrows, as plain data.
    direction : str
        Which way time runs: ``"TB"``, from top to bottom, or ``"LR"``, from left to right.
    """

    def __init__(self, outline: Outline, direction: Direction = "TB") -> None:
        if direction not in ("LR", "TB"):
            raise ValueError(f"direction is 'TB' (top to bottom) or 'LR' (left to right), not {direction!r}")
        self.outline = outline
        self.direction: Direction = direction

    @property
    def source(self) -> str:
        """The picture in DOT, the language of Graphviz. The same graph gives the same text."""
        return to_dot(self.outline, self.direction)

    def render(self, format: str = "svg") -> bytes:  # noqa: A002 - Graphviz's name for it
        """Return the picture as the bytes of an ``"svg"``, ``"png"`` or ``"pdf"`` file.

        Raises
        ------
        ValueError
            If the format is another one.
        ImportError
            If the package ``graphviz`` is missing.
        RuntimeError
            If the program ``dot`` is missing, or fails.
        """
        if format not in _RENDERED:
            raise ValueError(f"cannot draw {format!r}; there are: dot, {', '.join(_RENDERED)}")
        graphviz = require("graphviz", "draw")
        source = to_dot(self.outline, self.direction, _DPI if format == "png" else None)
        try:
            return graphviz.pipe("dot", format, source.encode(), quiet=True)  # type: ignore[no-any-return]
        except graphviz.ExecutableNotFound:
            raise RuntimeError(
                f"a {format} is drawn by Graphviz, whose program 'dot' is not on the PATH: install it with "
                f"'apt install graphviz', 'brew install graphviz', 'conda install graphviz' or from "
                f"https://graphviz.org/download, or save the drawing as .dot, which needs nothing"
            ) from None
        except graphviz.CalledProcessError as error:
            message = (error.stderr or b"").decode(errors="replace").strip()
            raise RuntimeError(f"Graphviz could not draw this {format}: {message or error}") from None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, whole or not at all. The suffix of its name says how.

        Parameters
        ----------
        path : path_like
            Ends in ``.dot`` or ``.gv`` (which needs nothing), or in ``.svg``, ``.png`` or ``.pdf`` (which
            needs Graphviz).

        Returns
        -------
        Path
            Where it is.

        Raises
        ------
        ValueError
            If the suffix is another one.
        ImportError, RuntimeError
            If Graphviz is missing: see :meth:`render`.
        OSError
            If the file cannot be written.
        """
        path = Path(path)
        suffix = path.suffix.lower().removeprefix(".")
        if suffix not in ("dot", "gv", *_RENDERED):
            raise ValueError(
                f"the suffix of {path.name!r} does not say what to write: "
                f"use one of .dot, .gv, .{', .'.join(_RENDERED)}"
            )
        content = self.source.encode() if suffix in ("dot", "gv") else self.render(suffix)
        with atomic_write(path) as file:
            file.write(content)
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What Jupyter shows: the picture or, without Graphviz, what to do about it."""
        try:
            return {"text/plain": repr(self), "image/svg+xml": self.render("svg").decode()}
        except (ImportError, RuntimeError) as error:
            return {"text/plain": f"{self!r}\n{error}"}

    def __repr__(self) -> str:
        kinds = Counter(box.kind for box in self.outline.boxes)
        kinds["operation"] += kinds.pop("result", 0)
        parts = [f"{n} {kind}{'s' * (n != 1)}" for kind, n in sorted(kinds.items()) if kind != "folded"]
        parts += [box.title for box in self.outline.boxes if box.kind == "folded"]
        return f"<Drawing of {', '.join(parts)}: .save('graph.svg') or .source>"


def draw(
    result: Tensor | Node,
    *,
    names: Mapping[str, Tensor | Node] | None = None,
    direction: Direction = "TB",
    max_nodes: int = 200,
    mark: Iterable[Tensor | Node] = (),
) -> Drawing:
    """Draw how ``result`` was computed.

    Parameters
    ----------
    result : Tensor or Node
        A loss, say. It is highlighted, and all that it depends on is drawn.
    names : mapping of str to Tensor, optional
        What to call tensors that have no name of their own, or another one, such as
        ``dict(model.named_parameters())``.
    direction : {"TB", "LR"}
        Time runs from top to bottom, or from left to right.
    max_nodes : int
        The operations computed last are drawn, with their operands, up to this many boxes; all that is older
        is folded into one box that says how much it stands for.
    mark : iterable of Tensor or Node
        Operations to point at, in red.

    Returns
    -------
    Drawing
        With ``.save("graph.svg")`` (also ``.png``, ``.pdf``, ``.dot``) and ``.source``.

    Raises
    ------
    TypeError
        If ``result``, or something in ``names``, is neither a Tensor nor a Node.
    ValueError
        If ``max_nodes`` is less than 1, or ``direction`` unknown.

    Examples
    --------
    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> draw(w * 3)
    <Drawing of 1 constant, 1 operation, 1 parameter: .save('graph.svg') or .source>
    """
    if max_nodes < 1:
        raise ValueError(f"max_nodes is at least 1, not {max_nodes}")
    called = {_node(tensor, f"names[{name!r}]"): name for name, tensor in (names or {}).items()}
    marked = {_node(tensor, "mark") for tensor in mark}
    return Drawing(outline(_node(result, "result"), called, max_nodes, marked), direction)


def _node(tensor: Any, what: str) -> Node:
    if isinstance(tensor, Node):
        return tensor
    if isinstance(tensor, Tensor):
        return tensor.node
    raise TypeError(f"draw: {what} is a Tensor or a Node, not {type(tensor).__name__}")
