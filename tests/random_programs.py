"""Random programs of Tensors, and three ways to run them that share nothing but NumPy's names.

A program is data: inputs, and instructions that take values by their numbers and append new ones, among them views,
writes into values, several results, values that are cut off, gradients inside of the program. A *world* knows how to do
each instruction:

- :class:`Tensors`, what is tested;
- :class:`ComplexSteps`, NumPy on complex numbers: ``Im f(x + i h v) / h`` is the derivative along ``v`` to the last
  digits (Squire and Trapp, 1998), with the documented choice at each kink, and what is cut off is real;
- :class:`Torch`.

The numbers that hypothesis draws are read as instructions for the values that are there, so every list of numbers is a
program, and fewer and smaller numbers are simpler ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tinygrad_np import Tensor, grad, no_grad

LARGEST = 40  # elements of a value
NEAR = 1e-7  # a kink that is nearer, and is not met exactly, could go either way
STEP = 1e-150  # of the complex step: its square is nothing


@dataclass
class Instruction:
    """``name(*operands, **options)``: operands are numbers of values."""

    name: str
    operands: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"{self.name}({', '.join(f'v{i}' for i in self.operands)}{options})"


@dataclass
class Program:
    """Inputs v0, v1, ... and what is computed from them; the result is the weighted sum of all values at the end."""

    inputs: list[Any]
    instructions: list[Instruction]

    def __repr__(self) -> str:
        given = [f"v{i} = np.{x!r}" for i, x in enumerate(self.inputs)]
        return "\n".join(["", *given, *map(repr, self.instructions)])

    def without_cuts(self) -> Program:
        """The same, with nothing that the engine takes for a constant and that yet changes with the inputs."""
        cuts = ("detached", "without_grad")
        smooth = [Instruction("sin", i.operands) if i.name in cuts else i for i in self.instructions]
        return Program(self.inputs, smooth)

    def run(self, world: Any, inputs: list[Any]) -> Any:
        """Compute the result."""
        values = list(inputs)
        for instruction in self.instructions:
            self.step(world, instruction, values)
        total = 0.0
        for i, value in enumerate(values):
            weights = np.cos(i + np.arange(np.prod(value.shape))).reshape(value.shape)
            total = total + world.sum(world.multiply(value, weights))
        return total

    @staticmethod
    def step(world: Any, instruction: Instruction, values: list[Any]) -> None:
        """Carry out one instruction: append its results, or change a value."""
        operands = [values[i] for i in instruction.operands]
        out = getattr(world, instruction.name)(*operands, **instruction.options)
        if instruction.name in ("write", "add_in_place"):
            values[instruction.operands[0]] = out
        else:
            values += out if isinstance(out, list | tuple) else [out]


# --- how numbers become programs ------------------------------------------------------------------------------------
SHAPES = [(), (2,), (3,), (2, 3), (3, 2), (1, 3), (2, 2), (0,), (3, 1), (0, 2)]
UNARY = ["sin", "tanh", "bump", "softened", "absolute", "relu", "square"]
BINARY = ["add", "multiply", "subtract", "maximum", "minimum", "divide", "where", "matmul", "write", "add_in_place",
          "concatenate"]  # fmt: skip
VIEWS = ["transpose", "ravel", "reverse", "first", "new_axis", "gather", "broadcast", "split"]
REDUCTIONS = ["sum_of", "max_of", "mean_of", "cumsum"]
CUTS = ["detached", "without_grad", "slope"]
KINDS = (UNARY, BINARY, VIEWS, REDUCTIONS, UNARY, BINARY, BINARY, CUTS)


def decoded(n_inputs: int, seed: int, numbers: list[int]) -> Program:
    """Read numbers as a program."""
    rng = np.random.default_rng(seed)
    shapes = [SHAPES[int(i)] for i in rng.integers(len(SHAPES), size=n_inputs)]
    inputs = [np.asarray(np.round(rng.uniform(-2, 2, shape), 4)) for shape in shapes]
    program = Program(inputs, [])
    world, values = ComplexSteps(), [x + 0j for x in inputs]
    for number in numbers:
        instruction = _instruction(number, values, n_inputs)
        if instruction is not None:
            with np.errstate(all="ignore"):
                Program.step(world, instruction, values)
            program.instructions.append(instruction)
            _tame(program, world, values)
    return program


def _tame(program: Program, world: Any, values: list[Any]) -> None:
    """Large values are followed by their tanh, so that no program overflows."""
    if np.max(np.abs(values[-1].real), initial=0) > 4:
        instruction = Instruction("tanh", (len(values) - 1,))
        Program.step(world, instruction, values)
        program.instructions.append(instruction)


def _instruction(number: int, values: list[Any], n_inputs: int) -> Instruction | None:
    """Read a number as an instruction that fits the values; ``None`` if nothing does."""

    def take(n: int) -> int:
        nonlocal number
        number, digit = divmod(number, n)
        return digit

    def value() -> int:  # the newest first
        return len(values) - 1 - take(len(values))

    kind = KINDS[take(len(KINDS))]
    name = kind[take(len(kind))]
    i = value()
    x = values[i]
    if kind is BINARY:
        j = value()
        y = values[j]
        if name in ("write", "add_in_place"):
            if i < n_inputs:
                return None
            options = {"key": [..., np.s_[:1], 0, np.s_[::-1]][take(4) if x.ndim and x.size else 0]}
            target = x[options["key"]].shape
            if not _broadcasts(y.shape, target) or (name == "add_in_place" and options["key"] is not ...):
                return None
            return Instruction(name, (i, j), options if name == "write" else {})
        if name == "matmul":
            fits = x.ndim and y.ndim and x.shape[-1] == y.shape[-2 if y.ndim > 1 else 0]
            fits = fits and (x.shape[:-2] == y.shape[:-2] or max(x.ndim, y.ndim) < 3)
        elif name == "concatenate":
            fits = x.ndim and x.ndim == y.ndim and x.shape[1:] == y.shape[1:] and x.size + y.size <= LARGEST
        else:
            fits = _broadcasts(x.shape, y.shape, either=True)
        return Instruction(name, (i, j)) if fits else None
    if name in ("reverse", "first", "gather", "split", "max_of", "cumsum") and not (x.ndim and x.size):
        return None
    if name == "split" and x.shape[0] % 2:
        return None
    if name in ("sum_of", "max_of", "mean_of"):
        if not x.size:
            return None
        axes = [None, *range(-x.ndim, 0), *([(0, 1)] if x.ndim > 1 else [])]
        return Instruction(name, (i,), {"axis": axes[take(len(axes))], "keepdims": bool(take(2))})
    if name in ("broadcast", "new_axis") and (2 * x.size > LARGEST or x.ndim > 2):
        return None
    return Instruction(name, (i,))


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...], either: bool = False) -> bool:
    try:
        found = np.broadcast_shapes(shape, to)
    except ValueError:
        return False
    return (either and np.prod(found) <= LARGEST) or found == to


programs = st.builds(
    decoded, st.integers(1, 3), st.integers(0, 2**16), st.lists(st.integers(0, 2**40), min_size=1, max_size=40)
)
long_programs = st.builds(
    decoded, st.integers(1, 3), st.integers(0, 2**16), st.lists(st.integers(0, 2**40), min_size=40, max_size=200)
)


# --- the worlds -----------------------------------------------------------------------------------------------------
class _NumPy:
    """What is spelled the same for arrays and Tensors."""

    sin, tanh, square = staticmethod(np.sin), staticmethod(np.tanh), staticmethod(np.square)
    add, multiply, subtract = staticmethod(np.add), staticmethod(np.multiply), staticmethod(np.subtract)
    matmul, cumsum, sum = staticmethod(np.matmul), staticmethod(np.cumsum), staticmethod(np.sum)

    def bump(self, x: Any) -> Any:
        return np.exp(-(x * x))

    def softened(self, x: Any) -> Any:
        return np.sqrt(1 + x**2)

    def divide(self, x: Any, y: Any) -> Any:
        return x / (1 + y * y)

    def where(self, x: Any, y: Any) -> Any:
        return np.where(np.arange(2 * LARGEST)[: (x + y).size].reshape((x + y).shape) % 2 == 0, x, y)

    def concatenate(self, x: Any, y: Any) -> Any:
        return np.concatenate([x, y])

    def transpose(self, x: Any) -> Any:
        return np.transpose(x)

    def ravel(self, x: Any) -> Any:
        return np.reshape(x, (-1,))

    def reverse(self, x: Any) -> Any:
        return x[::-1]

    def first(self, x: Any) -> Any:
        return x[0]

    def new_axis(self, x: Any) -> Any:
        return x[..., None]

    def gather(self, x: Any) -> Any:
        return x[np.array([0, -1, 0])]

    def broadcast(self, x: Any) -> Any:
        return np.broadcast_to(x, (2, *x.shape))

    def split(self, x: Any) -> Any:
        return np.split(x, 2)

    def sum_of(self, x: Any, axis: Any, keepdims: bool) -> Any:
        return np.sum(x, axis=axis, keepdims=keepdims)

    def mean_of(self, x: Any, axis: Any, keepdims: bool) -> Any:
        return np.mean(x, axis=axis, keepdims=keepdims)


class Tensors(_NumPy):
    """This library: NumPy's functions on Tensors."""

    absolute, maximum, minimum = staticmethod(np.absolute), staticmethod(np.maximum), staticmethod(np.minimum)

    def relu(self, x: Any) -> Any:
        return np.maximum(x, 0)

    def max_of(self, x: Any, axis: Any, keepdims: bool) -> Any:
        return np.max(x, axis=axis, keepdims=keepdims)

    def cumsum(self, x: Any) -> Any:
        return np.cumsum(x, axis=0)

    def write(self, x: Any, y: Any, key: Any) -> Any:
        x[key] = y
        return x

    def add_in_place(self, x: Any, y: Any) -> Any:
        x += y
        return x

    def detached(self, x: Any) -> Any:
        return x.detach() * 1

    def without_grad(self, x: Any) -> Any:
        with no_grad():
            return np.sin(x)

    def slope(self, x: Any) -> Any:
        return grad(lambda u: np.sum(np.sin(u) * u))(x)


