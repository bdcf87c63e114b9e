"""Programs to compile: whole steps, built by hand as a capture would record them, and random ones."""

from __future__ import annotations

import math
import operator
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinygrad_np.compiler.program import Program, Value
from tinygrad_np.compiler.rewriting import operands, substitute

Array = Any


class Builder:
    """Appends a step per call; shapes and dtypes come from running it on the arrays at hand."""

    def __init__(self) -> None:
        self.program = Program([], [], [], [])
        self.arrays: dict[Value, Any] = {}

    def _new(self, array: Array, name: str, kind: list[Value]) -> Value:
        array = np.asarray(array)
        value = Value(None, (), {}, array.shape, array.dtype, name)
        kind.append(value)
        self.arrays[value] = array
        return value

    def input(self, array: Array, name: str = "") -> Value:
        return self._new(array, name, self.program.inputs)

    def state(self, array: Array, name: str = "") -> Value:
        return self._new(array, name, self.program.state)

    def constant(self, array: Array) -> Value:
        array = np.asarray(array)
        return Value(None, (), {}, array.shape, array.dtype, array=array)

    def __call__(self, function: Any, *args: Any, name: str = "", **kwargs: Any) -> Value:
        value = Value(function, args, kwargs, (), np.dtype(float), name)
        known = {v: v.array if v.array is not None else self.arrays[v] for v in operands(value)}
        array = np.asarray(function(*substitute(args, known), **substitute(kwargs, known)))
        value.shape, value.dtype = array.shape, array.dtype
        self.arrays[value] = array
        self.program.steps.append(value)
        return value

    def __repr__(self) -> str:
        """The program, for the report of a failure."""
        names: dict[Value, str] = {v: v.name for v in (*self.program.inputs, *self.program.state)}

        def text(arg: Any) -> str:
            if isinstance(arg, Value):
                return repr(arg.array) if arg.array is not None else names[arg]
            return f"({', '.join(map(text, arg))})" if isinstance(arg, tuple) else repr(arg)

        lines = [f"{name}: {v.shape}" for v, name in names.items()]
        for step in self.program.steps:
            names[step] = f"v{len(names)}"
            function = getattr(step.function, "__qualname__", None) or step.function.__name__
            lines.append(f"{names[step]} = {function}{text(step.args)} {step.kwargs or ''} {step.shape} {step.dtype}")
        updates = {names[s]: text(v) for s, v in self.program.updates.items()}
        return "\n".join([*lines, f"-> {text(tuple(self.program.results))} {updates}"])

    def given(self) -> tuple[list[Array], list[Array]]:
        """The arrays that it was built with."""
        program = self.program
        return [self.arrays[v].copy() for v in program.inputs], [self.arrays[v].copy() for v in program.state]


def parameters(build: Builder, sizes: list[int], rng: np.random.Generator, dtype: Any = np.float32) -> list[Value]:
    """Weights and biases as states: ``W1, b1, W2, b2, ...``."""
    found = []
    for i, (n, m) in enumerate(pairwise(sizes)):
        w = (rng.standard_normal((n, m)) / math.sqrt(n)).astype(dtype)
        found += [build.state(w, f"layers.{i}.weight"), build.state(np.zeros(m, dtype), f"layers.{i}.bias")]
    return found


def adam(build: Builder, params: list[Value], gradients: list[Value], scale: Value, eps: Value) -> None:
    """The update of ``tinygrad_np.optim.Adam``, with what depends on the step number given as arrays."""
    beta1, beta2, update = 0.9, 0.999, build.program.updates
    for p, g in zip(params, gradients, strict=True):
        m = build.state(np.zeros(p.shape, p.dtype), f"{p.name}.exp_avg")
        v = build.state(np.zeros(p.shape, p.dtype), f"{p.name}.exp_avg_sq")
        new_m = build(np.add, build(np.multiply, m, beta1), build(np.multiply, g, 1 - beta1))
        square = build(np.multiply, build(np.multiply, g, g), 1 - beta2)
        new_v = build(np.add, build(np.multiply, v, beta2), square)
        t = build(np.divide, new_m, build(np.add, build(np.sqrt, new_v), eps))
        update |= {p: build(np.subtract, p, build(np.multiply, t, scale)), m: new_m, v: new_v}


