"""Two half moons and a small network that tells them apart: micrograd's demonstration, on arrays.

The network, the loss and the steps are those of Andrej Karpathy's micrograd (demo.ipynb, 2020): two hidden layers of
16, a support-vector machine's hinge loss with a penalty, 100 steps of gradient descent whose size falls from 1 to 0.1.
There every number is a node of the graph; here an array is, so that a step takes a millisecond.

Run it: ``python examples/two_moons.py [folder]``. It writes ``two_moons.png``, the boundary that was learnt, and
``two_moons.svg``, the graph of the loss of one example in a smaller network, with every number and its gradient.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from tinygrad_np import Tensor, nn, optim, plot
from tinygrad_np import functional as F
from tinygrad_np.draw import draw


def moons(m: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """``m`` points on two half circles that reach into each other, and which of them, -1 or 1, each is on."""
    y = np.arange(m) % 2 * 2 - 1
    angle = rng.uniform(0, np.pi, m)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[y == 1] = [1.0, 0.5] - x[y == 1]
    return x + rng.normal(0, noise, x.shape), y


def hinge(model: nn.Module, x: np.ndarray, y: np.ndarray) -> Tensor:
    """The mean of ``max(0, 1 - y * score)``: nothing is lost on an example that is right by a margin of 1."""
    scores = model(x)[:, 0]
    return np.mean(F.relu(1 - y * scores))


def train(model: nn.Module, x: np.ndarray, y: np.ndarray, steps: int = 100, penalty: float = 1e-4) -> None:
    """Gradient descent on all examples at once."""
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    schedule = optim.Schedule(optimizer, lambda step: 1 - 0.9 * step / steps)
    for step in range(steps):
        loss = hinge(model, x, y)
        objective = loss + penalty * sum(np.sum(p * p) for p in model.parameters())
        optimizer.zero_grad()
        objective.backward()
        optimizer.step()
        schedule.step()
        if step % 20 == 0 or step == steps - 1:
            right = np.mean((model(x).detach().numpy()[:, 0] > 0) == (y > 0))
            print(f"step {step:3}: loss {loss:.4f}, {right:.0%} right")


def main(folder: Path) -> None:
    """Learn, and draw."""
    rng = np.random.default_rng(1)
    x, y = moons(100, 0.1, rng)
    model = nn.MLP([2, 16, 16, 1], dtype=np.float64, rng=rng)
    train(model, x, y)
    assert np.all((model(x).detach().numpy()[:, 0] > 0) == (y > 0))
    plot.save_png(plot.decision_boundary(model, x, y), folder / "two_moons.png")

    small = nn.MLP([2, 2, 1], dtype=np.float64, rng=3)
    draw(hinge, small, x[:1], y[:1], values=True, grads=True).save(folder / "two_moons.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
