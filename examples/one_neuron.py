"""One neuron, with every number: a first lesson in backpropagation.

    o = tanh(x1 w1 + x2 w2 + b)

Forward, each box computes its value from those above it. Backward, each box hands its gradient ``g`` to its operands:
a sum hands on ``g`` itself, a product ``g`` times the other factor, tanh ``g (1 - o^2)``. With the numbers below,
o = 1/sqrt(2), so that ``1 - o^2`` is 1/2 and every gradient can be found in the head.

Run it: ``python examples/one_neuron.py [folder]``. It writes ``one_neuron.svg`` for a slide, and ``one_neuron.html``,
in which the numbers appear step by step.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np

from tinygrad_np import Tensor
from tinygrad_np.draw import draw


def neuron(x1: Tensor, w1: Tensor, x2: Tensor, w2: Tensor, b: Tensor) -> Tensor:
    """Two inputs, two weights, a bias, and a function that squashes their sum."""
    return np.tanh(x1 * w1 + x2 * w2 + b)


def main(folder: Path) -> None:
    """Compute, compare with the derivatives found by hand, and draw."""
    numbers = {"x1": 2.0, "w1": -3.0, "x2": 0.0, "w2": 1.0, "b": 6 + math.atanh(math.sqrt(0.5))}
    by_hand = {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0, "b": 0.5}
    tensors = [Tensor(value, requires_grad=True, name=name) for name, value in numbers.items()]
    o = neuron(*tensors)
    o.backward()
    print(f"o = {o:.4f}")
    for tensor in tensors:
        print(f"d o / d {tensor.name} = {tensor.grad:.4f}")
        assert math.isclose(tensor.grad.item(), by_hand[tensor.name], abs_tol=1e-12)

    picture = draw(neuron, *tensors, values=True, grads=True)
    picture.save(folder / "one_neuron.svg")
    picture.save(folder / "one_neuron.html")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
