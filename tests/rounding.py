"""How far rounding may carry a computation: running error analysis, for plain NumPy code.

A :class:`Rounded` array is a value together with a bound on its error. NumPy functions take it as they take an
ndarray, so a formula that is written once computes its value and, along with it, how well that value is defined.

The model is the standard one (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed. 2002, sections 2.2,
3.1 and 3.3). Each operation commits a relative error of at most ``u``, half the spacing of floating-point numbers at 1.
A sum of k terms commits k of them, *relative to the sum of the absolute values of its terms*, in whatever order it
is computed. Errors that are already there grow by the derivative of the operation. Bounds are to first order, and in
units of ``u``, so one bound serves float32 and float64.
"""

from __future__ import annotations

import numpy as np

#: Roundings of exp, log and tanh: NumPy holds its own implementations to 4 units in the last place, and ulp <= 2 u.
FUNCTION = 8
#: What a subnormal number may be off, in units of u: far above what it is in float32, far below all that matters.
UNDERFLOW = 1e-30


class Rounded(np.lib.mixins.NDArrayOperatorsMixin):
    """``value`` as float64, known up to ``error`` times the unit roundoff."""

    def __init__(self, value, error=0.0):
        self.value = np.asarray(value, np.float64)
        self.error = np.broadcast_to(np.asarray(error, np.float64), self.value.shape)

    shape = property(lambda self: self.value.shape)
    T = property(lambda self: Rounded(self.value.T, self.error.T))

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        values = [x.value if isinstance(x, Rounded) else x for x in inputs]
        errors = [x.error if isinstance(x, Rounded) else np.zeros(np.shape(x)) for x in inputs]
        out = getattr(ufunc, method)(*values, **kwargs)
        if out.dtype == bool:
            return out
        name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
        return Rounded(out, ERROR[name](np.abs(out), *values, *errors, **kwargs) + UNDERFLOW)

    def __array_function__(self, function, types, args, kwargs):
        if function is np.sum:
            return np.add.reduce(*args, **{"axis": None} | kwargs)
        return NotImplemented


def _sum(out, x, dx, axis=None, keepdims=False):
    terms = x.size // max(out.size, 1)
    return np.sum(dx + terms * np.abs(x), axis=axis, keepdims=keepdims)


def _logaddexp(out, x, y, dx, dy):
    log_sum, largest = np.logaddexp(x, y), np.maximum(x, y)  # computed as: largest + log1p(exp(-|x - y|))
    return np.exp(x - log_sum) * dx + np.exp(y - log_sum) * dy + out + FUNCTION * (log_sum - largest)


def _logaddexp_reduce(out, x, dx, axis=None, keepdims=False):
    terms = x.shape[axis]
    weights = np.exp(x - np.logaddexp.reduce(x, axis=axis, keepdims=True))
    largest = np.abs(np.max(x, axis=axis, keepdims=keepdims))
    return np.sum(weights * dx, axis=axis, keepdims=keepdims) + terms * (largest + FUNCTION * np.log(terms))


# fmt: off
#: Operation -> the error of its result, given |result|, the operands and their errors.
ERROR = {
    "add":              lambda out, x, y, dx, dy: dx + dy + out,
    "subtract":         lambda out, x, y, dx, dy: dx + dy + out,
    "multiply":         lambda out, x, y, dx, dy: np.abs(y) * dx + np.abs(x) * dy + out,
    "divide":           lambda out, x, y, dx, dy: (dx + out * dy) / np.abs(y) + out,
    "matmul":           lambda out, x, y, dx, dy: (
                            np.abs(x) @ dy + dx @ np.abs(y) + len(y) * (np.abs(x) @ np.abs(y))),
    "negative":         lambda out, x, dx: dx,
    "maximum":          lambda out, x, y, dx, dy: np.where(x > y, dx, dy),
    "exp":              lambda out, x, dx: out * dx + FUNCTION * out,
    "log":              lambda out, x, dx: dx / x + FUNCTION * out,
    "tanh":             lambda out, x, dx: (1 - out * out) * dx + FUNCTION * out,
    "logaddexp":        _logaddexp,
    "add.reduce":       _sum,
    "logaddexp.reduce": _logaddexp_reduce,
}
# fmt: on
