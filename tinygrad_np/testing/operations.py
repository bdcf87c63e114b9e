"""``check_primitive``: does an operation do what the engine expects of it, and is its derivative right?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_np.tensor import Tensor
from tinygrad_np.testing.differences import differences
from tinygrad_np.transforms import vjp
from tinygrad_np.tree import flatten

__all__ = ["check_primitive"]

Array = Any


def check_primitive(op: Callable[..., Any], *inputs: Any, order: int = 2, rng: Any = 0, **options: Any) -> None:
    """Test an operation at one place: its value, its first and second derivative, shapes and dtypes.

    Parameters
    ----------
    op : callable
        ``op(*inputs, **options)``: a primitive, a :class:`tinygrad_np.custom_vjp`, or any function of NumPy operations.
    *inputs
        Arrays, away from kinks and poles by more than 1/100 or so. Those of floating-point or complex dtype are
        differentiated, in double precision; all others are passed on.
    order : {1, 2}
        Whether the derivative is itself differentiated.
    rng : Generator or int
        Draws the cotangents.
    **options
        Passed on to ``op``.

    Raises
    ------
    AssertionError
        Naming what is wrong: the argument, the element, the two values.

    Notes
    -----
    The expected derivatives are central differences with steps h, h/2, h/4, extrapolated to h = 0 (Richardson), and
    the pairing of a random cotangent ``c`` with the result is what is differentiated: ``Re sum(c op(x))``. An argument
    whose rule is ``None`` must have no influence.

    Examples
    --------
    >>> from tinygrad_np import primitive
    >>> @primitive(x=lambda g, x: g * 3 * x)
    ... def cube(x):
    ...     return x * x * x
    >>> check_primitive(cube, [1.0, 2.0])
    Traceback (most recent call last):
    ...
    AssertionError: cube, first derivative: argument 0 'x' is wrong at [1]: 3.12292 instead of 6.24584 (ratio 0.5)
    """
    _Check(op, inputs, options, np.random.default_rng(rng)).run(order)


class _Check:
    def __init__(self, op: Any, inputs: Sequence[Any], options: dict[str, Any], rng: np.random.Generator) -> None:
        self.op, self.options, self.rng = op, options, rng
        self.name = getattr(op, "__name__", None) or repr(op)
        self.inputs = [_double(x) for x in inputs]
        self.wrt = [i for i, x in enumerate(self.inputs) if isinstance(x, np.ndarray) and x.dtype.kind in "fc"]
        self.at = [self.inputs[i] for i in self.wrt]
        assert self.wrt, f"{self.name}: no input is of floating-point dtype, so there is nothing to differentiate by"
        self.outs = self.value(self.at)
        assert self.outs, f"{self.name}: no result is of floating-point dtype, so there is nothing to differentiate"
        self.cotangents = [self.random(out) for out in self.outs]

    def run(self, order: int) -> None:
        """All tests, the plainest first."""
        self.check_value()
        gradients = self.gradients(self.at, self.cotangents)
        self.check_gradients(gradients)
        self.check_linearity(gradients)
        self.check_single_precision(gradients)
        if order > 1:
            self.check_second_derivative()

    # --- tools
    def random(self, like: Array) -> Array:
        """Numbers of both signs of which none is near 0."""

        def draw() -> Array:
            return self.rng.choice([-1.0, 1.0], like.shape) * self.rng.uniform(0.5, 1, like.shape)

        return np.asarray(draw() + 1j * draw() if like.dtype.kind == "c" else draw())

    def label(self, i: int) -> str:
        """Which argument; behind them come the cotangents."""
        if i >= len(self.wrt):
            return f"the cotangent of result {i - len(self.wrt)}"
        names = getattr(self.op, "arguments", ())
        name = f" {names[min(self.wrt[i], len(names) - 1)]!r}" if names else ""
        return f"argument {self.wrt[i]}{name}"

    def call(self, variables: Sequence[Any]) -> list[Any]:
        """Call the operation with other differentiable arguments; its numerical results."""
        arguments = list(self.inputs)
        for i, x in zip(self.wrt, variables, strict=True):
            arguments[i] = x
        leaves, _ = flatten(self.op(*arguments, **self.options))
        return leaves

    def value(self, variables: Sequence[Array]) -> list[Array]:
        """The differentiable results, of plain arrays."""
        outs = [_array(out) for out in self.call([x.copy() for x in variables])]
        return [out for out in outs if out.dtype.kind in "fc"]

    def on_tensors(self, *variables: Any) -> list[Any]:
        """The differentiable results, of Tensors."""
        return [out for out in self.call(variables) if isinstance(out, Tensor) and out.dtype.kind in "fc"]

    def gradients(self, at: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """The vector-Jacobian product by the rules under test."""
        _, pullback = vjp(self.on_tensors, *at)
        return list(pullback(list(cotangents)))

    def differences(self, function: Callable[..., float], variables: Sequence[Array]) -> list[Array]:
        """The expected gradient of a real function by each of its variables."""

        def alone(i: int) -> Callable[[Array], float]:
            return lambda x: function(*variables[:i], x, *variables[i + 1 :])

        return [differences(alone(i), x, self.name) for i, x in enumerate(variables)]

    def compare(self, what: str, found: Sequence[Any], expected: Sequence[Array], tolerance: float) -> None:
        """Complain of the worst element."""
        for i, (f, e) in enumerate(zip(found, expected, strict=True)):
            f = _array(f)
            label = self.label(i)
            assert f.shape == e.shape, f"{self.name}, {what}: {label} has shape {e.shape}, its gradient {f.shape}"
            error = np.abs(f - e)
            error = np.where(np.isfinite(f), error, np.inf)
            scale = 1 + max((np.abs(a).max(initial=0) for a in expected), default=0)
            if error.max(initial=0) <= tolerance * scale:
                continue
            if not np.any(f):
                raise AssertionError(
                    f"{self.name}, {what}: no gradient comes to {label}, but there is a dependence on it"
                )
            worst = np.unravel_index(np.argmax(error), error.shape)
            place = f" at {[int(k) for k in worst]}" if worst else ""
            ratio = f" (ratio {_short(f[worst] / e[worst])})" if e[worst] else ""
            raise AssertionError(
                f"{self.name}, {what}: {label} is wrong{place}: {_short(f[worst])} instead of {_short(e[worst])}{ratio}"
            )

    # --- tests
    def check_value(self) -> None:
        """Tensors give what arrays give, and nothing is changed."""
        before = [x.copy() for x in self.at]
        plain = self.call([x.copy() for x in self.at])
        tensors = [Tensor(x, requires_grad=True) for x in self.at]
        recorded = self.call(tensors)
        assert len(plain) == len(recorded), f"{self.name}: {len(plain)} results of arrays, {len(recorded)} of Tensors"
        for p, r in zip(plain, recorded, strict=True):
            if not hasattr(p, "dtype") and not isinstance(r, Tensor):
                assert p == r, f"{self.name}: {p!r} of arrays, but {r!r} of Tensors"
                continue
            p = _array(p)
            assert isinstance(r, Tensor) or p.dtype.kind not in "fc", (
                f"{self.name}: Tensors gave {type(r).__name__}, so the gradient is lost"
            )
            r = _array(r)
            assert (p.shape, p.dtype) == (r.shape, r.dtype), (
                f"{self.name}: {p.dtype}{list(p.shape)} of arrays, but {r.dtype}{list(r.shape)} of Tensors"
            )
            size = np.abs(p).max(initial=1) if p.dtype.kind in "fc" else 1
            same = np.allclose(p, r, 0, 1e-13 * size, equal_nan=True)
            assert same, f"{self.name}: another value of Tensors than of arrays"
        for i, (x, t) in enumerate(zip(before, tensors, strict=True)):
            assert np.array_equal(x, _array(t), equal_nan=True), f"{self.name} changes {self.label(i)} in place"

    def check_gradients(self, found: Sequence[Any]) -> None:
        """Against central differences."""
        expected = self.differences(lambda *at: self.paired(self.value(at)), self.at)
        self.compare("first derivative", found, expected, 1e-8)

    def paired(self, outs: Sequence[Array]) -> float:
        """A real number whose gradient is the vector-Jacobian product."""
        return float(sum(np.sum((np.conj(c) * out).real) for c, out in zip(self.cotangents, outs, strict=True)))

    def check_linearity(self, gradients: Sequence[Any]) -> None:
        """A vector-Jacobian product is linear in the vector, and that of zero is zero."""
        zeros = self.gradients(self.at, [0 * c for c in self.cotangents])
        for i, zero in enumerate(zeros):
            assert not np.any(_array(zero)), f"{self.name}: {self.label(i)} gets a gradient from a zero cotangent"
        doubled = self.gradients(self.at, [-2 * c for c in self.cotangents])
        self.compare("linearity in the cotangent", doubled, [-2 * _array(g) for g in gradients], 1e-12)

    def check_single_precision(self, gradients: Sequence[Any]) -> None:
        """float32 in, float32 gradients out; and not far from those in double precision."""
        at = [x.astype(np.complex64 if x.dtype.kind == "c" else np.float32) for x in self.at]
        outs = self.on_tensors(*[Tensor(x, requires_grad=True) for x in at])
        found = self.gradients(at, [c.astype(out.dtype) for c, out in zip(self.cotangents, outs, strict=True)])
        for i, (x, g) in enumerate(zip(at, found, strict=True)):
            assert g.dtype == x.dtype, f"{self.name}: {self.label(i)} is {x.dtype}, but its gradient is {g.dtype}"
        self.compare("single precision", found, [_array(g) for g in gradients], 1e-3)

    def check_second_derivative(self) -> None:
        """The gradient of ``<gradient, w>`` by the arguments and by the cotangent, against central differences."""
        n, weights = len(self.at), [self.random(x) for x in self.at]
        variables = [*self.at, *self.cotangents]

        def slope(*variables: Any) -> Any:
            gradients = self.gradients(variables[:n], variables[n:])
            return sum(np.sum(np.real(np.conj(w) * g)) for w, g in zip(weights, gradients, strict=True))

        try:
            _, pullback = vjp(slope, *variables)
            found = pullback(1.0)
        except Exception as error:
            error.add_note(
                f"raised by the derivative of the derivative of {self.name}: its rules have to use functions that "
                f"themselves have derivatives; order=1 leaves this test out"
            )
            raise
        expected = self.differences(lambda *variables: slope(*variables).item(), variables)
        self.compare("second derivative", found, expected, 1e-7)


def _double(x: Any) -> Any:
    if isinstance(x, Tensor):
        x = x.detach().numpy()
    if isinstance(x, list | float | complex | np.ndarray | np.generic):
        x = np.array(x)
        return x.astype({"f": np.float64, "c": np.complex128}.get(x.dtype.kind, x.dtype))
    return x


def _array(x: Any) -> Array:
    return x.detach().numpy() if isinstance(x, Tensor) else np.asarray(x)


def _short(x: Any) -> str:
    return f"{complex(x):.6g}" if np.iscomplexobj(x) else f"{float(x):.6g}"
