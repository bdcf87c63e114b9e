"""Small products of matrices as loops that LLVM turns into vector instructions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tinygrad_np.compiler.layouts import Layouts
from tinygrad_np.compiler.program import Value
from tinygrad_np.compiler.rewriting import size

__all__ = ["Product"]

_AT_ONCE = 16  # terms that are added before a sum goes back to memory
_FEW = 4  # results: each is a sum of its own

#: ``element(value, strides, variables, offset)`` is the text of an element.
Element = Callable[[Value, Sequence[int], Sequence[str], int], str]


class Product:
    """``c[i, j] = sum of a[i, k] b[k, j]``, where the innermost loop goes along j, or else along k.

    Parameters
    ----------
    step : Value
        The product of two matrices, a matrix and a vector, or two vectors.
    layouts : Layouts

    Attributes
    ----------
    turned : int
        Elements of the memory in which ``b`` is to be put first, row by row; 0, if that does not help.
    """

    def __init__(self, step: Value, layouts: Layouts) -> None:
        self.a, self.b = step.args
        self.step, self.dtype = step, step.dtype.name
        rows, columns = len(self.a.shape) == 2, len(self.b.shape) == 2
        of_a, of_b, of_c = (layouts[value].strides for value in (self.a, self.b, step))
        self.m, self.n, self.k = self.a.shape[0] if rows else 1, self.b.shape[-1] if columns else 1, self.a.shape[-1]
        self.by_a = (of_a[0] if self.m > 1 else 0, of_a[-1] if self.k > 1 else 0)
        self.by_b = (of_b[0] if self.k > 1 else 0, of_b[-1] if self.n > 1 else 0)
        self.by_c = (of_c[0] if self.m > 1 else 0, of_c[-1] if self.n > 1 else 0)
        self.number = layouts[self.a].number is not None, layouts[self.b].number is not None
        along_j = self.n > 1 and self.by_c[1] == 1 and self.by_b[1] in (0, 1)
        along_i = self.m > 1 and self.by_c[0] == 1 and self.by_a[0] in (0, 1)
        self.dot = not along_i and not along_j and (min(self.m, self.n) == 1 or size(step) <= _FEW)
        if (along_i and not (along_j and self.n >= self.m)) or (not along_j and self.by_c[1] != 1):
            self._transpose()
        self.turned = 0 if along_i or along_j or self.dot else self.k * self.n

    def _transpose(self) -> None:
        """``c.T = b.T @ a.T``."""
        self.a, self.b, self.m, self.n = self.b, self.a, self.n, self.m
        self.by_a, self.by_b, self.by_c = self.by_b[::-1], self.by_a[::-1], self.by_c[::-1]
        self.number = self.number[::-1]

    def lines(self, element: Element, turned: str) -> list[str]:
        """Return the text; ``turned`` is the name of the memory for ``b``."""
        if self.dot:
            return self._sums(element)
        lines: list[str] = []
        by_b = self.by_b
        if turned:
            by_b = (self.n, 1)
            copied = f"{turned}[{self.n} * k + j] = {element(self.b, self.by_b, 'kj', 0)}"
            lines += [f"for j in range({self.n}):", f"    for k in range({self.k}):", f"        {copied}"]

        def of_b(k: str, shift: int) -> str:
            if turned:
                return f"{turned}[{f'{self.n} * k + ' * bool(k)}j + {self.n * shift}]"
            return element(self.b, by_b if k else by_b[1:], [k, "j"] if k else ["j"], by_b[0] * shift)

        c = element(self.step, self.by_c, "ij", 0)
        whole = self.k // _AT_ONCE * _AT_ONCE
        if self.k <= _AT_ONCE * 3 // 2:
            inner = self._row(element, of_b, c, "=", "", range(self.k))
        else:
            inner = [f"for j in range({self.n}):", f"    {c} = np.{self.dtype}(0)"]
            inner.append(f"for k in range(0, {whole}, {_AT_ONCE}):")
            inner += _indented(self._row(element, of_b, c, "+=", "k", range(_AT_ONCE)))
            if whole < self.k:
                inner += self._row(element, of_b, c, "+=", "", range(whole, self.k))
        return [*lines, *_loop("i", self.m, inner)]

    def _row(
        self, element: Element, of_b: Callable[[str, int], str], c: str, sign: str, k: str, shifts: range
    ) -> list[str]:
        """Some terms of the sums of a row."""
        by_a = self.by_a if k else self.by_a[:1]
        factors = [element(self.a, by_a, ["i", k] if k else ["i"], self.by_a[1] * shift) for shift in shifts]
        if self.number[0]:
            once = f"{factors[0]} * " if "(1.0)" not in factors[0] else ""
            terms, lines = [f"{once}{of_b(k, shift)}" for shift in shifts], []
        else:
            names = [f"a{shift}" for shift in shifts]
            terms = [f"{name} * {of_b(k, shift)}" for name, shift in zip(names, shifts, strict=True)]
            lines = [f"{name} = {factor}" for name, factor in zip(names, factors, strict=True)]
        body = [f"s = {terms[0]}", *(f"s += {term}" for term in terms[1:]), f"{c} {sign} s"]
        return [*lines, *_loop("j", self.n, body)]

    def _sums(self, element: Element) -> list[str]:
        """Each result as a sum of its own, in some order."""
        a, b = element(self.a, self.by_a, "ik", 0), element(self.b, self.by_b, "kj", 0)
        c = element(self.step, self.by_c, "ij", 0)
        term = f"s = plus(s, {a} * {b})"
        inner = [f"s = np.{self.dtype}(0)", *_loop("k", self.k, [term]), f"{c} = s"]
        return _loop("i", self.m, _loop("j", self.n, inner))


def _loop(variable: str, n: int, body: list[str]) -> list[str]:
    return [f"for {variable} in range({n}):", *_indented(body)] if n > 1 else body


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
