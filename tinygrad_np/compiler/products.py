"""Matrix products in parts, each of them small enough for BLAS to multiply the arrays as they lie.

OpenBLAS copies the operands of a large product into an order of its own. A product with a short side does not repay
that: 209 x 12288 times 12288 x 20 takes half the time in parts that need no copies, 64 x 784 times 784 x 128 four
fifths. Up to where, and where products are left whole, was measured; it depends on shapes only, so that results
are the same bits in each run.

With two threads, OpenBLAS gains nearly half of the time of wide products, and these are left to it. The parts of
thin ones are shared among two threads of our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygrad_np.compiler.blas import Blas
from tinygrad_np.compiler.kinds import is_contraction
from tinygrad_np.compiler.memory import Memory
from tinygrad_np.compiler.packing import Block
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.source import Source
from tinygrad_np.compiler.views import seen

__all__ = ["Parts", "lengths", "planned", "write"]

_ROWS = 8  # of the result: with fewer at a time, the second operand is read too often
_COLUMNS = 32
_SUMMED = 96  # terms of a sum per part: with fewer, the sums of the parts take longer than the parts
_THIN = 32  # rows or columns
_PAGES = 1 << 11  # a few rows of an operand that stands upright touch as many pages as it has columns
_WORTH_A_THREAD = 1 << 23  # multiplications: less is done before the other thread is awake
_ROOM = 1 << 17  # bytes for the sums of some parts, before they are added up
_CACHED = 1 << 18  # elements of a second operand that stays in the second-level cache


@dataclass(frozen=True, slots=True)
class Parts:
    """How a product is cut: into so many rows and columns of the result, or into sums of so many terms.

    Attributes
    ----------
    rows, columns, terms : int
        At least one of them is as many as there are.
    threads : int
        How many compute the parts.
    room : int
        How many sums of parts there is memory for at a time ...
    sums : Block or None
        ... in this block: and, for each thread, for the sum of all.
    """

    rows: int
    columns: int
    terms: int
    threads: int
    room: int = 0
    sums: Block | None = None


def lengths(m: int, k: int, n: int, small: int) -> tuple[int, int, int] | None:
    """Return rows, columns, terms of the parts of a product m x k times k x n; None, if it is better whole.

    Parts have up to ``small`` multiplications.

    Examples
    --------
    >>> lengths(64, 784, 128, 10**6), lengths(209, 12288, 20, 10**6), lengths(512, 784, 256, 10**6)
    ((8, 128, 784), (209, 20, 192), (32, 32, 784))
    """
    if min(m, n) < 2 or m * k * n <= small:
        return None
    if (most := small // (k * n)) >= _ROWS:
        return _even(m, most, 6), n, k
    if (most := small // (m * n)) >= _SUMMED:
        return (m, n, _even(k, most, 16)) if k >= 2 * most else None
    if n % _COLUMNS == 0 and k * n <= _CACHED and (most := small // (k * _COLUMNS)) >= _ROWS:
        return _even(m, most, 6), _COLUMNS, k
    return None


def _even(length: int, most: int, step: int) -> int:
    """A length for parts: a divisor that is not much shorter than the longest, if possible of whole cache lines."""
    for unit in (16, 2):
        divisors = [n for n in range(unit, most + 1, unit) if n >= 2 * most // 5 and length % n == 0]
        if divisors:
            return divisors[-1]
    return most - most % (16 if most >= 32 else step)


def planned(step: Value, index: int, memory: Memory, blas: Blas, threads: int) -> Parts | None:
    """Decide whether, and how, the step of an item is cut; allocate what it needs for its time."""
    if not is_contraction(step) or step not in memory.place or any(len(arg.shape) != 2 for arg in step.args):
        return None
    a, b = step.args
    if not a.dtype == b.dtype == step.dtype or step.dtype.char not in "fd":
        return None
    if seen(a) is seen(b) or memory.stands_upright(b):  # these products have ways of their own in BLAS
        return None
    (m, k), n = a.shape, step.shape[1]
    if memory.stands_upright(a) and k > _PAGES:
        return None
    found = lengths(m, k, n, blas.small)
    if found is None or (blas.threads > 1 and min(m, n) > _THIN):
        return None
    used = min(threads, blas.threads) if m * k * n >= _WORTH_A_THREAD else 1
    if found[2] == k:
        return Parts(*found, used)
    nbytes = m * n * step.dtype.itemsize
    room = max(1, min(_ROOM // nbytes, -(-k // found[2] // used)))
    return Parts(*found, used, room, memory.temporary(used * (1 + room) * nbytes, index))


def write(source: Source, step: Value, parts: Parts) -> None:
    """Add the lines."""
    (_, k), n = step.args[0].shape, step.shape[1]
    (_by_terms if parts.terms < k else _by_columns if parts.columns < n else _by_rows)(source, step, parts)


def _by_rows(source: Source, step: Value, parts: Parts) -> None:
    a, b = step.args
    (m, k), n, rows = a.shape, step.shape[1], parts.rows
    full = m // rows * rows
    these = "" if full == m else f"[:{full}]"
    x = _text(source, a, f"{{}}{these}.reshape({m // rows}, {rows}, {k})")
    out = _text(source, step, f"{{}}{these}.reshape({m // rows}, {rows}, {n})")
    _multiply(source, parts, x, source.name(b), out, f"{step.shape}, {rows} rows each")
    _rest_of_rows(source, step, full)


def _by_columns(source: Source, step: Value, parts: Parts) -> None:
    a, b = step.args
    (m, k), n, rows, columns = a.shape, step.shape[1], parts.rows, parts.columns
    full = m // rows * rows
    these = "" if full == m else f"[:{full}]"
    x = _text(source, a, f"{{}}{these}.reshape({m // rows}, {rows}, {k})")
    y = _text(source, b, f"{{}}.reshape({k}, {n // columns}, 1, {columns}).transpose(1, 2, 0, 3)")
    out = _text(
        source, step, f"{{}}{these}.reshape({m // rows}, {rows}, {n // columns}, {columns}).transpose(2, 0, 1, 3)"
    )
    _multiply(source, parts, x, y, out, f"{step.shape}, {rows} x {columns} each")
    _rest_of_rows(source, step, full)


def _rest_of_rows(source: Source, step: Value, full: int) -> None:
    a, b = step.args
    if full < step.shape[0]:
        x, out = _text(source, a, f"{{}}[{full}:]"), _text(source, step, f"{{}}[{full}:]")
        source.body.append(f"{source.function(np.dot)}({x}, {source.name(b)}, {out})")


def _by_terms(source: Source, step: Value, parts: Parts) -> None:
    a, b = step.args
    (m, k), n, terms, block = a.shape, step.shape[1], parts.terms, parts.sums
    assert block is not None
    full, shape = k // terms * terms, (parts.threads, 1 + parts.room, m, n)
    sums = source.once("sums", f"array(arena, {block.offset}, {shape}, {step.dtype.name!r})")
    x = _text(source, a, f"{{}}[:, :{full}].reshape({m}, {k // terms}, {terms}).transpose(1, 0, 2)")
    y = _text(source, b, f"{{}}[:{full}].reshape({k // terms}, {terms}, {n})")
    out = source.name(step)
    source.body.append(f"total({x}, {y}, {sums}, {out})  # {step.shape}, {terms} terms each")
    if full < k:
        x, y = _text(source, a, f"{{}}[:, {full}:]"), _text(source, b, f"{{}}[{full}:]")
        rest = source.once(f"{sums}_rest", f"{sums}[0, 1]")
        source.body.append(f"{source.function(np.dot)}({x}, {y}, {rest})")
        source.body.append(f"{source.function(np.add)}({out}, {rest}, {out})")


def _multiply(source: Source, parts: Parts, x: str, y: str, out: str, comment: str) -> None:
    function = "by_two" if parts.threads > 1 else source.function(np.matmul)
    source.body.append(f"{function}({x}, {y}, {out})  # {comment}")


def _text(source: Source, value: Value, text: str) -> str:
    """A view of a value, which is made once where that is the same array in each run."""
    name = source.name(value)
    text = text.format(name)
    if value in source.memory.fixed or value.array is not None:
        return source.once(f"{name}_parts", text, value)
    return text