def sgd(build: Builder, params: list[Value], gradients: list[Value], lr: Value) -> None:
    for p, g in zip(params, gradients, strict=True):
        build.program.updates[p] = build(np.subtract, p, build(np.multiply, g, lr))


def layers(build: Builder, x: Value, params: list[Value], activation: str) -> tuple[list[Value], Value]:
    """What each layer takes, and what the last one gives."""
    taken, a = [], x
    for i in range(0, len(params), 2):
        taken.append(a)
        z = build(np.add, build(np.matmul, a, params[i]), params[i + 1])
        last = i == len(params) - 2
        a = z if last else build(np.maximum, z, 0) if activation == "relu" else build(np.tanh, z)
    return taken, a


def backward(build: Builder, taken: list[Value], params: list[Value], dz: Value, activation: str) -> list[Value]:
    """The gradients, as the rules of the table give them."""
    gradients: list[Value] = []
    for i in reversed(range(len(taken))):
        a, w = taken[i], params[2 * i]
        dw = build(np.matmul, build(np.transpose, a), dz)
        gradients = [dw, build(np.add.reduce, dz, axis=0), *gradients]
        if i:
            da = build(np.matmul, dz, build(np.transpose, w))
            if activation == "relu":
                dz = build(np.multiply, da, build(np.greater, a, 0))
            else:
                dz = build(np.multiply, da, build(np.subtract, 1, build(np.multiply, a, a)))
    return gradients


def classifier(sizes: list[int], batch: int, optimizer: str = "adam", dtype: Any = np.float32) -> Builder:
    """A relu network, softmax cross-entropy, and a step of an optimizer."""
    build, rng = Builder(), np.random.default_rng(0)
    x = build.input(rng.standard_normal((batch, sizes[0])).astype(dtype), "x")
    labels = build.input(rng.integers(0, sizes[-1], batch), "labels")
    scale, eps = build.input(dtype(1e-3), "lr"), build.input(dtype(1e-7), "eps")
    params = parameters(build, sizes, rng, dtype)
    taken, z = layers(build, x, params, "relu")

    shifted = build(np.subtract, z, build(np.maximum.reduce, z, axis=-1, keepdims=True))
    total = build(np.add.reduce, build(np.exp, shifted), axis=-1, keepdims=True)
    log_p = build(np.subtract, shifted, build(np.log, total))
    picked = build(operator.getitem, log_p, (build(np.arange, batch), build(np.reshape, labels, (-1,))))
    losses = build(np.negative, picked)
    loss = build(np.divide, build(np.add.reduce, losses, axis=None), batch, name="loss")

    g = build(np.broadcast_to, build(np.divide, build(np.ones, (), dtype), batch), (batch,))
    exps = build(np.exp, build(np.subtract, z, build(np.maximum.reduce, z, axis=-1, keepdims=True)))
    p = build(np.divide, exps, build(np.add.reduce, exps, axis=-1, keepdims=True))
    classes = build(np.arange, sizes[-1])
    y = build(
        np.ndarray.astype, build(np.equal, build(operator.getitem, labels, (..., None)), classes), np.dtype(dtype)
    )
    dz = build(np.multiply, build(operator.getitem, g, (..., None)), build(np.subtract, p, y))
    gradients = backward(build, taken, params, dz, "relu")
    if optimizer == "adam":
        adam(build, params, gradients, scale, eps)
    else:
        sgd(build, params, gradients, scale)
    build.program.results = [loss]
    return build


def tiny(batch: int = 32, dtype: Any = np.float32) -> Builder:
    """2-16-16-1 with tanh, sigmoid cross-entropy, SGD."""
    build, rng = Builder(), np.random.default_rng(0)
    x = build.input(rng.standard_normal((batch, 2)).astype(dtype), "x")
    y = build.input(rng.integers(0, 2, (batch, 1)).astype(dtype), "y")
    lr = build.input(dtype(0.1), "lr")
    params = parameters(build, [2, 16, 16, 1], rng, dtype)
    taken, z = layers(build, x, params, "tanh")
    soft = build(np.log1p, build(np.exp, build(np.negative, build(np.absolute, z))))
    losses = build(np.add, build(np.subtract, build(np.maximum, z, 0), build(np.multiply, z, y)), soft)
    loss = build(np.divide, build(np.add.reduce, losses, axis=None), batch, name="loss")
    g = build(np.broadcast_to, build(np.divide, build(np.ones, (), dtype), batch), (batch, 1))
    s = build(np.divide, 1, build(np.add, 1, build(np.exp, build(np.negative, z))))
    dz = build(np.multiply, g, build(np.subtract, s, y))
    sgd(build, params, backward(build, taken, params, dz, "tanh"), lr)
    build.program.results = [loss]
    return build


