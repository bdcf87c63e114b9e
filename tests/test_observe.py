"""What an observer sees: every operation on a Tensor that requires a gradient, and who asked for it."""

from __future__ import annotations

from threading import Thread

import numpy as np

from tinygrad_np import Tensor, enable_grad, grad, is_grad_enabled, no_grad, primitive
from tinygrad_np import functional as F
from tinygrad_np.observe import Step, observe


def names(steps: list[Step]) -> list[str]:
    return [step.name for step in steps]


def leaf(*values: float) -> Tensor:
    return Tensor(list(values), requires_grad=True)


def test_all_kinds_of_operations_are_seen_with_their_operands() -> None:
    x, constant = leaf(1.0, -2.0), np.array([3.0, 4.0])
    with observe() as steps:
        y = -x * constant  # operators with one and two operands
        mask = y > 0  # no derivative, but a jump
        np.unique(y, return_inverse=True)  # several results
        np.argmax(y)  # no entry of the table
        F.softmax_cross_entropy(np.stack([y, y]), np.array([0, 1]))
        constant + 1, Tensor(constant) + 1, np.argmax(Tensor(constant))  # nothing to differentiate
    assert names(steps)[:3] == ["negative", "multiply", "greater"]
    assert {"argmax", "stack", "softmax_cross_entropy"} <= set(names(steps))
    assert names(steps).count("argmax") == 1
    assert "add" not in names(steps)
    negative, multiply, greater = steps[:3]
    assert multiply.operands[0].tolist() == [-1, 2]
    assert multiply.operands[1] is constant
    assert multiply.out.tolist() == y.detach().tolist()
    assert multiply.node is y.node
    assert multiply.node.parents[0] is negative.node
    assert (greater.node, greater.out.tolist()) == (None, mask.tolist())


def test_the_line_is_that_of_the_user() -> None:
    x = leaf(1.0, 2.0)

    def model() -> Tensor:
        return F.gelu(np.mean(x, keepdims=True))

    with observe() as steps:
        model()
    first = model.__code__.co_firstlineno
    assert {(s.where.file, s.where.line, s.where.function) for s in steps if s.where} == {
        (__file__, first + 1, "model")
    }


def test_only_what_is_recorded_in_this_context() -> None:
    x = leaf(1.0)
    with observe() as steps:
        with no_grad():
            x + 1
            with enable_grad():
                x - 1
        grad(lambda t: t * t * t)(2.0)
        other = Thread(target=lambda: np.exp(x))
        other.start()
        other.join()
        assert is_grad_enabled() is True
    x / 2
    assert names(steps)[0] == "subtract"
    assert names(steps).count("multiply") >= 2
    assert not {"add", "exp", "divide"} & set(names(steps))
    with no_grad(), observe() as steps:
        x + 1
    assert not steps
    assert is_grad_enabled() is True


def test_an_operation_of_your_own_declares_its_kink() -> None:
    x = leaf(-0.25, 3.0)

    @primitive(a=lambda g, a: g * 2 * np.abs(a), kink=lambda a, out, power: np.abs(a) * power + out)
    def signed_square(a: np.ndarray, *, power: int = 2) -> np.ndarray:
        return a * np.abs(a)

    with observe() as steps:
        signed_square(x)
        signed_square(x, power=1)
        np.abs(x) * 2
    assert [np.asarray(step.margin()).tolist() for step in steps] == [
        [0.5 - 0.0625, 15.0], [0.25 - 0.0625, 12.0], [0.25, 3.0], np.inf,
    ]  # fmt: skip
