"""``summary``: the layers of a model as a table, with what each of them computes, holds and keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_np.draw.words import size_of
from tinygrad_np.grad_mode import enable_grad, observed_by
from tinygrad_np.graph import Node
from tinygrad_np.nn.module import Module, call_watcher
from tinygrad_np.tensor import Tensor
from tinygrad_np.tree import flatten

__all__ = ["Row", "Summary", "summary"]


@dataclass(eq=False)
class Row:
    """One call of a module.

    Attributes
    ----------
    path : str
        To the module, from the model, which is "".
    kind : str
        The name of its class.
    depth : int
        How many calls it is within.
    shape : tuple of int, or None
        Of its result; ``None`` if it has several, or failed.
    parameters : int
        Numbers in the parameters that no earlier row has counted, those of modules inside included.
    multiply_adds : int
        Of all matrix products in it.
    result_bytes : int
        Of the results of all operations in it: what the forward pass allocates.
    saved_bytes : int
        Of the arrays kept for the backward pass, without parameters, each counted once.
    """

    path: str
    kind: str
    depth: int
    shape: tuple[int, ...] | None = None
    parameters: int = 0
    multiply_adds: int = 0
    result_bytes: int = 0
    saved_bytes: int = 0


@dataclass(eq=False)
class Summary:
    """The calls of modules, in the order in which they began; it prints as a table, where what repeats is there once.

    Attributes
    ----------
    rows : list of Row
        The first is the model itself, and has the sums.
    error : Exception or None
        What stopped the model; the last row is then the layer that failed.
    """

    rows: list[Row]
    error: Exception | None = None

    def __str__(self) -> str:
        head = ("layer", "output", "parameters", "multiply-adds", "forward", "kept for backward")
        lines: list[tuple[str, ...]] = [head]
        within: list[str] = []  # the paths of the modules around
        for row, times in self._folded():
            del within[row.depth :]
            name = row.path.removeprefix(f"{within[-1]}." if within and within[-1] else "")
            within.append(row.path)
            label = (
                "  " * row.depth + (f"{name}: {row.kind}" if name else row.kind) + (f" ×{times}" if times > 1 else "")
            )
            shape = "?" if row.shape is None else "x".join(map(str, row.shape)) or "scalar"
            counts = (f"{n:,}" for n in (row.parameters, row.multiply_adds))
            lines.append((label, shape, *counts, size_of(row.result_bytes), size_of(row.saved_bytes)))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = [
            "  ".join([cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))])
            for cells in lines
        ]
        aligned.insert(1, "-" * len(aligned[0]))
        if self.error is not None:
            failed = self.rows[-1]
            aligned.append(f"failed in {failed.path or failed.kind}: {type(self.error).__name__}: {self.error}")
        return "\n".join(aligned)

    __repr__ = __str__

    def _folded(self) -> Iterator[tuple[Row, int]]:
        """The rows to print, and how often each is there: three or more alike in a row are printed once."""
        rows, i = self.rows, 0
        jumps: dict[int, int] = {}  # where copies begin -> where they end
        while i < len(rows):
            if i in jumps:
                i = jumps.pop(i)
                continue
            size = next((n for n, row in enumerate(rows[i + 1 :], 1) if row.depth <= rows[i].depth), len(rows) - i)
            alike, times = _content(rows[i : i + size]), 1
            while _content(rows[i + times * size : i + (times + 1) * size]) == alike:
                times += 1
            if times >= 3:
                jumps[i + size] = i + times * size
            yield rows[i], times if times >= 3 else 1
            i += 1


def _content(rows: list[Row]) -> list[Any]:
    """What a call and those within are, but for the path to it."""
    return [
        (row.path.removeprefix(rows[0].path), row.kind, row.depth, row.shape, row.parameters, row.multiply_adds,
         row.result_bytes, row.saved_bytes)
        for row in rows
    ]  # fmt: skip


def summary(model: Module, *inputs: Any) -> Summary:
    """Call ``model`` and return what each of its modules did.

    Parameters
    ----------
    model : Module
    *inputs
        What to call it with: an example batch.

    Returns
    -------
    Summary
        If the model raises, the rows go up to the layer that failed, and ``.error`` is what it raised.

    Examples
    --------
    >>> from tinygrad_np import nn
    >>> summary(nn.MLP([784, 128, 10], rng=0), np.zeros((32, 784), np.float32))
    layer               output  parameters  multiply-adds   forward  kept for backward
    ----------------------------------------------------------------------------------
    MLP                  32x10     101,770      3,252,224  33.2 KiB          114.0 KiB
      layers.0: Linear  32x128     100,480      3,211,264  16.0 KiB           98.0 KiB
      layers.1: Linear   32x10       1,290         40,960   1.2 KiB           16.0 KiB
    """
    paths = {id(module): path for path, module in model.named_modules()}
    parameters = {id(p._data) for p in model.parameters()}
    counted: set[int] = set()
    rows: list[Row] = []
    within: list[tuple[Row, set[int]]] = []  # the calls that have not ended, and what is kept for each

    def begin(module: Module) -> Callable[[Any], None]:
        row = Row(paths.get(id(module), ""), type(module).__name__, len(within))
        fresh = [p for p in module.parameters() if id(p) not in counted]
        row.parameters = sum(p.size for p in fresh)
        if len({id(child) for child in module.modules()}) == 1:  # modules around it have counted them with theirs
            counted.update(map(id, fresh))
        rows.append(row)
        within.append((row, set()))

        def done(result: Any) -> None:
            within.pop()
            tensors = [leaf for leaf in flatten(result)[0] if isinstance(leaf, Tensor)]
            row.shape = tensors[0].shape if len(tensors) == 1 else None

        return done

    def operation(primitive: Any, operands: Any, metadata: Any, out: Any, node: Node | None) -> None:
        results = out if isinstance(out, tuple) else (out,)
        kept = {id(a): a.nbytes for a in _arrays(node.saved or ())} if node is not None else {}
        for row, known in within:
            row.multiply_adds += _multiply_adds(primitive, operands, metadata, results[0])
            row.result_bytes += sum(o.nbytes for o in results if o.base is None)
            row.saved_bytes += sum(n for key, n in kept.items() if key not in known and key not in parameters)
            known.update(kept)

    token = call_watcher.set(begin)
    try:
        with enable_grad(), observed_by(operation):
            _result = model(*inputs)  # alive until the end, so that no id occurs twice
    except Exception as error:  # whatever a model raises is what its user wants to understand
        return Summary(rows, error)
    finally:
        call_watcher.reset(token)
    return Summary(rows)


def _arrays(saved: Any) -> Iterator[Any]:
    for a in saved:
        if isinstance(a, tuple):
            yield from _arrays(a)
        elif isinstance(a, np.ndarray):
            yield a


def _multiply_adds(primitive: Any, operands: Any, metadata: Any, out: Any) -> int:
    """Of the products of arrays: elements of the result, times the length of the sum that each of them is."""
    match getattr(primitive, "name", ""):
        case "linear" | "matmul" | "dot" | "vecdot" | "inner":
            return int(out.size) * int(np.shape(operands[0])[-1])
        case "tensordot":  # the sizes are (n k), (k m) and (n m)
            return math.isqrt(np.size(operands[0]) * np.size(operands[1]) * out.size)
        case "convolve":
            return int(np.size(operands[0]) * np.size(operands[1]))
        case "einsum" if len(operands) > 1 and "." not in metadata["subscripts"]:  # one for each value of all indices
            lengths: dict[str, int] = {}
            for term, operand in zip(metadata["subscripts"].split("->")[0].split(","), operands, strict=True):
                lengths.update(zip(term, operand.shape, strict=True))
            return math.prod(lengths.values())
    return 0