def chain(n: int = 1_000_000, dtype: Any = np.float32) -> Builder:
    """The gradient of ``mean(tanh(x * w + b)**2 * sigmoid(x))`` by x, w and b."""
    build, rng = Builder(), np.random.default_rng(0)
    x, w, b = (build.input(rng.standard_normal(n).astype(dtype), name) for name in "xwb")
    t = build(np.tanh, build(np.add, build(np.multiply, x, w), b))
    square = build(np.multiply, t, t)
    s = build(np.divide, 1, build(np.add, 1, build(np.exp, build(np.negative, x))))
    loss = build(np.divide, build(np.add.reduce, build(np.multiply, square, s), axis=None), n, name="loss")

    g = build(np.broadcast_to, build(np.divide, build(np.ones, (), dtype), n), (n,))
    g_square, g_s = build(np.multiply, g, s), build(np.multiply, g, square)
    gx = build(np.multiply, build(np.multiply, g_s, s), build(np.subtract, 1, s))
    g_t = build(np.multiply, build(np.multiply, 2, g_square), t)
    g_u = build(np.multiply, g_t, build(np.subtract, 1, build(np.multiply, t, t)))
    gx = build(np.add, gx, build(np.multiply, g_u, w))
    gw = build(np.multiply, g_u, x)
    build.program.results = [loss, gx, gw, g_u]
    return build


# --- random ones -----------------------------------------------------------------------------------------------------
Draw = Any
SIDES = (1, 2, 3, 5)
UNARY = [np.tanh, np.exp, np.negative, np.absolute, np.square, np.sin, np.sign]
BINARY = [np.add, np.subtract, np.multiply, np.maximum, np.minimum, np.greater, np.arctan2]


