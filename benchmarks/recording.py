"""What recording costs on arrays so small that nothing else shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.goals import MODES, goals_of
from benchmarks.harness import Contender, Effort, compare, gather
from benchmarks.report import Goal, Result, in_words, report_times
from tinygrad_np import Tensor

__all__ = ["backward", "record"]

_EAGER = MODES["eager"]


def record(name: str, statement: str, effort: Effort, shape: tuple[int, ...] = (3,)) -> Result:
    """One operation on 3 elements, such as ``"a * b"`` or ``"np.tanh(a)"``, whose ``np`` is each library's own."""
    a, b = np.linspace(0.1, 0.6, 2 * math.prod(shape)).reshape(2, *shape)
    what = f"`{statement}`, {f'{a.size} elements' if shape else '0-d'}"

    def contender(namespace: Any, make: Callable[[Any], Any], value: Callable[[Any], Any]) -> Contender:
        names = {"a": make(a), "b": make(b), "np": namespace}
        return Contender(statement, lambda: [value(eval(statement, names))], names)

    def pytorch() -> Contender:
        import torch

        return contender(torch, lambda x: torch.tensor(x, requires_grad=True), lambda x: x.detach().numpy())

    def mygrad() -> Contender:
        import mygrad

        return contender(mygrad, mygrad.tensor, lambda x: x.data)

    def hips() -> Contender:
        import autograd.numpy
        from autograd.core import VJPNode
        from autograd.tracer import new_box

        return contender(autograd.numpy, lambda x: new_box(x, 0, VJPNode.new_root()), lambda x: x._value)

    builders = {
        "NumPy": lambda: contender(np, np.asarray, np.asarray),
        _EAGER: lambda: contender(np, lambda x: Tensor(x, requires_grad=True), lambda x: x.detach().numpy()),
        "PyTorch": pytorch,
        "MyGrad": mygrad,
        "HIPS autograd": hips,
    }
    contenders, missing = gather(builders)
    times = compare(contenders, effort)
    goals = goals_of(name, times)
    if shape:
        numpy, ours = times.median("NumPy"), times.median(_EAGER)
        limit = 1.6 * numpy + 1e-6
        told = f"{in_words(ours)} ({times.ratio(_EAGER, 'NumPy'):.2f} x NumPy)"
        goals.insert(0, Goal(f"record {what}", f"1.6 x NumPy + 1 µs = {in_words(limit)}", told, ours <= limit))
    return report_times(f"{name}: recording {what}", times, "NumPy", goals, missing)


def backward(name: str, n: int, effort: Effort) -> Result:
    """``(a * b).sum()``, forward and backward, on ``n`` elements."""
    a, b = np.random.default_rng(0).normal(size=(2, n))

    def by_hand() -> Contender:
        def step() -> tuple[Any, Any]:
            (a * b).sum()
            g = np.ones(n)
            return g * b, g * a

        return Contender(step, step)

    def ours() -> Contender:
        return leaves([Tensor(v, requires_grad=True) for v in (a, b)], lambda t: t.numpy())

    def pytorch() -> Contender:
        import torch

        return leaves([torch.tensor(v, requires_grad=True) for v in (a, b)], lambda t: t.numpy())

    def mygrad() -> Contender:
        import mygrad

        return leaves([mygrad.tensor(v) for v in (a, b)], lambda t: t)

    def leaves(tensors: list[Any], value: Callable[[Any], Any]) -> Contender:
        x, y = tensors
        clear = hasattr(x, "requires_grad")  # MyGrad starts anew by itself

        def step() -> None:
            if clear:
                x.grad = y.grad = None
            (x * y).sum().backward()

        def gradients() -> list[Any]:
            step()
            return [value(x.grad), value(y.grad)]

        return Contender(step, gradients)

    def hips() -> Contender:
        import autograd
        import autograd.numpy as anp

        step = autograd.grad(lambda v: anp.sum(v[0] * v[1]))
        return Contender(lambda: step((a, b)), lambda: step((a, b)))

    builders: Mapping[str, Callable[[], Contender]] = {
        "NumPy by hand": by_hand, _EAGER: ours, "PyTorch": pytorch, "HIPS autograd": hips, "MyGrad": mygrad,
    }  # fmt: skip
    contenders, missing = gather(builders)
    times = compare(contenders, effort)
    ratio = times.ratio(_EAGER, "PyTorch") if "PyTorch" in contenders else None
    goal = Goal(
        f"`(a * b).sum()`, forward and backward, {n:,} elements",
        "faster than PyTorch eager",
        f"{ratio:.2f} x PyTorch" if ratio else "PyTorch is not installed",
        ratio < 1 if ratio else None,
    )
    title = f"{name}: `(a * b).sum()`, forward and backward, on {n:,} elements"
    return report_times(title, times, "NumPy by hand", [goal], missing)
