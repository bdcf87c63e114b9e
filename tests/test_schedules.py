"""Schedules and clipping: the formulas, PyTorch's verdict, and going on from a saved state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_np import Tensor, optim


def optimizer(*rates: float) -> optim.SGD:
    return optim.SGD([{"params": [Tensor(np.zeros(2), requires_grad=True)], "lr": lr} for lr in rates], lr=1.0)


def rates(found: optim.SGD) -> list[float]:
    return [group["lr"] for group in found.param_groups]


SCHEDULES: dict[str, tuple[Any, Any]] = {
    "inverse time": (optim.inverse_time(0.3), lambda t: 1 / (1 + 0.3 * t)),
    "discrete": (optim.inverse_time(0.3, every=4), lambda t: 1 / (1 + 0.3 * math.floor(t / 4))),
    "exponential": (optim.exponential(0.9), lambda t: 0.9**t),
    "steps": (optim.exponential(0.1, every=3), lambda t: 0.1 ** (t // 3)),
    "cosine": (optim.cosine(10, 0.1), lambda t: 0.1 + 0.9 * math.cos(math.pi * min(t, 10) / 20) ** 2),
    "warm up": (optim.warm_up(4), lambda t: min(1.0, (t + 1) / 5)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_formula_holds_for_each_group_and_after_resuming(name: str) -> None:
    factor, formula = SCHEDULES[name]
    ours, later = optimizer(0.5, 0.02), optimizer(0.5, 0.02)
    schedule, resumed = optim.Schedule(ours, factor), optim.Schedule(later, factor)
    for t in range(15):
        np.testing.assert_allclose(rates(ours), [0.5 * formula(t), 0.02 * formula(t)], 1e-12)
        if t == 7:
            later.load_state_dict(ours.state_dict())
            resumed.load_state_dict(schedule.state_dict())
        if t >= 7:
            assert rates(later) == rates(ours)
            resumed.step()
        schedule.step()


def test_pytorch_agrees() -> None:
    torch = pytest.importorskip("torch")
    scheduler = torch.optim.lr_scheduler
    for factor, theirs in (
        (optim.exponential(0.9), lambda o: scheduler.ExponentialLR(o, 0.9)),
        (optim.exponential(0.5, every=3), lambda o: scheduler.StepLR(o, 3, 0.5)),
        (optim.cosine(8), lambda o: scheduler.CosineAnnealingLR(o, 8)),
    ):
        reference = torch.optim.SGD([torch.zeros(2, requires_grad=True)], lr=0.3)
        peer, ours = theirs(reference), optimizer(0.3)
        schedule = optim.Schedule(ours, factor)
        for _ in range(8):
            np.testing.assert_allclose(rates(ours), reference.param_groups[0]["lr"], 1e-10)
            reference.step()
            peer.step()
            schedule.step()


@given(
    scores=st.lists(st.integers(0, 5).map(float), max_size=30),
    patience=st.integers(0, 3),
    mode=st.sampled_from(["min", "max"]),
    cut=st.integers(0, 30),
)
def test_a_plateau_is_pytorchs(scores: list[float], patience: int, mode: str, cut: int) -> None:
    torch = pytest.importorskip("torch")
    reference = torch.optim.SGD([torch.zeros(2, requires_grad=True)], lr=1.0)
    peer = torch.optim.lr_scheduler.ReduceLROnPlateau(reference, mode, 0.5, patience, threshold=0.0, min_lr=0.1)
    ours = optimizer(1.0)
    schedule = optim.Plateau(ours, 0.5, patience, mode=mode, lowest=0.1)
    for t, score in enumerate(scores):
        if t == cut:
            state, schedule = schedule.state_dict(), optim.Plateau(ours, 0.5, patience, mode=mode, lowest=0.1)
            schedule.load_state_dict(state)
        peer.step(score)
        schedule.step(score)
        assert rates(ours) == [reference.param_groups[0]["lr"]]


@given(
    st.lists(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=4), min_size=1, max_size=3), st.floats(0.1, 5)
)
def test_clipping(gradients: list[list[float]], limit: float) -> None:
    def parameters() -> list[Tensor]:
        found = [Tensor(np.zeros(len(g)), requires_grad=True, dtype=np.float32) for g in gradients]
        for p, g in zip(found, gradients, strict=True):
            p.grad = np.array(g, np.float32)
        return [*found, Tensor(np.zeros(2), requires_grad=True)]  # the last has none

    together = np.concatenate(gradients)
    length = float(np.linalg.norm(together))
    found = parameters()
    assert optim.clip_by_norm(found, limit) == pytest.approx(length, rel=1e-6)
    clipped = np.concatenate([p.grad.numpy() for p in found[:-1]])
    np.testing.assert_allclose(clipped, together * min(1, limit / length if length else 1), 1e-5, 1e-12)
    assert clipped.dtype == np.float32
    found = parameters()
    optim.clip_by_value(found, limit)
    np.testing.assert_array_equal(
        np.concatenate([p.grad.numpy() for p in found[:-1]]), np.clip(together, -limit, limit).astype("f")
    )


def test_gradients_that_are_not_finite_are_told_and_left_alone() -> None:
    p = Tensor(np.zeros(2), requires_grad=True)
    p.grad = np.array([np.inf, 1.0])
    assert optim.clip_by_norm([p], 1.0) == np.inf
    assert p.grad.tolist() == [np.inf, 1.0]
    big = Tensor(np.zeros(1), requires_grad=True, dtype=np.float32)
    big.grad = np.array([3e30], "f")  # its square is no float32
    assert optim.clip_by_norm([big], 1.0) == pytest.approx(3e30, rel=1e-6)
    assert big.grad.tolist() == pytest.approx([1.0])


def test_what_makes_no_sense() -> None:
    for wrong in (
        lambda: optim.inverse_time(-1), lambda: optim.exponential(0.5, every=0), lambda: optim.cosine(0),
        lambda: optim.warm_up(0), lambda: optim.Plateau(optimizer(1.0), factor=1.0),
        lambda: optim.Plateau(optimizer(1.0), mode="least"), lambda: optim.clip_by_norm([], 0),
        lambda: optim.clip_by_value([], -1), lambda: optim.exponential(math.nan),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"must be|give"):
            wrong()
