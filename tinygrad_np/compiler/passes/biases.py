"""Biases in the product: ``x @ W + b`` is ``[x 1] @ [W; b]``, and ``[x 1].T @ dz`` is the gradient of both.

On small arrays, to add a bias to each row costs more than the product. For nothing to be copied, the ones have to stand
beside ``x`` in memory, and what is computed element by element must not have gaps: so hidden layers are computed
transposed, one row per unit, and the ones are one row more. ``W`` and ``b`` stand one behind the other anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import getitem
from typing import Any

import numpy as np

from tinygrad_np.compiler.kinds import is_contraction, is_elementwise, reduced_axes, reducing_ufunc
from tinygrad_np.compiler.passes.flat import join
from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import Call, constant, operands, rewrite, size, uses

__all__ = ["with_biases_in_products"]

_LARGEST = 1 << 12  # elements of a result: beyond, the product takes so much longer that a bias does not show


@dataclass(slots=True, eq=False)
class _Layer:
    """``z = x @ weight + bias``, and the gradients of weight and bias, if they are computed."""

    z: Value
    x: Value
    weight: Value
    bias: Value
    weight_grad: Value | None = None
    bias_grad: Value | None = None


def with_biases_in_products(program: Program) -> Program:
    """Compute small layers, and their gradients, as one product each."""
    groups = _groups(program)
    layers = [
        layer for layer in _layers(program)
        if layer.x in groups or size(layer.x) * 4 <= size(layer.z)  # or else a copy of it costs more than is saved
    ]  # fmt: skip
    if not layers:
        return program
    upright = {value for layer in layers for value in groups.get(layer.x, ())}
    return _Rewriting(layers, upright).applied(program)


def _layers(program: Program) -> Iterator[_Layer]:
    counts, states = uses(program), set(program.state)
    neighbours: set[tuple[Value, Value]] = set()  # states that stand one behind the other in a flat vector
    for step in program.steps:
        if step.function is join and states.issuperset(step.args):
            neighbours |= set(pairwise(step.args))
    if not neighbours:
        return
    sums = {step.args[0]: step for step in program.steps if _is_sum_of_rows(step)}
    products = {
        (step.args[0].args[0], step.args[1]): step
        for step in program.steps if is_contraction(step) and _is_transposed(step.args[0])
    }  # fmt: skip
    for z in program.steps:
        if z.function is not np.add or not is_elementwise(z) or len(z.shape) != 2 or size(z) > _LARGEST:
            continue
        product, bias = z.args if z.args[1] in states else z.args[::-1]
        if bias not in states or len(bias.shape) != 1 or not is_contraction(product) or counts[product] != 1:
            continue
        x, weight = product.args
        if len(x.shape) != 2 or (weight, bias) not in neighbours or z.dtype.char not in "fd":
            continue
        layer = _Layer(z, x, weight, bias)
        for dz, bias_grad in sums.items():
            if (x, dz) in products and products[x, dz].shape == weight.shape:
                layer.weight_grad, layer.bias_grad = products[x, dz], bias_grad
        yield layer


def _is_sum_of_rows(step: Value) -> bool:
    one = reducing_ufunc(step) is np.add and reduced_axes(step) == (0,)
    return one and len(step.args[0].shape) == 2 and step.dtype == step.args[0].dtype


def _is_transposed(arg: Any) -> bool:
    return isinstance(arg, Value) and arg.function is np.transpose and arg.args[1] == (1, 0)


def _groups(program: Program) -> dict[Value, list[Value]]:
    """Matrix -> those that are computed from one another, element by element, and can all be computed transposed."""
    group: dict[Value, list[Value]] = {}
    for step in program.steps:
        if len(step.shape) != 2 or size(step) > _LARGEST:
            continue
        group.setdefault(step, [step])
        if is_elementwise(step):
            for arg in operands(step):
                if arg.shape == step.shape and group.setdefault(arg, [arg]) is not group[step]:
                    smaller, larger = sorted((group[arg], group[step]), key=len)
                    larger += smaller
                    group |= dict.fromkeys(smaller, larger)
    return {value: members for value, members in group.items() if all(map(_can_be_transposed, members))}


def _can_be_transposed(value: Value) -> bool:
    if is_contraction(value):  # with transposed operands, products of long rows take up to twice the time
        return all(len(arg.shape) == 2 and size(arg) <= _LARGEST for arg in value.args)
    return is_elementwise(value)


class _Rewriting:
    """The new program, in which ``upright`` values are computed transposed."""

    def __init__(self, layers: list[_Layer], upright: set[Value]) -> None:
        self.layers, self.upright = {layer.z: layer for layer in layers}, upright
        self.gradients = {layer.weight_grad: layer for layer in layers if layer.weight_grad}
        self.gradients |= {layer.bias_grad: layer for layer in layers if layer.bias_grad}
        self._with_ones: dict[Value, Value] = {}
        self._both: dict[_Layer, Value] = {}
        self._new: dict[Value, Value] = {}

    def applied(self, program: Program) -> Program:
        """Return the new program."""
        steps = iter(program.steps)

        def rule(value: Value, call: Call) -> Value | None:
            step = next(steps)
            found = self._step(step, value, call)
            self._new[step] = value if found is None else found
            return found

        return rewrite(program, rule)

    def _step(self, step: Value, value: Value, call: Call) -> Value | None:
        made: dict[str, Any] = {"dtype": value.dtype}
        if step in self.layers:
            layer, (rows, columns) = self.layers[step], value.shape
            below = call(join, layer.weight, layer.bias, shape=(size(layer.weight) + columns,), **made)
            shape = (layer.weight.shape[0] + 1, columns)
            weight, ones = call(np.reshape, below, shape, shape=shape, **made), self._x_and_ones(layer, call)
            if step not in self.upright:
                return call(np.matmul, transposed(ones, call), weight, shape=value.shape, **made)
            return transposed(call(np.matmul, transposed(weight, call), ones, shape=(columns, rows), **made), call)
        if step in self.gradients:
            return self._gradient(step, value, call)
        if step in self.upright:
            flipped = [self._flipped(arg, call) for arg in value.args]
            if is_contraction(value):
                flipped.reverse()
            return transposed(call(value.function, *flipped, shape=value.shape[::-1], **made), call)
        x = value.args[0] if value.args else None
        if reducing_ufunc(value) and _is_transposed(x) and isinstance(x, Value):
            axes = tuple(sorted(1 - axis for axis in reduced_axes(value)))
            rest = tuple(n for axis, n in enumerate(x.shape) if axis not in reduced_axes(value))
            found = call(value.function, x.args[0], axis=axes, keepdims=False, shape=rest, **made)
            return found if rest == value.shape else call(np.reshape, found, value.shape, shape=value.shape, **made)
        return None

    def _flipped(self, arg: Any, call: Call) -> Any:
        """An operand as it goes with transposed ones."""
        if not isinstance(arg, Value) or not arg.shape:
            return arg
        if len(arg.shape) == 2:
            return transposed(arg, call)
        return call(np.reshape, arg, (*arg.shape, 1), shape=(*arg.shape, 1), dtype=arg.dtype)

    def _x_and_ones(self, layer: _Layer, call: Call) -> Value:
        """``[x 1]``, transposed."""
        if layer.x not in self._with_ones:
            rows, columns = layer.x.shape
            x = transposed(self._new.get(layer.x, layer.x), call)
            ones, made = constant(np.ones(rows, x.dtype)), {"dtype": x.dtype}
            flat = call(join, x, ones, shape=(rows * (columns + 1),), **made)
            shape = (columns + 1, rows)
            self._with_ones[layer.x] = call(np.reshape, flat, shape, shape=shape, **made)
        return self._with_ones[layer.x]

    def _gradient(self, step: Value, value: Value, call: Call) -> Value:
        layer = self.gradients[step]
        assert layer.weight_grad
        n, columns = layer.weight.shape
        made: dict[str, Any] = {"dtype": value.dtype}
        if layer not in self._both:
            dz = layer.weight_grad.args[1]
            dz = self._new.get(dz, dz)
            self._both[layer] = call(np.matmul, self._x_and_ones(layer, call), dz, shape=(n + 1, columns), **made)
        part = slice(0, n) if step is layer.weight_grad else slice(n, n + 1) if len(value.shape) == 2 else n
        return call(getitem, self._both[layer], part, shape=value.shape, **made)


def transposed(matrix: Value, call: Call) -> Value:
    """The transpose; of a transpose, the matrix itself."""
    if _is_transposed(matrix):
        x: Value = matrix.args[0]
        return x
    return call(np.transpose, matrix, (1, 0), shape=matrix.shape[::-1], dtype=matrix.dtype)