class ComplexSteps(_NumPy):
    """NumPy on complex numbers; keeps the distance to the nearest kink that was not met exactly."""

    def __init__(self) -> None:
        self.margin = np.inf

    def _select(self, gap: Any, above: Any, below: Any) -> Any:
        """``above`` where the gap is positive, ``below`` where it is negative, their mean where it is nothing."""
        self.margin = min(self.margin, np.min(np.abs(gap), where=gap != 0, initial=np.inf))
        return np.where(gap > 0, above, np.where(gap < 0, below, (above + below) / 2))

    def absolute(self, x: Any) -> Any:
        return self._select(x.real, x, -x)

    def maximum(self, x: Any, y: Any) -> Any:
        return self._select(x.real - y.real, *np.broadcast_arrays(x, y))

    def minimum(self, x: Any, y: Any) -> Any:
        return self._select(y.real - x.real, *np.broadcast_arrays(x, y))

    def relu(self, x: Any) -> Any:
        return self.maximum(x, 0j)

    def max_of(self, x: Any, axis: Any, keepdims: bool) -> Any:
        gap = np.max(x.real, axis=axis, keepdims=True) - x.real
        self.margin = min(self.margin, np.min(gap, where=gap != 0, initial=np.inf))
        return np.sum(np.where(gap == 0, x, 0), axis=axis, keepdims=keepdims) / np.sum(
            gap == 0, axis=axis, keepdims=keepdims
        )

    def cumsum(self, x: Any) -> Any:
        return np.cumsum(x, axis=0)

    def write(self, x: Any, y: Any, key: Any) -> Any:
        x = np.array(x)
        x[key] = y
        return x

    def add_in_place(self, x: Any, y: Any) -> Any:
        return x + y

    def detached(self, x: Any) -> Any:
        return x.real + 0j

    def without_grad(self, x: Any) -> Any:
        return np.sin(x.real) + 0j

    def slope(self, x: Any) -> Any:
        return np.cos(x) * x + np.sin(x)


