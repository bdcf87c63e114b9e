"""What the library says of mistakes: docs/errors.md is the table. Each of its pairs of code and text is run here.

``python tests/test_mistakes.py`` writes what is said today into the page, to be read before it is committed.
"""

from __future__ import annotations

import linecache
import operator
import pickle
import re
import warnings
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_np import Tensor, grad, nn, optim, vmap
from tinygrad_np import functional as F
from tinygrad_np.errors import MistakeWarning, OperationError
from tinygrad_np.primitives import table

PAGE = Path(__file__).parent.parent / "docs" / "errors.md"
PAIR = re.compile(r"```python\n((?:(?!```).)*)```\n\n```text\n(.*?)```\n", re.DOTALL)
SETUP = re.search(r"```python\n(import.*?)```\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
MISTAKES = PAIR.findall(PAGE.read_text(encoding="utf-8"))


def told(code: str) -> str:
    """What is said of some code: its warnings, and the error that it ends with."""
    names: dict[str, Any] = {"__name__": "train"}
    exec(SETUP, names)
    linecache.cache["train.py"] = (len(code), None, code.splitlines(keepends=True), "train.py")
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            exec(compile(code, "train.py", "exec"), names)
            end = []
        except Exception as error:
            chain = [error] if error.__cause__ is None else [error.__cause__, error]
            end = [f"{type(e).__name__}: {e}" for e in chain]
    said = [f"{w.category.__name__}: {w.message}\n  at {w.filename}:{w.lineno}" for w in caught]
    return "".join(f"{line}\n" for line in (*said, *end))


@pytest.mark.parametrize(("code", "text"), MISTAKES, ids=[code.splitlines()[-1] for code, _ in MISTAKES])
def test_mistake(code: str, text: str) -> None:
    assert told(code) == text


def test_there_are_enough() -> None:
    assert len(MISTAKES) >= 40
    for code, text in MISTAKES:
        assert len(text.splitlines()) <= 7, code


# --- right code, of which nothing may be said -------------------------------------------------------------------------
def loss_of(*tensors: Tensor) -> Tensor:
    return np.sum(np.stack([np.sum(t * t) for t in tensors]))


def accumulate_over_batches(w: Tensor, v: Tensor) -> None:
    optimizer = optim.SGD([w, v])
    for _ in range(3):
        optimizer.zero_grad()
        for _ in range(2):
            loss_of(w, v).backward()
        optimizer.step()


def two_players(w: Tensor, v: Tensor) -> None:
    """The loss of the one reaches the parameters of the other, too, after that one's step."""
    first, second = optim.Adam([w]), optim.Adam([v])
    for _ in range(3):
        for optimizer in (first, second):
            optimizer.zero_grad()
            loss_of(w, v).backward()
            optimizer.step()


def two_optimizers_of_one_loss(w: Tensor, v: Tensor) -> None:
    optimizers = optim.SGD([w]), optim.SGD([v]), optim.SGD([w, v])
    for _ in range(3):
        w.grad = v.grad = None
        loss_of(w, v).backward()
        for optimizer in optimizers:
            optimizer.step()


def zero_after_the_step(w: Tensor, v: Tensor) -> None:
    optimizer = optim.SGD([w, v])
    for _ in range(3):
        loss_of(w, v).backward()
        optimizer.step()
        optimizer.zero_grad()


def gradients_that_decay(w: Tensor, v: Tensor) -> None:
    optimizer = optim.SGD([w, v])
    for _ in range(3):
        loss_of(w, v).backward()
        optimizer.step()
        for p in (w, v):
            p.grad *= 0.5


def gradients_set_to_zero_by_hand(w: Tensor, v: Tensor) -> None:
    optimizer = optim.SGD([w, v])
    for _ in range(3):
        loss_of(w, v).backward()
        optimizer.step()
        w.grad[...] = 0
        v.grad.fill(0)


def gradients_from_elsewhere(w: Tensor, v: Tensor) -> None:
    optimizer = optim.SGD([w, v])
    for _ in range(3):
        w.grad, v.grad = grad(loss_of, (0, 1))(w.detach(), v.detach())
        optimizer.step()


def a_player_that_rests(w: Tensor, v: Tensor) -> None:
    optimizer = optim.SGD([w, v])
    loss_of(w).backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.step()


def probabilities_that_are_meant(w: Tensor, v: Tensor) -> None:
    p = F.softmax(w)
    F.softmax_cross_entropy(w, p.detach())
    F.softmax_cross_entropy(F.log_softmax(w), [0, 1])
    F.softmax_cross_entropy(F.softmax(w, axis=0) * 5, [0, 1])
    F.softmax_cross_entropy(F.softmax(w, axis=0), [0, 1])
    F.sigmoid_cross_entropy(np.log(p), p.detach())
    F.mse(F.sigmoid(w), p.detach())


def one_precision(w: Tensor, v: Tensor) -> None:
    for dtype in (np.float32, np.float64):
        model = nn.MLP([2, 3, 2], dtype=dtype, rng=0)
        model(np.ones((4, 2), dtype))
        model(np.ones((4, 2), np.float16))
        model(np.ones((4, 2), int))
    F.linear(w, np.ones((2, 2), np.float32))


RIGHT = [
    accumulate_over_batches, two_players, two_optimizers_of_one_loss, zero_after_the_step, gradients_that_decay,
    gradients_set_to_zero_by_hand, gradients_from_elsewhere, a_player_that_rests, probabilities_that_are_meant,
    one_precision,
]  # fmt: skip


@pytest.mark.parametrize("code", RIGHT, ids=lambda code: code.__name__)
def test_no_word_of_right_code(code: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        code(*(Tensor(np.ones((2, 2)), requires_grad=True) for _ in range(2)))


def test_a_warning_is_shown_once_for_each_line() -> None:
    w = Tensor(np.ones((2, 2)), requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            F.softmax_cross_entropy(F.softmax(w), [0, 1])
    assert [(type(w.message), w.filename) for w in caught] == [(MistakeWarning, __file__)]


MEND = re.compile(r"mend: (.*) has shape (\(.*\))")
lengths = st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=3).map(tuple)
CALLS = {
    "x @ y": lambda x, y: x @ y,
    "x + y": lambda x, y: x + y,
    "x.reshape(shape)": lambda x, y: x.reshape(y.shape),
    "np.dot(x, y)": lambda x, y: np.dot(x, y),
    "linear": lambda x, y: F.linear(x, y),
    "concatenate": lambda x, y: np.concatenate([x, y]),
    "stack": lambda x, y: np.stack([x, y]),
    "sum": lambda x, y: np.sum(x, axis=y.ndim),
    "getitem": lambda x, y: x[y.shape],
    "where": lambda x, y: np.where(x, x, y),
    "solve": lambda x, y: np.linalg.solve(x, y),
    "tensordot": lambda x, y: np.tensordot(x, y, axes=1),
    "einsum": lambda x, y: np.einsum("ij,jk", x, y),
}


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=30)
@given(lengths, lengths)
def test_an_error_is_of_numpys_kind_and_its_mend_works(name: str, shape: Any, other: Any) -> None:
    x, y = np.ones(shape), np.ones(other)
    try:
        if name != "linear":
            CALLS[name](x, y)
        elif y.ndim != 2 or x.shape[-1] != len(y):
            raise ValueError
    except Exception as error:
        kinds = tuple(k for k in (np.linalg.LinAlgError, np.exceptions.AxisError, IndexError, ValueError, TypeError)
                      if isinstance(error, k))  # fmt: skip
    else:
        return
    with pytest.raises(kinds[0]) as caught:
        CALLS[name](Tensor(x, requires_grad=True), y)
    error = caught.value
    assert isinstance(error, kinds)
    assert isinstance(error, OperationError)
    assert str(error).count("\n") < 7
    assert not getattr(error, "__notes__", None)
    assert error.where == (__file__, CALLS[name].__code__.co_firstlineno, "<lambda>")
    assert error.operands[0].name == "x"
    assert error.operands[0].shape == shape
    if found := MEND.search(str(error)):
        assert eval(found[1]).shape == eval(found[2])


def test_names_come_from_the_calling_line() -> None:
    class Owner:
        weights = Tensor(np.ones((3, 2)))

    owner, named = Owner(), Tensor(np.ones((3, 2)), name="input")
    for call, name in [
        (lambda: named @ owner.weights, "named"),
        (lambda: np.matmul((named + 1), owner.weights), "named + 1"),
        (lambda: (
            named
            @ owner.weights
        ), "named"),
        (lambda: named.dot(owner.weights), "named"),
        (lambda: np.ones((3, 2)) @ named, "np.ones((3, 2))"),
        (lambda: table[np.matmul](*[named, owner.weights]), "input"),
        (lambda: reduce(operator.matmul, [named, owner.weights]), "named"),  # by its value
        (lambda: reduce(operator.matmul, [named + 1, owner.weights]), "x"),  # not by its place: who knows
        (lambda: vmap(lambda row: row @ owner.weights)(np.ones((3, 2))), "row"),
        (lambda: vmap(lambda row: np.sum(row, axis=1))(np.ones((3, 2))), "row"),
        (eval("lambda: named @ owner.weights", {"named": named, "owner": owner}), "input"),
    ]:  # fmt: skip
        with pytest.raises(OperationError) as caught:
            call()
        assert caught.value.operands[0].name == name


def test_an_error_can_be_pickled() -> None:
    with pytest.raises(OperationError) as caught:
        Tensor(np.ones(3)) @ np.ones(2)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (type(twin), str(twin), twin.mend) == (type(caught.value), str(caught.value), caught.value.mend)


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(PAIR.sub(lambda m: f"```python\n{m[1]}```\n\n```text\n{told(m[1])}```\n", page), encoding="utf-8")