@st.composite
def programs(draw: Draw) -> Builder:
    """Programs of all kinds of steps, with states that some of the values replace."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    build, n = Builder(), draw(st.sampled_from(SIDES))
    shapes = [(n,), (n, 3), (3, n), (n, n), (), (2, 3, n), (4 * n, n)]
    values = []
    for make, name, least in ((build.input, "x", 1), (build.state, "state", 0)):
        chosen = draw(st.lists(st.sampled_from(shapes), min_size=least, max_size=4))
        values += [make(rng.standard_normal(shape), f"{name}.{i}") for i, shape in enumerate(chosen)]
    values.append(
        build.constant(draw(st.sampled_from([np.ones(n), rng.standard_normal(n), np.array(2.0), np.zeros(n)])))
    )
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(
            st.sampled_from(["unary", "binary", "number", "reduce", "matmul", "view", "index", "cast", "other"])
        )
        a, b = (draw(st.sampled_from(values)) for _ in range(2))
        step = _step(draw, build, kind, a, b)
        if step is not None and np.size(build.arrays[step]) < 500:
            values.append(step)
    steps = [v for v in values if v.function is not None]
    build.program.results = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    for state in build.program.state:
        fitting = [v for v in [*steps, *build.program.state] if (v.shape, v.dtype) == (state.shape, state.dtype)]
        if fitting and draw(st.booleans()):
            build.program.updates[state] = draw(st.sampled_from(fitting))
    return build


def _step(draw: Draw, build: Builder, kind: str, a: Value, b: Value) -> Value | None:
    x, y = build.arrays.get(a, a.array), build.arrays.get(b, b.array)
    rank = np.ndim(x)
    if kind == "unary" and x.dtype.kind == "f":
        function = draw(st.sampled_from(UNARY))
        return (
            build(np.tanh, a)
            if function in (np.exp, np.square) and np.max(np.abs(x), initial=0) > 5
            else build(function, a)
        )
    if kind == "binary":
        try:
            np.broadcast_shapes(np.shape(x), np.shape(y))
        except ValueError:
            return None
        function = draw(st.sampled_from(BINARY))
        return None if function is np.subtract and x.dtype == y.dtype == bool else build(function, a, b)
    if kind == "number" and x.dtype.kind == "f":
        number = draw(st.sampled_from([0, 1, 0.5, 3, -1.0]))
        function = draw(st.sampled_from([np.add, np.subtract, np.multiply, np.maximum, np.divide]))
        swapped = draw(st.booleans()) and function is not np.divide
        if function is np.divide and number == 0:
            return None
        return build(function, number, a) if swapped else build(function, a, number)
    if kind == "reduce" and rank and np.size(x):
        axis = draw(st.sampled_from([None, 0, -1, tuple(range(rank))]))
        ufunc = np.add if x.dtype == bool else draw(st.sampled_from([np.add, np.maximum]))
        return build(ufunc.reduce, a, axis=axis, keepdims=draw(st.booleans()))
    if kind == "matmul" and rank == 2 and np.ndim(y) in (1, 2) and np.shape(x)[1] == np.shape(y)[0]:
        return build(np.matmul, a, b) if {x.dtype, y.dtype} == {np.dtype(float)} else None
    if kind == "view" and rank:
        shape = np.shape(x)
        function, args = draw(st.sampled_from([
            (np.transpose, ()), (np.reshape, ((-1,),)), (np.broadcast_to, ((2, *shape),)), (np.swapaxes, (0, -1)),
            (np.expand_dims, (0,)), (operator.getitem, ((..., None),)), (operator.getitem, (slice(None, None, -1),)),
            (operator.getitem, (slice(0, 2),)), (operator.getitem, (0,)),
        ]))  # fmt: skip
        return build(function, a, *args)
    if kind == "index" and rank:
        return build(operator.getitem, a, (build.constant(np.array([0, -1, 0])),))
    if kind == "cast":
        return build(np.ndarray.astype, a, np.dtype(float))
    if kind == "other" and rank == 1:
        return build(np.where, build(np.greater, a, 0), a, draw(st.sampled_from([a, 0.0])))
    if kind == "other" and rank:
        return build(draw(st.sampled_from([np.cumsum, np.flip, np.real])), a)
    return None


@st.composite
def networks(draw: Draw) -> Builder:
    """Layers, and what backpropagation computes with them, with this and that in between."""
    rng, build = np.random.default_rng(draw(st.integers(0, 99))), Builder()
    batch, sizes = draw(st.integers(1, 6)), draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    rate = build.input(np.array(0.1), "lr")
    h, params = build.input(rng.standard_normal((batch, sizes[0])), "x"), parameters(build, sizes, rng, float)
    taken, made = [], []
    for i in range(0, len(params), 2):
        taken.append(h)
        z = build(np.add, *draw(st.permutations([build(np.matmul, h, params[i]), params[i + 1]])))
        h = build(draw(st.sampled_from([np.tanh, np.negative])), z)
        shape = build.arrays[z].shape
        between = draw(st.sampled_from(["nothing", "mask", "column", "rows", "all", "row"]))
        if between == "mask":  # it comes in row by row
            h = build(np.multiply, h, build(np.greater, build.input(rng.standard_normal(shape)), 0.0))
        elif between == "column":
            h = build(np.multiply, h, build.input(rng.standard_normal((batch, 1))))
        elif between == "row":
            h = build(np.subtract, build.input(rng.standard_normal(shape[1])), h)
        elif between != "nothing":
            axes = {"rows": (1,), "all": (0, 1)}[between]
            h = build(np.subtract, h, build(np.add.reduce, h, axis=axes, keepdims=draw(st.booleans()) or axes == (1,)))
        made.append(h)
    gradients: list[Value] = []
    dz = build(np.multiply, h, h)
    for i in reversed(range(len(taken))):
        dw = build(np.matmul, build(np.transpose, taken[i]), dz)
        db = build(np.add.reduce, dz, axis=0, keepdims=draw(st.booleans()))
        gradients = [dw, build(np.reshape, db, (-1,)), *gradients]
        if i:
            da = build(np.matmul, dz, build(np.transpose, params[2 * i]))
            dz = build(np.multiply, da, build(np.subtract, 1, build(np.multiply, taken[i], taken[i])))
    sgd(build, params, gradients, rate)
    build.program.results = draw(st.lists(st.sampled_from([*made, *gradients]), max_size=4))
    return build