class Torch:
    """PyTorch."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        for name in ("sin", "tanh", "square", "absolute", "add", "subtract", "maximum", "minimum", "matmul"):
            setattr(self, name, getattr(torch, name))
        self.sum, self.concatenate = torch.sum, lambda x, y: torch.cat([x, y])

    def multiply(self, x: Any, y: Any) -> Any:
        return x * (self.torch.as_tensor(y) if isinstance(y, np.ndarray) else y)

    def relu(self, x: Any) -> Any:
        return self.torch.maximum(x, self.torch.zeros((), dtype=x.dtype))

    def bump(self, x: Any) -> Any:
        return self.torch.exp(-(x * x))

    def softened(self, x: Any) -> Any:
        return self.torch.sqrt(1 + x**2)

    def divide(self, x: Any, y: Any) -> Any:
        return x / (1 + y * y)

    def where(self, x: Any, y: Any) -> Any:
        shape = self.torch.broadcast_shapes(x.shape, y.shape)
        return self.torch.where(self.torch.arange(int(np.prod(shape))).reshape(shape) % 2 == 0, x, y)

    def transpose(self, x: Any) -> Any:
        return x.permute(tuple(reversed(range(x.ndim))))

    def ravel(self, x: Any) -> Any:
        return x.reshape(-1)

    def reverse(self, x: Any) -> Any:
        return x.flip(0)

    def first(self, x: Any) -> Any:
        return x[0]

    def new_axis(self, x: Any) -> Any:
        return x[..., None]

    def gather(self, x: Any) -> Any:
        return x[[0, -1, 0]]

    def broadcast(self, x: Any) -> Any:
        return x.expand(2, *x.shape)

    def split(self, x: Any) -> Any:
        return self.torch.split(x, len(x) // 2)

    def sum_of(self, x: Any, axis: Any, keepdims: bool) -> Any:
        return x.sum(_axes(x, axis), keepdims)

    def mean_of(self, x: Any, axis: Any, keepdims: bool) -> Any:
        return x.mean(_axes(x, axis), keepdims)

    def max_of(self, x: Any, axis: Any, keepdims: bool) -> Any:
        return x.amax(_axes(x, axis), keepdims)

    def cumsum(self, x: Any) -> Any:
        return x.cumsum(0)

    def write(self, x: Any, y: Any, key: Any) -> Any:
        x = x.clone()
        if key == np.s_[::-1]:
            x[...] = y.broadcast_to(x.shape).flip(0)
        else:
            x[key] = y
        return x

    def add_in_place(self, x: Any, y: Any) -> Any:
        x = x.clone()
        x += y
        return x

    def detached(self, x: Any) -> Any:
        return x.detach()

    def without_grad(self, x: Any) -> Any:
        return self.torch.sin(x.detach())

    def slope(self, x: Any) -> Any:
        return self.torch.cos(x) * x + self.torch.sin(x)


def _axes(x: Any, axis: Any) -> Any:
    return tuple(range(x.ndim)) if axis is None else axis


# --- derivatives ----------------------------------------------------------------------------------------------------
def on_tensors(program: Program) -> Any:
    """The program as a function of Tensors."""

    def function(*inputs: Tensor) -> Any:
        return program.run(Tensors(), list(inputs))

    return function


def complex_step(program: Program, at: list[Any], along: list[Any]) -> tuple[float, float, float]:
    """The value, its derivative along a direction, and how near a kink was."""
    world = ComplexSteps()
    with np.errstate(all="ignore"):
        out = program.run(world, [x + 1j * STEP * v for x, v in zip(at, along, strict=True)])
    return float(out.real), float(out.imag) / STEP, world.margin
